//! Why a process died, as far as its core tells: the signal, the function of Node's or V8's that ended it, and their last words.
//!
//! What ended it is read from the functions on the stack of the thread that died; without the program's symbols only the signal is known.

use std::fmt;

use crate::anatomy::Anatomy;
use crate::core_file::CoreFile;
use crate::kind::Kind;
use crate::maps::strong;
use crate::memory::Memory;
use crate::names::Names;
use crate::roots::Sources;
use crate::stack::{Code, Frame, JsFrame, Stack};
use crate::text::Strings;
use crate::value::value;
use crate::view::HeapView;

/// A signal that ended a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// The address whose use brought it about; only of faults.
    pub address: Option<u64>,
}

/// What ended a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing: the core is of a process that went on, as gcore writes them.
    Alive,
    /// V8 could not get more memory.
    OutOfMemory,
    /// An exception that nobody caught, under `--abort-on-uncaught-exception`.
    UncaughtException,
    /// `process.abort()`.
    Abort,
    /// An assertion of Node's own.
    Assertion,
    /// A check of V8's own.
    FatalError,
    /// A fault in machine code.
    Fault,
    /// A signal, from inside or outside, and no function that tells more.
    Signal,
}

/// The end of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    /// What ended it.
    pub cause: Cause,
    /// The signal.
    pub signal: Option<Signal>,
    /// The last words of V8 or Node, where they were found: what nobody caught, or why V8 could not go on.
    pub words: Option<String>,
    /// The function of JavaScript that ran.
    pub function: Option<JsFrame>,
    /// The innermost function of the program or of a library that has a name.
    pub native: Option<String>,
}

/// Names of signals by their numbers on x86-64.
const SIGNALS: [(i32, &str); 19] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (17, "SIGCHLD"),
    (18, "SIGCONT"),
    (24, "SIGXCPU"),
    (28, "SIGWINCH"),
    (31, "SIGSYS"),
];
/// Signals of faults.
const FAULTS: [i32; 4] = [4, 7, 8, 11];

/// What Node.js calls for an exception that nobody caught, and for a promise that was rejected so.
const UNCAUGHT: &str = "node::errors::TriggerUncaughtException";

/// Functions that end a process, by how their names begin. The first in this list that is on the stack counts.
const ENDS: [(&str, Cause); 12] = [
    ("v8::internal::V8::FatalProcessOutOfMemory", Cause::OutOfMemory),
    ("v8::Utils::ReportOOMFailure", Cause::OutOfMemory),
    ("node::OOMErrorHandler", Cause::OutOfMemory),
    ("v8::base::FatalOOM", Cause::OutOfMemory),
    ("node::Assert", Cause::Assertion),
    ("node::OnFatalError", Cause::FatalError),
    ("V8_Fatal", Cause::FatalError),
    ("v8::Utils::ReportApiFailure", Cause::FatalError),
    ("v8::internal::Isolate::Throw", Cause::UncaughtException),
    ("node::Abort", Cause::Abort),
    (UNCAUGHT, Cause::UncaughtException),
    ("node::ReallyExit", Cause::Abort),
];

/// Finds out why a process died.
#[must_use]
pub fn death(core: &CoreFile, anatomy: &Anatomy, stacks: &[Stack]) -> Death {
    let signal = signal(core);
    let died = stacks.first();
    let ended = || died.and_then(|stack| ended(&stack.frames));
    let cause = match signal {
        None => Cause::Alive,
        // V8 ends itself by a trap as well as by abort().
        Some(signal) => match ended() {
            Some(cause) => cause,
            None if FAULTS.contains(&signal.number) => Cause::Fault,
            None => Cause::Signal,
        },
    };
    let words = died.and_then(|stack| match cause {
        Cause::OutOfMemory | Cause::FatalError => words(core, stack),
        Cause::UncaughtException => uncaught(core, anatomy, stack),
        _ => None,
    });
    Death {
        cause,
        signal,
        words,
        function: died.and_then(|stack| stack.javascript().next().cloned()),
        native: died.and_then(|stack| stack.native().next().map(str::to_owned)),
    }
}

