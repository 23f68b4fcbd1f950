//! Finds where a variable or property was written in source text. Not a parser: it skips comments and strings, and takes the first
//! place that reads like a declaration or an assignment. It may be wrong where a name is declared in several scopes of one file.

/// A position in a text: line and column in UTF-16 units, both from 1.
pub type Position = (u32, u32);

/// Texts above this many bytes are not searched.
const MAX_TEXT: usize = 16 << 20;

/// Finds the declaration of a variable: `const NAME`, `let NAME`, `var NAME`, `function NAME`, `class NAME`, `import … NAME`, also
/// within a list or a pattern; returns the keyword and the position of the keyword's name. Of several in one file, the one of the innermost
/// block around `inside` is taken, where one is known to stand in such a block; else the first.
#[must_use]
pub fn declaration<'a>(text: &'a str, name: &str, inside: Option<Position>) -> Option<(&'a str, Position)> {
    let inside = inside.and_then(|position| offset(text, position));
    let mut scan = Declarations::default();
    let mut found: Vec<Declared<'a>> = Vec::new();
    let mut around: Option<Vec<usize>> = None;
    for token in Tokens::new(text) {
        if inside.is_some_and(|inside| token.at >= inside) {
            around.get_or_insert_with(|| scan.blocks.clone());
        }
        if token.text == name && scan.declares(text, &token) {
            found.push(Declared { keyword: scan.keyword, at: token.at, block: scan.block });
        }
        scan.pass(&token);
    }
    // Blocks that were still open at the end of a text that was cut are around whatever follows.
    let around = around.unwrap_or(scan.blocks);
    let depth = |declared: &Declared<'_>| match declared.block {
        None => Some(0),
        Some(block) => around.iter().position(|&open| open == block).map(|at| at + 1),
    };
    // The first of the deepest: the maximum of an iterator is its last.
    let best = found.iter().rev().filter(|_| inside.is_some()).filter_map(|one| Some((depth(one)?, one))).max_by_key(|&(depth, _)| depth);
    let chosen = best.map(|(_, one)| one).or_else(|| found.first())?;
    Some((chosen.keyword, position(text, chosen.at)))
}

/// A declaration that was found.
struct Declared<'a> {
    keyword: &'a str,
    at: usize,
    /// Where the block starts that it is in; `None` outside all.
    block: Option<usize>,
}

/// What is known while going over a text's tokens.
#[derive(Default)]
struct Declarations<'a> {
    /// The keyword of the declaration that the token may be in; empty outside.
    keyword: &'a str,
    /// The block in which the keyword stood.
    block: Option<usize>,
    /// How deep in brackets it stood, and how deep the token is.
    declared_at: i32,
    depth: i32,
    /// Where the open blocks start.
    blocks: Vec<usize>,
    before: &'a str,
}

impl<'a> Declarations<'a> {
    /// Says whether a token that is the wanted name declares it: `const a = f(NAME)` uses it; `const {NAME} = f`, `const a = 1, NAME = 2`
    /// and `function NAME(` declare it.
    fn declares(&self, text: &str, token: &Token<'a>) -> bool {
        let value_follows = text.get(token.end..).is_some_and(|rest| rest.trim_start().starts_with([':', '.', '(']));
        let before = self.before;
        !self.keyword.is_empty()
            && before != "."
            && (before == self.keyword || (matches!(before, "," | "{" | "[" | ":" | "*") && !value_follows))
    }

    fn pass(&mut self, token: &Token<'a>) {
        const KEYWORDS: [&str; 6] = ["const", "let", "var", "function", "class", "import"];
        match token.text {
            keyword if KEYWORDS.contains(&keyword) && self.before != "." => {
                (self.keyword, self.declared_at, self.block) = (keyword, self.depth, self.blocks.last().copied());
            }
            "{" => {
                self.depth += 1;
                self.blocks.push(token.at);
            }
            "(" | "[" => self.depth += 1,
            "}" => {
                self.depth -= 1;
                self.blocks.pop();
            }
            ")" | "]" => self.depth -= 1,
            ";" | "=>" => self.keyword = "",
            _ => {}
        }
        if self.depth < self.declared_at {
            self.keyword = "";
        }
        self.before = token.text;
    }
}

/// Returns where in a text a position is.
pub(super) fn offset(text: &str, (line, column): Position) -> Option<usize> {
    let skipped = line.checked_sub(1)? as usize;
    let start = text.split_inclusive('\n').take(skipped).map(str::len).sum::<usize>();
    let units = column.saturating_sub(1) as usize;
    let mut passed = 0;
    let rest = text.get(start..)?;
    let within = rest.char_indices().find(|&(_, char)| {
        let here = passed >= units;
        passed += char.len_utf16();
        here
    });
    Some(start + within.map_or(rest.len(), |(at, _)| at))
}

