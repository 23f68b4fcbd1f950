//! What is said when the command line makes no sense: the short help, clap's own complaints, words that are neither command nor file.

use std::ffi::OsString;

use clap::CommandFactory;
use clap::error::{ContextKind, ErrorKind};

use crate::args::CommandLine;
use crate::codes;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::style::Style;
use crate::render::{self, Format};
use crate::what::closest;

const SHORT_HELP: &str = "\
heapwhy: why is my Node.js process still holding that memory?

  heapwhy app.heapsnapshot               what holds the memory, and which line of yours
  heapwhy 7073                           the same of a running process, by its id
  heapwhy 1.heapsnapshot 2.heapsnapshot  what grew in between, and what holds it

No snapshot at hand?  heapwhy demo
All commands:         heapwhy --help
";

/// Prints the short help: nothing was asked.
pub(crate) fn nothing_asked(format: Format, style: &Style) -> Exit {
    match format {
        Format::Json | Format::JsonLines => {
            render::error(&CommandError::new(&codes::USAGE, "no file and no command").hint("heapwhy --help"), format, style)
        }
        Format::Text => {
            render::to_stderr(SHORT_HELP);
            Exit::Usage
        }
    }
}

/// Prints what clap made of a command line that it does not take: help and version included.
pub(crate) fn refuse(error: &clap::Error, words: &[OsString]) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return render::raw(&error.render().to_string(), Exit::Fine);
    }
    let format = if words.iter().any(|word| word == "--json") { Format::Json } else { Format::Text };
    let (what, tips) = sentences(error);
    let mut told = CommandError::new(&codes::USAGE, what);
    for tip in tips {
        told = told.hint(tip);
    }
    let command = error.context().find_map(|(kind, value)| (kind == ContextKind::Usage).then(|| value.to_string()));
    if let Some(usage) = command {
        told = told.note("usage", usage.trim().trim_start_matches("Usage:").trim().to_owned());
    }
    render::error(&told, format, &crate::early_style())
}

/// Takes clap's message apart: what is wrong, and its tips.
fn sentences(error: &clap::Error) -> (String, Vec<String>) {
    let text = error.render().to_string();
    let mut what = Vec::new();
    let mut tips = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        }
        if let Some(tip) = line.strip_prefix("tip:") {
            tips.push(tip.trim().to_owned());
        } else if !line.is_empty() {
            what.push(line.strip_prefix("error:").unwrap_or(line).trim().to_owned());
        }
    }
    (what.join(" "), tips)
}

/// Returns the error for a bare word that is neither a command nor an existing file; `None` where it looks like a file's name.
pub(crate) fn unknown_word(word: &str) -> Option<CommandError> {
    let is_path_like = word.contains(['/', '\\', '.']) || word.bytes().all(|byte| byte.is_ascii_digit());
    if is_path_like {
        return None;
    }
    let error = CommandError::new(&codes::NO_SUCH_COMMAND, format!("there is neither a command nor a file called {word}"));
    let line = CommandLine::command();
    let names: Vec<&str> = line.get_subcommands().map(clap::Command::get_name).chain(["help"]).collect();
    let close = closest(word, names.into_iter());
    Some(match close.as_slice() {
        [] => error.hint("heapwhy --help lists the commands"),
        close => error.hint(close.iter().map(|name| format!("heapwhy {name}")).collect::<Vec<_>>().join("\n")),
    })
}
