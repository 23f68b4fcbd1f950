//! Makes text out of a file safe and short enough for a terminal.
//!
//! Names in a snapshot are whatever the program used: escape sequences, line breaks, text that runs right to left, a megabyte of JSON. None
//! of that may move the cursor, recolour the screen or break a table. What is escaped stays readable: `\n`, `\x1b`, `\u{202e}`.

use unicode_width::UnicodeWidthChar;

/// Returns text with everything that a terminal would act on escaped. Costs as much as the text is long.
pub(crate) fn clean(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut result, character);
    }
    result
}

/// Returns clean text of at most `width` columns, cut in the middle: `proces…ngTable`. Reads no more of the text than it shows.
pub(crate) fn fit(text: &str, width: usize, ascii: bool) -> String {
    let whole = escape_up_to(text.chars(), width);
    if let Some(whole) = whole {
        return if ascii { to_ascii(&whole) } else { whole };
    }
    let mark = if ascii { "..." } else { "…" };
    let room = width.saturating_sub(columns(mark));
    // The start tells more than the end.
    let (front, back) = (room - room * 2 / 5, room * 2 / 5);
    let head = take(text.chars(), front);
    let mut tail: Vec<String> = Vec::new();
    let mut used = 0;
    for character in text.chars().rev() {
        let escaped = escaped(character);
        used += columns(&escaped);
        if used > back {
            break;
        }
        tail.push(escaped);
    }
    tail.reverse();
    let cut = format!("{head}{mark}{}", tail.concat());
    if ascii { to_ascii(&cut) } else { cut }
}

/// Returns clean text of at most `width` columns, cut at its start: `…/demo/1.heapsnapshot`. For paths, whose end tells more.
pub(crate) fn fit_end(text: &str, width: usize, ascii: bool) -> String {
    let whole = clean(text);
    let shown = if columns(&whole) <= width {
        whole
    } else {
        let mark = if ascii { "..." } else { "…" };
        let mut kept: Vec<char> = Vec::new();
        let mut used = columns(mark);
        for character in whole.chars().rev() {
            used += character.width().unwrap_or(0);
            if used > width {
                break;
            }
            kept.push(character);
        }
        format!("{mark}{}", kept.iter().rev().collect::<String>())
    };
    if ascii { to_ascii(&shown) } else { shown }
}

/// Returns a place in a file, clean and of at most `width` columns: folders are left out whole, as long as the name of the file fits: `…/app.js:14:3`.
pub(crate) fn fit_place(text: &str, width: usize, ascii: bool) -> String {
    let cut = fit_end(text, width, ascii);
    let mark = if ascii { "..." } else { "…" };
    match cut.strip_prefix(mark).and_then(|kept| kept.find('/').map(|slash| &kept[slash..])) {
        Some(rest) => format!("{mark}{rest}"),
        None => cut,
    }
}

/// Returns how many columns clean text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// Replaces what is not ASCII: our own marks by look-alikes, everything else by escapes.
pub(crate) fn to_ascii(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '…' => result.push_str("..."),
            '×' => result.push('x'),
            '·' | '–' | '─' => result.push('-'),
            '→' => result.push_str("->"),
            '│' => result.push('|'),
            '├' | '┬' | '┴' => result.push('+'),
            '╰' | '└' => result.push('`'),
            '█' => result.push('#'),
            '▏' | '▎' | '▍' | '▌' | '▋' | '▊' | '▉' => result.push('='),
            '±' => result.push_str("+-"),
            '≥' => result.push_str(">="),
            '≤' => result.push_str("<="),
            '²' => result.push('2'),
            ascii if ascii.is_ascii() => result.push(ascii),
            other => result.extend(other.escape_unicode()),
        }
    }
    result
}

/// Escapes all of it, or nothing where it needs more than `width` columns.
fn escape_up_to(text: impl Iterator<Item = char>, width: usize) -> Option<String> {
    let mut result = String::new();
    let mut used = 0;
    for character in text {
        let from = result.len();
        push(&mut result, character);
        used += columns(&result[from..]);
        if used > width {
            return None;
        }
    }
    Some(result)
}

fn take(text: impl Iterator<Item = char>, width: usize) -> String {
    let mut result = String::new();
    let mut used = 0;
    for character in text {
        let escaped = escaped(character);
        used += columns(&escaped);
        if used > width {
            break;
        }
        result.push_str(&escaped);
    }
    result
}

fn escaped(character: char) -> String {
    let mut result = String::new();
    push(&mut result, character);
    result
}

fn push(result: &mut String, character: char) {
    match character {
        '\n' => result.push_str("\\n"),
        '\r' => result.push_str("\\r"),
        '\t' => result.push_str("\\t"),
        _ if (character as u32) < 0x20 || character as u32 == 0x7f => result.push_str(&format!("\\x{:02x}", character as u32)),
        _ if is_unsafe(character) => result.extend(character.escape_unicode()),
        _ => result.push(character),
    }
}

/// Says whether a terminal might act on a character, or show nothing for it.
fn is_unsafe(character: char) -> bool {
    matches!(character as u32,
        0x80..=0x9f            // C1 controls: U+009B starts an escape sequence
        | 0xad                 // soft hyphen
        | 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f // direction, separators, width 0
        | 0xfe00..=0xfe0f | 0xfeff | 0xfff9..=0xfffb
        | 0xe000..=0xf8ff      // private use
        | 0xe0000..=0x10ffff)  // tags, variation selectors, private use
        || character != ' ' && character.width() == Some(0) && character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_acts() {
        let cases = [
            ("Session", "Session"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("abc\u{202e}cba", "abc\\u{202e}cba"),
            ("naïve 世界 🎉", "naïve 世界 🎉"),
            ("\0\x7f", "\\x00\\x7f"),
        ];
        for (text, expected) in cases {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn cuts_in_the_middle() {
        assert_eq!(fit("processTicksAndRejections", 12, false), "process…ions");
        assert_eq!(fit("processTicksAndRejections", 12, true), "proces...ons");
        assert_eq!(fit("short", 12, false), "short");
        assert_eq!(fit("世界世界世界", 7, false), "世界…界");
        assert_eq!(fit("abc", 1, false), "…");
        assert_eq!(fit("", 0, false), "");
        assert_eq!(fit_end("/srv/demo/1.heapsnapshot", 16, false), "…/1.heapsnapshot");
        assert_eq!(fit("né", 9, true), "n\\u{e9}");
        assert_eq!(fit_place("/srv/shop/app/server.js:14:3", 24, false), "…/app/server.js:14:3");
        assert_eq!(fit_place("/srv/shop/app/server.js:14:3", 24, true), ".../app/server.js:14:3");
        assert_eq!(fit_place("/srv/shop/app/server.js:14:3", 12, false), "…ver.js:14:3");
        assert_eq!(fit_place("node:net:44:63", 20, false), "node:net:44:63");
        let huge = "x".repeat(1 << 20);
        assert_eq!(columns(&fit(&huge, 40, false)), 40);
        assert!(columns(&fit(&"\x1b".repeat(1000), 10, false)) <= 10);
    }
}
