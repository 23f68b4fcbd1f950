//! The command line: options that every command takes, and which words are commands.
//!
//! Each command's own options stand in its file below `commands`. A bare argument is a target: all digits, or an existing path; the words of
//! commands win, and `./diff` reaches a file of that name.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use heap::source::{NoFiles, SourceFiles};

use crate::commands;
use crate::render::style::ColourChoice;
use crate::sources::Disk;

/// Help starts with what people type, then says what it means.
pub(crate) const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}\n";

const EXAMPLES: &str = "\
Examples:
  heapwhy app.heapsnapshot               what holds the memory, and which line of yours
  heapwhy 1.heapsnapshot 2.heapsnapshot  what grew in between, and what holds it
  heapwhy 7073                           the same of a running process, by its id
  heapwhy why app.heapsnapshot Session   why Session objects are still there
  heapwhy classes app.heapsnapshot       the histogram of classes
  heapwhy demo                           try it on a leaking service that is included";

const AFTER: &str = "\
Exit codes: 0 fine, 1 leak found (--fail-on), 2 usage, 3 unreadable or partial,
4 permission, 5 unsupported, 6 process failed, 7 refused, 130 Ctrl-C.
`heapwhy help COMMAND` tells more, `heapwhy explain CODE` explains an error.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "heapwhy",
    version,
    about = "Why is my Node.js process still holding that memory?",
    before_help = EXAMPLES,
    after_help = AFTER,
    help_template = TEMPLATE,
    disable_help_subcommand = false,
    infer_subcommands = false,
    subcommand_value_name = "COMMAND",
    override_usage = "heapwhy [OPTIONS] FILE...\n       heapwhy [OPTIONS] COMMAND ..."
)]
pub(crate) struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The report's own options, where no command is named.
    #[command(flatten)]
    pub(crate) report: commands::report::ReportArgs,
    /// The options of all commands.
    #[command(flatten)]
    pub(crate) global: Globals,
}

/// The options that every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Globals {
    /// Print one JSON object (see schema/report-1.json)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print the main rows (of tables, trees, suspects, paths) as JSON, one a line, and nothing else
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) jsonl: bool,
    /// Show at most N rows; 0 shows all [default: 20 for people, all with --json or -q]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Neither use nor write an index (.hwy) next to the file
    #[arg(long, global = true)]
    pub(crate) no_index: bool,
    /// Exit with 0 although the file is damaged and the answer partial
    #[arg(long, global = true)]
    pub(crate) partial_ok: bool,
    /// When to use colour: auto, always, never (NO_COLOR, FORCE_COLOR are heard too)
    #[arg(
        long,
        visible_alias = "colour",
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) color: ColourChoice,
    /// Keep to ASCII characters
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// The Node.js program that a core came from [default: the one it names], or that is to run [default: node in PATH]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) node: Option<PathBuf>,
    /// Of a core dump: what is alive; the default, as in a snapshot
    #[arg(long, global = true)]
    pub(crate) live: bool,
    /// Of a core dump: what only weak references lead to
    #[arg(long, global = true, conflicts_with = "live")]
    pub(crate) weak: bool,
    /// Of a core dump: garbage that was not collected yet
    #[arg(long, global = true, conflicts_with_all = ["live", "weak"])]
    pub(crate) dead: bool,
    /// Of a core dump: only the isolate of that number, as `contexts` and `threads` count them; 1 is the main thread's
    #[arg(long, global = true, value_name = "N")]
    pub(crate) isolate: Option<usize>,
    /// Show no progress
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
}

/// One snapshot file.
#[derive(Args, Clone, Debug)]
pub(crate) struct FileArg {
    /// A .heapsnapshot file, plain or .gz, a core dump of Node.js, the id of a running process, or - for a snapshot on standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// What a question is about.
#[derive(Args, Clone, Debug)]
pub(crate) struct WhatArg {
    /// An id (@123, 123 or an address, 0x7b), a class name (also as it was before it was minified), a line of source (app.ts:14), a shape (shape:@123, that of an object), or - to read ids from standard
    /// input (if FILE does not)
    #[arg(value_name = "WHAT", allow_hyphen_values = true)]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
}

/// Which source files and source maps may be read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SourceArgs {
    /// Where source maps and sources are, if not beside the scripts that the snapshot names (app.js.map, or as their sourceMappingURL says)
    #[arg(long, value_name = "DIR")]
    pub(crate) sourcemaps: Option<PathBuf>,
    /// Read no source files from this disk
    #[arg(long)]
    pub(crate) no_sources: bool,
}

