//! A writer of core files that knows ELF by itself and shares nothing with the reader.

/// The page of a machine, in bytes.
pub(crate) const PAGE: usize = 4096;

/// A segment to be written.
#[derive(Clone)]
pub(crate) struct Segment {
    /// ELF's number: 1 memory, 4 notes.
    pub(crate) kind: u32,
    /// Rights: 4 to read, 2 to write, 1 to run.
    pub(crate) flags: u32,
    /// Its address.
    pub(crate) addr: u64,
    /// What the file holds of it.
    pub(crate) bytes: Vec<u8>,
    /// How long it was in memory.
    pub(crate) len: u64,
}

/// Writes a core of x86-64.
pub(crate) fn core(segments: &[Segment]) -> Vec<u8> {
    aligned(segments, PAGE)
}

/// Writes a core, the bytes of each segment at a multiple of `unit`.
pub(crate) fn aligned(segments: &[Segment], unit: usize) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend(4_u16.to_le_bytes()); // a core
    out.extend(62_u16.to_le_bytes()); // x86-64
    out.extend(1_u32.to_le_bytes());
    out.extend(0_u64.to_le_bytes()); // no entry point
    out.extend(64_u64.to_le_bytes()); // segments follow at once
    out.extend(0_u64.to_le_bytes()); // no sections
    out.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, segments.len() as u16, 0, 0, 0] {
        out.extend(half.to_le_bytes());
    }
    let mut offset = (64 + 56 * segments.len()).next_multiple_of(unit) as u64;
    for segment in segments {
        out.extend(segment.kind.to_le_bytes());
        out.extend(segment.flags.to_le_bytes());
        for word in [offset, segment.addr, 0, segment.bytes.len() as u64, segment.len, 4] {
            out.extend(word.to_le_bytes());
        }
        offset += (segment.bytes.len() as u64).next_multiple_of(unit as u64);
    }
    for segment in segments {
        out.resize(out.len().next_multiple_of(unit), 0);
        out.extend(&segment.bytes);
    }
    out
}

/// Writes one note of the kernel.
fn note(kind: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [5, content.len() as u32, kind] {
        out.extend(word.to_le_bytes());
    }
    out.extend(b"CORE\0\0\0\0");
    out.extend(content);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// Notes of a process with one thread that got a signal.
pub(crate) fn notes() -> Vec<u8> {
    let mut status = vec![0; 336];
    status[12] = 6;
    status[32..36].copy_from_slice(&77_u32.to_le_bytes());
    status[112 + 8 * 19..112 + 8 * 20].copy_from_slice(&0x7000_0100_u64.to_le_bytes());
    let mut process = vec![0; 136];
    process[24..28].copy_from_slice(&4217_u32.to_le_bytes());
    process[56..70].copy_from_slice(b"node server.js");
    let mut files = Vec::new();
    for word in [1_u64, 4096, 0x40_0000, 0x50_0000, 2] {
        files.extend(word.to_le_bytes());
    }
    files.extend(b"/usr/bin/node\0");
    let entry: Vec<u8> = [9_u64, 0x40_1234, 0, 0].into_iter().flat_map(u64::to_le_bytes).collect();
    [note(1, &status), note(3, &process), note(6, &entry), note(0x4649_4c45, &files)].concat()
}
