//! One look at a heap: pages, layout, maps and objects together, and the reading of single fields.
//!
//! Every read is fallible: a pointer may lead out of the heap, an object may be cut off. `None` means that the heap does not say.

use crate::dispatch;
use crate::kind::Kind;
use crate::layout::V8Layout;
use crate::maps::{self, Map, MapIx, Maps, pointer, smi, strong};
use crate::objects::{ObjIx, Objects};
use crate::pages::Pages;
use crate::version::V8Version;

/// A heap, ready to be read.
#[derive(Clone, Copy)]
pub struct HeapView<'a, 'm> {
    /// Its pages.
    pub pages: &'a Pages<'m>,
    /// Where V8 keeps what.
    pub layout: &'a V8Layout,
    /// The maps that were met.
    pub maps: &'a Maps,
    /// All objects.
    pub objects: &'a Objects,
}

impl HeapView<'_, '_> {
    /// Returns the word in a field.
    #[inline]
    #[must_use]
    pub fn field(self, addr: u64, offset: u64) -> Option<u64> {
        self.pages.word(addr.checked_add(offset)?)
    }

    /// Returns the four bytes in a field.
    #[inline]
    #[must_use]
    pub fn half(self, addr: u64, offset: u64) -> Option<u32> {
        self.pages.half(addr.checked_add(offset)?)
    }

    /// Returns the address that a field leads to strongly.
    #[inline]
    #[must_use]
    pub fn target(self, addr: u64, offset: u64) -> Option<u64> {
        strong(self.field(addr, offset)?)
    }

    /// Returns the address of the code that Sparkplug made of a function, from what closures share.
    #[must_use]
    pub fn baseline_code(self, shared: u64) -> Option<u64> {
        let data = self.target(shared, self.layout.at.shared_data)?;
        match self.kind(data)? {
            Kind::Code => Some(data),
            // V8 9 keeps code and bytecode side by side.
            Kind::Struct if self.layout.version < V8Version::new(10, 0) => {
                self.target(data, self.layout.at.baseline_code).filter(|&code| self.kind(code) == Some(Kind::Code))
            }
            _ => None,
        }
    }

    /// Returns the instructions that code describes, where they are an object of their own.
    #[must_use]
    pub fn instructions(self, code: u64) -> Option<u64> {
        let of_its_own = self.layout.version >= V8Version::new(11, 0);
        let stream = of_its_own.then(|| self.target(code, self.layout.at.code_stream))??;
        (self.kind(stream) == Some(Kind::InstructionStream)).then_some(stream)
    }

    /// Returns the number of the compiler that made code, V8's own, counted from that of Sparkplug; `None` for all that is no function's.
    #[must_use]
    pub fn compiler(self, code: u64) -> Option<u64> {
        let at = &self.layout.at;
        let number = (u64::from(self.half(code, at.code_flags)?) & at.code_kind_mask) >> at.code_kind_shift;
        number.checked_sub(at.code_baseline)
    }

    /// Returns the address of the code that a function runs.
    #[must_use]
    pub fn code_of(self, function: u64) -> Option<u64> {
        let at = self.layout.at.function_code;
        let code = match self.pages.dispatch() {
            Some(_) => dispatch::code(self.pages, self.layout, self.half(function, at)?)?,
            None => self.target(function, at)?,
        };
        (self.kind(code) == Some(Kind::Code)).then_some(code)
    }

    /// Returns the small integer in a field.
    #[must_use]
    pub fn smi(self, addr: u64, offset: u64) -> Option<i64> {
        smi(self.field(addr, offset)?)
    }

    /// Returns the object that a word leads to, strongly or weakly.
    #[inline]
    #[must_use]
    pub fn object(self, word: u64) -> Option<ObjIx> {
        self.objects.at(self.pages, pointer(word)?)
    }

    /// Returns the map of the object at an address.
    #[inline]
    #[must_use]
    pub fn map_of(self, addr: u64) -> Option<Map> {
        Some(self.maps.get(self.map_ix(addr)?))
    }

    /// Returns the place of the map of the object at an address.
    #[inline]
    #[must_use]
    pub fn map_ix(self, addr: u64) -> Option<MapIx> {
        // The table, where there is one, spares a look at memory that may be far away.
        if let Some(object) = self.objects.at(self.pages, addr) {
            return Some(self.objects.map(object));
        }
        self.maps.of_word(self.pages, self.layout, self.pages.word(addr)?)
    }

