//! Where a process lives, as people and programs are told: what follows from namespaces that it has for itself, and which deadlines a pause beats.

use std::time::Duration;

use live::capture::{Checkup, Kind, Surroundings};
use serde_json::{Value, json};

use crate::render::number;

/// A way to capture, and how long the process would stand still.
pub(super) type Pause = (&'static str, Duration);

/// Deadlines that are usual where nobody has set another, the shortest first. What a health check waits is nowhere in a process.
const USUAL: [(&str, Duration); 3] = [
    ("a Kubernetes probe's default", Duration::from_secs(1)),
    ("an AWS load balancer's", Duration::from_secs(5)),
    ("a Docker HEALTHCHECK's", Duration::from_secs(30)),
];

/// Says what follows from a namespace that a process has for itself.
fn consequence(pid: i32, surroundings: &Surroundings, kind: Kind) -> String {
    match kind {
        Kind::Pid => match surroundings.own_number {
            Some(number) => format!("in there it is pid {number}"),
            None => "in there it has another number".to_owned(),
        },
        Kind::Net => "its inspector would listen on a loopback of its own, which attach enters where it has the right (root)".to_owned(),
        Kind::Mount => format!("files are named as it sees them; here they are below /proc/{pid}/root"),
        Kind::User => "only rights that count in there count: CAP_SYS_PTRACE of its user namespace or of one around it".to_owned(),
        Kind::Group => "limits of control groups above what is seen from here are not known".to_owned(),
    }
}

/// Says which namespaces are its own, and what follows of each: a line for each, the first of all in words.
pub(super) fn namespaces(pid: i32, surroundings: &Surroundings) -> Vec<String> {
    let of = |wanted: Option<bool>| surroundings.namespaces.iter().filter(move |(_, shared)| *shared == wanted).map(|(kind, _)| *kind);
    let unknown: Vec<&str> = of(None).map(Kind::name).collect();
    let mut lines: Vec<String> =
        of(Some(false)).map(|kind| format!("{} of its own: {}", kind.name(), consequence(pid, surroundings, kind))).collect();
    if lines.is_empty() && unknown.is_empty() {
        lines.push("pid, net, mnt, user and cgroup are ours too".to_owned());
    }
    if !unknown.is_empty() {
        lines.push(format!("unknown whether it shares {} with us: the kernel does not say", unknown.join(", ")));
    }
    lines
}

/// Says which deadlines the predicted pauses beat: one that is known first, then usual ones.
pub(super) fn deadlines(checkup: &Checkup, pauses: &[Pause]) -> Vec<String> {
    let surroundings = &checkup.surroundings;
    let beaten = |limit: Duration| {
        let beats: Vec<&str> = pauses.iter().filter(|(_, pause)| *pause < limit).map(|(name, _)| *name).collect();
        if beats.is_empty() { "nothing beats it".to_owned() } else { format!("{} would beat it", beats.join(", ")) }
    };
    let known = surroundings
        .watchdog
        .map(|limit| format!("{}, systemd's watchdog (WATCHDOG_USEC in its environment): {}", number::time(limit), beaten(limit)));
    let place = if surroundings.in_kubernetes == Some(true) { "; Kubernetes runs it" } else { "" };
    let mut lines = vec![format!("a health check's is not to be known from outside{place}; usual ones, by prediction:")];
    lines.extend(USUAL.iter().map(|(name, limit)| format!("  {} ({name}): {}", number::time(*limit), beaten(*limit))));
    known.into_iter().chain(lines).collect()
}

/// Tells programs of both.
pub(super) fn in_json(pid: i32, checkup: &Checkup, pauses: &[Pause]) -> [Value; 2] {
    let surroundings = &checkup.surroundings;
    let namespace = |&(kind, shared): &(Kind, Option<bool>)| {
        let follows = (shared == Some(false)).then(|| consequence(pid, surroundings, kind));
        json!({ "kind": kind.name(), "shared": shared, "follows": follows })
    };
    let deadline = |name: &str, limit: Duration, is_known: bool| {
        let beaten: Vec<&str> = pauses.iter().filter(|(_, pause)| *pause < limit).map(|(name, _)| *name).collect();
        json!({ "of": name, "ms": limit.as_secs_f64() * 1000.0, "known": is_known, "beaten_by": beaten })
    };
    let known = surroundings.watchdog.map(|limit| deadline("systemd's watchdog", limit, true));
    let deadlines = known.into_iter().chain(USUAL.iter().map(|(name, limit)| deadline(name, *limit, false)));
    [surroundings.namespaces.iter().map(namespace).collect(), deadlines.collect()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shared_has_consequences() {
        let check = |shared: [Option<bool>; 5], expect: &[&str]| {
            let kinds = [Kind::Pid, Kind::Net, Kind::Mount, Kind::User, Kind::Group];
            let namespaces = kinds.into_iter().zip(shared).collect();
            let told = super::namespaces(70, &Surroundings { namespaces, own_number: Some(1), ..Surroundings::default() });
            assert_eq!(told.len(), expect.len(), "{told:?}");
            for (line, begin) in told.iter().zip(expect) {
                assert!(line.starts_with(begin), "{line}");
            }
        };
        let (ours, own) = (Some(true), Some(false));
        check([ours; 5], &["pid, net, mnt, user and cgroup are ours too"]);
        check([own, own, own, ours, ours], &["pid of its own: in there it is pid 1", "net of its own", "mnt of its own"]);
        check([ours, ours, own, own, own], &["mnt of its own: files", "user of its own", "cgroup of its own"]);
        check([None; 5], &["unknown whether it shares pid, net, mnt, user, cgroup"]);
        check([ours, own, None, ours, ours], &["net of its own", "unknown whether it shares mnt"]);
    }
}
