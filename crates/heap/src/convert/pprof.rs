//! A profile of retention (`profile.proto`, gzip): a sample's stack is the retaining path of what it counts, so that a flame graph shows
//! who holds how much.
//!
//! Every node has one path, the best (`paths`), so that the samples add up to the heap. A frame is a class and the edge by which it is
//! held: `.sessions Map`, `[] Session`, `function handler`. V8's backing arrays and hidden objects have no frame: they count with their
//! holder. Lists and trees, where a class holds itself, are one frame. File and line are those of the function or class.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use rustc_hash::FxHashMap;

use super::profile_proto::Strings;
use super::protobuf::Message;
use crate::analysis::HeapAnalysis;
use crate::graph::{EdgeName, HeapGraph, NodeIx};
use crate::kinds::{EdgeKind, NodeKind};
use crate::paths::{KnownNames, PathTree, Root, Step};
use crate::source::Scripts;
use crate::strings::StrIx;

/// How detailed a profile is.
#[derive(Clone, Copy, Debug)]
pub struct PprofOptions {
    /// How many frames a stack has at most; what lies deeper counts with the last.
    pub depth: u32,
    /// Stacks that hold, with all below them, less than this share of the heap count with their parents.
    pub smallest_share: f64,
}

impl Default for PprofOptions {
    fn default() -> Self {
        Self { depth: 128, smallest_share: 1e-5 }
    }
}

/// Objects with more edges than this are taken for dictionaries: their keys are not told apart.
const DICTIONARY: usize = 64;

/// Writes the profile. O(edges). The same heap gives the same bytes: there is no time in it.
///
/// # Errors
/// What `out` says.
pub fn pprof(analysis: &HeapAnalysis, out: &mut impl Write, options: &PprofOptions) -> io::Result<()> {
    let mut stacks = Stacks::of(analysis, options);
    stacks.fold_small(options.smallest_share);
    let mut gzip = GzBuilder::new().write(out, Compression::default());
    Encoder::default().encode(&stacks, &mut gzip)?;
    gzip.finish()?.flush()
}

/// How a frame's node is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Held {
    Unnamed,
    Indexed,
    Property(StrIx),
    Variable(StrIx),
}

/// What makes two frames one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FrameKey {
    held: Held,
    class: u32,
    /// For functions their name and, by its position among locations, their place.
    function: Option<(StrIx, u32)>,
}

/// A frame.
#[derive(Debug)]
struct Frame {
    label: String,
    class: String,
    file: String,
    line: u32,
}

/// A stack, as a node of a tree: what its last frame's nodes are and hold that have no deeper stack.
#[derive(Clone, Copy, Debug)]
struct Stack {
    /// The stack without its last frame; its own position for a stack of one frame.
    parent: u32,
    frame: u32,
    depth: u32,
    count: u64,
    bytes: u64,
}

/// All stacks, parents first.
struct Stacks<'a> {
    analysis: &'a HeapAnalysis,
    scripts: Scripts<'a>,
    frames: Vec<Frame>,
    by_key: FxHashMap<FrameKey, u32>,
    stacks: Vec<Stack>,
    by_parent: FxHashMap<(u32, u32), u32>,
    /// Stacks of one frame by its label.
    starts: FxHashMap<String, u32>,
    depth: u32,
}

/// No stack.
const NONE: u32 = u32::MAX;

impl<'a> Stacks<'a> {
    fn of(analysis: &'a HeapAnalysis, options: &PprofOptions) -> Self {
        let graph = analysis.graph();
        let names = KnownNames::of(graph.strings());
        let scripts = Scripts::of(graph);
        let paths = PathTree::of(analysis, &names, &scripts);
        let mut stacks = Self {
            analysis,
            scripts,
            frames: Vec::new(),
            by_key: FxHashMap::default(),
            stacks: Vec::new(),
            by_parent: FxHashMap::default(),
            starts: FxHashMap::default(),
            depth: options.depth.max(1),
        };
        let mut of_node = vec![NONE; graph.node_count()];
        for node in paths.order() {
            let stack = match paths.parent(graph, node) {
                Some(step) => stacks.below(of_node[step.from.at()], step, node),
                None => stacks.start(paths.roots.at(node)),
            };
            of_node[node.at()] = stack;
            stacks.count(stack, analysis.self_size(node));
        }
        let mut weak = NONE;
        for node in graph.nodes().filter(|&node| of_node[node.at()] == NONE && analysis.self_size(node) > 0) {
            weak = if weak == NONE { stacks.start_at("(held only weakly)", String::new()) } else { weak };
            stacks.count(weak, analysis.self_size(node));
        }
        if graph.extra_native_bytes() > 0 {
            let native = stacks.start_at("(native memory of no object)", String::new());
            stacks.count(native, graph.extra_native_bytes());
        }
        stacks
    }

