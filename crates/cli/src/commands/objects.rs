//! `heapwhy objects`: objects by shape, class or type, one of each to look at: what `::findjsobjects` of mdb shows, with bytes.

use std::time::Instant;

use clap::{Args, ValueEnum};
use heap::questions::{ObjectGroup, ObjectGrouping, ObjectQuery, list_objects, objects};
use heap::story::Setting;
use heap::view::{Cell, ColumnKind, Table};
use heap::{HeapAnalysis, NodeId, NodeKind};
use v8mem::census::{self, Query, census};
use v8mem::liveness::Sum;
use v8mem::walk::WalkStats;
use v8mem::{Anatomy, Kind};

use crate::answer::{Answer, Section};
use crate::args::{FileArg, SourceArgs};
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::open::{self, CoreOrGraph, Opened};
use crate::session::Session;

/// Options of `objects`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy objects core.4217\n  heapwhy objects core.4217 -p sessionId\n  heapwhy objects core.4217 -c Session -q | heapwhy inspect core.4217 -\n  heapwhy instances core.4217 shape:0x1f3a4c0e8a10",
    after_help = "Those with most objects times properties come first. id: the one that retains most, or without --retained, the largest itself. Of a snapshot, properties with numbers are not known. Of a core dump, objects are counted without a graph of the heap: own sizes leave out the arrays that hold elements, plain objects are of the class Object, and types are V8's instance types, of which --by type lists all; --retained makes the graph.",
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
    /// Of a core dump: what they retain, too, and classes as in snapshots, which takes several times as long
    #[arg(long)]
    retained: bool,
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
    let path = &args.file.file;
    let kind = kind_test(args.kind.as_deref());
    let file = match (args.retained, kind) {
        (false, Some(kind)) => match open::core_or_graph(path, session)? {
            CoreOrGraph::Core(source) => return counted(args, kind, Dissected::of(path, *source, session)?, started, session),
            CoreOrGraph::Graph(file) => open::prepared(*file, session)?,
        },
        _ => open::read_prepared(path, session)?,
    };
    of_graph(args, &file, started, session)
}

/// Lists the objects of a graph.
fn of_graph(args: &ObjectsArgs, file: &Opened, started: Instant, session: &Session) -> Result<Answer, CommandError> {
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
    let sums = sums(&file.analysis);
    Ok(answer.section(statistics(sums, file.core.as_ref().map(|kept| &kept.notes.basis.walk), shapes, started)))
}

/// Returns which kinds of objects of a core are meant; `None` where only a graph has those.
fn kind_test(kind: Option<&str>) -> Option<fn(Kind) -> bool> {
    let is_function = |kind: Kind| matches!(kind, Kind::JsFunction | Kind::JsBoundFunction);
    Some(match kind {
        None => |_| true,
        Some("object") => |kind| !matches!(kind, Kind::JsFunction | Kind::JsBoundFunction | Kind::JsRegExp),
        Some("closure") => is_function,
        Some("regexp") => |kind| kind == Kind::JsRegExp,
        Some(_) => return None,
    })
}

/// Counts the objects of a core, without a graph.
fn counted(
    args: &ObjectsArgs,
    kind: fn(Kind) -> bool,
    mut file: Dissected,
    started: Instant,
    session: &Session,
) -> Result<Answer, CommandError> {
    let by = match args.by {
        By::Shape => census::By::Shape,
        By::Class => census::By::Class,
        By::Type => census::By::Type,
    };
    let (class, property) = (args.class.as_deref(), args.property.as_deref());
    let query = Query { by, scope: session.scope(), class, property, kind };
    let (groups, sums, basis) = file.inventory_of_wanted(|inventory| {
        let script = Query { by: census::By::Class, class: None, property: None, kind: |_| true, ..query };
        let javascript = if args.verbose { total(&census(inventory, &script)) } else { Sum::default() };
        let groups: Vec<ObjectGroup> = census(inventory, &query).into_iter().map(|group| listed(group, by, inventory.anatomy)).collect();
        (groups, [inventory.liveness.sums.of_scope(query.scope), javascript], inventory.basis())
    })?;
    file.rests_on(&basis);
    let table = list_objects(groups, session.limit(args.quiet));
    let shapes = (args.by == By::Shape).then_some(table.total_rows);
    let answer = file.answer(session).rows_or_ids(table, args.quiet, &[]);
    if args.quiet || !args.verbose {
        return Ok(answer);
    }
    Ok(answer.section(statistics(sums, Some(&basis.walk), shapes, started)))
}

