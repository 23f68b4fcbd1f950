//! The identities of all nodes: four bytes each, added to a base that many nodes in a row share.
//!
//! In a snapshot ids are small numbers, and there is one base. In a core they are addresses: nodes that lie on one page share one, and two
//! bytes are enough for each. The first snapshot of a process numbers its objects in the order in which it writes them, by twos: that takes no
//! memory at all.

use crate::buffer::Buffer;
use crate::column::Column;

/// The ids of a graph's nodes.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    offsets: Offsets,
    /// From which node on, which base. The first is for node 0.
    bases: Vec<(u32, u64)>,
}

/// What is added to the base.
#[derive(Clone, Debug)]
enum Offsets {
    /// A number of each node's own.
    Listed(Column<u32>),
    /// As `Listed`, counted in words of eight bytes.
    Words(Column<u16>),
    /// Two for every node since the one from which on the base counts, of so many nodes in all.
    ByTwos(usize),
}

/// Fewer ids than this are listed in any case: they take little memory, and looking up a base costs a moment.
const MANY: usize = 1 << 20;
/// So many nodes must share a base on average for ids not to be listed.
const LONG_RUN: usize = 1 << 12;

impl Ids {
    /// Joins what `offsets` and `bases` gave, or `None` where the bases are not in order or miss the first node.
    pub(crate) fn of_parts(offsets: Column<u32>, bases: Vec<(u32, u64)>) -> Option<Self> {
        let starts = bases.first().map_or(offsets.is_empty(), |&(first, _)| first == 0);
        let rising = bases.is_sorted_by(|one, next| one.0 < next.0);
        (starts && rising).then_some(Self { offsets: Offsets::Listed(offsets), bases })
    }

    /// Takes ids of which some, listed by position, did not fit in four bytes.
    pub(crate) fn of_narrow(narrow: Column<u32>, mut wide: Vec<(u32, u64)>) -> Self {
        if wide.is_empty() {
            let runs = if narrow.len() < MANY { None } else { runs(&narrow, narrow.len() / LONG_RUN) };
            if let Some(bases) = runs {
                return Self { offsets: Offsets::ByTwos(narrow.len()), bases };
            }
            return Self { bases: if narrow.is_empty() { Vec::new() } else { vec![(0, 0)] }, offsets: Offsets::Listed(narrow) };
        }
        wide.sort_unstable();
        let mut wide = wide.into_iter().peekable();
        let id = |(at, &narrow): (u32, &u32)| wide.next_if(|&(wide, _)| wide == at).map_or(u64::from(narrow), |(_, id)| id);
        (0..).zip(narrow.iter()).map(id).collect()
    }

    /// Returns the id of the node at `at`. O(log bases).
    #[inline]
    pub(crate) fn get(&self, at: usize) -> u64 {
        let (first, base) = match self.bases.as_slice() {
            [only] => *only,
            bases => bases[bases.partition_point(|&(first, _)| first as usize <= at) - 1],
        };
        let offset = match &self.offsets {
            Offsets::Listed(offsets) => u64::from(offsets[at]),
            Offsets::Words(words) => WORD * u64::from(words[at]),
            Offsets::ByTwos(_) => 2 * (at as u64 - u64::from(first)),
        };
        base.wrapping_add(offset)
    }

    /// Returns what is added to each base, and the bases, each with the node from which on it counts.
    pub(crate) fn parts(&self) -> (Column<u32>, Vec<(u32, u64)>) {
        match &self.offsets {
            Offsets::Listed(offsets) => (offsets.clone(), self.bases.clone()),
            Offsets::Words(words) => {
                let mut listed = IdsBuilder::default();
                (0..words.len()).for_each(|at| listed.push(self.get(at)));
                (listed.offsets.into(), listed.bases)
            }
            // They were four bytes each before.
            Offsets::ByTwos(len) => (Buffer::from_fn(*len, |at| self.get(at) as u32).into(), vec![(0, 0)]),
        }
    }
}

impl Default for Ids {
    fn default() -> Self {
        Self { offsets: Offsets::Listed(Column::default()), bases: Vec::new() }
    }
}

/// Returns where ids start anew that else rise by twos, and with which; `None` where that is more often than `most`.
fn runs(ids: &[u32], most: usize) -> Option<Vec<(u32, u64)>> {
    let mut runs = Vec::new();
    let mut expected = None;
    for (&id, at) in ids.iter().zip(0..) {
        if expected != Some(id) {
            if runs.len() >= most {
                return None;
            }
            runs.push((at, u64::from(id)));
        }
        expected = id.checked_add(2);
    }
    Some(runs)
}

impl FromIterator<u64> for Ids {
    fn from_iter<I: IntoIterator<Item = u64>>(ids: I) -> Self {
        let mut builder = IdsBuilder::default();
        ids.into_iter().for_each(|id| builder.push(id));
        builder.finish()
    }
}

/// How many bytes an address of an object is a multiple of.
const WORD: u64 = 8;

/// Addresses as they come: each seldom far behind the one before.
#[derive(Default)]
pub(crate) struct AddressesBuilder {
    words: Vec<u16>,
    bases: Vec<(u32, u64)>,
}

