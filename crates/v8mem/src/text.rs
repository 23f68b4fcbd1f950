//! Strings: one-byte and two-byte, flat, concatenated, sliced, thin and external.

use crate::kind::Kind;
use crate::maps::{Map, strong};
use crate::memory::Memory;
use crate::view::HeapView;

/// What a string's instance type says of its representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// Its characters follow its header.
    Flat,
    /// Two strings.
    Cons,
    /// Its characters are in memory of C++.
    External,
    /// A part of another string.
    Sliced,
    /// Another string, which is internalized.
    Thin,
}

/// Returns how a string of some instance type keeps its characters.
#[must_use]
pub fn representation(instance_type: u16) -> Representation {
    match instance_type & 7 {
        1 => Representation::Cons,
        2 => Representation::External,
        3 => Representation::Sliced,
        5 => Representation::Thin,
        _ => Representation::Flat,
    }
}

/// V8 makes no longer string, in UTF-16 units.
const LONGEST: u64 = 1 << 29;

/// Reads strings of a heap. External ones lie outside it.
#[derive(Clone, Copy)]
pub struct Strings<'a, 'm> {
    /// The heap.
    pub heap: HeapView<'a, 'm>,
    /// All memory.
    pub memory: &'m dyn Memory,
}

impl<'a> Strings<'a, '_> {
    /// Appends the UTF-16 units of the string at an address, until `into` holds `limit`. Returns whether it is a string that could be read.
    pub fn read(self, addr: u64, limit: usize, into: &mut Vec<u16>) -> bool {
        let mut parts = vec![(addr, 0, u64::MAX)];
        let mut steps = 0;
        while let Some((addr, skip, most)) = parts.pop() {
            steps += 1;
            if into.len() >= limit || steps > 1 << 16 {
                return true;
            }
            if self.part(addr, (skip, most), limit, into, &mut parts).is_none() {
                return false;
            }
        }
        true
    }

    /// Passes on the UTF-16 units of the string at an address, however long it is, at most `most` at a time, until `each` says no. Returns
    /// whether it is a string that could be read as far as that.
    pub fn pieces(self, addr: u64, most: usize, each: &mut dyn FnMut(&[u16]) -> bool) -> bool {
        // More parts than units there are not, but for those that are empty.
        let mut left = self.length(addr).unwrap_or(0).min(LONGEST).saturating_add(1 << 16);
        let mut parts = vec![(addr, 0, u64::MAX)];
        let mut units = Vec::with_capacity(most);
        while let Some((addr, skip, wanted)) = parts.pop() {
            left = left.saturating_sub(1);
            units.clear();
            if left == 0 || self.part(addr, (skip, wanted), most, &mut units, &mut parts).is_none() {
                return false;
            }
            if !units.is_empty() && !each(&units) {
                return true;
            }
            // What did not fit comes next.
            let read = skip + units.len() as u64;
            let end = self.length(addr).unwrap_or(0).min(skip.saturating_add(wanted));
            if units.len() >= most && read < end {
                parts.push((addr, read, end - read));
            }
        }
        true
    }

    /// Reads one part of a string: appends its units, from the `skip`th on `most`, or adds the parts that it is made of, the last first, to
    /// what is still to be read.
    fn part(self, addr: u64, (skip, most): (u64, u64), limit: usize, into: &mut Vec<u16>, parts: &mut Vec<(u64, u64, u64)>) -> Option<()> {
        let at = &self.heap.layout.at;
        let (map, length) = self.header(addr)?;
        let count = length.saturating_sub(skip).min(most);
        let next = |offset| self.heap.target(addr, offset);
        match representation(map.instance_type) {
            Representation::Flat => self.flat(addr, map.instance_type, skip, count, limit, into),
            Representation::External => self.external(addr, map.instance_type, skip, count, limit, into),
            Representation::Thin => {
                let actual =
                    next(at.thin_actual).filter(|&actual| self.is_of(actual, &[Representation::Flat, Representation::External]))?;
                parts.push((actual, skip, count));
                Some(())
            }
            Representation::Sliced => {
                let offset = self.heap.smi(addr, at.sliced_offset).and_then(|offset| u64::try_from(offset).ok())?;
                let whole = [Representation::Flat, Representation::External, Representation::Thin];
                let parent = next(at.sliced_parent).filter(|&parent| self.is_of(parent, &whole))?;
                parts.push((parent, skip.checked_add(offset)?, count));
                Some(())
            }
            Representation::Cons => self.cons((addr, length), skip, count, parts),
        }
    }

    /// Returns the text of the string at an address, at most so many UTF-16 units of it.
    #[must_use]
    pub fn text(self, addr: u64, limit: usize) -> Option<String> {
        let mut units = Vec::new();
        self.read(addr, limit, &mut units).then(|| String::from_utf16_lossy(&units[..units.len().min(limit)]))
    }

    /// As `text`, but nothing where not all of it, up to the limit, could be read.
    #[must_use]
    pub fn whole(self, addr: u64, limit: usize) -> Option<String> {
        let mut units = Vec::new();
        let wanted = usize::try_from(self.length(addr)?).ok()?.min(limit);
        let is_whole = self.read(addr, limit, &mut units) && units.len() >= wanted;
        is_whole.then(|| String::from_utf16_lossy(&units[..wanted]))
    }

    /// Returns the characters of the string at an address, at most `limit`, where they lie in the heap one byte each.
    #[inline]
    #[must_use]
    pub fn latin1(self, addr: u64, limit: usize) -> Option<&'a [u8]> {
        let (map, length) = self.header(addr)?;
        let flat = representation(map.instance_type) == Representation::Flat && width(map.instance_type) == 1;
        let length = usize::try_from(length).ok()?.min(limit);
        let page = self.heap.pages.page(addr).filter(|_| flat)?;
        page.bytes(addr + self.heap.layout.at.string_chars, length)
    }

    /// Returns the length of the string at an address, in UTF-16 units.
    #[must_use]
    pub fn length(self, addr: u64) -> Option<u64> {
        Some(self.header(addr)?.1)
    }

    fn header(self, addr: u64) -> Option<(Map, u64)> {
        let map = self.heap.map_of(addr).filter(|map| map.kind == Kind::String)?;
        Some((map, u64::from(self.heap.half(addr, self.heap.layout.at.string_length)?)))
    }

    /// Takes a joined string apart. Its parts are as long as it is together; one that was made flat has its text in the first. All else is
    /// damage, and could lead back to where it began.
    fn cons(self, (addr, whole): (u64, u64), skip: u64, count: u64, parts: &mut Vec<(u64, u64, u64)>) -> Option<()> {
        let at = &self.heap.layout.at;
        let (first, second) = (self.heap.target(addr, at.cons_first)?, self.heap.target(addr, at.cons_second)?);
        let (length, rest) = (self.header(first)?.1, self.header(second)?.1);
        if length + rest != whole || (length == 0 || rest == 0) && self.is_of(first, &[Representation::Cons]) {
            return None;
        }
        let from_first = length.saturating_sub(skip).min(count);
        if count > from_first {
            parts.push((second, skip.saturating_sub(length), count - from_first));
        }
        if from_first > 0 {
            parts.push((first, skip, from_first));
        }
        Some(())
    }

    /// Says whether the string at an address keeps its characters in one of these ways.
    fn is_of(self, addr: u64, ways: &[Representation]) -> bool {
        self.header(addr).is_some_and(|(map, _)| ways.contains(&representation(map.instance_type)))
    }

    fn flat(self, addr: u64, instance_type: u16, skip: u64, count: u64, limit: usize, into: &mut Vec<u16>) -> Option<()> {
        let (width, count) = (width(instance_type), wanted(count, limit, into));
        let bytes = self.heap.pages.page(addr)?.bytes(addr + self.heap.layout.at.string_chars + skip * width, count * width as usize)?;
        push(bytes, width, into);
        Some(())
    }

    /// Returns where the characters of an external string lie, and how many bytes they take.
    pub(crate) fn external_bytes(self, addr: u64, map: &Map) -> Option<(u64, u64)> {
        let length = self.heap.half(addr, self.heap.layout.at.string_length)?;
        Some((self.external_data(addr, map.instance_type)?, u64::from(length) * width(map.instance_type)))
    }

    fn external_data(self, addr: u64, instance_type: u16) -> Option<u64> {
        // Bit 4 says that the pointer to the characters is not kept in the string itself.
        let uncached = instance_type & 16 != 0;
        let at = &self.heap.layout.at;
        if !uncached {
            return self.heap.field(addr, at.external_data);
        }
        let resource = self.heap.field(addr, at.external_resource)?;
        self.memory.word(resource.checked_add(at.external_resource_data)?).ok()
    }

    fn external(self, addr: u64, instance_type: u16, skip: u64, count: u64, limit: usize, into: &mut Vec<u16>) -> Option<()> {
        let data = self.external_data(addr, instance_type)?;
        let (width, count) = (width(instance_type), wanted(count, limit, into));
        let mut from = data.checked_add(skip * width)?;
        let mut piece = [0; 4096];
        let mut left = count * width as usize;
        // The length may lie: nothing is made ready for characters that are not there.
        while left > 0 {
            let bytes = &mut piece[..left.min(4096)];
            self.memory.read(from, bytes).ok()?;
            push(bytes, width, into);
            from = from.checked_add(bytes.len() as u64)?;
            left -= bytes.len();
        }
        Some(())
    }

    /// Returns a property's name as V8's snapshots write it: the text of a string, or `<symbol description>`; the address of either.
    #[must_use]
    pub fn key(self, addr: u64, limit: usize) -> String {
        if self.heap.kind(addr) != Some(Kind::Symbol) {
            return self.text(addr, limit).unwrap_or_default();
        }
        let description = self.heap.field(addr, self.heap.layout.at.symbol_name);
        let Some(text) = description.and_then(|word| self.of_word(word, limit)) else { return "<symbol>".to_owned() };
        // Names of #private fields are symbols that begin with their hash sign.
        if self.heap.is_private(addr) && text.starts_with('#') { text } else { format!("<symbol {text}>") }
    }

    /// Returns the text of a word that is a string.
    #[must_use]
    pub fn of_word(self, word: u64, limit: usize) -> Option<String> {
        self.text(strong(word)?, limit)
    }
}

/// Returns how many bytes each character of a string of some instance type takes.
#[must_use]
pub fn width(instance_type: u16) -> u64 {
    if instance_type & 8 == 0 { 2 } else { 1 }
}

fn wanted(count: u64, limit: usize, into: &[u16]) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).min(limit.saturating_sub(into.len()))
}

fn push(bytes: &[u8], width: u64, into: &mut Vec<u16>) {
    if width == 1 {
        into.extend(bytes.iter().map(|&byte| u16::from(byte)));
    } else {
        into.extend(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])));
    }
}
