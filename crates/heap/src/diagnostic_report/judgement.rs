//! What one report shows: which totals stand out, and which limit is near. Never growth: for that it takes several.

use super::limits::{fullness, old_generation};
use super::{DiagnosticReport, Limits, Role, Thread};
use crate::outlook::Room;
use crate::suspects::case::{bytes, grouped};
use crate::suspects::{Verdict, VerdictKind};

/// A limit is near from this share on.
const NEAR: f64 = 0.85;
/// Containers count cached files too, which the kernel gives up.
const NEAR_OF_CONTAINER: f64 = 0.9;
/// Less is what every process has.
const MUCH: u64 = 100_000_000;
/// Less is noise.
const SOME: u64 = 16_000_000;
/// So many handles of a kind are a pile.
const PILE: u64 = 100;

/// Something that stands out.
enum Sign {
    /// It looks wrong.
    Suspect(String),
    /// It says where the memory is, and may be as it should be.
    Large(String),
}

/// Judges a report by itself.
#[must_use]
pub fn judge(report: &DiagnosticReport) -> Verdict {
    let limits = Limits::of(report);
    let signs = [
        out_of_memory(report),
        near_limit(report, &limits),
        near_container(&limits),
        near_descriptors(&limits),
        queued(report),
        detached(report),
        unexplained(report),
        external(report),
        free_pages(report),
        workers(report),
    ];
    let signs: Vec<Sign> = signs.into_iter().flatten().chain(piles(report)).collect();
    let is_suspect = signs.iter().any(|sign| matches!(sign, Sign::Suspect(_)));
    let (suspects, others): (Vec<Sign>, Vec<Sign>) = signs.into_iter().partition(|sign| matches!(sign, Sign::Suspect(_)));
    let mut sentences = suspects.into_iter().chain(others).map(|sign| match sign {
        Sign::Suspect(text) | Sign::Large(text) => text,
    });
    let summary = sentences.next().unwrap_or_else(|| "no total stands out, no limit that the report tells is near".to_owned());
    Verdict {
        kind: if is_suspect { VerdictKind::Suspect } else { VerdictKind::NotEnoughEvidence },
        confidence: if is_suspect { 0.5 } else { 0.0 },
        summary,
        evidence: sentences.chain(["one report cannot show growth".to_owned()]).collect(),
        needs: Some(needs(report).to_owned()),
    }
}

fn needs(report: &DiagnosticReport) -> &'static str {
    if report.has_ended() { "reports of the same process from before" } else { "a second report of the same process, written later" }
}

fn of(room: Room) -> String {
    format!("{} of {} ({:.0}%)", bytes(room.used), bytes(room.limit), fullness(&room) * 100.0)
}

fn out_of_memory(report: &DiagnosticReport) -> Option<Sign> {
    if !report.is_out_of_memory() {
        return None;
    }
    let room = old_generation(report, &report.thread);
    Some(Sign::Suspect(match room {
        Some(room) if fullness(&room) < 0.75 => format!(
            "V8 ran out of memory although its old generation had only {}: one large allocation, or the system gave it no more",
            of(room)
        ),
        Some(room) => format!("V8 ran out of memory: full collections left {} in its old generation", of(room)),
        None => "V8 ran out of memory".to_owned(),
    }))
}

fn near_limit(report: &DiagnosticReport, limits: &Limits) -> Option<Sign> {
    let room = limits.old_generation.filter(|room| fullness(room) >= NEAR && !report.is_out_of_memory())?;
    Some(Sign::Suspect(format!("V8's limit is near: an old generation has {}, garbage included", of(room))))
}

fn near_container(limits: &Limits) -> Option<Sign> {
    let room = limits.container.filter(|room| fullness(room) >= NEAR_OF_CONTAINER)?;
    Some(Sign::Suspect(format!("the container's limit is near: it has {}, cached files perhaps included", of(room))))
}

