//! Lines made of meaningful pieces: the memory bars, verdict and suspects of a report.
//!
//! The words and their order are the command's (`commands/report.rs`); here they are cleaned, coloured and kept within the terminal. What
//! is too long gives way in this order: bars, gaps between columns, names (in the middle) and places (at their start); what then does not
//! fit goes on in the next line. Numbers, sizes, options and constants are never cut.

use std::io::{self, Write};

use super::clean::{clean, columns, fit, fit_place};
use super::style::Style;
use crate::answer::{Line, Piece};

/// The narrowest that a name is cut to.
const NARROWEST: usize = 12;

/// The narrowest that a gap between columns becomes.
const GAP: usize = 2;

/// A longer word is a name, whatever it looks like.
const LONGEST_TYPED: usize = 30;

/// Writes lines.
pub(super) fn lines(out: &mut dyn Write, lines: &[Line], style: &Style) -> io::Result<()> {
    for line in lines {
        let texts: Vec<String> = line.iter().map(|piece| style.own(&clean(words(piece)))).collect();
        if texts.iter().map(|text| columns(text)).sum::<usize>() <= style.width {
            let text: String = line.iter().zip(&texts).map(|(piece, text)| paint(piece, text, style)).collect();
            writeln!(out, "{}", text.trim_end())?;
            continue;
        }
        let mut parts = parts(line, &texts);
        shorten(&mut parts, line, style);
        for row in broken(&parts, style.width) {
            writeln!(out, "{}", painted(&row, line, style).trim_end())?;
        }
    }
    Ok(())
}

fn words(piece: &Piece) -> &str {
    match piece {
        Piece::Plain(text) | Piece::Strong(text) | Piece::Faint(text) | Piece::Code(text) | Piece::Alarm(text) => text,
    }
}

fn paint(piece: &Piece, text: &str, style: &Style) -> String {
    match piece {
        Piece::Plain(_) => text.to_owned(),
        Piece::Strong(_) => style.bold(text),
        Piece::Faint(_) => style.dim(text),
        Piece::Code(_) => style.cyan(text),
        Piece::Alarm(_) => style.red(text),
    }
}

/// A part of a line: spaces, or text without spaces.
#[derive(Clone, Debug)]
struct Part {
    /// The piece that it belongs to.
    piece: usize,
    text: String,
}

impl Part {
    fn is_gap(&self) -> bool {
        self.text.starts_with(' ')
    }

    /// Returns how short a bar may become; `None` for what is no bar. The mark below a hop to cut stays.
    fn shortest_bar(&self) -> Option<usize> {
        let is_all = |is_part: fn(char) -> bool| self.text.chars().all(is_part);
        if is_all(|char| ('█'..='▏').contains(&char) || char == '#' || char == '=') {
            return Some(0);
        }
        is_all(|char| char == '~').then_some(3)
    }

    /// Says whether a part is a number, an id or a sum of them: `17,500`, `@123`, `12.3`.
    fn is_number(&self) -> bool {
        self.text.chars().all(|char| char.is_ascii_digit() || ",.@%+-×()→:".contains(char))
    }

    /// Says whether it is something that people type or look up as it is: an option, or a constant such as `CAP_SYS_PTRACE`.
    fn is_typed(&self) -> bool {
        let word = self.text.trim_matches(|char| "(),;:".contains(char));
        let is_constant =
            || word.contains('_') && word.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_');
        word.len() <= LONGEST_TYPED && (word.starts_with("--") || is_constant())
    }
}

/// Takes a line apart.
fn parts(line: &Line, texts: &[String]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (piece, text) in texts.iter().enumerate() {
        let mut start = true;
        for char in text.chars() {
            match parts.last_mut() {
                // A name of several pieces, such as a tree's mark before it, stays in its pieces.
                Some(part) if !start && part.is_gap() == (char == ' ') => part.text.push(char),
                _ => parts.push(Part { piece, text: char.into() }),
            }
            start = false;
        }
    }
    debug_assert!(parts.iter().all(|part| part.piece < line.len()));
    parts
}

/// Takes what the line has not from bars, gaps and names. Prose, which can go on in the next line, only gives up what no line holds.
fn shorten(parts: &mut Vec<Part>, line: &Line, style: &Style) {
    let whole = |parts: &[Part]| parts.iter().map(|part| columns(&part.text)).sum::<usize>();
    let excess = |parts: &[Part]| whole(parts).saturating_sub(style.width);
    let is_prose = match line.as_slice() {
        [Piece::Plain(_)] => true,
        [Piece::Faint(label), ..] => label.ends_with(' '),
        // The label of a line of sentences, as `doctor` has them.
        [Piece::Strong(label), Piece::Plain(_), ..] => label.ends_with(' '),
        _ => false,
    };
    // The `=` of a line of source is no bar.
    for at in 0..if is_prose { 0 } else { parts.len() } {
        if let Some(shortest) = parts[at].shortest_bar() {
            let room = columns(&parts[at].text).saturating_sub(excess(parts)).max(shortest);
            parts[at].text = parts[at].text.chars().take(room).collect();
        }
    }
    parts.retain(|part| !part.text.is_empty());
    while parts.last().is_some_and(Part::is_gap) {
        parts.pop();
    }
    let gap = if is_prose { usize::MAX } else { GAP };
    while let Some((at, room)) = next_cut(parts, Part::is_gap, gap, excess(parts)) {
        parts[at].text.truncate(room);
    }
    let narrowest = if is_prose { style.width - columns(&indent(parts, style.width)) } else { NARROWEST };
    let is_name = |part: &Part| !part.is_gap() && !part.is_number() && !part.is_typed();
    while let Some((at, room)) = next_cut(parts, is_name, narrowest, excess(parts)) {
        let is_place = matches!(line[parts[at].piece], Piece::Code(_));
        parts[at].text = if is_place { fit_place(&parts[at].text, room, style.ascii) } else { fit(&parts[at].text, room, style.ascii) };
    }
}

