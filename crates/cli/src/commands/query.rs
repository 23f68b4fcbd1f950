//! `heapwhy query`: the live objects made by a constructor, counted as `v8.queryObjects` counts them.

use clap::Args;
use heap::NodeId;
use heap::questions::{QueryError, QueryMode, query};
use heap::story::Setting;
use heap::view::Cell;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, SourceArgs};
use crate::error::CommandError;
use crate::session::Session;
use crate::{open, what};

/// Options of `query`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy query app.heapsnapshot Session\n  heapwhy query app.heapsnapshot EventEmitter --subclasses",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    file: FileArg,
    /// The constructor's name, also as it was before it was minified
    #[arg(value_name = "CLASS")]
    class: String,
    /// Only instances of the class itself, without prototypes
    #[arg(long, conflicts_with_all = ["subclasses", "js"])]
    exact: bool,
    /// Instances of the class and of classes derived from it, without prototypes
    #[arg(long, conflicts_with = "js")]
    subclasses: bool,
    /// All that v8.queryObjects counts, prototypes of derived classes too (this is the default)
    #[arg(long)]
    js: bool,
    /// Print the ids of the objects only, one a line
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sources: SourceArgs,
}

/// Lists the objects.
pub(crate) fn run(args: &QueryArgs, session: &Session) -> Result<Answer, CommandError> {
    let mode = match (args.exact, args.subclasses) {
        (true, _) => QueryMode::Exact,
        (_, true) => QueryMode::Subclasses,
        _ => QueryMode::Js,
    };
    let file = open::read_prepared(&args.file.file, session)?;
    let files = args.sources.files();
    let limit = session.limit(args.quiet);
    let table = query(&Setting::new(&file.analysis, &*files), &args.class, mode, limit).map_err(|error| {
        let candidates = match &error {
            QueryError::NoConstructor { candidates, .. } if !candidates.is_empty() => candidates.clone(),
            _ => what::close_classes(&args.class, &file.analysis),
        };
        what::no_such_class(&args.file.file, error.to_string(), &candidates)
    })?;
    if args.quiet {
        let ids = table.rows.iter().flatten().filter_map(|cell| if let Cell::Node(id) = cell { Some(NodeId(*id)) } else { None });
        return Ok(file.answer(session).section(Section::Ids(ids.collect())));
    }
    Ok(file.answer(session).headed().brief_table(table, &["distance"]))
}
