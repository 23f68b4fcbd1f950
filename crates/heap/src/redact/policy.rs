//! What looks like code, and what like data. In doubt it is data.

use super::PropertyNames;

/// What becomes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays.
    Keep,
    /// A token stands for it.
    Hide,
    /// Another text stands for it.
    Instead(String),
    /// Parts that stay (`true`), and parts for which tokens stand.
    HideParts(Vec<(String, bool)>),
}

fn keep_if(keep: bool) -> Verdict {
    if keep { Verdict::Keep } else { Verdict::Hide }
}

/// The longest name that a person gives to something in code.
const LONGEST: usize = 64;

/// Says whether a word looks like data although its letters may be an identifier's: many digits, or a hash in hexadecimal.
fn looks_like_data(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let hex = word.bytes().filter(u8::is_ascii_hexdigit).count();
    digits >= 5 || word.len() > LONGEST || (digits >= 2 && word.len() >= 12 && hex * 4 >= word.len() * 3)
}

/// Says whether a word is an identifier of JavaScript, in ASCII, that does not look like data.
pub(super) fn is_identifier(word: &str) -> bool {
    let starts = |first: u8| first.is_ascii_alphabetic() || matches!(first, b'_' | b'$' | b'#');
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    word.bytes().next().is_some_and(starts) && word.bytes().skip(1).all(goes_on) && !looks_like_data(word)
}

/// Says whether a name is that of a class or function: identifiers with dots, perhaps behind `get`, `bound` and the like.
fn is_code_name(name: &str) -> bool {
    let bare = |word: &str| {
        let word = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
        let word = word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or(word);
        word.split('.').all(is_identifier)
    };
    let mut words = name.split(' ');
    let last = words.next_back().unwrap_or_default();
    bare(last) && words.all(|word| matches!(word, "get" | "set" | "bound" | "async" | "static" | "Detached"))
}

/// Says whether a name is one that V8 or Node.js made up: a few words of letters.
fn is_engine_words(name: &str) -> bool {
    let letter = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'$' | b'.' | b':' | b'+' | b'-' | b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'#' | b'*' | b',')
    };
    let mut words = name.split(' ');
    name.len() <= 2 * LONGEST
        && words.all(|word| !word.is_empty() && word.bytes().all(letter) && !looks_like_data(word))
        && name.split(' ').count() <= 8
}

/// V8's own names for what it keeps no other name of.
const BUILTIN: [&str; 14] = [
    "Object",
    "Array",
    "Function",
    "Map",
    "Set",
    "WeakMap",
    "WeakSet",
    "Promise",
    "Error",
    "Date",
    "RegExp",
    "ArrayBuffer",
    "global",
    "process",
];

/// Keeps only V8's own names and what has the form of them: `system / Context`, `(anonymous)`.
pub(super) fn builtin(name: &str) -> Verdict {
    let is_system = name.starts_with("system / ") || name.starts_with("Node / ") || (name.starts_with('(') && name.ends_with(')'));
    if is_system { engine_name(name) } else { keep_if(BUILTIN.contains(&name)) }
}

/// Names of classes and functions.
pub(super) fn code_name(name: &str) -> Verdict {
    if is_code_name(name) {
        return Verdict::Keep;
    }
    if name.starts_with('<') || name.starts_with("Detached <") {
        return element(name);
    }
    builtin(name)
}