impl SourceArgs {
    /// Returns the files that may be read.
    pub(crate) fn files(&self) -> Box<dyn SourceFiles> {
        if self.no_sources { Box::new(NoFiles) } else { Box::new(Disk::new(self.sourcemaps.clone())) }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What the file is and what its memory is made of
    Summary(commands::summary::SummaryArgs),
    /// The histogram: how many of each class, how large, what they retain
    Classes(commands::classes::ClassesArgs),
    /// The objects by shape, class or type: one of each, how many, how many properties
    Objects(commands::objects::ObjectsArgs),
    /// The objects of a class
    Instances(commands::instances::InstancesArgs),
    /// What an object is made of, printed as Node.js prints objects
    Inspect(commands::inspect::InspectArgs),
    /// Who refers to an object, and by which edge
    Refs(commands::refs::RefsArgs),
    /// Why objects are still there: the retaining path as a story
    Why(commands::why::WhyArgs),
    /// The shortest retaining paths, edge by edge
    Path(commands::path::PathArgs),
    /// What would be freed with what: the dominator tree
    Dominators(commands::dominators::DominatorsArgs),
    /// Strings: largest, duplicate, matching
    Strings(commands::strings::StringsArgs),
    /// Who made the objects that are there, where V8 tracked allocations
    Allocations(commands::allocations::AllocationsArgs),
    /// Functions: how many closures of each, where they were written, what they retain
    Functions(commands::functions::FunctionsArgs),
    /// The variables that a closure sees, scope by scope
    Closure(commands::closure::ClosureArgs),
    /// Realms: the program's, those of workers, those of node:vm
    Contexts(commands::contexts::ContextsArgs),
    /// Event emitters and targets: events, listeners, who listens
    Emitters(commands::emitters::EmittersArgs),
    /// Promises: settled or not, who waits for them and where
    Promises(commands::promises::PromisesArgs),
    /// Timers: when they fire, what they call, what they keep until then
    Timers(commands::timers::TimersArgs),
    /// Memory outside V8's heap: ArrayBuffers, Buffers, external strings, and who keeps them
    Buffers(commands::buffers::BuffersArgs),
    /// The live objects made by a constructor, as v8.queryObjects counts them
    Query(commands::query::QueryArgs),
    /// What grew between snapshots
    Diff(commands::diff::DiffArgs),
    /// The threads of a core dump, and what each was doing
    Threads(commands::threads::ThreadsArgs),
    /// The stacks of a core dump: JavaScript with lines and arguments, C++ by symbol
    Stack(commands::stack::StackArgs),
    /// What a core dump's process had open: servers, sockets, watchers, processes, ports
    Handles(commands::handles::HandlesArgs),
    /// What it waited for from the system: files, writes, names, connections
    Requests(commands::requests::RequestsArgs),
    /// What lies at addresses of a core dump: objects and fields, pages, stacks, files
    Whatis(commands::whatis::WhatisArgs),
    /// Who holds an address, a number, or strings with some text
    Grep(commands::grep::GrepArgs),
    /// The source text of functions and scripts, out of a core dump
    Source(commands::source::SourceCommandArgs),
    /// V8's spaces in every isolate of a core dump: committed, live, garbage, free
    Spaces(commands::spaces::SpacesArgs),
    /// How the memory of a process adds up: V8's heap, buffers, C and C++, stacks, files, and what is left
    Ledger(commands::ledger::LedgerArgs),
    /// Memory of C and C++ in a process: what was lost
    Native(commands::native::NativeArgs),
    /// What a log of garbage collections says (--trace-gc): growing, lazy, thrashing
    Gc(commands::gc::GcArgs),
    /// The numbers by which a core dump is read, where they come from, and whether they fit
    Layout(commands::layout::LayoutArgs),
    /// Write a snapshot, a pprof profile or a CSV table
    Convert(commands::convert::ConvertArgs),
    /// Write a copy without any value: structure and sizes stay
    Redact(commands::redact::RedactArgs),
    /// Write the index that makes the next look instant
    Index(commands::index::IndexArgs),
    /// Write a core dump of a running process, which goes on
    Capture(commands::capture::CaptureArgs),
    /// Ask a running process over its inspector, which is opened for it and closed again
    Attach(commands::attach::AttachArgs),
    /// What a capture of a running process would need and cost; changes nothing
    Doctor(commands::doctor::DoctorArgs),
    /// What a running process's memory does: sizes, the floor of its heap, how fast it rises, when a limit is reached
    Watch(commands::watch::WatchArgs),
    /// Capture a running process, or a command, before V8's limit or its control group's ends it
    Guard(commands::guard::GuardArgs),
    /// Whether a function leaks: it is called many times in a process of its own
    Fn(commands::leak_test::FnArgs),
    /// Run a leaking service that is included, and explain its leak
    Demo(commands::demo::DemoArgs),
    /// Explain an error code, a rule, a verdict or the exit codes
    Explain(commands::explain::ExplainArgs),
    /// Print shell completions
    Completions(commands::completions::CompletionsArgs),
    /// Print the manual page
    Man(commands::man::ManArgs),
}
