//! What a thread of the process says about its own memory: totals, V8's heap and its spaces.

use serde_json::Value;

use super::{Inspector, MemoryUsage};
use crate::{LiveError, Result};

use std::time::Duration;

/// How long a thread may take to answer. A worker that computes, or waits for another thread, does not answer before it is done.
const LIMIT: Duration = Duration::from_secs(10);

/// `require` is given by the inspector, whatever kind of module the program is.
const EXPRESSION: &str = "(() => { \
    const get = typeof require === 'function' ? require : process.getBuiltinModule; \
    const v8 = get('v8'); \
    return { usage: process.memoryUsage(), heap: v8.getHeapStatistics(), spaces: v8.getHeapSpaceStatistics(), \
    version: process.version, up: process.uptime() }; })()";

/// What a thread says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThreadMemory {
    /// The version of Node.js: `24.21.0`.
    pub node: String,
    /// How long the process, or of a worker the thread, has been running, in seconds.
    pub up: f64,
    /// Its totals. RSS is the whole process's, whichever thread is asked.
    pub usage: MemoryUsage,
    /// What V8's malloc has given to this isolate, in bytes.
    pub malloced: u64,
    /// Pages of V8's heap that are in memory, in bytes.
    pub physical: u64,
    /// How many realms it has.
    pub contexts: u64,
    /// How many of them nothing should use any more.
    pub detached_contexts: u64,
    /// V8's spaces.
    pub spaces: Vec<HeapSpace>,
}

/// A space of V8's heap, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeapSpace {
    /// Its name: `old_space`.
    pub name: String,
    /// What V8 has taken for it.
    pub size: u64,
    /// What of it holds objects.
    pub used: u64,
    /// What of it is free for objects.
    pub available: u64,
    /// What of it is in memory.
    pub physical: u64,
}

impl Inspector<'_> {
    /// Asks the thread that is spoken to for its memory.
    pub fn thread_memory(&mut self) -> Result<ThreadMemory> {
        let value = self.evaluate_within(EXPRESSION, LIMIT)?;
        read(&value).ok_or_else(|| LiveError::protocol("asking for memory figures", "memoryUsage and heap statistics", &value.to_string()))
    }
}

fn read(value: &Value) -> Option<ThreadMemory> {
    let bytes = |pointer: &str| value.pointer(pointer).and_then(Value::as_u64);
    let usage = MemoryUsage {
        rss: bytes("/usage/rss")?,
        heap_total: bytes("/usage/heapTotal")?,
        heap_used: bytes("/usage/heapUsed")?,
        external: bytes("/usage/external")?,
        array_buffers: bytes("/usage/arrayBuffers")?,
        heap_limit: bytes("/heap/heap_size_limit")?,
    };
    Some(ThreadMemory {
        node: value.get("version")?.as_str()?.trim_start_matches('v').to_owned(),
        up: value.get("up")?.as_f64()?,
        usage,
        malloced: bytes("/heap/malloced_memory")?,
        physical: bytes("/heap/total_physical_size")?,
        contexts: bytes("/heap/number_of_native_contexts")?,
        detached_contexts: bytes("/heap/number_of_detached_contexts")?,
        spaces: value.get("spaces")?.as_array()?.iter().filter_map(space).collect(),
    })
}

fn space(value: &Value) -> Option<HeapSpace> {
    let bytes = |key: &str| value.get(key).and_then(Value::as_u64);
    Some(HeapSpace {
        name: value.get("space_name")?.as_str()?.to_owned(),
        size: bytes("space_size")?,
        used: bytes("space_used_size")?,
        available: bytes("space_available_size")?,
        physical: bytes("physical_space_size")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_read_whole_or_not_at_all() {
        let good = json!({
            "usage": {"rss": 9, "heapTotal": 8, "heapUsed": 7, "external": 6, "arrayBuffers": 5},
            "heap": {"heap_size_limit": 4, "malloced_memory": 3, "total_physical_size": 2, "number_of_native_contexts": 1,
                "number_of_detached_contexts": 0},
            "spaces": [{"space_name": "old_space", "space_size": 4, "space_used_size": 3, "space_available_size": 2,
                "physical_space_size": 1}, {"space_name": 7}],
            "version": "v24.21.0", "up": 1.5,
        });
        let memory = read(&good).unwrap();
        assert_eq!((memory.node.as_str(), memory.usage.rss, memory.usage.heap_limit, memory.contexts), ("24.21.0", 9, 4, 1));
        assert_eq!(memory.spaces, [HeapSpace { name: "old_space".into(), size: 4, used: 3, available: 2, physical: 1 }]);
        for pointer in ["/usage/rss", "/heap/heap_size_limit", "/version", "/up", "/spaces"] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = Value::Null;
            assert!(read(&bad).is_none(), "{pointer}");
        }
    }
}
