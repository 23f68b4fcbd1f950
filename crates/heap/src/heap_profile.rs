//! A sampling heap profile (`.heapprofile`): by which stacks the memory was allocated that was still in use at the end.
//!
//! V8 takes a sample about every so many bytes that are allocated, and forgets those whose objects are collected. So its bytes are
//! estimates, and say nothing of what was there before sampling began, nor of what holds an object. The file does not tell how long it went
//! on, nor how dense the samples are.
//!
//! The tree is as deep as the stacks were, or as a stranger likes: reading it and all questions work without recursion.

mod parse;
mod tracked;
mod tree;

use rustc_hash::FxHashMap;

use crate::source::owner::Owner;

pub use parse::ProfileError;

/// Where code stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CallFrame {
    /// The function's name; empty for one without.
    pub function: String,
    /// The script, as its address or path; empty where V8 knows none.
    pub script: String,
    /// Its line, from 1; 0 where V8 knows none.
    pub line: u32,
    /// Its column, from 1; 0 where V8 knows none.
    pub column: u32,
}

impl CallFrame {
    /// Returns what it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.function.is_empty() { "(anonymous)" } else { &self.function }
    }

    /// Returns the script's path, without what makes it an address.
    #[must_use]
    pub fn path(&self) -> &str {
        self.script.strip_prefix("file://").unwrap_or(&self.script)
    }

    /// Returns `file:line:column`; `None` where V8 knows none.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        (self.line > 0 && !self.script.is_empty()).then(|| format!("{}:{}:{}", self.path(), self.line, self.column))
    }
}

/// A stack: its last frame, and the stack that called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The stack without its last frame; its own position for the root.
    pub parent: u32,
    /// Its last frame.
    pub frame: u32,
    /// What was allocated by it itself and is still in use, in bytes.
    pub bytes: u64,
    /// How many samples that rests on; 0 where the file has none. Where V8 noted every allocation, how many objects.
    pub samples: u64,
}

/// A profile. Stacks stand behind their parents, and all that one called stands right behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeapProfile {
    /// Frames, each once.
    pub frames: Vec<CallFrame>,
    /// Stacks.
    pub stacks: Vec<Stack>,
}

/// What a group of stacks has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Allocated by it itself, in bytes.
    pub own: u64,
    /// Allocated by it and by all that it called, in bytes.
    pub total: u64,
    /// How many samples its own bytes rest on.
    pub samples: u64,
}

impl HeapProfile {
    /// Returns the bytes of all stacks.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.stacks.iter().fold(0, |sum, stack| sum.saturating_add(stack.bytes))
    }

    /// Returns the samples of all stacks.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.stacks.iter().fold(0, |sum, stack| sum.saturating_add(stack.samples))
    }

    /// Returns the bytes of each stack with all that it called.
    #[must_use]
    pub fn totals(&self) -> Vec<u64> {
        let mut totals: Vec<u64> = self.stacks.iter().map(|stack| stack.bytes).collect();
        // Parents come first: going back, each is complete when it is met.
        for (at, stack) in self.stacks.iter().enumerate().rev().filter(|(at, stack)| stack.parent as usize != *at) {
            let own = totals.get(at).copied().unwrap_or(0);
            if let Some(parent) = totals.get_mut(stack.parent as usize) {
                *parent = parent.saturating_add(own);
            }
        }
        totals
    }

    /// Sums up by frame, those that allocated most first. The root, which is no function, is left out. O(stacks).
    #[must_use]
    pub fn functions(&self) -> Vec<(&CallFrame, Share)> {
        let shares = self.grouped(|stack| stack.frame);
        let mut functions: Vec<(&CallFrame, Share)> =
            shares.into_iter().filter_map(|(frame, share)| Some((self.frames.get(frame as usize)?, share))).collect();
        functions.retain(|(frame, share)| frame.function != ROOT || share.own > 0);
        functions
            .sort_by(|(a, a_share), (b, b_share)| largest(a_share, b_share).then_with(|| (&a.script, a.line).cmp(&(&b.script, b.line))));
        functions
    }

    /// Sums up by whose code it is: the application's, each package's, Node.js's own. What the root itself has is nobody's. O(stacks).
    #[must_use]
    pub fn owners(&self) -> Vec<(Owner, Share)> {
        let owners: Vec<Owner> = self.frames.iter().map(|frame| Owner::of_script(frame.path())).collect();
        let mut numbers: FxHashMap<&Owner, u32> = FxHashMap::default();
        let of_frame: Vec<u32> = owners
            .iter()
            .map(|owner| {
                let next = numbers.len() as u32;
                *numbers.entry(owner).or_insert(next)
            })
            .collect();
        let shares = self.grouped(|stack| of_frame.get(stack.frame as usize).copied().unwrap_or(0));
        let by_number: FxHashMap<u32, &Owner> = numbers.into_iter().map(|(owner, number)| (number, owner)).collect();
        let named = |(number, share)| Some(((*by_number.get(&number)?).clone(), share));
        let mut found: Vec<(Owner, Share)> = shares.into_iter().filter_map(named).collect();
        found.retain(|(owner, share)| *owner != Owner::Unknown || share.own > 0);
        found.sort_by(|(a, a_share), (b, b_share)| largest(a_share, b_share).then_with(|| a.cmp(b)));
        found
    }

    /// Sums up by a number. What calls itself, by whatever way, counts once.
    fn grouped(&self, group: impl Fn(&Stack) -> u32) -> FxHashMap<u32, Share> {
        let totals = self.totals();
        let mut shares: FxHashMap<u32, Share> = FxHashMap::default();
        let mut above: FxHashMap<u32, u32> = FxHashMap::default();
        let mut path: Vec<(u32, u32)> = Vec::new();
        for ((at, stack), total) in (0_u32..).zip(&self.stacks).zip(totals) {
            while path.last().is_some_and(|(last, _)| *last != stack.parent || at == stack.parent) {
                let Some((_, left)) = path.pop() else { break };
                above.entry(left).and_modify(|count| *count -= 1);
            }
            let group = group(stack);
            let times = above.entry(group).or_default();
            let share = shares.entry(group).or_default();
            share.own = share.own.saturating_add(stack.bytes);
            share.samples = share.samples.saturating_add(stack.samples);
            if *times == 0 {
                share.total = share.total.saturating_add(total);
            }
            *times += 1;
            path.push((at, group));
        }
        shares
    }
}

/// The name of the frame that calls all others.
const ROOT: &str = "(root)";

fn largest(a: &Share, b: &Share) -> std::cmp::Ordering {
    (b.own, b.total).cmp(&(a.own, a.total))
}

#[cfg(test)]
mod tests;
