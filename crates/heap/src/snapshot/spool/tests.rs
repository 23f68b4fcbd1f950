//! Copies of streams: bounded, sparse, and told apart from what is no snapshot; every packing, whole, cut and damaged.

use std::io::Cursor;
use std::os::unix::fs::MetadataExt;

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;
use crate::Silent;

const BEGIN: &str = "{\"snapshot\":{\"meta\":{}},\"nodes\":[";
const PACKINGS: [Packing; 3] = [Packing::Gzip, Packing::Zstd, Packing::Lz4];

fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        Packing::Plain => bytes.to_vec(),
        Packing::Gzip => {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        Packing::Zstd => compress_to_vec(bytes, CompressionLevel::Fastest),
        Packing::Lz4 => {
            let info = FrameInfo::new().block_size(BlockSize::Max64KB).content_checksum(bytes.len().is_multiple_of(2));
            let mut packer = FrameEncoder::with_frame_info(info, Vec::new());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
    }
}

/// A text and as many digits.
fn text(begin: &str, digits: u64) -> Vec<u8> {
    let mut bytes = begin.as_bytes().to_vec();
    bytes.resize(bytes.len() + digits as usize, b'0');
    bytes
}

/// The first bytes of an ELF file, text, and as many pages of zeros.
fn core(pages: usize) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(PAGE, 7);
    bytes.resize((1 + pages) * PAGE, 0);
    bytes.extend([9; PAGE]);
    bytes.resize(bytes.len() + 3 * PAGE, 0);
    bytes
}

fn copied(bytes: &[u8], room: &dyn Fn(&File) -> Option<u64>) -> Result<Spooled, ReadError> {
    let spool = Spool { path: Path::new("a.gz"), progress: &Silent, packing: Packing::of(bytes), total: 0, room };
    spool.copy(Cursor::new(bytes))
}

fn contents(spooled: Spooled) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = spooled.file;
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn every_packing_gives_its_contents_back() {
    for packing in PACKINGS {
        let (one, two) = (text(BEGIN, 300_000), text("1,2,3", 70_000));
        let whole = [pack(packing, &one), pack(packing, &two)].concat();
        assert_eq!(Packing::of(&whole), packing);
        let spooled = copied(&whole, &|_| None).unwrap();
        assert!(spooled.problems.is_empty() && !spooled.is_elf && spooled.packed == whole.len() as u64, "{packing:?} {spooled:?}");
        assert_eq!(contents(spooled), [one, two].concat(), "{packing:?}: two streams, one behind the other");
    }
}

#[test]
fn frames_without_contents_are_skipped() {
    let frame = pack(Packing::Zstd, BEGIN.as_bytes());
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4], &frame[..]].concat();
    let spooled = copied(&[&frame[..], &skipped[..]].concat(), &|_| None).unwrap();
    assert!(spooled.problems.is_empty());
    assert_eq!(contents(spooled), BEGIN.repeat(2).as_bytes());
}

#[test]
fn zeros_of_a_core_become_holes() {
    for packing in PACKINGS {
        let whole = core(10_000);
        let spooled = copied(&pack(packing, &whole), &|_| None).unwrap();
        assert!(spooled.is_elf);
        let metadata = spooled.file.metadata().unwrap();
        assert!(metadata.blocks() * 512 < 1 << 20, "{packing:?}: {} bytes on the disk", metadata.blocks() * 512);
        assert!(contents(spooled) == whole, "{packing:?}");
    }
}

#[test]
fn nobody_else_can_open_it() {
    let spooled = copied(&pack(Packing::Zstd, &core(1)), &|_| None).unwrap();
    let metadata = spooled.file.metadata().unwrap();
    assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (0, 0o600));
}

#[test]
fn what_is_no_snapshot_is_not_unpacked() {
    // 100 GB in less than 100 MB would take minutes: what is refused after its first bytes takes none.
    let endless = Spool { path: Path::new("-"), progress: &Silent, packing: Packing::Plain, total: 0, room: &|_| None };
    let error = endless.copy(io::repeat(0)).unwrap_err();
    assert!(matches!(error, ReadError::NotASnapshot { .. }), "{error:?}");
    for packing in PACKINGS {
        let error = copied(&pack(packing, &text("{\"name\":1}", 1 << 20)), &|_| None).unwrap_err();
        assert!(matches!(error, ReadError::NotASnapshot { .. }), "{packing:?} {error:?}");
    }
}

