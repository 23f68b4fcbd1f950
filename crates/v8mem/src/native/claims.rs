//! Which parts of an address space have been counted: nothing counts twice.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges that were taken, without overlaps.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// By start: the end.
    taken: BTreeMap<u64, u64>,
}

impl Claims {
    /// Takes what is left of a range, and returns it. O(log ranges + ranges inside).
    pub(super) fn take(&mut self, range: Range<u64>) -> Vec<Range<u64>> {
        if range.start >= range.end {
            return Vec::new();
        }
        let mut at = self.taken.range(..range.start).next_back().map_or(range.start, |(_, &end)| end.max(range.start));
        let mut left = Vec::new();
        for (&start, &end) in self.taken.range(range.start..range.end) {
            if at < start {
                left.push(at..start);
            }
            at = at.max(end);
        }
        if at < range.end {
            left.push(at..range.end);
        }
        self.taken.extend(left.iter().map(|part| (part.start, part.end)));
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_taken_once() {
        let mut claims = Claims::default();
        let mut naive = [false; 100];
        for (start, end) in [(10, 20), (15, 30), (5, 12), (40, 50), (0, 100), (0, 100), (60, 50), (7, 7)] {
            let found: Vec<u64> = claims.take(start..end).into_iter().flatten().collect();
            let expect: Vec<u64> = (start..end).filter(|&addr| !std::mem::replace(&mut naive[addr as usize], true)).collect();
            assert_eq!(found, expect, "{start}..{end}");
        }
    }
}
