//! `heapwhy objects`: objects by shape, class or type, one of each to look at: what `::findjsobjects` of mdb shows, with bytes.

use std::time::Instant;

use clap::{Args, ValueEnum};
use heap::questions::{ObjectGrouping, ObjectQuery, objects};
use heap::story::Setting;
use heap::view::{Cell, ColumnKind, Table};
use heap::{HeapAnalysis, NodeKind};

use crate::answer::{Answer, Section};
use crate::args::{FileArg, SourceArgs};
use crate::core::Kept;
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `objects`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy objects core.4217\n  heapwhy objects core.4217 -p sessionId\n  heapwhy objects core.4217 -c Session -q | heapwhy inspect core.4217 -\n  heapwhy instances core.4217 shape:17",
    after_help = "Those with most objects times properties come first. id: the one that retains most. Of a snapshot, properties with numbers are not known.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ObjectsArgs {
    #[command(flatten)]
    file: FileArg,
    /// How to group: shape (class and properties), class, or type
    #[arg(long, value_name = "BY", default_value = "shape", hide_possible_values = true)]
    by: By,
    /// Only objects of that class
    #[arg(short, long, value_name = "CLASS")]
    class: Option<String>,
    /// Only objects with a property of that name
    #[arg(short, long, value_name = "PROP")]
    property: Option<String>,
    /// Only nodes of that type: object, closure, regexp, string, array, code, …
    #[arg(short, long, value_name = "KIND")]
    kind: Option<String>,
    /// Say how long it took, how much there is, and what of the memory was understood
    #[arg(short, long)]
    verbose: bool,
    /// Print the ids only, one for each group
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sources: SourceArgs,
}

/// A grouping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Class and properties.
    Shape,
    /// Class.
    Class,
    /// V8's type.
    Type,
}

/// Lists the objects.
pub(crate) fn run(args: &ObjectsArgs, session: &Session) -> Result<Answer, CommandError> {
    let started = Instant::now();
    let file = open::read_prepared(&args.file.file, session)?;
    let files = args.sources.files();
    let by = match args.by {
        By::Shape => ObjectGrouping::Shape,
        By::Class => ObjectGrouping::Class,
        By::Type => ObjectGrouping::Type,
    };
    let query = ObjectQuery { by, class: args.class.clone(), property: args.property.clone(), kind: args.kind.clone() };
    let table = objects(&Setting::new(&file.analysis, &*files), &query, session.limit(args.quiet));
    let shapes = (by == ObjectGrouping::Shape).then_some(table.total_rows);
    let answer = file.answer(session).rows_or_ids(table, args.quiet, &[]);
    if args.quiet || !args.verbose {
        return Ok(answer);
    }
    let table = statistics(&file.analysis, file.core.as_ref(), shapes, started);
    Ok(answer.section(Section::Table { title: "Statistics".to_owned(), table, only_json: &[] }))
}

/// Says how much there is: columns `what, count, bytes, text`.
fn statistics(analysis: &HeapAnalysis, core: Option<&Kept>, shapes: Option<u64>, started: Instant) -> Table {
    let columns = [
        ("what", "what", ColumnKind::Text),
        ("count", "count", ColumnKind::Count),
        ("bytes", "bytes", ColumnKind::Bytes),
        ("text", "", ColumnKind::Text),
    ];
    let mut table = Table::new("statistics", &columns);
    let graph = analysis.graph();
    let is_javascript = |kind: NodeKind| matches!(kind, NodeKind::OBJECT | NodeKind::CLOSURE | NodeKind::REGEXP);
    let javascript = graph.nodes().filter(|&node| is_javascript(graph.kind(node)));
    let (count, bytes) = javascript.fold((0, 0), |(count, bytes), node| (count + 1, bytes + analysis.self_size(node)));
    table.push(vec!["elapsed".into(), Cell::None, Cell::None, format!("{:.2} s", started.elapsed().as_secs_f64()).into()]);
    table.push(vec!["nodes that are looked at".into(), (graph.node_count() as u64).into(), analysis.total_size().into(), Cell::None]);
    table.push(vec!["JavaScript objects among them".into(), u64::into(count), u64::into(bytes), Cell::None]);
    table.push(vec!["shapes that are listed".into(), shapes.into(), Cell::None, Cell::None]);
    let Some(walk) = core.map(|kept| kept.basis.walk) else { return table };
    for (what, count, bytes) in [
        ("heap objects, garbage too", Some(walk.objects), walk.object_bytes),
        ("rejected: no object where one should begin", Some(walk.resyncs), walk.skipped_bytes),
        ("free memory", None, walk.free_bytes),
        ("ends of pages that were never used", None, walk.unused_bytes),
        ("the idle half of the young generation", None, walk.idle_bytes),
        ("objects that a collection had moved away", None, walk.moved_bytes),
        ("machine code", None, walk.code_bytes),
    ] {
        table.push(vec![what.into(), count.into(), bytes.into(), Cell::None]);
    }
    let free = walk.free_bytes + walk.unused_bytes + walk.idle_bytes + walk.moved_bytes;
    let told = walk.object_bytes + free + walk.code_bytes;
    let all = told + walk.skipped_bytes;
    let share = 100.0 * told as f64 / all.max(1) as f64;
    table.push(vec!["attributed".into(), Cell::None, told.into(), format!("{share:.2} % of {all} bytes").into()]);
    table
}
