//! `heapwhy strings`: the largest strings, those that exist more than once, those that match.

use clap::Args;
use heap::HeapAnalysis;
use heap::duplicates::{StringContents, StringGroup, string_text};
use heap::view::{Cell, ColumnKind, Table};

use crate::answer::Answer;
use crate::args::FileArg;
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `strings`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy strings app.heapsnapshot\n  heapwhy strings app.heapsnapshot --dup\n  heapwhy strings app.heapsnapshot --grep user-",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct StringsArgs {
    #[command(flatten)]
    file: FileArg,
    /// Only strings of which there are several copies, the most wasteful first
    #[arg(long)]
    dup: bool,
    /// Only strings that contain TEXT; in either case unless TEXT has a capital
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
}

/// Lists strings.
pub(crate) fn run(args: &StringsArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let graph = file.analysis.graph();
    let mut groups = StringContents::of(&file.analysis).groups(if args.dup { 2 } else { 1 }, |_| true);
    if let Some(wanted) = &args.grep {
        groups.retain(|group| contains(&string_text(graph, group.sample), wanted));
    }
    if args.dup {
        groups.sort_by_key(|group| (std::cmp::Reverse(wasted(group)), group.sample));
    } else {
        groups.sort_by_key(|group| (std::cmp::Reverse(group.self_size), group.sample));
    }
    Ok(file.answer(session).headed().table(table(&file.analysis, &groups, session.limit(false))))
}

/// Returns what all copies but one take.
fn wasted(group: &StringGroup) -> u64 {
    group.self_size.saturating_sub(group.largest)
}

/// Says whether text contains another, in either case unless the other has a capital.
pub(crate) fn contains(text: &str, wanted: &str) -> bool {
    if wanted.chars().any(char::is_uppercase) { text.contains(wanted) } else { text.to_lowercase().contains(wanted) }
}

fn table(analysis: &HeapAnalysis, groups: &[StringGroup], limit: usize) -> Table {
    let mut table = Table::new(
        "strings",
        &[
            ("count", "count", ColumnKind::Count),
            ("self_size", "self size", ColumnKind::Bytes),
            ("wasted", "wasted", ColumnKind::Bytes),
            ("id", "example", ColumnKind::Node),
            ("value", "string", ColumnKind::Text),
        ],
    );
    let graph = analysis.graph();
    table.rows = groups
        .iter()
        .take(limit)
        .map(|group| {
            let value: Cell = string_text(graph, group.sample).into();
            vec![group.count.into(), group.self_size.into(), wasted(group).into(), graph.id(group.sample).into(), value]
        })
        .collect();
    table.total_rows = groups.len() as u64;
    table
}
