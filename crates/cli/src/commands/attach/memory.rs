//! `heapwhy attach PID memory`: what each thread says of its own memory.

use std::time::Duration;

use heap::view::{Cell, ColumnKind, Table};
use live::{HeapSpace, Inspector, LiveError, ThreadMemory, Worker};
use serde_json::json;

use crate::answer::{Answer, Line, Piece, Section, Warning};
use crate::attached::{self, Way, failed_to_ask};
use crate::error::CommandError;
use crate::render::number;
use crate::session::Session;

/// A thread, and what it says; nothing where it does not answer.
struct Told {
    thread: String,
    worker: Option<u64>,
    memory: Option<ThreadMemory>,
}

/// Asks every thread, or one worker.
pub(super) fn run(way: &Way, worker: Option<u64>, session: &Session) -> Result<Answer, CommandError> {
    let pid = way.pid;
    let answer = attached::ask(way, session, |inspector| {
        let mut answer = Answer::default();
        let threads = match worker {
            Some(number) => {
                attached::speak_to(inspector, pid, Some(number))?;
                let memory = inspector.thread_memory().map_err(|error| failed_to_ask(pid, &error))?;
                vec![Told { thread: format!("worker {number}"), worker, memory: Some(memory) }]
            }
            None => everybody(inspector, pid, &mut answer)?,
        };
        Ok(answer
            .section(summary(pid, &threads))
            .brief_table(totals(&threads), &["worker", "up_seconds", "physical"])
            .section(Section::Table { title: "V8's spaces".to_owned(), table: spaces(&threads, session), only_json: &[] }))
    })?;
    Ok(answer.next(format!("heapwhy {pid}")).next(format!("heapwhy attach {pid} sample")))
}

fn everybody(inspector: &mut Inspector<'_>, pid: i32, answer: &mut Answer) -> Result<Vec<Told>, CommandError> {
    let failed = |error: LiveError| failed_to_ask(pid, &error);
    let main = inspector.thread_memory().map_err(failed)?;
    let mut threads = vec![Told { thread: "main".to_owned(), worker: None, memory: Some(main) }];
    let workers: Vec<Worker> = match inspector.workers() {
        Ok(workers) => workers,
        Err(LiveError::Refused { .. }) => vec![],
        Err(error) => return Err(failed(error)),
    };
    for worker in workers {
        inspector.speak_to(Some(&worker));
        let thread = attached::in_words(&worker);
        let memory = match inspector.thread_memory() {
            Ok(memory) => Some(memory),
            Err(error) if error.is_cancelled() => return Err(failed(error)),
            Err(error) => {
                let message = format!("{thread} does not answer: {error}");
                answer.warnings.push(Warning { kind: "no_answer", count: 1, offset: None, message });
                None
            }
        };
        threads.push(Told { thread, worker: Some(worker.number), memory });
    }
    inspector.speak_to(None);
    Ok(threads)
}

fn summary(pid: i32, threads: &[Told]) -> Section {
    let Some(first) = threads.iter().find_map(|told| told.memory.as_ref()) else {
        return Section::Value { name: "process_memory", json: json!({ "pid": pid }), lines: vec![] };
    };
    let up = Duration::try_from_secs_f64(first.up).unwrap_or_default();
    let line = |label: &str, text: String| -> Line { vec![Piece::Strong(format!("{label:<9}")), Piece::Plain(format!("  {text}"))] };
    let lines = vec![
        line("PROCESS", format!("pid {pid}, node v{}, up {}", first.node, number::time(up))),
        line("MEMORY", format!("{} in memory (RSS), of the whole process", number::bytes(first.usage.rss))),
    ];
    let json = json!({ "pid": pid, "node": first.node, "up_seconds": first.up, "rss": first.usage.rss });
    Section::Value { name: "process_memory", json, lines }
}

fn totals(threads: &[Told]) -> Table {
    let columns = [
        ("thread", "thread", ColumnKind::Text),
        ("worker", "worker", ColumnKind::Count),
        ("heap_used", "heap used", ColumnKind::Bytes),
        ("heap_total", "of V8's pages", ColumnKind::Bytes),
        ("heap_limit", "limit", ColumnKind::Bytes),
        ("external", "external", ColumnKind::Bytes),
        ("array_buffers", "of it buffers", ColumnKind::Bytes),
        ("malloced", "V8's malloc", ColumnKind::Bytes),
        ("contexts", "realms", ColumnKind::Count),
        ("detached_contexts", "detached", ColumnKind::Count),
        ("physical", "physical", ColumnKind::Bytes),
        ("up_seconds", "up", ColumnKind::Count),
    ];
    let mut table = Table::new("threads_memory", &columns);
    for told in threads {
        let cell = |of: fn(&ThreadMemory) -> u64| told.memory.as_ref().map_or(Cell::None, |memory| of(memory).into());
        table.push(vec![
            told.thread.as_str().into(),
            told.worker.into(),
            cell(|memory| memory.usage.heap_used),
            cell(|memory| memory.usage.heap_total),
            cell(|memory| memory.usage.heap_limit),
            cell(|memory| memory.usage.external),
            cell(|memory| memory.usage.array_buffers),
            cell(|memory| memory.malloced),
            cell(|memory| memory.contexts),
            cell(|memory| memory.detached_contexts),
            cell(|memory| memory.physical),
            cell(|memory| memory.up as u64),
        ]);
    }
    table
}

fn spaces(threads: &[Told], session: &Session) -> Table {
    let is_json = session.global.json || session.global.jsonl;
    let columns = [
        ("thread", "thread", ColumnKind::Text),
        ("space", "space", ColumnKind::Text),
        ("used", "used", ColumnKind::Bytes),
        ("size", "of", ColumnKind::Bytes),
        ("available", "available", ColumnKind::Bytes),
        ("physical", "in memory", ColumnKind::Bytes),
    ];
    let mut table = Table::new("heap_spaces", &columns);
    for told in threads {
        // Spaces that nothing was ever in are for programs only.
        let is_shown = |space: &&HeapSpace| is_json || space.size > 0;
        for space in told.memory.iter().flat_map(|memory| &memory.spaces).filter(is_shown) {
            table.push(vec![
                told.thread.as_str().into(),
                space.name.as_str().into(),
                space.used.into(),
                space.size.into(),
                space.available.into(),
                space.physical.into(),
            ]);
        }
    }
    table.truncate(session.limit(false));
    table
}
