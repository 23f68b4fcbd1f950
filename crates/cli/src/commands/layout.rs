//! `heapwhy layout`: every number of V8's layout by which a core is read, where it comes from, and whether the memory agrees.

use clap::Args;
use heap::view::{Cell, ColumnKind, Table};
use v8mem::basis::Basis;
use v8mem::layout::Source;

use crate::answer::{Answer, Section};
use crate::args::FileArg;
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::session::Session;

/// Options of `layout`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy layout core.4217\n  heapwhy layout core.4217 --check\n  heapwhy layout core.4217 --json | jq '.layout.rows[] | select(.source == \"table\")'",
    after_help = "source: symbol where V8 says it itself (v8dbg_…), else table: what was found in official builds.\n--check exits with 0 where the memory agrees with the layout, and with 3 where it does not.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct LayoutArgs {
    #[command(flatten)]
    file: FileArg,
    /// Read the whole heap by it, and say what agrees and what does not
    #[arg(long)]
    check: bool,
}

/// Shows the layout, or checks it.
pub(crate) fn run(args: &LayoutArgs, session: &Session) -> Result<Answer, CommandError> {
    let mut file = Dissected::open(&args.file.file, "layout", session)?;
    if args.check {
        let (basis, objects) = file.inventory(|found| (found.basis(), found.heap.objects.len() as u64))?;
        file.doubt(&basis);
        let line = Section::Text { name: "basis", text: basis.to_string() };
        return Ok(file.answer(session).headed().section(line).brief_table(checks(&basis, objects, &file), &[]));
    }
    let columns = [
        ("name", "name", ColumnKind::Text),
        ("value", "value", ColumnKind::Count),
        ("source", "source", ColumnKind::Text),
        ("symbol", "V8's symbol", ColumnKind::Text),
    ];
    let mut table = Table::new("layout", &columns);
    for entry in &file.anatomy.layout.entries {
        let source = if entry.source == Source::Symbol { "symbol" } else { "table" };
        let symbol = Some(entry.symbol).filter(|symbol| !symbol.is_empty());
        table.push(vec![entry.name.into(), entry.value.to_string().into(), source.into(), symbol.into()]);
    }
    table.truncate(session.limit(true));
    Ok(file.answer(session).headed().brief_table(table, &[]))
}

/// Lists the checks: columns `check, agrees, of, result`.
fn checks(basis: &Basis, objects: u64, file: &Dissected) -> Table {
    let columns = [
        ("check", "check", ColumnKind::Text),
        ("agrees", "agrees", ColumnKind::Count),
        ("of", "of", ColumnKind::Count),
        ("result", "result", ColumnKind::Text),
    ];
    let mut table = Table::new("checks", &columns);
    let (_, good, all) = basis.free;
    let walked = basis.walk.object_bytes + basis.walk.skipped_bytes;
    let isolates = &file.anatomy.isolates;
    let at_known_place = isolates.iter().filter(|isolate| isolate.checked).count();
    let unknown: u64 = basis.unknown.iter().map(|(_, count)| count).sum();
    let rows = [
        ("free stretches end where something begins", u64::from(good), u64::from(all)),
        ("bytes between objects are explained", basis.walk.object_bytes, walked),
        ("objects are of types that have a name", objects.saturating_sub(unknown), objects),
        ("isolates begin where this V8's tables say", at_known_place as u64, isolates.len() as u64),
    ];
    for (check, agrees, of) in rows {
        let result = if agrees == of { "all" } else { "not all" };
        table.push(vec![check.into(), agrees.into(), of.into(), result.into()]);
    }
    let types = basis.contradictions.len() as u64;
    let result = if types == 0 { "none" } else { "some" };
    table.push(vec!["types that the process numbers otherwise".into(), types.into(), Cell::None, result.into()]);
    table
}
