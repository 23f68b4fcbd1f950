//! A process whose memory is known: it must add up to what the kernel says, and what an addon has lost must be found, and nothing else of it.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use crate::end_to_end::checked;
use crate::killed::Killed;
use crate::workspace::{Profile, Workspace, run};

/// Compiles the addon once for all lines: what it uses is the same in all of them.
pub(super) fn addon(workspace: &Workspace, line: u32) -> Result<PathBuf> {
    let addon = workspace.scratch.join("native.node");
    let headers = workspace.node(line).parent().and_then(Path::parent).context("no folder around Node.js")?.join("include/node");
    let source = workspace.root.join("tests/live/native.c");
    run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-I"]).arg(headers).arg(source).arg("-o").arg(&addon))?;
    Ok(addon)
}

/// The process, and what it says of itself.
struct Known {
    child: Killed,
    says: BufReader<ChildStdout>,
    told: Value,
}

impl Known {
    fn start(workspace: &Workspace, line: u32, addon: &Path, mode: &str) -> Result<Self> {
        let program = workspace.root.join("tests/live/native.js");
        let mut command = Command::new(workspace.node(line));
        command.arg(program).arg(addon).arg(mode).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the program")?;
        let output = child.stdout.take().context("no output")?;
        let mut known = Self { child: Killed(child), says: BufReader::new(output), told: Value::Null };
        known.told = known.line()?;
        Ok(known)
    }

    /// Waits for what it says next.
    fn line(&mut self) -> Result<Value> {
        let mut text = String::new();
        self.says.read_line(&mut text)?;
        serde_json::from_str(&text).with_context(|| format!("it said {text:?}"))
    }

    /// What is resident, page by page: the sum in `status` is behind by some pages of each thread.
    fn resident(&self) -> Result<u64> {
        let sums = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = sums.lines().find_map(|line| line.strip_prefix("Rss:")).context("no Rss")?;
        Ok(1024 * line.trim().trim_end_matches("kB").trim().parse::<u64>()?)
    }

    fn ask(&self, workspace: &Workspace, question: &[&str]) -> Result<Value> {
        self.ask_of(workspace, question, &[])
    }

    /// Asks for something in it.
    fn ask_of(&self, workspace: &Workspace, question: &[&str], what: &[&str]) -> Result<Value> {
        let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
        command.args(question).arg(self.child.id().to_string()).args(what).args(["--json", "--limit", "0"]);
        let output = command.output()?;
        ensure!(output.status.success(), "{question:?}: {}", String::from_utf8_lossy(&output.stderr));
        checked(&output.stdout)
    }
}

/// All memory is explained, and Buffers are as large as the process says.
pub(super) fn adds_up(workspace: &Workspace, line: u32, addon: &Path) -> Result<String> {
    let known = Known::start(workspace, line, addon, "kept")?;
    let before = known.resident()?;
    let report = known.ask(workspace, &["ledger"])?;
    let number = |value: &Value| value.as_u64().context("no number");
    let (bytes, explained) = (number(&report["footprint"]["bytes"])?, number(&report["footprint"]["explained"])?);
    let after = known.resident()?;
    // The report tells the same, of a moment later.
    let brief = known.ask(workspace, &[])?;
    let (in_report, told) = (number(&brief["footprint"]["bytes"])?, number(&brief["footprint"]["explained"])?);
    ensure!(in_report.abs_diff(bytes) * 20 < bytes, "{bytes} bytes by ledger, {in_report} by the report");
    ensure!(told * 100 >= in_report * 97 && told * 100 <= in_report * 101, "the report explains {told} of {in_report} bytes");
    // V8 adds the young generation: three times half of it, which is some megabytes.
    const THREE: u64 = 3 << 20;
    let (limit, with_young) = (number(&brief["footprint"]["old_generation"]["limit"])?, number(&known.told["heapLimit"])?);
    let young = with_young.saturating_sub(limit);
    ensure!((THREE..=64 * THREE).contains(&young) && young % THREE == 0, "{limit} is V8's limit by the report, {with_young} by V8");
    // It goes on meanwhile: a collection may give pages back.
    let (least, most) = (before.min(after) / 100 * 98, before.max(after) / 100 * 102);
    ensure!((least..=most).contains(&bytes), "{bytes} bytes are resident, the kernel said {before} before, {after} after");
    // A page or two more may be counted that were there when it was asked, and zeros that no file of the kernel's counts.
    ensure!(explained * 100 >= bytes * 97 && explained * 100 <= bytes * 101, "{explained} of {bytes} bytes are explained");
    ensure!(report["footprint"]["arenas_lost"] == 0, "arenas: {}", report["footprint"]);
    let of = |name: &str| {
        let rows = report["ledger"]["rows"].as_array().into_iter().flatten();
        rows.filter(|row| row["use"] == name).find_map(|row| row["bytes"].as_u64()).unwrap_or(0)
    };
    // From V8 13 on functions lead to their code by a table, whose beginning nobody wrote, so that images lack it.
    ensure!(line < 24 || of("dispatch_table") > 0, "the table of functions' code was not found");
    let told = number(&known.told["arrayBuffers"])? + number(&known.told["ofWorker"])?;
    let found = of("buffers");
    // Each piece of malloc's has a few bytes more, and small Buffers of Node's own share slabs of which not every page was touched.
    ensure!(found.abs_diff(told) * 50 < told, "{found} bytes in Buffers, the process says {told}");
    // What the addon keeps, and what its objects own.
    let least = 500 * 3001 + 200 * 5003;
    ensure!(of("malloc_used") > least, "{} bytes in use by C, {least} by the addon alone", of("malloc_used"));
    let classes = report["cpp_classes"]["rows"].as_array().context("no classes of C++")?;
    let widgets = classes.iter().find(|row| row["class"] == "Widget").with_context(|| format!("no class of the addon's: {classes:?}"))?;
    ensure!(widgets["count"].as_u64() == Some(300), "{widgets}");
    Ok(format!("{explained} of {bytes} bytes are explained, {found} in Buffers"))
}

