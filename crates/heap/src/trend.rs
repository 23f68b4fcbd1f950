//! Whether a number of bytes rises over time, how fast, and how sure that is.
//!
//! Knows points in time, not where they come from: the floor of a heap from V8's log, or from a process that is watched. Nothing here assumes that
//! noise has a shape: slopes are the middle of those between any two points (Theil and Sen), and their interval is Sen's.

/// A moment in seconds, and bytes.
pub type Point = (f64, u64);

/// What a floor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// The floor rises: what is kept grows.
    Growing,
    /// The floor rose, and rises no more.
    FillingToABound,
    /// The heap grows a lot between collections, and falls back to the same floor: V8 takes the room that it may have.
    LazyGc,
    /// The floor stays.
    Flat,
    /// Too few full collections to tell.
    NotEnoughEvidence,
}

impl Trend {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Growing => "growing",
            Self::FillingToABound => "filling-to-a-bound",
            Self::LazyGc => "lazy-gc",
            Self::Flat => "flat",
            Self::NotEnoughEvidence => "not-enough-evidence",
        }
    }
}

/// How fast bytes rise, a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// The middle of all slopes between two points.
    pub middle: f64,
    /// Between these two it lies, with a confidence of 95 % where the points do not depend on one another.
    pub low: f64,
    /// See `low`.
    pub high: f64,
}

/// Fewer points tell nothing.
pub const LEAST: usize = 6;
/// At most so many are compared with one another.
pub const COMPARED: usize = 400;
/// Less than this is noise: what a program keeps goes up and down a little.
pub const NOISE: u64 = 1 << 20;

/// Judges a floor by the middle of its thirds, how surely it rises, and the most that was used lately.
#[must_use]
pub fn judge([first, middle, last]: [u64; 3], rising: f64, peak: u64) -> Trend {
    let grew = |from: u64, to: u64| to > from + from / 20 + NOISE;
    match () {
        () if grew(first, last)
            && rising > 0.4
            && (grew(middle, last) || last.saturating_sub(middle) * 4 > middle.saturating_sub(first)) =>
        {
            Trend::Growing
        }
        // What fills rises as long as it is not full. Collections that V8 begins by itself, in the middle of work, leave more than others: where
        // they come late, the last third is high and nothing has risen.
        () if grew(first, last) && rising > 0.2 => Trend::FillingToABound,
        () if peak / 2 > last + NOISE => Trend::LazyGc,
        () => Trend::Flat,
    }
}

