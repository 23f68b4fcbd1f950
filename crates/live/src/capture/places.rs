//! Places in a process that a capture uses: two instructions of its C library, and a few bytes that nobody owns.
//!
//! Only reading. The bytes are those between the end of a library's variables and the end of their page: no program can know of them, and
//! they stay until the process ends: only libraries are asked that no process unloads, which the library of an addon may be. The dynamic
//! linker's own are not taken, which it gives out as memory, nor those under musl, which gives them to `malloc`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use memchr::memmem;

use super::chain::{Gadgets, REAPER};
use super::proc::Mapping;

/// `syscall; ret`.
const CALL: &[u8] = &[0x0f, 0x05, 0xc3];
/// `mov $15, %rax; syscall`, as glibc has it, and `mov $15, %eax; syscall`, as musl.
const NEXT: [&[u8]; 2] = [&[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05], &[0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05]];
const PAGE: u64 = 4096;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// The instructions.
    pub(super) gadgets: Gadgets,
    /// The mapping that they lie in.
    pub(super) code: Mapping,
    /// Bytes for a reaper; `None` where nobody's were found.
    pub(super) spare: Option<u64>,
}

/// Looks for them. `memory` is that of the process.
pub(super) fn find(memory: &File, mappings: &[Mapping]) -> Option<Places> {
    let is_code = |mapping: &&Mapping| mapping.has_file && mapping.private && mapping.rights == [true, false, true];
    let mut code: Vec<&Mapping> = mappings.iter().filter(is_code).collect();
    code.sort_by_key(|mapping| (!is_c_library(&mapping.name), mapping.len()));
    let (gadgets, code) = code.into_iter().find_map(|mapping| Some((gadgets(memory, mapping)?, mapping.clone())))?;
    let spare = if code.name.contains("musl") { None } else { spare(memory, mappings) };
    Some(Places { gadgets, code, spare })
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_c_library(path: &str) -> bool {
    let name = file_name(path);
    name.starts_with("libc.") || name.starts_with("libc-") || name.contains("musl")
}

fn gadgets(memory: &File, mapping: &Mapping) -> Option<Gadgets> {
    let bytes = read(memory, mapping.start, usize::try_from(mapping.len()).ok()?)?;
    let at = |pattern: &[u8]| memmem::find(&bytes, pattern).map(|at| mapping.start + at as u64);
    let (next, next_end) = NEXT.into_iter().find_map(|pattern| at(pattern).map(|at| (at, at + pattern.len() as u64)))?;
    Some(Gadgets { call: at(CALL)?, next, next_end })
}

/// Looks for a library that stays, whose last page of variables has room behind them.
fn spare(memory: &File, mappings: &[Mapping]) -> Option<u64> {
    let is_first = |mapping: &&Mapping| mapping.has_file && mapping.offset == 0 && stays(&mapping.name);
    let fits = |&end: &u64| {
        let rest = end.next_multiple_of(PAGE) - end;
        let is_variables = |mapping: &Mapping| mapping.private && mapping.rights == [true, true, false];
        rest > REAPER as u64 + 8 && mappings.iter().any(|mapping| is_variables(mapping) && (mapping.start..mapping.end).contains(&end))
    };
    let ends = mappings
        .iter()
        .filter(is_first)
        .filter_map(|mapping| end_of_variables(&read(memory, mapping.start, PAGE as usize)?, mapping.start));
    ends.filter(fits).map(|end| end.next_multiple_of(16)).next()
}

/// Says whether a file is one of the libraries that Node.js itself is linked with: no `dlclose` unloads them. An addon may bring one of the
/// same name, which lies in its own folder.
fn stays(path: &str) -> bool {
    const STAY: [&str; 6] = ["libc", "libm", "libstdc++", "libgcc_s", "libpthread", "libdl"];
    const SYSTEM: [&str; 5] = ["/lib", "/usr/lib", "/snap/", "/nix/store/", "/gnu/store/"];
    // `libc.so.6`, and `libc-2.31.so` of older systems.
    let version = |rest: &str| rest.starts_with(".so") || rest.starts_with('-') && rest.ends_with(".so");
    SYSTEM.iter().any(|folder| path.starts_with(folder))
        && !path.contains("/node_modules/")
        && STAY.iter().any(|name| file_name(path).strip_prefix(name).is_some_and(version))
}

/// Reads from an ELF file's first page where its last segment of variables ends in memory.
fn end_of_variables(page: &[u8], base: u64) -> Option<u64> {
    const LOAD: u64 = 1;
    const WRITABLE: u64 = 2;
    let number = |at: usize, len: usize| {
        let bytes = page.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte)))
    };
    if page.get(..4) != Some(b"\x7fELF") {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let (mut lowest, mut last) = (None, None);
    for nth in 0..count {
        let at = usize::try_from(table.checked_add(nth * size)?).ok()?;
        let (start, length) = (number(at.checked_add(16)?, 8)?, number(at.checked_add(40)?, 8)?);
        if number(at, 4)? == LOAD {
            lowest = lowest.or(Some(start & !(PAGE - 1)));
            if number(at + 4, 4)? & WRITABLE != 0 {
                last = Some(start.checked_add(length)?);
            }
        }
    }
    base.checked_sub(lowest?)?.checked_add(last?)
}

