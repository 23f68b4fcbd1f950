//! `heapwhy stack`: the stacks of a core's threads, JavaScript and C++ together.

use clap::Args;
use heap::view::{Cell, ColumnKind, Tree, TreeNode};
use v8mem::names::Names;
use v8mem::stack::{Code, Frame, JsFrame, Stack, Sure, stacks};
use v8mem::text::Strings;
use v8mem::value::value;
use v8mem::{Anatomy, CoreFile, Memory};

use crate::answer::Answer;
use crate::args::FileArg;
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::session::Session;

/// Options of `stack`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy stack core.4217\n  heapwhy stack core.4217 -v --thread 1\n  heapwhy stack core.4217 -a",
    after_help = "Of bytecode, while no stack trace was taken, only the place where the function begins is known.\nFunctions that were compiled into others (inlined) are frames of their own, without arguments. A frame with ? was found by its looks, and may have been left already.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct StackArgs {
    #[command(flatten)]
    file: FileArg,
    /// Show the receiver and the arguments of every function of JavaScript, with ids for `inspect`
    #[arg(short, long)]
    verbose: bool,
    /// Show all threads and all frames, those of C++ too
    #[arg(short, long)]
    all: bool,
    /// Only the thread of that number, as `threads` counts them
    #[arg(long, value_name = "N")]
    thread: Option<usize>,
}

/// Shows the stacks.
pub(crate) fn run(args: &StackArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = Dissected::open(&args.file.file, "stack", session)?;
    let stacks = stacks(&file.core, &file.anatomy);
    let is_chosen = |stack: &&Stack| match args.thread {
        Some(number) => stack.number == number,
        None => args.all || session.global.json || stack.number == 1 || stack.javascript().next().is_some(),
    };
    let columns = [
        ("location", "location", ColumnKind::Location),
        ("tier", "tier", ColumnKind::Text),
        ("note", "note", ColumnKind::Text),
        ("function", "", ColumnKind::Text),
        ("sure", "", ColumnKind::Text),
        ("pc", "", ColumnKind::Text),
        ("kind", "", ColumnKind::Text),
    ];
    let columns = columns.map(|(name, title, kind)| heap::view::TableColumn { name, title, kind });
    let printer =
        Printer { args, core: &file.core, anatomy: &file.anatomy, limit: session.limit_or(false, 40), whole: session.global.json };
    let roots = stacks.iter().filter(|stack| file.wants(stack.isolate)).filter(is_chosen).map(|stack| printer.thread(stack)).collect();
    Ok(file.answer(session).headed().tree(Tree { name: "stack", columns: columns.to_vec(), roots }))
}

/// Makes nodes of stacks.
struct Printer<'a> {
    args: &'a StackArgs,
    core: &'a CoreFile,
    anatomy: &'a Anatomy,
    limit: usize,
    /// Whether frames of C++ are shown although nobody asked: programs can leave them out themselves.
    whole: bool,
}