    /// Returns the kind of the object at an address.
    #[inline]
    #[must_use]
    pub fn kind(self, addr: u64) -> Option<Kind> {
        Some(self.map_of(addr)?.kind)
    }

    /// Returns the length of an array: a small integer or, in some, four raw bytes.
    #[must_use]
    pub fn length(self, array: u64) -> Option<u64> {
        Some(maps::length(self.field(array, 8)?))
    }

    /// Returns the bytes of an array of bytes.
    #[must_use]
    pub fn bytes(&self, array: u64) -> Option<&[u8]> {
        let length = usize::try_from(self.length(array).filter(|_| self.kind(array) == Some(Kind::ByteArray))?).ok()?;
        self.pages.page(array)?.bytes(array.checked_add(self.layout.at.bytes_start)?, length)
    }

    /// Returns a word of an array of tagged words.
    #[must_use]
    pub fn element(self, array: u64, index: u64) -> Option<u64> {
        self.field(array, index.checked_mul(8)?.checked_add(16)?)
    }

    /// Returns the first words of an array of tagged words, as many as there are.
    pub fn elements(self, array: u64, count: u64) -> impl Iterator<Item = u64> {
        let room = self.pages.page(array).map_or(0, |page| page.area_end.saturating_sub(array));
        self.pages.words(array, 16..count.saturating_mul(8).saturating_add(16).min(room)).map(|(_, word)| word)
    }

    /// Returns the entries of a WeakMap's or WeakSet's table: the key's place in it, the key and the value.
    ///
    /// Three words of every table come first, then pairs.
    pub fn ephemerons(self, table: u64) -> impl Iterator<Item = (u64, u64, u64)> {
        let length = self.length(table).unwrap_or(0);
        let pair = move |at| Some((at, self.element(table, at)?, self.element(table, at + 1)?));
        (3..length.saturating_sub(1)).step_by(2).map_while(pair)
    }

    /// Returns what V8 keeps of a function that was not compiled: the address of its `UncompiledData`.
    #[must_use]
    pub fn uncompiled_data(self, shared: u64) -> Option<u64> {
        let data = [self.layout.at.shared_data, self.layout.at.shared_untrusted_data].into_iter();
        data.filter_map(|offset| self.target(shared, offset)).find(|&data| self.kind(data) == Some(Kind::UncompiledData))
    }

    /// Says whether a symbol is private: V8's own, or the name of a `#field`.
    #[must_use]
    pub fn is_private(self, symbol: u64) -> bool {
        // V8 14 tells three kinds of private symbols apart, in two bits.
        let mask = if self.layout.version.major < 14 { 1 } else { 3 };
        self.half(symbol, self.layout.at.symbol_flags).is_some_and(|flags| flags & mask != 0)
    }

    /// Says whether a map is that of cells of variables that change, which V8 14 has.
    #[must_use]
    pub fn is_context_cell(self, map: &Map) -> bool {
        self.layout.types.name(map.instance_type) == "CONTEXT_CELL"
    }

    /// Returns the object in a context's variable by its place, out of the variable's cell where it has one.
    #[must_use]
    pub fn variable(self, context: u64, place: u64) -> Option<u64> {
        let value = strong(self.element(context, place)?)?;
        if self.map_of(value).is_some_and(|map| self.is_context_cell(&map)) {
            self.target(value, self.layout.at.context_cell_value)
        } else {
            Some(value)
        }
    }

    /// Says which oddball lies at an address, by V8's number of it.
    #[must_use]
    pub fn oddball(self, addr: u64) -> Option<i64> {
        (self.kind(addr)? == Kind::Oddball).then(|| self.smi(addr, self.layout.at.oddball_kind))?
    }

    /// Says whether a word is `undefined`.
    #[must_use]
    pub fn is_undefined(self, word: u64) -> bool {
        strong(word).and_then(|addr| self.oddball(addr)) == Some(self.layout.at.undefined as i64)
    }

    /// Says whether a word is the hole: what stands where there is no element.
    #[must_use]
    pub fn is_hole(self, word: u64) -> bool {
        let Some(addr) = strong(word) else { return false };
        match self.kind(addr) {
            Some(Kind::Hole) => true,
            Some(Kind::Oddball) => self.layout.version.major < 12 && self.oddball(addr) == Some(self.layout.at.the_hole as i64),
            _ => false,
        }
    }
}
