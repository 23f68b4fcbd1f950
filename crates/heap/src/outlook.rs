//! What becomes of a process's memory, by what it did while it was watched: whether the floor of its heap rises, how fast, and which limit gives up first.
//!
//! Pure arithmetic on what somebody else looked at. Use between two full collections says nothing of what is kept: judged is what full collections
//! leave, as V8 counts it, and of other memory what it falls to.

use crate::trend::{self, COMPARED, Point, Slope, Trend};

/// One look at a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// When, in seconds since the first.
    pub at: f64,
    /// All that is in memory: RSS.
    pub resident: u64,
    /// What the control group with the least left may have, and has.
    pub group: Option<Room>,
    /// What V8 counts of the isolate that is nearest to its limit.
    pub heap: Option<HeapLook>,
}

/// A limit, and what is used of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// The most that there may be.
    pub limit: u64,
    /// What there is.
    pub used: u64,
}

/// What V8 counts of a heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapLook {
    /// Which heap: collections of different ones are not compared.
    pub heap: u64,
    /// The most that the old generation may have.
    pub limit: Option<u64>,
    /// What its objects have, garbage among them.
    pub used: u64,
    /// What they had after the last full collection.
    pub last_full: Option<u64>,
    /// How many full collections there were.
    pub full_collections: Option<u32>,
}

/// What a process did so far. Keeps a bounded number of points.
#[derive(Clone, Debug, Default)]
pub struct History {
    floors: Vec<Point>,
    /// Which heap the floors are of, and how many full collections it had had.
    counted: Option<(u64, u32)>,
    resident: Vec<Point>,
    group: Vec<Point>,
    last: Look,
    peak: u64,
    looks: u64,
}

/// So many points are kept of each kind; of more, every two become the lower one.
const KEPT: usize = 4 * COMPARED;

impl History {
    /// Adds a look.
    pub fn add(&mut self, look: Look) {
        self.last = look;
        self.looks += 1;
        add(&mut self.resident, (look.at, look.resident));
        if let Some(room) = look.group {
            add(&mut self.group, (look.at, room.used));
        }
        if let Some(heap) = look.heap {
            self.peak = self.peak.max(heap.used);
            self.add_floor(look.at, heap);
        }
    }

    /// A floor is known when a full collection ended. That the first look saw one which ended before counts too: as a floor of that moment.
    fn add_floor(&mut self, at: f64, heap: HeapLook) {
        let (Some(count), Some(last)) = (heap.full_collections, heap.last_full) else { return };
        if self.counted.is_some_and(|(of, _)| of != heap.heap) {
            self.floors.clear();
        }
        if self.counted != Some((heap.heap, count)) {
            self.floors.push((at, last));
            if self.floors.len() > KEPT {
                self.floors = trend::thinned(&self.floors, KEPT / 2);
            }
        } else if let Some(point) = self.floors.last_mut() {
            // V8 counts a collection when it begins, and what it left when it ends.
            point.1 = last;
        }
        self.counted = Some((heap.heap, count));
    }

    /// Returns how many looks there were.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// Returns what memory was used of late, evenly chosen, for a picture: at most `most` points.
    #[must_use]
    pub fn resident(&self, most: usize) -> Vec<u64> {
        let step = self.resident.len().div_ceil(most.max(1)).max(1);
        self.resident.iter().step_by(step).map(|point| point.1).collect()
    }

    /// Returns what full collections left, evenly chosen.
    #[must_use]
    pub fn floors(&self, most: usize) -> Vec<u64> {
        trend::thinned(&self.floors, most).into_iter().map(|point| point.1).collect()
    }

