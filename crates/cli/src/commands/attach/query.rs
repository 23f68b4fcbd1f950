//! `heapwhy attach PID query`: objects of a class in the running process, counted by V8 itself.

use std::time::Duration;

use clap::Args;
use heap::view::{ColumnKind, Table};
use live::{Constructed, Query};
use serde_json::{Value, json};

use crate::answer::{Answer, Line, Piece, Section};
use crate::attached::{self, Cost, Way, failed_to_ask};
use crate::codes;
use crate::error::CommandError;
use crate::render::number;
use crate::session::Session;

/// How many objects are shown of each constructor.
const EXAMPLES: usize = 3;

/// Options of `attach query`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy attach 7073 query Session\n  heapwhy attach 7073 query Map --json | jq '.live_objects.rows'",
    after_help = "V8 collects garbage and walks its heap, twice where the class is not a global one: the process stands still meanwhile, some ten seconds for a heap of a gigabyte. Counted is what has the class's prototype in its chain, as v8.queryObjects counts. Sizes are not told: the inspector does not know them (`heapwhy instances PID CLASS` does). Nothing of the program is run, and nothing is kept of it.",
    help_template = crate::args::TEMPLATE
)]
pub(super) struct QueryArgs {
    /// The class, by its constructor's name
    #[arg(value_name = "CLASS")]
    class: String,
}

/// What V8 needs for two looks, as it was measured: a collection and a walk each, and a handle for each object that it finds.
fn cost(resident: u64) -> Cost {
    const SECONDS_PER_GIB: f64 = 15.0;
    Cost { pause: Duration::from_secs_f64(0.1 + SECONDS_PER_GIB * resident as f64 / (1u64 << 30) as f64), growth: resident }
}

/// Counts.
pub(super) fn run(args: &QueryArgs, way: &Way, worker: Option<u64>, session: &Session) -> Result<Answer, CommandError> {
    let pid = way.pid;
    attached::afford(way, "looking for objects", cost, session)?;
    let answer = attached::ask(way, session, |inspector| {
        attached::speak_to(inspector, pid, worker)?;
        session.progress.work("V8 looks for objects", 0, 0);
        let query = inspector.query(&args.class, EXAMPLES).map_err(|error| failed_to_ask(pid, &error))?;
        if query.constructors.is_empty() {
            let what = format!("pid {pid} has no constructor called {}", args.class);
            return Err(CommandError::new(&codes::NO_SUCH_CLASS, what).hint(format!("heapwhy classes {pid}   lists the classes")));
        }
        Ok(Answer::default().section(summary(&args.class, &query)).brief_table(table(&query, session), &["constructor"]))
    })?;
    Ok(answer.next(format!("heapwhy why {pid} {}", crate::typed::shell_word(&args.class))))
}

fn summary(class: &str, query: &Query) -> Section {
    let mut lines: Vec<Line> = Vec::new();
    for constructed in &query.constructors {
        let count = constructed.count - constructed.prototypes.min(constructed.count);
        let mut text = format!("  {} objects", number::count(count));
        if constructed.prototypes > 0 {
            text.push_str(&format!(", and {} prototypes of derived classes", number::count(constructed.prototypes)));
        }
        lines.push(vec![Piece::Strong(class.to_owned()), Piece::Plain(text)]);
        let source = constructed.source.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        lines.push(vec![Piece::Faint(format!("  {source}"))]);
        lines.extend(constructed.examples.iter().map(|example| vec![Piece::Plain(format!("  {example}"))]));
    }
    if query.left_out > 0 {
        lines.push(vec![Piece::Alarm(format!("{} more constructors of that name were not looked at", query.left_out))]);
    }
    let json =
        json!({ "class": class, "constructors": query.constructors.iter().map(in_json).collect::<Vec<_>>(), "left_out": query.left_out });
    Section::Value { name: "live_query", json, lines }
}

fn in_json(constructed: &Constructed) -> Value {
    json!({
        "source": constructed.source,
        "count": constructed.count,
        "prototypes": constructed.prototypes,
        "examples": constructed.examples,
    })
}

fn table(query: &Query, session: &Session) -> Table {
    let columns = [
        ("class", "class of its own", ColumnKind::Text),
        ("count", "objects", ColumnKind::Count),
        ("constructor", "constructor", ColumnKind::Count),
    ];
    let mut table = Table::new("live_objects", &columns);
    for (at, constructed) in (1_u64..).zip(&query.constructors) {
        for (class, count) in &constructed.classes {
            let name = if class.is_empty() { "(none)" } else { class };
            table.push(vec![name.into(), (*count).into(), at.into()]);
        }
    }
    table.truncate(session.limit(false));
    table
}
