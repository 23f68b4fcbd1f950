//! `heapwhy explain`: what an error code, a rule of the leak search or an exit code means.

use clap::Args;
use heap::suspects::{RULES, Rule, VerdictKind};

use crate::answer::{Answer, Section};
use crate::codes;
use crate::error::CommandError;
use crate::exit::MEANINGS;
use crate::what::closest;

/// Options of `explain`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy explain HW1004\n  heapwhy explain unbounded-collection\n  heapwhy explain growing\n  heapwhy explain exit",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ExplainArgs {
    /// An error code, a rule, a verdict, a word of a report (grew, retains, frees, hw-), or `exit`; nothing lists all
    #[arg(value_name = "CODE|RULE|VERDICT")]
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

/// What each verdict means.
const VERDICTS: &[(VerdictKind, &str)] = &[
    (VerdictKind::Growing, "Memory grew from each snapshot to the next, and what came stayed. Only two or more snapshots can show it."),
    (VerdictKind::Suspect, "One snapshot shows what leaks look like; whether it grows, only another, taken later, can show."),
    (
        VerdictKind::FillingToABound,
        "Something grows ever more slowly, or new entries take the place of old ones, as in a cache that fills.",
    ),
    (VerdictKind::LargeButFlat, "Much memory is held, and it does not grow."),
    (VerdictKind::LazyGc, "What grew was garbage that the collector had not reached yet; nothing holds it."),
    (
        VerdictKind::Clean,
        "No pattern of a leak was found. Of one snapshot this means only that nothing looks like one: it cannot see growth, memory outside V8's heap, \
or what a leak that has just begun will hold. Compare two snapshots, taken some minutes of work apart.",
    ),
    (VerdictKind::NotEnoughEvidence, "The snapshots allow no judgement; the report says why, and what would."),
];

/// Words of reports that stand for one number or mark.
const WORDS: &[(&str, &str)] = &[
    (
        "grew",
        "In each snapshot, oldest first: how many such objects their holder has, and what they and all that hangs on them alone take.",
    ),
    (
        "retains",
        "The retained size of one object, as DevTools has it: what would be freed with the object itself. The retained sizes of two objects \
that hold each other's contents do not add up.",
    ),
    ("frees", "What would be freed if the marked reference (~~~~) went, or let go of its entries: worked out for exactly this cut."),
    (
        "hw-",
        "[hw-1234ab] behind a finding is its fingerprint: the same leak has the same one in later reports, so that scripts can tell known \
findings from new ones (`id` in JSON).",
    ),
];

/// Says what a verdict or a word of a report means.
fn meaning(subject: &str) -> Option<String> {
    let wanted = subject.to_lowercase().replace([' ', '_'], "-");
    let verdict = VERDICTS.iter().find(|(kind, _)| kind.id() == wanted).map(|(kind, text)| (kind.words(), "a verdict", *text));
    let word = || WORDS.iter().find(|(word, _)| *word == wanted || (*word == "hw-" && wanted.trim_start_matches('[').starts_with("hw-")));
    let found = verdict.or_else(|| word().map(|&(word, text)| (word.to_owned(), "in a report", text)))?;
    Some(format!("{}: {}\n\n{}", found.0, found.1, folded(found.2)))
}

fn explanation(subject: &str) -> Option<String> {
    if let Some(text) = meaning(subject) {
        return Some(text);
    }
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
    text.push_str("\nVerdicts\n");
    for (kind, meaning) in VERDICTS {
        text.push_str(&format!("  {:<22}{}\n", kind.id(), meaning.split(". ").next().unwrap_or_default().trim_end_matches('.')));
    }
    text.push_str("\nWords of reports: grew, retains, frees, hw-\n");
    text + "\nExit codes\n" + &exits()
}

fn exits() -> String {
    MEANINGS.iter().map(|(exit, meaning)| format!("  {:>3}  {meaning}\n", exit.number())).collect()
}

fn unknown(subject: &str) -> CommandError {
    let names: Vec<&str> = codes::ALL
        .iter()
        .map(|code| code.id)
        .chain(RULES.iter().map(|rule| rule.id))
        .chain(VERDICTS.iter().map(|(kind, _)| kind.id()))
        .collect();
    let close = closest(subject, names.into_iter());
    let error = CommandError::new(&codes::USAGE, format!("there is no error code, rule or verdict called {subject}"));
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
