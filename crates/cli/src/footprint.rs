//! How the memory of a process adds up, as `ledger` and the report of a running process tell it.
//!
//! The sums are `v8mem::native::ledger`'s; here they are compared with what the kernel counts, and put into words.

use heap::outlook::Limit;
use heap::view::{Cell, ColumnKind, Table};
use serde_json::{Value, json};
use v8mem::heap_counters::{CounterReader, nearest_to_limit};
use v8mem::native::ledger::{Ledger, Use, ledger};
use v8mem::native::presence::Presence;
use v8mem::{CoreFile, inventory::Inventory};

use crate::answer::{Line, Piece, Section};
use crate::memory::part;
use crate::render::number;
use crate::running::Residence;

/// The memory of a process, by use.
pub(crate) struct Footprint {
    /// What the kernel said just before a running process was captured; `None` of a core dump.
    residence: Option<Residence>,
    /// The sums.
    pub(crate) ledger: Ledger,
    /// What the isolate has of V8's limit on the old generation that is nearest to it, and that limit; `None` where V8's counters are not known.
    old_generation: Option<(u64, u64)>,
}

/// Uses that a report tells together, in its order.
const TOGETHER: [(&str, &[Use]); 8] = [
    ("V8's heap: alive", &[Use::Objects, Use::Strings, Use::Weak, Use::Code, Use::Dispatch]),
    ("V8's heap: garbage", &[Use::Garbage]),
    ("V8's heap: free", &[Use::HeapFree, Use::HeapLetGo]),
    ("buffers, ext. strings", &[Use::Buffers, Use::ExternalStrings]),
    ("C and C++: in use", &[Use::Cpp, Use::Malloc]),
    ("C and C++: kept free", &[Use::MallocFree, Use::MallocTop]),
    ("files, stacks", &[Use::Files, Use::Stacks]),
    ("not explained", &[Use::Unknown]),
];

/// Uses that objects of JavaScript account for, as V8 counts them.
const OF_JAVASCRIPT: [Use; 10] = [
    Use::Objects,
    Use::Strings,
    Use::Weak,
    Use::Garbage,
    Use::Code,
    Use::HeapFree,
    Use::HeapLetGo,
    Use::Dispatch,
    Use::Buffers,
    Use::ExternalStrings,
];

/// What of C and C++ is more than all that objects of JavaScript account for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outside {
    /// In use.
    Used,
    /// Freed, and kept by malloc.
    Free,
}

impl Footprint {
    /// Adds it up.
    pub(crate) fn of(core: &CoreFile, inventory: Inventory<'_, '_>, residence: Option<Residence>) -> Self {
        let presence = match &residence {
            Some(residence) => Presence::of(residence.stretches.clone()),
            None => Presence::of_image(core),
        };
        Self { ledger: ledger(core, inventory, &presence), residence, old_generation: old_generation(core, inventory) }
    }

    /// Says which limit gives up first where objects of JavaScript grow: they count for both.
    fn first(&self) -> Option<Limit> {
        let (used, limit) = self.old_generation?;
        let group = self.residence.as_ref().and_then(|residence| residence.group);
        Some(match group {
            Some(group) if group.limit.saturating_sub(group.used) < limit.saturating_sub(used) => Limit::Group,
            _ => Limit::Heap,
        })
    }

    /// Returns all bytes that are counted: RSS of a running process.
    fn total(&self) -> u64 {
        self.residence.as_ref().map_or(self.ledger.bytes, |residence| residence.bytes)
    }

    fn explained(&self) -> u64 {
        Use::ALL.iter().filter(|&&of| of != Use::Unknown).filter_map(|of| self.ledger.uses.get(of)).sum()
    }

    fn bytes(&self, of: Use) -> u64 {
        match of {
            Use::Unknown => self.total().saturating_sub(self.explained()),
            _ => self.ledger.uses.get(&of).copied().unwrap_or(0),
        }
    }

    fn share(&self, bytes: u64) -> f64 {
        let total = self.total();
        if total == 0 { 0.0 } else { bytes.min(total) as f64 / total as f64 }
    }

    /// Tells all of it in a few words.
    pub(crate) fn summary(&self) -> Section {
        let lines = self.heading().into_iter().chain(self.trim()).collect();
        Section::Value { name: "footprint", json: self.json(), lines }
    }

    /// Tells it in a few lines, as a report does.
    pub(crate) fn brief(&self) -> Section {
        let sums = TOGETHER.map(|(name, uses)| (name, uses.iter().map(|&of| self.bytes(of)).sum::<u64>()));
        let largest = sums.iter().map(|&(_, bytes)| bytes).max().unwrap_or(0);
        let shown = sums.into_iter().filter(|&(_, bytes)| bytes > 0);
        let lines = shown.map(|(name, bytes)| part(name, bytes, self.share(bytes), largest));
        let lines = self.heading().into_iter().chain(lines).chain(self.outside().map(|(outside, bytes)| outside.told(bytes)));
        Section::Value { name: "footprint", json: self.json(), lines: lines.collect() }
    }

