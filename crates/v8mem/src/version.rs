//! Which V8 and which Node made a heap: read from the process's own memory, where both keep their version as text.

use std::fmt;

use memchr::memmem;
use rustc_hash::FxHashMap;

use crate::memory::Memory;

/// V8's version, as far as its layouts depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct V8Version {
    /// Major number.
    pub major: u16,
    /// Minor number. Layouts change with it, seldom within it.
    pub minor: u16,
}

impl V8Version {
    /// Makes a version.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for V8Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What the process says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// V8's full version, such as `12.4.254.21-node.57`.
    pub v8: Option<String>,
    /// Node's, such as `v22.23.3`.
    pub node: Option<String>,
}

impl Versions {
    /// Looks for both in what the process could write, then in the rest. O(bytes) at worst, but stops as soon as both were seen often enough.
    #[must_use]
    pub fn find(memory: &dyn Memory) -> Self {
        Self::find_confirmed(memory, |_| false)
    }

    /// As `find`, and stops as soon as somebody who must know, such as the program itself, confirms what was seen.
    #[must_use]
    pub fn find_confirmed(memory: &dyn Memory, confirmed: impl Fn(&str) -> bool) -> Self {
        let mut v8 = FxHashMap::default();
        let mut node = FxHashMap::default();
        for writable in [true, false] {
            for range in memory.ranges().iter().filter(|range| range.writable == writable) {
                let mut at = range.start;
                while let Some((start, end)) = memory.next_data(at, range.end) {
                    let news = scan(memory, start, end, &mut v8, &mut node);
                    let enough = |seen| most(seen).is_some_and(|(text, times)| times >= ENOUGH || news && confirmed(text));
                    if enough(&v8) && enough(&node) {
                        return Self::of(&v8, &node);
                    }
                    at = end;
                }
            }
        }
        Self::of(&v8, &node)
    }

    /// Returns V8's major and minor number.
    #[must_use]
    pub fn v8_version(&self) -> Option<V8Version> {
        let mut numbers = self.v8.as_deref()?.split('.').map(str::parse);
        Some(V8Version { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }

    fn of(v8: &FxHashMap<String, u32>, node: &FxHashMap<String, u32>) -> Self {
        let best = |seen| most(seen).map(|(text, _)| text.to_owned());
        Self { v8: best(v8), node: best(node) }
    }
}

/// So many sightings are no accident.
const ENOUGH: u32 = 5;

/// The version seen most often; of two, the longer one.
fn most(seen: &FxHashMap<String, u32>) -> Option<(&str, u32)> {
    seen.iter().max_by_key(|(text, times)| (**times, text.len())).map(|(text, &times)| (text.as_str(), times))
}

const PIECE: u64 = 1 << 20;

/// Counts the versions in a stretch of memory. Says whether one was seen that had not been seen before.
fn scan(memory: &dyn Memory, start: u64, end: u64, v8: &mut FxHashMap<String, u32>, node: &mut FxHashMap<String, u32>) -> bool {
    let before = v8.len() + node.len();
    let mut at = start;
    while at < end {
        let len = PIECE.min(end - at);
        if let Some(bytes) = memory.slice(at, len as usize) {
            for found in memmem::find_iter(bytes, b"-node.") {
                count(v8, v8_text(bytes, found));
            }
            for found in memchr::memchr_iter(b'v', bytes) {
                count(node, node_text(&bytes[found..]));
            }
            memory.forget(at, len as usize);
        }
        at += len;
    }
    v8.len() + node.len() > before
}

fn count(seen: &mut FxHashMap<String, u32>, text: Option<String>) {
    if let Some(text) = text {
        *seen.entry(text).or_default() += 1;
    }
}

/// Looks for V8's version in some bytes.
pub(crate) fn v8_in(bytes: &[u8]) -> Option<String> {
    memmem::find_iter(bytes, b"-node.").find_map(|found| v8_text(bytes, found))
}

/// Which Node.js a program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeVersion {
    /// Such as `22.23.3`.
    pub version: String,
    /// By what that is known.
    pub by: Evidence,
}

/// By what the version of Node.js is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The addresses of its release, as `process.release` has them: official builds have them.
    Release,
    /// The only text of its own that is a version.
    Text,
}

impl Evidence {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Text => "text",
        }
    }
}

/// Looks for the version of Node.js in what a program cannot change. O(bytes).
pub(crate) fn node_in<'b>(parts: impl Iterator<Item = &'b [u8]> + Clone) -> Option<NodeVersion> {
    let version = |text: String, by| NodeVersion { version: text.trim_start_matches('v').to_owned(), by };
    if let Some(text) = parts.clone().find_map(release) {
        return Some(version(text, Evidence::Release));
    }
    let mut texts: Vec<String> = parts.flat_map(whole_texts).collect();
    texts.sort_unstable();
    texts.dedup();
    // Of several nobody knows which.
    if texts.len() == 1 { texts.pop().map(|text| version(text, Evidence::Text)) } else { None }
}

