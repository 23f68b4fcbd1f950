//! A control group for memory of its own, of either version, removed when nobody has it any more.

use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A control group for memory.
pub(crate) struct MemoryGroup {
    /// Where it is.
    pub(crate) folder: PathBuf,
    limit: &'static str,
    used: &'static str,
}

impl MemoryGroup {
    /// Makes one; `None` where the system has no such groups, or lets us make none.
    pub(crate) fn make(name: &str) -> Option<Self> {
        let kinds = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
            ("/sys/fs/cgroup", "memory.max", "memory.current"),
        ];
        kinds.into_iter().find_map(|(root, limit, used)| {
            let folder = Path::new(root).join(format!("heapwhy-{}-{name}", std::process::id()));
            if !Path::new(root).join("cgroup.procs").exists() || fs::create_dir(&folder).is_err() {
                return None;
            }
            let group = Self { folder, limit, used };
            group.folder.join(limit).exists().then_some(group)
        })
    }

    /// Returns how many bytes it has.
    pub(crate) fn used(&self) -> Result<u64> {
        Ok(fs::read_to_string(self.folder.join(self.used))?.trim().parse()?)
    }

    /// Sets how many bytes it may have.
    pub(crate) fn set_limit(&self, bytes: u64) -> Result<()> {
        Ok(fs::write(self.folder.join(self.limit), bytes.to_string())?)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // What was in it is gone a moment after it was killed.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
