//! One frame of JavaScript: which function, where in it, by which of V8's tiers, with which arguments.

use super::machine_code::{BytecodeSizes, MachineCode};
use super::positions::in_source;
use crate::kind::Kind;
use crate::maps::{smi, strong};
use crate::memory::Memory;
use crate::names::Names;
use crate::scripts::{LineColumn, Scripts};
use crate::view::HeapView;

/// How a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Bytecode, interpreted: where it stands is exact.
    Interpreted,
    /// Compiled without optimization (Sparkplug): where it stands is exact, where the program has its symbols.
    Baseline,
    /// Compiled with some optimization: where it stands is what the compiler says of the instruction.
    Maglev,
    /// Compiled with all optimization: as of Maglev.
    Turbofan,
    /// Compiled with optimization, by which compiler is not known.
    Optimized,
    /// Part of V8.
    Builtin,
}

impl Tier {
    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interpreted => "interpreted",
            Self::Baseline => "baseline",
            Self::Maglev => "maglev",
            Self::Turbofan => "turbofan",
            Self::Optimized => "optimized",
            Self::Builtin => "builtin",
        }
    }
}

/// Where a function stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The script's name.
    pub script: String,
    /// Line and column, from 0; `None` where the source is not there.
    pub at: Option<LineColumn>,
    /// Whether that is what runs now; else it is where the function begins.
    pub is_exact: bool,
}

/// A frame of JavaScript.
#[derive(Clone, Debug, PartialEq)]
pub struct JsFrame {
    /// The address of the function; `None` where it was compiled into the next one outwards, whose frame it shares: then its arguments are not told.
    pub function: Option<u64>,
    /// Its name, empty where it has none.
    pub name: String,
    /// Where it stands; `None` where it has no script.
    pub place: Option<Place>,
    /// How it runs.
    pub tier: Tier,
    /// The receiver: a tagged word.
    pub receiver: u64,
    /// The arguments: tagged words.
    pub arguments: Vec<u64>,
}

/// No call passes more arguments.
const MOST_ARGUMENTS: u64 = 1 << 16;

/// Reads frames.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a, 'm> {
    pub(super) heap: HeapView<'a, 'm>,
    pub(super) memory: &'m dyn Memory,
    pub(super) names: &'a Names<'a, 'm>,
    pub(super) scripts: &'a Scripts<'a, 'm>,
    /// How long bytecodes are, where the program tells.
    pub(super) sizes: Option<&'a BytecodeSizes>,
}

impl Reader<'_, '_> {
    fn below(&self, fp: u64, offset: u64) -> Option<u64> {
        self.memory.word(fp.checked_sub(offset)?).ok()
    }

    fn kind_of(&self, word: u64) -> Option<Kind> {
        self.heap.kind(strong(word)?)
    }

    /// Says whether a frame of JavaScript is at a frame pointer: there are a context and a function.
    pub(super) fn is_frame(&self, fp: u64) -> bool {
        let at = &self.heap.layout.at;
        let kind = |offset| self.below(fp, offset).and_then(|word| self.kind_of(word));
        matches!(kind(at.frame_context), Some(Kind::Context | Kind::NativeContext)) && kind(at.frame_function) == Some(Kind::JsFunction)
    }

    /// Reads the frame at a frame pointer, if it is one of JavaScript. `pc` is where it goes on, as far as that is known.
    pub(super) fn frame(&self, fp: u64, pc: Option<u64>, builtin: Option<&str>) -> Option<JsFrame> {
        if !self.is_frame(fp) {
            return None;
        }
        let at = &self.heap.layout.at;
        let function = strong(self.below(fp, at.frame_function)?)?;
        let shared = self.heap.target(function, at.function_shared)?;
        let bytecode = self.below(fp, at.frame_bytecode).and_then(strong).filter(|&code| self.heap.kind(code) == Some(Kind::BytecodeArray));
        // A loop that was compiled while it ran goes on in the interpreter's frame, which still says where the loop was entered.
        let is_compiled = pc.and_then(|pc| self.heap.pages.page(pc)).is_some_and(|page| page.executable);
        let code = pc.and_then(|pc| MachineCode::around(self.heap, pc)).filter(|code| code.tier != Tier::Builtin);
        let slot = self.below(fp, at.frame_offset);
        let offset = slot.and_then(smi).filter(|_| !is_compiled);
        let script = self.scripts.script(shared);
        let origins = code.zip(pc).map(|(code, pc)| code.origins(self.heap, pc)).unwrap_or_default();
        let tier = match (bytecode, offset) {
            _ if code.is_some() => code.map_or(Tier::Optimized, |code| code.tier),
            (Some(_), Some(_)) => Tier::Interpreted,
            (Some(_), None) if slot.and_then(smi).is_some() => Tier::Optimized,
            (Some(_), None) => Tier::Baseline,
            (None, _) if builtin.is_some() || script.is_none() => Tier::Builtin,
            (None, _) => Tier::Optimized,
        };
        let of_bytecode = bytecode.and_then(|bytecode| {
            // The offset in a frame is counted from the tagged pointer to the bytecode.
            let place = match code {
                Some(code) => code.bytecode(self.heap, self.sizes?, bytecode, pc?)? + (at.bytecode_start as i64 - 1),
                None => offset?,
            };
            in_source(self.heap, bytecode, place)
        });
        let running = origins.last().map(|own| own.position).or(of_bytecode);
        Some(JsFrame {
            function: Some(function),
            name: self.names.debug_name(shared),
            place: script.and_then(|script| self.place(script, shared, running)),
            tier,
            receiver: self.memory.word(fp + at.frame_receiver).unwrap_or(0),
            arguments: self.arguments(fp),
        })
    }

    /// Returns the functions that were compiled into the one whose frame this is and run in it, the innermost first.
    pub(super) fn inlined(&self, frame: &JsFrame, pc: u64) -> Vec<JsFrame> {
        let origins = MachineCode::around(self.heap, pc).map(|code| code.origins(self.heap, pc)).unwrap_or_default();
        let inlined = origins.into_iter().filter_map(|origin| {
            let shared = origin.shared?;
            Some(JsFrame {
                function: None,
                name: self.names.debug_name(shared),
                place: self.scripts.script(shared).and_then(|script| self.place(script, shared, Some(origin.position))),
                tier: frame.tier,
                receiver: 0,
                arguments: vec![],
            })
        });
        inlined.collect()
    }

    fn place(&self, script: u64, shared: u64, running: Option<u32>) -> Option<Place> {
        let position = running.or_else(|| self.scripts.start(shared));
        let at = position.and_then(|position| self.scripts.line_column(script, position));
        Some(Place { script: self.scripts.name(script)?, at, is_exact: running.is_some() })
    }

    fn arguments(&self, fp: u64) -> Vec<u64> {
        let at = &self.heap.layout.at;
        let count = self.below(fp, at.frame_count).filter(|&count| count <= MOST_ARGUMENTS).unwrap_or(0);
        let count = count.saturating_sub(at.frame_counts_receiver);
        (1..=count).map_while(|nth| self.memory.word(fp.checked_add(at.frame_receiver + 8 * nth)?).ok()).collect()
    }
}
