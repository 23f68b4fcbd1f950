//! What grew from one snapshot to the next: by class, and by the object that holds what is new.
//!
//! Snapshots of one process are compared by identity: what exists in all of them is the common ground, and every other object counts
//! for the nearest object of the common ground on its best path. A leak shows as a number that rises in every step; a full cache, whose
//! new entries replace old ones, as one that stays. Snapshots of different processes are compared by the shape of paths instead.

mod chain;
mod ids;
mod required;
mod swelling;
mod trends;
mod volumes;

use std::sync::Mutex;

use rustc_hash::FxHashMap;

use crate::analysis::{Cancelled, HeapAnalysis};
use crate::cut::Cutter;
use crate::graph::{HeapGraph, NodeIx};
use crate::process;
use crate::progress::Progress;
use crate::source::Owner;
use crate::story::{Lineage, Scene};
use crate::suspects::accumulation;
use crate::suspects::case::{Case, bytes, finding, grouped, is_own};
use crate::suspects::cohorts::Cohorts;
use crate::suspects::contents;
use crate::suspects::large;
use crate::suspects::promises;
use crate::suspects::{ClassGrowth, Finding, Growth, Matched, Options, Report, Verdict, VerdictKind, held_by, merge, score, step};

use ids::IdSet;
use trends::Trend;
use volumes::{Cluster, Key, Old, volumes};

/// A finding whose growth is below this part of the heap in all is noise, unless its count says otherwise.
const LEAST_SHARE: f64 = 0.0005;
/// What is Node.js's own and below this part of the heap is its business.
const LEAST_CORE_SHARE: f64 = 0.02;
/// A finding below this many bytes is noise in any case.
const LEAST_BYTES: u64 = 1500;

/// Compares two or more snapshots, oldest first. O(edges) for each snapshot.
///
/// # Errors
/// `Cancelled` when `progress` asked to stop.
pub fn compare(snapshots: &[&HeapAnalysis], options: &Options<'_>, progress: &dyn Progress) -> Result<Report, Cancelled> {
    if snapshots.len() < 2 {
        let verdict = verdict(VerdictKind::NotEnoughEvidence, 1.0, "growth needs at least two snapshots", vec![], Some("another snapshot"));
        return Ok(Report { verdict, findings: vec![], left_out: 0, classes: vec![] });
    }
    Comparison::new(snapshots, options, progress)?.report(options, progress)
}

struct Comparison<'a> {
    snapshots: Vec<&'a HeapAnalysis>,
    last: Scene<'a>,
    lineage: Lineage,
    matched: Matched,
    /// Whether objects may have been moved, and so be known by another identity.
    moves: bool,
    /// The identities of each snapshot.
    ids: Vec<IdSet>,
    /// What each snapshot has besides the common ground, by holder and class.
    clusters: Vec<FxHashMap<Key, Cluster>>,
    /// Made where there was time; for one round of cases, which have one budget of work.
    tools: Mutex<Option<Tools<'a>>>,
}

/// What all cases are looked at with.
struct Tools<'a> {
    cohorts: Cohorts,
    cutter: Cutter<'a>,
}

impl<'a> Tools<'a> {
    /// O(edges).
    fn of(last: &'a HeapAnalysis) -> Self {
        // Who refers to a node is asked for by every case.
        let _ = last.retainers(last.graph().root());
        Self { cohorts: Cohorts::of(last), cutter: Cutter::new(last) }
    }
}

