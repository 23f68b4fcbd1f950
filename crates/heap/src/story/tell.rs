//! Tells a retaining path: folds V8's internals, names roots, counts equal hops, and finds places.

use crate::graph::{Edge, EdgeName, NodeIx};
use crate::inspectors;
use crate::kinds::NodeKind;
use crate::paths::{Root, Step};
use crate::source::Owner;
use crate::source::scripts::unbound;
use crate::story::scene::Scene;
use crate::story::words::{self, Around, Detail, Phrase};
use crate::story::{Hop, HopEdge, Leaking, Story, calls, roots};

/// Hops beyond this many are left out in the middle.
const MAX_HOPS: usize = 14;
/// The longest run of hops that is looked at for repetition.
const MAX_PERIOD: usize = 4;
/// Steps of a path beyond this many are not told one by one: the middle of a long path.
const MAX_STEPS: usize = 4096;
/// Of a run of equal steps, those of a linked list, so many are told at each end; the others are counted.
const TOLD_OF_RUN: usize = 32;

/// What a story is to be about.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The object at its end.
    pub target: NodeIx,
    /// The object that holds too much, where one is known: the hop to it is the one to cut.
    pub holder: Option<NodeIx>,
    /// How many like the target the holder has.
    pub times: u64,
}

/// Tells why a node is alive. O(length of its path).
#[must_use]
pub fn tell(scene: &Scene<'_>, about: About) -> Story {
    let (root, steps) = scene.paths.path(scene.graph(), about.target);
    tell_path(scene, root, &steps, about)
}

/// Tells a given path. O(length of the path).
#[must_use]
pub fn tell_path(scene: &Scene<'_>, root: NodeIx, steps: &[Step], about: About) -> Story {
    let (mut steps, runs) = shortened(scene, steps);
    let mut skipped = 0;
    if steps.len() > MAX_STEPS {
        let middle = MAX_STEPS / 2..steps.len() - MAX_STEPS / 2;
        skipped = steps.drain(middle).filter(|step| scene.is_visible(step.edge.to)).count();
    }
    let mut hops = Teller::new(scene, Detail::General).tell(root, &steps, about.target);
    fold_repetitions(&mut hops);
    for (last, links) in runs {
        // Where the last of a run is no hop of its own, or not one of many, its links are just left out.
        match hops.iter_mut().find(|hop| hop.at == Some(last)).and_then(|hop| hop.edge.as_mut()).filter(|edge| edge.times > 1) {
            Some(edge) => edge.times += links as u64,
            None => skipped += links,
        }
    }
    mark_cut(&mut hops, about);
    let left_out = leave_out(&mut hops) + skipped;
    label(scene, &mut hops);
    Story { hops, left_out }
}

/// Returns the steps without the middles of long runs of equal ones, and for each such run its last node and how many links went.
fn shortened(scene: &Scene<'_>, steps: &[Step]) -> (Vec<Step>, Vec<(NodeIx, usize)>) {
    let graph = scene.graph();
    let same = |a: &Step, b: &Step| {
        let word = |step: &Step| (step.edge.kind, graph.edge_name(step.edge), graph.name_ix(step.from), graph.name_ix(step.edge.to));
        word(a) == word(b)
    };
    let (mut kept, mut runs) = (Vec::new(), Vec::new());
    for run in steps.chunk_by(same) {
        if run.len() <= 2 * TOLD_OF_RUN {
            kept.extend_from_slice(run);
            continue;
        }
        kept.extend_from_slice(&run[..TOLD_OF_RUN]);
        kept.extend_from_slice(&run[run.len() - TOLD_OF_RUN..]);
        runs.push((run[run.len() - 1].edge.to, run.len() - 2 * TOLD_OF_RUN));
    }
    (kept, runs)
}

/// Tells a path hop by hop with nothing left out but V8's own objects: every link of a list, every index, no hop marked, none judged.
/// O(length of the path).
#[must_use]
pub fn hops(scene: &Scene<'_>, root: NodeIx, steps: &[Step]) -> Vec<Hop> {
    let target = steps.last().map_or(root, |step| step.edge.to);
    Teller::new(scene, Detail::Exact).tell(root, steps, target)
}

struct Teller<'a, 'b> {
    scene: &'b Scene<'a>,
    detail: Detail,
    hops: Vec<Hop>,
    /// The steps since the last shown hop, and their words.
    steps: Vec<Step>,
    phrase: Phrase,
    /// The file that the path was last seen in.
    near: Option<String>,
    /// The owner of a folded table, for telling keys from values.
    folded_from: Option<NodeIx>,
    /// The last function on the path.
    user: Option<NodeIx>,
}

