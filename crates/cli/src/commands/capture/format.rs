//! What a capture is written as: what each format is called, and what of the process is in it.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::answer::{Piece, Section};
use crate::codes;
use crate::error::{CommandError, shown};
use crate::render::number;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// All memory, as a sparse core file.
    Core,
    /// The same, packed.
    #[value(name = "core.zst")]
    PackedCore,
    /// The graph without values, as an index.
    #[value(name = "hwy")]
    Graph,
    /// What V8's own heap snapshot would hold.
    #[value(name = "heapsnapshot")]
    Snapshot,
}

use Format::{Core, Graph, PackedCore, Snapshot};

/// The names' ends by which formats are known.
const ENDS: [(&str, Format); 4] = [(".heapsnapshot", Snapshot), (".hwy", Graph), (".core", Core), (".zst", PackedCore)];

/// Ends of names that would promise what is not written.
const PROMISES: [&str; 5] = [".heapsnapshot.zst", ".hwy.zst", ".gz", ".lz4", ".xz"];

impl Format {
    /// Returns its name, as `--to` takes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Core => "core",
            PackedCore => "core.zst",
            Graph => "hwy",
            Snapshot => "heapsnapshot",
        }
    }

    /// Returns what a capture of a process is called where nobody says.
    pub(super) fn usual_name(self, pid: i32) -> PathBuf {
        PathBuf::from(match self {
            Core => format!("core.{pid}"),
            PackedCore => format!("core.{pid}.zst"),
            Graph => format!("{pid}.hwy"),
            Snapshot => format!("{pid}.heapsnapshot"),
        })
    }

    /// Chooses what is written, by what somebody named and how the file is to be called; `usual` where neither tells.
    pub(super) fn choose(named: Option<Self>, output: Option<&Path>, usual: Self) -> Result<Self, CommandError> {
        let Some(output) = output else { return Ok(named.unwrap_or(usual)) };
        let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let refuse = |why: &str| {
            let called = CommandError::new(&codes::USAGE, format!("{} cannot be what the capture is called: {why}", shown(output)));
            Err(called.hint("core, .core, .zst, .hwy or .heapsnapshot at the end of its name say what it is"))
        };
        if crate::open::is_stdin(output) {
            return Err(CommandError::new(&codes::USAGE, "a capture is written to a file, not to standard output"));
        }
        if PROMISES.iter().any(|end| name.ends_with(end)) {
            return refuse("only core dumps are packed, and with zstd");
        }
        let by_name = ENDS.iter().find(|(end, _)| name.ends_with(end)).map(|&(_, format)| format);
        match (named, by_name) {
            (Some(named), Some(by_name)) if named != by_name => {
                refuse(&format!("that is the name of a {}, not of a {}", by_name.name(), named.name()))
            }
            // An index is known by its name alone.
            (Some(Graph), None) => refuse("an index is known by its name, which ends in .hwy"),
            _ => Ok(named.or(by_name).unwrap_or(usual)),
        }
    }

    /// Returns what it is, in a few words.
    pub(super) fn title(self) -> &'static str {
        match self {
            Core => "core dump",
            PackedCore => "packed core dump",
            Graph => "graph without values",
            Snapshot => "heap snapshot",
        }
    }

    /// Says what of the process the file holds, and what not.
    fn contents(self) -> [&'static str; 2] {
        const ALL: &str = "all memory of its own, values and passwords included, and its threads: every command";
        const NOT_ALL: &str = "the text of programs and libraries, which is in their files, and memory that it shares with others";
        match self {
            Core | PackedCore => [ALL, NOT_ALL],
            Graph => [
                "objects, references and sizes; names of classes, functions, variables and of properties that the program's code has",
                "texts of strings, numbers, keys of dictionaries, source text, stacks, garbage, memory outside of V8's heap",
            ],
            Snapshot => [
                "objects that are alive, references, sizes and texts, passwords included, as DevTools and memlab load them",
                "garbage, stacks, most numbers, memory outside of V8's heap",
            ],
        }
    }

    /// Says whether the file holds nothing but the graph of what is alive.
    pub(super) fn is_of_what_is_alive(self) -> bool {
        matches!(self, Graph | Snapshot)
    }

    /// Tells what is in the file, of so many bytes on the disk.
    pub(super) fn section(self, on_disk: Option<u64>) -> Section {
        let [holds, lacks] = self.contents();
        let line = |label: &str, text: String| vec![Piece::Faint(format!("{label:<7}")), Piece::Plain(text)];
        let takes =
            on_disk.filter(|_| self == Core).map(|bytes| format!("{} on the disk: pages of zeros take no room", number::bytes(bytes)));
        let json = json!({ "format": self.name(), "on_disk": on_disk, "holds": holds, "lacks": lacks });
        let lines = takes.into_iter().map(|text| line("takes", text));
        let lines = lines.chain([line("holds", holds.to_owned()), line("lacks", lacks.to_owned())]).collect();
        Section::Value { name: "contents", json, lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words_agree_or_nothing_is_written() {
        let check = |named: Option<Format>, output: Option<&str>, expect: Option<Format>| {
            assert_eq!(Format::choose(named, output.map(Path::new), Core).ok(), expect, "{named:?} {output:?}");
        };
        check(None, None, Some(Core));
        check(Some(Graph), None, Some(Graph));
        check(None, Some("before"), Some(Core));
        check(None, Some("before.core"), Some(Core));
        check(None, Some("core.7073"), Some(Core));
        check(None, Some("core.7073.zst"), Some(PackedCore));
        check(None, Some("a/b.hwy"), Some(Graph));
        check(None, Some("b.heapsnapshot"), Some(Snapshot));
        check(Some(PackedCore), Some("before"), Some(PackedCore));
        check(Some(Snapshot), Some("b.heapsnapshot"), Some(Snapshot));
        for output in ["b.heapsnapshot", "b.core", "b", "b.zst", "b.hwy.zst", "b.gz", "-"] {
            check(Some(Graph), Some(output), None);
        }
        for output in ["b.hwy", "b.zst", "b.core.gz", "b.core.lz4"] {
            check(Some(Core), Some(output), None);
        }
        check(None, Some("b.heapsnapshot.zst"), None);
    }

    #[test]
    fn usual_names_say_what_is_in_them() {
        for format in [Core, PackedCore, Graph, Snapshot] {
            let name = format.usual_name(7);
            assert_eq!(Format::choose(None, Some(&name), Core).ok(), Some(format), "{name:?}");
        }
    }
}
