//! The `heapwhy` command: explains the memory of Node.js processes.
//!
//! Here a run is put together: options are read, a command makes an answer, `render` prints it, the exit code follows. Everything that
//! a run does stands in `commands`; everything that it says is printed by `render`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod args;
mod attached;
mod codes;
mod commands;
mod core;
mod core_notes;
mod dissected;
mod error;
mod evidence;
mod exit;
mod findings;
mod footprint;
mod index_file;
mod kept;
mod manner;
mod memory;
mod open;
mod output;
mod process;
mod profile;
mod progress;
mod quantities;
mod render;
mod reported;
mod running;
mod series;
mod session;
mod sources;
mod started;
mod typed;
mod usage;
mod v8_snapshot;
mod watched;
mod what;

use std::process::ExitCode;

use clap::Parser;

use crate::answer::Answer;
use crate::args::CommandLine;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::Format;
use crate::render::style::{ColourChoice, Style};
use crate::session::Session;

fn main() -> ExitCode {
    heap::mapped::map_large_arrays_apart();
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let exit = match CommandLine::try_parse_from(&words) {
        Ok(line) => run(line),
        Err(error) => usage::refuse(&error, &words),
    };
    ExitCode::from(exit.number())
}

/// Runs what the command line says, and prints what came of it.
fn run(line: CommandLine) -> Exit {
    let format = match (line.global.json, line.global.jsonl) {
        (true, _) => Format::Json,
        (_, true) => Format::JsonLines,
        _ => Format::Text,
    };
    let style = Style::detect(line.global.color, line.global.ascii);
    if line.command.is_none() && line.report.files.is_empty() {
        return usage::nothing_asked(format, &style);
    }
    if !is_plain_print(&line) && !is_guarded_command(&line) {
        progress::watch_ctrl_c();
    }
    let session = Session::start(line.global);
    let result = guarded(|| match &line.command {
        Some(command) => commands::run(command, &session),
        None => commands::report::run(&line.report, &session),
    });
    session.progress.finish();
    let exit = match result {
        Ok(answer) => {
            let exit = render::answer(&answer, format, &style);
            // A path of 180,000 hops is a tree as deep: freeing it would need as many stack frames, and the process ends anyway.
            std::mem::forget(answer);
            exit
        }
        Err(error) => render::error(&error, format, &style),
    };
    // The answer stands, whatever becomes of the index.
    let _ = guarded(|| {
        session.write_indexes();
        Ok(Answer::default())
    });
    exit
}

fn is_plain_print(line: &CommandLine) -> bool {
    use args::Command::{Completions, Explain, Man};
    matches!(line.command, Some(Completions(_) | Explain(_) | Man(_)))
}

/// Says whether signals are a command's that we run.
fn is_guarded_command(line: &CommandLine) -> bool {
    matches!(&line.command, Some(args::Command::Guard(guard)) if guard.passes_signals_on())
}

/// Runs something; a panic in it becomes an error that asks to be reported.
fn guarded(work: impl FnOnce() -> Result<Answer, CommandError>) -> Result<Answer, CommandError> {
    let place = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let seen = std::sync::Arc::clone(&place);
    std::panic::set_hook(Box::new(move |panic| {
        if let Ok(mut place) = seen.lock() {
            place.clear();
            place.push_str(&panic.to_string());
        }
    }));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let what = place.lock().map(|place| place.clone()).unwrap_or_default();
        Err(CommandError::new(&codes::BUG, "heapwhy failed: this is a bug in heapwhy, not in your file")
            .note("found", what)
            .hint("report it with the command that you ran; `heapwhy redact FILE -o SMALL` removes all values from a snapshot"))
    })
}

/// Returns the style of messages that are printed before options are known.
fn early_style() -> Style {
    Style::detect(ColourChoice::Auto, false)
}