/// Finds the address of a release, in which the version stands twice: `…/v22.23.3/node-v22.23.3.tar.gz`.
fn release(bytes: &[u8]) -> Option<String> {
    const BETWEEN: &[u8] = b"/node-v";
    memmem::find_iter(bytes, BETWEEN).find_map(|found| {
        let text = release_text(bytes.get(found + BETWEEN.len() - 1..)?)?;
        bytes.get(..found)?.ends_with(format!("/{text}").as_bytes()).then_some(text)
    })
}

/// As `node_text`, of a name that goes on: `v22.23.3.tar.gz`, `v22.23.3-headers.tar.gz`.
fn release_text(bytes: &[u8]) -> Option<String> {
    let len = [&b".tar"[..], b"-headers"].into_iter().filter_map(|end| memmem::find(bytes.get(..32).unwrap_or(bytes), end)).min()?;
    node_text(bytes.get(..len)?)
}

/// Returns the texts between zeros that are a version of Node.js.
fn whole_texts(bytes: &[u8]) -> impl Iterator<Item = String> {
    memmem::find_iter(bytes, b"\0v").filter_map(|found| {
        let text = node_text(bytes.get(found + 1..)?)?;
        (bytes.get(found + 1 + text.len()) == Some(&0)).then_some(text)
    })
}

/// Takes the text around `-node.`: four numbers before it, one behind.
fn v8_text(bytes: &[u8], dash: usize) -> Option<String> {
    let before = bytes[..dash].iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let number = std::str::from_utf8(&bytes[dash - before..dash]).ok()?;
    let behind = &bytes[dash + 6..];
    let patch = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let plausible = number.split('.').count() == 4 && number.split('.').all(|part| !part.is_empty() && part.len() <= 3);
    (plausible && (1..=3).contains(&patch)).then(|| format!("{number}-node.{}", String::from_utf8_lossy(&behind[..patch])))
}

/// Takes `v22.23.3` at the start of `bytes`, with nothing behind it that would make it another text.
fn node_text(bytes: &[u8]) -> Option<String> {
    let len = 1 + bytes[1..].iter().take(11).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let text = std::str::from_utf8(&bytes[..len]).ok()?;
    let parts: Vec<u32> = text[1..].split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let ended = bytes.get(len).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-');
    (ended && parts.len() == 3 && (12..100).contains(&parts[0])).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_which_node_it_is() {
        let check = |parts: &[&str], expect: Option<(&str, Evidence)>| {
            let found = node_in(parts.iter().map(|part| part.as_bytes()));
            assert_eq!(found, expect.map(|(text, by)| NodeVersion { version: text.to_owned(), by }), "{parts:?}");
        };
        let release = "x\0https://nodejs.org/download/release/v22.23.3/node-v22.23.3-headers.tar.gz\0";
        check(&["", release, "\0v20.1.1\0\0\0"], Some(("22.23.3", Evidence::Release)));
        check(&["https://a/v16.20.2/node-v16.20.2.tar.gz and what follows"], Some(("16.20.2", Evidence::Release)));
        check(&["https://a/v16.20.2/node-v16.20.1.tar.gz and what follows"], None);
        check(&["a\0v20.1.1\0b", "a\0v20.1.1\0b"], Some(("20.1.1", Evidence::Text)));
        check(&["a\0v20.1.1\0b", "a\0v20.1.2\0b"], None);
        check(&["a\0v20.1.1-nightly\0b", "a v20.1.1\0", "a\0v1.3.1\0"], None);
        check(&[], None);
    }

    #[test]
    fn a_version_is_told_from_other_numbers() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(node_text(text.as_bytes()).as_deref(), expect, "{text}");
        check("v22.23.3\0", Some("v22.23.3"));
        check("v22.23.3", Some("v22.23.3"));
        check("v22.23", None);
        check("v1.2.3 ", None);
        check("v18.20.8x", None);
        check("v18.20.8-pre", None);
        let v8 = |text: &str| v8_text(text.as_bytes(), text.find("-node.").unwrap_or(0));
        assert_eq!(v8("x12.4.254.21-node.57\0").as_deref(), Some("12.4.254.21-node.57"));
        assert_eq!(v8("4.254.21-node.57"), None);
        assert_eq!(v8("12.4.254.21-node.x"), None);
    }
}
