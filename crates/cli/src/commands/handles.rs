//! `heapwhy handles`: what a process has open, of each environment: servers, sockets, watchers, processes, ports; with libuv's state of each.

use clap::Args;
use heap::NodeId;
use heap::view::{Cell, ColumnKind, Table};
use v8mem::death::Signal;
use v8mem::node_side::libuv::{Detail, UvHandle};
use v8mem::node_side::{Addresses, HandleWrap, NodeView};

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::dissected::{Dissected, Names};
use crate::error::CommandError;
use crate::render::number;
use crate::session::Session;
use crate::typed::shell_path;

/// Options of `handles`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy handles core.4217\n  heapwhy handles core.4217 --json | jq '.handles.rows[] | select(.state == \"inactive\")'\n  heapwhy handles core.4217 -q | heapwhy why core.4217 -",
    after_help = "state: listening, active, inactive (it waits for nothing: paused, or never started) or closing. ref: an active handle with it keeps the process running.\nAddresses are given as far as JavaScript remembers them, for they are the kernel's: ? is a port that the kernel chose.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct HandlesArgs {
    #[command(flatten)]
    file: FileArg,
    /// Print the ids of the handles' JavaScript objects only, one a line
    #[arg(short, long)]
    quiet: bool,
}

/// Columns for programs: a terminal has no room for them.
const ONLY_JSON: &[&str] =
    &["class", "kind", "local", "peer", "path", "pid", "signal", "queued", "owner_id", "hold", "references", "size", "native"];
/// As `ONLY_JSON`, of a process with one isolate.
const ONLY_JSON_OF_ONE: &[&str] =
    &["class", "kind", "local", "peer", "path", "pid", "signal", "queued", "owner_id", "hold", "references", "size", "native", "isolate"];

/// Lists the handles.
pub(crate) fn run(args: &HandlesArgs, session: &Session) -> Result<Answer, CommandError> {
    let mut file = Dissected::open(&args.file.file, "handles", session)?;
    let (mut table, ids, lost) = read(&file);
    file.lost(lost, "handles");
    let answer = file.answer(session);
    let limit = session.limit(args.quiet);
    if args.quiet {
        return Ok(answer.section(Section::Ids(ids.into_iter().take(limit).collect())));
    }
    table.truncate(limit);
    let hidden = if file.anatomy.isolates.len() > 1 { ONLY_JSON } else { ONLY_JSON_OF_ONE };
    Ok(answer.headed().brief_table(table, hidden).next(format!("heapwhy requests {}", shell_path(&args.file.file))))
}

/// Reads all handles: the table, the wrappers' ids, and how many could not be read.
fn read(file: &Dissected) -> (Table, Vec<NodeId>, usize) {
    let columns = [
        ("id", "id", ColumnKind::Node),
        ("type", "type", ColumnKind::Text),
        ("state", "state", ColumnKind::Text),
        ("ref", "ref", ColumnKind::Text),
        ("fd", "fd", ColumnKind::Count),
        ("about", "about", ColumnKind::Text),
        ("owner", "owner", ColumnKind::Text),
        ("isolate", "isolate", ColumnKind::Count),
        ("class", "class", ColumnKind::Text),
        ("kind", "kind", ColumnKind::Text),
        ("local", "local", ColumnKind::Text),
        ("peer", "peer", ColumnKind::Text),
        ("path", "path", ColumnKind::Text),
        ("pid", "pid", ColumnKind::Count),
        ("signal", "signal", ColumnKind::Text),
        ("queued", "queued", ColumnKind::Bytes),
        ("owner_id", "owner id", ColumnKind::Node),
        ("hold", "hold", ColumnKind::Text),
        ("references", "references", ColumnKind::Count),
        ("size", "size", ColumnKind::Bytes),
        ("native", "native", ColumnKind::Text),
    ];
    let (mut table, mut ids, mut missing) = (Table::new("handles", &columns), Vec::new(), 0);
    file.node_side(|view, names| {
        for environment in view.environments().into_iter().filter(|environment| file.wants(Some(environment.isolate))) {
            let (handles, lost) = view.handles(&environment);
            missing += lost;
            for handle in handles.into_iter().filter(|handle| file.wants(Some(handle.object.isolate))) {
                ids.push(NodeId(handle.object.wrapper));
                table.push(row(view, names, &handle));
            }
        }
    });
    (table, ids, missing)
}

fn row(view: NodeView<'_, '_>, names: &Names<'_, '_>, handle: &HandleWrap) -> Vec<Cell> {
    let (object, uv) = (&handle.object, handle.uv.as_ref());
    let owner = view.owner(object.wrapper);
    let addresses = owner.map(|owner| view.addresses(owner)).unwrap_or_default();
    let detail = |wanted: fn(&Detail) -> Option<Cell>| uv.and_then(|uv| wanted(&uv.detail)).unwrap_or(Cell::None);
    vec![
        NodeId(object.wrapper).into(),
        handle.name().unwrap_or(UNKNOWN).into(),
        uv.map_or(UNKNOWN, |uv| uv.state()).into(),
        uv.map(|uv| if uv.is_referenced() { "yes" } else { "no" }).into(),
        uv.and_then(|uv| u64::try_from(uv.fd?).ok()).into(),
        uv.and_then(|uv| about(uv, &addresses)).into(),
        owner.and_then(|owner| names.class(owner)).into(),
        (object.isolate as u64 + 1).into(),
        object.class.clone().into(),
        uv.map(|uv| uv.kind).into(),
        addresses.local.into(),
        addresses.peer.into(),
        detail(|detail| if let Detail::Path(path) = detail { Some(path.clone().into()) } else { None }),
        detail(|detail| if let Detail::Process(pid) = detail { u64::try_from(*pid).ok().map(Cell::from) } else { None }),
        detail(|detail| if let Detail::Signal(number) = detail { Some(signal(*number).into()) } else { None }),
        uv.and_then(|uv| uv.queued).into(),
        owner.map(NodeId).into(),
        object.hold.name().into(),
        object.references.map(u64::from).into(),
        object.size.into(),
        format!("{:#x}", object.addr).into(),
    ]
}

/// What stands where neither memory nor symbols tell.
pub(crate) const UNKNOWN: &str = "unknown";

/// Says in a few words where a handle leads.
fn about(uv: &UvHandle, addresses: &Addresses) -> Option<String> {
    let ends = match (&addresses.local, &addresses.peer) {
        (Some(local), Some(peer)) => Some(format!("{local} to {peer}")),
        (Some(local), None) => Some(format!("on {local}")),
        (None, Some(peer)) => Some(format!("to {peer}")),
        (None, None) => None,
    };
    let own = match &uv.detail {
        Detail::None => None,
        Detail::Path(path) => Some(path.clone()),
        Detail::Process(pid) => Some(format!("pid {pid}")),
        Detail::Signal(number) => Some(signal(*number)),
    };
    let queued = uv.queued.filter(|&queued| queued > 0).map(|queued| format!("{} to send", number::bytes(queued)));
    let parts: Vec<String> = [ends, own, queued].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn signal(number: i32) -> String {
    Signal { number, address: None }.to_string()
}