impl<'a, 'b> Teller<'a, 'b> {
    fn new(scene: &'b Scene<'a>, detail: Detail) -> Self {
        let (steps, phrase) = (Vec::new(), Phrase::default());
        Self { scene, detail, hops: Vec::new(), steps, phrase, near: None, folded_from: None, user: None }
    }

    fn tell(mut self, root: NodeIx, steps: &[Step], target: NodeIx) -> Vec<Hop> {
        let told = self.root(root, steps);
        for step in &steps[told.min(steps.len())..] {
            self.step(*step, step.edge.to == target);
        }
        self.hops
    }

    /// Tells the root and returns how many steps that took.
    fn root(&mut self, root: NodeIx, steps: &[Step]) -> usize {
        let scene = self.scene;
        let (label, notes, told) = roots::name(scene, root, steps);
        if let Some(Root::ModuleScope { file, .. } | Root::Module { file }) = scene.paths.roots.at(root) {
            self.near = Some(file.clone());
        }
        let at = told.checked_sub(1).and_then(|last| steps.get(last)).map_or(root, |step| step.edge.to);
        self.hops.push(Hop {
            edge: None,
            label,
            generated: None,
            notes,
            place: None,
            node: Some(scene.graph().id(at)),
            at: Some(at),
            retained: scene.analysis.retained_size(at),
            leaking: Leaking::Unknown,
            reason: String::new(),
        });
        self.folded_from = scene.is_visible(at).then_some(at);
        told
    }

    fn step(&mut self, step: Step, is_last: bool) {
        let scene = self.scene;
        let graph = scene.graph();
        self.word(step);
        let to = step.edge.to;
        if graph.kind(to) == NodeKind::CLOSURE {
            self.user = Some(to);
        } else if let Some(function) = calls::called(graph, to) {
            self.user = Some(function);
        }
        if !is_last && (!scene.is_visible(to) || words::is_folded(scene, step)) {
            return;
        }
        let file = scene.file(to);
        if !file.is_empty() {
            self.near = Some(file);
        }
        let (text, place) = self.phrase.take();
        let text = text.unwrap_or_else(|| "(internal)".to_owned());
        let edge = HopEdge { text, place, times: 1, cut: false, frees: None, steps: std::mem::take(&mut self.steps) };
        self.hops.push(Hop {
            edge: Some(edge),
            label: scene.label(to),
            generated: scene.original_name(to).map(|_| graph.name(unbound(graph, to)).into_owned()),
            notes: Vec::new(),
            place: scene.place(to),
            node: Some(graph.id(to)),
            at: Some(to),
            retained: scene.analysis.retained_size(to),
            leaking: Leaking::Unknown,
            reason: String::new(),
        });
        self.folded_from = Some(to);
    }

    /// Adds the words of one edge; none for those that only lead into a part of the same object.
    fn word(&mut self, step: Step) {
        self.steps.push(step);
        let around = Around { detail: self.detail, owner: self.folded_from, near: self.near.as_deref(), user: self.user };
        if let Some(words) = words::of_step(self.scene, step, &around) {
            self.phrase.add(words);
        }
    }
}

/// Joins hops that repeat, as those of a linked list do: the first stays and says how often.
fn fold_repetitions(hops: &mut Vec<Hop>) {
    let same = |a: &Hop, b: &Hop| a.label == b.label && a.edge.as_ref().map(|edge| &edge.text) == b.edge.as_ref().map(|edge| &edge.text);
    let mut at = 1;
    while at < hops.len() {
        let repeated = (1..=MAX_PERIOD).find_map(|period| {
            let equal = |k: usize| {
                (0..period).all(|i| matches!((hops.get(at + i), hops.get(at + k * period + i)), (Some(a), Some(b)) if same(a, b)))
            };
            let times = (1..).take_while(|&k| equal(k)).count();
            (times >= 2 || (times >= 1 && period == 1)).then_some((period, times))
        });
        if let Some((period, times)) = repeated {
            // The last of the run stays: what follows hangs on it.
            hops.drain(at..at + period * times);
            for hop in hops.iter_mut().skip(at).take(period) {
                if let Some(edge) = &mut hop.edge {
                    edge.times = times as u64 + 1;
                }
            }
            at += period;
        } else {
            at += 1;
        }
    }
}

