//! What V8 writes of its garbage collections (`--trace-gc`, `--trace-gc-nvp`), and what follows from it: whether the floor to which full
//! collections bring the heap rises.
//!
//! Known are the lines of Node.js 16 to 26. All others are passed over and counted.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

pub use crate::trend::Trend;
use crate::trend::{self, COMPARED, Point};

/// A garbage collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    /// The isolate, by V8's own address of it.
    pub isolate: String,
    /// When it was, in seconds since the isolate was made.
    pub at: f64,
    /// Whether it was of the whole heap.
    pub is_full: bool,
    /// Bytes of objects before.
    pub before: u64,
    /// Bytes of objects afterwards.
    pub after: u64,
    /// Bytes of V8's pages afterwards; `None` where the log does not tell (pairs up to Node.js 22).
    pub committed: Option<u64>,
    /// How long the program stood still for it, in seconds.
    pub pause: f64,
}

/// All collections of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GcLog {
    /// In the order of the log.
    pub collections: Vec<Collection>,
    /// How many lines are none.
    pub others: u64,
    /// How many collections came before those, and were not kept.
    pub left_out: u64,
}

/// A line longer than this is passed over.
const LONGEST: usize = 64 << 10;
/// An isolate is called by two numbers, or three.
const LONGEST_NAME: usize = 64;
/// More collections than this are not kept: those that come last tell most.
const MOST: usize = 2_000_000;
const MEGABYTE: f64 = (1 << 20) as f64;
/// Where V8 gives up it writes its last collections once more: not more than these, and what workers wrote meanwhile.
const REPEATED: usize = 64;

impl GcLog {
    /// Reads a log. Bounded memory, whatever comes.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn read(source: impl BufRead) -> io::Result<Self> {
        Self::read_keeping(source, MOST)
    }

    /// Says whether a text, of which this is the beginning, is a log: whether there is a collection in it.
    #[must_use]
    pub fn is_log(beginning: &[u8]) -> bool {
        beginning.split(|&byte| byte == b'\n').any(|line| line.len() < LONGEST && collection(&String::from_utf8_lossy(line)).is_some())
    }

    fn read_keeping(mut source: impl BufRead, most: usize) -> io::Result<Self> {
        let mut log = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = io::Read::take(&mut source, LONGEST as u64).read_until(b'\n', &mut line)?;
            if count == 0 {
                return Ok(log);
            }
            let is_cut = line.last() != Some(&b'\n') && count == LONGEST;
            if is_cut {
                skip_line(&mut source)?;
            }
            match collection(&String::from_utf8_lossy(&line)).filter(|_| !is_cut) {
                Some(collection) => log.add(collection, most),
                None => log.others += 1,
            }
        }
    }

    fn add(&mut self, collection: Collection, most: usize) {
        if self.collections.iter().rev().take(REPEATED).any(|earlier| *earlier == collection) {
            return;
        }
        if self.collections.len() == most {
            self.collections.drain(..most / 2);
            self.left_out += (most / 2) as u64;
        }
        self.collections.push(collection);
    }

    /// Judges every isolate, that with most collections first. O(collections).
    #[must_use]
    pub fn judge(&self) -> Vec<(&str, Judgement)> {
        let mut own: BTreeMap<&str, Vec<&Collection>> = BTreeMap::new();
        for collection in &self.collections {
            own.entry(&collection.isolate).or_default().push(collection);
        }
        let mut isolates: Vec<(&str, Vec<&Collection>)> = own.into_iter().collect();
        isolates.sort_by_key(|(_, collections)| std::cmp::Reverse(collections.len()));
        isolates.into_iter().map(|(isolate, collections)| (isolate, judge(&collections))).collect()
    }
}

fn skip_line(source: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = source.fill_buf()?;
        let (used, is_end) = match buffer.iter().position(|&byte| byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        source.consume(used);
        if is_end {
            return Ok(());
        }
    }
}

