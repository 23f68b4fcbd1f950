//! Heaps that are written here: what is read of them, at rest, inside a collection, and damaged at random thousands of times.

use std::io::Write;

use heap::held::{Case, Holder, Primitive};
use heap::{HeapGraph, NodeId, NodeIx, NodeKind};
use v8mem::census::{By, Query, census};
use v8mem::graph::Scope;
use v8mem::inventory::inventory;
use v8mem::read::{Found, HeapError, read_core};
use v8mem::{Anatomy, CoreFile, MemoryHolder};

use crate::elf::{PAGE, Segment, aligned, notes};
use crate::heap::{Heap, Page, smi, to};

fn memory(heap: &Heap) -> impl Iterator<Item = Segment> {
    heap.memory.iter().map(|stretch| Segment {
        kind: 1,
        flags: 6,
        addr: stretch.addr,
        bytes: stretch.bytes.clone(),
        len: stretch.bytes.len() as u64,
    })
}

/// Puts a heap into a core.
fn core(heap: &Heap) -> Vec<u8> {
    let notes = Segment { kind: 4, flags: 0, addr: 0, bytes: notes(), len: 0 };
    aligned(&std::iter::once(notes).chain(memory(heap)).collect::<Vec<_>>(), PAGE)
}

fn open(bytes: &[u8]) -> CoreFile {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    CoreFile::of(file).unwrap()
}

fn read(bytes: &[u8]) -> Result<(HeapGraph, Found), HeapError> {
    let core = open(bytes);
    let (graph, problems, found) = read_core(&core, Scope::Live)?;
    assert!(problems.is_empty(), "{:?}", problems.kept());
    let holder = MemoryHolder::new(core, &found);
    Ok((graph.with_holder(Box::new(holder)), found))
}

/// A list of three sessions, each with a number, a text and the list itself. Returns the heap, and the array that holds them.
fn sessions(own: Page, elements: Page) -> (Heap, u64, [u64; 3]) {
    let mut heap = Heap::new();
    let map = heap.class("Session", &["id", "user", "load", "all"]);
    let user = heap.string(Page::Old, "ada lovelace");
    let found = [0, 1, 2].map(|id| {
        let load = heap.number(own, f64::from(id) + 0.5);
        heap.object(own, map, &[smi(id), to(user), to(load), 0])
    });
    let array = heap.array(elements, &found.map(to));
    let list = heap.js_array(Page::Old, array, 3);
    found.iter().for_each(|&session| heap.set(session, 6, to(list)));
    heap.root(list);
    (heap, array, found)
}

fn objects(graph: &HeapGraph, class: &str) -> Vec<NodeIx> {
    graph.nodes().filter(|&node| graph.kind(node) == NodeKind::OBJECT && graph.name(node) == class).collect()
}

/// Every session is there, once, with all that it holds.
fn check(graph: &HeapGraph) {
    let sessions = objects(graph, "Session");
    assert_eq!(sessions.len(), 3);
    for (nth, session) in sessions.into_iter().enumerate() {
        let edge = |name| graph.edge_named(session, name).unwrap().to;
        let held = graph.held(session, 9).unwrap();
        let id = held.names.iter().find(|(name, _)| name == "id").unwrap().1;
        assert_eq!(id, Some(Primitive::Number(nth as f64)));
        assert_eq!(graph.name(edge("user")), "ada lovelace");
        assert_eq!(graph.held(edge("load"), 0).unwrap().value, Some(Primitive::Number(nth as f64 + 0.5)));
        assert_eq!(graph.name(edge("all")), "Array");
        assert_eq!(graph.raw_self_size(session), 56);
    }
}

#[test]
fn a_heap_at_rest() {
    for page in [Page::Old, Page::New] {
        let (graph, found) = read(&core(&sessions(page, page).0)).unwrap();
        check(&graph);
        assert_eq!((found.basis.moved, found.basis.walk.skipped_bytes), (None, 0));
    }
}

