//! Verdicts, findings and stories as lines for people and as JSON: the second half of the report.
//!
//! The judgement is `heap::suspects`'s and `heap::growth`'s; here it is only worded and laid out. The first line of a finding stands alone,
//! `~~~~` marks the hop to cut, and an object is never shown by its id alone.

use heap::source::{Owner, Place};
use heap::story::{Hop, HopEdge, Leaking, Story};
use heap::suspects::{ClassGrowth, Finding, Growth, Matched, Verdict, VerdictKind};
use serde_json::{Value, json};

use crate::answer::{Line, Piece, Section};
use crate::render::clean::{clean, columns};
use crate::render::number;

/// Where places stand in a story, unless what is before them is longer.
const PLACE_COLUMN: usize = 50;

/// Returns the verdict as a section.
pub(crate) fn verdict_section(verdict: &Verdict) -> Section {
    let word = verdict.kind.words();
    let word = if verdict.kind.is_bad() { Piece::Alarm(word.to_uppercase()) } else { Piece::Strong(word) };
    let mut lines = vec![vec![Piece::Strong("VERDICT".to_owned()), Piece::Plain("  ".to_owned()), word]];
    for sentence in std::iter::once(&verdict.summary).chain(&verdict.evidence) {
        lines.extend(wrapped(sentence, 70).into_iter().map(|line| vec![Piece::Plain(format!("         {line}"))]));
    }
    if let Some(needs) = &verdict.needs {
        lines.push(vec![Piece::Faint("  surer  ".to_owned()), Piece::Plain(needs.clone())]);
    }
    Section::Value { name: "verdict", json: verdict_json(verdict), lines }
}

fn verdict_json(verdict: &Verdict) -> Value {
    json!({
        "kind": verdict.kind.id(),
        "confidence": rounded(verdict.confidence),
        "summary": verdict.summary,
        "evidence": verdict.evidence,
        "needs": verdict.needs,
    })
}

/// Returns the findings as a section.
pub(crate) fn findings_section(findings: &[Finding], left_out: usize) -> Section {
    let mut lines: Vec<Line> = Vec::new();
    for (at, finding) in findings.iter().enumerate() {
        if at > 0 {
            lines.push(Vec::new());
        }
        finding_lines(&mut lines, at + 1, finding);
    }
    if left_out > 0 {
        lines.push(vec![Piece::Faint(format!("{left_out} more suspects (--all shows them)"))]);
    }
    Section::Value { name: "findings", json: findings.iter().map(finding_json).collect(), lines }
}

fn finding_lines(lines: &mut Vec<Line>, number: usize, finding: &Finding) {
    let front = format!("{number}  ");
    let behind = format!("{}   [{}]", finding.owner, finding.id);
    let title = clean(&finding.title);
    let used = front.len() + columns(&title) + columns(&behind);
    if used + 2 <= 80 {
        let gap = " ".repeat(80 - used);
        lines.push(vec![Piece::Strong(format!("{front}{title}")), Piece::Faint(format!("{gap}{behind}"))]);
    } else {
        lines.push(vec![Piece::Strong(format!("{front}{title}"))]);
        lines.push(vec![Piece::Faint(format!("   {behind}"))]);
    }
    if let Some(growth) = &finding.growth {
        lines.push(vec![Piece::Plain("   grew   ".to_owned()), Piece::Plain(finding_growth(growth))]);
    }
    lines.extend(story_lines(&finding.story));
    labelled(lines, "why", &finding.why.join("; "));
    if let Some((bytes, text)) = &finding.frees {
        let text = match &finding.also {
            Some(_) => format!("{} of the {} held if {text}: cut the second way too", number::bytes(*bytes), number::bytes(finding.held)),
            None => format!("{} if {text}", number::bytes(*bytes)),
        };
        labelled(lines, "frees", &text);
    }
    if let Some(also) = &finding.also {
        labelled(lines, "also", "held by, the second way to cut:");
        lines.extend(story_lines(also));
    }
    if let Some(look) = &finding.look {
        let place = look.place.short();
        lines.push(vec![label("look"), Piece::Code(place), Piece::Plain(format!("  {}", look.text))]);
    } else if let Some(place) = &finding.location {
        lines.push(vec![label("look"), Piece::Code(place.to_string())]);
    }
    labelled(lines, "fix", &finding.advice);
    labelled(lines, "limits", finding.limits);
    lines.push(vec![label("more"), Piece::Code(format!("heapwhy explain {}", finding.rule))]);
}

fn label(text: &str) -> Piece {
    Piece::Faint(format!("   {text:<7}"))
}

fn labelled(lines: &mut Vec<Line>, name: &str, text: &str) {
    for (at, line) in wrapped(text, 70).into_iter().enumerate() {
        lines.push(vec![label(if at == 0 { name } else { "" }), Piece::Plain(line)]);
    }
}

