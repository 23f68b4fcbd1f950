//! V8's spaces: what a page of its heap is for.
//!
//! A page points to its space, and that begins with a number, which changed with V8 11, 12 and 13 as spaces came and went.

use crate::version::V8Version;

/// A space of V8's heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// What nobody writes.
    ReadOnly,
    /// The young generation.
    New,
    /// What has lived for a while.
    Old,
    /// Machine code.
    Code,
    /// Maps (up to V8 10).
    Map,
    /// What several isolates share.
    Shared,
    /// What must not be forged: bytecode and the like (V8 12 and later).
    Trusted,
    /// Both.
    SharedTrusted,
    /// Large objects of the young generation.
    NewLarge,
    /// Large objects.
    Large,
    /// Large machine code.
    CodeLarge,
    /// Large objects that isolates share.
    SharedLarge,
    /// Large objects that isolates share and that must not be forged.
    SharedTrustedLarge,
    /// Large objects that must not be forged.
    TrustedLarge,
    /// Not told, or not known to this build.
    Unknown,
}

use Space as S;

/// V8 9 and 10.
const FIRST: [Space; 8] = [S::ReadOnly, S::Old, S::Code, S::Map, S::Large, S::CodeLarge, S::NewLarge, S::New];
/// V8 11.
const SHARED: [Space; 9] = [S::ReadOnly, S::New, S::Old, S::Code, S::Shared, S::NewLarge, S::Large, S::CodeLarge, S::SharedLarge];
/// V8 12.
const TRUSTED: [Space; 11] =
    [S::ReadOnly, S::New, S::Old, S::Code, S::Shared, S::Trusted, S::NewLarge, S::Large, S::CodeLarge, S::SharedLarge, S::TrustedLarge];
/// V8 12.9 and later.
const SHARED_TRUSTED: [Space; 13] = [
    S::ReadOnly,
    S::New,
    S::Old,
    S::Code,
    S::Shared,
    S::Trusted,
    S::SharedTrusted,
    S::NewLarge,
    S::Large,
    S::CodeLarge,
    S::SharedLarge,
    S::SharedTrustedLarge,
    S::TrustedLarge,
];

impl Space {
    /// Returns the space of a number.
    #[must_use]
    pub fn of(version: V8Version, number: u8) -> Self {
        let spaces: &[Self] = match (version.major, version.minor) {
            (..=10, _) => &FIRST,
            (11, _) => &SHARED,
            (12, ..9) => &TRUSTED,
            _ => &SHARED_TRUSTED,
        };
        spaces.get(usize::from(number)).copied().unwrap_or(S::Unknown)
    }

    /// Returns its name, as `v8.getHeapSpaceStatistics()` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            S::ReadOnly => "read_only_space",
            S::New => "new_space",
            S::Old => "old_space",
            S::Code => "code_space",
            S::Map => "map_space",
            S::Shared => "shared_space",
            S::Trusted => "trusted_space",
            S::SharedTrusted => "shared_trusted_space",
            S::NewLarge => "new_large_object_space",
            S::Large => "large_object_space",
            S::CodeLarge => "code_large_object_space",
            S::SharedLarge => "shared_large_object_space",
            S::SharedTrustedLarge => "shared_trusted_large_object_space",
            S::TrustedLarge => "trusted_large_object_space",
            S::Unknown => "unknown space",
        }
    }

    /// Says whether it is of the young generation, and its pages are filled one after the other.
    #[must_use]
    pub fn is_young(self) -> bool {
        self == S::New
    }

    /// Says whether every object in it has a run of pages of its own.
    #[must_use]
    pub fn is_large(self) -> bool {
        matches!(self, S::NewLarge | S::Large | S::CodeLarge | S::SharedLarge | S::SharedTrustedLarge | S::TrustedLarge)
    }

    /// Says whether it holds machine code.
    #[must_use]
    pub fn is_code(self) -> bool {
        matches!(self, S::Code | S::CodeLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_version() {
        let check = |major, minor, number, expect: &str| {
            assert_eq!(Space::of(V8Version::new(major, minor), number).name(), expect, "{major}.{minor} {number}");
        };
        check(9, 4, 7, "new_space");
        check(10, 2, 3, "map_space");
        check(11, 3, 7, "code_large_object_space");
        check(12, 4, 5, "trusted_space");
        check(12, 9, 8, "large_object_space");
        check(14, 6, 12, "trusted_large_object_space");
        check(14, 6, 13, "unknown space");
    }
}