fn total(groups: &[census::Group]) -> Sum {
    let add = |sum: Sum, group: &census::Group| Sum { objects: sum.objects + group.sum.objects, bytes: sum.bytes + group.sum.bytes };
    groups.iter().fold(Sum::default(), add)
}

fn listed(group: census::Group, by: census::By, anatomy: &Anatomy) -> ObjectGroup {
    let id = NodeId(group.largest);
    let isolate = anatomy.isolate_of(group.largest).filter(|_| anatomy.isolates.len() > 1);
    ObjectGroup {
        id,
        class: group.name,
        properties: group.properties,
        shape: (by == census::By::Shape).then(|| format!("shape:{id}")),
        count: group.sum.objects,
        size: group.sum.bytes,
        retained: None,
        isolate: isolate.map(|nth| nth as u32 + 1),
    }
}

/// Sums up all that a graph has, and the objects of JavaScript among it.
fn sums(analysis: &HeapAnalysis) -> [Sum; 2] {
    let graph = analysis.graph();
    let is_javascript = |kind: NodeKind| matches!(kind, NodeKind::OBJECT | NodeKind::CLOSURE | NodeKind::REGEXP);
    let javascript = graph.nodes().filter(|&node| is_javascript(graph.kind(node)));
    let add = |sum: Sum, node| Sum { objects: sum.objects + 1, bytes: sum.bytes + analysis.self_size(node) };
    [Sum { objects: graph.node_count() as u64, bytes: analysis.total_size() }, javascript.fold(Sum::default(), add)]
}

/// Says how much there is: columns `what, count, bytes, text`.
fn statistics([all, javascript]: [Sum; 2], walk: Option<&WalkStats>, shapes: Option<u64>, started: Instant) -> Section {
    let columns = [
        ("what", "what", ColumnKind::Text),
        ("count", "count", ColumnKind::Count),
        ("bytes", "bytes", ColumnKind::Bytes),
        ("text", "", ColumnKind::Text),
    ];
    let mut table = Table::new("statistics", &columns);
    table.push(vec!["elapsed".into(), Cell::None, Cell::None, format!("{:.2} s", started.elapsed().as_secs_f64()).into()]);
    table.push(vec!["objects that are looked at".into(), all.objects.into(), all.bytes.into(), Cell::None]);
    table.push(vec!["JavaScript objects among them".into(), javascript.objects.into(), javascript.bytes.into(), Cell::None]);
    table.push(vec!["shapes that are listed".into(), shapes.into(), Cell::None, Cell::None]);
    walk.into_iter().for_each(|walk| walked(walk, &mut table));
    Section::Table { title: "Statistics".to_owned(), table, only_json: &[] }
}

/// Says what of the memory was understood.
fn walked(walk: &WalkStats, table: &mut Table) {
    for (what, count, bytes) in [
        ("heap objects, garbage too", Some(walk.objects), walk.object_bytes),
        ("rejected: no object where one should begin", Some(walk.resyncs), walk.skipped_bytes),
        ("free memory", None, walk.free_bytes),
        ("ends of pages that were never used", None, walk.unused_bytes),
        ("the idle half of the young generation", None, walk.idle_bytes),
        ("where objects are being made", None, walk.open_bytes),
        ("objects that a collection had moved away", None, walk.moved_bytes),
        ("machine code between which nothing is known", None, walk.code_bytes),
    ] {
        table.push(vec![what.into(), count.into(), bytes.into(), Cell::None]);
    }
    let free = walk.free_bytes + walk.unused_bytes + walk.idle_bytes + walk.open_bytes + walk.moved_bytes;
    let told = walk.object_bytes + free;
    let all = told + walk.skipped_bytes + walk.code_bytes;
    let share = 100.0 * told as f64 / all.max(1) as f64;
    table.push(vec!["attributed".into(), Cell::None, told.into(), format!("{share:.2} % of {all} bytes").into()]);
}