/// Returns the middle value of each third; `None` of fewer than `LEAST` points.
#[must_use]
pub fn thirds(points: &[Point]) -> Option<[u64; 3]> {
    let third = points.len() / 3;
    let middle = |part: &[Point]| {
        let mut values: Vec<u64> = part.iter().map(|point| point.1).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let parts = || [&points[..third], &points[third..points.len() - third], &points[points.len() - third..]];
    (points.len() >= LEAST).then(|| parts().map(middle))
}

/// Returns the slope; `None` where no point is later than another. O(points²).
#[must_use]
pub fn slope(points: &[Point]) -> Option<Slope> {
    let pairs = points.iter().enumerate().flat_map(|(at, first)| points[at + 1..].iter().map(move |second| (first, second)));
    let mut slopes: Vec<f64> = pairs
        .filter(|(first, second)| second.0 > first.0)
        .map(|(first, second)| (second.1 as f64 - first.1 as f64) / (second.0 - first.0))
        .collect();
    slopes.sort_by(f64::total_cmp);
    let count = points.len() as f64;
    // How far Kendall's sum of pairs strays where nothing rises, 95 times of 100.
    let strays = 1.96 * (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt();
    let last = slopes.len().checked_sub(1)?;
    let at = |rank: f64| slopes[(rank.max(0.0) as usize).min(last)];
    let all = slopes.len() as f64;
    Some(Slope { middle: slopes[slopes.len() / 2], low: at((all - strays) / 2.0 - 1.0), high: at(((all + strays) / 2.0).ceil()) })
}

/// Returns how many more pairs rise than fall, of all (Kendall's tau): from -1 to 1. O(points²).
#[must_use]
pub fn rising(points: &[Point]) -> Option<f64> {
    let mut sum = 0_i64;
    for (at, first) in points.iter().enumerate() {
        sum += points[at + 1..].iter().map(|second| second.1.cmp(&first.1) as i64).sum::<i64>();
    }
    let pairs = points.len() * points.len().saturating_sub(1) / 2;
    (pairs > 0).then(|| sum as f64 / pairs as f64)
}

/// Takes at most `most` points, evenly chosen.
#[must_use]
pub fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    let step = points.len().div_ceil(most.max(1)).max(1);
    points.iter().step_by(step).copied().collect()
}

/// Takes the lowest point of each of at most `most` stretches with as many points each: what use falls to, where nobody tells when it fell.
#[must_use]
pub fn lowest(points: &[Point], most: usize) -> Vec<Point> {
    let length = points.len().div_ceil(most.max(1)).max(1);
    points.chunks(length).filter_map(|stretch| stretch.iter().min_by_key(|point| point.1).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look like noise, from -1 to 1, the same every time.
    fn noise(nth: u64) -> f64 {
        let mixed = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed >> 32) % 2001) as f64 / 1000.0 - 1.0
    }

    fn line(count: u64, a_second: f64, strays: f64, seed: u64) -> Vec<Point> {
        let value = |nth: u64| 100e6 + a_second * nth as f64 * 10.0 + strays * noise(seed * 1000 + nth);
        (0..count).map(|nth| (nth as f64 * 10.0, value(nth) as u64)).collect()
    }

    #[test]
    fn slopes_are_found_through_noise() {
        let check = |count, a_second: f64, strays, expect_sure: bool| {
            let found = slope(&line(count, a_second, strays, 1)).unwrap();
            assert!(found.low <= found.middle && found.middle <= found.high, "{found:?}");
            // Of a hundred such lines five may lie outside of their intervals: how often is checked below.
            assert!((found.middle - a_second).abs() < strays / 50.0 + 1.0, "{a_second} {found:?}");
            assert_eq!(found.low > 0.0, expect_sure, "{a_second} {found:?}");
        };
        check(30, 1000.0, 0.0, true);
        check(30, 100_000.0, 1e6, true);
        check(200, 1000.0, 1e6, true);
        check(10, 1000.0, 1e6, false);
        check(100, 0.0, 1e6, false);
    }

    #[test]
    fn the_interval_holds_as_often_as_it_says() {
        for count in [6, 12, 40] {
            let holds = |seed| slope(&line(count, 5000.0, 2e6, seed)).is_some_and(|found| found.low <= 5000.0 && 5000.0 <= found.high);
            let held = (0..400).filter(|&seed| holds(seed)).count();
            assert!((370..=400).contains(&held), "{held} of 400 with {count} points");
        }
    }

    #[test]
    fn nothing_follows_from_too_little() {
        assert_eq!(slope(&[]), None);
        assert_eq!(slope(&[(1.0, 5)]), None);
        assert_eq!(slope(&[(1.0, 5), (1.0, 9)]), None);
        assert_eq!((rising(&[(1.0, 5)]), thirds(&line(5, 0.0, 0.0, 0))), (None, None));
        assert_eq!(slope(&[(0.0, 5), (2.0, 9)]).map(|found| found.middle), Some(2.0));
    }

    #[test]
    fn what_fills_has_risen() {
        let check = |thirds: [u64; 3], rising, peak: u64, expect| assert_eq!(judge(thirds.map(|mb| mb << 20), rising, peak << 20), expect);
        check([10, 30, 50], 0.9, 60, Trend::Growing);
        check([10, 40, 41], 0.6, 60, Trend::FillingToABound);
        // Told of a process that made and dropped 40 MB in each step: V8's own collections met them three times in the last third.
        check([8, 8, 43], 0.002, 44, Trend::Flat);
        check([8, 8, 9], 0.0, 44, Trend::LazyGc);
        check([8, 8, 8], 0.0, 9, Trend::Flat);
    }

    #[test]
    fn thirds_and_low_points() {
        let points: Vec<Point> = (0..9).map(|nth| (nth as f64, nth)).collect();
        assert_eq!(thirds(&points), Some([1, 4, 7]));
        let saw: Vec<Point> = (0..12).map(|nth| (nth as f64, 10 + nth % 4)).collect();
        assert_eq!(lowest(&saw, 3), [(0.0, 10), (4.0, 10), (8.0, 10)]);
        assert_eq!(lowest(&saw, 100).len(), 12);
        assert_eq!(thinned(&saw, 5).len(), 4);
        assert_eq!((lowest(&[], 3).len(), rising(&points)), (0, Some(1.0)));
    }
}
