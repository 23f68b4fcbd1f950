//! Texts that are numbers: which text each number has.
//!
//! Elements of arrays, and entries of tables, are named by numbers that rise from 0, a million of them in a large heap: those are found by
//! position. Others, as in texts of users, are few or far apart, and are found by hash.

use rustc_hash::FxHashMap;

/// The text of each number that has one.
#[derive(Default)]
pub(crate) struct Numerals {
    /// By number; `NONE` for numbers without a text.
    low: Vec<u32>,
    /// All numbers at and above the length of `low`.
    high: FxHashMap<u32, u32>,
    count: usize,
}

/// No text has this place: there are fewer.
const NONE: u32 = u32::MAX;

/// So many places may be empty.
const SPARE: usize = 1024;

impl Numerals {
    /// Returns the text of a number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<u32> {
        match self.low.get(number as usize) {
            Some(&text) => Some(text).filter(|&text| text != NONE),
            None => self.high.get(&number).copied(),
        }
    }

    /// Gives a number, which has none yet, its text.
    pub(crate) fn insert(&mut self, number: u32, text: u32) {
        self.count += 1;
        if number as usize >= self.low.len() && (number as usize) < 2 * self.count + SPARE {
            self.grow(number as usize + 1);
        }
        match self.low.get_mut(number as usize) {
            Some(place) => *place = text,
            None => drop(self.high.insert(number, text)),
        }
    }

    /// Makes room for numbers below `end` at least, and half as many again as there was.
    fn grow(&mut self, end: usize) {
        let end = end.max(self.low.len() + self.low.len() / 2);
        self.low.resize(end, NONE);
        let low = &mut self.low;
        self.high.retain(|&number, &mut text| match low.get_mut(number as usize) {
            Some(place) => {
                *place = text;
                false
            }
            None => true,
        });
    }
}

/// So many digits fit in 32 bits, whatever they are.
const MOST_DIGITS: usize = 9;

/// Returns the number of which a text is the usual form, if it is below 1,000,000,000.
#[inline]
pub(crate) fn parse_digits(text: &[u8]) -> Option<u32> {
    let &first = text.first().filter(|first| first.is_ascii_digit())?;
    if text.len() > MOST_DIGITS || (first == b'0' && text.len() > 1) {
        return None;
    }
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| 10 * number + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_form_of_a_number_is_read() {
        for number in [0, 1, 9, 10, 123, 999_999_999, 1_000_000_000, u32::MAX] {
            assert_eq!(parse_digits(number.to_string().as_bytes()), Some(number).filter(|&number| number < 1_000_000_000));
        }
        for text in ["", "00", "01", "1a", "a", "-1", "+1", " 1", "1.0", "\u{661}"] {
            assert_eq!(parse_digits(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_found_whatever_their_order() {
        let rising = 0..5000;
        let apart = (0..500).map(|nth| nth * 7919 % 100_003);
        let numbers: Vec<u32> = apart.chain([999_999_999, 40_000]).chain(rising).chain((5000..9000).rev()).collect();
        let (mut found, mut known) = (Numerals::default(), FxHashMap::default());
        for (text, number) in (0..).zip(numbers) {
            assert_eq!(found.get(number), known.get(&number).copied(), "{number}");
            if known.insert(number, text).is_none() {
                found.insert(number, text);
            } else {
                known.insert(number, found.get(number).unwrap());
            }
        }
        assert!(known.iter().all(|(&number, &text)| found.get(number) == Some(text)));
        assert!(found.low.len() < 3 * known.len() + SPARE, "{} places for {} numbers", found.low.len(), known.len());
    }
}
