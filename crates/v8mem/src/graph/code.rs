//! Machine code: what snapshots call it, and which of its references they name.
//!
//! Code is called by what it is for: a builtin first, else a function. Where instructions are an object of their own (V8 11 and later), V8 11.3 names
//! those alone, later ones name both.

use heap::StrIx;

use super::emitter::Emitter;
use super::tags::Tag;
use crate::kind::Kind;
use crate::machine_code::STREAMS_TELL;
use crate::roots::{Group, Root};
use crate::version::V8Version;

/// Which of V8's ways to name machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// One object holds it all: up to V8 10.
    One,
    /// V8 11.3: two objects, and what describes the instructions has no name, but of a builtin.
    Handle,
    /// V8 11.8 and later.
    Two,
}

impl Way {
    fn of(version: V8Version) -> Self {
        match version.major {
            ..=10 => Self::One,
            _ if version < STREAMS_TELL => Self::Handle,
            _ => Self::Two,
        }
    }

    /// Returns the name of a builtin's code.
    fn builtin(self, name: &str) -> String {
        match self {
            Self::One => format!("({name} builtin)"),
            Self::Handle => format!("({name} builtin handle)"),
            Self::Two => format!("({name} builtin code)"),
        }
    }

    /// Returns the name of a function's code, and that of its instructions; the function's own may be empty.
    fn function(self, name: &str) -> (Option<String>, Option<String>) {
        let of = |what: &str| if name.is_empty() { format!("(BASELINE {what})") } else { format!("({what} for {name})") };
        match self {
            Self::One => (Some(of("code")), None),
            Self::Handle => (None, Some(of("code"))),
            Self::Two => (Some(of("code")), Some(of("instruction stream"))),
        }
    }
}

impl Emitter<'_, '_, '_> {
    /// Finds the names of machine code: those of builtins count first. O(builtins + compiled functions).
    pub(super) fn name_code(&mut self, roots: &[Root]) {
        let way = Way::of(self.heap.layout.version);
        for root in roots.iter().filter(|root| root.group == Group::Builtins && !root.name.is_empty()) {
            self.call(self.heap.objects.addr(root.object), &way.builtin(&root.name));
        }
        let survey = self.survey;
        for &(shared, code) in &survey.compiled {
            let (of_code, of_stream) = way.function(&self.names.debug_name(shared));
            if let Some(name) = of_code {
                self.call(code, &name);
            }
            if let (Some(name), Some(stream)) = (of_stream, self.heap.instructions(code)) {
                self.call(stream, &name);
            }
        }
    }

    fn call(&mut self, code: u64, name: &str) {
        let name = self.rows.text(name);
        self.code_names.entry(code).or_insert(name);
    }

    /// Returns the name of machine code, or of what describes it; empty where it has none.
    pub(super) fn code_name(&self, addr: u64) -> StrIx {
        self.code_names.get(&addr).copied().unwrap_or(self.words.empty)
    }

    /// What describes machine code, and up to V8 10 is it.
    pub(super) fn code(&mut self, addr: u64) {
        let at = self.heap.layout.at;
        let (w, way) = (self.words, Way::of(self.heap.layout.version));
        let stream = self.heap.instructions(addr);
        if way != Way::Two {
            self.used(w.relocation_info, addr, at.code_relocation, Tag::Relocation);
        } else if stream.is_none() {
            return;
        } else {
            self.internal_field(w.instruction_stream, addr, at.code_stream);
        }
        let compiler = self.heap.compiler(addr);
        if compiler == Some(0) {
            // V8 9 does not name the bytecode that Sparkplug's code was made of.
            if self.heap.layout.version >= V8Version::new(10, 0) {
                self.internal_field(w.interpreter_data, addr, at.code_deopt);
            }
            self.used(w.bytecode_offset_table, addr, at.code_bytecode_table, Tag::OffsetTable);
        } else if way == Way::One || stream.is_some() && (way == Way::Handle || compiler.is_some()) {
            self.deoptimization_data(addr);
            self.used(w.source_position_table, addr, at.code_bytecode_table, Tag::SourcePositions);
        }
    }

    /// Names what leads back from optimized code to bytecode.
    fn deoptimization_data(&mut self, code: u64) {
        let at = self.heap.layout.at;
        self.used(self.words.deoptimization_data, code, at.code_deopt, Tag::CodeData);
        let Some(data) = self.heap.target(code, at.code_deopt).filter(|&data| self.heap.kind(data).is_some_and(Kind::is_fixed_array))
        else {
            return;
        };
        let version = self.heap.layout.version;
        // V8 9 does not look into it.
        let looked_at = version >= V8Version::new(10, 0) && self.heap.length(data).is_some_and(|length| length > at.deopt_calls);
        for nth in [0, at.deopt_literals, at.deopt_calls].into_iter().filter(|_| looked_at) {
            let word = self.heap.element(data, nth).unwrap_or(0);
            self.tag(word, Tag::CodeData);
        }
    }

    /// Instructions.
    pub(super) fn instructions(&mut self, addr: u64) {
        let at = self.heap.layout.at;
        if Way::of(self.heap.layout.version) == Way::Two {
            let code = self.heap.field(addr, at.stream_code).unwrap_or(0);
            self.tag(code, Tag::Code);
            self.internal(self.words.code, code, Some(at.stream_code));
            self.used(self.words.relocation_info, addr, at.stream_relocation, Tag::Relocation);
        }
    }

    /// Writes a field that is named, and says what its target is used for.
    fn used(&mut self, name: StrIx, addr: u64, offset: u64, tag: Tag) {
        let word = self.heap.field(addr, offset).unwrap_or(0);
        self.tag(word, tag);
        self.internal(name, word, Some(offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_code_has_the_names_of_its_version() {
        let check = |(major, minor), builtin: &str, function: (Option<&str>, Option<&str>), nameless: (Option<&str>, Option<&str>)| {
            let way = Way::of(V8Version::new(major, minor));
            assert_eq!(way.builtin("ArrayMap"), builtin);
            let told = |name: &str| way.function(name);
            assert_eq!(told("f"), (function.0.map(str::to_owned), function.1.map(str::to_owned)));
            assert_eq!(told(""), (nameless.0.map(str::to_owned), nameless.1.map(str::to_owned)));
        };
        check((9, 4), "(ArrayMap builtin)", (Some("(code for f)"), None), (Some("(BASELINE code)"), None));
        check((11, 3), "(ArrayMap builtin handle)", (None, Some("(code for f)")), (None, Some("(BASELINE code)")));
        let both = |code, stream| (Some(code), Some(stream));
        let (function, nameless) =
            (both("(code for f)", "(instruction stream for f)"), both("(BASELINE code)", "(BASELINE instruction stream)"));
        check((11, 8), "(ArrayMap builtin code)", function, nameless);
        check((13, 6), "(ArrayMap builtin code)", function, nameless);
    }
}
