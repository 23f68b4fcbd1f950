//! What is suspicious in a heap: findings with reasons, and the verdict over all of them.
//!
//! This file holds the plain data that front-ends render and the entry point for one snapshot; `growth` compares several. Each leak
//! pattern has its own file below `suspects/` with its reason, its confidence and its limits.

pub(crate) mod accumulation;
mod buffers;
pub(crate) mod case;
mod census;
pub(crate) mod chains;
mod closures;
pub(crate) mod cohorts;
mod collections;
pub(crate) mod contents;
mod idle_handles;
pub(crate) mod large;
mod listeners;
mod lists;
pub(crate) mod modules;
mod natives;
mod patterns;
pub(crate) mod promises;
mod rules;
mod sharing;
pub(crate) mod siblings;
mod strings;
mod timers;
mod wrapper_cycles;
mod wrappers;

use std::cmp::Ordering;

use crate::analysis::{Cancelled, HeapAnalysis};
use crate::cut::Cutter;
use crate::graph::{NodeId, NodeIx};
use crate::kinds::NodeKind;
use crate::progress::{Phase, Progress};
use crate::source::{NoFiles, Owner, Place, SourceFiles, SourceLine};
use crate::story::{Lineage, Scene, Story};
use case::Case;
use cohorts::Cohorts;

pub use rules::{RULES, Rule};

/// What a report says in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VerdictKind {
    /// Memory grew in every step and nothing gave it back.
    Growing,
    /// Much memory is held, but it does not grow.
    LargeButFlat,
    /// What grew was garbage that the collector had not reached yet.
    LazyGc,
    /// Something grows ever more slowly, or replaces old entries by new ones.
    FillingToABound,
    /// The snapshots do not allow a judgement.
    NotEnoughEvidence,
    /// One snapshot shows what looks like a leak; growth is not proven.
    Suspect,
    /// Nothing suspicious.
    Clean,
}

impl VerdictKind {
    /// Returns the stable identifier for JSON: `growing`, `large-but-flat`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Growing => "growing",
            Self::LargeButFlat => "large-but-flat",
            Self::LazyGc => "lazy-gc",
            Self::FillingToABound => "filling-to-a-bound",
            Self::NotEnoughEvidence => "not-enough-evidence",
            Self::Suspect => "suspect",
            Self::Clean => "clean",
        }
    }

    /// Returns the words for people: `lazy gc`. How large a heap is that stays so, its numbers say: it is `flat`, be it 3 MB or 3 GB.
    #[must_use]
    pub fn words(self) -> String {
        if self == Self::LargeButFlat { "flat".to_owned() } else { self.id().replace('-', " ") }
    }

    /// Says whether a gate should fail on it.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Growing | Self::Suspect)
    }
}

/// The judgement over a whole report.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// In one word.
    pub kind: VerdictKind,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// In one sentence: `one Map holds 87% of live JavaScript objects`.
    pub summary: String,
    /// The numbers that it rests on, one sentence each.
    pub evidence: Vec<String>,
    /// What would make it surer: `a second snapshot, taken later`.
    pub needs: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Looks like a leak.
    Warning,
    /// Was seen to grow.
    Error,
}

impl Severity {
    /// Returns the stable word: `note`, `warning`, `error`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// By what objects of several snapshots were matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matched {
    /// By identity: all snapshots are of one process.
    ById,
    /// By the shape of their paths: the snapshots are of different processes.
    ByPath,
}

/// How something changed over the snapshots, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many there were in each snapshot.
    pub counts: Vec<u64>,
    /// How large they were together in each snapshot, in bytes. Of a finding: how much of the number in its title each snapshot had
    /// already, by identity; where snapshots are matched by path, their size with what hangs on them by its best path.
    pub bytes: Vec<u64>,
    /// How the snapshots were compared.
    pub matched: Matched,
}

