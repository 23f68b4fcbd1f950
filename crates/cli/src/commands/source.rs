//! `heapwhy source`: the source text of functions and scripts, out of the process's memory.

use clap::Args;
use heap::graph::HeapGraph;
use heap::{NodeId, NodeIx};
use serde_json::json;
use v8mem::Memory;
use v8mem::source::{SourceText, source};
use v8mem::text::Strings;

use crate::answer::{Answer, Line, Piece, Section};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::session::Session;
use crate::{open, what};

/// Options of `source`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy source core.4217 0x1f3a4c0e8a10\n  heapwhy functions core.4217 --filter onTick -q | heapwhy source core.4217 -",
    after_help = "The id is that of a function, of a script, or of a call that waits (a generator). Functions of V8's own have no source.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct SourceCommandArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    what: WhatArg,
}

/// Shows the text.
pub(crate) fn run(args: &SourceCommandArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read(&args.file, &args.what.what, &args.what.sources, session)?;
    let Some(kept) = &file.core else { return Err(open::not_a_core(&args.file.file, "source")) };
    let process = kept.process()?;
    let (graph, memory): (&HeapGraph, &dyn Memory) = (file.analysis.graph(), process.core());
    let shown = &nodes[..nodes.len().min(session.limit_or(false, 3))];
    let found: Vec<(NodeId, Option<SourceText>)> = process.anatomy().look(memory, |heap| {
        let of = |&node: &NodeIx| (graph.id(node), source(heap, Strings { heap, memory }, graph.id(node).0));
        shown.iter().map(of).collect()
    });
    let json = found.iter().map(|(id, text)| value(*id, text.as_ref())).collect();
    let lines = found.iter().flat_map(|(id, text)| lines(*id, text.as_ref())).collect();
    Ok(file.answer(session).headed().section(Section::Value { name: "source", json, lines }))
}

fn value(id: NodeId, text: Option<&SourceText>) -> serde_json::Value {
    let place = text.map(|text| (text.start.line + 1, text.start.column + 1));
    json!({
        "id": id.0.to_string(),
        "function": text.map(|text| &text.name).filter(|name| !name.is_empty()),
        "script": text.map(|text| &text.script),
        "line": place.map(|(line, _)| line),
        "column": place.map(|(_, column)| column),
        "text": text.map(|text| &text.text),
    })
}

fn lines(id: NodeId, text: Option<&SourceText>) -> Vec<Line> {
    let Some(text) = text else { return vec![vec![Piece::Strong(id.to_string()), Piece::Plain("  no source".to_owned())]] };
    let place = format!("  {}:{}:{}", text.script, text.start.line + 1, text.start.column + 1);
    let head = vec![Piece::Strong(id.to_string()), Piece::Code(place)];
    let rest = text.text.lines().map(|line| vec![Piece::Plain(line.to_owned())]);
    std::iter::once(head).chain(rest).chain([vec![]]).collect()
}
