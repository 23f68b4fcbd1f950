//! How text may look: colour or not, which characters, how wide. Decided once from options, environment and terminal.
//!
//! Colour only ever repeats what the words say.

use std::io::IsTerminal;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless NO_COLOR or TERM=dumb says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How text may look.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// Whether to emit colour.
    pub(crate) colour: bool,
    /// Whether to keep to ASCII.
    pub(crate) ascii: bool,
    /// How many columns there are: 40 to 120.
    pub(crate) width: usize,
}

impl Style {
    /// Decides from the options, the environment and whether standard output is a terminal.
    pub(crate) fn detect(choice: ColourChoice, ascii: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let seen = if terminal { terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)) } else { told };
        let width = seen.unwrap_or(80);
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if set("NO_COLOR") => false,
            ColourChoice::Auto if set("FORCE_COLOR") => std::env::var_os("FORCE_COLOR").is_some_and(|value| value != "0"),
            ColourChoice::Auto => terminal && !dumb,
        };
        Self { colour, ascii: ascii || !speaks_utf8(), width: width.clamp(40, 120) }
    }

    /// Returns text in bold.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Returns text that stands back.
    pub(crate) fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Returns text that warns.
    pub(crate) fn red(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// Returns text that deserves a look.
    pub(crate) fn yellow(&self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Returns a command or a place in the source.
    pub(crate) fn cyan(&self, text: &str) -> String {
        self.paint("36", text)
    }

    /// Returns our own text in the characters that the terminal has.
    pub(crate) fn own(&self, text: &str) -> String {
        if self.ascii { super::clean::to_ascii(text) } else { text.to_owned() }
    }

    fn paint(&self, sequence: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{sequence}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Says whether the locale's characters are UTF-8. Without any locale (containers, CI) they are taken to be.
fn speaks_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match locale {
        Some(locale) => cfg!(windows) || ["utf-8", "utf8"].iter().any(|name| locale.to_ascii_lowercase().contains(name)),
        None => true,
    }
}
