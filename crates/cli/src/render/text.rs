//! Answers as people read them: a line about the file, sections, what to type next. What was wrong goes to standard error.

use std::io::{self, Write};

use super::clean::{clean, columns, fit_end};
use super::style::Style;
use super::{number, report, table, tree};
use crate::answer::{Answer, Section, Status, Target};
use crate::error::shown;
use crate::running::Running;

/// Writes an answer.
pub(super) fn answer(out: &mut dyn Write, answer: &Answer, style: &Style) -> io::Result<()> {
    if answer.headed {
        // One process that was captured several times is told of once, as it was last.
        let pid = |target: &Target| target.running.as_ref().map(|running| running.pid);
        let comes_again = |target: &Target, later: &[Target]| pid(target).is_some() && later.iter().any(|later| pid(later) == pid(target));
        let told = (0..answer.targets.len()).filter(|&nth| !comes_again(&answer.targets[nth], &answer.targets[nth + 1..]));
        for target in told.map(|nth| &answer.targets[nth]) {
            header(out, target, answer.status, style)?;
        }
    }
    let mut is_first = !answer.headed;
    for section in &answer.sections {
        if matches!(section, Section::Value { lines, .. } if lines.is_empty()) {
            continue;
        }
        if !is_first && !matches!(section, Section::Ids(_)) {
            writeln!(out)?;
        }
        is_first = false;
        write_section(out, section, style)?;
    }
    if answer.status == Status::Cancelled {
        writeln!(out, "{}", style.yellow("CANCELLED: this is what was known when it was stopped"))?;
    }
    for (at, command) in answer.next.iter().enumerate() {
        if at == 0 {
            writeln!(out)?;
        }
        let label = if at == 0 { "next" } else { "    " };
        writeln!(out, "{}   {}", style.bold(label), style.cyan(&style.own(&clean(command))))?;
    }
    Ok(())
}

fn header(out: &mut dyn Write, target: &Target, status: Status, style: &Style) -> io::Result<()> {
    let mut facts = if target.running.is_some() { vec![] } else { vec![number::bytes(target.bytes)] };
    facts.extend(target.nodes.map(|nodes| format!("{} nodes", number::count(nodes))));
    if let Some(version) = &target.node {
        facts.insert(0, format!("node v{}", clean(version)));
    }
    if status == Status::Partial {
        facts.push("PARTIAL".to_owned());
    }
    if let Some(running) = &target.running {
        facts.extend(running.script.as_deref().map(clean));
        facts.extend(running.up.map(|up| format!("up {}", number::time(up))));
    }
    let front = concat!("heapwhy ", env!("CARGO_PKG_VERSION"), " · ");
    let behind = format!(" · {}", facts.join(" · "));
    let beside = style.width.saturating_sub(columns(front) + columns(&behind));
    // Where there is no room for the end of a name, the facts stand below.
    let (room, between) = if beside < 20 { (style.width.saturating_sub(columns(front)), "\n ") } else { (beside, "") };
    let name = target.running.as_ref().map_or_else(|| shown(&target.path), |running| format!("pid {}", running.pid));
    let path = fit_end(&name, room, style.ascii);
    writeln!(out, "{}{}{between}{}", style.dim(&style.own(front)), style.bold(&path), style.dim(&style.own(&behind)))?;
    if let Some(running) = &target.running {
        below(out, &capture(running), style)?;
    }
    target.layout.iter().try_for_each(|layout| below(out, &clean(layout), style))
}

/// Writes what is to be known besides, quietly.
fn below(out: &mut dyn Write, text: &str, style: &Style) -> io::Result<()> {
    wrapped(&style.own(text), style.width).iter().try_for_each(|line| writeln!(out, "{}", style.dim(line)))
}

/// Breaks text between words into lines of at most `width` columns, from the second on indented; a longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| line.is_empty() || columns(line) + 1 + columns(word) <= width);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(format!("  {word}")),
        }
    }
    lines
}

/// Says what it took to capture a process.
fn capture(running: &Running) -> String {
    let how = match running.method {
        "stop" => "while it was stopped",
        _ => "from outside",
    };
    let unreadable = match running.unreadable {
        0 => String::new(),
        bytes => format!(" · {} could not be read", number::bytes(bytes)),
    };
    let again = match running.attempts {
        1 => String::new(),
        attempts => format!(" · captured {attempts} times, for it was inside a garbage collection"),
    };
    let because = running.because.as_ref().map_or(String::new(), |because| format!(" · {}", clean(because)));
    format!(
        "read {} {how} in {} · paused {} · memory grew by {} meanwhile{unreadable}{again}{because}",
        number::bytes(running.bytes),
        number::time(running.took),
        number::time(running.pause),
        number::bytes(running.growth)
    )
}

fn write_section(out: &mut dyn Write, section: &Section, style: &Style) -> io::Result<()> {
    match section {
        Section::Table { title, table, only_json } => {
            heading(out, title, style)?;
            table::write(out, table, only_json, style)
        }
        Section::Tree { title, tree } => {
            heading(out, title, style)?;
            tree::write(out, tree, style)
        }
        Section::Ids(ids) => ids.iter().try_for_each(|id| writeln!(out, "{id}")),
        Section::Text { text, .. } => text.lines().try_for_each(|line| writeln!(out, "{}", style.own(&clean(line)))),
        Section::Raw { text, .. } => out.write_all(text.as_bytes()),
        Section::Written { path, bytes, what } => {
            writeln!(out, "wrote {} ({what}, {})", clean(&path.display().to_string()), number::bytes(*bytes))
        }
        Section::Value { lines, .. } => report::lines(out, lines, style),
    }
}

fn heading(out: &mut dyn Write, title: &str, style: &Style) -> io::Result<()> {
    if title.is_empty() { Ok(()) } else { writeln!(out, "{}", style.bold(&style.own(&clean(title)))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let check = |text: &str, width: usize, expect: &[&str]| assert_eq!(wrapped(text, width), expect, "{text} in {width}");
        check("V8 12.4: 64 of 107 numbers", 80, &["V8 12.4: 64 of 107 numbers"]);
        check("V8 12.4: 64 of 107 numbers", 12, &["V8 12.4: 64", "  of 107", "  numbers"]);
        check("averylongword and more", 8, &["averylongword", "  and", "  more"]);
        check("", 8, &[""]);
    }
}
