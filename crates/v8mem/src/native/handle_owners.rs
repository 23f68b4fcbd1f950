//! What of C++ holds global handles: whatever has the address of one in its memory.
//!
//! V8 knows that somebody holds a handle, and not who. Whoever does has its address: in an object of Node.js or of an addon, which its class names, or in
//! memory whose words lead into an addon. A reference of Node-API is Node's own object; its environment knows the addon's file. Handles in
//! variables that are no object's (`static Persistent`) are not found.

use rustc_hash::{FxHashMap, FxHashSet};

use super::cpp_classes::{ADDON, CppClasses};
use super::malloc::{Malloc, Piece, State};
use crate::core_file::CoreFile;
use crate::memory::Memory;

/// What holds each handle.
#[derive(Clone, Debug, Default)]
pub struct HandleOwners {
    /// By where the handle lies.
    names: FxHashMap<u64, String>,
    /// Handles of references that environments of Node-API list: nobody else's.
    listed: FxHashSet<u64>,
}

impl HandleOwners {
    /// Returns what holds the handle that lies at an address: such as `node::IsolateData`, or `napi_ref of sqlite.node`.
    #[must_use]
    pub fn get(&self, handle: u64) -> Option<&str> {
        self.names.get(&handle).map(String::as_str)
    }

    /// Says whether a handle is an addon's for sure: where anything else seems to hold it, that is a word that was left over.
    #[must_use]
    pub fn is_listed(&self, handle: u64) -> bool {
        self.listed.contains(&handle)
    }
}

/// What has handles is small, and Buffers are not.
const LARGEST: u64 = 64 << 10;
/// Node's class of an addon's environment.
const ENVIRONMENT: &str = "node_napi_env__";
const WORD: u64 = 8;
/// Names of files are shorter.
const LONGEST: u64 = 4096;

/// Names what holds handles. One that two seem to hold is left out: one of them is a word that was left over. O(words of malloc's memory).
#[must_use]
pub fn handle_owners(core: &CoreFile, handles: impl Iterator<Item = u64>) -> HandleOwners {
    let mut holders: FxHashMap<u64, Vec<u32>> = handles.map(|handle| (handle, Vec::new())).collect();
    let Some(malloc) = Malloc::of(core).filter(|_| !holders.is_empty()) else { return HandleOwners::default() };
    search(core, &malloc, &mut holders);
    let classes = CppClasses::of(core);
    let names = Names { addons: addons(core, &malloc, &classes), classes, known: FxHashMap::default() };
    names.of(&malloc, holders)
}

/// Finds the pieces in which the addresses of handles stand.
fn search(core: &CoreFile, malloc: &Malloc, holders: &mut FxHashMap<u64, Vec<u32>>) {
    let (first, last) = holders.keys().fold((u64::MAX, 0), |(first, last), &handle| (first.min(handle), last.max(handle)));
    let mut bytes = vec![0; LARGEST as usize];
    let small = |piece: &Piece| piece.state == State::Used && piece.size <= LARGEST;
    for (at, piece) in malloc.pieces.iter().enumerate().filter(|(_, piece)| small(piece)) {
        let words = &mut bytes[..(piece.size - WORD) as usize];
        if core.read(piece.data(), words).is_err() {
            continue;
        }
        for word in words.as_chunks().0.iter().map(|&word| u64::from_le_bytes(word)).filter(|word| (first..=last).contains(word)) {
            if let Some(found) = holders.get_mut(&word)
                && found.last() != Some(&(at as u32))
            {
                found.push(at as u32);
            }
        }
    }
}

