//! `heapwhy fn`: whether a function leaks.
//!
//! `live` calls it in a process of its own; here options are read and the verdict is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use live::NodeBinary;
use live::leaktest::{self, FunctionTest, Judged, Verdict};
use serde_json::{Value, json};

use crate::answer::{Answer, Line, Piece, Section};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::exit::Exit;
use crate::progress::cancel_flag;
use crate::quantities::span;
use crate::render::number;
use crate::session::Session;
use crate::started::failed;

/// Options of `fn`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy fn ./lib.js#handler\n  heapwhy fn ./cache.mjs#cache.add --node ~/.nvm/versions/node/v24.21.0/bin/node\n  heapwhy fn ./lib.js#handler --json | jq -r .leak_test.verdict",
    after_help = "The function is called without arguments but the number of the call, hundreds of times, one call after the other; what it returns is waited for. Measured is what is left after full collections: objects, heap, memory outside of it, handles. A leak is what grows with the calls and goes on growing; where it stops, the function filled a cache. With a leak two heap snapshots tell what holds it, and which line to change.\nExits with 0: no leak; 1: leak; 2: the file or the function failed; 3: cannot tell. The npm package heapwhy judges alike inside of node:test, Jest, Vitest and Mocha.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct FnArgs {
    /// The file, and the function that it exports: its default export where none is named
    #[arg(value_name = "FILE[#FUNCTION]")]
    target: PathBuf,
    /// How much processor time the calls and the measuring may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = span)]
    budget: Duration,
    /// How long all of it may take
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = span)]
    timeout: Duration,
    /// How long one call may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span)]
    call_timeout: Duration,
    /// How many calls belong to the warm-up: a cache may fill in them
    #[arg(long, value_name = "N", default_value_t = 0)]
    warm_up: u64,
    /// Keep the heap snapshots in this folder
    #[arg(long, value_name = "DIR")]
    keep_snapshots: Option<PathBuf>,
}

/// A process that heeds its own limits needs so much more to load the program and to explain a leak.
const GRACE: Duration = Duration::from_secs(90);

/// Judges.
pub(crate) fn run(args: &FnArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, function) = parts(&args.target);
    if !file.exists() {
        return Err(CommandError::new(&codes::NO_SUCH_FILE, format!("{}: no such file", shown(&file)))
            .hint("a function is named behind its file: heapwhy fn ./lib.js#handler"));
    }
    let cancel = cancel_flag();
    let node = NodeBinary::find(session.global.node.as_deref(), cancel).map_err(failed)?;
    session.progress.work("fn: calling it many times", 0, 0);
    let heapwhy = std::env::current_exe().ok();
    let test = FunctionTest {
        node: &node,
        file: &file,
        function: function.as_deref(),
        options: &options(args),
        heapwhy: heapwhy.as_deref(),
        limit: args.timeout.saturating_add(args.call_timeout).saturating_add(GRACE),
    };
    let judged = leaktest::judge(&test, cancel).map_err(failed)?;
    Ok(told(&Subject { target: &args.target, node: &node, limit: test.limit }, judged))
}

/// Splits the file from the function. A file may have a `#` in its name.
fn parts(target: &Path) -> (PathBuf, Option<String>) {
    let text = target.to_string_lossy();
    match text.rsplit_once('#') {
        Some((file, function)) if !target.exists() && !file.is_empty() => {
            (file.into(), Some(function.to_owned()).filter(|name| !name.is_empty()))
        }
        _ => (target.to_owned(), None),
    }
}

/// Returns the options of the npm package's `measureGrowth`.
fn options(args: &FnArgs) -> Value {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    json!({
        "budget": ms(args.budget),
        "timeout": ms(args.timeout),
        "callTimeout": ms(args.call_timeout),
        "maxRetained": args.warm_up,
        "keepSnapshots": args.keep_snapshots.as_ref().map(|folder| folder.to_string_lossy()),
    })
}

/// What was judged.
struct Subject<'a> {
    target: &'a Path,
    node: &'a NodeBinary,
    limit: Duration,
}

fn told(subject: &Subject<'_>, judged: Judged) -> Answer {
    let (exit, verdict, text, result) = match judged {
        Judged::Verdict(verdict) => of_verdict(*verdict),
        Judged::Failed { doing, text } => (Exit::PROGRAM_FAILED, "failed", format!("failed: {doing} it: {text}"), None),
        Judged::Ended { status, stderr } => {
            let words = if stderr.is_empty() { String::new() } else { format!("\n{stderr}") };
            (Exit::PROGRAM_FAILED, "failed", format!("failed: the process ended before there was a verdict ({status}){words}"), None)
        }
        _ => {
            let limit = number::time(subject.limit);
            (
                Exit::CANNOT_TELL,
                "cannot tell",
                format!("cannot tell whether it leaks: no answer within {limit}: it may block the event loop"),
                None,
            )
        }
    };
    let mut json = json!({ "target": subject.target.to_string_lossy(), "node": subject.node.version(), "verdict": verdict, "text": text });
    if let Some(result) = result {
        json["result"] = result;
    }
    let lines = vec![about(subject), vec![]].into_iter().chain(lines(verdict, &text)).collect();
    Answer { exit, ..Answer::default() }.section(Section::Value { name: "leak_test", json, lines })
}

fn of_verdict(verdict: Verdict) -> (Exit, &'static str, String, Option<Value>) {
    let calls = verdict.result.get("calls").and_then(Value::as_u64).unwrap_or_default();
    let result = Some(verdict.result);
    match verdict.verdict.as_str() {
        "leak" => (Exit::Found, "leak", verdict.text, result),
        "no leak" => {
            (Exit::Fine, "no leak", format!("no leak: {} calls left nothing behind that grows with them", number::count(calls)), result)
        }
        _ if verdict.threw => {
            let stack = if verdict.stack.is_empty() { String::new() } else { format!("\n{}", verdict.stack) };
            (Exit::PROGRAM_FAILED, "failed", format!("failed: {}{stack}", verdict.text), result)
        }
        _ => (Exit::CANNOT_TELL, "cannot tell", verdict.text, result),
    }
}

fn about(subject: &Subject<'_>) -> Line {
    vec![Piece::Faint(format!("heapwhy {} · {} · node v{}", env!("CARGO_PKG_VERSION"), subject.target.display(), subject.node.version()))]
}

/// The first line says it all.
fn lines(verdict: &str, text: &str) -> Vec<Line> {
    let first = |line: &str| if verdict == "no leak" { Piece::Strong(line.to_owned()) } else { Piece::Alarm(line.to_owned()) };
    let piece = |(nth, line): (usize, &str)| vec![if nth == 0 { first(line) } else { Piece::Plain(line.to_owned()) }];
    text.lines().enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_behind_its_file() {
        let check = |target: &str, file: &str, function: Option<&str>| {
            assert_eq!(parts(Path::new(target)), (file.into(), function.map(str::to_owned)), "{target}");
        };
        check("./lib.js#handler", "./lib.js", Some("handler"));
        check("./a#b.js#cache.add", "./a#b.js", Some("cache.add"));
        check("./lib.js", "./lib.js", None);
        check("./lib.js#", "./lib.js", None);
        check("#private", "#private", None);
    }
}
