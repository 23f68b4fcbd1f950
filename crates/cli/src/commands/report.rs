//! `heapwhy FILE…`: the report. One snapshot: memory, verdict, suspects. Several: what grew, and what holds it.
//!
//! Also used by `diff` and `demo`, which end in the same report.

use std::path::{Path, PathBuf};

use clap::Args;
use heap::questions::Selector;
use heap::snapshot::Found;
use heap::source::SourceFiles;
use heap::suspects::{Finding, Options, Report, VerdictKind};
use heap::{Cancelled, HeapAnalysis, Progress};
use v8mem::graph::Scope;

use crate::answer::{Answer, Section, Status, Warning};
use crate::args::SourceArgs;
use crate::commands::gc;
use crate::core::Wanted;
use crate::error::{CommandError, shown};
use crate::exit::Exit;
use crate::manner::{MannerArgs, Reader};
use crate::open::{self, Opened};
use crate::process::Fate;
use crate::running::Besides;
use crate::session::Session;
use crate::typed::{self, shell_path, shell_word};
use crate::v8_snapshot::{self, Subject};
use crate::{codes, core, findings, memory, output, process, profile, reported, running, usage};

/// How many suspects a report shows.
const SUSPECTS: usize = 3;

/// Options of the report.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Snapshots or diagnostic reports: one to explain, several of one process (oldest first) to see what grew
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How to judge.
    #[command(flatten)]
    pub(crate) judge: Judge,
    /// Of a running process: how it is captured.
    #[command(flatten)]
    pub(crate) manner: MannerArgs,
}

/// When a gate fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailOn {
    /// Never.
    #[default]
    Never,
    /// When memory was seen to grow.
    Growing,
    /// When memory was seen to grow, or looks like a leak.
    Suspect,
}

/// How a report judges.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Judge {
    /// Exit with 1 when memory is `growing`, or also when it is only `suspect`
    #[arg(long, value_name = "VERDICT", default_value = "never", hide_default_value = true, hide_possible_values = true)]
    pub(crate) fail_on: FailOn,
    /// Show all suspects, not only the three worst
    #[arg(long)]
    pub(crate) all: bool,
    /// What to read besides.
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
}

impl Judge {
    /// Says how the process ends after a verdict, where the input was sound.
    pub(crate) fn exit(&self, verdict: VerdictKind) -> Exit {
        let fails = match self.fail_on {
            FailOn::Never => false,
            FailOn::Growing => verdict == VerdictKind::Growing,
            FailOn::Suspect => verdict.is_bad(),
        };
        if fails { Exit::Found } else { Exit::Fine }
    }
}

/// Reports on the files.
pub(crate) fn run(args: &ReportArgs, session: &Session) -> Result<Answer, CommandError> {
    for file in &args.files {
        if let Some(error) = file.to_str().filter(|_| !open::is_stdin(file) && !file.exists()).and_then(usage::unknown_word) {
            return Err(error);
        }
    }
    let pid = if let [file] = args.files.as_slice() { running::pid(file) } else { None };
    if args.manner.is_said() && pid.is_none() {
        let what = "--method, --max-pause and --accept-danger are for one running process";
        return Err(CommandError::new(&codes::USAGE, what).hint("heapwhy PID --method stop"));
    }
    match (args.files.as_slice(), pid, args.manner.reader()?) {
        ([file], Some(pid), Reader::V8(dangers)) => by_v8(file, Subject { pid, worker: None, dangers }, &args.judge, session),
        ([file], Some(pid), Reader::Ours(manner)) => {
            of_graph(file, &open::read_process(file, (pid, manner), Wanted::Footprint, session)?, &args.judge, session)
        }
        ([file], None, _) => single(file, &args.judge, session),
        (files, ..) => match growth(files, &args.judge, session) {
            Err(error) if error.code == &codes::NOT_A_SNAPSHOT => reported::growth_instead(files, error, &args.judge, session),
            other => other,
        },
    }
}

/// Reports on a process of which V8 writes a snapshot, into a folder that is gone when this ends.
fn by_v8(path: &Path, subject: Subject, judge: &Judge, session: &Session) -> Result<Answer, CommandError> {
    let failed = |error| output::failed(&std::env::temp_dir(), &error);
    let folder = tempfile::tempdir().map_err(failed)?;
    let file = folder.path().join(format!("{}.heapsnapshot", subject.pid));
    let told = v8_snapshot::save(subject, &file, session)?;
    let snapshot = std::fs::File::open(&file).map_err(failed)?;
    drop(folder);
    let answer = of_graph(path, &open::read_nameless(path, snapshot, session)?, judge, session)?;
    let exit = if answer.exit == Exit::Fine { told.exit } else { answer.exit };
    let sections = told.sections.into_iter().filter(|section| !matches!(section, Section::Written { .. }));
    let answer = Answer { exit, next: Vec::new(), ..answer }.sections(sections).warned(told.warnings);
    Ok(answer
        .next(format!("heapwhy capture {} --method inspector   # writes the snapshot, which every question can be asked", subject.pid)))
}