#[test]
fn a_bomb_is_told_and_a_dense_snapshot_is_none() {
    for packing in [Packing::Gzip, Packing::Zstd] {
        let error = copied(&pack(packing, &text(BEGIN, 3 * FREE_OF_RATIO)), &|_| None).unwrap_err();
        let ReadError::Bomb { packed: taken, unpacked, by, .. } = error else { panic!("{error:?}") };
        assert!(unpacked > FREE_OF_RATIO && unpacked <= FREE_OF_RATIO + ASKED_EVERY + LOOKED_AT, "{by}: {taken} {unpacked}");
    }
    let whole = pack(Packing::Gzip, &text(BEGIN, 1 << 20));
    assert_eq!(copied(&whole, &|_| None).unwrap().packed, whole.len() as u64);
}

#[test]
fn zeros_count_against_another_limit() {
    // 120 MB of zeros in a core are no bomb, though they take a thousandth when packed.
    assert!(copied(&pack(Packing::Gzip, &core(30_000)), &|_| None).is_ok());
    let ratio = |len: u64, packed: u64| {
        let spool = Spool { path: Path::new("a"), progress: &Silent, packing: Packing::Zstd, total: 0, room: &|_| None };
        let packed = Cell::new(packed);
        let sparse = Sparse { file: tempfile::tempfile().unwrap(), len, stored: 1 << 20 };
        spool.check_ratio(&Copying { sparse, packed: &packed, is_elf: true, problems: Problems::default() }).is_ok()
    };
    assert!(ratio(10 << 30, 10 << 20) && ratio(6 << 30, 1) && !ratio(100 << 30, 1 << 20));
}

#[test]
fn the_disk_is_not_filled() {
    let error = copied(&pack(Packing::Gzip, &text(BEGIN, 1 << 20)), &|_| Some(1000)).unwrap_err();
    assert!(matches!(error, ReadError::NoRoom { done: 0, .. }), "{error:?}");
    let whole = pack(Packing::Gzip, &text(BEGIN, 40 << 20));
    let error = copied(&whole, &|file| Some((32 << 20) - file.metadata().unwrap().len())).unwrap_err();
    let ReadError::NoRoom { done, .. } = error else { panic!("{error:?}") };
    assert_eq!(done, LOOKED_AT + ASKED_EVERY);
    assert!(room(&tempfile::tempfile().unwrap()).is_some());
}

#[test]
fn damaged_streams() {
    for (packing, head) in
        [(Packing::Gzip, &[0x1f, 0x8b, 1, 2, 3][..]), (Packing::Zstd, b"\x28\xb5\x2f\xfd1234"), (Packing::Lz4, b"\x04\x22\x4d\x181234")]
    {
        let error = copied(head, &|_| None).unwrap_err();
        assert!(matches!(error, ReadError::BadPacking { .. }), "{packing:?} {error:?}");
        // Not a page of equal digits: what is left of that after a cut may be nothing.
        let digits: String = (0..200_000).map(|number| format!("{number},")).collect();
        let whole = pack(packing, format!("{BEGIN}{digits}").as_bytes());
        let cut = copied(&whole[..whole.len() - 9], &|_| None).unwrap();
        assert!(cut.problems.is_truncated(), "{packing:?}");
        assert!(contents(cut).starts_with(BEGIN.as_bytes()));
    }
    let error = copied(&pack(Packing::Gzip, b""), &|_| None).unwrap_err();
    assert!(matches!(error, ReadError::Empty { .. }), "{error:?}");
}

#[test]
fn cut_anywhere_there_is_an_error_or_less_of_it() {
    let digits: String = (0..3000).map(|number| format!("{number},")).collect();
    let whole = format!("{BEGIN}{digits}");
    for packing in PACKINGS {
        let packed = pack(packing, whole.as_bytes());
        for cut in 4..packed.len() {
            if let Ok(spooled) = copied(&packed[..cut], &|_| None) {
                let contents = contents(spooled);
                assert!(whole.as_bytes().starts_with(&contents), "{packing:?} {cut}");
            }
        }
    }
}
