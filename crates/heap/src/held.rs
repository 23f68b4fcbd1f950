//! What an object holds that is no node: small integers, doubles, holes, the length of an array, the whole text of a string.
//!
//! V8's snapshots leave these out, and so do graphs: a heap holds more numbers than objects. A source that still has the memory at hand, as
//! a core dump does, tells them of one object at a time, when somebody looks at it.

use std::fmt;

use crate::graph::NodeId;

/// Who can tell what objects hold besides other objects.
pub trait Holder: Send + Sync {
    /// Returns what an object holds, elements up to the first `most` only. Nothing where it holds nothing else, or cannot be read.
    fn held(&self, id: NodeId, most: usize) -> Held;

    /// Tells of many objects, each as `held` does. Much cheaper than to ask for one after the other.
    fn held_each(&self, ids: &[NodeId], most: usize, each: &mut dyn FnMut(usize, Held));

    /// Tells where the bytes of objects lie: of ArrayBuffers, of views of them, and of strings whose characters are outside the heap. `None` for
    /// all others. Returns whether it can tell at all.
    fn extents(&self, ids: &[NodeId], each: &mut dyn FnMut(usize, Option<Extent>)) -> bool;

    /// Says of strings whether they contain a text, all of each, however long they are and of whatever parts they are made. `None` of what is
    /// no string. Returns whether it can tell at all.
    fn containing(&self, ids: &[NodeId], text: &str, case: Case, each: &mut dyn FnMut(usize, Option<bool>)) -> bool;

    /// Returns in which isolate's heap an object lies, from 1. `None` where there is only one, for what isolates share, and for what is no
    /// object of a heap. O(1).
    fn isolate(&self, id: NodeId) -> Option<u32>;

    /// Says whether there are several isolates. O(1).
    fn has_isolates(&self) -> bool;
}

/// Whether small and capital letters are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They are.
    Told,
    /// They are not.
    Ignored,
}

/// Where the bytes of an object lie that are no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The first byte's address.
    pub address: u64,
    /// Of a view, how many bytes of its ArrayBuffer come before it.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// What memory they lie in.
    pub place: Place,
}

/// What memory bytes lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// V8's heap: small typed arrays have their elements there.
    Heap,
    /// Memory of C++.
    Native,
    /// What the program brought along, which nobody can write: the scripts of Node.js's own modules.
    Program,
}

/// What an object holds that is no node, and in which order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// Names of properties or variables, as edges have them, in the object's order; without a value where an edge leads to it.
    pub names: Vec<(String, Option<Primitive>)>,
    /// Elements that are primitive, rising: of an array, or words of one of V8's tables.
    pub elements: Vec<(u64, Primitive)>,
    /// How many elements there are, those that are objects among them.
    pub length: Option<u64>,
    /// What the object itself stands for: a number in a box, the time of a Date, what a promise was settled with.
    pub value: Option<Primitive>,
    /// Of a promise, whether it was settled.
    pub promise: Option<PromiseState>,
    /// Of a call that waits, an async function's or a generator's, where in its script: line and column, from 1.
    pub suspended: Option<(u32, u32)>,
    /// Of a string its characters, the first `most` UTF-16 units; of a big integer its digits; of a regular expression its flags.
    pub text: Option<String>,
    /// What it has by names that its edges do not have: variables of a block, elements of `arguments`, what a call was passed, the stack of an
    /// error, what a module exports.
    pub parts: Vec<(String, Part)>,
    /// Those of the names that only V8 sees.
    pub unseen: Vec<String>,
    /// The class of JavaScript's own that made the object: that of `class Cache extends Map` is `Map`.
    pub builtin: Option<&'static str>,
    /// The name of its constructor, where snapshots call it otherwise: V8 9 calls a `class Cache extends Map` by what `Map` is tagged with.
    pub class: Option<String>,
    /// Of an ArrayBuffer, whether its memory was given away.
    pub is_detached: bool,
    /// Whether its prototype is `null`.
    pub has_no_prototype: bool,
}

/// Something that an object has.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Another object.
    Object(NodeId),
    /// A value that is no object.
    Value(Primitive),
    /// A text that is no string of the program.
    Words(String),
}

/// Whether a promise was settled, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PromiseState {
    /// Not yet.
    Pending,
    /// It has a value.
    Fulfilled,
    /// It has a reason.
    Rejected,
}

impl PromiseState {
    /// Returns the word that `util.inspect` has for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Fulfilled => "fulfilled",
            Self::Rejected => "rejected",
        }
    }
}

/// A value that is no object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Primitive {
    /// A number.
    Number(f64),
    /// A big integer in an array of such, which has no node of its own.
    BigInt(i128),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
    /// `undefined`.
    Undefined,
    /// Nothing: an element that was never written, or an entry that was deleted.
    Hole,
}

impl fmt::Display for Primitive {
    /// Writes it as JavaScript would.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number(number) => write_number(f, number),
            Self::BigInt(number) => write!(f, "{number}n"),
            Self::Boolean(is) => write!(f, "{is}"),
            Self::Null => f.write_str("null"),
            Self::Undefined => f.write_str("undefined"),
            Self::Hole => f.write_str("<empty>"),
        }
    }
}

/// Writes a number as `console.log` does: minus zero with its sign, very large and very small ones with an exponent.
fn write_number(f: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    let size = number.abs();
    if number.is_nan() || size == 0.0 || (1e-6..1e21).contains(&size) {
        return if number.is_nan() { f.write_str("NaN") } else { write!(f, "{number}") };
    }
    if number.is_infinite() {
        return f.write_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    write!(f, "{digits}e{sign}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_does() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (7.0, "7"),
            (-2.5, "-2.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e300, "1e+300"),
            (-1.5e-7, "-1.5e-7"),
            (1e-6, "0.000001"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (number, expect) in cases {
            assert_eq!(Primitive::Number(number).to_string(), expect);
        }
    }
}