    /// Judges. O(`COMPARED`²).
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        let floors = Course::of(&trend::thinned(&self.floors, COMPARED), self.peak);
        let resident = Course::of(&trend::lowest(&self.resident, COMPARED / 4), 0);
        let group = Course::of(&trend::lowest(&self.group, COMPARED / 4), 0);
        let heap_limit = self.last.heap.and_then(|heap| {
            let left = heap.limit?.saturating_sub(self.floors.last().map_or(heap.used, |floor| floor.1));
            Some((Limit::Heap, left, floors.as_ref()))
        });
        // Between full collections every heap grows: what that adds to the group's memory comes back.
        let is_known = self.last.heap.is_none_or(|heap| heap.full_collections.is_none()) || self.floors.len() >= SOME;
        let group_limit =
            self.last.group.map(|room| (Limit::Group, room.limit.saturating_sub(room.used), group.as_ref().filter(|_| is_known)));
        let reached =
            |(limit, left, course): (Limit, u64, Option<&Course>)| Some(Reached { limit, left, seconds: seconds(left, course?)? });
        let mut reached: Vec<Reached> = heap_limit.into_iter().chain(group_limit).filter_map(reached).collect();
        reached.sort_by(|one, other| one.seconds[1].total_cmp(&other.seconds[1]));
        Outlook { full_collections: self.floors.len(), floors, resident, group, reached, seconds: self.last.at, peak: self.peak }
    }
}

/// So many full collections show that use falls back.
const SOME: usize = 3;

fn add(points: &mut Vec<Point>, point: Point) {
    points.push(point);
    if points.len() > KEPT {
        *points = points.chunks(2).filter_map(|two| two.iter().min_by_key(|point| point.1).copied()).collect();
    }
}

/// Returns in how many seconds so many bytes are used up, soonest, most likely and latest; `None` where use does not surely grow.
fn seconds(left: u64, course: &Course) -> Option<[f64; 3]> {
    let is_sure = course.trend == Trend::Growing && course.slope.low > 0.0;
    is_sure.then(|| [course.slope.high, course.slope.middle, course.slope.low].map(|slope| left as f64 / slope))
}

/// How a number of bytes goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// What it does.
    pub trend: Trend,
    /// The middle of each third of the points.
    pub thirds: [u64; 3],
    /// How fast it rises.
    pub slope: Slope,
    /// How surely, from -1 to 1 (Kendall's tau).
    pub rising: f64,
    /// How many points that rests on.
    pub points: usize,
}

impl Course {
    /// Judges points; `None` where there are too few.
    fn of(points: &[Point], peak: u64) -> Option<Self> {
        let thirds = trend::thirds(points)?;
        let (slope, rising) = (trend::slope(points)?, trend::rising(points)?);
        Some(Self { trend: trend::judge(thirds, rising, peak), thirds, slope, rising, points: points.len() })
    }
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// What full collections leave; `None` of fewer than six.
    pub floors: Option<Course>,
    /// What RSS falls to.
    pub resident: Option<Course>,
    /// What the control group's use falls to.
    pub group: Option<Course>,
    /// Which limits are reached if it goes on so, the first one first. Only where growth is sure.
    pub reached: Vec<Reached>,
    /// How many full collections were seen.
    pub full_collections: usize,
    /// How long it was watched, in seconds.
    pub seconds: f64,
    /// The most that the old generation was seen to use.
    pub peak: u64,
}

impl Outlook {
    /// Returns what the floor does.
    #[must_use]
    pub fn trend(&self) -> Trend {
        self.floors.as_ref().map_or(Trend::NotEnoughEvidence, |course| course.trend)
    }
}

/// A limit that ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// V8's, of the old generation.
    Heap,
    /// That of a control group.
    Group,
}

impl Limit {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Group => "group",
        }
    }
}