/// One suspicion: equal leaks are one finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its fingerprint, equal over runs and when lines move: `hw-3f9a1c`.
    pub id: String,
    /// The pattern: `unbounded-collection`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// A first line that can stand alone: `Unbounded Map · 200,000 Session · 90.7 MB`.
    pub title: String,
    /// What is freed when its holders let go of its objects, in bytes: the self sizes of all that nothing else reaches then. The number
    /// in the title, unless it is less than a tenth of `held`.
    pub bytes: u64,
    /// Its objects with what hangs on them, in bytes, also where something else holds that too: what findings are ranked by, and the
    /// number in the title (`2.5 MB held`) where letting go frees less than a tenth of it.
    pub held: u64,
    /// How many objects it is about.
    pub count: u64,
    /// The class of those objects.
    pub class: String,
    /// The kind of those objects: values like strings are told of only where no object stands beside them.
    pub kind: NodeKind,
    /// Whose code holds them.
    pub owner: Owner,
    /// The line of source to look at first.
    pub location: Option<Place>,
    /// The retaining path of a typical object.
    pub story: Story,
    /// Why it is suspected, one clause each.
    pub why: Vec<String>,
    /// `bytes`, with what must happen for it: (bytes, `.byId is bounded`).
    pub frees: Option<(u64, String)>,
    /// Where `bytes` is less than a tenth of `held`: the path to what else holds the objects, the second to cut.
    pub also: Option<Story>,
    /// The other objects that must let go for `bytes`, besides those that `holder` stands for.
    pub others: Vec<NodeId>,
    /// What it is ranked by, in bytes: `held`, or what a finding of the same leak held that it stands for.
    pub weight: u64,
    /// The source line at `location`, where the text is known.
    pub look: Option<SourceLine>,
    /// What to do: one sentence.
    pub advice: String,
    /// What this pattern cannot know.
    pub limits: &'static str,
    /// How it changed over the snapshots; `None` for one snapshot.
    pub growth: Option<Growth>,
    /// The object that holds all the others; of several the one that holds most.
    pub holder: NodeId,
    /// How many such holders of one shape there are: 1 for most.
    pub holders: u64,
    /// A typical one of the objects held.
    pub example: NodeId,
}

impl Finding {
    /// Returns the number in the title, in bytes: what is freed, or where that is less than a tenth of what is held, what is held.
    #[must_use]
    pub fn headline(&self) -> u64 {
        if case::is_little(self.bytes, self.held) { self.held } else { self.bytes }
    }

    /// Says whether one of two findings is about the same leak in another place: whether it must let go for the other.
    fn shares(&self, other: &Self) -> bool {
        self.others.contains(&other.holder) || other.others.contains(&self.holder)
    }

    /// Says whether two findings are about the two halves of one collection's entries: of a Map's keys and values there are as many.
    fn is_beside(&self, other: &Self) -> bool {
        self.holder == other.holder && self.count == other.count
    }

    /// Says whether it is about objects, which a program's text names, and not about values: strings, symbols, numbers.
    fn is_of_objects(&self) -> bool {
        !(self.kind.is_string() || matches!(self.kind, NodeKind::SYMBOL | NodeKind::NUMBER | NodeKind::BIGINT))
    }

    /// Ranks as high as another finding of the same leak would, and says that it stands for that.
    fn take_in(&mut self, other: &Self) {
        if self.is_beside(other) {
            self.weight = self.weight.max(other.weight);
        }
        if self.holder == other.holder || !self.shares(other) {
            return;
        }
        self.weight = self.weight.max(other.weight);
        if !self.others.contains(&other.holder) && self.why.len() < 8 {
            let label = other.story.hops.iter().find(|hop| hop.node == Some(other.holder)).map_or("something", |hop| &hop.label);
            self.why.push(format!("{} {} of the same leak are held by {label} too", case::grouped(other.count), other.class));
        }
    }
}

/// A class or holder that changed between snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassGrowth {
    /// The class.
    pub class: String,
    /// How it changed.
    pub growth: Growth,
    /// New since the first snapshot and still there in the last.
    pub survived: u64,
    /// What holds most of the new ones, in words: `SessionCache.byId`. Empty where nothing stands out.
    pub held_by: String,
    /// Where that was written.
    pub place: Option<Place>,
}

/// All that is to be said.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The judgement.
    pub verdict: Verdict,
    /// The findings, worst first, at most `Options::limit`.
    pub findings: Vec<Finding>,
    /// How many findings the limit left out.
    pub left_out: usize,
    /// The classes that grew most; empty for one snapshot.
    pub classes: Vec<ClassGrowth>,
}

/// What a caller can decide.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How many findings to report.
    pub limit: usize,
    /// Where sources, source maps and `package.json` may be read from.
    pub files: &'a dyn SourceFiles,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { limit: 3, files: &NoFiles }
    }
}

