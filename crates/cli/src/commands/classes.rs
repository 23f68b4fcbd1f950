//! `heapwhy classes`: the histogram, by class or by another grouping.

use clap::{Args, ValueEnum};
use heap::HeapAnalysis;
use heap::filters::Filter;
use heap::questions::{Grouping, HistogramSort, histogram, histogram_at_a_glance, told_histogram, with_unreached};
use heap::source::Originals;
use heap::story::Setting;
use v8mem::graph::Scope;

use crate::answer::Answer;
use crate::args::{FileArg, SourceArgs};
use crate::core::Wanted;
use crate::error::CommandError;
use crate::open::{self, Glanced};
use crate::session::Session;

/// Options of `classes`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy classes app.heapsnapshot\n  heapwhy classes app.heapsnapshot --sort count --filter session\n  heapwhy classes app.heapsnapshot --by package\n  heapwhy classes app.heapsnapshot --json --limit 50",
    after_help = "Classes that were minified go by the names that source maps tell; in JSON, `generated` is the name in the script. Of a core dump there are columns for objects that only weak references lead to, and for garbage that was not collected yet.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ClassesArgs {
    #[command(flatten)]
    file: FileArg,
    /// How to group: class, shape (properties), module (script), file or package
    #[arg(long, value_name = "BY", default_value = "class", hide_possible_values = true)]
    by: By,
    /// What comes first: retained, self, count or name
    #[arg(long, value_name = "ORDER", default_value = "retained", hide_possible_values = true)]
    sort: Sort,
    /// Only groups whose name contains NAME, in either case; or one of DevTools' filters, such as duplicatedStrings
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    #[command(flatten)]
    sources: SourceArgs,
}

/// A grouping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// DevTools' classes.
    Class,
    /// Properties.
    Shape,
    /// Scripts by their whole name.
    Module,
    /// Scripts by their file name.
    File,
    /// npm packages.
    Package,
}

/// An order of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// What retains most.
    Retained,
    /// What is largest itself.
    #[value(name = "self")]
    SelfSize,
    /// What there is most of.
    Count,
    /// By name.
    Name,
}

/// People see the names that classes have in the source.
const ONLY_JSON: &[&str] = &["generated", "weak_size"];

/// Makes the histogram.
pub(crate) fn run(args: &ClassesArgs, session: &Session) -> Result<Answer, CommandError> {
    let sort = match args.sort {
        Sort::Retained => HistogramSort::Retained,
        Sort::SelfSize => HistogramSort::SelfSize,
        Sort::Count => HistogramSort::Count,
        Sort::Name => HistogramSort::Name,
    };
    let limit = session.limit(false);
    let files = args.sources.files();
    // A filter of DevTools' needs the graph, and so do other groupings.
    if args.by == By::Class
        && args.filter.is_none()
        && !session.global.no_index
        && session.scope() == Scope::Live
        && let Some(Glanced { answer, live, unreached }) = open::glance(&args.file.file, session)
    {
        let originals = Originals::new(&*files);
        let list = |glance, limit| histogram_at_a_glance(glance, &originals, sort, limit);
        let table = match &unreached {
            None => list(&live, limit),
            Some([weak, dead]) => with_unreached(list(&live, usize::MAX), &list(weak, usize::MAX), &list(dead, usize::MAX), limit),
        };
        return Ok(answer.headed().brief_table(table, ONLY_JSON));
    }
    let file = open::prepared(open::read_with(&args.file.file, Wanted::Unreached, session)?, session)?;
    let by = match args.by {
        By::Class => Grouping::Class,
        By::Shape => Grouping::Shape,
        By::Module => Grouping::Module,
        By::File => Grouping::File,
        By::Package => Grouping::Package,
    };
    let list = |analysis: &HeapAnalysis, limit| {
        let named = args.filter.as_deref().and_then(|name| Filter::parse(analysis.graph(), name).ok());
        let only = named.as_ref().map(|filter| filter.apply(analysis));
        let text = args.filter.as_deref().filter(|_| named.is_none());
        match by {
            Grouping::Class => told_histogram(&Setting::new(analysis, &*files), sort, only.as_ref(), text, limit),
            _ => histogram(analysis, by, &*files, sort, only.as_ref(), text, limit),
        }
    };
    let table = match &file.unreached {
        None => list(&file.analysis, limit),
        Some([weak, dead]) => with_unreached(list(&file.analysis, usize::MAX), &list(weak, usize::MAX), &list(dead, usize::MAX), limit),
    };
    Ok(file.answer(session).headed().brief_table(table, ONLY_JSON))
}
