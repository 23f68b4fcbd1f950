//! `heapwhy requests`: what a process waits for from the system: files, writes, names, connections; with the function that hears of the end.

use clap::Args;
use heap::NodeId;
use heap::view::{Cell, ColumnKind, Table};
use v8mem::maps::{smi, strong};
use v8mem::node_side::{NodeView, PoolWork, ReqWrap};

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::commands::handles::UNKNOWN;
use crate::dissected::{Dissected, Names};
use crate::error::CommandError;
use crate::render::number;
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `requests`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy requests core.4217\n  heapwhy requests core.4217 --json | jq '.requests.rows[].target'\n  heapwhy requests core.4217 -q | heapwhy why core.4217 -",
    after_help = "Requests that libuv or c-ares work on, and work in libuv's pool of threads (crypto, zlib; of Node.js 26 files that are read or written whole) by the class of its object. Work of addons is not among them: Node.js keeps no list of it.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct RequestsArgs {
    #[command(flatten)]
    file: FileArg,
    /// Print the ids of the requests' JavaScript objects only, one a line
    #[arg(short, long)]
    quiet: bool,
}

/// Columns for programs: a terminal has no room for them.
const ONLY_JSON: &[&str] = &["type", "class", "bytes", "callback_id", "handle_id", "references", "size", "native"];
/// As `ONLY_JSON`, of a process with one isolate.
const ONLY_JSON_OF_ONE: &[&str] = &["type", "class", "bytes", "callback_id", "handle_id", "references", "size", "native", "isolate"];

/// Lists the requests.
pub(crate) fn run(args: &RequestsArgs, session: &Session) -> Result<Answer, CommandError> {
    let mut file = Dissected::open(&args.file.file, "requests", session)?;
    let (mut table, ids, lost) = read(&file);
    file.lost(lost, "requests");
    let answer = file.answer(session);
    let limit = session.limit(args.quiet);
    if args.quiet {
        return Ok(answer.section(Section::Ids(ids.into_iter().take(limit).collect())));
    }
    table.truncate(limit);
    let hidden = if file.anatomy.isolates.len() > 1 { ONLY_JSON } else { ONLY_JSON_OF_ONE };
    Ok(answer.headed().brief_table(table, hidden).next(format!("heapwhy handles {}", shell_path(&args.file.file))))
}

/// Reads all requests: the table, the wrappers' ids, and how many could not be read.
fn read(file: &Dissected) -> (Table, Vec<NodeId>, usize) {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("type", "type", ColumnKind::Text),
        ("kind", "kind", ColumnKind::Text),
        ("target", "target", ColumnKind::Text),
        ("callback", "callback", ColumnKind::Text),
        ("callback_id", "callback id", ColumnKind::Node),
        ("location", "location", ColumnKind::Location),
        ("class", "class", ColumnKind::Text),
        ("bytes", "bytes", ColumnKind::Bytes),
        ("handle_id", "handle", ColumnKind::Node),
        ("isolate", "isolate", ColumnKind::Count),
        ("references", "references", ColumnKind::Count),
        ("size", "size", ColumnKind::Bytes),
        ("native", "native", ColumnKind::Text),
    ];
    let (mut table, mut ids, mut missing) = (Table::new("requests", &columns), Vec::new(), 0);
    file.node_side(|view, names| {
        for environment in view.environments().into_iter().filter(|environment| file.wants(Some(environment.isolate))) {
            let (requests, lost) = view.requests(&environment);
            missing += lost;
            for request in requests.into_iter().filter(|request| file.wants(Some(request.object.isolate))) {
                ids.push(NodeId(request.object.wrapper));
                table.push(row(view, names, &request));
            }
            for work in view.pool_work(&environment) {
                ids.push(NodeId(work.object.wrapper));
                table.push(row_of_work(view, names, &work));
            }
        }
    });
    (table, ids, missing)
}

fn row(view: NodeView<'_, '_>, names: &Names<'_, '_>, request: &ReqWrap) -> Vec<Cell> {
    let (object, uv) = (&request.object, request.uv.as_ref());
    let callback = callback(view, names, object.wrapper);
    let kind = uv.map(|uv| uv.operation.map_or(uv.kind.to_owned(), |operation| format!("{} {operation}", uv.kind)));
    let target = uv.and_then(|uv| uv.target.clone()).or_else(|| target(view, object.wrapper));
    let bytes = view.property(object.wrapper, "bytes").and_then(smi).and_then(|bytes| u64::try_from(bytes).ok());
    let target = target.or_else(|| Some(format!("{} to send", number::bytes(bytes?))));
    vec![
        NodeId(object.wrapper).into(),
        object.class_name().unwrap_or(UNKNOWN).into(),
        kind.or_else(|| object.class_name().map(str::to_owned)).into(),
        target.into(),
        callback.and_then(|function| names.function(function)).into(),
        callback.map(NodeId).into(),
        callback.and_then(|function| names.place(function)).into(),
        object.class.clone().into(),
        bytes.into(),
        uv.and_then(|uv| view.wrap_of_handle(uv.handle?)).map(|handle| NodeId(handle.wrapper)).into(),
        (object.isolate as u64 + 1).into(),
        object.references.map(u64::from).into(),
        object.size.into(),
        format!("{:#x}", object.addr).into(),
    ]
}

/// Work in the pool: what it is says the class of its wrapper.
fn row_of_work(view: NodeView<'_, '_>, names: &Names<'_, '_>, work: &PoolWork) -> Vec<Cell> {
    let object = &work.object;
    let (callback, class) = (callback(view, names, object.wrapper), names.class(object.wrapper));
    let is_of_file = class.as_deref().is_some_and(|class| class.ends_with("FileJob"));
    vec![
        NodeId(object.wrapper).into(),
        object.class_name().unwrap_or(UNKNOWN).into(),
        class.into(),
        is_of_file.then(|| view.path_of_work(work)).flatten().into(),
        callback.and_then(|function| names.function(function)).into(),
        callback.map(NodeId).into(),
        callback.and_then(|function| names.place(function)).into(),
        object.class.clone().into(),
        Cell::None,
        Cell::None,
        (object.isolate as u64 + 1).into(),
        object.references.map(u64::from).into(),
        object.size.into(),
        format!("{:#x}", object.addr).into(),
    ]
}

/// Returns the function that hears of the end: the program's own, which Node.js keeps in a context of the request's, or in the object that works with it.
fn callback(view: NodeView<'_, '_>, names: &Names<'_, '_>, wrapper: u64) -> Option<u64> {
    let context = view.property(wrapper, "context").and_then(strong);
    let places = [
        (Some(wrapper), "callback"),
        (context, "callback"),
        (Some(wrapper), "oncomplete"),
        (Some(wrapper), "ondone"),
        (view.owner(wrapper), "cb"),
    ];
    names.heard_by(places.into_iter().filter_map(|(object, name)| strong(view.property(object?, name)?)))
}

/// Returns where a request leads by what its object of JavaScript says: a connection's address, or a name to be resolved.
fn target(view: NodeView<'_, '_>, wrapper: u64) -> Option<String> {
    let name = || view.text(wrapper, "hostname");
    let address = view.text(wrapper, "address").map(|address| match view.property(wrapper, "port").and_then(smi) {
        Some(port) => v8mem::node_side::with_port(&address, &port.to_string()),
        None => address,
    });
    address.or_else(name)
}