/// Looks for leaks in one snapshot. O(edges).
///
/// A pile of objects is a suspect where it holds a good part of the heap, or is of a kind that no program needs many of (listeners of
/// one event, timers). What Node.js and V8 keep for themselves is none.
///
/// # Errors
/// `Cancelled` when `progress` asked to stop.
pub fn find(analysis: &HeapAnalysis, options: &Options<'_>, progress: &dyn Progress) -> Result<Report, Cancelled> {
    analysis.prepare(progress)?;
    step(progress, 0, STEPS)?;
    let scene = Scene::new(analysis, options.files);
    step(progress, 1, STEPS)?;
    let lineage = Lineage::of(&scene);
    step(progress, 2, STEPS)?;
    let mut findings = judged(&scene, &lineage, progress)?;
    findings.sort_by(|a, b| may_be_full(a).cmp(&may_be_full(b)).then(score(b).total_cmp(&score(a))));
    let verdict = single_verdict(&findings, analysis.total_size());
    let left_out = findings.len().saturating_sub(options.limit);
    findings.truncate(options.limit);
    step(progress, STEPS, STEPS)?;
    Ok(Report { verdict, findings, left_out, classes: vec![] })
}

/// How many steps the search in one snapshot reports.
const STEPS: u64 = 4;

/// Tells how far the search is, and asks whether to go on.
pub(crate) fn step(progress: &dyn Progress, done: u64, total: u64) -> Result<(), Cancelled> {
    progress.report(Phase::Suspects, done, total);
    if progress.is_cancelled() { Err(Cancelled) } else { Ok(()) }
}

/// Gathers piles and accumulation points and keeps those that are suspicious.
fn judged(scene: &Scene<'_>, lineage: &Lineage, progress: &dyn Progress) -> Result<Vec<Finding>, Cancelled> {
    let total = scene.analysis.total_size();
    let mut findings: Vec<Finding> = Vec::new();
    let (large, small): (Vec<Case>, Vec<Case>) = census::candidates(scene, lineage).into_iter().partition(|case| is_large(case, total));
    let numerous = small.into_iter().filter(|case| case.count >= NUMEROUS).take(MAX_CASES);
    let points = accumulation::candidates(scene, lineage, LEAST_BYTES).into_iter().take(MAX_CASES);
    let chains = chains::candidates(scene, LEAST_BYTES).into_iter().take(MAX_CASES);
    let singles = large::cases(scene).into_iter().take(MAX_CASES);
    let timers = timers::scattered(scene, lineage).into_iter().take(MAX_CASES);
    let mut cases: Vec<Case> =
        large.into_iter().take(MAX_CASES).chain(timers).chain(numerous).chain(points).chain(chains).chain(singles).collect();
    let natives = natives::find(scene);
    if cases.is_empty() && natives.is_empty() {
        return Ok(findings);
    }
    contents::gather(scene, lineage, &mut cases, census::class_key);
    let (cohorts, cutter) = (Cohorts::of(scene.analysis), Cutter::new(scene.analysis));
    cases.splice(0..0, natives::cases(scene, &cutter, &natives));
    for case in &cases {
        step(progress, 3, STEPS)?;
        // Cases come by size: what is left when enough was found is small beside it.
        if cutter.is_spent() && findings.len() > ENOUGH_FOUND {
            break;
        }
        let mut found = case::finding(scene, lineage, &cutter, case, &|_| None);
        if !is_suspicious(scene, &found, case) || found.rule == accumulation::RULE && accumulation::is_of_variables(scene, case) {
            continue;
        }
        let most = if found.rule == large::RULE { large::MOST } else { MOST };
        found.confidence = (found.confidence + share(found.headline(), total) * 0.5).min(most);
        large::entitle(&mut found);
        if may_be_full(&found) {
            found.confidence *= LESS;
            found.why.push(format!("exactly {}: so round a number may be a bound, which speaks against a leak", case::grouped(case.count)));
        }
        found.why.extend(cohorts.like(scene, case.example));
        merge(&mut findings, found);
    }
    Ok(findings)
}

/// So many findings are enough on a heap so large that each takes long.
const ENOUGH_FOUND: usize = 4;
/// How many cases of each kind are looked at closely.
const MAX_CASES: usize = 24;
/// A pile smaller than this many bytes is no suspect for its size.
const LEAST_BYTES: u64 = 512 << 10;
/// The part of the heap that a pile must hold to be a suspect for its size.
const LEAST_SHARE: f64 = 0.05;
/// How many listeners or timers are suspicious whatever their size.
const NUMEROUS: u64 = 100;
/// What is left of the confidence in a collection whose number of entries looks like a bound.
const LESS: f64 = 0.4;
/// The highest confidence that one snapshot allows: it cannot show growth.
const MOST: f64 = 0.85;

