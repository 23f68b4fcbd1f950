//! SipHash-2-4 (Aumasson and Bernstein, *SipHash: a fast short-input PRF*, 2012): without its key nobody can tell what was hashed, not even
//! by trying texts out. Fast hashes such as xxHash give their key away to whoever knows a few texts.

/// Hashes bytes with a key.
pub(super) fn hash(key: &[u8; 16], bytes: impl IntoIterator<Item = u8>) -> u64 {
    let half = |at: usize| key.iter().skip(at).take(8).rev().fold(0, |word: u64, &byte| word << 8 | u64::from(byte));
    let (k0, k1) = (half(0), half(8));
    let mut state = [k0 ^ 0x736f_6d65_7073_6575, k1 ^ 0x646f_7261_6e64_6f6d, k0 ^ 0x6c79_6765_6e65_7261, k1 ^ 0x7465_6462_7974_6573];
    let (mut word, mut length) = (0_u64, 0_u64);
    for byte in bytes {
        word |= u64::from(byte) << (length % 8 * 8);
        length += 1;
        if length.is_multiple_of(8) {
            absorb(&mut state, word);
            word = 0;
        }
    }
    absorb(&mut state, word | length << 56);
    state[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn absorb(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    round(state);
    state[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    #[test]
    fn agrees_with_the_paper() {
        let key: [u8; 16] = std::array::from_fn(|at| at as u8);
        assert_eq!(super::hash(&key, 0..15), 0xa129_ca61_49be_45e5);
    }
}
