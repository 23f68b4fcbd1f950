//! One process in every format that `capture` writes: all say the same of it, DevTools' engine loads what is for it, and what is to be shared
//! holds no value.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::end_to_end::checked;
use crate::killed::Killed;
use crate::memory_group::MemoryGroup;
use crate::oracle::Oracle;
use crate::workspace::{Profile, Workspace};

/// In whatever is a value of the program.
const SECRET: &str = "hunter2zebra";
/// The program's own classes, and how many objects of each there are.
const KEPT: [(&str, u64); 2] = [("Session", 3000), ("Vault", 1)];
/// How the files are called, and as what they are opened.
const FORMATS: [(&str, &str); 4] = [("a.core", "core"), ("a.zst", "core"), ("a.heapsnapshot", "heapsnapshot"), ("a.hwy", "index")];

/// The process, and where its captures are written.
struct Kept<'w> {
    child: Killed,
    workspace: &'w Workspace,
    line: u32,
    folder: PathBuf,
}

impl<'w> Kept<'w> {
    fn start(workspace: &'w Workspace, line: u32) -> Result<Self> {
        let folder = workspace.scratch.join(format!("formats-{line}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let mut command = Command::new(workspace.node(line));
        // Others are asked over their inspectors at the same time.
        command
            .arg(format!("--inspect-port={}", super::attaching::free_port()?))
            .arg(workspace.root.join("tests/live/secret.js"))
            .arg(SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = Killed(command.spawn().context("cannot start the program")?);
        let mut ready = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut ready)?;
        ensure!(ready == "ready\n", "the program said {ready:?}");
        Ok(Self { child, workspace, line, folder })
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn heapwhy(&self, arguments: &[&str]) -> Result<Value> {
        self.by(Command::new(self.workspace.heapwhy(Profile::Debug)?), arguments)
    }

    /// Runs heapwhy by a command, and returns what it says.
    fn by(&self, mut command: Command, arguments: &[&str]) -> Result<Value> {
        let output = command.args(arguments).args(["--json", "--no-index"]).current_dir(&self.folder).stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        checked(&output.stdout)
    }

    /// Checks what was written, and returns how many objects there are of all classes together.
    fn count(&self, (name, kind): (&str, &str)) -> Result<u64> {
        let file = self.folder.join(name);
        let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{name} has the mode {mode:o}");
        let told = self.heapwhy(&["classes", name, "--limit", "0"])?;
        ensure!(told["target"]["kind"] == kind, "{name} is {}", told["target"]["kind"]);
        let node = told["target"]["node"].as_str().and_then(|node| node.split('.').next()?.parse().ok());
        ensure!(node == Some(self.line), "{name} is of Node.js {}", told["target"]["node"]);
        let rows = told["classes"]["rows"].as_array().context("no classes")?;
        let count = |row: &Value| row["count"].as_u64().unwrap_or(0);
        for (class, expect) in KEPT {
            let found: u64 = rows.iter().filter(|row| row["class"] == class).map(count).sum();
            ensure!(found == expect, "{name}: {found} of {class}, not {expect}");
        }
        for question in [&["why", name, "Session"][..], &[name], &["dominators", name], &["instances", name, "Vault"]] {
            self.heapwhy(question)?;
        }
        Ok(rows.iter().map(count).sum())
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Says whether a text is somewhere in a file, in one byte a letter or in two.
fn is_in(file: &Path, text: &str) -> Result<bool> {
    let bytes = fs::read(file)?;
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let texts = [text.as_bytes(), &wide, hex.as_bytes()];
    Ok(texts.iter().any(|text| memchr::memmem::find(&bytes, text).is_some()))
}

/// Every format holds what the others do, and only those that say so hold values.
pub(super) fn check(workspace: &Workspace, line: u32, oracle: &Oracle) -> Result<String> {
    let kept = Kept::start(workspace, line)?;
    let mut counts = Vec::new();
    for format in FORMATS {
        let told = kept.heapwhy(&["capture", &kept.pid(), "-o", format.0])?;
        ensure!(told["output"]["path"] == format.0 && told["contents"]["format"].is_string(), "{told}");
        counts.push(kept.count(format)?);
    }
    let [core, others @ ..] = &counts[..] else { unreachable!() };
    // V8 may make or collect something of its own in between.
    ensure!(others.iter().all(|count| count.abs_diff(*core) * 200 < *core), "objects in {FORMATS:?}: {counts:?}");
    let size = |name: &str| -> Result<u64> { Ok(fs::metadata(kept.folder.join(name))?.blocks() * 512) };
    let (plain, packed) = (size("a.core")?, size("a.zst")?);
    ensure!(packed * 2 < plain, "{packed} bytes packed, {plain} plain");
    for (name, expect) in [("a.core", true), ("a.heapsnapshot", true), ("a.hwy", false)] {
        ensure!(is_in(&kept.folder.join(name), SECRET)? == expect, "the secret in {name}: not {expect}");
    }
    ensure!(is_in(&kept.folder.join("a.hwy"), "token")?, "the names of the program's properties are not in a.hwy");
    let nodes = kept.folder.join("nodes.csv");
    oracle.ask(&["nodes".as_ref(), kept.folder.join("a.heapsnapshot").as_os_str(), nodes.as_os_str()])?;
    let loaded = fs::read_to_string(&nodes)?.lines().count();
    ensure!(loaded > 10_000, "DevTools' engine finds {loaded} nodes");
    let streamed = streamed(&kept)?;
    manners(&kept)?;
    Ok(format!("{counts:?} objects, a core of {plain} bytes packed into {packed}{streamed}"))
}

/// Where memory is short, a core is packed while it is read: nothing of its plain size is anywhere.
fn streamed(kept: &Kept<'_>) -> Result<String> {
    /// Less than two images.
    const LITTLE: u64 = 64 << 20;
    let Some(group) = MemoryGroup::make(&format!("formats-{}", kept.pid())) else { return Ok(String::new()) };
    group.set_limit(LITTLE)?;
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(group.folder.join("cgroup.procs"));
    command.arg(kept.workspace.heapwhy(Profile::Debug)?).env("TMPDIR", "/nowhere/at/all");
    kept.by(command, &["capture", &kept.pid(), "--to", "core.zst", "--force", "-o", "a.zst"])?;
    kept.count(("a.zst", "core"))?;
    Ok(format!(", in {} MB of memory too", LITTLE >> 20))
}

/// The report captures as it is told to, and leaves the inspector closed.
fn manners(kept: &Kept<'_>) -> Result<()> {
    for method in ["fork", "stop"] {
        let told = kept.heapwhy(&[&kept.pid(), "--method", method, "--max-pause", "60s"])?;
        ensure!(told["target"]["capture"]["method"] == method, "{method}: {}", told["target"]);
    }
    let told = kept.heapwhy(&[&kept.pid(), "--method", "inspector"])?;
    ensure!(told["target"]["kind"] == "heapsnapshot" && told["verdict"].is_object(), "{}", told["target"]);
    ensure!(told["inspector"]["left"] == "closed", "{}", told["inspector"]);
    Ok(())
}
