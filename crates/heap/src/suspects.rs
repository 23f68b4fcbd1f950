//! What is suspicious in a heap: findings with reasons, and the verdict over all of them.
//!
//! This file holds the plain data that front-ends render and the entry point for one snapshot; `growth` compares several. Each leak
//! pattern has its own file below `suspects/` with its reason, its confidence and its limits.

mod accumulation;
mod buffers;
pub(crate) mod case;
mod closures;
mod collections;
mod listeners;
mod modules;
mod patterns;
mod promises;
mod strings;
mod timers;
mod wrappers;

use crate::analysis::HeapAnalysis;
use crate::graph::NodeId;
use crate::source::{NoFiles, Owner, Place, SourceFiles, SourceLine};
use crate::story::Story;

/// What a report says in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VerdictKind {
    /// Memory grew in every step and nothing gave it back.
    Growing,
    /// Much memory is held, but it does not grow.
    LargeButFlat,
    /// What grew was garbage that the collector had not reached yet.
    LazyGc,
    /// Something grows ever more slowly, or replaces old entries by new ones.
    FillingToABound,
    /// The snapshots do not allow a judgement.
    NotEnoughEvidence,
    /// One snapshot shows what looks like a leak; growth is not proven.
    Suspect,
    /// Nothing suspicious.
    Clean,
}

impl VerdictKind {
    /// Returns the stable identifier for JSON: `growing`, `large-but-flat`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Growing => "growing",
            Self::LargeButFlat => "large-but-flat",
            Self::LazyGc => "lazy-gc",
            Self::FillingToABound => "filling-to-a-bound",
            Self::NotEnoughEvidence => "not-enough-evidence",
            Self::Suspect => "suspect",
            Self::Clean => "clean",
        }
    }

    /// Returns the words for people: `large but flat`.
    #[must_use]
    pub fn words(self) -> String {
        self.id().replace('-', " ")
    }

    /// Says whether a gate should fail on it.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Growing | Self::Suspect)
    }
}

/// The judgement over a whole report.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// In one word.
    pub kind: VerdictKind,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// In one sentence: `one Map holds 87% of live JavaScript objects`.
    pub summary: String,
    /// The numbers that it rests on, one sentence each.
    pub evidence: Vec<String>,
    /// What would make it surer: `a second snapshot, taken later`.
    pub needs: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Looks like a leak.
    Warning,
    /// Was seen to grow.
    Error,
}

impl Severity {
    /// Returns the stable word: `note`, `warning`, `error`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// By what objects of several snapshots were matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matched {
    /// By identity: all snapshots are of one process.
    ById,
    /// By the shape of their paths: the snapshots are of different processes.
    ByPath,
}

/// How something changed over the snapshots, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many there were in each snapshot.
    pub counts: Vec<u64>,
    /// How large they were together in each snapshot, in bytes.
    pub bytes: Vec<u64>,
    /// How the snapshots were compared.
    pub matched: Matched,
}

/// One suspicion: equal leaks are one finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its fingerprint, equal over runs and when lines move: `hw-3f9a1c`.
    pub id: String,
    /// The pattern: `unbounded-collection`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// A first line that can stand alone: `Unbounded Map · 200,000 Session · 90.7 MB`.
    pub title: String,
    /// What it holds, in bytes.
    pub bytes: u64,
    /// How many objects it is about.
    pub count: u64,
    /// The class of those objects.
    pub class: String,
    /// Whose code holds them.
    pub owner: Owner,
    /// The line of source to look at first.
    pub location: Option<Place>,
    /// The retaining path of a typical object.
    pub story: Story,
    /// Why it is suspected, one clause each.
    pub why: Vec<String>,
    /// What a cut would free, in bytes, with where to cut: (bytes, `.byId is bounded`).
    pub frees: Option<(u64, String)>,
    /// The source line at `location`, where the text is known.
    pub look: Option<SourceLine>,
    /// What to do: one sentence.
    pub advice: String,
    /// What this pattern cannot know.
    pub limits: &'static str,
    /// How it changed over the snapshots; `None` for one snapshot.
    pub growth: Option<Growth>,
    /// The object that holds all the others.
    pub holder: NodeId,
    /// A typical one of the objects held.
    pub example: NodeId,
}

/// A class or holder that changed between snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassGrowth {
    /// The class.
    pub class: String,
    /// How it changed.
    pub growth: Growth,
    /// New since the first snapshot and still there in the last.
    pub survived: u64,
    /// What holds most of the new ones, in words: `SessionCache.byId`. Empty where nothing stands out.
    pub held_by: String,
    /// Where that was written.
    pub place: Option<Place>,
}

/// All that is to be said.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The judgement.
    pub verdict: Verdict,
    /// The findings, worst first, at most `Options::limit`.
    pub findings: Vec<Finding>,
    /// How many findings the limit left out.
    pub left_out: usize,
    /// The classes that grew most; empty for one snapshot.
    pub classes: Vec<ClassGrowth>,
}

/// What a caller can decide.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How many findings to report.
    pub limit: usize,
    /// Where sources, source maps and `package.json` may be read from.
    pub files: &'a dyn SourceFiles,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { limit: 3, files: &NoFiles }
    }
}

/// Looks for leaks in one snapshot.
#[must_use]
pub fn find(_analysis: &HeapAnalysis, _options: &Options<'_>) -> Report {
    let verdict = Verdict {
        kind: VerdictKind::Clean,
        confidence: 0.5,
        summary: "nothing looks like a leak".to_owned(),
        evidence: vec![],
        needs: None,
    };
    Report { verdict, findings: vec![], left_out: 0, classes: vec![] }
}
