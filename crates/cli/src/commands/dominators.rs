//! `heapwhy dominators`: what would be freed with what.

use clap::Args;
use heap::preview::Limits;
use heap::questions::dominators;
use heap::story::Setting;
use heap::view::Tree;

use crate::answer::Answer;
use crate::args::{FileArg, SourceArgs};
use crate::error::CommandError;
use crate::session::Session;
use crate::{open, what};

/// Nobody reads deeper.
const DEEPEST: u8 = 64;

/// Options of `dominators`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy dominators app.heapsnapshot\n  heapwhy dominators app.heapsnapshot SessionCache --depth 5 --limit 3",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct DominatorsArgs {
    #[command(flatten)]
    file: FileArg,
    /// Below which objects: an id, a class name, a line of source, or - for ids from standard input [default: everything]
    #[arg(value_name = "WHAT")]
    what: Option<String>,
    #[command(flatten)]
    sources: SourceArgs,
    /// How many levels
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=i64::from(DEEPEST)))]
    depth: u8,
}

/// Shows the tree.
pub(crate) fn run(args: &DominatorsArgs, session: &Session) -> Result<Answer, CommandError> {
    let (file, nodes) = match &args.what {
        Some(what) => what::read(&args.file, what, &args.sources, session)?,
        None => {
            let file = open::read_prepared(&args.file.file, session)?;
            let root = file.analysis.graph().root();
            (file, vec![root])
        }
    };
    let files = args.sources.files();
    let setting = Setting::new(&file.analysis, &*files);
    let limits =
        Limits { entries: session.limit_or(false, 8), nodes: if session.global.json { usize::MAX } else { 400 }, ..Limits::default() };
    let mut tree = Tree { name: "dominators", ..Tree::default() };
    let some = nodes.get(..limits.entries).unwrap_or(&nodes);
    for &node in some {
        let below = dominators(&setting, node, usize::from(args.depth), limits);
        tree.columns = below.columns;
        tree.roots.extend(below.roots);
    }
    Ok(file.answer(session).headed().tree(tree).left_out(nodes.len() - some.len()))
}
