//! The stacks of the known program: what it was doing when it was dumped, with lines and arguments.

use anyhow::{Context, Result, ensure};
use std::path::Path;

use v8mem::command_line::command_line;
use v8mem::death::{Cause, death};
use v8mem::maps::smi;
use v8mem::stack::{JsFrame, Stack, Sure, Tier, stacks};
use v8mem::{Anatomy, CoreFile};

use super::dump::How;

/// The program, for the lines on which its functions stand.
const PROGRAM: &str = include_str!("../../../tests/cores/known-heap.js");

/// Functions that are on the stack of a process that aborts, the innermost first, and what follows the call at which each stands.
const ABORTING: [(&str, &str); 3] = [("deepC", "abort()})})(42)"), ("deepB", "cb(y)})("), ("deepA", "({frameArg:1}")];

/// Checks the stacks of one core.
pub(super) fn check(core: &CoreFile, anatomy: &Anatomy, folder: &Path, how: How) -> Result<()> {
    let stacks = stacks(core, anatomy);
    let main = stacks.first().context("no thread")?;
    ensure!(main.isolate == Some(0), "the main thread runs isolate {:?}", main.isolate);
    for stack in &stacks {
        let exact = stack.frames.iter().all(|frame| frame.sure == Sure::Exact);
        ensure!(stack.whole && exact, "thread {} is not followed to its end: {:#x?}", stack.number, stack.frames);
    }
    ensure!(main.native().any(|name| name == "uv_run"), "the main thread is not in its loop: {main:#x?}");
    let command = command_line(core, &stacks).words;
    let is_whole = command.get(1).is_some_and(|word| word == "--expose-gc") && command.last().is_some_and(|word| word == "1000");
    let count = 6 + how.flags().len();
    ensure!(command.len() == count && is_whole, "the command line is {command:?}");
    let death = death(core, anatomy, &stacks);
    // A stripped program does not name the function that ends it.
    let is_stripped = core.binary().is_some_and(|binary| binary.path().ends_with("node-stripped"));
    let expected = match how {
        How::Abort if is_stripped => (Cause::Signal, Some(ABORTED)),
        How::Abort | How::Sparkplug | How::Inlined | How::Maglev => (Cause::Abort, Some(ABORTED)),
        How::Gcore | How::Capture => (Cause::Alive, None),
        How::Throw => (Cause::UncaughtException, Some(TRAPPED)),
        _ => (Cause::Signal, Some(ABORTED)),
    };
    ensure!((death.cause, death.signal.map(|signal| signal.number)) == expected, "died of {death:?}");
    let running: Vec<&str> = main.javascript().map(|frame| frame.name.as_str()).collect();
    match how {
        How::Gcore | How::Capture => ensure!(running.is_empty(), "an idle process runs {main:#x?}"),
        How::Abort => aborting(main, Tier::Interpreted)?,
        How::Sparkplug => aborting(main, Tier::Baseline)?,
        How::Inlined => inlined(main, folder, Tier::Turbofan)?,
        How::Maglev => inlined(main, folder, Tier::Maglev)?,
        How::Throw => {
            ensure!(is_within(&["reviver", "throwB", "throwA"], &running), "who throws? {running:?}");
            ensure!(death.words.as_deref() == Some("Uncaught Error: boom"), "what was thrown? {:?}", death.words);
        }
        How::Spin => {
            ensure!(is_within(&["spinOuter"], &running), "who computes? {running:?}");
            let hot = main.javascript().find(|frame| frame.name.starts_with("spin")).map(|frame| frame.tier);
            ensure!(matches!(hot, Some(Tier::Maglev | Tier::Turbofan)), "a hot loop runs as {hot:?}");
        }
        How::Churn | How::Minor | How::Major => ensure!(is_within(&["listOnTimeout"], &running), "who makes garbage? {running:?}"),
    }
    Ok(())
}

/// Signals by their numbers.
const ABORTED: i32 = 6;
const TRAPPED: i32 = 5;