/// Reads a line: `[PID:0xISOLATE] TIME ms: WHAT`, and what stands before it, as loggers put it there.
fn collection(line: &str) -> Option<Collection> {
    let (head, rest) = line.split_once(" ms: ")?;
    let (isolate, time) = head.rsplit_once(']')?;
    let isolate = isolate.rsplit_once('[')?.1;
    (isolate.len() <= LONGEST_NAME && isolate.contains(":0x")).then_some(())?;
    let at = time.trim().parse::<f64>().ok().filter(|at| at.is_finite() && *at >= 0.0)? / 1000.0;
    let told = match rest.strip_prefix("GC: ") {
        Some(object) => pairs(|name| in_object(object, name)),
        None if rest.starts_with("pause=") => pairs(|name| in_pairs(rest, name)),
        None => sentence(rest),
    };
    let (is_full, (before, after, committed), pause) = told?;
    let pause = Some(pause).filter(|pause| pause.is_finite() && *pause >= 0.0)?;
    Some(Collection { isolate: isolate.to_owned(), at, is_full, before, after, committed, pause: pause / 1000.0 })
}

type Told = (bool, (u64, u64, Option<u64>), f64);

/// Reads `Mark-Compact (reduce) 45.1 (60.2) -> 40.3 (58.0) MB, pooled: 0 MB, 33.7 / 0.0 ms …`.
fn sentence(text: &str) -> Option<Told> {
    let is_full = match text.split([' ', '(']).next()? {
        "Scavenge" | "Minor" => false,
        "Mark-sweep" | "Mark-Compact" | "Mark-compact" => true,
        _ => return None,
    };
    let (left, right) = text.split_once(" -> ")?;
    let mut words = left.split_ascii_whitespace().rev();
    let _committed_before = words.next()?;
    let before = words.next()?;
    let (after, rest) = right.split_once(' ')?;
    let (committed, rest) = rest.strip_prefix('(')?.split_once(')')?;
    // Node 24 tells pages that it keeps at hand before the time.
    let pause = rest.split(", ").find_map(|part| part.split_once(" / ")?.0.trim().parse::<f64>().ok())?;
    Some((is_full, (megabytes(before)?, megabytes(after)?, megabytes(committed)), pause))
}

fn megabytes(text: &str) -> Option<u64> {
    text.parse::<f64>().ok().filter(|megabytes| (0.0..1e9).contains(megabytes)).map(|megabytes| (megabytes * MEGABYTE) as u64)
}

/// Reads pairs of names and values: `pause` in milliseconds, `gc`, and sizes in bytes, whose names changed with Node.js 24.
fn pairs<'t>(value: impl Fn(&str) -> Option<&'t str>) -> Option<Told> {
    let is_full = match value("gc")? {
        "ms" | "mc" => true,
        "s" | "mmc" | "mms" => false,
        _ => return None,
    };
    // No heap is larger than this.
    let plausible = |text: &str| text.parse::<u64>().ok().filter(|bytes| *bytes < 1 << 50);
    let bytes = |names: [&str; 2]| names.into_iter().find_map(&value).and_then(plausible);
    let sizes = (
        bytes(["start_object_size", "total_size_before"])?,
        bytes(["end_object_size", "total_size_after"])?,
        value("end_memory_size").and_then(plausible),
    );
    Some((is_full, sizes, value("pause")?.parse().ok()?))
}

/// Returns a value of `pause=1.2 mutator=3.4 gc=mc …`: Node.js 16 to 24.
fn in_pairs<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split_ascii_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Returns a number or word of `{"pause":1.2,"mutator":3.4,"gc":"mc",…}`: Node.js 26. No value holds a comma or a quote of its own.
fn in_object<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let pair = |pair: &'t str| pair.trim_start_matches('{').strip_prefix('"')?.strip_prefix(name)?.strip_prefix("\":");
    text.split(',').find_map(pair).map(|value| value.trim_end().trim_end_matches('}').trim_matches('"'))
}

