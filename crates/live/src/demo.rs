//! The demo: a small web shop with two real leaks and one innocent cache, put under load, with three heap snapshots of it.
//!
//! The shop's files are part of this program and are written next to the snapshots, so that every position in a report can be
//! looked up. It runs like any service: own process, its inspector on a loopback port, ended and reaped at the end.
//!
//! What the snapshots show is not known here; this only makes them, the same way on every run.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::http::Client;
use crate::inspector::{Inspector, MemoryUsage};
use crate::node::NodeBinary;
use crate::process::{Launch, NodeProcess};
use crate::snapshot::{SnapshotProgress, save_heap_snapshot};
use crate::{LiveError, Result};

/// How many snapshots the demo takes: with three, growth from the first to the second can be told from growth that goes on.
pub const SNAPSHOTS: u32 = 3;
/// How many requests between two snapshots, where nothing else is asked for.
pub const REQUESTS_PER_STEP: u32 = 8000;
/// How many requests before the first snapshot: they fill the page cache, so that afterwards only leaks grow.
pub const WARM_UP_REQUESTS: u32 = 1500;

/// The folder of the shop's files, in the demo's folder.
const SHOP: &str = "shop";
/// The shop's files. The first is the one to run.
const FILES: [(&str, &str); 5] = [
    ("server.js", include_str!("../demo/shop/server.js")),
    ("sessions.js", include_str!("../demo/shop/sessions.js")),
    ("pages.js", include_str!("../demo/shop/pages.js")),
    ("bus.js", include_str!("../demo/shop/bus.js")),
    // Says that the files are CommonJS, also inside a project that says otherwise.
    ("package.json", include_str!("../demo/shop/package.json")),
];

/// How to run the demo.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Which Node.js runs the shop.
    pub node: NodeBinary,
    /// Where the shop and the snapshots are put. Made if it is not there; the files of an earlier demo are replaced.
    pub dir: PathBuf,
    /// How many requests between two snapshots.
    pub requests_per_step: u32,
}

/// What the demo is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DemoStep {
    /// The shop is being started.
    Starting,
    /// The shop listens.
    Started {
        /// Its process.
        pid: u32,
        /// Its port on 127.0.0.1.
        port: u16,
    },
    /// Requests are being sent. Told after each.
    Requests {
        /// The snapshot that comes after them, from 1.
        before: u32,
        /// How many were answered in this step.
        done: u32,
        /// How many there will be in this step.
        total: u32,
    },
    /// Garbage is being collected before a snapshot.
    Collecting {
        /// Which snapshot, from 1.
        snapshot: u32,
    },
    /// A snapshot is being taken.
    Snapshot {
        /// Which, from 1.
        snapshot: u32,
        /// How far it is.
        progress: SnapshotProgress,
    },
    /// A snapshot is complete and in its file.
    Saved(DemoSnapshot),
    /// The shop is being stopped.
    Stopping,
}

/// One of the demo's snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoSnapshot {
    /// Its file.
    pub path: PathBuf,
    /// The file's size.
    pub bytes: u64,
    /// How many requests the shop had answered since its start.
    pub requests: u32,
    /// How long the shop had been running.
    pub up_time: Duration,
    /// What the shop said about its memory, right after a full garbage collection and before the snapshot.
    pub memory: MemoryUsage,
    /// How long taking it lasted.
    pub took: Duration,
}

/// What the demo has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoRun {
    /// The folder with everything that it left.
    pub dir: PathBuf,
    /// The shop's main file.
    pub script: PathBuf,
    /// The snapshots, in order.
    pub snapshots: Vec<DemoSnapshot>,
    /// How many requests were sent between two snapshots.
    pub requests_per_step: u32,
    /// The version of Node.js that ran the shop.
    pub node_version: String,
    /// The shop's process id. The process is gone.
    pub pid: u32,
    /// How long the shop ran.
    pub up_time: Duration,
    /// Whether the shop exited when it was asked to; otherwise it was killed.
    pub exited_by_itself: bool,
}

/// Runs the demo. The shop's process is gone when this returns, whatever it returns.
pub fn run(options: &DemoOptions, progress: &dyn Fn(DemoStep), cancel: &AtomicBool) -> Result<DemoRun> {
    let shop = prepare(&options.dir)?;
    progress(DemoStep::Starting);
    let started = Instant::now();
    let (main, _) = FILES[0];
    let mut process = NodeProcess::spawn(&Launch { node: &options.node, script: Path::new(main), args: &[], dir: &shop })?;
    let pid = process.pid();
    let driven = Driver { options, progress, cancel, started }.drive(&mut process);
    let snapshots = driven.map_err(|error| process.explain(error))?;
    progress(DemoStep::Stopping);
    let exited_by_itself = process.stop();
    Ok(DemoRun {
        dir: options.dir.clone(),
        script: shop.join(main),
        snapshots,
        requests_per_step: options.requests_per_step,
        node_version: options.node.version().to_owned(),
        pid,
        up_time: started.elapsed(),
        exited_by_itself,
    })
}

/// What stays the same while the shop runs.
struct Driver<'a> {
    options: &'a DemoOptions,
    progress: &'a dyn Fn(DemoStep),
    cancel: &'a AtomicBool,
    started: Instant,
}