fn single(path: &Path, judge: &Judge, session: &Session) -> Result<Answer, CommandError> {
    if open::is_stdin(path) {
        return by_content(path, judge, session);
    }
    match open::read_with(path, Wanted::Footprint, session) {
        Ok(file) => of_graph(path, &file, judge, session),
        Err(error) if error.code == &codes::SAMPLING_PROFILE => {
            profile::instead(path, error, session).map(|opened| profile::report(path, opened, session))
        }
        Err(error) if error.code == &codes::NOT_A_SNAPSHOT && gc::is_log(path) => gc::judged(path, None, session),
        // What is in it is seen only where it is unpacked.
        Err(error) if error.code == &codes::NOT_A_SNAPSHOT && open::packed_with(path).is_some() => by_content(path, judge, session),
        Err(error) if error.code == &codes::NOT_A_SNAPSHOT => reported::instead(path, error, judge, session),
        Err(error) => Err(error),
    }
}

/// Reports on what can be read once, or is read once because that takes long, standard input and packed files: what it is is seen before it is read.
fn by_content(path: &Path, judge: &Judge, session: &Session) -> Result<Answer, CommandError> {
    let source = open::any_input(path, Besides::Nothing, session)?;
    match source.input.other() {
        Some(Found::DiagnosticReport) => reported::of_content(path, source.input, judge, session),
        // A line of a log begins as a list of JSON does.
        Some(found @ (Found::Text | Found::OtherJson(_))) => {
            let (file, _) = source.input.into_file();
            gc::judged_file(path, file, session)?.ok_or_else(|| open::foreign(path, &found))
        }
        _ => of_graph(path, &open::read_source(path, source, Wanted::Footprint, session)?, judge, session),
    }
}

/// Reports on a snapshot, a core dump or a process.
fn of_graph(path: &Path, file: &Opened, judge: &Judge, session: &Session) -> Result<Answer, CommandError> {
    if file.prepare(session).is_err() {
        return Ok(stopped(&[file], session));
    }
    let name = shell_path(path);
    let answer = about_memory(file, session)?;
    // What is not alive is held by nothing: there is nothing to suspect.
    if let Some(option) = match session.scope() {
        Scope::Live => None,
        Scope::Weak => Some("--weak"),
        Scope::Dead => Some("--dead"),
    } {
        return Ok(answer.next(format!("heapwhy classes {option} {name}")));
    }
    let Ok(mut report) = searched(judge, |options| heap::suspects::find(&file.analysis, options, &session.progress)) else {
        return Ok(stopped(&[file], session));
    };
    doubt(&mut report, &[file]);
    let mut answer = with_report(answer, &report, judge);
    if let Some(why) = why_command(path, &file.analysis, &report, &judge.sources) {
        answer = answer.next(why);
    }
    Ok(answer.next(format!("heapwhy classes {name}")).next(typed::compare(path)))
}

/// Starts a report: what the memory is made of, and of a core, how much of it is alive.
fn about_memory(file: &Opened, session: &Session) -> Result<Answer, CommandError> {
    let mut answer = file.answer(session).headed();
    let fate = if file.target.running.is_some() { Fate::Runs } else { Fate::Told };
    if let Some(kept) = &file.core {
        let process = kept.process()?;
        answer = answer.section(process::section(process.core(), process.anatomy(), &kept.notes.basis, fate));
    }
    answer = match &file.footprint {
        Some(footprint) => answer.section(footprint.brief()).section(memory::of_what_is_alive(&file.analysis)),
        None => answer.section(memory::section(&file.analysis)),
    };
    Ok(answer.sections(file.core.as_ref().map(|kept| core::liveness(&kept.notes.sums))))
}