/// What was found out about an isolate.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What its floor does.
    pub trend: Trend,
    /// Whether it does little else than to collect: more than half of the time of the last full collections.
    pub is_thrashing: bool,
    /// Bytes after full collections, in thirds of them: the middle of each third.
    pub floor: Option<[u64; 3]>,
    /// Bytes a second by which the floor rises: the middle of the slopes between any two full collections.
    pub slope: Option<f64>,
    /// How surely it rises, from -1 to 1: of all pairs of full collections, how many more rise than fall (Kendall's tau).
    pub rising: Option<f64>,
    /// The most bytes before a collection.
    pub peak: u64,
    /// The share of time that the program stood still, 0 to 1.
    pub paused: f64,
    /// How long the log is, in seconds.
    pub seconds: f64,
    /// How many full collections there were.
    pub full: usize,
    /// How many others.
    pub young: usize,
}

fn judge(all: &[&Collection]) -> Judgement {
    let full: Vec<&Collection> = all.iter().copied().filter(|collection| collection.is_full).collect();
    let points: Vec<Point> = full.iter().map(|collection| (collection.at, collection.after)).collect();
    let points = trend::thinned(&points, COMPARED);
    let seconds = all.first().zip(all.last()).map_or(0.0, |(first, last)| (last.at - first.at).max(0.0));
    let peak = all.iter().map(|collection| collection.before).max().unwrap_or(0);
    let floor = trend::thirds(&points);
    let (slope, rising) = (trend::slope(&points), trend::rising(&points));
    Judgement {
        trend: floor.map_or(Trend::NotEnoughEvidence, |floor| trend::judge(floor, rising.unwrap_or(0.0), late_peak(&full))),
        is_thrashing: is_thrashing(&full),
        floor,
        slope: slope.filter(|_| floor.is_some()).map(|slope| slope.middle),
        rising: rising.filter(|_| floor.is_some()),
        peak,
        paused: if seconds > 0.0 { (all.iter().map(|collection| collection.pause).sum::<f64>() / seconds).min(1.0) } else { 0.0 },
        seconds,
        full: full.len(),
        young: all.len() - full.len(),
    }
}

/// Returns the most bytes before one of the last third of full collections.
fn late_peak(full: &[&Collection]) -> u64 {
    full[full.len() - full.len() / 3..].iter().map(|collection| collection.before).max().unwrap_or(0)
}