/// Returns what the functions on a stack say of its end.
fn ended(frames: &[Frame]) -> Option<Cause> {
    let on = |frames: &[Frame], function: &str| {
        frames.iter().any(|frame| matches!(&frame.code, Code::Native { function: Some(name), .. } if name.starts_with(function)))
    };
    let (_, cause) = ENDS.into_iter().find(|(function, _)| on(frames, function))?;
    // Node.js 16 and 18 call the function of `process.abort()` for an exception too, as a handler of the program's may do.
    let innermost = frames.iter().position(|frame| matches!(frame.code, Code::JavaScript(_))).unwrap_or(frames.len());
    let is_uncaught = cause == Cause::Abort && on(&frames[..innermost], UNCAUGHT);
    Some(if is_uncaught { Cause::UncaughtException } else { cause })
}

fn signal(core: &CoreFile) -> Option<Signal> {
    let number = core.notes.threads.first().map(|thread| i32::from(thread.signal)).filter(|&signal| signal != 0)?;
    let address = core.notes.signal.filter(|(told, _)| *told == number && FAULTS.contains(told)).map(|(_, address)| address);
    Some(Signal { number, address })
}

/// Looks for what V8 was about to say: between the functions that end the process, a word that leads to a text of the program's own.
fn words(core: &CoreFile, stack: &Stack) -> Option<String> {
    const LONGEST: usize = 200;
    let memory: &dyn Memory = core;
    let program = core.program()?.path.clone();
    let is_constant = |addr: u64| core.notes.file_at(addr).is_some_and(|file| file.path == program);
    let to = stack.frames.iter().find(|frame| matches!(frame.code, Code::JavaScript(_))).map_or(stack.memory.end, |f| f.at);
    let texts = (stack.memory.start..to).step_by(8).filter_map(|slot| memory.word(slot).ok()).filter(|&word| is_constant(word));
    texts.filter_map(|addr| memory.c_string(addr, LONGEST)).find(|text| is_sentence(text))
}

/// Returns the exception that nobody caught, as V8 says it: the newest handle to a message leads to what V8 has made of it.
fn uncaught(core: &CoreFile, anatomy: &Anatomy, stack: &Stack) -> Option<String> {
    let memory: &dyn Memory = core;
    let isolate = anatomy.isolates.get(stack.isolate?)?;
    anatomy.look(memory, |heap| {
        let strings = Strings { heap, memory };
        let is_message =
            |addr: &u64| heap.map_of(*addr).is_some_and(|map| heap.layout.types.name(map.instance_type) == "JS_MESSAGE_OBJECT");
        let (isolates, threads) = (&anatomy.isolates, &core.notes.threads);
        let sources = Sources { heap, memory, isolates, threads, names: &anatomy.root_names, builtins: &anatomy.builtins };
        let words = sources.handles(isolate).into_iter().rev().filter_map(|handle| memory.word(handle).ok());
        let message = words.filter_map(strong).find(is_message)?;
        let thrown = heap.field(message, heap.layout.at.message_argument)?;
        Some(format!("Uncaught {}", thrown_text(heap, &Names::new(heap, strings), thrown)))
    })
}

/// Writes what was thrown: an error by its class and message, anything else as a value.
fn thrown_text(heap: HeapView<'_, '_>, names: &Names<'_, '_>, thrown: u64) -> String {
    const LONGEST: usize = 200;
    let strings = names.strings();
    let error = strong(thrown).and_then(|addr| Some((addr, heap.map_of(addr).filter(|map| map.kind == Kind::JsError)?)));
    let Some((addr, map)) = error else { return value(heap, names, thrown).to_string() };
    let message = heap.property(addr, &map, |key| strings.text(key, 16).as_deref() == Some("message"));
    let class = names.class(addr, &map).name;
    match message.and_then(|message| strings.of_word(message.value, LONGEST)) {
        Some(message) => format!("{class}: {message}"),
        None => class.to_string(),
    }
}

