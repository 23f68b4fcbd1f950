//! Exit codes: a documented contract that stays within a major version.
//!
//! Knows the numbers and their meaning, not when a command picks one: that is each command's and each error's business.

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything asked was answered; nothing above a threshold, or none was asked for.
    Fine = 0,
    /// A leak or threshold was hit, where the command was asked to judge.
    Found = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// An input cannot be read, or only a part of it; or an output cannot be written.
    Unreadable = 3,
    /// The system does not allow it.
    Permission = 4,
    /// A kind of input that this version does not read, or inputs that do not belong together.
    Unsupported = 5,
    /// The target went away or took too long.
    Target = 6,
    /// Refused, because it would destroy or endanger something.
    Refused = 7,
    /// A bug in heapwhy.
    Bug = 101,
    /// Stopped by Ctrl-C.
    Stopped = 130,
}

/// Every exit code with its meaning, as `--help`, the manual page and `heapwhy explain exit` list them.
pub(crate) const MEANINGS: &[(Exit, &str)] = &[
    (Exit::Fine, "fine: answered, and nothing above a threshold, or no threshold was given"),
    (Exit::Found, "a leak was found, where asked to judge (--fail-on, fn)"),
    (Exit::Usage, "the command line makes no sense, or names something that the file does not hold; of fn: the program failed"),
    (
        Exit::Unreadable,
        "a file cannot be read, or only a part of it (--partial-ok accepts a part), or cannot be written; of fn: it cannot tell",
    ),
    (Exit::Permission, "permission denied"),
    (
        Exit::Unsupported,
        "a kind of file that this version does not read, or files that do not belong together (--fail-on cannot judge them)",
    ),
    (Exit::Target, "the process went away or took too long"),
    (Exit::Refused, "refused, because it would destroy something"),
    (Exit::Bug, "a bug in heapwhy"),
    (Exit::Stopped, "stopped by Ctrl-C"),
];

impl Exit {
    /// Of a leak test: the program under test failed. The numbers of leak tests are those that test runners use.
    pub(crate) const PROGRAM_FAILED: Self = Self::Usage;
    /// Of a leak test: there is no verdict.
    pub(crate) const CANNOT_TELL: Self = Self::Unreadable;

    /// Returns the number that the shell sees.
    pub(crate) fn number(self) -> u8 {
        self as u8
    }
}