/// Reports on what grew between snapshots, the oldest first.
pub(crate) fn growth(paths: &[PathBuf], judge: &Judge, session: &Session) -> Result<Answer, CommandError> {
    let (files, prepared) = prepare_all(paths, session)?;
    let opened: Vec<&Opened> = files.iter().collect();
    if prepared.is_err() {
        return Ok(stopped(&opened, session));
    }
    let Ok(report) = compared(&files, judge, &session.progress) else { return Ok(stopped(&opened, session)) };
    let Some(last) = files.last() else { return Ok(open::about(&opened, session)) };
    let classes = findings::growth_section(&report.verdict, &report.classes);
    let answer = open::about(&opened, session).headed().section(memory::section(&last.analysis));
    let mut answer = with_growth(answer, &files, &report, judge).section(classes);
    let name = shell_path(&last.target.path);
    if let Some(why) = why_command(&last.target.path, &last.analysis, &report, &judge.sources) {
        answer = answer.next(why);
    }
    let names: Vec<String> = paths.iter().map(|path| shell_path(path)).collect();
    Ok(answer.next(format!("heapwhy diff {}", names.join(" "))).next(format!("heapwhy classes {name}")))
}

/// Takes back what a damaged file cannot show: that nothing is wrong, and where references are missing, what holds what.
fn doubt(report: &mut Report, files: &[&Opened]) {
    let Some(damaged) = files.iter().find(|file| !file.problems.is_empty()) else { return };
    let lacks_edges = files.iter().any(|file| file.problems.is_truncated());
    let verdict = &mut report.verdict;
    if lacks_edges {
        report.findings.clear();
    } else if verdict.kind.is_bad() {
        return;
    }
    verdict.kind = VerdictKind::NotEnoughEvidence;
    verdict.confidence = 0.0;
    verdict.summary = format!("{} is damaged: what is missing may be what holds the memory", shown(&damaged.target.path));
    verdict.evidence.clear();
    verdict.needs = Some("a whole snapshot".to_owned());
}

/// Reads snapshots, the oldest first.
pub(crate) fn read_all(paths: &[PathBuf], session: &Session) -> Result<Vec<Opened>, CommandError> {
    two_at_a_time(paths, |path| open::read(path, session))
}

/// Reads snapshots, the oldest first, and computes all that a comparison needs. Says besides whether that was stopped.
pub(crate) fn prepare_all(paths: &[PathBuf], session: &Session) -> Result<(Vec<Opened>, Result<(), Cancelled>), CommandError> {
    let read = two_at_a_time(paths, |path| open::read(path, session).map(|file| (file.prepare(session), file)))?;
    let (prepared, files): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    Ok((files, prepared.into_iter().collect()))
}

