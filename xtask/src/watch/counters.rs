//! What `heapwhy watch` says of a process that runs is what V8 says of itself there, and the image of the process says the same.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::{Command, Stdio};

use live::capture::{Method, nameless};
use v8mem::heap_counters::{CounterReader, HeapCounters};
use v8mem::{Anatomy, CoreFile};

use super::Watched;
use crate::workspace::{Profile, Workspace, output};

const MB: u64 = 1 << 20;
/// The limits that the process is given, in megabytes.
const OLD: u64 = 200;
const HALF: u64 = 8;

/// Checks one line of Node.js.
pub(super) fn check(workspace: &Workspace, line: u32) -> Result<String> {
    let options = [format!("--max-old-space-size={OLD}"), format!("--max-semi-space-size={HALF}")];
    let mut process = Watched::start(workspace, line, &options)?;
    ["grow 150000", "large 5", "buffer 7000000", "gc 1"].iter().try_for_each(|what| process.ask(what).map(drop))?;
    let before = last_look(workspace, process.pid())?;
    let told = process.ask("gc 3")?;
    let seen = last_look(workspace, process.pid())?;
    compare(&told, &seen)?;
    let full = |seen: &Value| seen["full_collections"].as_u64().context("no number of full collections");
    ensure!(full(&seen)? == full(&before)? + 3, "{} full collections, {} before and 3 more", full(&seen)?, full(&before)?);
    let imaged = of_image(process.pid())?;
    for (name, of) in [
        ("heap_limit", imaged.limit),
        ("heap_committed", Some(imaged.committed())),
        ("heap_old_used", Some(imaged.old_used)),
        ("heap_floor", imaged.last_full),
        ("external", imaged.external),
    ] {
        let (live, of) =
            (seen[name].as_u64().with_context(|| format!("no {name}"))?, of.with_context(|| format!("no {name} in the image"))?);
        ensure!(live.abs_diff(of) <= MB, "{name}: {live} in the process, {of} in its image");
    }
    Ok(format!("limit {}, floor {} of {} bytes used", seen["heap_limit"], seen["heap_floor"], seen["heap_old_used"]))
}

/// Compares what V8 tells with what was seen from outside just afterwards. V8 made a few objects in between.
fn compare(told: &Value, seen: &Value) -> Result<()> {
    let spaces = told["spaces"].as_array().context("no spaces")?;
    let sum = |is_young: bool, what: &str| -> u64 {
        let of_it = spaces.iter().filter(|space| {
            let name = space["space_name"].as_str().unwrap_or_default();
            name.starts_with("new_") == is_young && name != "read_only_space"
        });
        of_it.filter_map(|space| space[what].as_u64()).sum()
    };
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let is = |name: &str, expect: u64, less: u64, more: u64| {
        let found = seen[name].as_u64().with_context(|| format!("no {name}: {seen}"))?;
        ensure!((expect.saturating_sub(less)..=expect + more).contains(&found), "{name} is {found}, V8 says {expect}");
        Ok(())
    };
    is("heap_limit", OLD * MB, 0, 0)?;
    // V8 adds the young generation: two halves, and as much for large objects.
    is("heap_limit", number(&told["heap"]["heap_size_limit"]) - 3 * HALF * MB, 0, 0)?;
    is("heap_young_committed", sum(true, "space_size"), MB, MB)?;
    let young = number(&seen["heap_young_committed"]);
    is("heap_committed", young + sum(false, "space_size"), MB / 2, MB / 2)?;
    // What V8 has set aside to make objects in counts as used here: a piece of a page for each space at most.
    let used = sum(false, "space_used_size");
    is("heap_old_used", used, MB / 8, MB)?;
    is("heap_floor", used, MB, MB / 2)?;
    is("external", number(&told["process"]["external"]), MB / 8, MB / 8)?;
    is("rss", number(&told["process"]["rss"]), 2 * MB, 4 * MB)
}

/// Looks at a process with `heapwhy watch`, and returns the last of three looks.
fn last_look(workspace: &Workspace, pid: u32) -> Result<Value> {
    let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
    command.args(["watch", &pid.to_string(), "--every", "50ms", "--for", "100ms", "--jsonl"]).stdin(Stdio::null());
    let text = String::from_utf8(output(&mut command)?)?;
    ensure!(text.lines().count() == 3, "not three looks: {text}");
    Ok(serde_json::from_str(text.lines().last().unwrap_or_default())?)
}

/// Reads the counters out of the image of a process.
fn of_image(pid: u32) -> Result<HeapCounters> {
    let out = nameless(1 << 30)?;
    crate::live::captured_into(&out, pid, Method::Fork, None)?;
    let mut core = CoreFile::of(out)?;
    let binary = core.find_binary().context("the image leads to no program")?;
    core.set_binary(binary);
    let anatomy = Anatomy::find(&core)?;
    let reader = CounterReader::find(&core, anatomy.layout.version, anatomy.pages.headers());
    reader.read(&core).into_iter().next().with_context(|| format!("no counters in the image: {:?}", reader.doubts()))
}