impl Driver<'_> {
    fn drive(&self, process: &mut NodeProcess) -> Result<Vec<DemoSnapshot>> {
        let url = process.inspector_url(self.cancel)?;
        let port = process.wait_for_line("waiting for the shop to listen", port_in_line, self.cancel)?;
        (self.progress)(DemoStep::Started { pid: process.pid(), port });
        let mut inspector = Inspector::connect(&url, self.cancel)?;
        let mut requests = 0;
        let mut snapshots = Vec::new();
        for number in 1..=SNAPSHOTS {
            let count = if number == 1 { WARM_UP_REQUESTS } else { self.options.requests_per_step };
            self.send(port, number, requests, count)?;
            requests = requests.saturating_add(count);
            let snapshot = self.snapshot(&mut inspector, number, requests)?;
            (self.progress)(DemoStep::Saved(snapshot.clone()));
            snapshots.push(snapshot);
        }
        Ok(snapshots)
    }

    /// Sends `count` requests, after `earlier` ones. The connection is new each time: an idle one is closed by Node.js after 5 s.
    fn send(&self, port: u16, before: u32, earlier: u32, count: u32) -> Result<()> {
        let mut client = Client::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), self.cancel)?;
        for done in 0..count {
            client.get(&path_of(earlier.wrapping_add(done)))?;
            (self.progress)(DemoStep::Requests { before, done: done + 1, total: count });
        }
        Ok(())
    }

    fn snapshot(&self, inspector: &mut Inspector, number: u32, requests: u32) -> Result<DemoSnapshot> {
        (self.progress)(DemoStep::Collecting { snapshot: number });
        inspector.collect_garbage()?;
        let memory = inspector.memory_usage()?;
        let (up_time, began) = (self.started.elapsed(), Instant::now());
        let path = self.options.dir.join(snapshot_name(number));
        let report = |progress| (self.progress)(DemoStep::Snapshot { snapshot: number, progress });
        let bytes = save_heap_snapshot(inspector, &path, &report)?;
        Ok(DemoSnapshot { path, bytes, requests, up_time, memory, took: began.elapsed() })
    }
}

/// Which page the request of this number asks for: every other one of a few that are popular, the rest from a long tail.
fn path_of(request: u32) -> String {
    let product = if request.is_multiple_of(2) { request % 300 } else { request.wrapping_mul(7919) % 2000 };
    format!("/product/{product}")
}

fn port_in_line(line: &str) -> Option<u16> {
    line.strip_prefix("shop: listening on http://127.0.0.1:")?.parse().ok()
}

fn snapshot_name(number: u32) -> String {
    format!("{number}.heapsnapshot")
}

/// Makes the demo's folder, without the snapshots of an earlier demo, and writes the shop's files. Returns the shop's folder.
fn prepare(dir: &Path) -> Result<PathBuf> {
    let shop = dir.join(SHOP);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| LiveError::Write { path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    let entries: Vec<_> = fs::read_dir(dir).and_then(Iterator::collect).map_err(failed(dir))?;
    let named = entries.iter().map(|entry: &fs::DirEntry| (entry.path(), entry.file_name().to_string_lossy().into_owned()));
    let (old, foreign): (Vec<_>, Vec<_>) = named.filter(|(_, name)| name != SHOP).partition(|(_, name)| is_of_a_demo(name));
    if let Some((_, entry)) = foreign.into_iter().min() {
        return Err(LiveError::DirInUse { dir: dir.to_owned(), entry });
    }
    for (path, _) in old {
        fs::remove_file(&path).map_err(failed(&path))?;
    }
    fs::create_dir_all(&shop).map_err(failed(&shop))?;
    for (name, text) in FILES {
        let path = shop.join(name);
        fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(shop)
}

/// Says whether a file may be one that an earlier demo left: a snapshot, the index of one, or a part of one.
fn is_of_a_demo(name: &str) -> bool {
    (1..=SNAPSHOTS).any(|number| {
        let snapshot = snapshot_name(number);
        name.strip_prefix(&snapshot).is_some_and(|rest| rest.is_empty() || rest == ".hwy" || rest.ends_with(".partial"))
            || name == format!("{number}.hwy")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_folder_is_made_and_refreshed_and_nothing_foreign_is_touched() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/demo");
        let shop = prepare(&dir).unwrap();
        assert!(fs::read_to_string(shop.join("server.js")).unwrap().contains("createServer"));
        for old in ["1.heapsnapshot", "2.heapsnapshot.hwy", "3.heapsnapshot.4711.partial", "1.hwy"] {
            fs::write(dir.join(old), "old").unwrap();
        }
        prepare(&dir).unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::write(dir.join("thesis.txt"), "mine").unwrap();
        fs::write(dir.join("1.heapsnapshot"), "old").unwrap();
        let error = prepare(&dir).unwrap_err();
        assert!(error.to_string().contains("already holds \"thesis.txt\""), "{error}");
        assert!(dir.join("1.heapsnapshot").exists());
    }

    #[test]
    fn the_load_fills_the_page_cache_before_the_first_snapshot() {
        let mut pages: Vec<_> = (0..WARM_UP_REQUESTS).map(path_of).collect();
        pages.sort();
        pages.dedup();
        assert!(pages.len() > 500, "{}", pages.len());
    }

    #[test]
    fn the_shops_line_is_understood() {
        let cases =
            [("shop: listening on http://127.0.0.1:40123", Some(40123)), ("shop: listening on http://127.0.0.1:x", None), ("hello", None)];
        for (line, port) in cases {
            assert_eq!(port_in_line(line), port, "{line}");
        }
    }
}