/// Says whether the last full collections took more than half of the time from the first of them to the last.
fn is_thrashing(full: &[&Collection]) -> bool {
    const LAST: usize = 5;
    let Some(last) = full.len().checked_sub(LAST).map(|first| &full[first..]) else { return false };
    let took: f64 = last[1..].iter().map(|collection| collection.pause).sum();
    let passed = last[LAST - 1].at - last[0].at;
    passed > 0.0 && took > 0.5 * passed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_versions_are_understood() {
        let check = |line: &str, expect: Option<(&str, f64, bool, [f64; 3], f64)>| {
            let found = collection(line);
            let expect = expect.map(|(isolate, at, is_full, [before, after, committed], pause)| Collection {
                isolate: isolate.to_owned(),
                at,
                is_full,
                before: (before * MEGABYTE) as u64,
                after: (after * MEGABYTE) as u64,
                committed: (committed > 0.0).then_some((committed * MEGABYTE) as u64),
                pause,
            });
            assert_eq!(found, expect, "{line}");
        };
        let node16 = "[10478:0x2c47e970]       91 ms: Scavenge 4.7 (5.0) -> 4.1 (6.0) MB, 2.8 / 2.1 ms  (average mu = 1.000, current mu = 1.000) allocation failure ";
        check(node16, Some(("10478:0x2c47e970", 0.091, false, [4.7, 4.1, 6.0], 0.0028)));
        let node18 = "[10478:0x2c47e970]      157 ms: Mark-sweep (reduce) 10.5 (25.2) -> 8.4 (26.8) MB, 3.5 / 0.0 ms  (+ 2.4 ms in 94 steps since start of marking) (average mu = 1.000, current mu = 1.000) finalize";
        check(node18, Some(("10478:0x2c47e970", 0.157, true, [10.5, 8.4, 26.8], 0.0035)));
        let node24 = "app | [10547:0x96d8000]      106 ms: Mark-Compact 9.0 (25.7) -> 7.7 (25.1) MB, pooled: 0 MB, 2.5 / 0.00 ms  (+ 0.0 ms in 1 steps) (average mu = 0.980)";
        check(node24, Some(("10547:0x96d8000", 0.106, true, [9.0, 7.7, 25.1], 0.0025)));
        let pairs = "[10570:0xe4bf000:0]       92 ms: pause=7.5 mutator=11.0 gc=mc reduce_memory=0 start_object_size=2097152 end_object_size=1048576 start_memory_size=9 end_memory_size=4194304";
        check(pairs, Some(("10570:0xe4bf000:0", 0.092, true, [2.0, 1.0, 4.0], 0.0075)));
        let older = "[1:0x2]       92 ms: pause=7.5 mutator=11.0 gc=ms clear.join_filter_job=0.0clear.join_job=0.0 total_size_before=2097152 total_size_after=1048576 holes_size_before=9";
        check(older, Some(("1:0x2", 0.092, true, [2.0, 1.0, 0.0], 0.0075)));
        let node26 = r#"[1:0x2:0]       59 ms: GC: {"pause":4.5,"mutator":47.897,"gc":"s","reduce_memory":false,"reason":"allocation failure","start_object_size":2097152,"end_object_size":1048576,"end_memory_size":4194304}"#;
        check(node26, Some(("1:0x2:0", 0.059, false, [2.0, 1.0, 4.0], 0.0045)));
        for other in [
            "",
            "listening on 8080",
            "[1:0x2] 12 ms: Scavenge 4.7",
            "[1:0x2] x ms: Scavenge 4.7 (5.0) -> 4.1 (6.0) MB, 2.8 / 2.1 ms",
            "[1] 12 ms: Scavenge 4.7 (5.0) -> 4.1 (6.0) MB, 2.8 / 2.1 ms",
            "[1:0x2] 12 ms: Scavenge -4.7 (5.0) -> nan (6.0) MB, 2.8 / 2.1 ms",
            "[1:0x2] 12 ms: pause=7.2 gc=mc start_object_size=18446744073709551616",
            "[1:0x2] 12 ms: pause=7.2 gc=mc start_object_size=18446744073709551615 end_object_size=18446744073709551615",
            "[1:0x2] 12 ms: pause=NaN gc=mc start_object_size=1 end_object_size=1",
            "[1:0x2] 12 ms: pause=-1 gc=mc start_object_size=1 end_object_size=1",
            "[1:0x22222222222222222222222222222222222222222222222222222222222222222222222] 12 ms: pause=1 gc=mc start_object_size=1 end_object_size=1",
        ] {
            check(other, None);
        }
    }

    /// A log of full collections, one a second.
    fn judged(floors: &[u64], peak: u64, pause: f64) -> Option<Judgement> {
        let collections = floors.iter().enumerate().map(|(nth, floor)| Collection {
            isolate: "1:0x2".to_owned(),
            at: nth as f64,
            is_full: true,
            before: peak.max(floor + 1) << 20,
            after: floor << 20,
            committed: Some(peak << 20),
            pause,
        });
        let log = GcLog { collections: collections.collect(), ..GcLog::default() };
        log.judge().into_iter().next().map(|(_, judgement)| judgement)
    }

    #[test]
    fn the_floor_tells() {
        let check = |floors: &[u64], peak: u64, expect: Trend| {
            assert_eq!(judged(floors, peak, 0.01).unwrap().trend, expect, "{floors:?}");
        };
        let rising: Vec<u64> = (0..20).map(|nth| 20 + 3 * nth).collect();
        check(&rising, 0, Trend::Growing);
        check(&rising[..5], 0, Trend::NotEnoughEvidence);
        let uneven: Vec<u64> = (0..30).map(|nth| 20 + 3 * nth + 7 * (nth % 3)).collect();
        check(&uneven, 0, Trend::Growing);
        let filling: Vec<u64> = (0..30).map(|nth| 100 - 80 / (1 + nth)).collect();
        check(&filling, 0, Trend::FillingToABound);
        let noisy: Vec<u64> = (0..30).map(|nth| 50 + nth * 7 % 3).collect();
        check(&noisy, 60, Trend::Flat);
        check(&noisy, 400, Trend::LazyGc);
        check(&rising.iter().rev().copied().collect::<Vec<_>>(), 0, Trend::Flat);
        assert_eq!(judged(&[], 0, 0.01), None);
    }

    #[test]
    fn slope_and_thrashing() {
        let floors: Vec<u64> = (0..12).map(|nth| 20 + 3 * nth).collect();
        let found = judged(&floors, 0, 0.01).unwrap();
        assert_eq!((found.slope, found.rising), (Some(3.0 * MEGABYTE), Some(1.0)));
        assert!(!found.is_thrashing && (found.paused - 0.12 / 11.0).abs() < 1e-9);
        assert!(judged(&floors, 0, 0.8).unwrap().is_thrashing);
        assert!(!judged(&floors[..4], 0, 0.8).unwrap().is_thrashing);
    }

    #[test]
    fn anything_is_read_in_bounded_memory() {
        let mut text = vec![b'x'; 3 * LONGEST];
        text.extend(b"\n[1:0x2] 12 ms: Scavenge 4.7 (5.0) -> 4.1 (6.0) MB, 2.8 / 2.1 ms\n\xff\xfe\nlast");
        let log = GcLog::read(&text[..]).unwrap();
        assert_eq!((log.collections.len(), log.others, log.left_out), (1, 3, 0));
    }

    #[test]
    fn collections_that_v8_repeats_where_it_gives_up_count_once() {
        let line = |nth: usize| format!("[1:0x2] {nth} ms: Mark-Compact {nth}.7 (5.0) -> 4.1 (6.0) MB, 2.8 / 0.0 ms  (average mu = 0.1)\n");
        let text: String = (0..9).chain(7..9).map(line).collect();
        let text = text.replacen(&line(7), &(line(7) + "\n<--- Last few GCs --->\n\n"), 1);
        let log = GcLog::read(text.as_bytes()).unwrap();
        assert_eq!((log.collections.len(), log.others), (9, 3));
        // Another isolate, or another moment, is another collection.
        let others = line(8) + &line(8).replace("0x2", "0x3") + &line(8).replace("8 ms:", "9 ms:");
        assert_eq!(GcLog::read(others.as_bytes()).unwrap().collections.len(), 3);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let line = |nth: usize| format!("[1:0x2] {nth} ms: Scavenge 4.7 (5.0) -> 4.1 (6.0) MB, 2.8 / 2.1 ms\n");
        for (count, expect) in [(10, 0), (11, 5), (15, 5), (16, 10)] {
            let text: String = (0..count).map(line).collect();
            let log = GcLog::read_keeping(text.as_bytes(), 10).unwrap();
            assert_eq!((log.left_out, log.collections.len() + log.left_out as usize), (expect, count), "{count}");
            assert_eq!(log.collections.last().map(|last| last.at), Some((count - 1) as f64 / 1000.0));
        }
    }

    #[test]
    fn a_log_is_known_by_one_line() {
        let line = "[1:0x2] 12 ms: Scavenge 4.7 (5.0) -> 4.1 (6.0) MB, 2.8 / 2.1 ms";
        let cases = [
            (line.to_owned(), true),
            (format!("listening on 8080\napp | {line}\n"), true),
            ("listening on 8080\n".to_owned(), false),
            (String::new(), false),
            (format!("{}{line}", "x".repeat(LONGEST)), false),
        ];
        for (text, expect) in cases {
            assert_eq!(GcLog::is_log(text.as_bytes()), expect, "{text:.60}");
        }
    }
}