fn share(bytes: u64, total: u64) -> f64 {
    bytes as f64 / total.max(1) as f64
}

fn is_large(case: &Case, total: u64) -> bool {
    case.held >= LEAST_BYTES && share(case.held, total) >= LEAST_SHARE
}

/// Says whether a rule's finding is evidence by its kind: nobody needs a thousand listeners of one event. Of a collection one snapshot
/// shows its size only.
fn has_own_evidence(rule: &str) -> bool {
    natives::is_rule(rule) || matches!(rule, "listener-pile" | "timer-pile" | "module-pile" | "pending-promise" | "closure-chain")
}

/// Says whether a finding is of a collection that may be a cache that is full. One snapshot ranks it behind all others.
fn may_be_full(finding: &Finding) -> bool {
    !has_own_evidence(finding.rule) && finding.holders == 1 && looks_bounded(finding.count)
}

/// Says whether a number of entries looks as if somebody had chosen it: 500, 1,000, 2,500, a power of two. A cache that is full has
/// exactly as many as its bound; of ten collections that grow hardly one is met at such a number.
fn looks_bounded(count: u64) -> bool {
    let mut leading = count;
    while leading >= 10 && leading.is_multiple_of(10) {
        leading /= 10;
    }
    count >= 64 && (count.is_power_of_two() || matches!(leading, 1 | 2 | 5 | 25))
}

fn is_suspicious(scene: &Scene<'_>, found: &Finding, case: &Case) -> bool {
    let total = scene.analysis.total_size();
    if natives::is_rule(found.rule) {
        return true;
    }
    let is_pile = has_own_evidence(found.rule);
    let own = found.location.as_ref().is_some_and(case::is_own);
    match found.owner {
        Owner::Unknown if found.rule == large::RULE => true,
        // A global variable has no place in any file, and plain objects have none either.
        Owner::Unknown if is_in_global(scene, case.holder) => is_large(case, total),
        Owner::NodeCore | Owner::Unknown if !own => {
            is_pile && is_large(case, total) || found.rule == "native-handle" && is_large(case, total)
        }
        _ => is_large(case, total) || (is_pile && case.count >= NUMEROUS),
    }
}

/// Says whether a variable of the program's that is global leads to an object, by a few hops.
fn is_in_global(scene: &Scene<'_>, holder: NodeIx) -> bool {
    const HOPS: usize = 6;
    std::iter::successors(scene.paths.parent_node(holder), |&at| scene.paths.parent_node(at)).take(HOPS).any(|node| scene.is_global(node))
}

fn single_verdict(findings: &[Finding], total: u64) -> Verdict {
    let evidence = vec![format!("{} in all", case::bytes(total))];
    let Some(first) = findings.first() else {
        let summary = "nothing looks like a leak".to_owned();
        return Verdict { kind: VerdictKind::Clean, confidence: 0.6, summary, evidence, needs: None };
    };
    let part = share(first.headline(), total) * 100.0;
    let what = match first.count {
        1 => format!("one {} holds", first.class),
        count => format!("{} {} hold", case::grouped(count), first.class),
    };
    Verdict {
        kind: VerdictKind::Suspect,
        confidence: first.confidence,
        summary: if natives::is_rule(first.rule) { first.title.clone() } else { format!("{what} {} of the heap", percent(part)) },
        evidence: evidence.into_iter().chain(first.why.iter().take(2).cloned()).collect(),
        needs: Some("a second snapshot, taken later: one cannot show growth".to_owned()),
    }
}

/// Writes a part of a whole: what would be rounded to nothing is no nothing.
fn percent(part: f64) -> String {
    if part < 0.5 { "less than 1%".to_owned() } else { format!("{part:.0}%") }
}

/// Application code before packages before Node.js; then size and confidence.
pub(crate) fn score(finding: &Finding) -> f64 {
    let owner = match finding.owner {
        Owner::App => 1.0,
        Owner::Package { .. } => 0.9,
        Owner::Unknown => 0.7,
        Owner::NodeCore => 0.5,
    };
    finding.weight as f64 * finding.confidence * owner
}

