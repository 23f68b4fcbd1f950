//! The server that is captured, and the client that asks it.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{NOBODY, wait};
use crate::killed::Killed;
use crate::workspace::Workspace;

/// Every server has a variable of its own, which a copy of it has too.
const MARK: &str = "HEAPWHY_LIVE_TEST";

/// A server, with what must be so again after a capture.
pub(crate) struct Server {
    child: Killed,
    mark: String,
    /// Its port.
    pub(super) port: u16,
    /// Its threads, and which signals each holds back.
    threads: Vec<(String, String)>,
    /// Its mappings, and whether each was kept out of clones.
    advised: BTreeMap<u64, bool>,
}

impl Server {
    /// Starts one.
    pub(super) fn start(workspace: &Workspace, line: u32) -> Result<Self> {
        Self::spawn(Command::new(workspace.node(line)), workspace, "50000")
    }

    /// Starts one with so many objects.
    pub(crate) fn start_with(workspace: &Workspace, line: u32, objects: u32) -> Result<Self> {
        let mut command = Command::new(workspace.node(line));
        command.arg("--max-old-space-size=8000");
        Self::spawn(command, workspace, &objects.to_string())
    }

    /// Starts one that runs as a user without rights.
    pub(super) fn start_as_nobody(workspace: &Workspace, line: u32) -> Result<Self> {
        let mut command = Command::new(workspace.node(line));
        command.uid(NOBODY).gid(NOBODY);
        Self::spawn(command, workspace, "50000")
    }

    /// Starts one by a program that runs it, whose words come first, with so many objects.
    pub(super) fn start_by(mut command: Command, workspace: &Workspace, line: u32, objects: u32) -> Result<Self> {
        command.arg(workspace.node(line));
        Self::spawn(command, workspace, &objects.to_string())
    }

    fn spawn(mut command: Command, workspace: &Workspace, objects: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        command.arg(workspace.root.join("tests/live/server.js")).arg(objects).env(MARK, &mark).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the server")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let port = line.trim().strip_prefix("listening ").and_then(|port| port.parse().ok());
        let port = port.with_context(|| format!("the server said {line:?}"))?;
        let mut server = Self { child: Killed(child), mark, port, threads: Vec::new(), advised: BTreeMap::new() };
        // What starts a thread of a pool is done once before they are counted.
        for what in ["file", "name", "hash", "zip", "worker", "chaos", "spawn", "signal", "timer"] {
            server.ask(&format!("/{what}/1"))?;
        }
        for _ in 0..4 {
            server.ask("/hash/1")?;
        }
        server.threads = server.threads()?;
        server.advised = advised(server.pid())?;
        Ok(server)
    }

    /// Returns its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it, over a connection of its own.
    pub(super) fn ask(&self, path: &str) -> Result<String> {
        self.ask_within(path, Duration::from_secs(30))
    }

    /// Asks it for what takes long.
    pub(crate) fn ask_patiently(&self, path: &str) -> Result<String> {
        self.ask_within(path, Duration::from_secs(600))
    }

    /// Asks it for a number.
    pub(crate) fn number(&self, path: &str) -> Result<f64> {
        let answer = self.ask(path)?;
        answer.lines().last().and_then(|line| line.parse().ok()).with_context(|| format!("no number: {answer:?}"))
    }

    fn ask_within(&self, path: &str, limit: Duration) -> Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).context("it takes no connection")?;
        stream.set_read_timeout(Some(limit))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("it does not answer")?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "it answers {answer:?}");
        Ok(answer)
    }

    fn threads(&self) -> Result<Vec<(String, String)>> {
        let mut threads = Vec::new();
        for entry in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            let entry = entry?;
            // It may have ended since.
            let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let mask = status.lines().find(|line| line.starts_with("SigBlk:")).unwrap_or_default().to_owned();
            threads.push((entry.file_name().to_string_lossy().into_owned(), mask));
        }
        threads.sort();
        Ok(threads)
    }

    /// Checks that nothing is left of a capture: no process, no thread, no tracer, no advice that is not V8's, no signal held back; and that it answers.
    pub(super) fn is_as_before(&self) -> Result<()> {
        for what in ["object", "timer", "worker", "chaos", "spawn", "file", "hash", "signal"] {
            self.ask(&format!("/{what}/1"))?;
        }
        // The thread that reaps a copy, and a child that was spawned, end in their own time.
        wait("a thread or process more than before, or signals that are held back", || {
            Ok(self.threads()? == self.threads && marked(&self.mark)? == [self.pid()])
        })?;
        wait("a child that was not waited for", || Ok(self.children()?.is_empty()))?;
        for (thread, _) in &self.threads {
            let status = fs::read_to_string(format!("/proc/{}/task/{thread}/status", self.pid()))?;
            let is = |line: &str| status.lines().any(|one| one.split_ascii_whitespace().collect::<Vec<_>>().join(" ") == line);
            ensure!(is("TracerPid: 0"), "thread {thread} is still traced");
        }
        self.advice_is_back()
    }

    fn children(&self) -> Result<String> {
        let mut children = String::new();
        for (thread, _) in &self.threads {
            children += &fs::read_to_string(format!("/proc/{}/task/{thread}/children", self.pid())).unwrap_or_default();
        }
        Ok(children.trim().to_owned())
    }

    /// What V8 keeps out of clones, it keeps out of them still.
    fn advice_is_back(&self) -> Result<()> {
        let now = advised(self.pid())?;
        let lost: Vec<u64> =
            self.advised.iter().filter(|(start, advised)| **advised && now.get(start) == Some(&false)).map(|(start, _)| *start).collect();
        ensure!(lost.is_empty(), "{} mappings would be cloned that would not be before, such as {:x?}", lost.len(), lost.first());
        Ok(())
    }

    /// Kills it, and waits for its end.
    pub(super) fn kill(&mut self) {
        // Whoever traced it may have seen to its end already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Checks that no process of it is left, once it has been killed.
    pub(super) fn is_gone(&self) -> Result<()> {
        wait("a copy outlives its process", || Ok(marked(&self.mark)?.is_empty()))
    }
}

/// Lists the mappings of a process by their first address, and whether each is kept out of clones.
fn advised(pid: u32) -> Result<BTreeMap<u64, bool>> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    let (mut found, mut at) = (BTreeMap::new(), 0);
    for line in text.lines() {
        if let Some((start, _)) = line.split_once('-').filter(|(start, _)| start.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            at = u64::from_str_radix(start, 16)?;
        } else if let Some(flags) = line.strip_prefix("VmFlags:") {
            found.insert(at, flags.contains(" dc"));
        }
    }
    Ok(found)
}

/// Lists the processes that have a mark in their environment; those that were not waited for have none any more.
fn marked(mark: &str) -> Result<Vec<u32>> {
    let text = format!("{MARK}={mark}\0");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if environment.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// A client that asks without pause.
pub(super) struct Client {
    child: Killed,
}

impl Client {
    /// Starts one.
    pub(super) fn start(workspace: &Workspace, line: u32, server: &Server) -> Result<Self> {
        let mut command = Command::new(workspace.node(line));
        command.arg(workspace.root.join("tests/live/client.js")).arg(server.port.to_string());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start the client")?;
        Ok(Self { child: Killed(child) })
    }

    /// Ends it. Returns what it says of the answers.
    pub(super) fn end(mut self) -> Result<serde_json::Value> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.child.stdout.take().context("no output")?.read_to_string(&mut text)?;
        self.child.wait()?;
        serde_json::from_str(&text).with_context(|| format!("the client said {text:?}"))
    }
}