    /// Counts a node. As the histogram does, nodes of no size are left out.
    fn count(&mut self, stack: u32, bytes: u64) {
        let stack = &mut self.stacks[stack as usize];
        stack.count += u64::from(bytes > 0);
        stack.bytes = stack.bytes.saturating_add(bytes);
    }

    fn start(&mut self, root: Option<&Root>) -> u32 {
        match root {
            Some(Root::ModuleScope { file, .. } | Root::Module { file }) => self.start_at(&format!("module {file}"), file.clone()),
            Some(Root::Global) => self.start_at("global", String::new()),
            _ => self.start_at("(roots)", String::new()),
        }
    }

    fn start_at(&mut self, label: &str, file: String) -> u32 {
        if let Some(&known) = self.starts.get(label) {
            return known;
        }
        let at = self.stacks.len() as u32;
        self.stacks.push(Stack { parent: at, frame: self.frames.len() as u32, depth: 1, count: 0, bytes: 0 });
        self.frames.push(Frame { label: label.to_owned(), class: String::new(), file, line: 0 });
        self.starts.insert(label.to_owned(), at);
        at
    }

    /// Returns the stack of a node that one with the stack `parent` holds.
    fn below(&mut self, parent: u32, step: Step, node: NodeIx) -> u32 {
        let kind = self.analysis.graph().kind(node);
        let above = self.stacks[parent as usize];
        if matches!(kind, NodeKind::ARRAY | NodeKind::HIDDEN | NodeKind::OBJECT_SHAPE) || above.depth >= self.depth {
            return parent;
        }
        let frame = self.frame(step, node);
        if frame == above.frame {
            return parent;
        }
        let next = self.stacks.len() as u32;
        let stack = *self.by_parent.entry((parent, frame)).or_insert(next);
        if stack == next {
            self.stacks.push(Stack { parent, frame, depth: above.depth + 1, count: 0, bytes: 0 });
        }
        stack
    }

    fn frame(&mut self, step: Step, node: NodeIx) -> u32 {
        let graph = self.analysis.graph();
        let class = self.analysis.class(node);
        let location = || graph.locations().position(node).map_or(u32::MAX, |at| at as u32);
        let function = (graph.kind(node) == NodeKind::CLOSURE).then(|| (graph.name_ix(node), location()));
        let key = FrameKey { held: held(graph, step), class: class.0, function };
        if let Some(&known) = self.by_key.get(&key) {
            return known;
        }
        let frame = self.describe(key);
        self.frames.push(frame);
        self.by_key.insert(key, self.frames.len() as u32 - 1);
        self.frames.len() as u32 - 1
    }

    fn describe(&self, key: FrameKey) -> Frame {
        let graph = self.analysis.graph();
        let class = self.analysis.classes().get(crate::ClassIx(key.class));
        let (what, at) = match key.function {
            Some((name, at)) => {
                (format!("function {}", graph.strings().text(name)), graph.locations().get(at as usize).map(|location| location.at()))
            }
            None => (class.name.clone(), class.place),
        };
        let what = if what.is_empty() { "(unnamed)".to_owned() } else { what };
        let label = match key.held {
            Held::Unnamed => what,
            Held::Indexed => format!("[] {what}"),
            Held::Property(name) => format!(".{} {what}", graph.strings().text(name)),
            Held::Variable(name) => format!("{} {what}", graph.strings().text(name)),
        };
        let place = at.and_then(|at| self.scripts.place(at));
        let (file, line) = place.map_or((String::new(), 0), |place| (place.file, place.line));
        Frame { label, class: class.name.clone(), file, line }
    }