fn read(memory: &File, addr: u64, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    memory.read_exact_at(&mut bytes, addr).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page that begins with program headers of that many kinds, flags, addresses and lengths.
    fn page(headers: &[(u32, u32, u64, u64)]) -> Vec<u8> {
        let mut page = vec![0; PAGE as usize];
        page[..4].copy_from_slice(b"\x7fELF");
        page[32..40].copy_from_slice(&64u64.to_le_bytes());
        page[54..56].copy_from_slice(&56u16.to_le_bytes());
        page[56..58].copy_from_slice(&(headers.len() as u16).to_le_bytes());
        for (nth, (kind, flags, start, length)) in headers.iter().enumerate() {
            let at = 64 + 56 * nth;
            page[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            page[at + 4..at + 8].copy_from_slice(&flags.to_le_bytes());
            page[at + 16..at + 24].copy_from_slice(&start.to_le_bytes());
            page[at + 40..at + 48].copy_from_slice(&length.to_le_bytes());
        }
        page
    }

    #[test]
    fn variables_end_where_the_last_writable_segment_does() {
        let usual = page(&[(6, 4, 0, 1), (1, 4, 0, 0x500), (1, 5, 0x1000, 0x800), (1, 6, 0x3dc0, 0x250), (2, 6, 0x3de0, 0x10)]);
        assert_eq!(end_of_variables(&usual, 0x7000_0000), Some(0x7000_4010));
        assert_eq!(end_of_variables(&page(&[(1, 4, 0, 0x500)]), 0x7000_0000), None);
        let mut many = usual.clone();
        many[56] = 255;
        assert_eq!(end_of_variables(&many, 0), None, "the table leaves the page");
        assert_eq!(end_of_variables(b"#!/bin/sh", 0), None);
    }

    #[test]
    fn only_what_stays_has_room() {
        let cases = [
            ("/usr/lib/x86_64-linux-gnu/libc.so.6", true),
            ("/lib/x86_64-linux-gnu/libc-2.31.so", true),
            ("/lib64/libm.so.6", true),
            ("/usr/lib64/libstdc++.so.6.0.33", true),
            ("/lib/x86_64-linux-gnu/libgcc_s.so.1", true),
            ("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", false),
            ("/usr/lib/libcrypto.so.3", false),
            ("/usr/lib/libmpg123.so.0", false),
            ("/usr/lib/node_modules/sharp/libstdc++.so.6", false),
            ("/app/vendor/libvips.so.42", false),
            ("/app/libm.so.6", false),
        ];
        for (path, expect) in cases {
            assert_eq!(stays(path), expect, "{path}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_process_has_them() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mappings = super::super::proc::mappings(pid).unwrap();
        let places = find(&memory, &mappings).unwrap();
        assert_eq!(read(&memory, places.gadgets.call, 3).unwrap(), CALL);
        assert!(is_c_library(&places.code.name), "{}", places.code.name);
        assert!(places.gadgets.next > places.code.start && places.gadgets.next < places.code.end);
    }
}
