//! A case: objects of one class held by one object, before anything is said about it; and how it becomes a finding.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use crate::cut::Cutter;
use crate::graph::{EdgeName, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::Step;
use crate::paths::keys::Keys;
use crate::source::{Owner, Place};
use crate::story::{About, Hop, Lineage, Scene, Story, owner, tell, tell_path};
use crate::suspects::contents::{self, Cut};
use crate::suspects::sharing::Way;
use crate::suspects::{Finding, Growth, Severity, lists, patterns, strings, wrapper_cycles};

/// By which references the objects of a case are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// By those of their holders.
    Holders,
    /// By any: the holder dominates them.
    Dominator,
    /// Each by that variable of a context, which its successor closes over. The holders are the contexts.
    Variable(String),
    /// By C++ alone; the rule says what is wrong with that. The holder is the object of C++ of the example, the members are wrappers.
    Native(&'static str),
}

/// Objects of one class that one object holds, or several of one shape.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The object that holds them; of several the largest.
    pub(crate) holder: NodeIx,
    /// All that do.
    pub(crate) holders: Vec<NodeIx>,
    /// How they do.
    pub(crate) kept: Kept,
    /// The objects; empty until they are gathered.
    pub(crate) members: Vec<NodeIx>,
    /// One of them.
    pub(crate) example: NodeIx,
    /// How many there are.
    pub(crate) count: u64,
    /// How large they and what hangs on them are, in bytes, also where something else holds it: what cases are ranked by.
    pub(crate) held: u64,
    /// How their number changed.
    pub(crate) growth: Option<Growth>,
    /// What speaks for it so far.
    pub(crate) why: Vec<String>,
    /// How sure, 0 to 1, before a pattern is recognised.
    pub(crate) confidence: f64,
}

/// A case with its path, as patterns look at it.
pub(crate) struct Exhibit<'a, 'b> {
    pub(crate) scene: &'b Scene<'a>,
    pub(crate) case: &'b Case,
    pub(crate) steps: Vec<Step>,
    /// What people call the objects.
    pub(crate) class: String,
}

/// What a pattern says of a case.
pub(crate) struct Described {
    pub(crate) rule: &'static str,
    /// `Unbounded Map`, `Listeners of bus 'tick'`: what stands before the numbers.
    pub(crate) what: String,
    /// What is counted.
    pub(crate) class: String,
    pub(crate) why: Vec<String>,
    /// `.byId is bounded`: what follows "if".
    pub(crate) remedy: String,
    pub(crate) advice: String,
    pub(crate) limits: &'static str,
    /// How much the pattern adds to or takes from the confidence.
    pub(crate) weight: f64,
    /// The line to look at, where it is not that of the hop to cut.
    pub(crate) place: Option<Place>,
}

impl Exhibit<'_, '_> {
    /// Returns the name of each edge of the path with the node that it comes from.
    pub(crate) fn edges(&self) -> impl DoubleEndedIterator<Item = (&Step, String)> + '_ {
        self.steps.iter().map(|step| (step, self.scene.graph().edge_text(step.edge).into_owned()))
    }

    /// Returns some of the objects of the case: those of the example's kind and class that stand beside it. At least the example.
    pub(crate) fn sample(&self) -> Vec<NodeIx> {
        self.beside(self.case.example, self.steps.last())
    }

    /// Returns nodes of a node's kind and class that stand beside it, where `step` leads to it; the node itself in any case.
    pub(crate) fn beside(&self, node: NodeIx, step: Option<&Step>) -> Vec<NodeIx> {
        const SAMPLE: usize = 256;
        const LOOKED_AT: usize = 4096;
        let graph = self.scene.graph();
        let (kind, name) = (graph.kind(node), graph.name_ix(node));
        let is_like = |node: &NodeIx| graph.kind(*node) == kind && (kind.is_string() || graph.name_ix(*node) == name);
        let beside = step.into_iter().flat_map(|step| graph.edges(step.from).take(LOOKED_AT)).map(|edge| edge.to);
        let mut sample: Vec<NodeIx> = beside.filter(is_like).take(SAMPLE).chain([node]).collect();
        sample.sort_unstable();
        sample.dedup();
        sample
    }

    /// Returns the name of a node's class.
    pub(crate) fn name(&self, node: NodeIx) -> String {
        self.scene.graph().name(node).chars().take(200).collect()
    }
}

