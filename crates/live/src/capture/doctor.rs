//! What a capture of a process would need and cost, found out without touching it; but where its system calls are filtered, and we may know
//! how, one of its threads is stopped for the moment that it takes to ask.
//!
//! Predictions are from measurements: 80 ms a gigabyte (GiB) for a clone, mostly page tables, and 1.2 s for reading while it is stopped. Knows
//! no V8: whether its layout is known is asked elsewhere.

use std::fs::File;
use std::time::Duration;

use super::error::{CaptureError, yama};
use super::filter::{self, Filtering};
use super::limits::{self, Group};
use super::surroundings::{Surroundings, surroundings};
use super::terminal::Unstoppable;
use super::{Known, Method, fork, known, proc};
use crate::sockets;

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
    /// Whether its system calls are filtered, and what the filters say of a clone.
    pub filtering: Filtering,
    /// Whether the hardware guards its return addresses.
    pub has_shadow_stack: bool,
    /// How many threads it has.
    pub threads: usize,
    /// Memory of its page tables, in bytes.
    pub page_tables: u64,
    /// The tightest limit on its control groups' memory.
    pub group: Option<Group>,
    /// How much memory the machine could give out, in bytes.
    pub available: Option<u64>,
    /// Ports of this machine alone on which it listens.
    pub local_ports: Vec<u16>,
    /// Where it lives.
    pub surroundings: Surroundings,
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

    /// Says why nothing can be done with the process as it is now, whatever is accepted; `None` where something can.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        match (self.tracer, self.is_stopped) {
            (Some(tracer), _) => Some(format!("pid {tracer} traces it")),
            (None, true) => Some("it is stopped".to_owned()),
            (None, false) => None,
        }
    }

    /// Returns how long it may stand still while it is read, where nobody says: three times what is predicted, since disks may be slow, and health
    /// checks wait that long at least.
    #[must_use]
    pub fn longest_stop(&self) -> Duration {
        const TIMES: u32 = 3;
        HEALTH_CHECKS_WAIT.max(self.prediction(Method::Stop).pause.saturating_mul(TIMES))
    }

    /// Returns how much more memory there is for it, in bytes: of its control groups' limits, and on the machine. `None` where nobody tells.
    #[must_use]
    pub fn room(&self) -> Option<u64> {
        limits::least(self.group, self.available)
    }

    /// Returns what is predicted of a method.
    #[must_use]
    pub fn prediction(&self, method: Method) -> &Prediction {
        let [fork, stop] = &self.methods;
        if method == Method::Fork { fork } else { stop }
    }
}

/// Examines a process. Nothing is changed, and nothing stopped but one thread, where its system calls are filtered, for a moment.
///
/// # Errors
/// When there is none of that number, or it is not even to be looked at.
pub fn examine(pid: i32) -> Result<Checkup, CaptureError> {
    let known = known(pid)?;
    let status = proc::status(pid).map_err(|_| CaptureError::NoProcess { pid })?;
    let group = limits::left(&pid.to_string());
    let available = limits::available();
    let own = proc::status(i32::try_from(std::process::id()).unwrap_or(0)).unwrap_or_default();
    let filtering = filtering(pid, &status);
    Ok(Checkup {
        user: status.users[1],
        own_user: own.users[1],
        may_read: File::open(proc::path(pid, "mem")).is_ok(),
        has_capability: own.may_trace,
        yama: yama(),
        tracer: Some(status.tracer).filter(|&tracer| tracer != 0),
        is_stopped: matches!(status.state, 'T' | 't'),
        has_shadow_stack: status.shadow_stack,
        threads: proc::threads(pid).map_or(0, |threads| threads.len()),
        page_tables: status.page_tables,
        group,
        available,
        local_ports: local_ports(pid),
        surroundings: surroundings(pid, &status),
        methods: [by_fork(&status, (group, available), &filtering), by_stop(&status)],
        filtering,
        known,
    })
}

/// Asks the filters of a thread that has some: the last, which is one of a pool mostly.
fn filtering(pid: i32, status: &proc::Status) -> Filtering {
    let tids = proc::threads(pid).unwrap_or_default();
    let Some(&tid) = tids.iter().rev().find(|&&tid| filter::is_filtered(tid)) else { return Filtering::None };
    if let Some(why) = filter::unreadable() {
        return Filtering::Unknown(why);
    }
    if status.tracer != 0 || matches!(status.state, 'T' | 't') {
        return Filtering::Unknown("it is stopped or traced already");
    }
    let _unstoppable = Unstoppable::new();
    fork::ask_filters(pid, tid)
}

