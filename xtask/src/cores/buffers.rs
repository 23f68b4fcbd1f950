//! Buffers of the program that knows which it has; and all of a process's together, held to what it says itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use heap::questions::Buffers;
use heap::source::NoFiles;
use heap::story::Scene;
use heap::view::{Cell, Table};
use heap::{EdgeKind, HeapAnalysis, NodeIx};
use serde_json::Value;
use v8mem::graph::Scope;
use v8mem::read::read_anatomy;
use v8mem::{Anatomy, CoreFile};

use super::answers::at;

/// The memory behind things of `answers.js`: what it is, its bytes, how many of them are shown, and how many views there are.
const KNOWN: [(&str, &str, u64, u64, u64); 3] =
    [("big", "ArrayBuffer", 300_001, 300_001, 2), ("owned", "ArrayBuffer", 70_000, 64, 1), ("shared", "SharedArrayBuffer", 65_536, 0, 0)];

/// Held to `answers.js`: of a core, what is shown of each; of both, whose it is.
pub(super) fn of_program(analysis: &HeapAnalysis, is_core: bool) -> Result<()> {
    let scene = Scene::new(analysis, &NoFiles);
    let buffers = Buffers::of(&scene);
    let table = buffers.list(usize::MAX);
    for (name, kind, bytes, used, views) in KNOWN {
        let row = row(&table, analysis, behind(analysis, name)?)?;
        let is = |column: &str, expect: Cell| *row(column) == expect;
        ensure!(is("kind", kind.into()) && is("bytes", bytes.into()) && is("views", views.into()), "{name}: {:?}", row("bytes"));
        ensure!(is("used_bytes", if is_core { used.into() } else { Cell::None }), "{name}: {:?} are used", row("used_bytes"));
        // Two ways lead to it, and either may be the shorter.
        let owners = [format!("globalThis.__KEEP.buffers.{name}"), format!("const keep.buffers.{name} in answers.js")];
        ensure!(owners.iter().any(|owner| is("owner", owner.as_str().into())), "{name}: {:?}", row("owner"));
        ensure!(matches!(row("address"), Cell::Text(_)) == is_core, "{name}: {:?}", row("address"));
    }
    let slab = row(&table, analysis, behind(analysis, "pooled")?)?;
    let (Cell::Number(bytes), used) = (slab("bytes"), slab("used_bytes")) else { anyhow::bail!("a slab without a size") };
    // Node.js 26 adds some bytes, so that Buffers can be aligned.
    ensure!(
        (8 << 10..=(64 << 10) + 64).contains(bytes) && *slab("kind") == Cell::from("pool slab"),
        "a slab of {bytes}: {:?}",
        slab("kind")
    );
    ensure!(!is_core || matches!(used, Cell::Number(used) if (6..*bytes).contains(used)), "{used:?} of {bytes} bytes of a slab are used");
    let kinds = buffers.kinds();
    let small = kinds.rows.iter().find(|row| row[0] == Cell::from("typed arrays in V8's heap"));
    ensure!(small.is_some() == is_core, "{:?}", kinds.rows);
    external(&table, analysis, is_core)
}

/// The long text lies outside the heap: a core tells, and snapshots of Node.js 24 and later.
fn external(table: &Table, analysis: &HeapAnalysis, is_core: bool) -> Result<()> {
    let found = row(table, analysis, at(analysis, "buffers.text")?);
    ensure!(found.is_ok() || !is_core, "the external string is not listed");
    let Ok(row) = found else { return Ok(()) };
    ensure!(*row("kind") == Cell::from("external string") && *row("bytes") == Cell::Number(2 << 20), "the text: {:?}", row("bytes"));
    Ok(())
}

/// `process.memoryUsage().arrayBuffers` was just before what a core has of ArrayBuffers: at least those that are alive, and no more than
/// those with garbage, of which V8 may have freed the memory already.
pub(super) fn sum(file: &CoreFile, anatomy: &Anatomy, truth: &Value) -> Result<()> {
    let (graphs, ..) = read_anatomy(file, anatomy.clone(), [Scope::Live, Scope::Weak, Scope::Dead])?;
    let (mut stores, mut sums) = (BTreeMap::new(), Vec::new());
    for graph in &graphs {
        let backing = graph.nodes().filter(|&node| graph.name(node) == "system / JSArrayBufferData");
        stores.extend(backing.map(|node| (graph.id(node), graph.raw_self_size(node))));
        sums.push(stores.values().sum::<u64>());
    }
    let told = truth["arrayBuffers"].as_u64().context("the program does not say how much it has")?;
    let (least, most) = (sums[0].saturating_sub(OF_NODE), sums[2] + OF_NODE);
    ensure!(
        (least..=most).contains(&told),
        "{sums:?} bytes in ArrayBuffers (alive, weakly reachable too, garbage too), the process says {told}"
    );
    Ok(())
}

/// Bytes of Node.js's own in ArrayBuffers that it did not allocate as such: 4 in Node.js 16.
const OF_NODE: u64 = 64;

/// Returns the ArrayBuffer of one of the program's things: its own where it is a view.
fn behind(analysis: &HeapAnalysis, name: &str) -> Result<NodeIx> {
    let node = at(analysis, &format!("buffers.{name}"))?;
    Ok(analysis.graph().child(node, EdgeKind::INTERNAL, "buffer").unwrap_or(node))
}

/// Returns how to get at the cells of a node's row.
fn row<'a>(table: &'a Table, analysis: &HeapAnalysis, node: NodeIx) -> Result<impl Fn(&str) -> &'a Cell + use<'a>> {
    let id = Cell::Node(analysis.graph().id(node).0);
    let row = table.rows.iter().find(|row| row[0] == id).with_context(|| format!("{id:?} is not listed"))?;
    Ok(move |name: &str| {
        let at = table.columns.iter().position(|column| column.name == name);
        at.and_then(|at| row.get(at)).unwrap_or(&Cell::None)
    })
}
