//! Memory that stands still becomes a core file: sparse, so that pages of zeros take no room.
//!
//! Written are: what is anonymous, as far as it was ever touched; files' pages where the process has changed any in a mapping; the first page of
//! each program and library, which holds its build id; and the kernel's page of functions. Program text is not: it is in the files.
//! What cannot be read (guard regions, files that became shorter, memory of devices, broken memory) stays a hole, and is counted.
//! Memory is read through `/proc/PID/mem`: `process_vm_readv` would make the kernel give the copy pages of its own.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::error::CaptureError;
use super::notes::{Facts, notes};
use super::pagemap::{PageMap, is_own};
use super::proc::{self, Mapping};
use super::reading::Sink;

const PAGE: u64 = 4096;
/// How much is read at once.
const BLOCK: usize = 1 << 20;

/// Memory to be written.
pub(super) struct Source {
    /// The process or copy that stands still.
    pub(super) pid: i32,
    /// Its mappings.
    pub(super) mappings: Vec<Mapping>,
    /// What is told besides.
    pub(super) facts: Arc<Facts>,
}

/// What of a mapping is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// How many bytes of it the file holds, from its start.
    held: u64,
    /// Stretches that are read; the rest is zeros.
    stretches: Vec<Range<u64>>,
}

/// How much of the memory came into the file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    /// What was read.
    pub(super) read: u64,
    /// What the kernel could not give: zeros in the file.
    pub(super) unreadable: u64,
}

/// Writes the core. `go_on` is told how many bytes were read, and of how many, and may stop it.
pub(super) fn write(
    source: &Source,
    out: &dyn Sink,
    go_on: &mut dyn FnMut(u64, u64) -> Result<(), CaptureError>,
) -> Result<Amount, CaptureError> {
    let memory = File::open(proc::path(source.pid, "mem")).map_err(|source| CaptureError::Io { doing: "opening memory", source })?;
    let pages = PageMap::open(source.pid).map_err(|source| CaptureError::Io { doing: "opening the map of pages", source })?;
    let parts: Vec<Part> = source.mappings.iter().map(|mapping| part(mapping, &pages)).collect::<io::Result<_>>().map_err(reading)?;
    let notes = notes(&source.facts, &source.mappings);
    let (head, offsets, end) = head(&source.mappings, &parts, notes.len() as u64);
    let writing = |source| CaptureError::Write { source };
    out.set_len(end).map_err(writing)?;
    out.put(&head, 0).map_err(writing)?;
    out.put(&notes, head.len() as u64).map_err(writing)?;
    let total: u64 = parts.iter().flat_map(|part| &part.stretches).map(|stretch| stretch.end - stretch.start).sum();
    let (mut done, mut unreadable, mut block) = (0, 0, vec![0; BLOCK]);
    for ((mapping, part), offset) in source.mappings.iter().zip(&parts).zip(offsets) {
        for stretch in &part.stretches {
            for at in stretch.clone().step_by(BLOCK) {
                let length = (stretch.end - at).min(BLOCK as u64);
                let bytes = block.get_mut(..length as usize).unwrap_or_default();
                go_on(done, total)?;
                unreadable += read(|rest, at| memory.read_at(rest, at), bytes, at).map_err(reading)?;
                write_sparse(out, bytes, offset + (at - mapping.start)).map_err(writing)?;
                done += length;
            }
        }
    }
    go_on(done, total)?;
    Ok(Amount { read: done - unreadable, unreadable })
}

