//! Fetches what tests and benchmarks need, through npm and locked: Node.js itself, DevTools' engine, other tools.

use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::say::say;

use crate::workspace::{TOOL_LINE, Workspace, is_fresh, key_of, run};

/// Installs the packages of `tests/package-lock.json`; does nothing when they are there.
pub(crate) fn tests(workspace: &Workspace) -> Result<()> {
    install(workspace, "tests")
}

/// Installs the packages of `bench/package-lock.json`, and those of the tests.
pub(crate) fn bench(workspace: &Workspace) -> Result<()> {
    tests(workspace)?;
    install(workspace, "bench")
}

/// Installs the packages of `tests/memlab/package-lock.json`.
pub(crate) fn memlab(workspace: &Workspace) -> Result<()> {
    install_from(workspace, "tests/memlab", "memlab")
}

/// Installs the packages of `tests/runners/package-lock.json`.
pub(crate) fn runners(workspace: &Workspace) -> Result<()> {
    install_from(workspace, "tests/runners", "runners")
}

/// Installs the packages of `tests/releases/package-lock.json`.
pub(crate) fn releases(workspace: &Workspace) -> Result<()> {
    install_from(workspace, "tests/releases", "releases")
}

fn install(workspace: &Workspace, set: &str) -> Result<()> {
    install_from(workspace, set, set)
}

fn install_from(workspace: &Workspace, folder: &str, set: &str) -> Result<()> {
    let from = workspace.root.join(folder);
    let to = workspace.cache.join("npm").join(set);
    let names = ["package.json", "package-lock.json"];
    let key = key_of(&names.map(|name| from.join(name)), &[])?;
    let stamp = to.join("installed");
    if is_fresh(&stamp, &key) {
        return Ok(());
    }
    eprintln!("installing the npm packages of {folder}/package-lock.json");
    fs::create_dir_all(&to)?;
    for name in names {
        fs::copy(from.join(name), to.join(name))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    npm.env("NODE_OPTIONS", "").current_dir(&to).stdin(Stdio::null()).stdout(Stdio::null());
    run(&mut npm).context("npm could not install what the tests need")?;
    fs::write(stamp, key)?;
    Ok(())
}

/// Bundles DevTools' engine for Node.js, and returns the bundle.
pub(crate) fn engine(workspace: &Workspace) -> Result<PathBuf> {
    tests(workspace)?;
    let script = workspace.root.join("tests/oracle/bundle.mjs");
    let key = key_of(&[script.clone(), workspace.root.join("tests/package-lock.json")], &[])?;
    let folder = workspace.cache.join("oracle");
    let (bundle, stamp) = (folder.join("engine.mjs"), folder.join("bundled"));
    if !is_fresh(&stamp, &key) {
        fs::create_dir_all(&folder)?;
        let mut command = Command::new(workspace.node(TOOL_LINE));
        run(command.arg(script).arg(workspace.modules("tests")).arg(&bundle)).context("cannot bundle DevTools' engine")?;
        fs::write(stamp, key)?;
    }
    Ok(bundle)
}

/// Sees that `gcore` is there, which writes cores of running processes; Debian's package gdb has it.
pub(crate) fn gdb() -> Result<()> {
    installed(&["gdb", "gcore"], "gdb")
}

/// Sees that the programs are there that pack cores.
pub(crate) fn packers() -> Result<()> {
    ["zstd", "lz4", "gzip"].into_iter().try_for_each(|program| installed(&[program], program))
}

/// Sees that programs of a package of Debian's are there.
fn installed(programs: &[&str], package: &str) -> Result<()> {
    let found = |name: &&str| Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if programs.iter().all(found) {
        return Ok(());
    }
    say!("{package} is missing: installing it through apt");
    let _ = run(Command::new("apt-get").args(["-qq", "update"]).stdout(Stdio::null()));
    run(Command::new("apt-get").args(["-qq", "-y", "--no-install-recommends", "install", package]).stdout(Stdio::null()))
        .with_context(|| format!("{package} is needed for the stage `cores`: apt-get install {package}"))
}