/// Finds where a method of a variable is called, `NAME.METHOD(`; `None` where that is in no place or in several.
#[must_use]
pub fn call(text: &str, name: &str, methods: &[&str]) -> Option<Position> {
    let tokens: Vec<Token<'_>> = if text.len() > MAX_TEXT { Vec::new() } else { Tokens::new(text).collect() };
    let is_call = |four: &&[Token<'_>]| {
        let [object, dot, method, open] = four else { return false };
        object.text == name && dot.text == "." && methods.contains(&method.text) && open.text == "("
    };
    let mut calls = tokens.windows(4).filter(is_call).filter_map(|four| four.first());
    let first = calls.next()?;
    calls.next().is_none().then(|| position(text, first.at))
}

/// Finds the `require(…)` whose file is no text that is written out; `None` where that is in no place or in several.
#[must_use]
pub fn requiring(text: &str) -> Option<Position> {
    let tokens: Vec<Token<'_>> = if text.len() > MAX_TEXT { Vec::new() } else { Tokens::new(text).collect() };
    // Texts are no tokens: of `require('x')` the brackets stand side by side.
    let is_call = |three: &&[Token<'_>]| {
        let [require, open, file] = three else { return false };
        require.text == "require" && open.text == "(" && file.text != ")"
    };
    let mut calls = tokens.windows(3).filter(is_call).filter_map(|three| three.first());
    let first = calls.next()?;
    calls.next().is_none().then(|| position(text, first.at))
}

/// Finds the `export default` of a module.
#[must_use]
pub fn default_export(text: &str) -> Option<Position> {
    let tokens: Vec<Token<'_>> = if text.len() > MAX_TEXT { Vec::new() } else { Tokens::new(text).collect() };
    let is_export = |two: &&[Token<'_>]| matches!(two, [export, default] if export.text == "export" && default.text == "default");
    let export = tokens.windows(2).find(is_export)?.first()?;
    Some(position(text, export.at))
}

/// Finds where a property is first given a value: `.NAME =`, `NAME =` or `#NAME =` in a class body, `NAME:` in a literal; the
/// first at or behind line `from` (1: all), else the first of all.
#[must_use]
pub fn property(text: &str, name: &str, from: u32) -> Option<Position> {
    let mut first = None;
    let mut before = "";
    for token in Tokens::new(text) {
        let is_name = token.text == name || (token.text == name.trim_start_matches('#') && before == "#");
        if is_name && is_assigned(text.get(token.end..).unwrap_or_default(), before) {
            let found = position(text, token.at);
            if found.0 >= from {
                return Some(found);
            }
            first = first.or(Some(found));
        }
        before = token.text;
    }
    first
}

fn is_assigned(rest: &str, before: &str) -> bool {
    let rest = rest.trim_start();
    let assigned =
        rest.strip_prefix('=').is_some_and(|rest| !rest.starts_with(['=', '>'])) || rest.starts_with("??=") || rest.starts_with("||=");
    // In `a ? NAME : b` a colon follows too, but then no `{` or `,` stands before.
    assigned || (rest.starts_with(':') && matches!(before, "{" | ","))
}

/// Returns the line that a position is on, trimmed, and cut to `limit` characters.
#[must_use]
pub fn line_at(text: &str, line: u32, limit: usize) -> Option<String> {
    let line = text.lines().nth(line.checked_sub(1)? as usize)?.trim();
    let mut cut: String = line.chars().take(limit).collect();
    if line.chars().nth(limit).is_some() {
        cut.push('…');
    }
    (!cut.is_empty()).then_some(cut)
}

/// Returns the part of a line around a column (from 1), at most `limit` characters, with `…` where it was cut.
#[must_use]
pub fn line_around(text: &str, line: u32, column: u32, limit: usize) -> Option<String> {
    let whole = text.lines().nth(line.checked_sub(1)? as usize)?;
    let length = whole.chars().count();
    if length <= limit {
        return line_at(text, line, limit);
    }
    let at = (column.saturating_sub(1) as usize).min(length);
    let from = at.saturating_sub(limit / 3);
    let cut: String = whole.chars().skip(from).take(limit).collect();
    let left = if from > 0 { "…" } else { "" };
    let right = if from + limit < length { "…" } else { "" };
    Some(format!("{left}{}{right}", cut.trim()))
}

pub(super) fn position(text: &str, at: usize) -> Position {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() as u32 + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before.get(start..).unwrap_or_default().encode_utf16().count() as u32 + 1)
}

pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    end: usize,
}

