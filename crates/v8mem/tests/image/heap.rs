//! A writer of small heaps of V8 12.4 (Node.js 22), which shares no layout with the reader: its numbers were written down from V8's own list of
//! instance types and from cores of the official binary.

/// Where the isolate lies.
const ISOLATE: u64 = 0x10_0000;
/// What malloc says of the isolate, its own word counted.
const ISOLATE_SIZE: u64 = 66_400;
/// From the isolate to its table of roots.
const ROOTS: u64 = 592;
/// From the isolate to its heap.
const HEAP: u64 = 56_992;
/// C++ objects: the owners of pages, and tables.
const NATIVE: u64 = 0x20_0000;
/// The first page; the others follow.
const PAGES: u64 = 0x10_0000_0000;
/// From one page to the next.
const PAGE_STEP: u64 = 1 << 18;
/// From a page to its first object.
const AREA: u64 = 0x1140;
/// How many bytes of objects a page has room for.
const ROOM: u64 = 0x1000;

/// Numbers of spaces.
const NEW_SPACE: u8 = 1;
const OLD_SPACE: u8 = 2;
const CODE_SPACE: u8 = 3;

/// Instance types.
mod types {
    pub(crate) const ONE_BYTE_STRING: u16 = 8;
    pub(crate) const CONS_ONE_BYTE_STRING: u16 = 9;
    pub(crate) const HEAP_NUMBER: u16 = 130;
    pub(crate) const ODDBALL: u16 = 131;
    pub(crate) const FIXED_ARRAY: u16 = 174;
    pub(crate) const BYTE_ARRAY: u16 = 186;
    pub(crate) const CODE: u16 = 206;
    pub(crate) const INSTRUCTION_STREAM: u16 = 210;
    pub(crate) const STRONG_DESCRIPTOR_ARRAY: u16 = 242;
    pub(crate) const MAP: u16 = 264;
    pub(crate) const SHARED_FUNCTION_INFO: u16 = 274;
    pub(crate) const JS_OBJECT: u16 = 1057;
    pub(crate) const JS_FUNCTION: u16 = 2066;
    pub(crate) const JS_ARRAY: u16 = 2115;
}

/// A page of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// What nobody writes: maps.
    ReadOnly,
    /// Old objects.
    Old,
    /// The young half that is in use.
    New,
    /// The other half.
    From,
    /// One large object of the young generation.
    Large,
    /// Machine code.
    Code,
}

const ALL: [Page; 6] = [Page::ReadOnly, Page::Old, Page::New, Page::From, Page::Large, Page::Code];

/// A reference to an object: its address.
pub(crate) type Addr = u64;

/// A stretch of memory that is being written.
pub(crate) struct Stretch {
    /// Its address.
    pub(crate) addr: u64,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

impl Stretch {
    fn word(&mut self, addr: u64, word: u64) {
        let at = (addr - self.addr) as usize;
        self.bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
}

/// A heap that is being written.
pub(crate) struct Heap {
    /// Pages in the order of `ALL`, then the isolate, then memory of C++.
    pub(crate) memory: Vec<Stretch>,
    /// Where the next object of each page goes.
    next: [u64; 6],
    /// Where the next root goes.
    next_root: u64,
    maps: Maps,
}

/// Maps that every heap has.
#[derive(Clone, Copy, Default)]
struct Maps {
    meta: Addr,
    string: Addr,
    joined: Addr,
    number: Addr,
    array: Addr,
    descriptors: Addr,
    shared: Addr,
    function: Addr,
    js_array: Addr,
    bytes: Addr,
    code: Addr,
    instructions: Addr,
}

/// A small integer.
pub(crate) fn smi(value: i32) -> u64 {
    u64::from(value as u32) << 32
}

/// A strong reference.
pub(crate) fn to(addr: Addr) -> u64 {
    addr | 1
}

impl Heap {
    /// Writes what every heap has.
    pub(crate) fn new() -> Self {
        let stretch = |addr, len| Stretch { addr, bytes: vec![0; len as usize] };
        let mut memory: Vec<Stretch> = (0..6).map(|nth| stretch(PAGES + nth * PAGE_STEP, AREA + ROOM)).collect();
        memory.push(stretch(ISOLATE - 16, ISOLATE_SIZE + 16));
        memory.push(stretch(NATIVE, 0x1000));
        let mut heap = Self { memory, next: ALL.map(|page| page.base() + AREA), next_root: 0, maps: Maps::default() };
        ALL.into_iter().for_each(|page| heap.header(page));
        heap.isolate();
        heap.common_maps();
        heap.versions();
        heap
    }

    fn write(&mut self, addr: u64, word: u64) {
        let holds = |stretch: &&mut Stretch| (stretch.addr..stretch.addr + stretch.bytes.len() as u64).contains(&addr);
        self.memory.iter_mut().find(holds).expect("no memory there").word(addr, word);
    }