impl Case {
    /// Makes a case of one holder whose objects are yet to be gathered.
    pub(crate) fn new(holder: NodeIx, example: NodeIx, count: u64, held: u64) -> Self {
        let (kept, holders) = (Kept::Holders, vec![holder]);
        Self { holder, holders, kept, members: vec![], example, count, held, growth: None, why: vec![], confidence: 0.5 }
    }

    /// Returns how many siblings the holder has, itself included; a chain's contexts are its links, not siblings.
    pub(crate) fn siblings(&self) -> u64 {
        if matches!(self.kept, Kept::Variable(_)) { 1 } else { self.holders.len() as u64 }
    }
}

/// How much of some nodes each of several snapshots had already, in bytes; `None` where that is not known.
pub(crate) type Series<'a> = &'a dyn Fn(&[NodeIx]) -> Option<Vec<u64>>;

/// Says whatever is to be said about a case whose objects have been gathered.
pub(crate) fn finding(scene: &Scene<'_>, lineage: &Lineage, cutter: &Cutter<'_>, case: &Case, series: Series<'_>) -> Finding {
    let graph = scene.graph();
    let cut = contents::cut(scene, lineage, cutter, case);
    let (growth, held) = measured(case, &cut, series);
    let Cut { freed, words, names, others, way } = cut;
    let (root, steps) = scene.paths.path(graph, case.example);
    let class = scene.label(case.example);
    let exhibit = Exhibit { scene, case, steps, class };
    let described = patterns::describe(&exhibit);
    let (owner, file) = owner(scene, root, &exhibit.steps, case.holder);
    let story = story(&exhibit, described.rule, freed.bytes);
    let siblings = case.siblings();
    let by_place = described.place.as_ref().filter(|place| is_own(place));
    let owner = match by_place.map(|place| scene.owner_of(&place.generated.as_ref().unwrap_or(&Box::new((*place).clone())).file)) {
        Some(by_place) if matches!(owner, Owner::NodeCore | Owner::Unknown) || described.rule != "native-handle" => by_place,
        _ => owner,
    };
    let location = by_place.cloned().or_else(|| location(&story, &file));
    let location = location.or_else(|| scene.place(case.example).filter(is_own)).or_else(|| file_only(&file));
    let look = location.as_ref().and_then(|place| scene.source_line(place));
    let times = if siblings > 1 { format!(" × {}", grouped(siblings)) } else { String::new() };
    let severity = if case.growth.is_some() { Severity::Error } else { Severity::Warning };
    let mut why = case.why.clone();
    if siblings > 1 {
        why.push(format!("held by {} of {}: the path is that of the largest", grouped(siblings), like(scene, case.holder)));
    }
    why.extend(described.why);
    why.extend(words);
    why.extend(strings::pinned_below(scene, case.example));
    Finding {
        id: fingerprint(&exhibit, described.rule, &owner, location.as_ref()),
        rule: described.rule,
        severity,
        confidence: (case.confidence * described.weight).clamp(0.05, 0.99),
        title: format!("{}{times} · {} {} · {}", described.what, grouped(case.count), described.class, size(freed.bytes, held)),
        bytes: freed.bytes,
        held,
        count: case.count,
        class: described.class,
        kind: graph.kind(case.example),
        owner,
        location,
        story,
        why,
        frees: Some((freed.bytes, names.map_or(described.remedy.clone(), |names| lets_go(&described.remedy, &names)))),
        also: way.filter(|_| is_little(freed.bytes, held)).map(|way| second(scene, &way)),
        others: others
            .iter()
            .map(|other| other.holder)
            .filter(|&node| graph.kind(node) != NodeKind::SYNTHETIC)
            .map(|node| graph.id(node))
            .collect(),
        weight: case.held,
        look,
        advice: described.advice,
        // Several snapshots show what one cannot.
        limits: if case.growth.is_some() && described.limits.starts_with("one snapshot") { "" } else { described.limits },
        growth,
        holder: graph.id(case.holder),
        holders: siblings,
        example: graph.id(case.example),
    }
}