    /// Lets small stacks count with their parents.
    fn fold_small(&mut self, share: f64) {
        let total = self.stacks.iter().fold(0_u64, |total, stack| total.saturating_add(stack.bytes));
        let least = (total as f64 * share) as u64;
        // Children come behind their parents: going back, each is complete when it is met.
        let mut with_children: Vec<u64> = self.stacks.iter().map(|stack| stack.bytes).collect();
        for at in (0..self.stacks.len()).rev() {
            let Stack { parent, count, bytes, .. } = self.stacks[at];
            if parent as usize == at {
                continue;
            }
            with_children[parent as usize] = with_children[parent as usize].saturating_add(with_children[at]);
            if with_children[at] < least {
                self.stacks[parent as usize].count += count;
                self.stacks[parent as usize].bytes = self.stacks[parent as usize].bytes.saturating_add(bytes);
                self.stacks[at].count = 0;
                self.stacks[at].bytes = 0;
            }
        }
    }

    /// Returns the frames of a stack, the last first.
    fn frames_of(&self, stack: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = Some(stack);
        std::iter::from_fn(move || {
            let at = next?;
            let stack = self.stacks[at as usize];
            next = (stack.parent != at).then_some(stack.parent);
            Some(stack.frame)
        })
    }
}

/// Says how a step holds its target.
fn held(graph: &HeapGraph, step: Step) -> Held {
    let edge = step.edge;
    match (edge.kind, graph.edge_name(edge)) {
        (EdgeKind::ELEMENT | EdgeKind::HIDDEN, _) => Held::Indexed,
        (EdgeKind::PROPERTY, EdgeName::Text(_)) if graph.edge_range(step.from).len() > DICTIONARY => Held::Indexed,
        (EdgeKind::PROPERTY, EdgeName::Text(name)) => Held::Property(name),
        (EdgeKind::CONTEXT, EdgeName::Text(name)) => Held::Variable(name),
        _ => Held::Unnamed,
    }
}

/// Writes `perftools.profiles.Profile`. The field numbers are those of `profile.proto`.
#[derive(Default)]
struct Encoder {
    strings: Strings,
}

impl Encoder {
    fn encode(mut self, stacks: &Stacks<'_>, out: &mut impl Write) -> io::Result<()> {
        let mut profile = Message::default();
        self.strings.value_type(&mut profile, 1, "inuse_objects", "count");
        self.strings.value_type(&mut profile, 1, "inuse_space", "bytes");
        self.strings.value_type(&mut profile, 11, "space", "bytes");
        profile.number(12, 1);
        profile.number(14, self.strings.place("inuse_space"));
        let class_key = self.strings.place("class");
        let mut used = vec![false; stacks.frames.len()];
        for (at, stack) in stacks.stacks.iter().enumerate().filter(|(_, stack)| stack.bytes > 0) {
            let class = self.strings.place(&stacks.frames[stack.frame as usize].class);
            for frame in stacks.frames_of(at as u32) {
                used[frame as usize] = true;
            }
            profile.message(2, |sample| {
                sample.packed(1, stacks.frames_of(at as u32).map(|frame| u64::from(frame) + 1));
                // Values are signed.
                sample.packed(2, [stack.count, stack.bytes.min(i64::MAX as u64)].into_iter());
                if class != 0 {
                    sample.message(3, |label| {
                        label.number(1, class_key);
                        label.number(2, class);
                    });
                }
            });
            if profile.0.len() > 1 << 18 {
                out.write_all(&std::mem::take(&mut profile.0))?;
            }
        }
        for (at, frame) in stacks.frames.iter().enumerate().filter(|&(at, _)| used[at]) {
            self.strings.location(&mut profile, at as u64 + 1, (&frame.label, &frame.file, frame.line));
        }
        out.write_all(&std::mem::take(&mut profile.0))?;
        self.strings.finish(&mut profile);
        out.write_all(&profile.0)
    }
}

#[cfg(test)]
mod tests;
