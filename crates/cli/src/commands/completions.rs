//! `heapwhy completions`: a script that teaches a shell the commands and options.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Generator, Shell};
use clap_complete_nushell::Nushell;

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
    shell: Known,
}

/// A shell for which there is a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Known {
    Bash,
    Elvish,
    Fish,
    Nushell,
    Powershell,
    Zsh,
}

/// Makes the script.
pub(crate) fn run(args: &CompletionsArgs) -> Result<Answer, CommandError> {
    let text = match args.shell {
        Known::Bash => script(Shell::Bash),
        Known::Elvish => script(Shell::Elvish),
        Known::Fish => script(Shell::Fish),
        Known::Nushell => script(Nushell),
        Known::Powershell => script(Shell::PowerShell),
        Known::Zsh => script(Shell::Zsh),
    };
    Ok(Answer::default().section(Section::Raw { name: "completions", text }))
}

fn script(shell: impl Generator) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "heapwhy", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
