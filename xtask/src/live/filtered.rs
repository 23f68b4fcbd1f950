//! Processes whose system calls are filtered (seccomp): cloned where the filter allows all that this takes, read while they are stopped elsewhere, and
//! never ended by their filter.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::server::Server;
use crate::end_to_end::checked;
use crate::workspace::{Profile, Workspace};

/// The filters of `tests/live/filtered.c`, what doctor must say of each, and a word of why.
const FILTERS: [(&str, &str, &str); 4] = [
    ("container", "allows", ""),
    ("container+by_address", "allows", ""),
    ("no_copy", "refuses", "`clone`: it would fail"),
    ("no_madvise", "refuses", "`madvise`: it would end the process"),
];

/// The only line on which V8 does not keep its heap out of clones, so that nobody has to lift that.
const WITHOUT_ADVICE: u32 = 16;

/// How heapwhy is run.
#[derive(Clone, Copy)]
enum Rights {
    /// As it is.
    All,
    /// Without CAP_SYS_ADMIN.
    NotToAdminister,
}

/// Captures a server under each filter.
pub(super) fn check(workspace: &Workspace, line: u32, filter: &Path) -> Result<String> {
    let mut told = Vec::new();
    for (mode, says, why) in FILTERS {
        let says = if mode == "no_madvise" && line == WITHOUT_ADVICE { "allows" } else { says };
        told.push(under(workspace, line, (filter, mode), (says, why)).with_context(|| mode.to_owned())?);
    }
    Ok(told.join(", "))
}

fn under(workspace: &Workspace, line: u32, (filter, mode): (&Path, &str), (says, why): (&str, &str)) -> Result<String> {
    let mut command = Command::new(filter);
    command.arg(mode);
    let server = Server::start_by(command, workspace, line, 50_000)?;
    let pid = server.pid().to_string();
    let ask = |words: &[&str], rights| asked(workspace, words, rights);
    let doctor = answer(&ask(&["doctor", &pid], Rights::All)?)?;
    ensure!(doctor["doctor"]["filter"] == says, "doctor says {}", doctor["doctor"]);
    let expected = if says == "allows" { "fork" } else { "stop" };
    ensure!(doctor["doctor"]["best"] == expected, "doctor says {}", doctor["doctor"]);
    server.is_as_before().context("after doctor")?;
    let goal = workspace.scratch.join(format!("filtered-{line}.core"));
    let goal = goal.to_str().context("a folder whose name is no text")?;
    let capture = ["capture", &pid, "--force", "-o", goal];
    let told = answer(&ask(&capture, Rights::All)?)?;
    let capture_told = &told["target"]["capture"];
    ensure!(capture_told["method"] == expected, "captured: {capture_told}");
    server.is_as_before().context("after the capture")?;
    if says == "refuses" {
        refused(&server, &ask(&[&capture[..], &["--method", "fork"]].concat(), Rights::All)?, (7, "HW1408", why))?;
        // Somebody who accepts dangers is still not let end a process.
        let all_the_same = ask(&[&capture[..], &["--method", "fork", "--accept-danger"]].concat(), Rights::All)?;
        refused(&server, &all_the_same, (6, "HW1406", why))?;
    }
    if has_setpriv() {
        let doctor = answer(&ask(&["doctor", &pid], Rights::NotToAdminister)?)?;
        ensure!(doctor["doctor"]["filter"] == "unknown" && doctor["doctor"]["best"] == "stop", "without rights: {}", doctor["doctor"]);
        let told = answer(&ask(&capture, Rights::NotToAdminister)?)?;
        ensure!(told["target"]["capture"]["method"] == "stop", "without rights: {}", told["target"]);
        server.is_as_before().context("after a capture without rights")?;
    }
    std::fs::remove_file(goal)?;
    Ok(format!("{mode} {expected}"))
}

fn refused(server: &Server, output: &Output, (exit, code, why): (i32, &str, &str)) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.code() == Some(exit) && said.contains(code) && said.contains(why), "{}: {said}", output.status);
    server.is_as_before().with_context(|| code.to_owned())
}

fn answer(output: &Output) -> Result<Value> {
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stdout));
    checked(&output.stdout)
}

/// Says whether there is a program that takes rights away.
fn has_setpriv() -> bool {
    Command::new("setpriv").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn asked(workspace: &Workspace, words: &[&str], rights: Rights) -> Result<Output> {
    let heapwhy = workspace.heapwhy(Profile::Debug)?;
    let mut command = match rights {
        Rights::All => Command::new(heapwhy),
        Rights::NotToAdminister => {
            let mut command = Command::new("setpriv");
            command.args(["--inh-caps=-sys_admin", "--bounding-set=-sys_admin"]).arg(heapwhy);
            command
        }
    };
    Ok(command.args(words).arg("--json").stdin(Stdio::null()).output()?)
}
