//! Damage as a value: what a source had to leave out or repair, counted, capped and with the place.
//!
//! A source never fails on damaged input and never hides the damage: it returns what it could read, and `Problems`.

/// How many problems of one kind are kept with their place; the rest are only counted.
const KEPT_PER_KIND: usize = 8;

/// What kind of damage a source met. The names are stable: they appear in `--json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The input stops before its end.
    Truncated,
    /// A count in the header does not agree with what is there.
    WrongCount,
    /// An edge points to a node that does not exist, or not to the start of one.
    BadTarget,
    /// A string index beyond the string table.
    BadString,
    /// A value that is not a number, or does not fit.
    BadNumber,
    /// A section that the header announces is missing or unreadable.
    BadSection,
    /// A tree that is not one: cycles, or a child without a parent.
    BadTree,
    /// Bytes behind the end: of another file, or of an older one that was longer.
    TrailingBytes,
    /// Memory that does not look as the layout says that it should.
    DoubtfulLayout,
}

impl ProblemKind {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; Self::DoubtfulLayout as usize + 1] = [
        Self::Truncated,
        Self::WrongCount,
        Self::BadTarget,
        Self::BadString,
        Self::BadNumber,
        Self::BadSection,
        Self::BadTree,
        Self::TrailingBytes,
        Self::DoubtfulLayout,
    ];

    /// Returns the stable name used in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::WrongCount => "wrong-count",
            Self::BadTarget => "bad-target",
            Self::BadString => "bad-string",
            Self::BadNumber => "bad-number",
            Self::BadSection => "bad-section",
            Self::BadTree => "bad-tree",
            Self::TrailingBytes => "trailing-bytes",
            Self::DoubtfulLayout => "doubtful-layout",
        }
    }
}

/// One piece of damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub kind: ProblemKind,
    /// Where: a byte offset of the input, where it is known.
    pub offset: Option<u64>,
    /// What was found and what was expected, in words.
    pub what: String,
}

/// All damage that a source met: counted by kind, the first few of each kept in full.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    kept: Vec<Problem>,
    counts: Vec<(ProblemKind, u64)>,
}

impl Problems {
    /// Adds one problem.
    pub fn add(&mut self, kind: ProblemKind, offset: Option<u64>, what: impl Into<String>) {
        self.add_many(kind, 1, offset, what);
    }

    /// Adds `count` problems of one kind, described by the first of them. Nothing where `count` is 0.
    pub fn add_many(&mut self, kind: ProblemKind, count: u64, offset: Option<u64>, what: impl Into<String>) {
        if count == 0 {
            return;
        }
        match self.counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, total)) => *total = total.saturating_add(count),
            None => self.counts.push((kind, count)),
        }
        if self.kept.iter().filter(|problem| problem.kind == kind).count() < KEPT_PER_KIND {
            self.kept.push(Problem { kind, offset, what: what.into() });
        }
    }

    /// Takes over all of `other`'s.
    pub fn append(&mut self, other: Self) {
        for (kind, count) in &other.counts {
            let kept = other.kept.iter().filter(|problem| problem.kind == *kind);
            let mut left = *count;
            for problem in kept {
                self.add(*kind, problem.offset, problem.what.clone());
                left -= 1;
            }
            if left > 0
                && let Some((_, total)) = self.counts.iter_mut().find(|(known, _)| known == kind)
            {
                *total = total.saturating_add(left);
            }
        }
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Returns how many there are of each kind, in the order first met.
    #[must_use]
    pub fn counts(&self) -> &[(ProblemKind, u64)] {
        &self.counts
    }

    /// Returns those kept in full: at most eight of each kind, in the order met.
    #[must_use]
    pub fn kept(&self) -> &[Problem] {
        &self.kept
    }

    /// Says whether the input ended early.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.counts.iter().any(|(kind, _)| *kind == ProblemKind::Truncated)
    }
}