fn near_descriptors(limits: &Limits) -> Option<Sign> {
    let room = limits.open_files.filter(|room| fullness(room) >= NEAR)?;
    let (used, limit) = (grouped(room.used), grouped(room.limit));
    Some(Sign::Suspect(format!("the limit on open files is near: descriptors up to {used} are in use, of {limit}")))
}

fn queued(report: &DiagnosticReport) -> Option<Sign> {
    let queued =
        report.threads().filter_map(|thread| thread.handles.as_ref()).fold(0_u64, |sum, handles| sum.saturating_add(handles.queued()));
    (queued >= SOME).then(|| Sign::Suspect(format!("{} wait to be written: who should read them is too slow", bytes(queued))))
}

fn detached(report: &DiagnosticReport) -> Option<Sign> {
    let detached: u64 = report.threads().filter_map(|thread| thread.heap.detached).fold(0, u64::saturating_add);
    let realms = if detached == 1 { "1 realm was".to_owned() } else { format!("{} realms were", grouped(detached)) };
    (detached > 0).then(|| Sign::Suspect(format!("{realms} left (detached contexts) and not collected: something may still hold them")))
}

fn unexplained(report: &DiagnosticReport) -> Option<Sign> {
    let rss = report.resources.rss?;
    let rest = report.unexplained().filter(|rest| *rest >= MUCH + MUCH / 2 && *rest >= rss / 2 && report.has_all_heaps())?;
    Some(Sign::Large(format!(
        "{} of {} in memory are neither V8's heap nor what objects keep besides it: native code, or what malloc keeps free",
        bytes(rest),
        bytes(rss)
    )))
}

fn external(report: &DiagnosticReport) -> Option<Sign> {
    let (external, used) = (report.sum(|heap| heap.external)?, report.sum(|heap| heap.used)?);
    (external >= MUCH && external >= used).then(|| {
        Sign::Large(format!(
            "{} lie outside V8's heap and are kept by objects in it: ArrayBuffers, Buffers, external strings",
            bytes(external)
        ))
    })
}

/// Pages that V8 keeps of a heap that was larger.
fn free_pages(report: &DiagnosticReport) -> Option<Sign> {
    let (committed, used) = (report.sum(|heap| heap.committed)?, report.sum(|heap| heap.used)?);
    (committed.saturating_sub(used) >= MUCH && committed / 2 >= used)
        .then(|| Sign::Large(format!("V8 has pages of {} for {} of objects: the heap was larger before", bytes(committed), bytes(used))))
}

fn workers(report: &DiagnosticReport) -> Option<Sign> {
    let used: u64 = report.workers.iter().filter_map(|worker| worker.heap.used).fold(0, u64::saturating_add);
    let count = report.workers.len();
    (used >= MUCH && used >= report.thread.heap.used.unwrap_or(0))
        .then(|| Sign::Large(format!("the heaps of {count} worker{} have {} of objects", if count == 1 { "" } else { "s" }, bytes(used))))
}

fn piles(report: &DiagnosticReport) -> impl Iterator<Item = Sign> {
    report.threads().flat_map(piles_of)
}

/// Names kinds of handles of which there are many.
fn piles_of(thread: &Thread) -> Vec<Sign> {
    let Some(handles) = &thread.handles else { return Vec::new() };
    let many = handles.kinds.iter().filter(|(_, count)| count.count >= PILE);
    let where_to = handles.end_points();
    let sign = |(kind, count): (&String, &super::HandleCount)| {
        let largest = where_to.iter().find(|group| &group.kind == kind && group.count > 1).map(|group| match group.role {
            Role::From => format!(", {} of them connections from {}", grouped(group.count), group.place),
            Role::To => format!(", {} of them to {}", grouped(group.count), group.place),
            Role::Watches => format!(", {} of them in {}", grouped(group.count), group.place),
            Role::Listens => String::new(),
        });
        Sign::Large(format!("{} {kind} handles are open{}", grouped(count.count), largest.unwrap_or_default()))
    };
    many.map(sign).collect()
}
