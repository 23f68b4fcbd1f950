//! `cargo xtask fixtures`: makes `fixtures/shop`, the snapshots that the README's commands are run on, by running the demo.
//!
//! They are in the repository, since text that is compared word for word needs files that stay the same. Paths of this machine are
//! replaced, so that the files, and all that is said of them, are the same wherever they were made. What the README shows must be
//! updated after them.

use crate::say::say;
use anyhow::{Context, Result, ensure};
use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::setup;
use crate::workspace::{Profile, TOOL_LINE, Workspace, run_within};

/// As many as fit: every snapshot takes 1.2 MB packed before anything leaks. The demo's third is left out for the same reason.
const REQUESTS_PER_STEP: &str = "600";
const KEPT: [u32; 2] = [1, 2];
const LARGEST_TOTAL: usize = 4_000_000;

const LIMIT: Duration = Duration::from_secs(120);

/// Makes the files.
pub(crate) fn make(workspace: &Workspace) -> Result<()> {
    setup::tests(workspace)?;
    let heapwhy = workspace.heapwhy(Profile::Release)?;
    let node = workspace.node(TOOL_LINE);
    let demo = workspace.cache.join("scratch/fixtures");
    fs::create_dir_all(&demo)?;
    let demo = demo.canonicalize()?;
    let mut command = Command::new(heapwhy);
    command.args(["demo", "--no-progress", "--requests", REQUESTS_PER_STEP, "--node"]).arg(&node).arg("--dir").arg(&demo);
    // A process keeps what its environment says.
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    run_within(&mut command, LIMIT)?;
    let folder = workspace.root.join("fixtures/shop");
    fs::create_dir_all(&folder)?;
    let mut total = 0;
    for number in KEPT {
        let name = format!("{number}.heapsnapshot");
        let text = neutral(fs::read_to_string(demo.join(&name))?, &demo, &node.canonicalize()?, workspace)?;
        let mut packer = GzBuilder::new().write(Vec::new(), Compression::best());
        packer.write_all(text.as_bytes())?;
        let bytes = packer.finish()?;
        total += bytes.len();
        fs::write(folder.join(format!("{name}.gz")), bytes)?;
    }
    ensure!(total <= LARGEST_TOTAL, "the files have {total} bytes, too many for the repository");
    say!("{} files, {total} bytes, in {}", KEPT.len(), folder.display());
    fs::remove_dir_all(demo)?;
    Ok(())
}

/// Replaces this machine's paths.
fn neutral(text: String, demo: &Path, node: &Path, workspace: &Workspace) -> Result<String> {
    let [demo_text, node] = [demo, node].map(|path| path.to_str().context("a path is not text"));
    let mut text = text.replace(demo_text?, "/srv").replace(node?, "/usr/bin/node");
    // Node.js keeps the folders above a module too.
    for above in demo.ancestors().skip(1).filter(|above| above.parent().is_some()) {
        text = text.replace(&format!("\"{}\"", above.display()), "\"/srv\"");
    }
    for path in [&workspace.root, &workspace.cache] {
        let path = path.to_str().context("a path is not text")?;
        ensure!(!text.contains(path), "a snapshot still names {path}");
    }
    Ok(text)
}