impl Printer<'_> {
    fn thread(&self, stack: &Stack) -> TreeNode {
        let isolate = stack.isolate.map_or(String::new(), |isolate| format!(", isolate {}", isolate + 1));
        let end = if stack.whole { "" } else { ", not followed to its end" };
        let label = format!("thread {} ({}{isolate}{end})", stack.number, stack.tid);
        let children = self.frames(stack);
        let more = children.len().saturating_sub(self.limit) as u64;
        let children = children.into_iter().take(self.limit).collect();
        TreeNode { label, children, more, cells: vec![Cell::None; 7], ..TreeNode::default() }
    }

    /// Frames of C++ that stand side by side become one line, unless all are wanted.
    fn frames(&self, stack: &Stack) -> Vec<TreeNode> {
        let is_javascript = |frame: &Frame| matches!(frame.code, Code::JavaScript(_));
        if self.args.all || self.whole {
            return stack.frames.iter().map(|frame| self.frame(frame)).collect();
        }
        let mut nodes = Vec::new();
        for run in stack.frames.chunk_by(|one, next| !is_javascript(one) && !is_javascript(next)) {
            match run {
                [frame] if is_javascript(frame) => nodes.push(self.frame(frame)),
                _ => nodes.push(folded(run)),
            }
        }
        nodes
    }

    fn frame(&self, frame: &Frame) -> TreeNode {
        let pc = frame.pc.map(|pc| format!("{pc:#x}"));
        let sure = if frame.sure == Sure::Exact { "exact" } else { "found" };
        let mark = if frame.sure == Sure::Exact { "" } else { "? " };
        let (label, function, place, tier, note, kind) = match &frame.code {
            Code::JavaScript(frame) => {
                let begins = frame.place.as_ref().is_some_and(|place| !place.is_exact);
                let inlined = frame.function.is_none().then_some("inlined");
                let note = inlined.or(begins.then_some("line unknown"));
                (title(frame), title(frame), location(frame), Some(frame.tier.name()), note, "javascript")
            }
            other => {
                let (label, file) = outside(other);
                let kind = if matches!(other, Code::Native { .. }) { "native" } else { "v8" };
                (label.clone(), label, file, None, None, kind)
            }
        };
        let cells = vec![place.into(), tier.into(), note.into(), function.into(), sure.into(), pc.into(), kind.into()];
        let children = match &frame.code {
            Code::JavaScript(frame) if self.args.verbose && frame.function.is_some() => self.arguments(frame),
            _ => vec![],
        };
        TreeNode { label: format!("{mark}{label}"), cells, children, ..TreeNode::default() }
    }

    fn arguments(&self, frame: &JsFrame) -> Vec<TreeNode> {
        let memory: &dyn Memory = self.core;
        self.anatomy.look(memory, |heap| {
            let names = Names::new(heap, Strings { heap, memory });
            let node = |edge: String, word: u64| {
                let label = value(heap, &names, word).to_string();
                TreeNode { edge, label, cells: vec![Cell::None; 7], ..TreeNode::default() }
            };
            let receiver = node("this".to_owned(), frame.receiver);
            let arguments = frame.arguments.iter().enumerate().map(|(nth, &word)| node(format!("[{nth}]"), word));
            std::iter::once(receiver).chain(arguments).collect()
        })
    }
}

/// Returns a function's name, or what stands for one.
pub(crate) fn title(frame: &JsFrame) -> String {
    if frame.name.is_empty() { "(anonymous)".to_owned() } else { frame.name.clone() }
}

/// Returns where a function stands, from 1.
pub(crate) fn location(frame: &JsFrame) -> Option<String> {
    let place = frame.place.as_ref()?;
    let at = place.at.map_or(String::new(), |at| format!(":{}:{}", at.line + 1, at.column + 1));
    Some(format!("{}{at}", place.script))
}

/// Returns the name of what is no function of JavaScript, and its file.
fn outside(code: &Code) -> (String, Option<String>) {
    match code {
        Code::Native { function, offset, file } => {
            let name = function.as_ref().map(|name| format!("{name} + {offset}"));
            (name.unwrap_or_else(|| format!("unknown function + {offset:#x}")), file.clone())
        }
        Code::Between { builtin: Some(builtin) } => (format!("V8 builtin {builtin}"), None),
        Code::Between { builtin: None } => ("V8 code".to_owned(), None),
        Code::JavaScript(frame) => (title(frame), location(frame)),
    }
}

/// One line for several frames outside JavaScript: how many, and the outermost and innermost function.
fn folded(run: &[Frame]) -> TreeNode {
    let name = |frame: Option<&Frame>| match frame.map(|frame| &frame.code) {
        Some(Code::Native { function: Some(name), .. }) => Some(name.clone()),
        _ => None,
    };
    let inner = run.iter().find_map(|frame| name(Some(frame)));
    let outer = run.iter().rev().find_map(|frame| name(Some(frame)));
    let functions = match (outer, inner) {
        (Some(outer), Some(inner)) if outer == inner => format!(": {inner}"),
        (Some(outer), Some(inner)) => format!(": {outer} … {inner}"),
        _ => String::new(),
    };
    let frames = if run.len() == 1 { "frame" } else { "frames" };
    let label = format!("({} {frames} of C++{functions})", run.len());
    TreeNode { label, cells: vec![Cell::None; 7], ..TreeNode::default() }
}