/// Says whether a cut frees so little of what is held that the headline is what is held.
pub(super) fn is_little(frees: u64, held: u64) -> bool {
    frees < held / 10
}

/// Writes the number of a headline: what the cut frees, or where that is little, what is held.
fn size(frees: u64, held: u64) -> String {
    if is_little(frees, held) { format!("{} held", bytes(held)) } else { bytes(frees) }
}

/// Tells how the objects are held besides.
fn second(scene: &Scene<'_>, way: &Way) -> Story {
    let target = way.steps.last().map_or(way.root, |step| step.edge.to);
    tell_path(scene, way.root, &way.steps, About { target, holder: None, times: 1 })
}

/// Says what must happen where other holders must let go too.
fn lets_go(remedy: &str, names: &str) -> String {
    format!("{remedy}, and {names} {} go too", if names.contains(" and ") { "let" } else { "lets" })
}

/// Returns how a case grew and how much it holds, so that the last size is the one in the headline.
fn measured(case: &Case, cut: &Cut, series: Series<'_>) -> (Option<Growth>, u64) {
    let Some(growth) = &case.growth else { return (None, case.held) };
    if is_little(cut.freed.bytes, case.held) {
        return (Some(growth.clone()), growth.bytes.last().copied().unwrap_or(case.held));
    }
    let bytes = series(&cut.freed.nodes).unwrap_or_else(|| growth.bytes.clone());
    (Some(Growth { bytes, ..growth.clone() }), case.held)
}

/// Names what siblings are: their class, in the plural of a report.
fn like(scene: &Scene<'_>, holder: NodeIx) -> String {
    format!("the {}s of this shape", scene.label(holder))
}

/// Tells the path to one of the objects, with what the cut on it frees.
fn story(exhibit: &Exhibit<'_, '_>, rule: &str, frees: u64) -> Story {
    let (scene, case) = (exhibit.scene, exhibit.case);
    let special = match rule {
        lists::RULE => lists::told(scene, case),
        wrapper_cycles::RULE => wrapper_cycles::told(scene, case),
        _ => None,
    };
    let about = About { target: case.example, holder: Some(case.holder), times: case.count };
    let mut story = special.unwrap_or_else(|| tell(scene, about));
    mark(scene, &mut story, &exhibit.steps, case, frees);
    story
}

/// Adds to the story what the cut frees, and where siblings part, how many they are.
fn mark(scene: &Scene<'_>, story: &mut Story, steps: &[Step], case: &Case, frees: u64) {
    if let Some(edge) = story.hops.iter_mut().filter_map(|hop| hop.edge.as_mut()).find(|edge| edge.cut) {
        edge.frees = Some(frees);
    }
    if let Kept::Variable(_) = case.kept
        && let Some(edge) = story.hops.iter_mut().filter_map(|hop| hop.edge.as_mut()).find(|edge| edge.cut)
    {
        edge.times = case.count;
    }
    if case.siblings() < 2 {
        return;
    }
    let mut keys = Keys::of(scene.graph());
    let upto = steps.iter().position(|step| step.edge.to == case.holder).map_or(0, |at| at + 1);
    let Some(parts) = steps.iter().take(upto).rposition(|&step| keys.is_data(step)) else { return };
    let below = |hop: &Hop| steps[parts..upto].iter().any(|step| hop.at == Some(step.edge.to));
    if let Some(edge) = story.hops.iter_mut().find(|hop| below(hop)).and_then(|hop| hop.edge.as_mut()) {
        edge.times = edge.times.max(case.siblings());
        if steps[parts].edge.kind == EdgeKind::PROPERTY {
            "[property]".clone_into(&mut edge.text);
        }
    }
}

/// Says whether a place is in code that is not Node.js's own.
pub(crate) fn is_own(place: &Place) -> bool {
    Owner::of_script(&place.file) != Owner::NodeCore
}