/// Returns the widest of the parts that may be cut, and to what: down to the next widest at most, so that two long ones end up equal.
fn next_cut(parts: &[Part], takes: impl Fn(&Part) -> bool, narrowest: usize, excess: usize) -> Option<(usize, usize)> {
    let wide = || parts.iter().enumerate().skip(1).filter(|(_, part)| takes(part)).map(|(at, part)| (at, columns(&part.text)));
    let (at, width) = wide().filter(|&(_, width)| width > narrowest && excess > 0).max_by_key(|&(_, width)| width)?;
    let next = wide().filter(|&(other, _)| other != at).map(|(_, other)| other).max().unwrap_or(narrowest);
    let floor = next.max(narrowest).min(width - 1);
    Some((at, width.saturating_sub(excess).max(floor)))
}

/// Breaks a line between its parts. What follows stands below the text of the first row, and the branches of a story go on.
fn broken(parts: &[Part], width: usize) -> Vec<Vec<Part>> {
    let indent = Part { piece: parts.first().map_or(0, |part| part.piece), text: indent(parts, width) };
    let mut rows: Vec<Vec<Part>> = vec![Vec::new()];
    let mut used = 0;
    for (at, part) in parts.iter().enumerate() {
        let length = columns(&part.text);
        let row = rows.len() - 1;
        // A word keeps together over pieces: what follows it without a gap counts, and a number keeps its unit.
        let together: usize =
            (at..parts.len()).take_while(|&at| !parts[at].is_gap() || is_before_unit(parts, at)).map(|at| columns(&parts[at].text)).sum();
        let starts_word = at == 0 || parts[at - 1].is_gap() && !is_before_unit(parts, at - 1);
        if !part.is_gap() && starts_word && used + together > width && used > columns(&indent.text) {
            rows.push(vec![indent.clone()]);
            used = columns(&indent.text);
        } else if part.is_gap() && used + length > width && row + 1 == rows.len() {
            continue;
        }
        if let Some(row) = rows.last_mut().filter(|row| !(part.is_gap() && row.len() == 1 && at > 1 && used == columns(&indent.text))) {
            row.push(part.clone());
            used += length;
        }
    }
    rows
}

/// Says whether the gap at a place stands between a number and its unit.
fn is_before_unit(parts: &[Part], gap: usize) -> bool {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "ms", "s"];
    let part = |at: Option<usize>| at.and_then(|at| parts.get(at)).map_or("", |part| part.text.as_str());
    let (number, unit) = (part(gap.checked_sub(1)), part(gap.checked_add(1)));
    part(Some(gap)) == " "
        && number.ends_with(|char: char| char.is_ascii_digit())
        && UNITS.contains(&unit.trim_end_matches([',', ';', ':', ')']))
}

/// Returns what stands before the rows that follow: as much space as before the text of the first, with branches that go on.
fn indent(parts: &[Part], width: usize) -> String {
    let mark = |char: char| "│├┬╰─→|+`->".contains(char);
    let mut text = String::new();
    for part in parts.iter().take_while(|part| part.is_gap() || part.text.chars().all(mark)) {
        text.extend(part.text.chars().map(|char| match char {
            '│' | '├' | '┬' => '│',
            '|' | '+' => '|',
            _ => ' ',
        }));
    }
    // The label of a line, `   why    `.
    let first = parts.first().map_or(0, |part| part.piece);
    let label: Vec<&Part> = parts.iter().take_while(|part| part.piece == first).collect();
    let label_width: usize = label.iter().map(|part| columns(&part.text)).sum();
    if label.len() < parts.len() && label.last().is_some_and(|part| part.is_gap()) && label_width > columns(&text) {
        text.push_str(&" ".repeat(label_width - columns(&text)));
    }
    if columns(&text) > width / 2 { "  ".to_owned() } else { text }
}

