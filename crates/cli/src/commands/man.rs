//! `heapwhy man`: the manual page, in roff. `heapwhy man | man -l -` shows it.

use clap::{Args, CommandFactory};

use crate::answer::{Answer, Section};
use crate::args::CommandLine;
use crate::error::CommandError;

/// Options of `man`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy man | man -l -\n  heapwhy man > /usr/local/share/man/man1/heapwhy.1",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct ManArgs {
    /// The page of one command instead of the whole
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// Makes the page.
pub(crate) fn run(args: &ManArgs) -> Result<Answer, CommandError> {
    let mut line = CommandLine::command().disable_help_subcommand(true);
    line.build();
    let page = match args.command.as_deref() {
        None => line,
        Some(name) => line.find_subcommand(name).cloned().ok_or_else(|| {
            let what = format!("there is no command called {name}");
            CommandError::new(&crate::codes::NO_SUCH_COMMAND, what).hint("heapwhy --help lists the commands")
        })?,
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut roff)
        .map_err(|error| CommandError::new(&crate::codes::BUG, format!("cannot make the manual page: {error}")))?;
    let text = String::from_utf8_lossy(&roff).into_owned();
    Ok(Answer::default().section(Section::Raw { name: "man", text }))
}
