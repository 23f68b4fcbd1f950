//! What a capture of a process would need and cost, found out without touching it.
//!
//! Predictions are from measurements: 80 ms a gigabyte (GiB) for a clone, mostly page tables, and 1.2 s for reading while it is stopped. Knows
//! no V8: whether its layout is known is asked elsewhere.

use std::fs::{self, File};
use std::time::Duration;

use super::error::{CaptureError, yama};
use super::{Known, Method, known, limits, proc};

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkup {
    /// What it is.
    pub known: Known,
    /// The user that it runs as.
    pub user: u32,
    /// The user that we are.
    pub own_user: u32,
    /// Whether we may read its memory.
    pub may_read: bool,
    /// Whether we have CAP_SYS_PTRACE.
    pub has_capability: bool,
    /// The kernel's `yama.ptrace_scope`, where there is one.
    pub yama: Option<u32>,
    /// Who traces it.
    pub tracer: Option<i32>,
    /// Whether it is stopped.
    pub is_stopped: bool,
    /// Whether a program of its own filters its system calls.
    pub is_filtered: bool,
    /// Whether the hardware guards its return addresses.
    pub has_shadow_stack: bool,
    /// How many threads it has.
    pub threads: usize,
    /// Memory of its page tables, in bytes.
    pub page_tables: u64,
    /// The tightest limit on its control group's memory, and what is left of it, in bytes.
    pub group: Option<(u64, u64)>,
    /// How much memory the machine could give out, in bytes.
    pub available: Option<u64>,
    /// Ports of this machine alone on which it listens.
    pub local_ports: Vec<u16>,
    /// Each method with what it would cost: the better one first.
    pub methods: [Prediction; 2],
}

/// What a method would cost, and what speaks against it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The method.
    pub method: Method,
    /// How long the process would stand still.
    pub pause: Duration,
    /// By how much memory would grow meanwhile, charged to the process's control group: at least, and under many writes. In bytes.
    pub growth: (u64, u64),
    /// What makes it dangerous, or impossible; empty where nothing does.
    pub dangers: Vec<String>,
}

impl Checkup {
    /// Returns the first method against which nothing speaks.
    #[must_use]
    pub fn best(&self) -> Option<Method> {
        self.methods.iter().find(|prediction| prediction.dangers.is_empty()).map(|prediction| prediction.method)
    }

    /// Returns what is predicted of a method.
    #[must_use]
    pub fn prediction(&self, method: Method) -> &Prediction {
        let [fork, stop] = &self.methods;
        if method == Method::Fork { fork } else { stop }
    }
}

/// Examines a process. It is neither stopped nor changed.
///
/// # Errors
/// When there is none of that number, or it is not even to be looked at.
pub fn examine(pid: i32) -> Result<Checkup, CaptureError> {
    let known = known(pid)?;
    let status = proc::status(pid).map_err(|_| CaptureError::NoProcess { pid })?;
    let group = limits::left(&pid.to_string()).map(|group| (group.limit, group.left));
    let available = limits::available();
    let room = [group.map(|(_, left)| left), available].into_iter().flatten().min();
    let own = proc::status(i32::try_from(std::process::id()).unwrap_or(0)).unwrap_or_default();
    Ok(Checkup {
        user: status.users[1],
        own_user: own.users[1],
        may_read: File::open(proc::path(pid, "mem")).is_ok(),
        has_capability: own.may_trace,
        yama: yama(),
        tracer: Some(status.tracer).filter(|&tracer| tracer != 0),
        is_stopped: matches!(status.state, 'T' | 't'),
        is_filtered: status.seccomp == 2,
        has_shadow_stack: status.shadow_stack,
        threads: proc::threads(pid).map_or(0, |threads| threads.len()),
        page_tables: status.page_tables,
        group,
        available,
        local_ports: local_ports(pid),
        methods: [by_fork(&status, room), by_stop(&status)],
        known,
    })
}

const GIB: f64 = (1u64 << 30) as f64;