/// Names what holds a finding's objects, the hop to cut: `SessionCache.byId`, `const cache in start()`. Never empty.
pub(crate) fn held_by(finding: &Finding) -> String {
    let hops = &finding.story.hops;
    let Some(at) = hops.iter().position(|hop| hop.edge.as_ref().is_some_and(|edge| edge.cut)) else {
        let holder = hops.iter().find(|hop| hop.node == Some(finding.holder)).or_else(|| hops.first());
        // Modules are held by the cache itself, not by one of them.
        let is_cache = finding.rule == modules::RULE && hops.len() == 1;
        let whole = |label: &str| label.split("  ").next().filter(|_| is_cache).unwrap_or(label).to_owned();
        return holder.map(|hop| whole(&hop.label)).filter(|label| !label.is_empty()).unwrap_or_else(|| finding.holder.to_string());
    };
    let above = at.checked_sub(1).and_then(|above| hops.get(above)).filter(|_| at > 1).map_or("", |hop| &hop.label);
    let edge = hops[at].edge.as_ref().map_or("", |edge| &edge.text);
    // A property follows its object; a variable is named with its function.
    if above.is_empty() || edge.starts_with(['.', '[']) { format!("{above}{edge}") } else { format!("{edge} in {above}") }
}

/// Says what else the holder of a finding holds.
fn besides(known: &Finding, found: &Finding) -> String {
    let holder = known.story.hops.iter().find(|hop| hop.node == Some(known.holder)).map_or("holder", |hop| &hop.label);
    let (count, class) = (case::grouped(found.count), &found.class);
    let is_key = found.story.hops.last().and_then(|hop| hop.edge.as_ref()).is_some_and(|edge| edge.text == "[key]");
    if is_key { format!("the {holder}'s keys are {count} {class}") } else { format!("the {holder} also holds {count} {class}") }
}

/// Says whether two findings are about the same memory, or equal leaks with one fingerprint.
fn is_same(known: &Finding, found: &Finding) -> bool {
    let on_path = |story: &Story, node: NodeId| story.hops.iter().any(|hop| hop.node == Some(node));
    // Contents of the objects of another finding: their path leads through its holder to an object like its own.
    let within = |inner: &Finding, outer: &Finding| {
        let mut below = inner.story.hops.iter().skip_while(|hop| hop.node != Some(outer.holder)).skip(1);
        let label = outer.story.hops.last().map(|hop| hop.label.as_str());
        inner.holder != outer.holder && below.any(|hop| hop.node == Some(outer.example) || Some(hop.label.as_str()) == label)
    };
    let nested = known.growth.is_none() && (within(found, known) || within(known, found));
    let nested = nested || known.growth.is_none() && (on_path(&found.story, known.example) || on_path(&known.story, found.example));
    let one_place = known.rule == found.rule && known.location.is_some() && known.location == found.location;
    known.holder == found.holder || known.id == found.id || nested || one_place || known.shares(found)
}

/// Adds a finding, or keeps only the better of those that are about the same.
pub(crate) fn merge(findings: &mut Vec<Finding>, mut found: Finding) {
    let same: Vec<usize> = (0..findings.len()).filter(|&at| is_same(&findings[at], &found)).collect();
    match same.iter().copied().max_by(|&a, &b| precedence(&findings[a], &findings[b])) {
        None => findings.push(found),
        Some(best) if precedence(&findings[best], &found).is_ge() => {
            let known = &mut findings[best];
            // Of one class they are the same objects, seen by another rule.
            if known.holder == found.holder && known.class != found.class && known.why.len() < 8 {
                known.why.push(besides(known, &found));
            }
            known.take_in(&found);
        }
        // It may stand for several: timers for all that hangs on them.
        Some(_) => {
            same.iter().rev().for_each(|&at| found.take_in(&findings.remove(at)));
            findings.push(found);
        }
    }
}

/// Says which of two findings about one thing is told: of one leak in two places that whose line is known, of a Map's keys and values those
/// that are objects, else the larger.
fn precedence(a: &Finding, b: &Finding) -> Ordering {
    let is_placed = |finding: &Finding| finding.location.as_ref().is_some_and(|place| case::is_own(place) && place.line > 0);
    let placed = if a.shares(b) { is_placed(a).cmp(&is_placed(b)) } else { Ordering::Equal };
    let objects = if a.is_beside(b) { a.is_of_objects().cmp(&b.is_of_objects()) } else { Ordering::Equal };
    placed.then(objects).then(score(a).total_cmp(&score(b)))
}
