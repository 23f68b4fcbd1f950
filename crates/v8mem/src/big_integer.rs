//! Big integers: a sign and words, written in decimal.

use crate::view::HeapView;

/// Longer ones are not written: it takes the square of their length.
const MOST_WORDS: u64 = 1 << 10;

/// Returns the digits of the big integer at an address. `None` where it is cut off, or has more than 65,536 bits.
#[must_use]
pub(crate) fn digits(heap: HeapView<'_, '_>, addr: u64) -> Option<String> {
    let at = &heap.layout.at;
    let bits = heap.half(addr, at.bigint_bits)?;
    let words = u64::from(bits >> 1);
    let words: Option<Vec<u64>> = (0..words).map(|nth| heap.field(addr, at.bigint_words + 8 * nth)).take(MOST_WORDS as usize + 1).collect();
    let words = words.filter(|words| words.len() as u64 <= MOST_WORDS)?;
    Some(format!("{}{}", if bits & 1 == 1 { "-" } else { "" }, decimal(words)))
}

/// Writes a number of several words, the lowest first.
fn decimal(mut words: Vec<u64>) -> String {
    const STEP: u128 = 10_u128.pow(19);
    let mut groups = Vec::new();
    while words.iter().any(|&word| word != 0) {
        let mut rest = 0_u128;
        for word in words.iter_mut().rev() {
            let whole = rest << 64 | u128::from(*word);
            *word = (whole / STEP) as u64;
            rest = whole % STEP;
        }
        groups.push(rest);
    }
    let Some(first) = groups.pop() else { return "0".to_owned() };
    groups.iter().rev().fold(first.to_string(), |text, group| format!("{text}{group:019}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_digits() {
        let check = |words: &[u64], expect: &str| assert_eq!(decimal(words.to_vec()), expect);
        check(&[], "0");
        check(&[7], "7");
        check(&[10_000_000_000_000_000_000], "10000000000000000000");
        check(&[0, 1], "18446744073709551616");
        check(&[0, 0x10_0000_0000], "1267650600228229401496703205376");
        check(&[0, 0, 1], "340282366920938463463374607431768211456");
    }
}
