//! `heapwhy completions`: a script that teaches a shell the commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::answer::{Answer, Section};
use crate::args::CommandLine;
use crate::error::CommandError;

/// Options of `completions`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy completions bash > ~/.local/share/bash-completion/completions/heapwhy\n  heapwhy completions zsh > ~/.zfunc/_heapwhy",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Makes the script.
pub(crate) fn run(args: &CompletionsArgs) -> Result<Answer, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut CommandLine::command(), "heapwhy", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    Ok(Answer::default().section(Section::Raw { name: "completions", text }))
}
