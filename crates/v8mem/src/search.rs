//! Looks for a text in strings piece by piece, so that a string of a gigabyte takes no more memory than a short one.

use heap::held::Case;

use crate::text::Strings;

/// How many UTF-16 units are looked at together.
const PIECE: usize = 1 << 15;

/// A text that is looked for.
pub(crate) struct Search {
    wanted: String,
    case: Case,
    /// How many units of a piece may belong to a hit that ends in the next one.
    overlap: usize,
}

impl Search {
    /// Starts to look for a text.
    pub(crate) fn new(text: &str, case: Case) -> Self {
        let wanted = if case == Case::Ignored { text.to_lowercase() } else { text.to_owned() };
        // A letter may become longer when it is made small.
        let overlap = text.encode_utf16().count().max(wanted.encode_utf16().count());
        Self { wanted, case, overlap }
    }

    /// Says whether the string at an address contains it; `None` where there is no string that can be read.
    pub(crate) fn is_in(&self, strings: Strings<'_, '_>, addr: u64) -> Option<bool> {
        strings.length(addr)?;
        let mut units: Vec<u16> = Vec::new();
        let mut found = false;
        let is_read = strings.pieces(addr, PIECE, &mut |piece| {
            units.extend_from_slice(piece);
            if units.len() < PIECE {
                return true;
            }
            found = self.is_among(&units);
            units.drain(..units.len() - self.overlap.min(units.len()));
            !found
        });
        found = found || self.is_among(&units);
        (is_read || found).then_some(found)
    }

    fn is_among(&self, units: &[u16]) -> bool {
        let text = String::from_utf16_lossy(units);
        if self.case == Case::Ignored { text.to_lowercase().contains(&self.wanted) } else { text.contains(&self.wanted) }
    }
}
