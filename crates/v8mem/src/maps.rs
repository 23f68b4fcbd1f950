//! Maps, V8's hidden classes: which words are one, and what each says of its objects.
//!
//! A map is known by its own map, and that by its own: the meta map points to itself. No other word of a heap does that and is of the
//! map's instance type (checked on six versions).

use std::cell::{Cell, RefCell};

use rustc_hash::FxHashMap;

use crate::kind::Kind;
use crate::layout::V8Layout;
use crate::pages::Pages;

/// The place of a map among all that were met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapIx(pub u32);

/// What a map says.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    /// Its address.
    pub addr: u64,
    /// Size of its objects in bytes; 0 where it varies.
    pub size: u32,
    /// Instance type, V8's number.
    pub instance_type: u16,
    /// What kind of object that is.
    pub kind: Kind,
    /// Words of an object before its first own property.
    pub inobject_start: u8,
    /// Kind of elements, V8's number.
    pub elements_kind: u8,
    /// The first bits.
    pub bits: u8,
    /// The second bits.
    pub bits2: u8,
    /// The third bits.
    pub bits3: u32,
}

impl Map {
    /// Returns how many properties the map describes.
    #[must_use]
    pub fn own_descriptors(&self, layout: &V8Layout) -> usize {
        ((u64::from(self.bits3) & layout.at.own_descriptors_mask) >> layout.at.own_descriptors_shift) as usize
    }

    /// Says whether properties are in a dictionary.
    #[must_use]
    pub fn is_dictionary(&self, layout: &V8Layout) -> bool {
        self.bits3 >> layout.at.dictionary_map_shift & 1 == 1
    }

    /// Says whether it is the map of a prototype.
    #[must_use]
    pub fn is_prototype_map(&self) -> bool {
        self.bits3 >> 20 & 1 == 1
    }

    /// Returns how many properties lie inside the object.
    #[must_use]
    pub fn inobject_properties(&self) -> usize {
        (self.size as usize / 8).saturating_sub(usize::from(self.inobject_start))
    }
}

/// All maps that were met so far.
#[derive(Debug)]
pub struct Maps {
    known: RefCell<Known>,
    /// Maps that were asked for lately, by some bits of their word: most objects have the map of one of those before them.
    recent: Box<[Cell<(u64, MapIx)>; RECENT]>,
}

/// How many maps are remembered where they are found at once.
const RECENT: usize = 512;

impl Default for Maps {
    fn default() -> Self {
        Self { known: RefCell::default(), recent: Box::new([const { Cell::new((0, MapIx(0))) }; RECENT]) }
    }
}

#[derive(Debug, Default)]
struct Known {
    /// By tagged word; `None` for words that are no map.
    by_word: FxHashMap<u64, Option<MapIx>>,
    maps: Vec<Map>,
}

/// The tag of a strong pointer.
pub(crate) const TAG: u64 = 1;

/// No process has memory above this address: no offset that is added to a pointer can overflow.
pub(crate) const END_OF_MEMORY: u64 = 1 << 57;

/// Says whether a word is a pointer to an object, strong or weak, and returns its address.
#[inline]
#[must_use]
pub fn pointer(word: u64) -> Option<u64> {
    (word & 1 == 1 && word > 3 && word < END_OF_MEMORY).then_some(word & !3)
}

/// Returns the address that a strong pointer leads to.
#[inline]
#[must_use]
pub fn strong(word: u64) -> Option<u64> {
    (word & 3 == TAG && word < END_OF_MEMORY).then_some(word & !3)
}

/// Returns a small integer.
#[inline]
#[must_use]
pub fn smi(word: u64) -> Option<i64> {
    (word & 0xffff_ffff == 0).then_some((word as i64) >> 32)
}

/// Reads the length of an array: a small integer or, in some, four raw bytes.
#[inline]
#[must_use]
pub fn length(word: u64) -> u64 {
    match smi(word) {
        Some(value) if value > 0 => value as u64,
        _ => word & 0xffff_ffff,
    }
}

impl Maps {
    /// Returns which map a word is, if it is one.
    #[inline]
    #[must_use]
    pub fn of_word(&self, pages: &Pages<'_>, layout: &V8Layout, word: u64) -> Option<MapIx> {
        // Maps are ten words long or a little less.
        let recent = &self.recent[(word / 64) as usize % RECENT];
        let (last, known) = recent.get();
        if last == word && word != 0 {
            return Some(known);
        }
        let found = self.look_up(pages, layout, word);
        if let Some(found) = found {
            recent.set((word, found));
        }
        found
    }

    fn look_up(&self, pages: &Pages<'_>, layout: &V8Layout, word: u64) -> Option<MapIx> {
        let addr = strong(word)?;
        if let Some(&known) = self.known.borrow().by_word.get(&word) {
            return known;
        }
        let map = is_map(pages, layout, word).then(|| read(pages, layout, addr)).flatten();
        let mut known = self.known.borrow_mut();
        let ix = map.map(|map| {
            known.maps.push(map);
            MapIx(known.maps.len() as u32 - 1)
        });
        known.by_word.insert(word, ix);
        ix
    }

    /// Returns a map.
    #[inline]
    #[must_use]
    pub fn get(&self, ix: MapIx) -> Map {
        self.known.borrow().maps[ix.0 as usize]
    }

    /// Returns all that were met so far, by their places.
    #[must_use]
    pub fn all(&self) -> Vec<Map> {
        self.known.borrow().maps.clone()
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.borrow().maps.len()
    }

    /// Says whether none was met yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Says whether a word points to a map: to something whose map is a map of maps.
fn is_map(pages: &Pages<'_>, layout: &V8Layout, word: u64) -> bool {
    let Some(meta) = strong(word).and_then(|addr| pages.word(addr)) else { return false };
    is_meta_map(pages, layout, meta)
}

/// Says whether a word points to a meta map: its own map, of maps' instance type, nine words long. From V8 12 on each realm has one.
#[must_use]
pub(crate) fn is_meta_map(pages: &Pages<'_>, layout: &V8Layout, word: u64) -> bool {
    const META_WORDS: u8 = 9;
    let Some(addr) = strong(word) else { return false };
    pages.word(addr) == Some(word)
        && pages.byte(addr + layout.at.map_size_words) == Some(META_WORDS)
        && pages.short(addr + layout.at.map_type).is_some_and(|number| layout.types.kind(number) == Kind::Map)
}

fn read(pages: &Pages<'_>, layout: &V8Layout, addr: u64) -> Option<Map> {
    let at = &layout.at;
    let page = pages.page(addr)?;
    let byte = |offset: u64| Some(page.bytes(addr + offset, 1)?[0]);
    let instance_type = u16::from_le_bytes(page.bytes(addr + at.map_type, 2)?.try_into().ok()?);
    let bits2 = byte(at.map_bits2)?;
    let is_string = u64::from(instance_type) < at.first_nonstring;
    Some(Map {
        addr,
        size: u32::from(byte(at.map_size_words)?) * 8,
        instance_type,
        kind: if is_string { Kind::String } else { layout.types.kind(instance_type) },
        inobject_start: byte(at.map_inobject_start)?,
        elements_kind: ((u64::from(bits2) & at.elements_kind_mask) >> at.elements_kind_shift) as u8,
        bits: byte(at.map_bits)?,
        bits2,
        bits3: u32::from_le_bytes(page.bytes(addr + at.map_bits3, 4)?.try_into().ok()?),
    })
}