/// A DOM element: the tag stays, its attributes go.
fn element(name: &str) -> Verdict {
    let from = name.find('<').unwrap_or(0);
    let end = name.get(from..).and_then(|tag| tag.find(' ')).map_or(name.len(), |space| from + space);
    let (tag, attributes) = name.split_at(end);
    let is_tag =
        tag.get(from + 1..).is_some_and(|tag| tag.trim_end_matches('>').bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    match (is_tag, attributes) {
        (false, _) => Verdict::Hide,
        (true, "") => Verdict::Keep,
        (true, attributes) => Verdict::HideParts(vec![(format!("{tag} "), true), (attributes.to_owned(), false), (">".to_owned(), true)]),
    }
}

/// Names of objects that V8 and Node.js made: the parts between slashes stay as long as they look so.
pub(super) fn engine_name(name: &str) -> Verdict {
    if name.starts_with('<') || name.starts_with("Detached <") {
        return element(name);
    }
    let mut end = 0;
    for part in name.split_inclusive(" / ") {
        if !is_engine_words(part.strip_suffix(" / ").unwrap_or(part)) {
            break;
        }
        end += part.len();
    }
    match name.split_at(end) {
        (_, "") => Verdict::Keep,
        ("", _) => Verdict::Hide,
        (kept, rest) => Verdict::HideParts(vec![(kept.to_owned(), true), (rest.to_owned(), false)]),
    }
}

/// Numbers: with `exposeNumericValues` V8 writes values, else words.
pub(super) fn number(name: &str) -> Verdict {
    keep_if(matches!(name, "number" | "heap number" | "smi number" | "bigint" | "int" | "double" | "bool"))
}

/// Descriptions of symbols: only those of the language stay.
pub(super) fn symbol(name: &str) -> Verdict {
    keep_if(matches!(name, "symbol" | "private symbol") || name.strip_prefix("Symbol.").is_some_and(is_identifier))
}

/// Names of variables.
pub(super) fn variable(name: &str) -> Verdict {
    keep_if(is_identifier(name.trim_start_matches('.')))
}

/// Names of edges that V8 made up: words, numbers, and the halves of WeakMap entries, whose form analyses look for.
pub(super) fn engine_edge(name: &str) -> Verdict {
    if let Some(entry) = weakmap_entry(name) {
        return Verdict::Instead(entry);
    }
    let is_number = |text: &str| !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts_sound = name.split(" / ").all(|part| is_number(part) || is_engine_words(part));
    keep_if(parts_sound)
}

/// Rewrites the name of half a WeakMap entry without the names of key and value.
fn weakmap_entry(name: &str) -> Option<String> {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    let rest = name.get(digits..)?.strip_prefix(" / part of key (")?;
    let (pair, table) = rest.rsplit_once(" pair in WeakMap (table @")?;
    let (key, value) = pair.split_once(") -> value (")?;
    let id = |text: &str| {
        text.rsplit_once('@').map(|(_, id)| id.to_owned()).filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (key, value, table) = (id(key)?, id(value.strip_suffix(')')?)?, id(&format!("@{}", table.strip_suffix(')')?))?);
    Some(format!("{} / part of key (key @{key}) -> value (value @{value}) pair in WeakMap (table @{table})", &name[..digits]))
}

/// Property names that every program has.
const COMMON: [&str; 12] =
    ["__proto__", "constructor", "prototype", "length", "name", "message", "stack", "next", "value", "done", "toString", "valueOf"];

/// Names of properties. `in_code` says whether the program's code is known to contain one.
pub(super) fn property(name: &str, policy: PropertyNames, in_code: impl Fn(&str) -> bool) -> Verdict {
    let is_kept = |name: &str| {
        COMMON.contains(&name)
            || match policy {
                PropertyNames::None => false,
                PropertyNames::InCode => is_identifier(name) && in_code(name),
                PropertyNames::Identifiers => is_identifier(name),
            }
    };
    // `get x` and `set x` are the two halves of an accessor.
    let (accessor, bare) = name.split_once(' ').filter(|(word, _)| matches!(*word, "get" | "set")).unwrap_or(("", name));
    if is_kept(bare) {
        return Verdict::Keep;
    }
    if let Some(description) = bare.strip_prefix("<symbol ").and_then(|rest| rest.strip_suffix('>')) {
        let is_kept =
            symbol(description) == Verdict::Keep || (description.strip_prefix('k').is_some_and(is_identifier) && is_kept(description));
        let hidden = vec![("<symbol ".to_owned(), true), (description.to_owned(), false), (">".to_owned(), true)];
        return if is_kept { Verdict::Keep } else { Verdict::HideParts(hidden) };
    }
    if bare == "<symbol>" {
        return Verdict::Keep;
    }
    match accessor {
        "" => Verdict::Hide,
        word => Verdict::HideParts(vec![(format!("{word} "), true), (bare.to_owned(), false)]),
    }
}

/// Paths of scripts: Node.js's own, packages from `node_modules` on, others below `common`, the folder that all have in common.
pub(super) fn path(path: &str, common: &str) -> Verdict {
    let path = path.strip_prefix("file://").unwrap_or(path);
    let (shown, rest) = if let Some(at) = path.rfind("node_modules/") {
        ("", &path[at..])
    } else if let Some(rest) = path.strip_prefix(common).filter(|_| !common.is_empty()) {
        ("~/", rest)
    } else if path.starts_with(['/', '\\']) || path.contains("://") || path.get(1..3) == Some(":\\") {
        return Verdict::Hide;
    } else {
        ("", path)
    };
    let is_sound = |part: &str| {
        let letter =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b':' | b'[' | b']' | b'<' | b'>' | b'$');
        part.strip_prefix('@').unwrap_or(part).bytes().all(letter) && !part.split(['.', '-']).any(looks_like_data)
    };
    let mut parts = vec![(shown.to_owned(), true)];
    for (nth, part) in rest.split('/').enumerate() {
        if nth > 0 {
            parts.push(("/".to_owned(), true));
        }
        parts.push((part.to_owned(), is_sound(part)));
    }
    match parts.iter().any(|(part, keep)| *keep && !part.is_empty() && part != "/") {
        true => Verdict::HideParts(parts),
        false => Verdict::Hide,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_code_from_data() {
        for name in
            ["Session", "get [Symbol.species]", "Readable.read", "#secret", "<instance_members_initializer>", "<div", "system / Context"]
        {
            assert_ne!(code_name(name), Verdict::Hide, "{name}");
        }
        for name in [
            "alice@example.com",
            "John Smith",
            "4111111111111111",
            "a1b2c3d4e5f60718",
            "é",
            "select * from x",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(code_name(name), Verdict::Hide, "{name}");
            assert_eq!(variable(name), Verdict::Hide, "{name}");
            assert_eq!(property(name, PropertyNames::Identifiers, |_| true), Verdict::Hide, "{name}");
        }
        assert_eq!(property("alice", PropertyNames::InCode, |_| false), Verdict::Hide);
        assert_eq!(property("userId", PropertyNames::InCode, |_| true), Verdict::Keep);
        assert_eq!(property("userId", PropertyNames::None, |_| true), Verdict::Hide);
        assert_eq!(property("<symbol Symbol.iterator>", PropertyNames::None, |_| true), Verdict::Keep);
        assert!(matches!(property("<symbol my secret>", PropertyNames::Identifiers, |_| true), Verdict::HideParts(_)));
        assert!(matches!(code_name("<div class=\"alice\">"), Verdict::HideParts(_)));
        assert!(matches!(engine_name("system / NativeContext / https://alice.example/"), Verdict::HideParts(_)));
        assert_eq!(engine_name("(Document DOM trees)"), Verdict::Keep);
    }

    #[test]
    fn weakmap_entries_lose_their_names() {
        let name = "7 / part of key (alice @33) -> value (secret @35) pair in WeakMap (table @31)";
        let entry = "7 / part of key (key @33) -> value (value @35) pair in WeakMap (table @31)";
        assert_eq!(engine_edge(name), Verdict::Instead(entry.to_owned()));
    }

    #[test]
    fn paths_are_cut() {
        let shown = |text: &str| match path(text, "/home/alice/app/") {
            Verdict::HideParts(parts) => parts.into_iter().map(|(part, keep)| if keep { part } else { "*".to_owned() }).collect(),
            other => format!("{other:?}"),
        };
        assert_eq!(shown("/home/alice/app/src/a.js"), "~/src/a.js");
        assert_eq!(shown("/home/bob/node_modules/@x/y/z.js"), "node_modules/@x/y/z.js");
        assert_eq!(shown("/home/bob/x.js"), "Hide");
        assert_eq!(shown("https://alice.example/x.js"), "Hide");
        assert_eq!(shown("node:internal/timers"), "node:internal/timers");
        assert_eq!(shown("/home/alice/app/data/bob@example.com.js"), "~/data/*");
    }
}