/// Joined strings are read whole; one that is a part of itself is damage, however long it says it is.
#[test]
fn joined_strings_end() {
    let (mut heap, ..) = sessions(Page::Old, Page::Old);
    let (part, empty) = (heap.string(Page::Old, "twelve chars"), heap.string(Page::Old, ""));
    let whole = heap.joined(Page::Old, [part, part], 24);
    let flat = heap.joined(Page::Old, [part, empty], 12);
    let longer = heap.joined(Page::Old, [whole, flat], 36);
    let [itself, nothing_more, too_long] = [(); 3].map(|()| heap.joined(Page::Old, [part, part], u32::MAX));
    heap.set(itself, 2, to(itself));
    heap.set(nothing_more, 2, to(nothing_more));
    heap.set(nothing_more, 3, to(empty));
    let core = open(&core(&heap));
    let (_, _, found) = read_core(&core, Scope::Live).unwrap();
    let holder = MemoryHolder::new(core, &found);
    let cases = [
        (part, "charstwelve", Some(false)),
        (whole, "charstwelve", Some(true)),
        (flat, "twelve", Some(true)),
        (longer, "charstwelve chars", Some(true)),
        (longer, "thirteen", Some(false)),
        (itself, "thirteen", None),
        (nothing_more, "thirteen", None),
        (too_long, "thirteen", None),
    ];
    for (addr, text, expect) in cases {
        let mut contains = None;
        assert!(holder.containing(&[NodeId(addr)], text, Case::Told, &mut |_, is| contains = is));
        assert_eq!(contains, expect, "{text} in {addr:#x}");
    }
}

#[test]
fn what_lies_in_the_idle_half_is_nothing() {
    let (mut heap, ..) = sessions(Page::Old, Page::Old);
    let map = heap.class("Session", &["id"]);
    (0..5).for_each(|id| {
        heap.object(Page::From, map, &[smi(id)]);
    });
    check(&read(&core(&heap)).unwrap().0);
}

#[test]
fn a_collection_that_moves_objects() {
    for moved in 0..=3 {
        let (mut heap, array, found) = sessions(Page::From, Page::From);
        for &session in &found[..moved] {
            heap.move_away(session, 7, Page::New);
        }
        if moved > 1 {
            heap.move_away(array, 5, Page::Old);
        }
        let (graph, basis) = read(&core(&heap)).map(|(graph, found)| (graph, found.basis)).unwrap();
        check(&graph);
        assert_eq!(basis.moved, Some(moved as u64 + u64::from(moved > 1)));
        assert_eq!((basis.lost.moving, basis.lost.astray), (0, 0));
    }
}

#[test]
fn a_large_object_that_a_collection_has_seen() {
    let (mut heap, array, _) = sessions(Page::From, Page::Large);
    heap.take_map(array, heap.array_map());
    check(&read(&core(&heap)).unwrap().0);
}

/// A number whose bits are those of a reference to something that was moved is a number still.
#[test]
fn what_looks_like_a_reference_is_not_moved() {
    let (mut heap, _, found) = sessions(Page::From, Page::From);
    let bits = to(found[0]);
    let number = heap.number(Page::Old, f64::from_bits(bits));
    heap.root(number);
    heap.move_away(found[0], 7, Page::New);
    let (graph, _) = read(&core(&heap)).unwrap();
    check(&graph);
    let node = graph.nodes().find(|&node| graph.id(node).0 == number).unwrap();
    assert_eq!(graph.held(node, 0).unwrap().value, Some(Primitive::Number(f64::from_bits(bits))));
}

/// Behind the last object of an area in which objects are being made lies what was there before: it counts as nothing, unless something that is
/// alive refers to it, and the area is none.
#[test]
fn what_lies_behind_the_last_object_is_nothing() {
    for is_referred_to in [false, true] {
        let (mut heap, ..) = sessions(Page::New, Page::New);
        let class = heap.class("Older", &["id"]);
        heap.open_area(Page::New);
        let older = [7, 8, 9].map(|id| heap.object(Page::New, class, &[smi(id)]));
        if is_referred_to {
            let list = heap.array(Page::Old, &[to(older[1])]);
            heap.root(list);
        }
        let core = core(&heap);
        let (graph, found) = read(&core).unwrap();
        check(&graph);
        assert_eq!(objects(&graph, "Older").len(), usize::from(is_referred_to));
        assert_eq!(found.basis.walk.open_bytes > 0, !is_referred_to);
        assert_eq!((found.basis.lost.astray, found.basis.walk.skipped_bytes), (0, 0));
        assert_eq!(counted(&open(&core), Scope::Dead, "Older", "id").unwrap(), if is_referred_to { 2 } else { 0 });
    }
}

