//! `heapwhy inspect`: what an object is made of, as Node.js prints objects; what an object holds twice is marked, cycles too.

use clap::Args;
use heap::preview::Limits;
use heap::questions::inspect;
use heap::story::Setting;
use heap::view::Tree;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, WhatArg};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::session::Session;
use crate::what;

/// Options of `inspect`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy inspect app.heapsnapshot @1234\n  heapwhy inspect app.heapsnapshot Session --depth 1 --limit 3",
    after_help = "id: of a core dump it is the address, as `::jsprint -a` of mdb shows it.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    what: WhatArg,
    /// How many levels of what it holds
    #[arg(long, value_name = "N", default_value_t = 2)]
    depth: u8,
    /// Print the ids of the objects only, one a line
    #[arg(short, long)]
    quiet: bool,
    /// Show addresses, as `::jsprint -a` does: the ids of core dumps and processes always are
    #[arg(short, long, hide = true)]
    addresses: bool,
}

/// Shows the objects.
pub(crate) fn run(args: &InspectArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = what::read(&args.file, &args.what.what, &args.what.sources, session)?;
    if args.addresses && !file.analysis.graph().ids_are_addresses() {
        let what = format!("--addresses is for core dumps and processes: {} has ids that V8 gave", shown(&args.file.file));
        return Err(CommandError::new(&codes::USAGE, what));
    }
    let limit = session.limit_or(args.quiet, 5);
    let answer = file.answer(session);
    let some = &nodes[..nodes.len().min(limit)];
    if args.quiet {
        return Ok(answer.section(Section::Ids(some.iter().map(|&node| file.analysis.graph().id(node)).collect())));
    }
    // --limit counts rows, those within the objects too; an object that gets one row only is shown in one line.
    let rows = session.global.limit.filter(|&limit| limit > 0).map_or(usize::MAX, |limit| limit / some.len().max(1));
    let depth = if rows > 1 { usize::from(args.depth) } else { 0 };
    let limits = Limits { nodes: rows.min(Limits::default().nodes), ..Limits::default() };
    let files = args.what.sources.files();
    let setting = Setting::new(&file.analysis, &*files);
    let mut tree = Tree { name: "inspect", ..Tree::default() };
    for &node in some {
        let printed = inspect(&setting, node, depth, limits);
        tree.columns = printed.columns;
        tree.roots.extend(printed.roots);
    }
    Ok(answer.headed().tree(tree).left_out(nodes.len() - some.len()))
}
