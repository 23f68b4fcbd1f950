//! What heapwhy says of diagnostic reports that real processes write, held to what those processes say of themselves.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Case, check_verdict, checked};

/// What no answer may tell.
const SECRET: &str = "hunter2-of-the-environment";
/// By so much a process's own numbers may change while it writes a report.
const SLACK: u64 = 8 << 20;
/// The limit of the process that dies, in megabytes.
const LIMIT: u64 = 40;

/// Checks reports of a process that piles up sockets, and of one that runs out of memory.
pub(super) fn check(case: &Case) -> Result<()> {
    let folder = case.scratch.join("reports");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    written(case, &folder, "open")?;
    let open = [1, 2, 3].map(|number| folder.join(format!("open-{number}.json")));
    for file in &open {
        check_numbers(case, file).with_context(|| file.display().to_string())?;
    }
    check_growth(case, &open)?;
    written(case, &folder, "die")?;
    let die = ["die-1.json", "last.json"].map(|name| folder.join(name));
    check_death(case, &die)?;
    check_refused(case, &open[0], &die[0])?;
    check_cut(case, &open[2])?;
    Ok(fs::remove_dir_all(folder)?)
}

/// Runs the program. The one that dies ends by a signal.
fn written(case: &Case, folder: &Path, mode: &str) -> Result<()> {
    let mut command = Command::new(&case.node);
    command.arg(format!("--max-old-space-size={LIMIT}")).args(["--report-on-fatalerror", "--report-filename=last.json"]);
    command.arg("--report-directory").arg(folder).arg(case.leaks.with_file_name("reported.js")).arg(mode).arg(folder);
    let status = command.env("SECRET", SECRET).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success() == (mode == "open"), "{mode} ended with {status}");
    Ok(())
}

fn facts(file: &Path) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(file.with_extension("facts"))?)?)
}

fn number(value: &Value, pointer: &str) -> Result<u64> {
    value.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("no number {pointer} in {value}"))
}

/// Holds a report's numbers to the process's own.
fn check_numbers(case: &Case, file: &Path) -> Result<()> {
    let answer = case.ask(&[file])?;
    let (told, facts) = (&answer["reported"][0], facts(file)?);
    ensure!(told["node"] == facts["version"] && told["v8"] == facts["v8"] && told["pid"] == facts["pid"], "another process: {told}");
    ensure!(told["heap"]["limit"] == facts["limit"] && told["heap"]["contexts"] == facts["contexts"], "another heap: {told}");
    ensure!(told["script"].as_str().is_some_and(|script| script.ends_with("reported.js")), "another script: {told}");
    for (pointer, own) in [("/rss", "rss"), ("/heap/used", "heapUsed"), ("/heap/pages", "heapTotal"), ("/heap/external", "external")] {
        if pointer == "/rss" && case.line == 16 {
            ensure!(told["rss"].is_null() && told["unexplained"].is_null(), "RSS, which Node.js 16 does not tell: {told}");
            continue;
        }
        let (found, before, after) =
            (number(told, pointer)?, number(&facts, &format!("/before/{own}"))?, number(&facts, &format!("/after/{own}"))?);
        ensure!(
            (before.min(after).saturating_sub(SLACK)..=before.max(after) + SLACK).contains(&found),
            "{pointer}: {found}, not {before} to {after}"
        );
    }
    ensure!(number(told, "/old_generation/limit")? == LIMIT << 20, "another limit: {told}");
    ensure!(told["workers"] == 1 && answer["reported_workers"]["rows"][0]["thread"] == 1, "not one worker: {told}");
    ensure!(told["handles"]["kinds"]["tcp"] == facts["sockets"], "not {} sockets: {told}", facts["sockets"]);
    let rows = answer["end_points"]["rows"].as_array().context("no end points")?;
    let half = (number(&facts, "/sockets")? - 1) / 2;
    let of_role = |role: &str| {
        rows.iter().filter(|row| row["kind"] == "tcp" && row["role"] == role).filter_map(|row| row["count"].as_u64()).sum::<u64>()
    };
    ensure!(of_role("from") == half && of_role("to") == half, "not {half} sockets each way: {rows:?}");
    ensure!(!answer.to_string().contains(SECRET), "the environment is told");
    Ok(())
}

fn check_growth(case: &Case, files: &[PathBuf; 3]) -> Result<()> {
    let answer = case.ask(files)?;
    check_verdict(&answer, "growing")?;
    ensure!(answer["verdict"]["summary"] == "tcp handles pile up: 81 → 161 → 241", "{}", answer["verdict"]);
    let rows = answer["reported_growth"]["rows"].as_array().context("no growth")?;
    let external = rows.iter().find(|row| row["what"] == "outside the heap").context("no memory outside the heap")?;
    ensure!((39 << 20..=44 << 20).contains(&external["change"].as_i64().unwrap_or(0)), "two Buffers of 20 MiB more: {external}");
    let [first, second, third] = files;
    let turned = case.ask(&[third, first, second])?;
    ensure!(turned["reported"] == answer["reported"] && turned["verdict"] == answer["verdict"], "the order of the words counts");
    Ok(())
}

fn check_death(case: &Case, [before, last]: &[PathBuf; 2]) -> Result<()> {
    let answer = case.ask(&[last])?;
    let told = &answer["reported"][0];
    check_verdict(&answer, "suspect")?;
    ensure!(told["trigger"] == "OOMError", "{told}");
    // Where V8 gave up outside of any realm, Node.js knows no loop: that is unknown, not none.
    ensure!(told["handles"].is_null() == told["thread"].is_null() && told["workers"].is_null() == told["thread"].is_null(), "{told}");
    ensure!(
        answer["verdict"]["summary"].as_str().is_some_and(|text| text.starts_with("V8 ran out of memory: full collections left")),
        "{}",
        answer["verdict"]
    );
    let (used, limit) = (number(told, "/old_generation/used")?, number(told, "/old_generation/limit")?);
    ensure!(limit == LIMIT << 20 && used * 10 > limit * 8 && used < limit * 2, "{used} of {limit}");
    check_verdict(&case.ask(&[before, last])?, "growing")
}

fn refused(case: &Case, words: &[&Path], code: i32) -> Result<Value> {
    let Output { status, stdout, .. } =
        Command::new(&case.heapwhy).args(words).args(["--json", "--no-index"]).stdin(Stdio::null()).output()?;
    ensure!(status.code() == Some(code), "{words:?} ended with {status}, not {code}");
    checked(&stdout)
}

fn check_refused(case: &Case, one: &Path, other: &Path) -> Result<()> {
    let answer = refused(case, &[one, other], 5)?;
    ensure!(answer["error"]["code"] == "HW1105", "{}", answer["error"]);
    Ok(())
}

/// A report that was cut is told in part.
fn check_cut(case: &Case, file: &Path) -> Result<()> {
    let bytes = fs::read(file)?;
    let cut = file.with_file_name("cut.json");
    fs::write(&cut, bytes.get(..bytes.len() / 2).unwrap_or_default())?;
    let answer = refused(case, &[&cut], 3)?;
    let told = &answer["reported"][0];
    ensure!(answer["status"] == "partial" && told["heap"]["used"].is_u64() && told["workers"].is_null(), "{answer}");
    ensure!(told["handles"]["all"] == false, "all handles of half a report: {told}");
    Ok(())
}