    fn header(&mut self, page: Page) {
        let (base, owner) = (page.base(), NATIVE + 0x100 + 0x20 * page as u64);
        let (flags, space) = match page {
            Page::ReadOnly => (0, 0),
            Page::Old => (4, OLD_SPACE),
            Page::New => (0x12, NEW_SPACE),
            Page::From => (0x0a, NEW_SPACE),
            Page::Large => (0x0a, 6),
            Page::Code => (4, CODE_SPACE),
        };
        let heap = if page == Page::ReadOnly { 0 } else { ISOLATE + HEAP };
        self.write(owner + 16, u64::from(space));
        for (at, word) in [flags, base, PAGE_STEP, heap, base + AREA, base + AREA + ROOM].into_iter().enumerate() {
            self.write(base + 8 * at as u64, word);
        }
        self.write(base + 72, owner);
    }

    fn isolate(&mut self) {
        self.write(ISOLATE - 8, ISOLATE_SIZE | 1);
        self.write(ISOLATE + 8, ISOLATE);
    }

    /// Node.js and V8 have their versions as text in memory.
    fn versions(&mut self) {
        for nth in 0..6 {
            for (at, text) in [(0x400, *b"12.4.254.21-node.57\0\0\0\0\0"), (0x600, *b"v22.23.3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")] {
                for (word, bytes) in text.chunks_exact(8).enumerate() {
                    let bytes = bytes.try_into().expect("eight bytes");
                    self.write(NATIVE + at + 32 * nth + 8 * word as u64, u64::from_le_bytes(bytes));
                }
            }
        }
    }

    /// Adds an object to a page: its words, the map first.
    pub(crate) fn add(&mut self, page: Page, words: &[u64]) -> Addr {
        let addr = self.next[page as usize];
        self.next[page as usize] += 8 * words.len() as u64;
        assert!(self.next[page as usize] <= page.base() + AREA + ROOM, "the page is full");
        words.iter().enumerate().for_each(|(at, &word)| self.write(addr + 8 * at as u64, word));
        addr
    }

    /// Changes a word of an object.
    pub(crate) fn set(&mut self, addr: Addr, nth: u64, word: u64) {
        self.write(addr + 8 * nth, word);
    }

    /// Adds a map: instance type, size in words (0 where it varies), where properties begin, constructor, descriptors and their number.
    fn map(&mut self, instance_type: u16, size: u8, start: u8, constructor: u64, descriptors: u64, own: u64) -> Addr {
        // `new_target` was the constructor; elements are small integers or objects with holes.
        let bits2 = 1 | 3 << 2;
        let head = u64::from(size) | u64::from(start) << 8 | u64::from(instance_type) << 32 | bits2 << 56;
        self.add(Page::ReadOnly, &[to(self.maps.meta), head, own << 10, 0, constructor, descriptors, 0, 0, 0])
    }

    fn common_maps(&mut self) {
        let meta = self.next[Page::ReadOnly as usize];
        self.maps.meta = meta;
        self.map(types::MAP, 9, 0, 0, 0, 0);
        let undefined = self.map(types::ODDBALL, 6, 0, 0, 0, 0);
        self.maps = Maps {
            meta,
            string: self.map(types::ONE_BYTE_STRING, 0, 0, 0, 0, 0),
            joined: self.map(types::CONS_ONE_BYTE_STRING, 4, 0, 0, 0, 0),
            number: self.map(types::HEAP_NUMBER, 2, 0, 0, 0, 0),
            array: self.map(types::FIXED_ARRAY, 0, 0, 0, 0, 0),
            descriptors: self.map(types::STRONG_DESCRIPTOR_ARRAY, 0, 0, 0, 0, 0),
            shared: self.map(types::SHARED_FUNCTION_INFO, 9, 0, 0, 0, 0),
            function: self.map(types::JS_FUNCTION, 8, 8, 0, 0, 0),
            js_array: self.map(types::JS_ARRAY, 4, 4, 0, 0, 0),
            bytes: self.map(types::BYTE_ARRAY, 0, 0, 0, 0, 0),
            code: self.map(types::CODE, 11, 0, 0, 0, 0),
            instructions: self.map(types::INSTRUCTION_STREAM, 0, 0, 0, 0, 0),
        };
        // The table of roots: the meta map is the tenth from 0, and maps are around it.
        let maps = [undefined, self.maps.string, self.maps.number, self.maps.array, self.maps.descriptors, self.maps.shared];
        let others = maps.into_iter().cycle().take(20);
        for (nth, map) in others.enumerate() {
            self.write(ISOLATE + ROOTS + 8 * nth as u64, to(if nth == 10 { meta } else { map }));
        }
        self.next_root = ISOLATE + ROOTS + 8 * 40;
    }

    /// Adds a text of one byte a letter.
    pub(crate) fn string(&mut self, page: Page, text: &str) -> Addr {
        let mut words = vec![to(self.maps.string), (text.len() as u64) << 32];
        let letters = text.as_bytes().chunks(8).map(|letters| letters.iter().rev().fold(0, |word, &letter| word << 8 | u64::from(letter)));
        words.extend(letters);
        self.add(page, &words)
    }

