//! One file a command: its options, and how its answer is made of questions to `heap`.
//!
//! Commands print nothing and do not know whether people or programs read their answer.

pub(crate) mod allocations;
pub(crate) mod attach;
pub(crate) mod buffers;
pub(crate) mod capture;
pub(crate) mod classes;
pub(crate) mod closure;
pub(crate) mod completions;
pub(crate) mod contexts;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod dominators;
pub(crate) mod emitters;
pub(crate) mod explain;
pub(crate) mod functions;
pub(crate) mod gc;
pub(crate) mod grep;
pub(crate) mod guard;
pub(crate) mod handles;
pub(crate) mod index;
pub(crate) mod inspect;
pub(crate) mod instances;
pub(crate) mod layout;
pub(crate) mod leak_test;
pub(crate) mod ledger;
pub(crate) mod man;
pub(crate) mod native;
pub(crate) mod objects;
pub(crate) mod path;
pub(crate) mod promises;
pub(crate) mod query;
pub(crate) mod redact;
pub(crate) mod refs;
pub(crate) mod report;
pub(crate) mod requests;
pub(crate) mod source;
pub(crate) mod spaces;
pub(crate) mod stack;
pub(crate) mod strings;
pub(crate) mod summary;
pub(crate) mod threads;
pub(crate) mod timers;
pub(crate) mod watch;
pub(crate) mod whatis;
pub(crate) mod why;

use crate::answer::Answer;
use crate::args::Command;
use crate::error::CommandError;
use crate::session::Session;

/// Runs a command.
pub(crate) fn run(command: &Command, session: &Session) -> Result<Answer, CommandError> {
    match command {
        Command::Summary(args) => summary::run(args, session),
        Command::Classes(args) => classes::run(args, session),
        Command::Objects(args) => objects::run(args, session),
        Command::Instances(args) => instances::run(args, session),
        Command::Inspect(args) => inspect::run(args, session),
        Command::Refs(args) => refs::run(args, session),
        Command::Why(args) => why::run(args, session),
        Command::Path(args) => path::run(args, session),
        Command::Dominators(args) => dominators::run(args, session),
        Command::Allocations(args) => allocations::run(args, session),
        Command::Functions(args) => functions::run(args, session),
        Command::Closure(args) => closure::run(args, session),
        Command::Contexts(args) => contexts::run(args, session),
        Command::Emitters(args) => emitters::run(args, session),
        Command::Promises(args) => promises::run(args, session),
        Command::Timers(args) => timers::run(args, session),
        Command::Buffers(args) => buffers::run(args, session),
        Command::Source(args) => source::run(args, session),
        Command::Grep(args) => grep::run(args, session),
        Command::Whatis(args) => whatis::run(args, session),
        Command::Spaces(args) => spaces::run(args, session),
        Command::Ledger(args) => ledger::run(args, session),
        Command::Native(args) => native::run(args, session),
        Command::Gc(args) => gc::run(args, session),
        Command::Layout(args) => layout::run(args, session),
        Command::Strings(args) => strings::run(args, session),
        Command::Query(args) => query::run(args, session),
        Command::Diff(args) => diff::run(args, session),
        Command::Threads(args) => threads::run(args, session),
        Command::Stack(args) => stack::run(args, session),
        Command::Handles(args) => handles::run(args, session),
        Command::Requests(args) => requests::run(args, session),
        Command::Convert(args) => convert::run(args, session),
        Command::Redact(args) => redact::run(args, session),
        Command::Index(args) => index::run(args, session),
        Command::Capture(args) => capture::run(args, session),
        Command::Attach(args) => attach::run(args, session),
        Command::Doctor(args) => doctor::run(args, session),
        Command::Watch(args) => watch::run(args, session),
        Command::Guard(args) => guard::run(args, session),
        Command::Fn(args) => leak_test::run(args, session),
        Command::Demo(args) => demo::run(args, session),
        Command::Explain(args) => explain::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}