/// Returns the addons to which references of Node-API belong, by where those pieces begin: an addon's environment lists them.
fn addons(memory: &dyn Memory, malloc: &Malloc, classes: &CppClasses<'_>) -> FxHashMap<u64, String> {
    let mut found = FxHashMap::default();
    let Some(functions) = classes.of_program().functions(ENVIRONMENT) else { return found };
    let is_environment = |piece: &&Piece| memory.word(piece.data()).is_ok_and(|word| functions.contains(&word));
    for environment in malloc.pieces.iter().filter(is_environment) {
        let Some(file) = file(memory, environment) else { continue };
        for reference in references(memory, malloc, environment) {
            found.insert(reference, file.clone());
        }
    }
    found
}

/// Returns the name of the file that an environment keeps: a text that ends as names of addons do. Node 16 has its address only, later ones a
/// `std::string`; both end with a zero.
fn file(memory: &dyn Memory, environment: &Piece) -> Option<String> {
    let text = |at: u64| {
        let start = memory.word(at).ok()?;
        let room = memory.range_at(start)?.end - start;
        let bytes = memory.slice(start, room.min(LONGEST) as usize)?;
        let text = std::ffi::CStr::from_bytes_until_nul(bytes).ok()?.to_str().ok()?;
        text.ends_with(ADDON).then(|| text.rsplit('/').next().map(str::to_owned))?
    };
    words(environment).find_map(text)
}

/// Returns the pieces in the lists of an environment. A member begins with its functions; next comes the one behind it, then the one before it, which
/// of the first is the list itself, in the environment.
fn references(memory: &dyn Memory, malloc: &Malloc, environment: &Piece) -> Vec<u64> {
    let mut found = Vec::new();
    for list in words(environment) {
        let (mut before, mut next) = (list, memory.word(list + WORD).unwrap_or(0));
        while found.len() < malloc.pieces.len()
            && memory.word(next.wrapping_add(2 * WORD)) == Ok(before)
            && let Some(piece) = malloc.around(next)
        {
            found.push(piece.start);
            (before, next) = (next, memory.word(next + WORD).unwrap_or(0));
        }
    }
    found
}

fn words(piece: &Piece) -> impl Iterator<Item = u64> {
    (piece.data()..piece.start + piece.size).step_by(WORD as usize)
}

struct Names<'c> {
    classes: CppClasses<'c>,
    addons: FxHashMap<u64, String>,
    /// Names of pieces that were asked for.
    known: FxHashMap<u32, Option<String>>,
}

impl Names<'_> {
    fn of(mut self, malloc: &Malloc, holders: FxHashMap<u64, Vec<u32>>) -> HandleOwners {
        let mut owners = HandleOwners::default();
        for (handle, pieces) in holders {
            // What an environment lists is in use for sure. V8 lists handles too, in memory of no name.
            let listed = pieces.iter().find(|&&at| self.addons.contains_key(&malloc.pieces[at as usize].start)).copied();
            owners.listed.extend(listed.map(|_| handle));
            let holders = listed.map_or(pieces, |at| vec![at]);
            let mut names = holders.into_iter().filter_map(|at| self.name(at, &malloc.pieces[at as usize]));
            if let (Some(name), None) = (names.next(), names.next()) {
                owners.names.insert(handle, name);
            }
        }
        owners
    }

    fn name(&mut self, at: u32, piece: &Piece) -> Option<String> {
        let (classes, addons) = (&self.classes, &self.addons);
        let find = || match (classes.whole(piece.data()), addons.get(&piece.start)) {
            (_, Some(addon)) => Some(format!("napi_ref of {addon}")),
            (Some(class), None) if class.starts_with("v8impl::") => Some("napi_ref".to_owned()),
            (class, None) => {
                let library = classes.library(piece).and_then(|path| path.rsplit('/').next().map(str::to_owned));
                match (class, library.filter(|name| name.ends_with(ADDON))) {
                    (Some(class), Some(addon)) => Some(format!("{class} of {addon}")),
                    (None, Some(addon)) => Some(format!("memory of {addon}")),
                    (class, None) => class,
                }
            }
        };
        self.known.entry(at).or_insert_with(find).clone()
    }
}