    /// Adds a text of two parts, which says that it has so many letters.
    pub(crate) fn joined(&mut self, page: Page, [first, second]: [Addr; 2], length: u32) -> Addr {
        self.add(page, &[to(self.maps.joined), u64::from(length) << 32, to(first), to(second)])
    }

    /// Adds a number in a box.
    pub(crate) fn number(&mut self, page: Page, value: f64) -> Addr {
        self.add(page, &[to(self.maps.number), value.to_bits()])
    }

    /// Adds an array of words.
    pub(crate) fn array(&mut self, page: Page, words: &[u64]) -> Addr {
        let mut all = vec![to(self.maps.array), smi(words.len() as i32)];
        all.extend(words);
        self.add(page, &all)
    }

    /// Adds machine code that refers to an object three bytes into its instructions, as the bytes of its table should say. Further on stand words that
    /// look like an array. Returns what describes it.
    pub(crate) fn code(&mut self, object: Addr, table: u8) -> Addr {
        let table = self.add(Page::Old, &[to(self.maps.bytes), smi(1), u64::from(table)]);
        let code = self.add(Page::Old, &[to(self.maps.code), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let constant = [to(object) << 24, to(object) >> 40];
        let mut words = vec![to(self.maps.instructions), to(code), to(table), 96];
        words.extend(constant);
        words.extend([to(self.maps.array), smi(2), to(object), 0, 0, 0, 0, 0, 0, 0]);
        let instructions = self.add(Page::Code, &words);
        self.set(code, 4, to(instructions));
        self.set(code, 5, instructions + 32);
        // Made by Sparkplug; so many bytes of instructions.
        self.set(code, 6, 11 | 96 << 32);
        code
    }

    /// Adds an array of JavaScript around one of V8's.
    pub(crate) fn js_array(&mut self, page: Page, elements: Addr, length: i32) -> Addr {
        let none = self.array(Page::Old, &[]);
        self.add(page, &[to(self.maps.js_array), to(none), to(elements), smi(length)])
    }

    /// Adds a class whose objects hold the given properties in themselves. Returns the map of its objects.
    pub(crate) fn class(&mut self, name: &str, properties: &[&str]) -> Addr {
        let name = self.string(Page::Old, name);
        let shared = self.add(Page::Old, &[to(self.maps.shared), 0, to(name), 0, 0, 0, 0, 0, 0]);
        let function = self.add(Page::Old, &[to(self.maps.function), 0, 0, 0, to(shared), 0, 0, 0]);
        let own = properties.len() as u64;
        let mut words = vec![to(self.maps.descriptors), own, 0];
        for (nth, property) in properties.iter().enumerate() {
            // Any value, in a field of the object.
            let (tagged, index) = (4 << 6, (nth as i32) << 19);
            words.extend([to(self.string(Page::Old, property)), smi(tagged | index), 0]);
        }
        let descriptors = self.add(Page::Old, &words);
        self.map(types::JS_OBJECT, 3 + own as u8, 3, to(function), to(descriptors), own)
    }

    /// Adds an object of a class.
    pub(crate) fn object(&mut self, page: Page, map: Addr, values: &[u64]) -> Addr {
        let none = self.array(Page::Old, &[]);
        let mut words = vec![to(map), to(none), to(none)];
        words.extend(values);
        self.add(page, &words)
    }

    /// Lets the isolate say that objects are being made in a page: the next one goes behind the last of now.
    pub(crate) fn open_area(&mut self, page: Page) {
        const AREAS: u64 = ISOLATE + 0x8000;
        let (start, top, end) = (page.base() + AREA, self.next[page as usize], page.base() + AREA + ROOM);
        [start, top, end].into_iter().enumerate().for_each(|(nth, addr)| self.write(AREAS + 8 * nth as u64, addr));
    }

    /// Lets the isolate refer to an object.
    pub(crate) fn root(&mut self, addr: Addr) {
        self.write(self.next_root, to(addr));
        self.next_root += 8;
    }

    /// Does to an object what a collection does that moves it: a copy in another page, and its address where the map was.
    pub(crate) fn move_away(&mut self, addr: Addr, words: u64, into: Page) -> Addr {
        let page = self.memory.iter().find(|stretch| (stretch.addr..stretch.addr + stretch.bytes.len() as u64).contains(&addr));
        let stretch = page.expect("no memory there");
        let at = (addr - stretch.addr) as usize;
        let old = stretch.bytes[at..at + 8 * words as usize].chunks_exact(8);
        let words: Vec<u64> = old.map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect();
        let copy = self.add(into, &words);
        self.write(addr, copy);
        copy
    }

    /// Does to a large object what a collection does that has seen it: its map goes to a table of C++, its own address takes the place.
    pub(crate) fn take_map(&mut self, addr: Addr, map: u64) {
        self.write(NATIVE + 0x800, to(addr));
        self.write(NATIVE + 0x808, map);
        self.write(addr, addr);
    }

    /// The reference to the map of V8's arrays.
    pub(crate) fn array_map(&self) -> u64 {
        to(self.maps.array)
    }
}

impl Page {
    fn base(self) -> u64 {
        PAGES + self as u64 * PAGE_STEP
    }
}
