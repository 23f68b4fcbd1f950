//! Opens a core dump: finds the program that it came from, and turns what cannot be read into an error that helps.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heap::{HeapAnalysis, Problems};
use v8mem::core_file::{CoreError, Image, Missing};
use v8mem::graph::Scope;
use v8mem::inventory::Inventory;
use v8mem::liveness::{Sum, Sums};
use v8mem::node_binary::{BinaryError, LoadedAt};
use v8mem::read::{HeapError, read_and_ask};
use v8mem::{Anatomy, CoreFile, NodeBinary, Versions};

use crate::answer::{Piece, Section};
use crate::codes;
use crate::core_notes::{Asked, CoreNotes};
use crate::error::{CommandError, shown};
use crate::footprint::Footprint;
use crate::kept::Kept;
use crate::open::{self, Opened, Source, opened};
use crate::render::number;
use crate::running::{self, Besides};
use crate::session::Session;
use crate::typed::shell_path;

/// Reads a core's heap. `path` is what the user named. An index is worth while for `indexable` ones.
pub(crate) fn read(
    path: &Path,
    mut source: Source,
    (wanted, indexable): (Wanted, bool),
    session: &Session,
) -> Result<Opened, CommandError> {
    let (bytes, running, residence) = (source.input.bytes(), source.running.clone(), source.residence.take());
    let asked = Asked::of(session);
    let (core, mut problems) = file(path, source, session.global.node.as_deref())?;
    let failed = |error: HeapError| no_heap(path, &core, &error);
    let mut anatomy = Anatomy::find(&core).map_err(failed)?;
    if let Some(number) = asked.isolate {
        check_isolate(path, &anatomy, number)?;
        anatomy.keep_isolate(number - 1);
    }
    // An index of what is alive without those of what is not would be of no use to the histogram.
    let footprint = |inventory: Inventory<'_, '_>| residence.map(|residence| Footprint::of(&core, inventory, Some(residence)));
    let (graph, unreached, footprint, damage, found) = if asked.scope == Scope::Live && (wanted == Wanted::Unreached || indexable) {
        let scopes = [Scope::Live, Scope::Weak, Scope::Dead];
        let (footprint, [live, weak, dead], damage, found) = read_and_ask(&core, anatomy, scopes, footprint).map_err(failed)?;
        (live, Some([weak, dead].map(|graph| Arc::new(HeapAnalysis::new(graph)))), footprint, damage, found)
    } else {
        let (footprint, [graph], damage, found) = read_and_ask(&core, anatomy, [asked.scope], footprint).map_err(failed)?;
        (graph, None, footprint, damage, found)
    };
    problems.append(damage);
    let notes = CoreNotes::of(asked, &core, found.basis, found.sums);
    let kept = Kept::open(core, found.anatomy, notes);
    let analysis = HeapAnalysis::new(graph.with_holder(kept.holder()));
    let mut opened = opened("core", path, bytes, analysis, problems, indexable).of_core(kept, unreached);
    running.into_iter().for_each(|running| opened.target.is_of(running));
    opened.footprint = footprint;
    Ok(opened)
}

/// Refuses the number of an isolate that is not there.
pub(crate) fn check_isolate(path: &Path, anatomy: &Anatomy, number: usize) -> Result<(), CommandError> {
    let count = anatomy.isolates.len();
    if (1..=count).contains(&number) {
        return Ok(());
    }
    let there = if count == 1 { "it has one".to_owned() } else { format!("it has {count}") };
    let what = format!("there is no isolate {number} in {}: {there}", shown(path));
    Err(CommandError::new(&codes::USAGE, what).hint(format!("heapwhy contexts {}", shell_path(path))))
}

/// Opens a core, with the program that it came from where that is at hand: `node`, if one was named.
pub(crate) fn file(path: &Path, source: Source, node: Option<&Path>) -> Result<(CoreFile, Problems), CommandError> {
    let (file, problems) = source.input.into_file();
    let mut core = CoreFile::of(file).map_err(|error| unreadable(path, error))?;
    let pid = source.running.map(|running| running.pid);
    if let Some(binary) = program(path, &core, pid, node)? {
        core.set_binary(binary);
    }
    Ok((core, problems))
}

