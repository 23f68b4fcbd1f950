//! What heapwhy says of `tests/programs/swelling.js`, three objects of which grow in place: the same on every line of Node.js.

use std::ffi::OsStr;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Case, check_verdict, findings, names_file};

/// What grows by itself, as findings name it.
const GROWING: [&str; 3] = ["Metrics.latencies", "AuditLog.text", "let received"];

/// Checks that each is a finding with its line, and what does not grow is none.
pub(super) fn check(case: &Case) -> Result<()> {
    let words = case.swelling.iter().map(|file| file.as_os_str()).chain([OsStr::new("--all")]);
    let report = case.ask(&words.collect::<Vec<_>>())?;
    check_verdict(&report, "growing")?;
    let findings = findings(&report)?;
    for name in GROWING {
        let found = findings.iter().find(|finding| finding["title"].as_str().is_some_and(|title| title.starts_with(name)));
        let Some(found) = found else { anyhow::bail!("{name} is not found to grow in {findings:?}") };
        ensure!(found["rule"] == "large-object" && names_file(found, "swelling.js"), "no place in swelling.js in {found}");
        let sizes: Vec<u64> = found["growth"]["bytes"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        ensure!(sizes.len() == 3 && sizes.windows(2).all(|pair| pair[1] > pair[0]), "{name} does not grow in {sizes:?}");
    }
    // The table and the ring have their full size from the start: nothing else is an alarm.
    let titles: Vec<&Value> = findings.iter().map(|finding| &finding["title"]).collect();
    ensure!(titles.len() == GROWING.len(), "an alarm about what is still among {titles:?}");
    let Some(last) = case.swelling.last() else { anyhow::bail!("no snapshots of swelling.js") };
    let one = case.ask(&[last])?;
    ensure!(one["verdict"]["kind"] == "suspect", "one snapshot of it is {}", one["verdict"]);
    Ok(())
}
