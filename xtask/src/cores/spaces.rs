//! The spaces of the heap: their sizes are those that the process told of itself just before it was dumped.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use v8mem::space::Space;
use v8mem::{Anatomy, CoreFile};

/// Checks the size of every space. V8 10 and later say 0 for what isolates share and nobody writes.
pub(super) fn check(core: &CoreFile, anatomy: &Anatomy, told: &Path) -> Result<()> {
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for page in anatomy.pages.open(core).all().iter().filter(|page| page.space != Space::ReadOnly) {
        *sizes.entry(page.space.name()).or_default() += page.size;
    }
    let told: Value = serde_json::from_str(&fs::read_to_string(told)?)?;
    let spaces = told["spaces"].as_array().context("no sizes of spaces")?;
    for space in spaces.iter().filter(|space| space["space_name"] != Space::ReadOnly.name()) {
        let (name, size) = (space["space_name"].as_str().context("no name")?, space["space_size"].as_u64().context("no size")?);
        let found = sizes.remove(name).unwrap_or(0);
        ensure!(found == size, "{name}: {found} bytes of pages in the core, {size} told by the process");
    }
    ensure!(sizes.is_empty(), "spaces that the process does not tell of: {sizes:?}");
    Ok(())
}