/// Reads memory from an address that begins a page. Pages that the kernel cannot give become zeros. Returns how many bytes those were.
fn read(mut read_at: impl FnMut(&mut [u8], u64) -> io::Result<usize>, bytes: &mut [u8], at: u64) -> io::Result<u64> {
    let (mut done, mut unreadable) = (0, 0);
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read_at(rest, at + done as u64) {
            // So the kernel says that the whole memory is gone.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What stands before the page has been given already.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => {
                let length = rest.len().min(PAGE as usize - done % PAGE as usize);
                rest.iter_mut().take(length).for_each(|byte| *byte = 0);
                done += length;
                unreadable += length as u64;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(unreadable)
}

fn reading(source: io::Error) -> CaptureError {
    CaptureError::Io { doing: "reading memory", source }
}

/// Decides what of a mapping is written.
fn part(mapping: &Mapping, pages: &PageMap) -> io::Result<Part> {
    let own_pages = || pages.stretches(&(mapping.start..mapping.end), is_own);
    let whole = || Part { held: mapping.len(), stretches: std::iter::once(mapping.start..mapping.end).collect() };
    let is_first = mapping.has_file && mapping.offset == 0 && mapping.rights[0];
    match mapping {
        Mapping { name, .. } if name == "[vdso]" => Ok(whole()),
        Mapping { name, .. } if name.starts_with("[v") => Ok(Part::default()),
        // What is shared goes on changing, and is somebody else's too.
        Mapping { private: false, .. } => Ok(Part::default()),
        Mapping { has_file: true, .. } => match own_pages()? {
            stretches if stretches.is_empty() && is_first => {
                Ok(Part { held: PAGE, stretches: std::iter::once(mapping.start..mapping.start + PAGE).collect() })
            }
            stretches if stretches.is_empty() => Ok(Part::default()),
            _ => Ok(whole()),
        },
        _ => {
            let stretches = own_pages()?;
            let is_used = !stretches.is_empty() || mapping.rights[1];
            Ok(Part { held: if is_used { mapping.len() } else { 0 }, stretches })
        }
    }
}

/// Writes what is not zero.
fn write_sparse(out: &dyn Sink, bytes: &[u8], offset: u64) -> io::Result<()> {
    let is_zero = |page: &[u8]| page.as_chunks::<16>().0.iter().all(|chunk| u128::from_ne_bytes(*chunk) == 0);
    let mut at = offset;
    for run in bytes.chunks(PAGE as usize).collect::<Vec<_>>().chunk_by(|one, next| is_zero(one) == is_zero(next)) {
        let length: usize = run.iter().map(|page| page.len()).sum();
        let from = (at - offset) as usize;
        if run.first().is_some_and(|page| !is_zero(page)) {
            out.put(bytes.get(from..from + length).unwrap_or_default(), at)?;
        }
        at += length as u64;
    }
    Ok(())
}

const HEADER: u64 = 64;
const SEGMENT: u64 = 56;
/// So many segments and more do not fit into the header: their number then stands in a section.
const TOO_MANY: u64 = 0xffff;
const SECTION: usize = 64;

/// Lays out the file. Returns what stands before the notes, where each mapping's bytes begin, and where the file ends.
fn head(mappings: &[Mapping], parts: &[Part], notes: u64) -> (Vec<u8>, Vec<u64>, u64) {
    let count = mappings.len() as u64 + 1;
    let table_end = HEADER + SEGMENT * count;
    let section = (count >= TOO_MANY).then_some(table_end);
    let notes_at = table_end + section.map_or(0, |_| SECTION as u64);
    let mut head = elf_header(count, section);
    head.extend(segment(4, 0, notes_at, 0, notes, 0));
    let mut at = (notes_at + notes).next_multiple_of(PAGE);
    let mut offsets = Vec::with_capacity(parts.len());
    for (mapping, part) in mappings.iter().zip(parts) {
        let [read, write, run] = mapping.rights.map(u32::from);
        head.extend(segment(1, run | write << 1 | read << 2, at, mapping.start, part.held, mapping.len()));
        offsets.push(at);
        at += part.held;
    }
    if section.is_some() {
        head.extend(counting_section(count));
    }
    (head, offsets, at)
}

fn elf_header(count: u64, section: Option<u64>) -> Vec<u8> {
    const CORE: u16 = 4;
    const X86_64: u16 = 62;
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend(CORE.to_le_bytes());
    bytes.extend(X86_64.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    for word in [0, HEADER, section.unwrap_or(0)] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(0u32.to_le_bytes());
    let sections = u16::from(section.is_some());
    let section_size = if section.is_some() { SECTION as u16 } else { 0 };
    for half in [HEADER as u16, SEGMENT as u16, count.min(TOO_MANY) as u16, section_size, sections, 0] {
        bytes.extend(half.to_le_bytes());
    }
    bytes
}

/// A program header.
fn segment(kind: u32, rights: u32, offset: u64, addr: u64, held: u64, length: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEGMENT as usize);
    bytes.extend(kind.to_le_bytes());
    bytes.extend(rights.to_le_bytes());
    let alignment = if kind == 1 { PAGE } else { 4 };
    for word in [offset, addr, 0, held, length, alignment] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

/// A section that holds nothing but how many segments there are.
fn counting_section(count: u64) -> [u8; SECTION] {
    const INFO: usize = 44;
    let mut bytes = [0; SECTION];
    for (place, byte) in bytes.iter_mut().skip(INFO).zip((count as u32).to_le_bytes()) {
        *place = byte;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_take_no_room() {
        let file = tempfile::tempfile().unwrap();
        let mut bytes = vec![0; 5 * PAGE as usize];
        bytes[2 * PAGE as usize] = 1;
        bytes[3 * PAGE as usize - 1] = 2;
        file.set_len(10 * PAGE).unwrap();
        write_sparse(&file, &bytes, 4 * PAGE).unwrap();
        let data = rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(0)).unwrap();
        assert_eq!((data, rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(data)).unwrap()), (6 * PAGE, 7 * PAGE));
        let mut back = vec![9; 5 * PAGE as usize];
        file.read_exact_at(&mut back, 4 * PAGE).unwrap();
        assert_eq!(back, bytes);
    }

    #[test]
    fn pages_that_cannot_be_read_are_zeros() {
        let page = PAGE as usize;
        // Each letter is a page: readable, broken, or where the memory ends.
        let cases = [("rrrr", Some(0)), ("rbbr", Some(2)), ("brrb", Some(2)), ("bbbb", Some(4)), ("rr", None), ("bb", None)];
        for (pages, expect) in cases {
            let kernel = |out: &mut [u8], at: u64| {
                let rest = &pages.as_bytes()[((at - PAGE) / PAGE) as usize..];
                let readable = rest.iter().take_while(|&&page| page == b'r').count();
                match rest.first() {
                    Some(b'b') => Err(io::Error::from_raw_os_error(libc::EIO)),
                    _ => {
                        out[..readable * page].fill(7);
                        Ok(readable * page)
                    }
                }
            };
            let mut bytes = vec![9; 4 * page];
            let found = read(kernel, &mut bytes, PAGE);
            assert_eq!(found.as_ref().ok(), expect.map(|count| count * PAGE).as_ref(), "{pages}");
            if expect.is_some() {
                let expect = pages.bytes().flat_map(|letter| vec![if letter == b'r' { 7 } else { 0 }; page]);
                assert!(bytes.into_iter().eq(expect), "{pages}");
            }
        }
    }

    #[test]
    fn segments_follow_each_other_however_many() {
        for count in [3usize, 70_000] {
            let mapping = |nth: usize| Mapping {
                start: nth as u64 * PAGE,
                end: (nth as u64 + 1) * PAGE,
                rights: [true, true, false],
                private: true,
                offset: 0,
                has_file: false,
                name: String::new(),
            };
            let mappings: Vec<Mapping> = (0..count).map(mapping).collect();
            let parts: Vec<Part> = (0..count).map(|nth| Part { held: (nth as u64 % 2) * PAGE, stretches: vec![] }).collect();
            let (head, offsets, end) = head(&mappings, &parts, 100);
            assert_eq!(offsets[2] - offsets[1], PAGE);
            assert_eq!(end, offsets[count - 1] + parts[count - 1].held);
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(end.max(head.len() as u64 + 100)).unwrap();
            file.as_file().write_all_at(&head, 0).unwrap();
            let number = u16::from_le_bytes(head[56..58].try_into().unwrap());
            assert_eq!(u64::from(number), (count as u64 + 1).min(TOO_MANY));
            let section = usize::try_from(u64::from_le_bytes(head[40..48].try_into().unwrap())).unwrap();
            if section > 0 {
                assert_eq!(u32::from_le_bytes(head[section + 44..section + 48].try_into().unwrap()), count as u32 + 1);
            }
        }
    }
}
