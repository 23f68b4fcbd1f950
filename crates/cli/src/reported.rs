//! Diagnostic reports of Node.js: opened, told one by one, and compared where several of one process are given.
//!
//! What a report says is `heap`'s; here it becomes an answer.

mod grown;
mod told;

use std::io::BufReader;
use std::path::{Path, PathBuf};

use heap::Problems;
use heap::diagnostic_report::{DiagnosticReport, Difference, ReportError, compare, difference, judge};
use heap::snapshot::{Found, Input};

use crate::answer::{Answer, Target};
use crate::commands::report::Judge;
use crate::error::{CommandError, shown};
use crate::exit::Exit;
use crate::session::Session;
use crate::typed::shell_path;
use crate::{codes, findings, open};

/// A report that was opened.
pub(crate) struct Opened {
    /// What is in it.
    report: DiagnosticReport,
    /// What was wrong with it.
    problems: Problems,
    /// What it is.
    target: Target,
}

/// Opens a file that was refused as no snapshot, also a packed one; `None` for what is no report.
fn open(path: &Path, session: &Session) -> Option<Result<Opened, CommandError>> {
    if open::is_stdin(path) || !path.is_file() {
        return None;
    }
    let input = Input::open(path, &session.progress).ok().filter(|input| !input.is_elf())?;
    if input.other() == Some(Found::DiagnosticReport) { of_input(path, input).transpose() } else { None }
}

/// Reads what begins as a report; `None` where it turns out to be something else.
fn of_input(path: &Path, input: Input) -> Result<Option<Opened>, CommandError> {
    let bytes = input.bytes();
    let (file, mut problems) = input.into_file();
    match DiagnosticReport::read(BufReader::with_capacity(1 << 18, file)) {
        Ok((report, found)) => {
            problems.append(found);
            let target = target(path, bytes, &report);
            Ok(Some(Opened { report, problems, target }))
        }
        Err(ReportError::NotAReport) => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

fn target(path: &Path, bytes: u64, report: &DiagnosticReport) -> Target {
    let node = report.header.node.clone();
    Target { kind: "diagnostic-report", path: path.to_owned(), bytes, nodes: None, edges: None, node, layout: None, running: None }
}

fn failed(path: &Path, error: &ReportError) -> CommandError {
    let name = shown(path);
    match error {
        ReportError::Io(error) => open::io_error(path, error),
        ReportError::Truncated { .. } => CommandError::new(&codes::TRUNCATED, format!("{name} is a diagnostic report, and {error}"))
            .note("likely", "the process was killed while it wrote, the disk was full, or a copy broke off"),
        _ => CommandError::new(&codes::DAMAGED, format!("{name} begins as a diagnostic report does, but cannot be read: {error}")),
    }
}

/// Reports on a file that was refused as no snapshot, if it is a diagnostic report.
pub(crate) fn instead(path: &Path, refused: CommandError, judge: &Judge, session: &Session) -> Result<Answer, CommandError> {
    open(path, session).unwrap_or(Err(refused)).map(|opened| single(path, &opened, judge, session))
}

/// Reports on what begins as a diagnostic report does; gives back the error where it is none.
pub(crate) fn of_content(path: &Path, input: Input, judge: &Judge, session: &Session) -> Result<Answer, CommandError> {
    let opened = of_input(path, input)?.ok_or_else(|| open::foreign(path, &Found::OtherJson("header".to_owned())))?;
    Ok(single(path, &opened, judge, session))
}

fn single(path: &Path, opened: &Opened, how: &Judge, session: &Session) -> Answer {
    let verdict = judge(&opened.report);
    let answer = start(std::slice::from_ref(opened), session).headed();
    let answer = answer.sections(told::head(std::slice::from_ref(opened))).section(findings::verdict_section(&verdict));
    let answer = answer.sections(told::tables(&opened.report, session));
    with_exit(answer, how, &verdict).with_next(told::next(path, &opened.report))
}

/// Reports on what grew between files of which one was refused as no snapshot, if they are diagnostic reports.
pub(crate) fn growth_instead(paths: &[PathBuf], refused: CommandError, how: &Judge, session: &Session) -> Result<Answer, CommandError> {
    let mut opened = Vec::new();
    let mut other = None;
    for path in paths {
        match open(path, session) {
            Some(report) => opened.push(report?),
            None => other = other.or(Some(path)),
        }
    }
    match (opened.first(), other) {
        (None, _) => Err(refused),
        (Some(report), Some(other)) => Err(mixed(&report.target.path, other)),
        (Some(_), None) => grown(opened, how, session),
    }
}

fn mixed(report: &Path, other: &Path) -> CommandError {
    let what = format!("{} is a diagnostic report of Node.js, {} is none: they cannot be compared", shown(report), shown(other));
    CommandError::new(&codes::USAGE, what)
        .why("a report holds totals, a snapshot objects")
        .hint("give heapwhy reports of one process alone, each as a named file")
}

fn grown(mut opened: Vec<Opened>, how: &Judge, session: &Session) -> Result<Answer, CommandError> {
    // In the order in which they were written, as far as they tell.
    opened.sort_by_key(|one| one.report.header.time);
    for pair in opened.windows(2) {
        if let [first, second] = pair
            && let Some(difference) = difference(&first.report, &second.report)
        {
            return Err(different(first, second, &difference));
        }
    }
    let growth = compare(&opened.iter().map(|one| &one.report).collect::<Vec<_>>());
    let answer = start(&opened, session).headed().sections(told::head(&opened)).section(findings::verdict_section(&growth.verdict));
    let answer = answer.sections(grown::tables(&growth));
    let next = opened.last().map(|last| told::next(&last.target.path, &last.report)).unwrap_or_default();
    Ok(with_exit(answer, how, &growth.verdict).with_next(next))
}

fn different(first: &Opened, second: &Opened, difference: &Difference) -> CommandError {
    let (one, other) = (shown(&first.target.path), shown(&second.target.path));
    let Difference { what, first: before, second: after } = difference;
    CommandError::new(&codes::DIFFERENT_PROCESSES, format!("{one} and {other} are not of one process: nothing can have grown in between"))
        .note("found", format!("{what}: {before} in the first, {after} in the second"))
        .hint(format!("heapwhy {}   for each by itself", shell_path(&first.target.path)))
}

fn start(opened: &[Opened], session: &Session) -> Answer {
    let problems: Vec<&Problems> = opened.iter().map(|one| &one.problems).collect();
    open::start(opened.iter().map(|one| one.target.clone()).collect(), &problems, session)
}

fn with_exit(answer: Answer, how: &Judge, verdict: &heap::suspects::Verdict) -> Answer {
    let exit = if answer.exit == Exit::Fine { how.exit(verdict.kind) } else { answer.exit };
    Answer { exit, ..answer }
}
