//! Packed cores: what systemd-coredump (zstd), apport (lz4, gzip) and people leave, read as what they unpack to.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use heap::snapshot::Input;
use heap::{HeapGraph, Silent};
use v8mem::CoreFile;
use v8mem::graph::Scope;
use v8mem::read::read_core;

use crate::workspace::run;

/// Packs a core in each way, and compares what is read of it.
pub(super) fn check(core: &Path) -> Result<()> {
    let truth = read(core)?;
    for program in ["zstd", "lz4", "gzip"] {
        // Nobody's name tells how it is packed: the first bytes do.
        let packed = core.with_extension("packed");
        run(Command::new(program).args(["-1", "-c"]).arg(core).stdout(File::create(&packed)?).stderr(Stdio::null()))?;
        ensure!(fs::metadata(&packed)?.len() < fs::metadata(core)?.len() / 2, "{program} packs nothing");
        let found = read(&packed).with_context(|| format!("packed by {program}"))?;
        fs::remove_file(packed)?;
        ensure!(sums(&found) == sums(&truth), "packed by {program}: {:?}, not {:?}", sums(&found), sums(&truth));
    }
    Ok(())
}

fn read(path: &Path) -> Result<HeapGraph> {
    let (file, problems) = Input::open(path, &Silent)?.into_file();
    ensure!(problems.is_empty(), "problems: {:?}", problems.kept());
    let mut core = CoreFile::of(file)?;
    core.set_binary(core.find_binary().context("the core leads to no program that describes V8")?);
    let (graph, problems, _) = read_core(&core, Scope::Live)?;
    ensure!(problems.is_empty(), "problems: {:?}", problems.kept());
    Ok(graph)
}

/// Nodes, edges, and the sum of all sizes.
fn sums(graph: &HeapGraph) -> (usize, usize, u64) {
    (graph.node_count(), graph.edge_count(), graph.nodes().map(|node| graph.raw_self_size(node)).sum())
}