impl<'a> Comparison<'a> {
    fn new(snapshots: &[&'a HeapAnalysis], options: &Options<'a>, progress: &dyn Progress) -> Result<Self, Cancelled> {
        snapshots.iter().try_for_each(|analysis| analysis.prepare(progress))?;
        let steps = snapshots.len() as u64 + 1;
        let (ids, are_comparable) = std::thread::scope(|scope| {
            let are_comparable = scope.spawn(|| ids::are_comparable(snapshots));
            let ids: Vec<IdSet> = snapshots.iter().map(|analysis| IdSet::of(analysis.graph())).collect();
            (ids, are_comparable.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let moves = snapshots.iter().any(|analysis| analysis.graph().ids_are_addresses());
        let matched = if are_comparable { Matched::ById } else { Matched::ByPath };
        let measured = |nth: usize| {
            step(progress, nth as u64, steps)?;
            let scene = Scene::new(snapshots[nth], options.files);
            step(progress, nth as u64, steps)?;
            let lineage = Lineage::of(&scene);
            // What is new was made in the young generation, and is moved once or twice: by its address nobody knows it again.
            let before = nth.checked_sub(1).filter(|_| !moves).and_then(|before| ids.get(before));
            let clusters = volumes(&scene, &lineage, &ids, before, matched);
            Ok((scene, lineage, clusters))
        };
        // Each snapshot is measured by itself: the last here, for its scene is needed later, the others meanwhile. Who has less to measure
        // makes what the cases need, if there will be any.
        let at = snapshots.len() - 1;
        let has_grown = matched == Matched::ById && snapshots[at].total_size() > snapshots[0].total_size();
        let tools = |is_time: bool| (has_grown && is_time).then(|| Tools::of(snapshots[at]));
        let (earlier, last) = std::thread::scope(|scope| {
            let earlier = scope.spawn(|| {
                let clusters = (0..at).map(|nth| Ok(measured(nth)?.2)).collect::<Result<Vec<_>, Cancelled>>()?;
                Ok((clusters, tools(at == 1)))
            });
            let last = measured(at).map(|measured| (measured, tools(at > 1)));
            (earlier.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), last)
        });
        let ((mut clusters, tools), ((last, lineage, newest), others)) = (earlier?, last?);
        let tools = Mutex::new(tools.or(others));
        clusters.push(newest);
        Ok(Self { snapshots: snapshots.to_vec(), last, lineage, matched, moves, ids, clusters, tools })
    }

    fn report(&self, options: &Options<'_>, progress: &dyn Progress) -> Result<Report, Cancelled> {
        let steps = self.snapshots.len() as u64 + 1;
        let sizes: Vec<u64> = self.snapshots.iter().map(|analysis| analysis.total_size()).collect();
        if let Some(why) = self.unrelated() {
            let evidence = vec![why, in_all(&sizes)];
            let needs = Some("snapshots of one process, taken one after the other");
            let verdict = verdict(VerdictKind::NotEnoughEvidence, 0.9, "the snapshots are of different processes", evidence, needs);
            return Ok(Report { verdict, findings: vec![], left_out: 0, classes: vec![] });
        }
        let series = self.series();
        let (findings, sums) = std::thread::scope(|scope| {
            let sums = scope.spawn(|| self.class_sums());
            (self.findings(&self.cases(&series), progress), sums.join().unwrap_or_else(|_| self.class_sums()))
        });
        let mut findings = findings?;
        if findings.is_empty() && self.matched == Matched::ById && sizes.windows(2).all(|pair| pair[1] > pair[0]) {
            let chain = chain::longest(&self.last, &self.classes(&sums, &[]));
            findings = self.findings(chain.as_slice(), progress)?;
        }
        let classes = self.classes(&sums, &findings);
        let verdict = self.verdict(&sizes, &series, &findings);
        let left_out = findings.len().saturating_sub(options.limit);
        findings.truncate(options.limit);
        step(progress, steps, steps)?;
        Ok(Report { verdict, findings, left_out, classes })
    }

    /// Says why two snapshots have nothing to do with each other: other versions of Node.js, or, where identities do not agree either,
    /// other main scripts. A program may change its `argv`, so that it says nothing where identities agree.
    fn unrelated(&self) -> Option<String> {
        let differ = |what: &str, of: &dyn Fn(&HeapGraph) -> Option<String>| {
            let known: Vec<String> = self.snapshots.iter().filter_map(|analysis| of(analysis.graph())).collect();
            let pair = known.windows(2).find(|pair| pair[0] != pair[1])?;
            Some(format!("{what} differ: {} and {}", pair[0], pair[1]))
        };
        differ("the versions of Node.js", &process::node_version)
            .or_else(|| (self.matched == Matched::ByPath).then(|| differ("the main scripts", &process::main_script)).flatten())
    }

    /// Makes cases of the trends that grow, with what their holders had from the first snapshot on.
    fn cases(&self, series: &[Trend]) -> Vec<Case> {
        let mut growing: Vec<Trend> = series.iter().filter(|trend| trend.is_growing(self.matched)).take(MAX_CASES).cloned().collect();
        let old = match self.matched {
            Matched::ById => volumes::old_content(&self.last, &self.lineage, &self.ids, &growing),
            // Compared by path every object counts as it is: there is no common ground.
            Matched::ByPath => {
                trends::find_holders(&self.last, &self.lineage, &mut growing);
                vec![Old::default(); growing.len()]
            }
        };
        let mut cases: Vec<Case> = growing.iter().zip(old).map(|(trend, old)| self.case(trend, old)).collect();
        if self.matched == Matched::ById {
            cases.extend(chain::of_closures(&self.last, &self.ids));
            cases.extend(required::cases(&self.last, &self.ids));
            cases.extend(swelling::cases(&self.last, &self.snapshots, &cases));
        }
        contents::gather(&self.last, &self.lineage, &mut cases, volumes::class_key);
        cases
    }

    /// Says what is to be said of the cases that are not innocent, worst first.
    fn findings(&self, cases: &[Case], progress: &dyn Progress) -> Result<Vec<Finding>, Cancelled> {
        let steps = self.snapshots.len() as u64 + 1;
        let mut findings: Vec<Finding> = Vec::new();
        if cases.is_empty() {
            return Ok(findings);
        }
        let made_before = self.tools.lock().ok().and_then(|mut tools| tools.take());
        let Tools { cohorts, cutter } = made_before.unwrap_or_else(|| Tools::of(self.last.analysis));
        for case in cases {
            step(progress, steps - 1, steps)?;
            // What grew in place is there in every snapshot: its own measure says how much of it.
            let series = |nodes: &[NodeIx]| if large::is_single(case) { None } else { self.series_of(nodes) };
            let mut found = finding(&self.last, &self.lineage, &cutter, case, &series);
            if self.is_innocent(&found) {
                continue;
            }
            large::entitle(&mut found);
            found.why.extend(cohorts.like(&self.last, case.example));
            merge(&mut findings, found);
        }
        required::stand_for_entries(&mut findings);
        leave_out_noise(&mut findings);
        findings.sort_by(|a, b| score(b).total_cmp(&score(a)));
        Ok(findings)
    }

    /// Returns how much of some nodes of the last snapshot each snapshot had already, as large as it is now; `None` where what V8 has moved since
    /// is not known again. O(nodes).
    fn series_of(&self, nodes: &[NodeIx]) -> Option<Vec<u64>> {
        let (graph, analysis) = (self.last.graph(), self.last.analysis);
        let sum = |ids: &IdSet| {
            let there = nodes.iter().filter(|&&node| ids.has(graph, node));
            there.map(|&node| analysis.self_size(node)).fold(0, u64::saturating_add)
        };
        (self.matched == Matched::ById && !self.moves).then(|| self.ids.iter().map(sum).collect())
    }

    /// Returns how the content of holders changed, those with the largest last content first.
    fn series(&self) -> Vec<Trend> {
        let least = self.snapshots.last().map_or(0, |last| (last.total_size() as f64 * LEAST_SHARE) as u64).max(LEAST_BYTES);
        trends::trends(&self.last, &self.lineage, &self.clusters, least, self.matched)
    }

    fn case(&self, trend: &Trend, old: Old) -> Case {
        let cluster = trend.cluster;
        // Several things that a promise holds make one wait for it.
        let parts = promises::parts(&self.last, cluster.holder, cluster.example, cluster.count + old.count);
        let steps: Vec<u64> = trend.steps().iter().map(|step| step / parts).collect();
        let mut why = vec![format!("grew by {} in {} step{}", join(&steps), steps.len(), if steps.len() == 1 { "" } else { "s" })];
        if let Some(survived) = cluster.survived.filter(|_| self.snapshots.len() > 2 && self.matched == Matched::ById) {
            let before = trend.counts.iter().rev().nth(1).copied().unwrap_or(0);
            let (survived, before) = (grouped(survived / parts), grouped(before / parts));
            why.push(format!("{survived} of the {before} that were new one snapshot before are still there"));
        }
        let growth = Growth {
            counts: trend.counts.iter().map(|count| (count + old.count) / parts).collect(),
            bytes: trend.bytes.iter().map(|bytes| bytes.saturating_add(old.bytes)).collect(),
            matched: self.matched,
        };
        let evenness = steps.iter().min().copied().unwrap_or(0) as f64 / steps.iter().max().copied().unwrap_or(1).max(1) as f64;
        let base = if self.snapshots.len() > 2 { 0.8 } else { 0.55 };
        let confidence = base + 0.15 * evenness.clamp(0.0, 1.0);
        Case {
            holders: trend.holders.clone(),
            growth: Some(growth),
            why,
            confidence,
            ..Case::new(cluster.holder, cluster.example, cluster.count + old.count, self.held(trend, old))
        }
    }

    /// Returns how much the holders' content is in all: what is new, and what was there before where the holders alone keep it.
    fn held(&self, trend: &Trend, old: Old) -> u64 {
        let own = |&&holder: &&NodeIx| self.last.is_visible(holder) && self.last.paths.roots.at(holder).is_none();
        let retained = trend.holders.iter().filter(own).map(|&holder| self.last.analysis.retained_size(holder));
        trend.cluster.bytes.saturating_add(old.bytes).max(retained.fold(0, u64::saturating_add))
    }

    /// Says whether Node.js bounds what a finding is about, or it is a small matter of Node.js's or V8's own.
    fn is_innocent(&self, finding: &Finding) -> bool {
        // The timeline of resource timings is full at 250 entries.
        let full = finding.class == "PerformanceResourceTiming" && finding.count <= 250;
        // External strings are the sources of Node.js's modules, which it compiles when they are first used.
        let sources = finding.rule == "engine-table" && finding.title.starts_with("Objects held by V8");
        let own = finding.location.as_ref().is_some_and(is_own) || matches!(finding.owner, Owner::App | Owner::Package { .. });
        let small = self.matched == Matched::ByPath || (finding.held as f64) < self.last.analysis.total_size() as f64 * LEAST_CORE_SHARE;
        full || sources || (!own && small)
    }

    /// Sums up count and size of every class in each snapshot, by its name in the last.
    fn class_sums(&self) -> ClassSums {
        let interfaces = self.snapshots.last().map(|last| last.classes().interfaces());
        let mut by_name = ClassSums::default();
        let steps = self.snapshots.len();
        for (nth, analysis) in self.snapshots.iter().enumerate() {
            let renamed = (nth + 1 < steps).then(|| analysis.classes_with(interfaces));
            let classes = renamed.as_ref().unwrap_or_else(|| analysis.classes());
            for (class, count, size) in class_sums(analysis, classes) {
                let (counts, sizes) = by_name.entry(class).or_insert_with(|| (vec![0; steps], vec![0; steps]));
                counts[nth] += count;
                sizes[nth] += size;
            }
        }
        by_name
    }

    /// Returns the classes that grow in every step, those that grow most first.
    fn classes(&self, sums: &ClassSums, findings: &[Finding]) -> Vec<ClassGrowth> {
        let mut grown: Vec<ClassGrowth> = sums
            .iter()
            .filter(|(name, (counts, _))| !name.starts_with('(') && counts.windows(2).all(|pair| pair[1] > pair[0]))
            .map(|(class, (counts, bytes))| {
                let class = self.last.shown_class(class);
                let held = findings.iter().find(|finding| finding.class == class);
                let held_by = held.map_or_else(String::new, held_by);
                ClassGrowth {
                    survived: counts.last().unwrap_or(&0) - counts.first().unwrap_or(&0),
                    place: held.and_then(|finding| finding.location.clone()),
                    held_by,
                    class,
                    growth: Growth { counts: counts.clone(), bytes: bytes.clone(), matched: self.matched },
                }
            })
            .collect();
        let gain = |growth: &Growth| growth.bytes.last().unwrap_or(&0).saturating_sub(*growth.bytes.first().unwrap_or(&0));
        grown.sort_by(|a, b| gain(&b.growth).cmp(&gain(&a.growth)).then(a.class.cmp(&b.class)));
        grown.truncate(MAX_CLASSES);
        grown
    }

    /// Says whether the snapshots seem to stand newest first: V8's numbers rise, so that a later snapshot has higher ones.
    fn is_reversed(&self, first: u64, last: u64) -> bool {
        let newest = |analysis: &&HeapAnalysis| {
            let graph = analysis.graph();
            graph.nodes().map(|node| graph.id(node).0).filter(|id| id % 2 == 1).max()
        };
        let (before, after) = (self.snapshots.first().and_then(newest), self.snapshots.last().and_then(newest));
        self.matched == Matched::ById && !self.moves && last < first && after < before
    }

    fn verdict(&self, sizes: &[u64], series: &[Trend], findings: &[Finding]) -> Verdict {
        let mut evidence = vec![in_all(sizes)];
        if self.matched == Matched::ByPath {
            evidence.push("the snapshots are of different processes: compared by the shape of paths, not by identity".to_owned());
        }
        let needs = if self.snapshots.len() == 2 { Some("a third snapshot would show whether it goes on") } else { None };
        if let Some(first) = findings.first() {
            evidence.extend(findings.iter().take(3).map(evidence_of));
            let what = if first.rule == large::RULE { held_by(first) } else { first.class.clone() };
            let summary = format!("{what} grew{}", if sizes.len() > 2 { " in every step" } else { "" });
            return verdict(VerdictKind::Growing, first.confidence, &summary, evidence, needs);
        }
        let (first, last) = (sizes.first().copied().unwrap_or(0), sizes.last().copied().unwrap_or(0));
        if self.is_reversed(first, last) {
            evidence.push("the last snapshot is smaller and has no object that is newer than all of the first".to_owned());
            let needs = Some("the oldest snapshot first: the order may be reversed");
            return verdict(VerdictKind::NotEnoughEvidence, 0.8, "the snapshots seem to be in reverse order", evidence, needs);
        }
        let peak = sizes.iter().copied().max().unwrap_or(0);
        if let Some(filling) = series.iter().find(|trend| trend.is_filling()) {
            evidence.push(format!("a collection went {} and slows down", join(&filling.counts)));
            return verdict(VerdictKind::FillingToABound, 0.6, "something fills, ever more slowly", evidence, Some("a later snapshot"));
        }
        if peak > last + last / 20 && peak > first {
            evidence.push(format!("{} came and went again", bytes(peak - last)));
            return verdict(VerdictKind::LazyGc, 0.7, "what grew was let go again", evidence, None);
        }
        if self.snapshots.len() == 2 && last > first + first / 20 {
            return verdict(VerdictKind::NotEnoughEvidence, 0.5, "it grew, but nothing stands out", evidence, needs);
        }
        if last > first + first / 20 && sizes.windows(2).all(|pair| pair[1] > pair[0]) {
            let summary = "it grew in every step, but nothing was found that holds what came";
            return verdict(
                VerdictKind::NotEnoughEvidence,
                0.5,
                summary,
                evidence,
                Some("a look at the classes that grew, with `heapwhy why`"),
            );
        }
        let rises = sizes.windows(2).all(|pair| pair[1] > pair[0]);
        let little = format!("{} more in all, but no collection and no object grows in every step", bytes(last.saturating_sub(first)));
        let summary = if rises { &*little } else { "nothing grows in every step" };
        verdict(VerdictKind::LargeButFlat, 0.7, summary, evidence, None)
    }
}

/// How many trends are looked at closely.
const MAX_CASES: usize = 12;
/// How many classes are listed.
const MAX_CLASSES: usize = 20;

fn verdict(kind: VerdictKind, confidence: f64, summary: &str, evidence: Vec<String>, needs: Option<&str>) -> Verdict {
    Verdict { kind, confidence, summary: summary.to_owned(), evidence, needs: needs.map(str::to_owned) }
}

fn evidence_of(finding: &Finding) -> String {
    if let Some(growth) = finding.growth.as_ref().filter(|_| finding.rule == large::RULE) {
        let sizes: Vec<String> = growth.bytes.iter().map(|&size| bytes(size)).collect();
        return format!("{} {}, one {}", held_by(finding), sizes.join(" → "), finding.class);
    }
    let counts = finding.growth.as_ref().map_or_else(String::new, |growth| join_arrows(&growth.counts));
    format!("{} {counts}, held by {}", finding.class, held_by(finding))
}

fn in_all(sizes: &[u64]) -> String {
    format!("{} in all", sizes.iter().map(|&size| bytes(size)).collect::<Vec<_>>().join(" → "))
}

fn join(numbers: &[u64]) -> String {
    numbers.iter().map(|&number| grouped(number)).collect::<Vec<_>>().join(", ")
}

fn join_arrows(numbers: &[u64]) -> String {
    numbers.iter().map(|&number| grouped(number)).collect::<Vec<_>>().join(" → ")
}

/// Count and size of classes in each snapshot, by name.
type ClassSums = FxHashMap<String, (Vec<u64>, Vec<u64>)>;

/// Sums up the nodes of each class by name.
fn class_sums(analysis: &HeapAnalysis, classes: &crate::classes::Classes) -> Vec<(String, u64, u64)> {
    let mut sums = vec![(0_u64, 0_u64); classes.len()];
    for node in analysis.graph().nodes() {
        let size = analysis.self_size(node);
        if size > 0 {
            let sum = &mut sums[classes.of(node).0 as usize];
            sum.0 += 1;
            sum.1 += size;
        }
    }
    classes
        .iter()
        .zip(sums)
        .filter(|&(_, (count, _))| count > 0)
        .map(|((_, class), (count, size))| (class.name.clone(), count, size))
        .collect()
}

/// Leaves out what grew by next to nothing beside something else, and of which nothing more is known: ropes that V8 had not flattened yet.
fn leave_out_noise(findings: &mut Vec<Finding>) {
    /// A hundredth of what grew most.
    const SHARE: u64 = 100;
    let ends = |growth: &Growth| Some(growth.bytes.last()?.saturating_sub(*growth.bytes.first()?));
    let gain = |finding: &Finding| finding.growth.as_ref().and_then(ends).unwrap_or(0);
    let most = findings.iter().map(gain).max().unwrap_or(0);
    findings.retain(|finding| finding.rule != accumulation::RULE || gain(finding).saturating_mul(SHARE) >= most);
}
