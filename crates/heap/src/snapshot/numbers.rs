//! Integers of a flat JSON array, as fast as eight bytes at a time allow.
//!
//! V8 writes `1,2,3`, and up to Node 22 a line break before the comma that starts a record: `0\n,1`. Other writers may put white space
//! anywhere. Whatever is not an unsigned integer ends the section, and the place is kept.

/// Why no number came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The array ends here: `]`.
    End,
    /// The bytes end here.
    OutOfBytes,
    /// Something that is not an unsigned integer stands here.
    NotANumber,
}

/// Reads the numbers of an array one after the other.
pub(super) struct Numbers<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Longer numbers are no numbers: nothing that a snapshot counts has more digits.
const LONGEST: usize = 40;

/// The bytes of `0000 0000`.
const ZEROS: u64 = 0x3030_3030_3030_3030;

impl<'a> Numbers<'a> {
    /// Starts at a number, or at white space before it.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Returns the place of the next byte to be read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Returns the next number and moves behind the comma that follows it.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<u64, Stop> {
        let Some(eight) = self.bytes.get(self.at..self.at + 8) else { return self.slow() };
        let word = u64::from_le_bytes(eight.try_into().unwrap_or_default());
        let digits = word ^ ZEROS;
        // The high bit of every byte that is not a digit; a carry can spoil only bytes behind the first.
        let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
        let length = others.trailing_zeros() / 8;
        if length == 8 {
            return self.long(eight_digits(digits));
        }
        if length == 0 {
            return self.slow();
        }
        let value = eight_digits(digits << (64 - 8 * length));
        let end = self.at + length as usize;
        if (word >> (8 * length)) as u8 == b',' {
            self.at = end + 1;
            return Ok(value);
        }
        self.delimit(end, value)
    }

    /// Goes on behind eight digits: targets in files of more than 1.5 million nodes.
    #[inline]
    fn long(&mut self, mut value: u64) -> Result<u64, Stop> {
        for end in self.at + 8..self.at + 12 {
            match self.bytes.get(end) {
                Some(b',') => {
                    self.at = end + 1;
                    return Ok(value);
                }
                Some(digit @ b'0'..=b'9') => value = value * 10 + u64::from(digit - b'0'),
                _ => return self.delimit(end, value),
            }
        }
        self.slow()
    }

    /// Moves from the end of a number over what separates it from the next.
    #[inline]
    fn delimit(&mut self, end: usize, value: u64) -> Result<u64, Stop> {
        if self.bytes.get(end..end + 2) == Some(b"\n,") {
            self.at = end + 2;
            return Ok(value);
        }
        self.delimit_slow(end, value)
    }

    #[cold]
    fn delimit_slow(&mut self, end: usize, value: u64) -> Result<u64, Stop> {
        let next = skip_space(self.bytes, end);
        match self.bytes.get(next) {
            Some(b',') => {
                self.at = next + 1;
                Ok(value)
            }
            // The next call says that the array ends here.
            Some(b']') => {
                self.at = next;
                Ok(value)
            }
            // A number that the end of the bytes may have cut is not trusted.
            None => Err(Stop::OutOfBytes),
            Some(_) => {
                self.at = next;
                Err(Stop::NotANumber)
            }
        }
    }

    /// Reads a number of any length, behind any white space, up to the very end of the bytes.
    #[cold]
    fn slow(&mut self) -> Result<u64, Stop> {
        let start = skip_space(self.bytes, self.at);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().take(LONGEST + 1).take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 && rest.len() > 1 && rest[0] == b'-' && rest[1].is_ascii_digit() {
            return self.wrapped(start + 1);
        }
        if length == 0 {
            self.at = start;
            return Err(match rest.first() {
                None => Stop::OutOfBytes,
                Some(b']') => Stop::End,
                Some(_) => Stop::NotANumber,
            });
        }
        if length > LONGEST {
            self.at = start;
            return Err(Stop::NotANumber);
        }
        let add = |value: u64, byte: &u8| value.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
        let value = rest[..length].iter().fold(0, add);
        self.delimit(start + length, value)
    }

    /// Reads what stands behind a minus. Node 24 and later print the index of an element above 2^31 as a signed number: `-2` is
    /// 4294967294. (DevTools reads it as 2.)
    #[cold]
    fn wrapped(&mut self, at: usize) -> Result<u64, Stop> {
        self.at = at;
        self.slow().map(|value| u64::from((value as u32).wrapping_neg()))
    }

    /// Moves behind `count` commas. Returns false where there are fewer.
    pub(super) fn skip(&mut self, count: usize) -> bool {
        if count == 0 {
            return true;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match memchr::memchr_iter(b',', rest).nth(count - 1) {
            Some(comma) => {
                self.at += comma + 1;
                true
            }
            None => false,
        }
    }
}

/// Returns the value of eight digits, the first in the lowest byte, given as numbers 0 to 9.
#[inline]
fn eight_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// Returns the place of the first byte at or behind `at` that is not JSON white space.
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[u64], stop: Stop) {
        let mut numbers = Numbers::new(text.as_bytes(), 0);
        let mut found = vec![];
        let stopped = loop {
            match numbers.next() {
                Ok(value) => found.push(value),
                Err(stop) => break stop,
            }
        };
        assert_eq!((found.as_slice(), stopped), (expect, stop), "{text:?}");
    }

    #[test]
    fn reads_integers_of_every_length() {
        check("0,1,22,333]", &[0, 1, 22, 333], Stop::End);
        check("4294967295,12345678,123456789,18446744073709551615,7]", &[4294967295, 12345678, 123456789, u64::MAX, 7], Stop::End);
        check("99999999999999999999999,1]", &[u64::MAX, 1], Stop::End);
        check("1\n,2\n,3\n]", &[1, 2, 3], Stop::End);
        check(" 1 , 2\t,\r\n3 ] ", &[1, 2, 3], Stop::End);
        check("]", &[], Stop::End);
        // Node 24: `{4294967294: …}` has an element of index -2.
        check("1,-2,3]", &[1, 4294967294, 3], Stop::End);
    }

    #[test]
    fn stops_at_what_is_no_number() {
        check("1,2", &[1], Stop::OutOfBytes);
        check("1,", &[1], Stop::OutOfBytes);
        check("", &[], Stop::OutOfBytes);
        check("1,-x,3]", &[1], Stop::NotANumber);
        check("1,--2,3]", &[1], Stop::NotANumber);
        check("1,2.5,3]", &[1], Stop::NotANumber);
        check("1,\"2\"]", &[1], Stop::NotANumber);
        check("1 2,3,4,5,6,7]", &[], Stop::NotANumber);
        check(&format!("1,{}", "7".repeat(5_000_000)), &[1], Stop::NotANumber);
    }

    #[test]
    fn agrees_with_parse_on_all_lengths() {
        let mut value = 1_u64;
        for _ in 0..60 {
            value = value.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let value = value >> (value % 64);
            check(&format!("{value},{value},1,1,1,1,1,1]"), &[value, value, 1, 1, 1, 1, 1, 1], Stop::End);
        }
    }
}
