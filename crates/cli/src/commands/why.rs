//! `heapwhy why`: why objects are still there, as a story: folded, in Node.js's terms, with the place in the source.

use clap::Args;
use heap::NodeIx;
use heap::paths::{PathLimits, shapes_of};
use heap::story::{About, Scene, Story, tell_path};
use serde_json::json;

use crate::answer::{Answer, Line, Piece, Section};
use crate::args::{FileArg, WhatArg};
use crate::error::CommandError;
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
    let (file, nodes) = what::read(&args.file, &args.what.what, session)?;
    let files = args.what.sources.files();
    let scene = Scene::new(&file.analysis, &*files);
    let (ways, left_out) = ways(&scene, &nodes, session.limit_or(args.quiet, 3));
    let answer = file.answer(session);
    if args.quiet {
        let ids = ways.iter().flat_map(|way| way.story.hops.iter().filter_map(|hop| hop.node)).collect();
        return Ok(answer.section(Section::Ids(ids)));
    }
    let name = shell_path(&args.file.file);
    let word = shell_word(&args.what.what);
    let unreached = nodes.iter().filter(|&&node| !scene.paths.is_reached(node)).count();
    Ok(answer
        .headed()
        .section(section(&ways, nodes.len(), unreached, left_out))
        .next(format!("heapwhy path {name} {word} --all"))
        .next(format!("heapwhy refs {name} {word}")))
}

/// Returns the most common ways by which nodes are held, and how many a limit left out.
fn ways(scene: &Scene<'_>, nodes: &[NodeIx], limit: usize) -> (Vec<Way>, usize) {
    let all = PathLimits { nodes: usize::MAX, ..PathLimits::default() };
    let shapes = shapes_of(scene.graph(), &scene.paths, nodes, all);
    let told = shapes.iter().take(limit).map(|shape| {
        let target = shape.steps.last().map_or(shape.root, |step| step.edge.to);
        let about = About { target, holder: None, times: shape.count };
        Way { count: shape.count, story: tell_path(scene, shape.root, &shape.steps, about) }
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