/// What was there before an object may seem to reach into it: what is alive leads to the object, and all that follows is found too.
#[test]
fn an_object_under_what_was_there_before() {
    let (mut heap, ..) = sessions(Page::Old, Page::Old);
    let class = heap.class("Hidden", &["next"]);
    // An array that is longer than there is room.
    heap.add(Page::New, &[heap.array_map(), smi(30), 0, 0]);
    let [first, second, third] = [(); 3].map(|()| heap.object(Page::New, class, &[0]));
    heap.set(first, 3, to(third));
    heap.set(second, 3, smi(2));
    heap.set(third, 3, to(second));
    (0..10).for_each(|_| {
        heap.object(Page::New, class, &[smi(0)]);
    });
    let list = heap.array(Page::Old, &[to(first)]);
    heap.root(list);
    let (graph, found) = read(&core(&heap)).unwrap();
    check(&graph);
    assert_eq!((objects(&graph, "Hidden").len(), found.basis.lost.astray), (3, 0));
    assert_eq!(found.basis.walk.skipped_bytes, 32, "the head of the array");
}

/// A header may promise more than there is: what no file holds is not looked at piece by piece.
#[test]
fn segments_of_terabytes() {
    let (heap, ..) = sessions(Page::Old, Page::Old);
    let notes = Segment { kind: 4, flags: 0, addr: 0, bytes: notes(), len: 0 };
    let segments: Vec<Segment> = std::iter::once(notes).chain(memory(&heap)).collect();
    for (bytes, flags) in [(vec![], 6), (vec![], 4), (vec![7; PAGE], 6)] {
        let huge = Segment { kind: 1, flags, addr: 0x2000_0000_0000, bytes, len: 1 << 46 };
        let mut all = segments.clone();
        all.push(huge);
        let started = std::time::Instant::now();
        check(&read(&aligned(&all, PAGE)).unwrap().0);
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}

/// Numbers that follow from one another, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Counts objects of a class, without a graph.
fn counted(core: &CoreFile, scope: Scope, class: &str, property: &str) -> Result<u64, HeapError> {
    let query = Query { by: By::Class, scope, class: Some(class), property: Some(property), kind: |_| true };
    let groups = inventory(core, &mut Anatomy::find(core)?, |inventory| census(inventory, &query))?;
    Ok(groups.iter().map(|group| group.sum.objects).sum())
}

/// Objects of two pages refer to one another to and fro: what is alive is what a plain search finds, in a graph and without one.
#[test]
fn what_is_alive_is_what_a_plain_search_finds() {
    const OBJECTS: usize = 40;
    const FIRST_LINK: u64 = 4;
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut heap = Heap::new();
        let map = heap.class("Linked", &["id", "one", "other"]);
        let objects: Vec<u64> = (0..OBJECTS as i32)
            .map(|nth| heap.object(if random.below(2) == 0 { Page::Old } else { Page::New }, map, &[smi(nth), 0, 0]))
            .collect();
        let mut links = vec![Vec::new(); OBJECTS];
        for (from, field) in (0..OBJECTS).flat_map(|from| [(from, FIRST_LINK), (from, FIRST_LINK + 1)]) {
            let to_nth = random.below(OBJECTS as u64) as usize;
            if random.below(3) > 0 {
                heap.set(objects[from], field, to(objects[to_nth]));
                links[from].push(to_nth);
            }
        }
        heap.root(objects[0]);
        let mut alive = [false; OBJECTS];
        let mut stack = vec![0];
        while let Some(nth) = stack.pop() {
            if !std::mem::replace(&mut alive[nth], true) {
                stack.extend(&links[nth]);
            }
        }
        let expect = alive.iter().filter(|&&is_alive| is_alive).count();
        let bytes = core(&heap);
        let linked = self::objects(&read(&bytes).unwrap().0, "Linked");
        assert_eq!(linked.len(), expect, "seed {seed}");
        let own = |scope| counted(&open(&bytes), scope, "Linked", "other").unwrap() as usize;
        assert_eq!([own(Scope::Live), own(Scope::Weak), own(Scope::Dead)], [expect, 0, OBJECTS - expect], "seed {seed}");
        assert_eq!(counted(&open(&bytes), Scope::Live, "Linked", "none").unwrap(), 0);
    }
}

#[test]
fn what_lay_where_objects_are_being_made_is_no_object() {
    let (mut heap, ..) = sessions(Page::Old, Page::Old);
    let whole = core(&heap);
    heap.open_area(Page::Old);
    // Left from before: one more session, and something whose end leads nowhere.
    let stale = heap.array(Page::Old, &[smi(1), smi(2)]);
    heap.set(stale, 1, smi(100_000));
    let (graph, found) = read(&core(&heap)).unwrap();
    check(&graph);
    let (_, at_rest) = read(&whole).unwrap();
    let (walk, expect) = (found.basis.walk, at_rest.basis.walk);
    assert_eq!((walk.objects, walk.object_bytes, walk.skipped_bytes), (expect.objects, expect.object_bytes, 0));
}