fn by_fork(status: &proc::Status, room: Option<u64>) -> Prediction {
    const SECONDS_PER_GIB: f64 = 0.08;
    /// Of a process that writes a lot, this share was seen to be copied meanwhile.
    const WRITTEN: f64 = 0.15;
    let pause = Duration::from_secs_f64(0.002 + SECONDS_PER_GIB * status.resident as f64 / GIB);
    let most = status.page_tables + (WRITTEN * status.resident as f64) as u64;
    let mut dangers = Vec::new();
    if status.shadow_stack {
        dangers.push("the hardware guards its return addresses (shadow stack), so that no thread of it can be borrowed".to_owned());
    }
    if status.seccomp == 2 {
        dangers.push("a filter of its own decides on its system calls (seccomp), and may end it for a clone".to_owned());
    }
    if room.is_some_and(|room| room < most) {
        dangers.push("there may be too little memory left for what it writes meanwhile".to_owned());
    }
    Prediction { method: Method::Fork, pause, growth: (status.page_tables, most), dangers }
}

fn by_stop(status: &proc::Status) -> Prediction {
    const SECONDS_PER_GIB: f64 = 1.2;
    /// Health checks give up after some seconds.
    const LONGEST: Duration = Duration::from_secs(10);
    let pause = Duration::from_secs_f64(0.005 + SECONDS_PER_GIB * status.resident as f64 / GIB);
    let dangers = if pause > LONGEST { vec!["it would stand still longer than most health checks wait".to_owned()] } else { vec![] };
    Prediction { method: Method::Stop, pause, growth: (0, 0), dangers }
}

/// Returns the ports of 127.0.0.1 on which a process listens: an inspector's would be one of them.
fn local_ports(pid: i32) -> Vec<u16> {
    let sockets: Vec<String> = fs::read_dir(proc::path(pid, "fd"))
        .map(|entries| entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()?.to_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    let text = fs::read_to_string(proc::path(pid, "net/tcp")).unwrap_or_default();
    let listening = text.lines().skip(1).filter_map(local_listener);
    let mut ports: Vec<u16> = listening.filter(|(_, inode)| sockets.contains(&format!("socket:[{inode}]"))).map(|(port, _)| port).collect();
    ports.sort_unstable();
    ports
}

/// Takes a line of `/proc/PID/net/tcp`. Returns the port and the number of a socket that listens on 127.0.0.1.
fn local_listener(line: &str) -> Option<(u16, &str)> {
    const LISTENS: &str = "0A";
    const LOCAL: &str = "0100007F";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (address, port) = words.get(1)?.split_once(':')?;
    let is_one = address == LOCAL && *words.get(3)? == LISTENS;
    is_one.then_some((u16::from_str_radix(port, 16).ok()?, *words.get(9)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangers_are_seen() {
        let status = |seccomp, shadow_stack, resident| proc::Status {
            seccomp,
            shadow_stack,
            resident,
            page_tables: 1 << 20,
            ..proc::Status::default()
        };
        let cases = [
            (status(0, false, 1 << 30), Some(1 << 30), [0, 0]),
            (status(2, false, 1 << 30), None, [1, 0]),
            (status(0, true, 1 << 30), None, [1, 0]),
            (status(0, false, 1 << 30), Some(100 << 20), [1, 0]),
            (status(0, false, 20 << 30), None, [0, 1]),
        ];
        for (status, room, expect) in cases {
            assert_eq!([by_fork(&status, room).dangers.len(), by_stop(&status).dangers.len()], expect, "{status:?}");
        }
        let pause = by_fork(&status(0, false, 1 << 30), None).pause;
        assert!(pause.as_millis() == 82 && by_stop(&status(0, false, 1 << 30)).pause > 10 * pause);
    }

    #[test]
    fn listeners_on_this_machine_alone_are_told() {
        let line = |address: &str, state: &str| {
            format!("   0: {address}:240D 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0")
        };
        assert_eq!(local_listener(&line("0100007F", "0A")), Some((9229, "4711")));
        assert_eq!(local_listener(&line("00000000", "0A")), None);
        assert_eq!(local_listener(&line("0100007F", "01")), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_process_is_examined() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let checkup = examine(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(checkup.may_read && checkup.user == checkup.own_user && checkup.threads > 0);
        assert!(checkup.local_ports.contains(&socket.local_addr().unwrap().port()), "{:?}", checkup.local_ports);
    }
}