/// When a limit is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    /// Which.
    pub limit: Limit,
    /// How many bytes are left.
    pub left: u64,
    /// In how many seconds: soonest, most likely, latest.
    pub seconds: [f64; 3],
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    /// Watches a heap every second that makes 4 MB of garbage a second, is collected fully every tenth, and keeps what `kept` says.
    fn watched(seconds: u32, kept: impl Fn(u32) -> u64, limit: u64, group: Option<u64>) -> Outlook {
        let mut history = History::default();
        for at in 0..seconds {
            let (round, since) = (at / 10, u64::from(at % 10));
            let used = kept(at) + since * 4 * MB;
            let heap = HeapLook { heap: 1, limit: Some(limit), used, last_full: Some(kept(round * 10)), full_collections: Some(round) };
            let group = group.map(|limit| Room { limit, used: 50 * MB + used });
            history.add(Look { at: f64::from(at), resident: 50 * MB + used, group, heap: Some(heap) });
        }
        history.outlook()
    }

    #[test]
    fn floors_are_judged_and_not_what_lies_between() {
        let check = |seconds, kept: &dyn Fn(u32) -> u64, expect: Trend| {
            let found = watched(seconds, kept, 512 * MB, None);
            assert_eq!(found.trend(), expect, "{found:?}");
        };
        check(300, &|at| 20 * MB + u64::from(at) * MB / 4, Trend::Growing);
        check(300, &|_| 60 * MB, Trend::Flat);
        check(300, &|_| 10 * MB, Trend::LazyGc);
        check(300, &|at| 20 * MB + u64::from(at.min(90)) * MB, Trend::FillingToABound);
        check(49, &|at| 20 * MB + u64::from(at) * MB / 4, Trend::NotEnoughEvidence);
    }

    #[test]
    fn the_limit_that_gives_up_first_is_first() {
        let kept = |at: u32| 20 * MB + u64::from(at) * MB / 4;
        let check = |heap: u64, group: Option<u64>, expect: &[(Limit, f64)]| {
            let found = watched(200, kept, heap * MB, group.map(|limit| limit * MB));
            let told: Vec<(Limit, f64)> = found.reached.iter().map(|one| (one.limit, one.seconds[1])).collect();
            assert_eq!(told.len(), expect.len(), "{found:?}");
            for ((limit, seconds), (expected, about)) in told.iter().zip(expect) {
                assert!(limit == expected && (seconds - about).abs() < about / 5.0, "{told:?}, expected {expect:?}");
            }
            assert!(found.reached.iter().all(|one| one.seconds.is_sorted()), "{found:?}");
        };
        // The last floor is 67.5 MB; the group has 50 MB more, and 36 MB of garbage.
        check(167, None, &[(Limit::Heap, 400.0)]);
        check(167, Some(200), &[(Limit::Group, 177.0), (Limit::Heap, 400.0)]);
        check(167, Some(2000), &[(Limit::Heap, 400.0), (Limit::Group, 7200.0)]);
    }

    #[test]
    fn what_is_flat_reaches_no_limit() {
        assert!(watched(300, |_| 60 * MB, 512 * MB, Some(400 * MB)).reached.is_empty());
        assert!(watched(300, |at| 20 * MB + u64::from(at.min(90)) * MB, 512 * MB, None).reached.is_empty());
        // Before the first collections a heap grows, whatever becomes of it.
        let found = watched(9, |_| 10 * MB, 512 * MB, Some(400 * MB));
        assert!(found.reached.is_empty() && found.resident.is_some_and(|course| course.slope.low > 0.0));
    }

    #[test]
    fn memory_stays_bounded_and_low_points_stay() {
        let mut history = History::default();
        for at in 0..100_000_u32 {
            let resident = if at % 10 == 0 { MB } else { 9 * MB };
            history.add(Look { at: f64::from(at), resident, ..Look::default() });
        }
        assert!(
            history.resident.len() <= KEPT && trend::lowest(&history.resident, 100).iter().all(|point| point.1 == MB),
            "{}",
            history.resident.len()
        );
        assert_eq!((history.looks(), history.outlook().trend()), (100_000, Trend::NotEnoughEvidence));
    }

    #[test]
    fn a_collection_is_counted_when_it_begins_and_told_when_it_ends() {
        let mut history = History::default();
        let look = |at: f64, heap: u64, count: u32, last: u64| Look {
            at,
            heap: Some(HeapLook { heap, limit: None, used: 0, last_full: Some(last), full_collections: Some(count) }),
            ..Look::default()
        };
        for (at, count, last) in [(0.0, 1, 10), (1.0, 2, 10), (1.1, 2, 20), (2.0, 2, 20), (3.0, 3, 30)] {
            history.add(look(at, 1, count, last));
        }
        assert_eq!(history.floors, [(0.0, 10), (1.0, 20), (3.0, 30)]);
        history.add(look(4.0, 2, 3, 5));
        assert_eq!(history.floors, [(4.0, 5)]);
    }
}