fn painted(row: &[Part], line: &Line, style: &Style) -> String {
    row.chunk_by(|a, b| a.piece == b.piece)
        .map(|parts| paint(&line[parts[0].piece], &parts.iter().map(|part| part.text.as_str()).collect::<String>(), style))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(written: &[Line], width: usize) -> String {
        let mut out = Vec::new();
        lines(&mut out, written, &Style { colour: false, ascii: false, width }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_number_keeps_its_unit() {
        let line = |text: &str| vec![Piece::Plain(text.to_owned())];
        let check = |text: &str, width, expect: &str| assert_eq!(rendered(&[line(text)], width), expect, "{text} in {width}");
        check("grew from 1.3 MB, then 1.5 MB", 12, "grew from\n1.3 MB, then\n1.5 MB\n");
        check("grew from 1.3 MB, then 1.5 MB", 28, "grew from 1.3 MB, then\n1.5 MB\n");
        check("in 3 steps of 20 ms", 17, "in 3 steps of\n20 ms\n");
    }

    /// Lines as reports have them, all too long for a terminal.
    fn report() -> Vec<Line> {
        let plain = |text: &str| Piece::Plain(text.to_owned());
        vec![
            vec![plain("  strings                 11.5 MB   65%  "), Piece::Faint("█".repeat(24))],
            vec![Piece::Strong("1  Growing Map · 1,234,567 ThePopularSubscriptionRegistrationListenerFactoryBean · 123.4 MB".to_owned())],
            vec![
                plain("   ├─ "),
                Piece::Strong("AbstractSingletonProxyFactoryBeanRegistryHolder".to_owned()),
                plain("    "),
                Piece::Code("/srv/app/packages/server/src/registry/holder.ts:1234:56".to_owned()),
                Piece::Faint(" · 12,345.6 kB".to_owned()),
            ],
            vec![
                plain("   │    "),
                Piece::Alarm("~".repeat(40)),
                Piece::Faint("  cut here: frees 1.1 MB, which nothing else holds, of 93.1 MB".to_owned()),
            ],
            vec![
                Piece::Faint("   why    ".to_owned()),
                plain("grew by 600 in 1 step; keys like \"99c53bfe50cb44cd471e9605\"; and 2,100 strings of 64 characters each"),
            ],
        ]
    }

    #[test]
    fn names_give_way_to_numbers() {
        insta::assert_snapshot!(rendered(&report(), 80), @r#"
          strings                 11.5 MB   65%  ████████████████████████
        1  Growing Map · 1,234,567 ThePopularSubscriptionReg…tenerFactoryBean · 123.4 MB
           ├─ AbstractSingletonP…istryHolder  …/registry/holder.ts:1234:56 · 12,345.6 kB
           │    ~~~~~~~~~~  cut here: frees 1.1 MB, which nothing else holds, of 93.1 MB
           why    grew by 600 in 1 step; keys like "99c53bfe50cb44cd471e9605"; and 2,100
                  strings of 64 characters each
        "#);
        insta::assert_snapshot!(rendered(&report(), 40), @r#"
          strings                 11.5 MB   65%
        1  Growing Map · 1,234,567 ThePopu…Bean
        · 123.4 MB
           ├─ Abstrac…lder  ….ts:1234:56 ·
           │  12,345.6 kB
           │  ~~~  cut here: frees 1.1 MB, which
           │  nothing else holds, of 93.1 MB
           why    grew by 600 in 1 step; keys
                  like
                  "99c53bfe50cb44cd471e9605";
                  and 2,100 strings of 64
                  characters each
        "#);
    }

    #[test]
    fn source_lines_keep_their_signs() {
        let look = vec![
            Piece::Faint("   look   ".to_owned()),
            Piece::Code("list.js:2:34".to_owned()),
            Piece::Plain("  class Log { constructor() { this.head = null; } isEmpty() { return this.head == null; } # ~ █ }".to_owned()),
        ];
        let text = rendered(&[look], 40);
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words[2..].join(" "), "class Log { constructor() { this.head = null; } isEmpty() { return this.head == null; } # ~ █ }");
    }

    #[test]
    fn what_is_typed_is_whole() {
        let check = |text: &str, expect: bool| assert_eq!(Part { piece: 0, text: text.to_owned() }.is_typed(), expect, "{text}");
        check("CAP_SYS_PTRACE", true);
        check("(--max-pause)", true);
        check("SessionCacheOfEverything", false);
        check("HTTP", false);
        check("A_VERY_LONG_NAME_THAT_SOMEBODY_HAS_GIVEN", false);
    }

    #[test]
    fn every_number_is_whole_at_every_width() {
        let numbers = ["11.5 MB", "65%", "1,234,567", "123.4 MB", "1234:56", "12,345.6 kB", "1.1 MB", "93.1 MB", "600", "2,100", "64"];
        for width in 40..=120 {
            let text = rendered(&report(), width);
            let joined: Vec<&str> = text.split_whitespace().filter(|word| *word != "│").collect();
            let joined = joined.join(" ");
            for number in numbers {
                assert!(joined.contains(number), "{number} at {width}:\n{text}");
            }
            let widest = text.lines().map(columns).max().unwrap();
            assert!(widest <= width, "{widest} at {width}:\n{text}");
        }
    }
}
