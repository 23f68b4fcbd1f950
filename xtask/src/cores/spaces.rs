//! The spaces of the heap: their sizes are those that the process told of itself just before it was dumped and just after.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use v8mem::space::Space;
use v8mem::{Anatomy, CoreFile};

/// What the process says before it is dumped, and after.
pub(super) const TOLD: [&str; 2] = ["spaces.json", "spaces-after.json"];

/// Checks the size of every space. Where both tellings agree it must be that very size; a thread that compiles can take a page in between.
/// V8 10 and later say 0 for what isolates share and nobody writes.
pub(super) fn check(core: &CoreFile, anatomy: &Anatomy, folder: &Path) -> Result<()> {
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for page in anatomy.pages.open(core).all().iter().filter(|page| page.space != Space::ReadOnly) {
        *sizes.entry(page.space.name()).or_default() += page.size;
    }
    let [before, after] = TOLD.map(|name| told(&folder.join(name)));
    let mut after = after?;
    for (name, before) in before? {
        let after = after.remove(&name).with_context(|| format!("{name} was told of only before"))?;
        let found = sizes.remove(name.as_str()).unwrap_or(0);
        let true_sizes = before.min(after)..=before.max(after);
        ensure!(true_sizes.contains(&found), "{name}: {found} bytes of pages in the core, {before} told before it was made, {after} after");
    }
    ensure!(sizes.is_empty() && after.is_empty(), "spaces that the process does not tell of: {sizes:?}, or only after: {after:?}");
    Ok(())
}

/// Reads what `v8.getHeapSpaceStatistics()` returned: sizes in bytes by name, without what is shared.
fn told(path: &Path) -> Result<BTreeMap<String, u64>> {
    let told: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let size = |space: &Value| {
        let name = space["space_name"].as_str().context("no name")?.to_owned();
        Ok((name, space["space_size"].as_u64().context("no size")?))
    };
    let spaces: Result<BTreeMap<String, u64>> = told.as_array().context("no sizes of spaces")?.iter().map(size).collect();
    let mut spaces = spaces?;
    spaces.remove(Space::ReadOnly.name());
    Ok(spaces)
}
