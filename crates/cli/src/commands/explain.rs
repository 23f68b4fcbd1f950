//! `heapwhy explain`: what an error code, a rule of the leak search or an exit code means.

use clap::Args;
use heap::suspects::{RULES, Rule};

use crate::answer::{Answer, Section};
use crate::codes;
use crate::error::CommandError;
use crate::exit::MEANINGS;
use crate::what::closest;

/// Options of `explain`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy explain HW1004\n  heapwhy explain unbounded-collection\n  heapwhy explain exit",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ExplainArgs {
    /// An error code, a rule, or `exit`; nothing lists all
    #[arg(value_name = "CODE|RULE")]
    subject: Option<String>,
}

/// Explains.
pub(crate) fn run(args: &ExplainArgs) -> Result<Answer, CommandError> {
    let text = match args.subject.as_deref() {
        None => listing(),
        Some("exit") => exits(),
        Some(subject) => explanation(subject).ok_or_else(|| unknown(subject))?,
    };
    Ok(Answer::default().section(Section::Text { name: "explanation", text }))
}

fn explanation(subject: &str) -> Option<String> {
    let code =
        codes::find(subject).map(|code| format!("{}: {} (exit {})\n\n{}", code.id, code.title, code.exit.number(), folded(code.text)));
    code.or_else(|| Rule::of(subject).map(|rule| format!("{}: {}\n\n{}", rule.id, rule.title, folded(rule.text))))
}

fn listing() -> String {
    let mut text = String::from("Error codes\n");
    for code in codes::ALL {
        text.push_str(&format!("  {}  {} (exit {})\n", code.id, code.title, code.exit.number()));
    }
    text.push_str("\nRules of the leak search\n");
    for rule in RULES {
        text.push_str(&format!("  {:<22}{}\n", rule.id, rule.title));
    }
    text + "\nExit codes\n" + &exits()
}

fn exits() -> String {
    MEANINGS.iter().map(|(exit, meaning)| format!("  {:>3}  {meaning}\n", exit.number())).collect()
}

fn unknown(subject: &str) -> CommandError {
    let names: Vec<&str> = codes::ALL.iter().map(|code| code.id).chain(RULES.iter().map(|rule| rule.id)).collect();
    let close = closest(subject, names.into_iter());
    let error = CommandError::new(&codes::USAGE, format!("there is no error code or rule called {subject}"));
    match close.first() {
        Some(close) => error.hint(format!("heapwhy explain {close}")),
        None => error.hint("heapwhy explain   lists all"),
    }
}

/// Breaks a paragraph into lines of at most 79 columns.
fn folded(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= 79 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