/// Marks the hop to cut: the last named reference on the way to the holder.
fn mark_cut(hops: &mut [Hop], about: About) {
    let Some(holder) = about.holder else { return };
    let at_holder = hops.iter().rposition(|hop| hop.at == Some(holder));
    let cut = at_holder.filter(|&at| at > 0).or_else(|| at_holder.map(|at| at + 1)).filter(|&at| at < hops.len());
    // `[value]` is no reference that the program wrote: the named one above it is.
    let named = |at: &usize| hops[*at].edge.as_ref().is_some_and(|edge| !edge.text.starts_with('[') || edge.text.starts_with("[k"));
    let cut = cut.map(|at| if named(&at) || at < 2 || !named(&(at - 1)) { at } else { at - 1 });
    if let Some(edge) = cut.and_then(|at| hops[at].edge.as_mut()) {
        edge.cut = true;
    }
    let below = at_holder.map(|at| at + 1).filter(|&at| at < hops.len());
    // The links of a list refer to each other by one name.
    let is_link = below.is_some_and(|below| hops[below].label == hops[below - 1].label);
    if let Some(edge) = below.and_then(|at| hops[at].edge.as_mut()) {
        edge.times = edge.times.max(about.times);
        // Of many properties of one object the name of one says nothing.
        if about.times > 1 && !is_link && edge.text.starts_with('.') && !edge.text.starts_with("._idle") && edge.text != ".next" {
            "[property]".clone_into(&mut edge.text);
        }
    }
}

fn leave_out(hops: &mut Vec<Hop>) -> usize {
    if hops.len() <= MAX_HOPS {
        return 0;
    }
    let left_out = hops.len() - MAX_HOPS;
    let cut = hops.iter().position(|hop| hop.edge.as_ref().is_some_and(|edge| edge.cut));
    // The hop to cut is always told.
    let from = match cut {
        Some(cut) if cut < MAX_HOPS / 2 + left_out && cut >= MAX_HOPS / 2 => cut.saturating_sub(left_out + 1).max(1),
        _ => MAX_HOPS / 2,
    };
    hops.drain(from..(from + left_out).min(hops.len()));
    left_out
}

/// Labels the hops by inspectors and the two rules: above one that is not leaking nothing leaks, below a leaking one everything does.
fn label(scene: &Scene<'_>, hops: &mut [Hop]) {
    for (nth, hop) in hops.iter_mut().enumerate() {
        let found = if nth == 0 { Some((Leaking::No, "a root".to_owned())) } else { hop.at.and_then(|at| inspectors::inspect(scene, at)) };
        if let Some((leaking, reason)) = found {
            (hop.leaking, hop.reason) = (leaking, reason);
        }
    }
    if let Some(last) = hops.iter().rposition(|hop| hop.leaking == Leaking::No) {
        let reason = format!("{} below is not leaking", hops[last].label);
        for hop in &mut hops[..last] {
            if hop.leaking != Leaking::No {
                (hop.leaking, hop.reason) = (Leaking::No, reason.clone());
            }
        }
    }
    if let Some(first) = hops.iter().position(|hop| hop.leaking == Leaking::Yes) {
        let reason = format!("{} above is leaking", hops[first].label);
        for hop in &mut hops[first + 1..] {
            if hop.leaking != Leaking::Yes {
                (hop.leaking, hop.reason) = (Leaking::Yes, reason.clone());
            }
        }
    }
}

/// Returns whose code holds what a story tells of: that of the last hop at or above `upto` whose code is known and is not Node.js's own,
/// else Node.js.
pub(crate) fn owner(scene: &Scene<'_>, root: NodeIx, steps: &[Step], upto: NodeIx) -> (Owner, String) {
    let mut best = (Owner::Unknown, String::new());
    let nodes = std::iter::once(root).chain(steps.iter().map(|step| step.edge.to));
    for node in nodes {
        let file = scene.file(node);
        if !file.is_empty() {
            let owner = Owner::of_script(&file);
            if owner != Owner::NodeCore || best.0 == Owner::Unknown {
                best = (owner, file);
            }
        }
        if node == upto {
            break;
        }
    }
    (scene.owner_of(&best.1), best.1)
}

/// Says whether an edge's name is an index.
pub(crate) fn is_indexed(scene: &Scene<'_>, edge: Edge) -> bool {
    match scene.graph().edge_name(edge) {
        EdgeName::Index(_) => true,
        EdgeName::Text(name) => crate::paths::is_number(scene.graph().strings().raw(name)),
    }
}