/// An object to which only instructions refer lives as long as they, if the table of their constants can be believed; words among instructions that
/// look like objects are none.
#[test]
fn machine_code_is_walked_and_keeps_its_constants() {
    let check = |table: u8, is_alive: bool| {
        let mut heap = Heap::new();
        let map = heap.class("Constant", &["id"]);
        let constant = heap.object(Page::Old, map, &[smi(7)]);
        let code = heap.code(constant, table);
        heap.root(code);
        let (graph, found) = read(&core(&heap)).unwrap();
        assert_eq!(objects(&graph, "Constant").len(), usize::from(is_alive), "table {table:#x}");
        assert_eq!((found.basis.walk.code_bytes, found.basis.lost), (0, v8mem::marking::Lost::default()));
        let codes: Vec<NodeIx> =
            graph.nodes().filter(|&node| graph.kind(node) == NodeKind::CODE && graph.raw_self_size(node) >= 88).collect();
        let [described, instructions] = codes[..] else { panic!("{} nodes of code", codes.len()) };
        assert_eq!((graph.name(described).as_ref(), graph.raw_self_size(described)), ("(code)", 88));
        assert_eq!(graph.raw_self_size(instructions), 128);
        assert_eq!(graph.edge_named(described, "instruction_stream").unwrap().to, instructions);
        let constants = graph.edges(instructions).filter(|edge| graph.name(edge.to) == "Constant").count();
        assert_eq!(constants, usize::from(is_alive));
    };
    // Three bytes on, a reference.
    check(3 << 2, true);
    // Four bytes on is no object; five are beyond all sense.
    check(4 << 2, false);
    check(0xff, false);
    // Nothing at all.
    check(3 << 2 | 2, false);
}

/// Damages a core in one of several ways, a few times.
fn damage(bytes: &mut [u8], random: &mut Random) {
    let from = PAGE as u64;
    for _ in 0..1 << random.below(7) {
        let at = (from + random.below((bytes.len() as u64 - from) / 8 - 64) * 8) as usize;
        let page = 0x10_0000_0000 + random.below(6) * (1 << 18);
        let word: u64 = match random.below(6) {
            0 => {
                bytes[at + random.below(8) as usize] ^= 1 << random.below(8);
                continue;
            }
            1 => {
                bytes[at..at + 512].fill(0);
                continue;
            }
            2 => 0x7fff_ffff_0000_0000,
            3 => page + 0x1141 + random.below(512) * 8,
            4 => page + 0x1140 + random.below(512) * 8,
            _ => u64::MAX >> random.below(64),
        };
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
}

/// Half of the damages fall on objects and headers, for the isolate is mostly empty.
#[test]
fn random_damage_is_survived() {
    const TIMES: u64 = 2000;
    let wholes = [sessions(Page::New, Page::Old).0, {
        let (mut heap, array, found) = sessions(Page::From, Page::Large);
        heap.move_away(found[1], 7, Page::New);
        heap.take_map(array, heap.array_map());
        let code = heap.code(found[2], 3 << 2);
        heap.root(code);
        heap
    }]
    .map(|heap| core(&heap));
    let mut read_anyway = 0;
    for seed in 0..TIMES {
        let mut random = Random(seed);
        let mut bytes = wholes[(seed % 2) as usize].clone();
        let end = if seed % 4 < 2 { bytes.len() } else { 12 * PAGE };
        damage(&mut bytes[..end], &mut random);
        let core = open(&bytes);
        let _ = counted(&core, Scope::Live, "Session", "id");
        let Ok((graph, _, found)) = read_core(&core, Scope::Live) else { continue };
        read_anyway += 1;
        assert!(graph.node_count() < 2000, "seed {seed}: {} nodes of a few objects", graph.node_count());
        let graph = graph.with_holder(Box::new(MemoryHolder::new(core, &found)));
        for node in graph.nodes() {
            let held = graph.held(node, 16).unwrap_or_default();
            assert!(held.elements.len() <= 16, "seed {seed}");
        }
    }
    assert!(read_anyway > TIMES / 4, "{read_anyway} of {TIMES} can be read");
}