/// Returns a line that says how much of a core's heap is alive.
pub(crate) fn liveness(sums: &Sums) -> Section {
    let parts = [("reachable", sums.reachable), ("weakly", sums.weakly), ("garbage", sums.garbage)];
    let total: u64 = parts.iter().map(|(_, sum)| sum.bytes).sum();
    let json: serde_json::Map<_, _> = parts.iter().map(|(name, sum)| ((*name).to_owned(), sum_json(sum))).collect();
    let share = if total == 0 { 0.0 } else { sums.garbage.bytes as f64 / total as f64 };
    let text = format!(
        "     {} reachable, {} only weakly reachable, {} garbage that was not collected yet ({} of {})",
        number::bytes(sums.reachable.bytes),
        number::bytes(sums.weakly.bytes),
        number::bytes(sums.garbage.bytes),
        number::share(share),
        number::bytes(total),
    );
    let line = vec![Piece::Strong("HEAP".to_owned()), Piece::Plain(text)];
    Section::Value { name: "liveness", json: json.into(), lines: vec![line] }
}

fn sum_json(sum: &Sum) -> serde_json::Value {
    serde_json::json!({ "count": sum.objects, "bytes": sum.bytes })
}

/// What a command wants of a core besides what it looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing.
    Nothing,
    /// What is not alive, next to what is.
    Unreached,
    /// Of a running process: how all of its memory adds up.
    Footprint,
}

impl Wanted {
    /// Returns what a process is asked besides its image.
    pub(crate) fn besides(self) -> Besides {
        if self == Self::Footprint { Besides::Residence } else { Besides::Nothing }
    }
}

/// Opens the program that the core came from: the one that was named, which must be the right one, or one that the core names, if it is
/// still there and still the same. Without it the layout comes from tables.
/// A running process, by its id, is asked itself.
fn program(path: &Path, core: &CoreFile, pid: Option<i32>, node: Option<&Path>) -> Result<Option<NodeBinary>, CommandError> {
    let named = node.map(|named| the_named(path, core, named)).transpose()?;
    // Debian's `node` is a small program in front of a library, and only that describes V8.
    if named.as_ref().is_some_and(NodeBinary::describes_v8) {
        return Ok(named);
    }
    Ok(pid.and_then(|pid| running::binary(pid, core)).or_else(|| core.find_binary()).or(named))
}

/// Opens the program or library that the user named. Its build id must be that of one that the process had mapped.
fn the_named(path: &Path, core: &CoreFile, named: &Path) -> Result<NodeBinary, CommandError> {
    let images = core.images();
    let open = |at| NodeBinary::open(named, at).map_err(|error| not_a_program(named, &error));
    let given = open(LoadedAt::Unmoved)?;
    let same = |image: &&Image| image.build_id.is_some() && image.build_id.as_deref() == given.build_id();
    if let Some(image) = images.iter().find(same) {
        return open(LoadedAt::Base(image.base));
    }
    if given.build_id().is_some() && images.iter().any(|image| image.build_id.is_some()) {
        return Err(mismatch(path, core, &given));
    }
    if given.describes_v8() && !core.is_v8_of(&given) {
        return Err(mismatch(path, core, &given));
    }
    // A core without first pages of files cannot tell more: the place is where a file of that name lay.
    let name = named.file_name();
    let lay = images.iter().find(|image| Path::new(&image.path).file_name() == name);
    let at = lay.map(|image| LoadedAt::Base(image.base)).or(core.notes.entry.map(LoadedAt::Entry));
    open(at.unwrap_or(LoadedAt::Unmoved))
}

