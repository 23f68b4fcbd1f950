//! When a process is near enough to a limit that evidence is taken before it is gone, and how soon to look again.
//!
//! Pure: looks go in, a cause comes out. V8 fills its heap up to the limit before it collects fully, so that much use alone proves no leak; but nobody who
//! waits for proof is sure to be in time. So the first alarm comes early, and another of the same cause only where more is kept than then.

use std::time::Duration;

use crate::outlook::{Look, Room};

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// V8's limit of the old generation is near.
    Heap,
    /// The limit of a control group, or one on RSS that somebody named, is near.
    Rss,
    /// What full collections leave rises for sure.
    Slope,
}

impl Cause {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Rss => "rss",
            Self::Slope => "slope",
        }
    }
}

/// What is watched for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// From which share of a limit on.
    pub at: f64,
    /// Which causes.
    pub on: Vec<Cause>,
    /// A limit on RSS besides that of control groups, in bytes.
    pub rss_limit: Option<u64>,
}

/// Says when evidence must be taken.
#[derive(Clone, Debug)]
pub struct Alarm {
    wanted: Wanted,
    /// What was kept when evidence was taken last, by cause.
    taken: Vec<(Cause, u64)>,
    last: Option<Look>,
    /// The fastest rise of late towards the nearest limit, in shares of it a second.
    rate: f64,
    level: f64,
}

/// V8 gives up long before its heap is full where four full collections in a row leave four fifths of the limit and take most of the time. So much left is
/// near enough.
pub const LEFT: f64 = 0.75;
/// Another alarm of the same cause wants so much more, as a share of the limit.
const MORE: f64 = 0.05;
/// The longest and the shortest wait.
const LONGEST: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(50);

impl Alarm {
    /// Begins.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, taken: Vec::new(), last: None, rate: 0.0, level: 0.0 }
    }

    /// Takes a look, and says for which cause evidence must be taken now. `grows` says whether what is kept rises for sure.
    pub fn look(&mut self, look: Look, grows: bool) -> Option<Cause> {
        let level = [self.heap(&look), self.rss(&look)].into_iter().flatten().map(share).fold(0.0, f64::max);
        if let Some(last) = self.last.filter(|last| look.at > last.at) {
            let rate = (level - self.level) / (look.at - last.at);
            // A collection makes it fall for a moment; what rose fast may do so again.
            self.rate = rate.max(0.7 * self.rate);
        }
        (self.level, self.last) = (level, Some(look));
        let is_due = |cause: &Cause| match cause {
            Cause::Heap => {
                self.heap(&look).is_some_and(|room| self.is_near(room, &look) && self.is_more(Cause::Heap, kept(&look), room.limit))
            }
            Cause::Rss => {
                self.rss(&look).is_some_and(|room| share(room) >= self.wanted.at && self.is_more(Cause::Rss, room.used, room.limit))
            }
            Cause::Slope => grows && !self.taken.iter().any(|(cause, _)| *cause == Cause::Slope),
        };
        self.wanted.on.iter().copied().find(is_due)
    }

    /// Notes that evidence was taken, or could not be, for a cause at the last look: the same is no alarm again.
    pub fn taken(&mut self, cause: Cause) {
        let Some(look) = self.last else { return };
        let bytes = match cause {
            Cause::Heap => kept(&look),
            Cause::Rss => self.rss(&look).map_or(0, |room| room.used),
            Cause::Slope => 0,
        };
        self.taken.retain(|(known, _)| *known != cause);
        self.taken.push((cause, bytes));
    }

    /// Returns how long to wait for the next look: the nearer to a limit, and the faster the rise, the shorter.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let by_level = match self.level / self.wanted.at {
            ..0.6 => LONGEST,
            0.6..0.8 => LONGEST / 2,
            0.8..0.9 => LONGEST / 5,
            _ => SHORTEST,
        };
        let left = (self.wanted.at - self.level).max(0.0);
        // Four looks before it is due.
        let by_rate = if self.rate > 0.0 { Duration::try_from_secs_f64(left / self.rate / 4.0).unwrap_or(LONGEST) } else { LONGEST };
        by_level.min(by_rate).max(SHORTEST)
    }

    /// Returns V8's limit and use, where that is watched for.
    fn heap(&self, look: &Look) -> Option<Room> {
        let heap = look.heap.filter(|_| self.wanted.on.contains(&Cause::Heap))?;
        Some(Room { limit: heap.limit?, used: heap.used })
    }

    /// Returns the limit and use of memory that is nearest, where that is watched for.
    fn rss(&self, look: &Look) -> Option<Room> {
        let own = self.wanted.rss_limit.map(|limit| Room { limit, used: look.resident });
        let rooms = [own, look.group].into_iter().flatten().filter(|_| self.wanted.on.contains(&Cause::Rss));
        rooms.max_by(|one, other| share(*one).total_cmp(&share(*other)))
    }

    /// Says whether a heap is near its limit: by use, or by what a full collection has left of it.
    fn is_near(&self, room: Room, look: &Look) -> bool {
        let left = look.heap.and_then(|heap| heap.last_full).map_or(0.0, |used| share(Room { used, ..room }));
        share(room) >= self.wanted.at || left >= LEFT.min(self.wanted.at)
    }

    fn is_more(&self, cause: Cause, bytes: u64, limit: u64) -> bool {
        let step = (limit as f64 * MORE) as u64;
        self.taken.iter().all(|(known, then)| *known != cause || bytes >= then.saturating_add(step))
    }
}

