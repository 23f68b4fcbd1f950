//! Core files: what is read of them, whole, cut off at any byte, and damaged.

use std::io::Write;

use v8mem::core_file::{CoreError, CoreFile};
use v8mem::{Memory, Versions};

use crate::elf::{PAGE, Segment, aligned, core, notes};

/// Writes a core of so many segments that their number stands behind everything else, as Linux does from 65,535 on.
fn crowded(pages: u64) -> Vec<u8> {
    let mut segments = vec![Segment { kind: 4, flags: 0, addr: 0, bytes: notes(), len: 0 }];
    let page =
        |at: u64| Segment { kind: 1, flags: 6, addr: 0x7000_0000 + 0x2000 * at, bytes: at.to_le_bytes().repeat(2), len: PAGE as u64 };
    segments.extend((0..pages).map(page));
    let mut out = aligned(&segments, 8);
    let sections = out.len().next_multiple_of(8);
    out.resize(sections + 64, 0);
    out[sections + 44..sections + 48].copy_from_slice(&(segments.len() as u32).to_le_bytes()); // sh_info
    out[40..48].copy_from_slice(&(sections as u64).to_le_bytes());
    out[56..58].copy_from_slice(&0xffff_u16.to_le_bytes());
    out[58..60].copy_from_slice(&64_u16.to_le_bytes());
    out[60..62].copy_from_slice(&1_u16.to_le_bytes());
    out
}

#[test]
fn more_segments_than_their_number_can_say() -> Result<(), CoreError> {
    const PAGES: u64 = 66_000;
    let whole = crowded(PAGES);
    let word = |core: &CoreFile, at: u64| {
        let memory: &dyn Memory = core;
        memory.word(0x7000_0000 + 0x2000 * at).ok()
    };
    let core = open(&whole)?;
    assert_eq!((core.ranges().len() as u64, core.missing()), (PAGES, None));
    assert_eq!((word(&core, PAGES - 1), core.notes.pid), (Some(PAGES - 1), Some(4217)));
    // The last bytes are the first that a cut takes, and with them the number of segments.
    let cut = open(&whole[..whole.len() - 100])?;
    assert_eq!((cut.ranges().len() as u64, word(&cut, 65_900), cut.notes.pid), (PAGES, Some(65_900), Some(4217)));
    let headers = open(&whole[..3_000_000]).err().map(|error| error.to_string());
    assert_eq!(headers.as_deref(), Some("the core ends inside its table of segments"));
    Ok(())
}

/// Tens of thousands of segments, all of them in one hole of the file: nothing to look at.
#[test]
fn segments_without_data() {
    const SEGMENTS: u64 = 60_000;
    const HOLE: u64 = 64 << 20;
    let segment = |at: u64| Segment { kind: 1, flags: 6, addr: 0x7000_0000 + 0x2000 * at, bytes: vec![], len: PAGE as u64 };
    let mut bytes = core(&(0..SEGMENTS).map(segment).collect::<Vec<_>>());
    for header in bytes[64..64 + 56 * SEGMENTS as usize].chunks_exact_mut(56) {
        header[8..16].copy_from_slice(&HOLE.to_le_bytes());
        header[32..40].copy_from_slice(&(PAGE as u64).to_le_bytes());
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file.set_len(HOLE + (1 << 20)).unwrap();
    let core = CoreFile::of(file).unwrap();
    assert_eq!((core.ranges().len() as u64, core.next_data(0, 1 << 47)), (SEGMENTS, None));
}

fn sample() -> Vec<u8> {
    let heap = (0..2 * PAGE).map(|at| at as u8).collect();
    core(&[
        Segment { kind: 4, flags: 0, addr: 0, bytes: notes(), len: 0 },
        Segment { kind: 1, flags: 5, addr: 0x40_0000, bytes: vec![], len: PAGE as u64 },
        Segment { kind: 1, flags: 6, addr: 0x7000_0000, bytes: heap, len: 2 * PAGE as u64 },
        Segment { kind: 1, flags: 6, addr: 0x7000_2000, bytes: vec![9; PAGE], len: PAGE as u64 },
    ])
}

fn open(bytes: &[u8]) -> Result<CoreFile, CoreError> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(bytes)?;
    file.flush()?;
    CoreFile::open(file.path())
}

#[test]
fn memory_and_notes() -> Result<(), CoreError> {
    let core = open(&sample())?;
    let memory: &dyn Memory = &core;
    assert_eq!(memory.word(0x7000_0008).ok(), Some(0x0f0e_0d0c_0b0a_0908));
    assert_eq!(memory.word(0x7000_1ffc).ok(), Some(0x0909_0909_fffe_fdfc), "a word across two segments");
    assert!(memory.word(0x40_0000).is_err(), "text that was left out, and no program to take it from");
    assert!(memory.word(0x6fff_fffc).is_err());
    assert!(memory.slice(0x7000_1ff8, 16).is_none());
    assert_eq!(core.missing(), None);
    let notes = &core.notes;
    assert_eq!((notes.pid, notes.arguments.as_str(), notes.entry), (Some(4217), "node server.js", Some(0x40_1234)));
    assert_eq!((notes.threads[0].tid, notes.threads[0].signal, notes.threads[0].rsp()), (77, 6, 0x7000_0100));
    assert!(core.images().is_empty(), "no mapping of the program begins at its first byte");
    let program = core.program().map(|file| (file.path.as_str(), file.offset));
    assert_eq!(program, Some(("/usr/bin/node", 8192)));
    Ok(())
}

#[test]
fn cut_at_any_byte() {
    let whole = sample();
    for cut in (0..whole.len()).step_by(61) {
        let Ok(core) = open(&whole[..cut]) else { continue };
        let memory: &dyn Memory = &core;
        let _ = (memory.word(0x7000_0000), memory.word(0x7000_2ff8), Versions::find(memory));
        let held: u64 = whole.len() as u64 - cut as u64;
        assert!(core.missing().is_some_and(|missing| missing.bytes <= held) || core.notes_damaged || cut >= whole.len() - PAGE);
    }
}

#[test]
fn damage_is_an_error_or_a_smaller_core() {
    let whole = sample();
    for at in 0..400 {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            if let Ok(core) = open(&damaged) {
                let memory: &dyn Memory = &core;
                let mut at = 0;
                while let Some((_, end)) = memory.next_data(at, 1 << 47) {
                    assert!(end > at);
                    at = end;
                }
            }
        }
    }
}

#[test]
fn what_is_no_core() {
    let check = |change: &dyn Fn(&mut Vec<u8>), expect: &str| {
        let mut bytes = sample();
        change(&mut bytes);
        let error = open(&bytes).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error, expect);
    };
    check(&|bytes| bytes[0] = b'x', "not an ELF file");
    check(&|bytes| bytes[16] = 2, "an ELF file, but not a core dump");
    check(&|bytes| bytes[18] = 183, "a core dump of another kind of machine (ARM64)");
    check(&|bytes| bytes[19] = 0x77, "a core dump of another kind of machine (ELF machine 30526)");
    check(&|bytes| bytes[4] = 1, "an ELF file of another kind of machine (32 bits, or the high byte first)");
    check(&|bytes| bytes[5] = 2, "an ELF file of another kind of machine (32 bits, or the high byte first)");
    check(&|bytes| bytes.truncate(100), "the core ends inside its table of segments");
    check(&|bytes| bytes.truncate(3), "not an ELF file");
}
