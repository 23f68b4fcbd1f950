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

    /// Reads the frame at a frame pointer, if it is one of JavaScript: the functions that were compiled into the one that it is of and run in it,
    /// the innermost first, and that one. `pc` is where it goes on, as far as that is known.
    pub(super) fn frames(&self, fp: u64, pc: Option<u64>, builtin: Option<&str>) -> Option<Vec<JsFrame>> {
        if !self.is_frame(fp) {
            return None;
        }
        let function = strong(self.below(fp, self.heap.layout.at.frame_function)?)?;
        let shared = self.heap.target(function, self.heap.layout.at.function_shared)?;
        let code = pc.and_then(|pc| Some((MachineCode::around(self.heap, pc)?, pc))).filter(|(code, _)| code.tier != Tier::Builtin);
        let origins = code.map(|(code, pc)| code.origins(self.heap, pc)).unwrap_or_default();
        let (tier, of_bytecode) = self.progress(fp, pc, code, builtin.is_some() || self.scripts.script(shared).is_none());
        let running = origins.last().map(|own| own.position).or(of_bytecode);
        let inlined = origins.into_iter().filter_map(|origin| Some(self.inlined(origin.shared?, origin.position, tier)));
        let own = JsFrame {
            function: Some(function),
            name: self.names.debug_name(shared),
            place: self.place(shared, running),
            tier,
            receiver: self.memory.word(fp + self.heap.layout.at.frame_receiver).unwrap_or(0),
            arguments: self.arguments(fp),
        };
        Some(inlined.chain([own]).collect())
    }

    /// Returns who made what runs in a frame, and where in the source its bytecode has come to. `is_own` says whether it can be nothing but V8's.
    fn progress(&self, fp: u64, pc: Option<u64>, code: Option<(MachineCode, u64)>, is_own: bool) -> (Tier, Option<u32>) {
        let at = &self.heap.layout.at;
        let bytecode = self.below(fp, at.frame_bytecode).and_then(strong).filter(|&code| self.heap.kind(code) == Some(Kind::BytecodeArray));
        // A loop that was compiled while it ran goes on in the interpreter's frame, which still says where the loop was entered.
        let is_compiled = pc.and_then(|pc| self.heap.pages.page(pc)).is_some_and(|page| page.executable);
        let slot = self.below(fp, at.frame_offset).and_then(smi);
        let offset = slot.filter(|_| !is_compiled);
        let tier = match (bytecode, offset) {
            _ if code.is_some() => code.map_or(Tier::Optimized, |(code, _)| code.tier),
            (Some(_), Some(_)) => Tier::Interpreted,
            (Some(_), None) if slot.is_some() => Tier::Optimized,
            (Some(_), None) => Tier::Baseline,
            (None, _) if is_own => Tier::Builtin,
            (None, _) => Tier::Optimized,
        };
        let of_bytecode = bytecode.and_then(|bytecode| {
            // The offset in a frame is counted from the tagged pointer to the bytecode.
            let place = match code {
                Some((code, pc)) => code.bytecode(self.heap, self.sizes?, bytecode, pc)? + (at.bytecode_start as i64 - 1),
                None => offset?,
            };
            in_source(self.heap, bytecode, place)
        });
        (tier, of_bytecode)
    }

    /// Describes a function that was compiled into another: its receiver and arguments stand nowhere.
    fn inlined(&self, shared: u64, position: u32, tier: Tier) -> JsFrame {
        let (name, place) = (self.names.debug_name(shared), self.place(shared, Some(position)));
        JsFrame { function: None, name, place, tier, receiver: 0, arguments: vec![] }
    }

    fn place(&self, shared: u64, running: Option<u32>) -> Option<Place> {
        let script = self.scripts.script(shared)?;
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
