//! What a command line of Node.js says: its options, up to the script. What follows the script is the program's, and nobody's business.

/// Options whose value may be the next word: those of Node.js 16 to 26. V8's take a number there, which no other word looks like.
const WITH_VALUE: &[&str] = &[
    "-C",
    "-r",
    "allow-fs-read",
    "allow-fs-write",
    "bench-isolation",
    "bench-name-pattern",
    "bench-reporter",
    "bench-reporter-destination",
    "build-sea",
    "build-snapshot-config",
    "conditions",
    "cpu-prof-dir",
    "cpu-prof-name",
    "debug-port",
    "diagnostic-dir",
    "disable-proto",
    "disable-warning",
    "dns-result-order",
    "env-file",
    "env-file-if-exists",
    "es-module-specifier-resolution",
    "experimental-config-file",
    "experimental-default-type",
    "experimental-loader",
    "experimental-package-map",
    "experimental-policy",
    "experimental-sea-config",
    "experimental-specifier-resolution",
    "experimental-test-isolation",
    "experimental-test-tag-filter",
    "heap-prof-dir",
    "heap-prof-name",
    "heapsnapshot-signal",
    "icu-data-dir",
    "import",
    "input-type",
    "inspect-port",
    "inspect-publish-uid",
    "loader",
    "localstorage-file",
    "openssl-config",
    "policy-integrity",
    "redirect-warnings",
    "report-dir",
    "report-directory",
    "report-filename",
    "report-signal",
    "require",
    "run",
    "snapshot-blob",
    "test-coverage-exclude",
    "test-coverage-include",
    "test-global-setup",
    "test-isolation",
    "test-name-pattern",
    "test-reporter",
    "test-reporter-destination",
    "test-rerun-failures",
    "test-shard",
    "test-skip-pattern",
    "title",
    "tls-cipher-list",
    "tls-keylog",
    "trace-event-categories",
    "trace-event-file-pattern",
    "trace-require-module",
    "unhandled-rejections",
    "use-largepages",
    "vfs-load",
    "vfs-mount",
    "watch-kill-signal",
    "watch-path",
];
/// Options whose value is a program.
const TEXT: [&str; 5] = ["-e", "-p", "-pe", "eval", "print"];

/// What is known of a command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told<'w> {
    /// Options by name, with their values.
    options: Vec<(String, Option<&'w str>)>,
    /// The script; `[eval]` for a text on the command line.
    pub(super) script: Option<&'w str>,
}

impl<'w> Told<'w> {
    /// Reads the words behind the program's name, or those of `NODE_OPTIONS`.
    pub(super) fn of(words: impl Iterator<Item = &'w str>) -> Self {
        let mut told = Self::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            if word == "--" || !word.starts_with('-') || word == "-" {
                told.script = told.script.or(if word == "--" { words.next() } else { Some(word) });
                break;
            }
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            let name = name.strip_prefix("--").unwrap_or(name).replace('_', "-");
            if TEXT.contains(&name.as_str()) {
                told.script = Some("[eval]");
                words.next_if(|next| value.is_none() && !next.starts_with('-'));
                continue;
            }
            let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            let takes = |next: &&str| is_number(next) || WITH_VALUE.contains(&name.as_str());
            let value = value.or_else(|| words.next_if(takes));
            told.options.push((name, value));
        }
        told
    }

    /// Returns the value of an option: the last one counts.
    pub(super) fn value(&self, name: &str) -> Option<&'w str> {
        self.options.iter().rev().find(|(known, _)| known == name)?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_the_first_word_that_is_no_option_and_no_value() {
        let check = |words: &[&str], expect: Option<&str>| assert_eq!(Told::of(words.iter().copied()).script, expect, "{words:?}");
        check(&["app.js", "--port", "80", "other.js"], Some("app.js"));
        check(&["-r", "dotenv/config", "--inspect", "app.js"], Some("app.js"));
        check(&["--report-directory", "/var/reports", "--title=x", "app.js"], Some("app.js"));
        check(&["-e", "connect('secret')"], Some("[eval]"));
        check(&["--eval=connect('secret')", "argument"], Some("[eval]"));
        check(&["-p", "--trace-gc"], Some("[eval]"));
        check(&["--max-old-space-size", "60", "app.js"], Some("app.js"));
        check(&["--", "-app.js"], Some("-app.js"));
        check(&["--run", "start"], None);
        check(&["-"], Some("-"));
        check(&["--trace-gc"], None);
        check(&[], None);
    }

    #[test]
    fn the_last_of_an_option_counts() {
        let check = |words: &str, expect: Option<&str>| {
            assert_eq!(Told::of(words.split_ascii_whitespace()).value("max-old-space-size"), expect, "{words:?}");
        };
        check("--max-old-space-size=60 app.js --max-old-space-size=1", Some("60"));
        check("--max_old_space_size 60 -r x --max-old-space-size=70", Some("70"));
        check("--max-old-space-size", None);
        check("--title max --import ./max-old-space-size.js app.js", None);
        check("-e code --max-old-space-size=50", Some("50"));
    }
}