impl AddressesBuilder {
    /// Starts with room for so many, if there is.
    pub(crate) fn with_room(addresses: usize) -> Self {
        let mut words = Vec::new();
        let _ = words.try_reserve_exact(addresses);
        Self { words, bases: Vec::new() }
    }

    /// Adds the address of the next node: any number.
    #[inline]
    pub(crate) fn push(&mut self, addr: u64) {
        let beyond = self.bases.last().and_then(|&(_, base)| addr.checked_sub(base)).filter(|beyond| beyond % WORD == 0);
        let words = beyond.and_then(|beyond| u16::try_from(beyond / WORD).ok());
        if words.is_none() {
            self.bases.push((self.words.len() as u32, addr));
        }
        self.words.push(words.unwrap_or(0));
    }

    /// Returns all addresses.
    pub(crate) fn finish(self) -> Ids {
        Ids { offsets: Offsets::Words(self.words.into()), bases: self.bases }
    }
}

/// Ids as they come.
#[derive(Default)]
struct IdsBuilder {
    offsets: Vec<u32>,
    bases: Vec<(u32, u64)>,
}

impl IdsBuilder {
    /// Adds the id of the next node.
    fn push(&mut self, id: u64) {
        let base = self.bases.last().map(|&(_, base)| base);
        let offset = base.and_then(|base| u32::try_from(id.checked_sub(base)?).ok());
        if offset.is_none() {
            // Small ids are few and far apart, and count from 0: one base for all of them.
            let base = if id <= u64::from(u32::MAX) { 0 } else { id };
            self.bases.push((self.offsets.len() as u32, base));
            return self.offsets.push((id - base) as u32);
        }
        self.offsets.extend(offset);
    }

    /// Returns all ids.
    fn finish(self) -> Ids {
        Ids { offsets: Offsets::Listed(self.offsets.into()), bases: self.bases }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_size_are_kept() {
        let check = |ids: &[u64], bases: usize| {
            let kept: Ids = ids.iter().copied().collect();
            assert_eq!((0..ids.len()).map(|at| kept.get(at)).collect::<Vec<_>>(), ids);
            assert_eq!(kept.parts().1.len(), bases, "{ids:?}");
            let (offsets, bases) = kept.parts();
            let again = Ids::of_parts(offsets, bases).unwrap();
            assert_eq!((0..ids.len()).map(|at| again.get(at)).collect::<Vec<_>>(), ids);
            let fits = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
            let wide = (0..).zip(ids).filter(|&(_, &id)| id >= u64::from(u32::MAX)).map(|(at, &id)| (at, id)).collect();
            let narrow = Ids::of_narrow(ids.iter().map(|&id| fits(id)).collect::<Vec<_>>().into(), wide);
            assert_eq!((0..ids.len()).map(|at| narrow.get(at)).collect::<Vec<_>>(), ids);
            let mut addresses = AddressesBuilder::default();
            ids.iter().for_each(|&id| addresses.push(id));
            let addresses = addresses.finish();
            assert_eq!((0..ids.len()).map(|at| addresses.get(at)).collect::<Vec<_>>(), ids);
            assert_eq!(addresses.parts().1, kept.parts().1);
        };
        check(&[], 0);
        check(&[1, 3, 5], 1);
        check(&[5, 3, 1, u64::from(u32::MAX)], 1);
        check(&[1, 3, 0x7f00_0000_0008, 0x7f00_0000_0040, 0x7f00_ffff_fff8, 0x7f01_0000_0010, 0x1234], 4);
        check(&[0x7f00_0000_0000, 0x7f00_0007_fff8, 0x7f00_0008_0000, 0x7f00_0008_0008, 0x7f00_0008_0009, 0x7f00_0000_0000], 1);
        check(&[u64::MAX, 0, u64::MAX - 1, u64::MAX], 3);
    }

    #[test]
    fn many_ids_that_rise_by_twos_are_not_listed() {
        let check = |ids: Vec<u32>, by_twos| {
            let kept = Ids::of_narrow(ids.clone().into(), vec![]);
            assert_eq!(matches!(kept.offsets, Offsets::ByTwos(_)), by_twos);
            let (offsets, bases) = kept.parts();
            let again = Ids::of_parts(offsets, bases).unwrap();
            assert!(ids.iter().enumerate().all(|(at, &id)| kept.get(at) == u64::from(id) && again.get(at) == u64::from(id)));
        };
        let many = MANY as u32;
        check((0..many).map(|at| at * 2 + 1).collect(), true);
        check((0..many).map(|at| if at == 0 { 9999 } else { (at - 1) * 2 + 1 }).collect(), true);
        check((0..many).map(|at| u32::MAX - 2 - (at / 600_000) * 7 + at % 2 * 2).collect(), false);
        check((0..many).map(|at| at * 2 + at / 5000 * 4).collect(), true);
        check((0..many).map(|at| at * 2 + at / 3000 * 4).collect(), false);
        check((0..many - 1).map(|at| at * 2 + 1).collect(), false);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let check = |bases: &[(u32, u64)], fit| assert_eq!(Ids::of_parts(vec![1, 2, 3].into(), bases.to_vec()).is_some(), fit);
        check(&[(0, 7)], true);
        check(&[(0, 7), (2, 1)], true);
        check(&[], false);
        check(&[(1, 7)], false);
        check(&[(0, 7), (0, 8)], false);
    }
}
