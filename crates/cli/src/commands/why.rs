//! `heapwhy why`: why objects are still there, as a story: folded, in Node.js's terms, with the place in the source.

use std::sync::Arc;

use clap::Args;
use heap::paths::{PathLimits, shapes_of};
use heap::story::{About, Scene, Story, tell_path};
use heap::{HeapAnalysis, NodeIx};
use serde_json::json;

use crate::answer::{Answer, Line, Piece, Section, Status};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::progress::unless_stopped;
use crate::render::number;
use crate::session::Session;
use crate::typed::{shell_path, shell_word};
use crate::{findings, what};

/// Options of `why`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy why app.heapsnapshot Session\n  heapwhy why app.heapsnapshot @1234\n  heapwhy instances app.heapsnapshot Session -q --limit 1 | heapwhy why app.heapsnapshot -",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    what: WhatArg,
    /// Print the ids of the objects on the paths only, one a line
    #[arg(short, long)]
    quiet: bool,
}

/// One way by which objects are held.
struct Way {
    count: u64,
    story: Story,
}

/// Tells the stories: one per shape of path, the most common first.
pub(crate) fn run(args: &WhyArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read(&args.file, &args.what.what, &args.what.sources, session)?;
    let limit = session.limit_or(args.quiet, 3);
    session.progress.work("searching for paths", 0, 0);
    let (analysis, sources, wanted) = (Arc::clone(&file.analysis), args.what.sources.clone(), nodes.clone());
    let searched = unless_stopped(move || {
        let files = sources.files();
        let scene = Scene::new(&analysis, &*files);
        let (ways, left_out) = ways(&scene, &wanted, limit);
        let unreached = wanted.iter().filter(|&&node| !scene.paths.is_reached(node)).count();
        (ways, left_out, unreached)
    });
    let answer = file.answer(session);
    let Some((ways, left_out, unreached)) = searched else { return Ok(stopped(answer, &file.analysis, &nodes)) };
    if args.quiet {
        let ids = ways.iter().flat_map(|way| way.story.hops.iter().filter_map(|hop| hop.node)).collect();
        return Ok(answer.section(Section::Ids(ids)));
    }
    let name = shell_path(&args.file.file);
    let word = shell_word(&args.what.what);
    Ok(answer
        .headed()
        .section(section(&ways, nodes.len(), unreached, left_out))
        .next(format!("heapwhy path {name} {word} --all"))
        .next(format!("heapwhy refs {name} {word}")))
}

/// Returns what is known where the search was stopped: how much there is to explain.
pub(crate) fn stopped(answer: Answer, analysis: &HeapAnalysis, nodes: &[NodeIx]) -> Answer {
    let own: u64 = nodes.iter().map(|&node| analysis.self_size(node)).sum();
    let text = match nodes {
        [node] => format!("1 object, {} itself, retains {}", number::bytes(own), number::bytes(analysis.retained_size(*node))),
        _ => format!("{} objects, {} themselves", number::count(nodes.len() as u64), number::bytes(own)),
    };
    let text = format!("{text}; the search for what holds them was stopped");
    let answer = Answer { status: Status::Cancelled, exit: Exit::Stopped, ..answer.headed() };
    answer.section(Section::Text { name: "known", text })
}

/// Returns the most common ways by which nodes are held, and how many a limit left out.
fn ways(scene: &Scene<'_>, nodes: &[NodeIx], limit: usize) -> (Vec<Way>, usize) {
    let all = PathLimits { nodes: usize::MAX, ..PathLimits::default() };
    let shapes = shapes_of(scene.graph(), &scene.paths, nodes, all);
    let told = shapes.iter().take(limit).map(|shape| {
        let steps = shape.steps(scene.graph(), &scene.paths);
        let target = steps.last().map_or(shape.root, |step| step.edge.to);
        let about = About { target, holder: None, times: shape.count };
        Way { count: shape.count, story: tell_path(scene, shape.root, &steps, about) }
    });
    (told.collect(), shapes.len().saturating_sub(limit))
}

fn section(ways: &[Way], total: usize, unreached: usize, left_out: usize) -> Section {
    let mut lines: Vec<Line> = Vec::new();
    for way in ways {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        if total > 1 {
            let text = format!("{} of {} this way", number::count(way.count), number::count(total as u64));
            lines.push(vec![Piece::Strong(text)]);
        }
        lines.extend(findings::story_lines(&way.story));
    }
    if left_out > 0 {
        lines.push(vec![Piece::Faint(format!("… {} more ways (--limit 0 shows all)", number::count(left_out as u64)))]);
    }
    if unreached > 0 {
        let text =
            format!("{} held by nothing but weak references: the next garbage collection may free them", number::count(unreached as u64));
        lines.push(vec![Piece::Plain(text)]);
    }
    if total == 0 {
        lines.push(vec![Piece::Faint("nothing to explain".to_owned())]);
    }
    let json = ways.iter().map(|way| json!({"count": way.count, "path": findings::story_json(&way.story)})).collect();
    Section::Value { name: "stories", json, lines }
}