    /// Returns what of C and C++ is more than all that JavaScript accounts for, and a third of all at least: what is wrong is there, whatever is
    /// found in the heap.
    fn outside(&self) -> Option<(Outside, u64)> {
        let sum = |uses: &[Use]| uses.iter().map(|&of| self.bytes(of)).sum::<u64>();
        let sums = [(Outside::Used, sum(&[Use::Cpp, Use::Malloc])), (Outside::Free, sum(&[Use::MallocFree, Use::MallocTop]))];
        let (outside, bytes) = sums.into_iter().max_by_key(|&(_, bytes)| bytes)?;
        (bytes > sum(&OF_JAVASCRIPT) && self.share(bytes) >= 1.0 / 3.0).then_some((outside, bytes))
    }

    fn heading(&self) -> Vec<Line> {
        let counted = if self.residence.is_some() { "in memory (RSS)" } else { "in the core" };
        // Cut, not rounded: what is not all must not look like it.
        let explained = (self.share(self.explained()) * 1000.0).floor() / 10.0;
        let mut text = format!("   {} {counted}, {explained:.1}% explained", number::bytes(self.total()));
        if let Some(residence) = self.residence.as_ref().filter(|residence| residence.swapped > 0) {
            text.push_str(&format!("; {} more were swapped out", number::bytes(residence.swapped)));
        }
        let mut lines = vec![vec![Piece::Strong("MEMORY".to_owned()), Piece::Plain(text)]];
        lines.extend(self.limits());
        match self.ledger.malloc.as_ref().map(|malloc| malloc.lost) {
            None => {
                lines.push(vec![Piece::Plain(
                    "the heap of C and C++ is not glibc's, or was not found: it counts as not explained".to_owned(),
                )]);
            }
            Some(lost @ 1..) => lines.push(vec![Piece::Alarm(format!("{lost} of malloc's arenas could not be walked to their ends"))]),
            Some(0) => {}
        }
        lines
    }

    /// Tells the limits.
    fn limits(&self) -> Option<Line> {
        let of = |used, limit| format!("{} of {}", number::bytes(used), number::bytes(limit));
        let heap = self.old_generation.map(|(used, limit)| format!("V8's old generation has {}", of(used, limit)));
        let group = self.residence.as_ref().and_then(|residence| residence.group);
        let group = group.map(|group| format!("its control group {}", of(group.used, group.limit)));
        let first = self.first().filter(|_| group.is_some()).map(|first| match first {
            Limit::Heap => "V8 gives up first".to_owned(),
            Limit::Group => "the control group gives up first".to_owned(),
        });
        let told: Vec<String> = heap.into_iter().chain(group).chain(first).collect();
        (!told.is_empty()).then(|| vec![Piece::Strong("LIMIT".to_owned()), Piece::Plain(format!("    {}", told.join(" · ")))])
    }

    /// Tells what malloc would give back if it were asked to.
    fn trim(&self) -> Option<Line> {
        let text = format!("     malloc_trim would give {} back, at least", number::bytes(self.ledger.trimmed));
        (self.ledger.trimmed > 0).then(|| vec![Piece::Strong("TRIM".to_owned()), Piece::Plain(text)])
    }

    fn json(&self) -> Value {
        let residence = self.residence.as_ref();
        let uses: serde_json::Map<String, Value> = Use::ALL.iter().map(|&of| (of.name().to_owned(), json!(self.bytes(of)))).collect();
        json!({
            "counted": if residence.is_some() { "resident" } else { "image" },
            "bytes": self.total(),
            "explained": self.explained(),
            "uses": uses,
            "swapped": residence.map(|residence| residence.swapped),
            "group": residence.and_then(|residence| residence.group).map(|group| json!({ "limit": group.limit, "left": group.limit.saturating_sub(group.used) })),
            "old_generation": self.old_generation.map(|(used, limit)| json!({ "limit": limit, "used": used })),
            "gives_up_first": self.first().map(Limit::name),
            "outside": self.outside().map(|(outside, bytes)| json!({ "what": outside.name(), "bytes": bytes })),
            "arenas": self.ledger.malloc.as_ref().map(|malloc| malloc.arenas),
            "malloc_trim": self.ledger.malloc.as_ref().map(|_| self.ledger.trimmed),
            "arenas_lost": self.ledger.malloc.as_ref().map(|malloc| malloc.lost),
        })
    }