/// What malloc gives back when it is asked to was told before.
pub(super) fn trimmed(workspace: &Workspace, line: u32, addon: &Path) -> Result<String> {
    let mut known = Known::start(workspace, line, addon, "holes")?;
    let told = known.ask(workspace, &["ledger"])?["footprint"]["malloc_trim"].as_u64().context("no number")?;
    let before = known.resident()?;
    run(Command::new("kill").arg("-USR2").arg(known.child.id().to_string()))?;
    known.line()?;
    let given = before.saturating_sub(known.resident()?);
    // Of each block of 20,011 bytes that was freed three pages are whole, at least.
    const LEAST: u64 = 1500 * 3 * 4096;
    ensure!(told >= LEAST && told.abs_diff(given) * 20 < given, "{given} bytes were given back, {told} were told");
    Ok(format!("{given} bytes given back, {told} told"))
}

/// Objects that an addon holds by references of Node-API are held by that addon.
pub(super) fn held(workspace: &Workspace, line: u32, addon: &Path) -> Result<String> {
    let report = Known::start(workspace, line, addon, "kept")?.ask_of(workspace, &["why"], &["Held"])?;
    let told = serde_json::to_string(&report["stories"])?;
    ensure!(told.contains("held by napi_ref of native.node"), "{told}");
    let [story] = &report["stories"].as_array().context("no stories")?[..] else { bail!("several ways: {told}") };
    ensure!(story["count"] == 2000, "{told}");
    Ok("2000 objects by napi_ref of native.node".to_owned())
}

/// A row of `native leaks`.
#[derive(Debug)]
struct Lost {
    size: u64,
    count: u64,
    class: String,
    library: String,
    near: String,
    held: String,
}

impl Lost {
    fn of(row: &Value) -> Self {
        let number = |name: &str| row[name].as_u64().unwrap_or(0);
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let [class, library, near, held] = ["class", "library", "near", "held"].map(text);
        Self { size: number("size"), count: number("count"), class, library, near, held }
    }

    /// Says whether it is of what the program asked so many bytes for: malloc has room for more.
    fn is_of(&self, asked: u64) -> bool {
        (asked..asked + 16).contains(&self.size)
    }
}

/// What the addon has lost is found, nearly all of it, and nothing that it has not lost.
pub(super) fn leaks(workspace: &Workspace, line: u32, addon: &Path) -> Result<String> {
    let lost = |mode: &str| -> Result<Vec<Lost>> {
        let report = Known::start(workspace, line, addon, mode)?.ask(workspace, &["native", "leaks"])?;
        ensure!(report["lost"]["arenas_lost"] == 0, "arenas: {}", report["lost"]);
        Ok(report["native_leaks"]["rows"].as_array().context("no rows")?.iter().map(Lost::of).collect())
    };
    let of = |rows: &[Lost], asked: u64| rows.iter().filter(|row| row.is_of(asked)).map(|row| row.count).sum::<u64>();
    let found = lost("lost")?;
    let counts = [1303, 48, 150, 96, 1717].map(|asked| of(&found, asked));
    ensure!(counts.iter().all(|count| (900..=1100).contains(count)), "of 1,000 each {counts:?} are found: {found:?}");
    let is_told = |asked: u64, holds: &dyn Fn(&Lost) -> bool| found.iter().any(|row| row.is_of(asked) && row.count > 900 && holds(row));
    let of_addon = |name: &str| name.ends_with("/native.node");
    ensure!(is_told(48, &|row| of_addon(&row.library) && row.held == "nothing"), "no structures of the addon: {found:?}");
    ensure!(is_told(96, &|row| row.class == "Widget" && of_addon(&row.library)), "no objects of the addon's class: {found:?}");
    ensure!(is_told(1717, &|row| row.library.is_empty() && of_addon(&row.near)), "nothing lies beside the addon's: {found:?}");
    let kept = lost("kept")?;
    for rows in [&found, &kept] {
        let wrong = [3001, 5003].map(|asked| of(rows, asked));
        ensure!(wrong == [0, 0], "{wrong:?} blocks that are not lost are listed");
    }
    let innocent = of(&kept, 1303);
    ensure!(innocent == 0, "{innocent} blocks are lost that were never made");
    Ok(format!("of 1,000 each {counts:?} are found"))
}