/// Returns the place of a file of which no line is known.
fn file_only(file: &str) -> Option<Place> {
    Some(Place::new(file, 0, 0)).filter(|place| !file.is_empty() && is_own(place))
}

/// Picks the line to look at: that of the hop to cut, else the nearest one above it, else any in the holder's file.
fn location(story: &Story, file: &str) -> Option<Place> {
    let cut = story.hops.iter().position(|hop| hop.edge.as_ref().is_some_and(|edge| edge.cut)).unwrap_or(story.hops.len());
    let above = story.hops.iter().take(cut + 1).rev();
    let edges = above.filter_map(|hop| hop.edge.as_ref().and_then(|edge| edge.place.as_ref()).or(hop.place.as_ref()));
    let below = story.hops.iter().skip(cut + 1).flat_map(|hop| hop.edge.iter().filter_map(|edge| edge.place.as_ref()).chain(&hop.place));
    let places: Vec<&Place> = edges.chain(below).filter(|place| is_own(place)).collect();
    places.iter().find(|place| place.file == file).or_else(|| places.first()).map(|&place| place.clone())
}

/// Hashes what stays the same from run to run: rule, names of classes and edges without indices, the package.
fn fingerprint(exhibit: &Exhibit<'_, '_>, rule: &str, owner: &Owner, location: Option<&Place>) -> String {
    let graph = exhibit.scene.graph();
    let mut hasher = FxHasher::default();
    hasher.write(rule.as_bytes());
    if let Owner::Package { name, .. } = owner {
        hasher.write(name.as_bytes());
    }
    let mut before = String::new();
    let mut keys = Keys::of(graph);
    let start = exhibit.steps.iter().rposition(|step| exhibit.scene.has_variables(step.from)).unwrap_or(0);
    for step in exhibit.steps.iter().skip(start) {
        if let Some(export) = exhibit.scene.exported(step.from) {
            hasher.write(export.name().as_bytes());
            continue;
        }
        if !matches!(step.edge.kind, EdgeKind::CONTEXT | EdgeKind::PROPERTY) {
            continue;
        }
        let EdgeName::Text(name) = graph.edge_name(step.edge) else { continue };
        // A list is one way in either direction.
        let names = &exhibit.scene.names;
        let text = if names.idle_prev.is(name) { "_idleNext".to_owned() } else { graph.edge_text(step.edge).into_owned() };
        // A dictionary's keys are data: only names that the program wrote count.
        if text != before && !keys.is_data(*step) && step.from != exhibit.case.holder {
            hasher.write(text.as_bytes());
        }
        before = text;
    }
    // A function without a name is shown with its line, which may move.
    if graph.kind(exhibit.case.example).is_string() || graph.kind(exhibit.case.example) == NodeKind::CLOSURE {
        hasher.write(b"value");
    } else {
        hasher.write(exhibit.class.as_bytes());
    }
    hasher.write(exhibit.name(exhibit.case.holder).as_bytes());
    hasher.write(location.map_or("", Place::file_name).as_bytes());
    format!("hw-{:06x}", (hasher.finish() ^ (hasher.finish() >> 32)) & 0x00ff_ffff)
}

/// Writes a size for people: `90.7 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let scaled = |unit: u64| bytes as f64 / unit as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", scaled(1_000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", scaled(1_000_000)),
        _ => format!("{:.1} GB", scaled(1_000_000_000)),
    }
}

/// Writes a number with commas: `200,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut result = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            result.push(',');
        }
        result.push(digit);
    }
    result
}

/// Returns about so many of a case's objects, evenly spread. Objects often come in pairs: the step is odd, so that both of them are seen.
pub(super) fn sampled(nodes: &[NodeIx], many: usize) -> impl Iterator<Item = NodeIx> + '_ {
    nodes.iter().copied().step_by(nodes.len().div_ceil(many) | 1)
}

/// Says whether a node counts for people, so that a pile of it can be a leak.
pub(crate) fn is_payload(scene: &Scene<'_>, node: NodeIx) -> bool {
    scene.is_visible(node) && !matches!(scene.graph().kind(node), NodeKind::NUMBER | NodeKind::BIGINT)
}
