//! Which parts of an address space are in memory.

use std::ops::Range;

use crate::memory::Memory;

/// Stretches that are in memory, by address, without overlaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    stretches: Vec<Range<u64>>,
    /// Bytes of all stretches before each.
    before: Vec<u64>,
    bytes: u64,
}

impl Presence {
    /// Takes stretches in any order. O(n log n).
    #[must_use]
    pub fn of(mut stretches: Vec<Range<u64>>) -> Self {
        stretches.retain(|stretch| stretch.start < stretch.end);
        stretches.sort_unstable_by_key(|stretch| stretch.start);
        let mut joined: Vec<Range<u64>> = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            match joined.last_mut().filter(|last| stretch.start <= last.end) {
                Some(last) => last.end = last.end.max(stretch.end),
                None => joined.push(stretch),
            }
        }
        let mut bytes = 0;
        let mut before = Vec::with_capacity(joined.len());
        for stretch in &joined {
            before.push(bytes);
            bytes += stretch.end - stretch.start;
        }
        Self { stretches: joined, before, bytes }
    }

    /// Takes what an image holds: its pages that are not all zeros, as a rule.
    #[must_use]
    pub fn of_image(memory: &dyn Memory) -> Self {
        let mut stretches = Vec::new();
        for range in memory.ranges().iter().filter(|range| range.readable) {
            let mut at = range.start;
            while let Some((start, end)) = memory.next_data(at, range.end).filter(|&(start, end)| start < end) {
                stretches.push(start..end);
                at = end;
            }
        }
        Self::of(stretches)
    }

    /// Returns how many bytes are in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns how many bytes of a range are in memory. O(log stretches).
    #[must_use]
    pub fn within(&self, range: &Range<u64>) -> u64 {
        self.up_to(range.end).saturating_sub(self.up_to(range.start))
    }

    /// Returns how many bytes before an address are in memory.
    fn up_to(&self, addr: u64) -> u64 {
        let Some(last) = self.stretches.partition_point(|stretch| stretch.start < addr).checked_sub(1) else { return 0 };
        let stretch = &self.stretches[last];
        self.before[last] + addr.min(stretch.end) - stretch.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_as_a_plain_count_does() {
        let stretches = [10..20, 15..30, 50..51, 60..60, 70..90, 5..6];
        let presence = Presence::of(stretches.to_vec());
        let naive = |range: Range<u64>| range.filter(|addr| stretches.iter().any(|stretch| stretch.contains(addr))).count() as u64;
        assert_eq!(presence.bytes(), naive(0..100));
        for start in 0..100 {
            for end in start..100 {
                assert_eq!(presence.within(&(start..end)), naive(start..end), "{start}..{end}");
            }
        }
        assert_eq!(presence.within(&Range { start: 90, end: 10 }), 0);
    }
}
