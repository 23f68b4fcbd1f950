//! `heapwhy whatis`: what lies at addresses of a core: objects and their fields, pages, isolates, stacks, files, memory of C++.

use clap::Args;
use heap::NodeId;
use heap::view::{Cell, ColumnKind, Table};
use v8mem::atlas::{Atlas, Spot, Thing};
use v8mem::space::Space;

use crate::answer::Answer;
use crate::args::FileArg;
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::session::Session;
use crate::what;

/// Options of `whatis`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy whatis core.4217 0x1f3a4c0e8a10\n  heapwhy grep core.4217 0x1f3a4c0e8a10 -q | heapwhy whatis core.4217 -",
    after_help = "An address may lie anywhere in an object: field says where. life: reachable, weakly (only weak references lead to it), garbage, or permanent (isolates share it, and nobody frees it).",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct WhatisArgs {
    #[command(flatten)]
    file: FileArg,
    /// Addresses, in hexadecimal (0x…), or - to read them from standard input
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
}

/// Says what lies there.
pub(crate) fn run(args: &WhatisArgs, session: &Session) -> Result<Answer, CommandError> {
    let addresses = what::addresses(&args.file.file, &args.addresses, session)?;
    let file = Dissected::open(&args.file.file, "whatis", session)?;
    let mut table = Table::new("whatis", &COLUMNS);
    file.inventory(|inventory| {
        let atlas = Atlas::new(&file.core, inventory);
        for &NodeId(addr) in &addresses {
            table.push(row(addr, &atlas.at(addr)));
        }
    })?;
    table.truncate(session.limit(true));
    Ok(file.answer(session).headed().brief_table(table, &["offset", "space", "type", "size", "page"]))
}

/// The columns of what is known of an address.
pub(crate) const COLUMNS: [(&str, &str, ColumnKind); 12] = [
    ("address", "address", ColumnKind::Word),
    ("what", "what", ColumnKind::Text),
    ("id", "id", ColumnKind::Node),
    ("name", "name", ColumnKind::Text),
    ("field", "field", ColumnKind::Text),
    ("offset", "offset", ColumnKind::Count),
    ("life", "life", ColumnKind::Word),
    ("space", "space", ColumnKind::Word),
    ("isolate", "isolate", ColumnKind::Count),
    ("type", "type", ColumnKind::Text),
    ("size", "size", ColumnKind::Bytes),
    ("page", "page", ColumnKind::Text),
];

/// Makes a row of what is known of an address.
pub(crate) fn row(addr: u64, spot: &Spot) -> Vec<Cell> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let (what, id, name, field) = match &spot.thing {
        Thing::Object { addr, label, field, .. } => ("object", Cell::Node(*addr), text(label), text(field)),
        Thing::Free => ("free memory of a page", Cell::None, Cell::None, Cell::None),
        Thing::Code => ("machine code", Cell::None, Cell::None, Cell::None),
        Thing::PageHeader => ("header of a page", Cell::None, Cell::None, Cell::None),
        Thing::Isolate { root } => ("isolate", Cell::None, Cell::None, root.clone().into()),
        Thing::Stack { thread, above } => {
            let place = above.map_or("below the stack pointer".to_owned(), |above| format!("stack pointer + {above}"));
            ("stack", Cell::None, format!("thread {thread}").into(), place.into())
        }
        Thing::File { path, function, .. } => {
            let place = function.as_ref().map(|(function, offset)| format!("{function} + {offset}"));
            ("file", Cell::None, text(path), place.into())
        }
        Thing::Native { class } => ("memory of C++", Cell::None, class.clone().into(), Cell::None),
        Thing::Nothing => ("not in this core", Cell::None, Cell::None, Cell::None),
    };
    let (kind, size, life) = match &spot.thing {
        Thing::Object { kind, size, life, .. } => (text(kind), Cell::Number(*size), text(life.word())),
        _ => (Cell::None, Cell::None, Cell::None),
    };
    let offset = if matches!(spot.thing, Thing::Nothing) { Cell::None } else { spot.offset.into() };
    vec![
        format!("{addr:#x}").into(),
        what.into(),
        id,
        name,
        field,
        offset,
        life,
        spot.space.map(Space::name).into(),
        spot.isolate.map(|isolate| isolate as u64 + 1).into(),
        kind,
        size,
        spot.page.map(|page| format!("{page:#x}")).into(),
    ]
}
