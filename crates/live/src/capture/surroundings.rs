//! Where a process lives: the namespaces that it does not share with us, and the deadline that somebody has set it.
//!
//! Only reading links and words of its environment, of which nothing is kept but what is told here.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::proc;

/// What a namespace is of, of those that matter to whoever reads a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers of processes.
    Pid,
    /// Networks, the loopback too.
    Net,
    /// File systems.
    Mount,
    /// Users and rights.
    User,
    /// Control groups, as their paths are seen.
    Group,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Pid, Self::Net, Self::Mount, Self::User, Self::Group];

    /// Returns the kernel's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::Net => "net",
            Self::Mount => "mnt",
            Self::User => "user",
            Self::Group => "cgroup",
        }
    }
}

/// Where a process lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Each kind of namespace, and whether it is ours too; `None` where the kernel does not say.
    pub namespaces: Vec<(Kind, Option<bool>)>,
    /// Its number as it sees it itself, where that is another one.
    pub own_number: Option<i32>,
    /// How often systemd wants to hear of it, as its environment says.
    pub watchdog: Option<Duration>,
    /// Whether Kubernetes started it, as its environment says; `None` where that may not be read.
    pub in_kubernetes: Option<bool>,
}

/// Looks where a process lives. Nothing is touched.
#[must_use]
pub(super) fn surroundings(pid: i32, status: &proc::Status) -> Surroundings {
    let namespace = |whose: &Path, kind: Kind| fs::read_link(whose.join("ns").join(kind.name())).ok();
    let is_shared = |kind| Some(namespace(&proc::path(pid, ""), kind)? == namespace(Path::new("/proc/self"), kind)?);
    let environment = fs::read(proc::path(pid, "environ")).ok();
    let words = environment.as_deref().unwrap_or_default();
    Surroundings {
        namespaces: Kind::ALL.into_iter().map(|kind| (kind, is_shared(kind))).collect(),
        own_number: status.own_number.filter(|&number| number != pid),
        watchdog: watchdog(words, status.own_number.unwrap_or(pid)),
        in_kubernetes: environment.as_ref().map(|words| value(words, "KUBERNETES_SERVICE_HOST").is_some()),
    }
}

/// Returns the value of a variable among those of an environment.
fn value<'e>(environment: &'e [u8], name: &str) -> Option<&'e str> {
    let mut words = environment.split(|&byte| byte == 0);
    words.find_map(|word| std::str::from_utf8(word.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?).ok())
}

/// Returns how often systemd wants to hear of a process: not of one that has the variable from its parent only.
fn watchdog(environment: &[u8], own_number: i32) -> Option<Duration> {
    let micros: u64 = value(environment, "WATCHDOG_USEC")?.parse().ok().filter(|&micros| micros > 0)?;
    let is_meant = value(environment, "WATCHDOG_PID").is_none_or(|pid| pid.parse() == Ok(own_number));
    is_meant.then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_that_of_the_process_itself() {
        let check = |words: &[&str], expect: Option<u64>| {
            let environment = words.join("\0");
            assert_eq!(watchdog(environment.as_bytes(), 7), expect.map(Duration::from_secs), "{words:?}");
        };
        check(&["A=1", "WATCHDOG_USEC=30000000", "B="], Some(30));
        check(&["WATCHDOG_USEC=30000000", "WATCHDOG_PID=7"], Some(30));
        check(&["WATCHDOG_USEC=30000000", "WATCHDOG_PID=8"], None);
        check(&["WATCHDOG_USEC=0"], None);
        check(&["WATCHDOG_USEC=soon"], None);
        check(&["NO_WATCHDOG_USEC=30000000"], None);
        check(&[], None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn we_live_where_we_live() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let found = surroundings(pid, &proc::status(pid).unwrap());
        assert!(found.namespaces.iter().all(|(_, is_shared)| *is_shared == Some(true)), "{found:?}");
        assert!(found.namespaces.len() == 5 && found.in_kubernetes.is_some(), "{found:?}");
    }
}
