//! Where things lie: the repository, the ignored folder of what is fetched or made, the Node.js binaries, and how commands are run.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;
use xxhash_rust::xxh3::Xxh3;

use crate::killed::ended_within;
use crate::snapshots::Snapshot;

/// The lines of Node.js that the tests run on; `tests/package.json` says which release of each.
pub(crate) const NODE_LINES: [u32; 6] = [16, 18, 20, 22, 24, 26];

/// The line that runs the oracle and the other tools.
pub(crate) const TOOL_LINE: u32 = 24;

/// The repository and its cache.
pub(crate) struct Workspace {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// `.cache` in it, or what the variable `XTASK_CACHE` says (several work trees can share one).
    pub(crate) cache: PathBuf,
    /// A folder of this run alone, removed at its end: several runs can share a cache.
    pub(crate) scratch: PathBuf,
    target: PathBuf,
    /// heapwhy, once it was built: debug and release.
    built: [OnceLock<PathBuf>; 2],
    /// The tests' snapshots, once they were looked at in a run: that is to read all of them.
    pub(crate) snapshots: OnceLock<Vec<Snapshot>>,
}

/// What runs that were killed left behind is removed after so long.
const STALE: Duration = Duration::from_secs(6 * 60 * 60);

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Makes a folder for this run, and removes those of runs that were killed long ago.
fn scratch(cache: &Path) -> Result<PathBuf> {
    let all = cache.join("scratch");
    let mine = all.join(format!("run-{}", std::process::id()));
    fs::create_dir_all(&mine).with_context(|| format!("cannot make {}", mine.display()))?;
    for entry in fs::read_dir(&all)?.flatten() {
        let age = entry.metadata().and_then(|about| about.modified()).ok().and_then(|changed| changed.elapsed().ok());
        if age.is_some_and(|age| age > STALE) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(mine)
}

impl Workspace {
    /// Finds the workspace that this binary was built from.
    pub(crate) fn here() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?.to_owned();
        let cache = std::env::var_os("XTASK_CACHE").map_or_else(|| root.join(".cache"), PathBuf::from);
        fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        let exe = std::env::current_exe()?;
        let target = exe.parent().and_then(Path::parent).context("xtask does not lie in a target folder")?.to_owned();
        let scratch = scratch(&cache)?;
        Ok(Self { root, cache, scratch, target, built: [const { OnceLock::new() }; 2], snapshots: OnceLock::new() })
    }

    /// The folder of npm packages of `set` (`tests` or `bench`).
    pub(crate) fn modules(&self, set: &str) -> PathBuf {
        self.cache.join("npm").join(set).join("node_modules")
    }

    /// The `node` binary of a line.
    pub(crate) fn node(&self, line: u32) -> PathBuf {
        self.modules("tests").join(format!("node{line}/bin/node"))
    }

    /// Builds heapwhy, once in a run, and returns the binary; or the one that the variable `XTASK_HEAPWHY` names.
    pub(crate) fn heapwhy(&self, profile: Profile) -> Result<PathBuf> {
        let [debug, release] = &self.built;
        let known = match profile {
            Profile::Debug => debug,
            Profile::Release => release,
        };
        if let Some(binary) = known.get() {
            return Ok(binary.clone());
        }
        let binary = self.build(profile)?;
        Ok(known.get_or_init(|| binary).clone())
    }

    fn build(&self, profile: Profile) -> Result<PathBuf> {
        if let Some(binary) = std::env::var_os("XTASK_HEAPWHY") {
            return Ok(binary.into());
        }
        let mut build = self.cargo(&["build", "--quiet", "--locked", "--package", "heapwhy"]);
        let folder = match profile {
            Profile::Debug => "debug",
            Profile::Release => {
                build.arg("--release");
                "release"
            }
        };
        run(&mut build)?;
        Ok(self.target.join(folder).join("heapwhy"))
    }

    /// A cargo command in the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).current_dir(&self.root);
        command
    }
}

/// How heapwhy is built.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Quickly, with overflow checks: for tests.
    Debug,
    /// For measurements.
    Release,
}

/// Runs a command to its end; fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", shown(command)))?;
    check(command, status)
}

/// Runs a command whose output is read; fails if it does.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("cannot run {}", shown(command)))?;
    if !output.status.success() {
        let said = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        let said: String = String::from_utf8_lossy(said).trim_end().chars().take(500).collect();
        bail!("{} failed ({}): {said}", shown(command), output.status);
    }
    Ok(output.stdout)
}

/// Runs a command that must end within `limit`.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command.spawn().with_context(|| format!("cannot run {}", shown(command)))?;
    if let Some(status) = ended_within(&mut child, limit)? {
        return check(command, status);
    }
    child.kill()?;
    child.wait()?;
    bail!("{} was still running after {} s", shown(command), limit.as_secs());
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy);
    words.collect::<Vec<_>>().join(" ")
}

/// Returns whether `stamp` says that what lies beside it was made from `key`.
pub(crate) fn is_fresh(stamp: &Path, key: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == key)
}

/// A key for the contents of files and a few words.
pub(crate) fn key_of(files: &[PathBuf], words: &[&str]) -> Result<String> {
    let mut hasher = Xxh3::new();
    for file in files {
        hasher.update(&fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
        hasher.update(&[0]);
    }
    for word in words {
        hasher.update(word.as_bytes());
        hasher.update(&[0]);
    }
    Ok(format!("{:016x}", hasher.digest()))
}
