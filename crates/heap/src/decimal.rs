//! Numbers as text, without the general formatter: the writers print a hundred million of them.

/// Calls `with` with the decimal digits of a number.
#[inline]
pub(crate) fn digits<T>(number: u64, with: impl FnOnce(&[u8]) -> T) -> T {
    // The highest number has 20 digits.
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    with(&digits[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_the_formatter_prints() {
        for number in [0, 9, 10, 99, 100, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            digits(number, |text| assert_eq!(text, number.to_string().as_bytes()));
        }
    }
}