/// Says whether a text is what V8 says when it dies, not the name of a file or a format.
fn is_sentence(text: &str) -> bool {
    let printable = text.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic());
    const SAID: [&str; 8] =
        ["heap limit", "Allocation failed", "Out of memory", "out of memory", "HandleScope", "Check failed", "invalid", "Fatal"];
    printable && text.contains(' ') && !text.contains('%') && SAID.iter().any(|said| text.contains(said))
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIGNALS.iter().find(|(number, _)| *number == self.number) {
            Some((_, name)) => f.write_str(name)?,
            None => write!(f, "signal {}", self.number)?,
        }
        self.address.map_or(Ok(()), |address| write!(f, " at address {address:#x}"))
    }
}

impl Cause {
    /// Returns the stable name used in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::OutOfMemory => "out_of_memory",
            Self::UncaughtException => "uncaught_exception",
            Self::Abort => "abort",
            Self::Assertion => "assertion",
            Self::FatalError => "fatal_error",
            Self::Fault => "fault",
            Self::Signal => "signal",
        }
    }

    /// Returns what people read.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Alive => "it did not die: the core was written of a running process",
            Self::OutOfMemory => "V8 ran out of memory",
            Self::UncaughtException => "an exception that nobody caught",
            Self::Abort => "process.abort() was called",
            Self::Assertion => "an assertion of Node.js failed",
            Self::FatalError => "a check of V8 failed",
            Self::Fault => "a fault in machine code",
            Self::Signal => "a signal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names() {
        let check = |number, address, expect: &str| assert_eq!(Signal { number, address }.to_string(), expect);
        check(6, None, "SIGABRT");
        check(11, Some(0x10), "SIGSEGV at address 0x10");
        check(64, None, "signal 64");
    }

    #[test]
    fn the_innermost_functions_say_what_ended_it() {
        use crate::stack::{Sure, Tier};
        let frame = |code| Frame { pc: None, at: 0, code, sure: Sure::Exact };
        let native = |name: &str| frame(Code::Native { function: Some(name.to_owned()), offset: 0, file: None });
        let script = || {
            let (name, tier) = (String::new(), Tier::Interpreted);
            frame(Code::JavaScript(JsFrame { function: None, name, place: None, tier, receiver: 0, arguments: vec![] }))
        };
        let check = |names: &[&str], expect| {
            let frames: Vec<Frame> = names.iter().map(|name| if name.is_empty() { script() } else { native(name) }).collect();
            assert_eq!(ended(&frames), expect, "{names:?}");
        };
        let (abort, uncaught, throw) =
            ("node::Abort()", "node::errors::TriggerUncaughtException(v8::Isolate*)", "v8::internal::Isolate::Throw");
        check(&["raise", abort, ""], Some(Cause::Abort));
        check(&["raise", abort, uncaught, ""], Some(Cause::UncaughtException));
        check(&["raise", abort, uncaught], Some(Cause::UncaughtException));
        check(&["raise", abort, "", uncaught], Some(Cause::Abort));
        check(&["raise", uncaught, "", abort], Some(Cause::UncaughtException));
        check(&["raise", throw, "", uncaught], Some(Cause::UncaughtException));
        check(&["epoll_wait", ""], None);
    }

    #[test]
    fn last_words_are_told_from_other_texts() {
        let check = |text: &str, expect: bool| assert_eq!(is_sentence(text), expect, "{text}");
        check("Reached heap limit", true);
        check("Ineffective mark-compacts near heap limit", true);
        check("FATAL ERROR: %s out of memory", false);
        check("../deps/v8/src/heap/heap.cc", false);
        check("Check failed: \u{1}", false);
    }
}