/// Opens files, those of snapshots two at a time: much of the work on one is done by one thread. Stops behind the first that fails.
fn two_at_a_time<T: Send>(paths: &[PathBuf], open: impl Fn(&Path) -> Result<T, CommandError> + Sync) -> Result<Vec<T>, CommandError> {
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = paths.iter().find(|path| path.canonicalize().is_ok_and(|path| !seen.insert(path))) {
        let what = format!("{} is named twice: nothing can have grown from a snapshot to itself", shown(twice));
        return Err(CommandError::new(&codes::USAGE, what).hint(typed::compare(twice)));
    }
    let mut opened = Vec::new();
    for pair in paths.chunks(2) {
        match pair {
            [first, second] if typed::looks_like_snapshot(first) && typed::looks_like_snapshot(second) => {
                let (first, second) = std::thread::scope(|scope| {
                    let second = scope.spawn(|| open(second));
                    (open(first), second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                });
                opened.extend([first?, second?]);
            }
            _ => {
                for path in pair {
                    opened.push(open(path)?);
                }
            }
        }
    }
    Ok(opened)
}

/// Judges what grew.
pub(crate) fn compared(files: &[Opened], judge: &Judge, progress: &dyn Progress) -> Result<Report, Cancelled> {
    let analyses: Vec<&HeapAnalysis> = files.iter().map(|file| &*file.analysis).collect();
    let mut report = searched(judge, |options| heap::growth::compare(&analyses, options, progress))?;
    doubt(&mut report, &files.iter().collect::<Vec<_>>());
    Ok(report)
}

fn searched<T>(judge: &Judge, search: impl FnOnce(&Options<'_>) -> T) -> T {
    let limit = if judge.all { usize::MAX } else { SUSPECTS };
    let files = judge.sources.files();
    search(&Options { limit, files: &*files })
}

/// Warns of snapshots of different processes that say nothing about growth. Where a judgement was asked for, there is none: that is no pass.
fn unrelated(answer: Answer, files: &[Opened], report: &Report, judge: &Judge) -> Answer {
    let belong = |pair: &[Opened]| {
        pair[0].target.node == pair[1].target.node && heap::diff::is_same_process(pair[0].analysis.graph(), pair[1].analysis.graph())
    };
    if report.verdict.kind != VerdictKind::NotEnoughEvidence || files.windows(2).all(belong) {
        return answer;
    }
    let asked = if judge.fail_on == FailOn::Never { "" } else { ": --fail-on cannot judge them" };
    let message = format!("these are snapshots of different processes{asked} (heapwhy explain {})", codes::DIFFERENT_PROCESSES.id);
    let mut answer = answer;
    answer.warnings.push(Warning { kind: "different_processes", count: 1, offset: None, message });
    if judge.fail_on != FailOn::Never && answer.exit == Exit::Fine {
        answer.exit = codes::DIFFERENT_PROCESSES.exit;
    }
    answer
}

/// Adds verdict and suspects of several files, and the exit code that follows from how to judge.
pub(crate) fn with_growth(answer: Answer, files: &[Opened], report: &Report, judge: &Judge) -> Answer {
    unrelated(with_report(answer, report, judge), files, report, judge)
}

/// Adds verdict and suspects, and the exit code that follows from how to judge.
fn with_report(answer: Answer, report: &Report, judge: &Judge) -> Answer {
    let judged = judge.exit(report.verdict.kind);
    let exit = if answer.exit == Exit::Fine { judged } else { answer.exit };
    let mut answer = answer.section(findings::verdict_section(&report.verdict));
    answer = answer.section(findings::findings_section(&report.findings, report.left_out));
    Answer { exit, ..answer }
}

/// Returns what is known when the analysis was stopped: the memory by kind of what was read.
pub(crate) fn stopped(files: &[&Opened], session: &Session) -> Answer {
    let answer = Answer { status: Status::Cancelled, exit: Exit::Stopped, ..open::about(files, session).headed() };
    answer.sections(files.last().map(|file| memory::section(&file.analysis)))
}

/// Returns the command that explains the worst finding; `None` where there is none.
pub(crate) fn why_command(path: &Path, analysis: &HeapAnalysis, report: &Report, sources: &SourceArgs) -> Option<String> {
    let what = selector(path, analysis, report.findings.first()?, &*sources.files())?;
    let folder = sources.sourcemaps.as_ref().map_or_else(String::new, |folder| format!("--sourcemaps {} ", shell_path(folder)));
    Some(format!("heapwhy why {folder}{} {what}", shell_path(path)))
}

/// Returns what stands for a finding's objects on a command line: their class where it has a name of its own (`strings` and functions
/// have not, and long names are cut), else one of them, with the name as a comment.
fn selector(path: &Path, analysis: &HeapAnalysis, finding: &Finding, files: &dyn SourceFiles) -> Option<String> {
    let stands_for = |what: &str| crate::what::nodes(path, analysis, what, files).is_ok_and(|nodes| !nodes.is_empty());
    let class = &finding.class;
    if matches!(Selector::parse(class), Selector::Class(_)) && !class.starts_with('-') && stands_for(class) {
        return Some(shell_word(class));
    }
    let id = finding.example.to_string();
    let name: String = class.chars().take(40).collect();
    stands_for(&id).then(|| format!("{id}   # {name}"))
}

#[cfg(test)]
mod tests {
    use heap::source::NoFiles;

    use super::*;

    #[test]
    fn every_finding_has_a_selector_that_stands_for_something() {
        let mut findings = 0;
        for name in ["1", "2"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fixtures/shop/{name}.heapsnapshot.gz"));
            let (graph, _) = heap::snapshot::read(&path, &heap::Silent).unwrap();
            let analysis = HeapAnalysis::new(graph);
            let report = heap::suspects::find(&analysis, &Options { limit: usize::MAX, ..Options::default() }, &heap::Silent).unwrap();
            for finding in &report.findings {
                // As named by the report, and under names that are no classes.
                for class in [finding.class.as_str(), "strings", "anonymous function", "native_bind()", "Sess…ion", "7", "-x"] {
                    let finding = Finding { class: class.to_owned(), ..finding.clone() };
                    let selector = selector(&path, &analysis, &finding, &NoFiles).unwrap();
                    let word = selector.split("   # ").next().unwrap().trim_matches('\'');
                    assert!(
                        crate::what::nodes(&path, &analysis, word, &NoFiles).is_ok_and(|nodes| !nodes.is_empty()),
                        "{class}: {selector}"
                    );
                    findings += 1;
                }
            }
        }
        assert!(findings > 0);
    }
}