    /// Lists every use with how it is known.
    pub(crate) fn uses(&self) -> Table {
        let columns = [
            ("use", "use", ColumnKind::Text),
            ("memory", "memory", ColumnKind::Text),
            ("bytes", "bytes", ColumnKind::Bytes),
            ("share", "share", ColumnKind::Share),
            ("how", "known from", ColumnKind::Text),
        ];
        let mut table = Table::new("ledger", &columns);
        for of in Use::ALL {
            let bytes = self.bytes(of);
            if bytes > 0 || of == Use::Unknown {
                let (memory, how) = words(of);
                table.push(vec![of.name().into(), memory.into(), bytes.into(), Cell::Share(self.share(bytes)), how.into()]);
            }
        }
        table
    }
}

impl Outside {
    /// Returns the stable name.
    fn name(self) -> &'static str {
        match self {
            Self::Used => "native_used",
            Self::Free => "native_free",
        }
    }

    fn told(self, bytes: u64) -> Line {
        let (what, then) = match self {
            Self::Used => (
                "are in use by C and C++",
                "`heapwhy ledger` counts their classes, `heapwhy native leaks` finds what was lost; `heapwhy buffers` and `handles` tell which objects may keep them",
            ),
            Self::Free => (
                "were freed by C and C++ and are kept by malloc",
                "nothing holds them, so that no change of what is held frees them; MALLOC_ARENA_MAX=2 in the environment, or another malloc, may keep less",
            ),
        };
        let text = format!("{} {what}, more than V8's heap and buffers together: {then}", number::bytes(bytes));
        vec![Piece::Strong(format!("{:<9}", "OUTSIDE")), Piece::Plain(text)]
    }
}

/// Returns what the isolate has of its limit that is nearest to it, and the limit, both as V8 counts them.
fn old_generation(core: &CoreFile, inventory: Inventory<'_, '_>) -> Option<(u64, u64)> {
    let anatomy = inventory.anatomy;
    let counters = CounterReader::find(core, anatomy.layout.version, anatomy.pages.headers()).read(core);
    let nearest = nearest_to_limit(&counters)?;
    Some((nearest.old_used, nearest.limit?))
}

/// Says what a use is, and how it is known.
fn words(of: Use) -> (&'static str, &'static str) {
    match of {
        Use::Objects => ("V8's heap: objects", "V8's pages"),
        Use::Strings => ("V8's heap: strings", "V8's pages"),
        Use::Weak => ("V8's heap: weakly reachable", "V8's pages"),
        Use::Garbage => ("V8's heap: garbage", "V8's pages"),
        Use::Code => ("V8's heap: machine code", "V8's pages"),
        Use::HeapFree => ("V8's heap: free, headers", "V8's pages"),
        Use::HeapLetGo => ("V8's heap: pages let go", "pages in no space"),
        Use::Dispatch => ("V8's table of functions' code", "isolates point to it"),
        Use::Buffers => ("ArrayBuffers and Buffers", "objects of JavaScript"),
        Use::ExternalStrings => ("strings outside the heap", "objects of JavaScript"),
        Use::Cpp => ("C++ objects of known class", "malloc, virtual functions"),
        Use::Malloc => ("C and C++: in use", "malloc's pieces"),
        Use::MallocFree => ("C and C++: free, but kept", "malloc's lists"),
        Use::MallocTop => ("C and C++: ends of arenas", "malloc's arenas"),
        Use::Stacks => ("stacks of threads", "stack pointers"),
        Use::Files => ("programs and files", "mapped files"),
        Use::Unknown => ("not explained", "what is left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_is_told_where_it_is_most() {
        let check = |uses: &[(Use, u64)], expect: Option<(Outside, u64)>| {
            let ledger =
                Ledger { bytes: uses.iter().map(|(_, bytes)| bytes).sum(), uses: uses.iter().copied().collect(), ..Ledger::default() };
            let footprint = Footprint { residence: None, ledger, old_generation: None };
            assert_eq!(footprint.outside(), expect, "{uses:?}");
            let Section::Value { lines, .. } = footprint.brief() else { panic!("no value") };
            let told = format!("{lines:?}");
            assert_eq!(told.contains("OUTSIDE"), expect.is_some(), "{told}");
        };
        let rest = [(Use::Objects, 4), (Use::HeapFree, 2), (Use::Buffers, 2), (Use::Files, 37)];
        check(&rest, None);
        check(&[&rest[..], &[(Use::Malloc, 64), (Use::Cpp, 1)]].concat(), Some((Outside::Used, 65)));
        check(&[&rest[..], &[(Use::Malloc, 6), (Use::MallocFree, 190), (Use::MallocTop, 5)]].concat(), Some((Outside::Free, 195)));
        // Not a third of all, and not more than JavaScript's.
        check(&[&rest[..], &[(Use::Malloc, 20)]].concat(), None);
        check(&[(Use::Objects, 60), (Use::Malloc, 50)], None);
    }
}