/// Words and punctuation of JavaScript, without comments, strings and (guessed) regular expressions.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// Whether a `/` would be a division: behind a word, a number, `)` or `]`.
    value: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text: if text.len() > MAX_TEXT { "" } else { text }, at: 0, value: false }
    }

    fn skip_past(&mut self, from: usize, end: &str) {
        self.at = self.text.get(from..).and_then(|rest| rest.find(end)).map_or(self.text.len(), |found| from + found + end.len());
    }

    /// Skips a string, template or regular expression whose opening quote is at `at`.
    fn skip_quoted(&mut self, quote: u8) {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        let mut in_class = false;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\\' => at += 1,
                b'[' if quote == b'/' => in_class = true,
                b']' if quote == b'/' => in_class = false,
                b'\n' if quote != b'`' => break,
                _ if byte == quote && !in_class => break,
                _ => {}
            }
            at += 1;
        }
        self.at = (at + 1).min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        self.value = true;
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = rest.chars().next()?;
            if first.is_whitespace() {
                self.at += first.len_utf8();
            } else if rest.starts_with("//") {
                self.skip_past(self.at, "\n");
            } else if rest.starts_with("/*") {
                self.skip_past(self.at + 2, "*/");
            } else if matches!(first, '"' | '\'' | '`') || (first == '/' && !self.value) {
                self.skip_quoted(first as u8);
            } else {
                let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
                let length = if is_word(first) {
                    rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())
                } else if rest.starts_with("=>") {
                    2
                } else {
                    first.len_utf8()
                };
                let at = self.at;
                self.at += length;
                let text = rest.get(..length)?;
                self.value = (is_word(first) && !matches!(text, "return" | "typeof" | "case" | "in" | "of")) || matches!(first, ')' | ']');
                return Some(Token { text, at, end: self.at });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_one_call() {
        for (text, expected) in [
            ("const gate = f();\n  gate.addEventListener('a', r)", Some((2, 3))),
            ("gate.on('a', f); gate.on('b', f)", None),
            ("// gate.on('a')\ngate.off('a'); x.gate", None),
        ] {
            assert_eq!(call(text, "gate", &["on", "addEventListener"]), expected, "{text}");
        }
    }

    #[test]
    fn finds_the_one_require_of_a_name() {
        for (text, expected) in [
            ("const fs = require('fs');\n  return require(file).render();", Some((2, 10))),
            ("require('a'); require(`./${b}`)", None),
            ("require(a); require(b)", None),
        ] {
            assert_eq!(requiring(text), expected, "{text}");
        }
    }

    #[test]
    fn finds_declarations() {
        for (text, name, expected) in [
            ("'use strict';\n  const cache = new Map();", "cache", Some(("const", (2, 9)))),
            ("// const cache\nlet id=0, cache=new Map()", "cache", Some(("let", (2, 11)))),
            ("const wm=new WeakMap(), heads=[];", "heads", Some(("const", (1, 25)))),
            ("const {payload}=require('x'); class Entry{}", "Entry", Some(("class", (1, 37)))),
            ("const a = f(cache); const { b: cache } = x", "cache", Some(("const", (1, 32)))),
            ("const h=()=>{cache.x}; var cache", "cache", Some(("var", (1, 28)))),
            ("import { cache } from 'x'", "cache", Some(("import", (1, 10)))),
            ("const s = \"const cache\"; x.cache = 1", "cache", None),
            ("const r = /\"/, cache = 1", "cache", Some(("const", (1, 16)))),
            ("", "cache", None),
        ] {
            assert_eq!(declaration(text, name, None), expected, "{text}");
        }
    }

    #[test]
    fn finds_declarations_in_the_block_around() {
        let text = "const a = 1;\nfunction f() { const a = 2;\n { let a = 3; g(() => a); }\n h(() => a); }\nfunction k() { i(() => a); }\n\
                    for (const a of b) { j(() => a); }";
        for (inside, expected) in [
            ((3, 17), ("let", (3, 8))),
            ((4, 4), ("const", (2, 22))),
            ((5, 18), ("const", (1, 7))),
            // Behind the end of a text that was cut.
            ((99, 1), ("const", (1, 7))),
        ] {
            assert_eq!(declaration(text, "a", Some(inside)), Some(expected), "{inside:?}");
        }
        assert_eq!(declaration("{ let a = 1; }\n{ let a = 2; f(() => a) }", "a", Some((2, 16))), Some(("let", (2, 7))));
        assert_eq!(declaration("{ let b = 1; }\nf(() => b)", "b", Some((2, 3))), Some(("let", (1, 7))), "nothing around: the first");
    }

    #[test]
    fn finds_properties() {
        for (text, name, from, expected) in [
            ("class A {\n  byId = new Map();\n}", "byId", 1, Some((2, 3))),
            ("class A { constructor() { this.byId = new Map(); } }", "byId", 1, Some((1, 32))),
            ("if (this.byId === 3) {}\nthis.byId = 1", "byId", 1, Some((2, 6))),
            ("const a = { byId: 1 }", "byId", 1, Some((1, 13))),
            ("a.p = 1;\nb.p = 2;", "p", 2, Some((2, 3))),
            ("a.p = 1;", "p", 7, Some((1, 3))),
            ("class A { #p = 1 }", "#p", 1, Some((1, 12))),
            ("a.q = 1", "p", 1, None),
        ] {
            assert_eq!(property(text, name, from), expected, "{text}");
        }
    }

    #[test]
    fn cuts_lines() {
        assert_eq!(line_at("a\n  bcd  \n", 2, 2).as_deref(), Some("bc…"));
        assert_eq!(line_at("a", 0, 9), None);
        assert_eq!(line_around(&"x".repeat(50), 1, 25, 12).as_deref(), Some("…xxxxxxxxxxxx…"));
    }
}
