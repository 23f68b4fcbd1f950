//! Opens a core dump: finds the program that it came from, and turns what cannot be read into an error that helps.

use std::path::{Path, PathBuf};

use heap::HeapAnalysis;
use heap::snapshot::Input;
use v8mem::core_file::CoreError;
use v8mem::graph::Scope;
use v8mem::read::{HeapError, read_core};
use v8mem::{CoreFile, MemoryHolder, NodeBinary, Versions};

use crate::codes;
use crate::error::{CommandError, shown};
use crate::open::{self, Opened, opened};
use crate::session::Session;
use crate::typed::shell_path;

/// Reads a core's heap. `path` is what the user named, only for messages.
pub(crate) fn read(path: &Path, input: Input, session: &Session) -> Result<Opened, CommandError> {
    let bytes = input.bytes();
    let (file, mut problems) = input.into_file();
    let mut core = CoreFile::of(file).map_err(|error| unreadable(path, error))?;
    if let Some(binary) = program(path, &core, session)? {
        core.set_binary(binary);
    }
    let (graph, damage, found) = read_core(&core, Scope::Live).map_err(|error| no_heap(path, &core, &error))?;
    problems.append(damage);
    let graph = graph.with_holder(Box::new(MemoryHolder::new(core, &found)));
    Ok(opened("core", path, bytes, HeapAnalysis::new(graph), problems, false))
}

/// Opens the program that the core came from: the one that was named, which must be the right one, or the one that the core names, if it is
/// still there and still the same. Without it the layout comes from tables.
fn program(path: &Path, core: &CoreFile, session: &Session) -> Result<Option<NodeBinary>, CommandError> {
    let wanted = core.build_id();
    if let Some(named) = &session.global.node {
        let binary = NodeBinary::open(named, core.notes.entry).map_err(|error| not_a_program(named, &error))?;
        let differ = wanted.as_deref().zip(binary.build_id()).is_some_and(|(core, given)| core != given);
        return if differ { Err(mismatch(path, core, &binary)) } else { Ok(Some(binary)) };
    }
    let Some(mapped) = core.program().map(|program| PathBuf::from(&program.path)) else { return Ok(None) };
    let binary = NodeBinary::open(&mapped, core.notes.entry).ok();
    Ok(binary.filter(|binary| wanted.is_none() || binary.build_id() == wanted.as_deref()))
}

fn mismatch(path: &Path, core: &CoreFile, given: &NodeBinary) -> CommandError {
    let id = |bytes: Option<&[u8]>| bytes.map_or("unknown".to_owned(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    let node = Versions::find(core).node.unwrap_or_else(|| "node of unknown version".to_owned());
    CommandError::new(&codes::OTHER_PROGRAM, format!("{} was not made by {}", shown(path), shown(given.path())))
        .note("core", format!("{node}, build-id {}", id(core.build_id().as_deref())))
        .note("given", format!("build-id {}", id(given.build_id())))
        .hint(format!("heapwhy {} --node PATH   or leave --node out", shell_path(path)))
}

fn not_a_program(path: &Path, error: &v8mem::node_binary::BinaryError) -> CommandError {
    CommandError::new(&codes::OTHER_PROGRAM, format!("{} cannot be used as the program of a core: {error}", shown(path)))
}

fn unreadable(path: &Path, error: CoreError) -> CommandError {
    let name = shown(path);
    match error {
        CoreError::Io(source) => open::io_error(path, &source),
        CoreError::OtherMachine { machine } => {
            CommandError::new(&codes::CORE_DUMP, format!("{name} is a core dump of another kind of machine (ELF machine {machine})"))
                .why("heapwhy reads cores of Linux on x86-64")
        }
        CoreError::NoSegments => {
            CommandError::new(&codes::TRUNCATED, format!("{name} is a core dump that ends inside its table of segments"))
                .note("likely", "the disk was full, or a limit on core files was hit: ulimit -c unlimited")
        }
        CoreError::NotCore => open::elf(path),
        other => CommandError::new(&codes::CORE_DUMP, format!("{name} is not a core dump that can be read: {other}")),
    }
}

/// Returns the error for a core in which no heap was found.
fn no_heap(path: &Path, core: &CoreFile, error: &HeapError) -> CommandError {
    let name = shown(path);
    let mut failed = match error {
        HeapError::NoVersion => {
            CommandError::new(&codes::CORE_DUMP, format!("{name} is a core dump, but not of Node.js")).why(error.to_string())
        }
        _ => CommandError::new(&codes::CORE_DUMP, format!("{name} holds no heap that can be read")).why(error.to_string()),
    };
    if let Some(program) = core.program() {
        failed = failed.note("program", program.path.clone());
    }
    if let Some(missing) = core.missing() {
        failed = failed.note("missing", format!("{} bytes from address {:#x} on: the file was cut", missing.bytes, missing.first));
    }
    failed
}