/// Returns a story as lines: a hop a line, how it refers to the next below it.
pub(crate) fn story_lines(story: &Story) -> Vec<Line> {
    let mut lines = Vec::new();
    let last = story.hops.len().saturating_sub(1);
    for (at, hop) in story.hops.iter().enumerate() {
        if let Some(edge) = &hop.edge {
            edge_lines(&mut lines, edge);
        }
        let mark = match at {
            _ if at == last => "╰→",
            0 => "┬─",
            _ => "├─",
        };
        hop_lines(&mut lines, mark, hop, at == last);
        if story.left_out > 0 && at == last / 2 {
            lines.push(vec![Piece::Faint(format!("   ·    … {} hops like these", number::count(story.left_out as u64)))]);
        }
    }
    lines
}

fn edge_lines(lines: &mut Vec<Line>, edge: &HopEdge) {
    let times = if edge.times > 1 { format!(" × {}", number::count(edge.times)) } else { String::new() };
    let text = clean(&edge.text);
    let left = format!("   │    {text}{times}");
    lines.push(with_place(vec![Piece::Plain(left)], edge.place.as_ref(), None));
    if edge.cut {
        let marks = "~".repeat(columns(&text).clamp(3, 40));
        let frees = match edge.frees {
            None => String::new(),
            Some(0) => "  cut here: frees nothing by itself".to_owned(),
            Some(bytes) => format!("  cut here: frees {}", number::bytes(bytes)),
        };
        lines.push(vec![Piece::Plain("   │    ".to_owned()), Piece::Alarm(marks), Piece::Faint(frees)]);
    }
}

fn hop_lines(lines: &mut Vec<Line>, mark: &str, hop: &Hop, is_last: bool) {
    let mut words: Vec<Piece> = vec![Piece::Plain(format!("   {mark} ")), Piece::Strong(clean(&hop.label))];
    if !hop.notes.is_empty() {
        words.push(Piece::Plain(format!("  {}", hop.notes.join(" · "))));
    }
    let size = (is_last || hop.edge.as_ref().is_some_and(|edge| edge.cut)).then(|| number::bytes(hop.retained));
    lines.push(with_place(words, hop.place.as_ref(), size));
    let judged = match hop.leaking {
        Leaking::Yes => "leaking",
        Leaking::No => "not leaking",
        Leaking::Unknown => "",
    };
    if !judged.is_empty() && !hop.reason.is_empty() {
        let bar = if is_last { "        " } else { "   │    " };
        lines.push(vec![Piece::Faint(format!("{bar}{judged}: {}", clean(&hop.reason)))]);
    }
}

/// Adds a place at its column, and a size behind it.
fn with_place(mut line: Line, place: Option<&Place>, size: Option<String>) -> Line {
    if place.is_none() && size.is_none() {
        return line;
    }
    let used: usize = line
        .iter()
        .map(|piece| match piece {
            Piece::Plain(text) | Piece::Strong(text) | Piece::Faint(text) | Piece::Code(text) | Piece::Alarm(text) => columns(&clean(text)),
        })
        .sum();
    line.push(Piece::Plain(" ".repeat(PLACE_COLUMN.saturating_sub(used).max(2))));
    if let Some(place) = place {
        line.push(Piece::Code(place.short()));
    }
    if let Some(size) = size {
        line.push(Piece::Faint(if place.is_some() { format!(" · {size}") } else { format!("retains {size}") }));
    }
    line
}

/// Says how a finding grew. By path only the numbers compare: the size in the title is worked out in another way.
fn finding_growth(growth: &Growth) -> String {
    match growth.matched {
        Matched::ById => growth_text(growth),
        Matched::ByPath => format!("{}{BY_PATH}", steps(&growth.counts, number::count)),
    }
}

const BY_PATH: &str = "  (different processes, matched by path)";

fn steps(numbers: &[u64], show: fn(u64) -> String) -> String {
    numbers.iter().map(|&number| show(number)).collect::<Vec<_>>().join(" → ")
}

fn growth_text(growth: &Growth) -> String {
    let how = match growth.matched {
        Matched::ById => "",
        Matched::ByPath => BY_PATH,
    };
    // One object stays one: its size only tells.
    let is_one = growth.counts.iter().all(|&count| count == 1);
    let counts = if is_one { String::new() } else { format!("{}   ", steps(&growth.counts, number::count)) };
    format!("{counts}{}{how}", steps(&growth.bytes, number::bytes))
}