fn mismatch(path: &Path, core: &CoreFile, given: &NodeBinary) -> CommandError {
    let id = |bytes: Option<&[u8]>| bytes.map_or("unknown".to_owned(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    let node = Versions::find(core).node.unwrap_or_else(|| "node of unknown version".to_owned());
    CommandError::new(&codes::OTHER_PROGRAM, format!("{} was not made by {}", shown(path), shown(given.path())))
        .note("core", format!("{node}, build-id {}", id(core.build_id().as_deref())))
        .note("given", format!("build-id {}", id(given.build_id())))
        .hint(format!("heapwhy {} --node PATH   or leave --node out", shell_path(path)))
}

fn not_a_program(path: &Path, error: &BinaryError) -> CommandError {
    match error {
        BinaryError::Io(source) => open::io_error(path, source),
        _ => CommandError::new(&codes::OTHER_PROGRAM, format!("{} cannot be used as the program of a core: {error}", shown(path))),
    }
}

fn unreadable(path: &Path, error: CoreError) -> CommandError {
    let name = shown(path);
    match error {
        CoreError::Io(source) => open::io_error(path, &source),
        CoreError::NotCore => open::elf(path),
        CoreError::OtherMachine { .. } | CoreError::OtherClass => {
            CommandError::new(&codes::CORE_DUMP, format!("{name} is {error}")).why("heapwhy reads cores of Linux on x86-64")
        }
        CoreError::NoSegments => {
            CommandError::new(&codes::TRUNCATED, format!("{name} is a core dump that ends inside its table of segments"))
                .note("likely", CUT)
                .hint(AGAIN)
        }
        other => CommandError::new(&codes::CORE_DUMP, format!("{name} is not a core dump that can be read: {other}")),
    }
}

const CUT: &str = "the disk was full, a limit on core files was hit, or a copy broke off: compare sizes with `ls -l`";
const AGAIN: &str = "ulimit -c unlimited, and dump again; of a running process: heapwhy capture PID";

/// Returns the error for a core in which no heap was found.
pub(crate) fn no_heap(path: &Path, core: &CoreFile, error: &HeapError) -> CommandError {
    let name = shown(path);
    let is_node = core.binary().is_some_and(NodeBinary::describes_v8) || !matches!(error, HeapError::NoVersion);
    let failed = match core.missing() {
        Some(missing) => CommandError::new(&codes::TRUNCATED, format!("{name} was cut before the heap, or inside it"))
            .why(error.to_string())
            .note("missing", absent(missing))
            .note("likely", CUT)
            .hint(AGAIN),
        None if matches!(error, HeapError::UnknownLayout { .. }) => {
            CommandError::new(&codes::NO_HEAP, format!("{name} is a core dump of a Node.js that cannot be read without its program"))
                .why(error.to_string())
                .hint(format!("heapwhy {} --node PATH   the node that made it, of the same build", shell_path(path)))
        }
        None if is_node => {
            CommandError::new(&codes::NO_HEAP, format!("{name} is a core dump of Node.js that holds no heap that can be read"))
                .why(error.to_string())
                .note(
                    "likely",
                    "anonymous memory was left out: `cat /proc/PID/coredump_filter` of such a process, which must have bit 0 (33)",
                )
                .hint("echo 0x33 > /proc/self/coredump_filter   in the shell that starts node, and dump again")
        }
        None => CommandError::new(&codes::CORE_DUMP, format!("{name} is a core dump, but not of Node.js")).why(error.to_string()),
    };
    match process(core) {
        Some(process) => failed.note("process", process),
        None => failed,
    }
}

/// Says what the process was: its command line as far as the kernel keeps it, else its program.
fn process(core: &CoreFile) -> Option<String> {
    let program = core.program().map(|program| PathBuf::from(&program.path));
    let command = Some(core.notes.arguments.clone()).filter(|arguments| !arguments.is_empty());
    match (command, program) {
        (Some(command), Some(program)) => Some(format!("{command} ({})", program.display())),
        (command, program) => command.or(program.map(|program| program.display().to_string())),
    }
}

/// Says how much a core lacks.
fn absent(missing: Missing) -> String {
    format!("{} bytes, from address {:#x} on", number::count(missing.bytes), missing.first)
}
