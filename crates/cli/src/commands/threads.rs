//! `heapwhy threads`: the threads of a core, what each was doing, and which isolate it runs.

use clap::Args;
use heap::view::{Cell, ColumnKind, Table};
use v8mem::stack::{Code, Stack, stacks};

use crate::answer::Answer;
use crate::args::FileArg;
use crate::commands::stack::{location, title};
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `threads`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy threads core.4217\n  heapwhy threads core.4217 --json | jq '.threads.rows[].role'",
    after_help = "The first thread is the one that died, or the main thread of a core that gcore wrote.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ThreadsArgs {
    #[command(flatten)]
    file: FileArg,
}

/// Lists the threads.
pub(crate) fn run(args: &ThreadsArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = Dissected::open(&args.file.file, "threads", session)?;
    let stacks = stacks(&file.core, &file.anatomy);
    let mut table = Table::new(
        "threads",
        &[
            ("thread", "thread", ColumnKind::Count),
            ("tid", "", ColumnKind::Count),
            ("role", "role", ColumnKind::Text),
            ("isolate", "isolate", ColumnKind::Count),
            ("javascript", "JS frames", ColumnKind::Count),
            ("frames", "frames", ColumnKind::Count),
            ("function", "in", ColumnKind::Text),
            ("location", "location", ColumnKind::Location),
        ],
    );
    for stack in stacks.iter().filter(|stack| file.wants(stack.isolate)) {
        let frame = stack.javascript().next();
        let function = frame.map(title).or_else(|| stack.frames.first().and_then(innermost));
        table.push(vec![
            (stack.number as u64).into(),
            u64::from(stack.tid).into(),
            role(stack).into(),
            stack.isolate.map(|isolate| isolate as u64 + 1).into(),
            (stack.javascript().count() as u64).into(),
            (stack.frames.len() as u64).into(),
            function.into(),
            frame.and_then(location).map_or(Cell::None, Cell::Text),
        ]);
    }
    table.truncate(session.limit(false));
    let answer = file.answer(session).headed().brief_table(table, &["tid"]);
    Ok(answer.next(format!("heapwhy stack {}", shell_path(&args.file.file))))
}

fn innermost(frame: &v8mem::stack::Frame) -> Option<String> {
    match &frame.code {
        Code::Native { function, .. } => function.clone(),
        Code::Between { builtin } => builtin.clone(),
        Code::JavaScript(frame) => Some(title(frame)),
    }
}

/// Functions that say what a thread is for.
const ROLES: [(&str, &str); 9] = [
    ("node::worker::Worker::StartThread", "worker"),
    ("node::PlatformWorkerThread", "V8 platform"),
    ("node::(anonymous namespace)::PlatformWorkerThread", "V8 platform"),
    ("node::WorkerThreadsTaskRunner::DelayedTaskScheduler", "delayed tasks"),
    ("node::inspector::(anonymous namespace)::StartIoThreadMain", "inspector signal"),
    ("node::inspector::StartIoThreadMain", "inspector signal"),
    ("node::inspector::InspectorIo::ThreadMain", "inspector"),
    ("node::SpinEventLoop", "main"),
    ("node::Start", "main"),
];

/// Says what a thread is for, by the functions in which it began. libuv's pool runs `worker`, which has no name of its own.
fn role(stack: &Stack) -> &'static str {
    let found = ROLES.into_iter().find(|(function, _)| stack.native().any(|name| name.starts_with(function)));
    let in_pool = || stack.native().any(|name| name == "worker" || name == "uv__work");
    match found {
        Some((_, role)) => role,
        None if in_pool() => "libuv pool",
        None if stack.native().any(|name| name == "uv_run") && stack.number == 1 => "main",
        None => "unknown",
    }
}