/// Says whether functions are on a stack in this order, the innermost first, perhaps with others between them.
fn is_within(functions: &[&str], stack: &[&str]) -> bool {
    let mut left = stack.iter();
    functions.iter().all(|function| left.any(|name| name == function))
}

fn aborting(main: &Stack, tier: Tier) -> Result<()> {
    let frames: Vec<&JsFrame> = main.javascript().collect();
    let names: Vec<&str> = frames.iter().map(|frame| frame.name.as_str()).collect();
    ensure!(names.starts_with(&["deepC", "deepB", "deepA", ""]) && names.ends_with(&["listOnTimeout", "processTimers"]), "{names:?}");
    let mut exact = 0;
    for (frame, (name, call)) in frames.iter().zip(ABORTING) {
        let place = frame.place.as_ref().context("no place")?;
        ensure!(place.script.ends_with("known-heap.js"), "{name} stands in {}", place.script);
        let at = place.at.context("no line")?;
        let expected = place_of(if place.is_exact { call } else { "" }, name).with_context(|| format!("the program has no {call}"))?;
        ensure!(at.line == expected.0 && (at.column == expected.1 || !place.is_exact), "{name} is at {at:?}, not at {expected:?}");
        ensure!(frame.tier == tier, "{name} runs as {:?}", frame.tier);
        exact += u32::from(place.is_exact);
    }
    ensure!(exact == 3, "only {exact} lines are exact");
    ensure!(frames[2].arguments.iter().map(|&word| smi(word)).collect::<Vec<_>>() == [Some(42)], "{:x?}", frames[2].arguments);
    ensure!(frames[1].arguments.len() == 2 && Some(frames[1].arguments[1] & !3) == frames[0].function, "{:x?}", frames[1]);
    ensure!(frames[0].arguments == frames[1].arguments[..1], "deepB passes on its first argument");
    Ok(())
}

/// The functions that were compiled into each other, the innermost first, and the one that called them all.
const INLINED: [&str; 3] = ["innermost", "between", "outermost"];

/// The program told its own stack before it aborted: every caller must stand where that says, to the column, those too that were compiled into
/// others. Only what called `abort` has gone on since.
fn inlined(main: &Stack, folder: &Path, tier: Tier) -> Result<()> {
    let told = std::fs::read_to_string(folder.join("stack.txt"))?;
    let place = |line: &str| line.trim_end_matches(')').rsplit(['(', ' ']).next().unwrap_or_default().to_owned();
    let told: Vec<String> = told.lines().filter(|line| line.starts_with("    at ")).skip(1).map(place).collect();
    let frames: Vec<&JsFrame> = main.javascript().collect();
    let (last, callers) = frames.split_first().context("no frame")?;
    ensure!(last.name == "last" && told.len() >= 7 && callers.len() == told.len(), "{told:?}: {frames:#?}");
    for (frame, told) in callers.iter().zip(&told) {
        let place = frame.place.as_ref().filter(|place| place.is_exact).with_context(|| format!("no line of {}", frame.name))?;
        let at = place.at.context("no line")?;
        let own = format!("{}:{}:{}", place.script, at.line + 1, at.column + 1);
        ensure!(own == *told, "{} is at {own}, the process says {told}", frame.name);
    }
    let found: Vec<_> = callers.iter().map(|frame| (frame.name.as_str(), frame.tier, frame.function.is_none())).take(3).collect();
    let expect = [(INLINED[0], tier, true), (INLINED[1], tier, true), (INLINED[2], tier, false)];
    ensure!(found == expect, "what was compiled into what? {found:?}");
    Ok(())
}

/// Returns the line and column, from 0, of a call in the program; where there is none, the line of the function of that name.
fn place_of(call: &str, function: &str) -> Option<(u32, u32)> {
    let at = if call.is_empty() { PROGRAM.find(&format!("function {function}"))? } else { PROGRAM.find(call)? };
    let before = &PROGRAM[..at];
    let line = before.matches('\n').count();
    Some((line as u32, (before.len() - before.rfind('\n').map_or(0, |end| end + 1)) as u32))
}