/// Returns the classes that grew as a section in the words of a diff.
pub(crate) fn growth_section(verdict: &Verdict, classes: &[ClassGrowth]) -> Section {
    let growing = verdict.kind == VerdictKind::Growing;
    let head = if growing { Piece::Alarm("GROWING".to_owned()) } else { Piece::Strong("CHANGED".to_owned()) };
    let mut lines: Vec<Line> = Vec::new();
    let widest = classes.iter().map(|class| columns(&clean(&class.class))).max().unwrap_or(0).clamp(8, 28);
    if !classes.is_empty() {
        lines.push(vec![head, Piece::Faint("  classes by what came and stayed".to_owned())]);
    }
    for class in classes {
        let name = crate::render::clean::fit(&class.class, widest, false);
        let padding = " ".repeat(widest.saturating_sub(columns(&name)));
        let mut line = vec![Piece::Plain(format!("  {name}{padding}  {}", growth_text(&class.growth)))];
        lines.push(std::mem::take(&mut line));
        if !class.held_by.is_empty() {
            line.push(Piece::Faint(format!("  {}  held by ", " ".repeat(widest))));
            line.push(Piece::Plain(class.held_by.clone()));
            if let Some(place) = &class.place {
                line.push(Piece::Code(format!("  {}", place.short())));
            }
            lines.push(line);
        }
    }
    Section::Value { name: "growth", json: classes.iter().map(class_json).collect(), lines }
}

fn class_json(class: &ClassGrowth) -> Value {
    json!({
        "class": class.class,
        "growth": growth_json(&class.growth),
        "survived": class.survived,
        "held_by": class.held_by,
        "location": class.place.as_ref().map(place_json),
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "rule": finding.rule,
        "severity": finding.severity.word(),
        "confidence": rounded(finding.confidence),
        "title": finding.title,
        "bytes": finding.bytes,
        "held": finding.held,
        "count": finding.count,
        "class": finding.class,
        "generated_class": finding.story.hops.iter().find(|hop| hop.node == Some(finding.example)).and_then(|hop| hop.generated.as_ref()),
        "owner": owner_json(&finding.owner),
        "location": finding.location.as_ref().map(place_json),
        "path": story_json(&finding.story),
        "why": finding.why,
        "frees": finding.frees.as_ref().map(|(bytes, text)| json!({"bytes": bytes, "if": text})),
        "also": finding.also.as_ref().map(story_json),
        "look": finding.look.as_ref().map(|look| json!({"location": place_json(&look.place), "text": look.text})),
        "advice": finding.advice,
        "limits": finding.limits,
        "growth": finding.growth.as_ref().map(growth_json),
        "holder": finding.holder.0.to_string(),
        "holders": finding.holders,
        "example": finding.example.0.to_string(),
    })
}

fn owner_json(owner: &Owner) -> Value {
    match owner {
        Owner::Package { name, version } => json!({"kind": owner.kind(), "name": name, "version": version}),
        _ => json!({"kind": owner.kind()}),
    }
}

fn growth_json(growth: &Growth) -> Value {
    let matched = match growth.matched {
        Matched::ById => "id",
        Matched::ByPath => "path",
    };
    json!({"counts": growth.counts, "bytes": growth.bytes, "matched": matched})
}

/// Returns a place; what is not known of it is null.
fn place_json(place: &Place) -> Value {
    let known = |number: u32| (number > 0).then_some(number);
    json!({
        "file": place.file,
        "line": known(place.line),
        "column": known(place.column),
        "generated": place.generated.as_ref().map(|place| place_json(place)),
    })
}

/// Returns a story as nodes and edges in turn, root first.
pub(crate) fn story_json(story: &Story) -> Value {
    let mut path = Vec::new();
    for hop in &story.hops {
        if let Some(edge) = &hop.edge {
            path.push(json!({
                "edge": edge.text,
                "times": edge.times,
                "suspect": edge.cut,
                "frees": edge.frees,
                "location": edge.place.as_ref().map(place_json),
            }));
        }
        path.push(json!({
            "node": hop.label,
            "generated": hop.generated,
            "id": hop.node.map(|id| id.0.to_string()),
            "notes": hop.notes,
            "location": hop.place.as_ref().map(place_json),
            "retained_size": hop.retained,
            "leaking": hop.leaking.word(),
            "reason": hop.reason,
        }));
    }
    Value::Array(path)
}

/// Shares in JSON have three digits: more would only be noise.
fn rounded(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

/// Breaks text into lines of at most `width` columns, between words.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split(' ') {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ if word.is_empty() => {}
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_line_is_null() {
        let check = |line, column, expect: Value| {
            let place = place_json(&Place::new("app.js", line, column));
            assert_eq!(json!([place["line"], place["column"]]), expect);
        };
        check(6, 7, json!([6, 7]));
        check(6, 0, json!([6, null]));
        check(0, 0, json!([null, null]));
    }
}