/// Health checks give up after some seconds.
const HEALTH_CHECKS_WAIT: Duration = Duration::from_secs(10);
const GIB: f64 = (1u64 << 30) as f64;

/// Where there is room for the copy: in the process's control group, and on the machine.
type Room = (Option<Group>, Option<u64>);

fn by_fork(status: &proc::Status, (group, available): Room, filtering: &Filtering) -> Prediction {
    const SECONDS_PER_GIB: f64 = 0.08;
    /// Of a process that writes a lot, this share was seen to be copied meanwhile.
    const WRITTEN: f64 = 0.15;
    let pause = Duration::from_secs_f64(0.002 + SECONDS_PER_GIB * status.resident as f64 / GIB);
    let most = status.page_tables + (WRITTEN * status.resident as f64) as u64;
    let mut dangers = Vec::new();
    if status.shadow_stack {
        dangers.push("the hardware guards its return addresses (shadow stack), so that no thread of it can be borrowed".to_owned());
    }
    dangers.extend(filtering.objection());
    if limits::least(group, available).is_some_and(|room| room < most) {
        dangers.push("there may be too little memory left for what it writes meanwhile".to_owned());
    }
    // Where memory is short the kernel ends who has most: of files too, which a copy has none of, and of a copy it adds as much as the limit is.
    if group.is_some_and(|group| group.limit / 2 < status.kinds[proc::OF_FILES]) {
        dangers.push("its control group may have so little memory that the kernel could end it rather than the copy".to_owned());
    }
    Prediction { method: Method::Fork, pause, growth: (status.page_tables, most), dangers }
}

fn by_stop(status: &proc::Status) -> Prediction {
    const SECONDS_PER_GIB: f64 = 1.2;
    let pause = Duration::from_secs_f64(0.005 + SECONDS_PER_GIB * status.resident as f64 / GIB);
    let dangers =
        if pause > HEALTH_CHECKS_WAIT { vec!["it would stand still longer than most health checks wait".to_owned()] } else { vec![] };
    Prediction { method: Method::Stop, pause, growth: (0, 0), dangers }
}

/// Returns the ports of 127.0.0.1 on which a process listens: an inspector's would be one of them.
fn local_ports(pid: i32) -> Vec<u16> {
    let listeners = sockets::of(pid).unwrap_or_default();
    let mut ports: Vec<u16> = listeners.iter().filter(|listener| listener.is_local()).map(|listener| listener.address.port()).collect();
    ports.sort_unstable();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangers_are_seen() {
        let kinds = [0, 50 << 20, 0];
        let status =
            |shadow_stack, resident| proc::Status { shadow_stack, resident, kinds, page_tables: 1 << 20, ..proc::Status::default() };
        let group = |limit, left| Some(Group { limit, left });
        let cases = [
            (status(false, 1 << 30), (None, Some(1 << 30)), Filtering::None, [0, 0]),
            (status(false, 1 << 30), (None, None), Filtering::Allows, [0, 0]),
            (status(false, 1 << 30), (None, None), Filtering::Unknown("nobody tells"), [1, 0]),
            (status(false, 1 << 30), (None, None), Filtering::Refuses("`clone`".to_owned()), [1, 0]),
            (status(true, 1 << 30), (None, None), Filtering::None, [1, 0]),
            (status(false, 1 << 30), (None, Some(100 << 20)), Filtering::None, [1, 0]),
            (status(false, 1 << 30), (group(2 << 30, 200 << 20), None), Filtering::None, [0, 0]),
            (status(false, 1 << 30), (group(2 << 30, 100 << 20), Some(1 << 30)), Filtering::None, [1, 0]),
            (status(false, 40 << 20), (group(90 << 20, 50 << 20), None), Filtering::None, [1, 0]),
            (status(false, 20 << 30), (None, None), Filtering::None, [0, 1]),
        ];
        for (status, room, filtering, expect) in cases {
            let dangers = [by_fork(&status, room, &filtering), by_stop(&status)].map(|prediction| prediction.dangers.len());
            assert_eq!(dangers, expect, "{status:?} {room:?} {filtering:?}");
        }
        let pause = by_fork(&status(false, 1 << 30), (None, None), &Filtering::None).pause;
        assert!(pause.as_millis() == 82 && by_stop(&status(false, 1 << 30)).pause > 10 * pause);
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