/// Returns what of a heap is kept for sure: what the last full collection left.
fn kept(look: &Look) -> u64 {
    look.heap.map_or(0, |heap| heap.last_full.unwrap_or(heap.used))
}

fn share(room: Room) -> f64 {
    room.used as f64 / room.limit.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlook::HeapLook;

    const MB: u64 = 1 << 20;

    fn alarm(on: &[Cause]) -> Alarm {
        Alarm::new(Wanted { at: 0.9, on: on.to_vec(), rss_limit: Some(1000 * MB) })
    }

    /// A look at a heap with a limit of 100 MB, at a second of its own.
    fn heap(at: u32, used: u64, floor: u64, count: u32) -> Look {
        let heap = HeapLook { heap: 1, limit: Some(100 * MB), used: used * MB, last_full: Some(floor * MB), full_collections: Some(count) };
        Look { at: f64::from(at), resident: 0, group: None, heap: Some(heap) }
    }

    fn rss(at: u32, resident: u64, group: Option<u64>) -> Look {
        let group = group.map(|used| Room { limit: 500 * MB, used: used * MB });
        Look { at: f64::from(at), resident: resident * MB, group, heap: None }
    }

    /// Goes through looks, taking evidence at each alarm, and returns at which there was one.
    fn alarms(alarm: &mut Alarm, looks: &[Look]) -> Vec<(u32, Cause)> {
        let mut found = Vec::new();
        for look in looks {
            if let Some(cause) = alarm.look(*look, false) {
                found.push((look.at as u32, cause));
                alarm.taken(cause);
            }
        }
        found
    }

    #[test]
    fn a_heap_that_is_nearly_full_is_an_alarm_once() {
        let looks = [heap(1, 50, 40, 1), heap(2, 89, 40, 1), heap(3, 91, 40, 1), heap(4, 95, 40, 1)];
        assert_eq!(alarms(&mut alarm(&[Cause::Heap]), &looks), [(3, Cause::Heap)]);
        // It was garbage: the next time it wants more that is kept.
        let mut alarm = alarm(&[Cause::Heap]);
        let later =
            [heap(5, 42, 42, 2), heap(6, 93, 42, 2), heap(7, 44, 44, 3), heap(8, 92, 44, 3), heap(9, 93, 46, 4), heap(10, 95, 60, 5)];
        assert_eq!(alarms(&mut alarm, &[&looks[..], &later].concat()), [(3, Cause::Heap), (9, Cause::Heap), (10, Cause::Heap)]);
    }

    #[test]
    fn a_collection_that_leaves_much_is_an_alarm() {
        let looks =
            [heap(1, 82, 60, 1), heap(2, 76, 74, 2), heap(3, 77, 76, 3), heap(4, 79, 78, 4), heap(5, 82, 81, 5), heap(6, 50, 50, 6)];
        assert_eq!(alarms(&mut alarm(&[Cause::Heap]), &looks), [(3, Cause::Heap), (5, Cause::Heap)]);
    }

    #[test]
    fn the_nearest_limit_on_memory_counts() {
        let looks =
            [rss(1, 300, Some(300)), rss(2, 440, Some(449)), rss(3, 440, Some(451)), rss(4, 440, Some(460)), rss(5, 470, Some(480))];
        assert_eq!(alarms(&mut alarm(&[Cause::Rss]), &looks), [(3, Cause::Rss), (5, Cause::Rss)]);
        assert_eq!(alarms(&mut alarm(&[Cause::Rss]), &[rss(1, 899, None), rss(2, 901, None), rss(3, 940, None)]), [(2, Cause::Rss)]);
        assert_eq!(alarms(&mut alarm(&[Cause::Heap]), &[rss(1, 999, Some(499))]), []);
    }

    #[test]
    fn growth_is_an_alarm_once() {
        let mut alarm = alarm(&[Cause::Heap, Cause::Slope]);
        assert_eq!(alarm.look(heap(1, 50, 40, 1), false), None);
        assert_eq!(alarm.look(heap(2, 50, 40, 1), true), Some(Cause::Slope));
        alarm.taken(Cause::Slope);
        assert_eq!(alarm.look(heap(3, 50, 40, 1), true), None);
    }

    #[test]
    fn it_looks_more_often_where_it_must() {
        let check = |looks: &[Look], expect: u64| {
            let mut alarm = alarm(&[Cause::Heap, Cause::Rss]);
            for look in looks {
                alarm.look(*look, false);
            }
            assert_eq!(alarm.wait().as_millis(), u128::from(expect), "{looks:?}");
        };
        check(&[], 500);
        check(&[heap(1, 30, 30, 1)], 500);
        check(&[heap(1, 60, 60, 1)], 250);
        check(&[heap(1, 76, 60, 1)], 100);
        check(&[heap(1, 85, 60, 1)], 50);
        // At 20 % a second, half of the way is left: 2.5 s.
        check(&[heap(1, 20, 20, 1), heap(2, 40, 20, 1)], 500);
        check(&[heap(1, 10, 10, 1), heap(2, 50, 20, 1)], 250);
        check(&[heap(1, 10, 10, 1), heap(2, 70, 20, 1)], 83);
        // It is remembered for a while.
        check(&[heap(1, 10, 10, 1), heap(2, 70, 20, 1), heap(3, 20, 20, 2)], 416);
    }
}
