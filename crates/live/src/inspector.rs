//! A blocking client of Node's inspector: commands, their answers, and the events between, over one WebSocket.
//!
//! One connection is one session of V8's profiler. Ids of objects stay the same from snapshot to snapshot only within a session
//! (V8 forgets them when it ends), so snapshots that will be compared must come from one [`Inspector`].
//!
//! It knows the few commands that snapshots need, and not what is in a snapshot. Every wait is cut into short reads, so that
//! the cancel flag is heard within a tenth of a second also while the process is too busy to answer.
//!
//! Threads of the process (workers) are spoken to over the same connection: each command and answer travels inside another.

mod memory;
mod objects;
mod sampling;
mod tracking;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tungstenite::client::client_with_config;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

pub use memory::{HeapSpace, ThreadMemory};
pub use objects::{Constructed, Query};
pub use sampling::Sampled;

use crate::snapshot::SnapshotProgress;
use crate::wait::{Patience, TICK, is_tick};
use crate::{LiveError, Result};

const CONNECTING: &str = "connecting to the inspector";
/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How long the answer to a small command may take. The process answers between two turns of its event loop.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long nothing may be heard during a garbage collection or a snapshot: V8 is silent while it marks a large heap.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);
/// The largest message that is accepted. A snapshot comes in messages of about 100 kB.
const LARGEST_MESSAGE: usize = 64 << 20;

/// Where a process's inspector listens: a loopback address, unless somebody has opened it elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectorUrl {
    url: String,
    address: SocketAddr,
}

impl InspectorUrl {
    /// Reads an address such as `ws://127.0.0.1:9229/2a5e…`. `None` unless it is a loopback address.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let (host, path) = url.strip_prefix("ws://")?.split_once('/')?;
        let address: SocketAddr = host.parse().ok()?;
        let sound = address.ip().is_loopback() && address.port() != 0 && path.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        sound.then(|| Self { url: url.to_owned(), address })
    }

    /// Returns the address of an inspector that says by what name it is reached. `None` where that is no such name.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub(crate) fn at(address: SocketAddr, name: &str) -> Option<Self> {
        let sound = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        sound.then(|| Self { url: format!("ws://{address}/{name}"), address })
    }

    /// Finds the address in a line that Node.js writes to stderr.
    #[must_use]
    pub fn in_line(line: &str) -> Option<Self> {
        Self::parse(line.trim().strip_prefix("Debugger listening on ")?)
    }

    /// Returns the address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }
}

/// What a process says about its own memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUsage {
    /// Memory of the whole process in RAM.
    pub rss: u64,
    /// What V8 has taken for its heap.
    pub heap_total: u64,
    /// What of it holds objects.
    pub heap_used: u64,
    /// Memory outside of the heap that belongs to objects in it.
    pub external: u64,
    /// The part of `external` that is `ArrayBuffer`s and Buffers.
    pub array_buffers: u64,
    /// How far V8 lets its heap grow; 0 where the process would not say.
    pub heap_limit: u64,
}

/// A connection to the inspector of a Node.js process.
pub struct Inspector<'a> {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    cancel: &'a AtomicBool,
    /// The worker that is spoken to; `None` for the main thread.
    worker: Option<String>,
    /// Whether a command was sent whose answer has not come.
    is_waiting: bool,
}

/// A worker of the process, in which another JavaScript runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The number by which Node.js calls it (`threadId`).
    pub number: u64,
    /// What it is called.
    pub title: String,
    /// By what it is spoken to.
    session: String,
}

/// A message of the protocol, of which only as much is understood as is wanted: a profile's tree is deeper than what is read at once.
#[derive(Deserialize)]
struct Heard {
    id: Option<u64>,
    method: Option<String>,
    params: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
    error: Option<Value>,
}

impl<'a> Inspector<'a> {
    /// Connects, and opens a session of the heap profiler. `cancel` ends every later wait too.
    pub fn connect(url: &InspectorUrl, cancel: &'a AtomicBool) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&url.address, CONNECT_LIMIT).map_err(|source| lost(CONNECTING, source))?;
        let mut inspector = Self::over(stream, url, cancel)?;
        inspector.profile_heap()?;
        Ok(inspector)
    }

    /// Opens a session over a connection that is there already. Changes nothing in the process.
    pub fn over(stream: TcpStream, url: &InspectorUrl, cancel: &'a AtomicBool) -> Result<Self> {
        let patience = Patience::new(CONNECTING, CONNECT_LIMIT, cancel);
        patience.check()?;
        with_short_reads(&stream).map_err(|source| lost(CONNECTING, source))?;
        let socket = shake_hands(url, stream, &patience)?;
        Ok(Self { socket, last_id: 0, cancel, worker: None, is_waiting: false })
    }

    /// Opens a session of the heap profiler.
    pub fn profile_heap(&mut self) -> Result<()> {
        self.call("HeapProfiler.enable", json!({}))?;
        Ok(())
    }

    /// Says whether every command was answered, so that the next one is heard at once.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.is_waiting
    }

    /// Lets another flag end later waits.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub(crate) fn heed(&mut self, cancel: &'a AtomicBool) {
        self.cancel = cancel;
    }

    /// Lists the workers that the main thread has started.
    pub fn workers(&mut self) -> Result<Vec<Worker>> {
        let mut workers = Vec::new();
        self.call_with("NodeWorker.enable", json!({ "waitForDebuggerOnStart": false }), ANSWER_LIMIT, &mut |event, params| {
            if event == "NodeWorker.attachedToWorker" {
                workers.extend(worker(params));
            }
            Ok(false)
        })?;
        workers.sort_by_key(|worker| worker.number);
        Ok(workers)
    }

    /// Speaks to a worker from now on, or again to the main thread.
    pub fn speak_to(&mut self, worker: Option<&Worker>) {
        self.worker = worker.map(|worker| worker.session.clone());
    }

    /// Sends a command and waits for its answer. Events that come before it are dropped.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.call_with(method, params, ANSWER_LIMIT, &mut |_, _| Ok(false))
    }

    /// Collects all garbage.
    pub fn collect_garbage(&mut self) -> Result<()> {
        self.call_with("HeapProfiler.collectGarbage", json!({}), SILENCE_LIMIT, &mut |_, _| Ok(false))?;
        Ok(())
    }

    /// Evaluates an expression in the process's global scope, where `require` is known. The value must fit into JSON.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        self.evaluate_within(expression, ANSWER_LIMIT)
    }

    fn evaluate_within(&mut self, expression: &str, limit: Duration) -> Result<Value> {
        let params = json!({ "expression": expression, "returnByValue": true, "includeCommandLineAPI": true, "silent": true });
        let mut answer = self.call_with("Runtime.evaluate", params, limit, &mut |_, _| Ok(false))?;
        if let Some(exception) = exception(&answer) {
            return Err(LiveError::Threw { expression: expression.to_owned(), exception });
        }
        Ok(answer.pointer_mut("/result/value").map_or(Value::Null, Value::take))
    }

    /// Asks the process for its memory figures.
    pub fn memory_usage(&mut self) -> Result<MemoryUsage> {
        let value = self.evaluate(
            "({ ...process.memoryUsage(), \
             limit: typeof require === 'function' ? require('v8').getHeapStatistics().heap_size_limit : 0 })",
        )?;
        let bytes = |key: &str| value.get(key).and_then(Value::as_u64);
        let (Some(rss), Some(heap_total), Some(heap_used)) = (bytes("rss"), bytes("heapTotal"), bytes("heapUsed")) else {
            return Err(LiveError::protocol("asking for memory figures", "rss, heapTotal and heapUsed", &value.to_string()));
        };
        let [external, array_buffers, heap_limit] = ["external", "arrayBuffers", "limit"].map(|key| bytes(key).unwrap_or(0));
        Ok(MemoryUsage { rss, heap_total, heap_used, external, array_buffers, heap_limit })
    }

    /// Takes a heap snapshot and hands its text to `into`, piece by piece. Returns the number of bytes.
    ///
    /// V8 collects garbage first, then stops the process's JavaScript until the snapshot is sent. When `into` fails the process
    /// goes on sending; later commands still work, but not before it is done.
    pub fn take_heap_snapshot(&mut self, into: &mut dyn FnMut(&str) -> Result<()>, progress: &dyn Fn(SnapshotProgress)) -> Result<u64> {
        self.receive_snapshot("HeapProfiler.takeHeapSnapshot", into, progress)
    }

    /// Sends a command to which a heap snapshot is the answer.
    fn receive_snapshot(
        &mut self,
        method: &str,
        into: &mut dyn FnMut(&str) -> Result<()>,
        progress: &dyn Fn(SnapshotProgress),
    ) -> Result<u64> {
        let (mut bytes, mut ends) = (0_u64, (None, None));
        progress(SnapshotProgress::Asked);
        self.call_with(method, json!({ "reportProgress": true }), SILENCE_LIMIT, &mut |event, params| {
            match event {
                "HeapProfiler.addHeapSnapshotChunk" => {
                    let chunk = params.get("chunk").and_then(Value::as_str).unwrap_or_default();
                    into(chunk)?;
                    ends = (ends.0.or_else(|| chunk.chars().next()), chunk.trim_end().chars().next_back().or(ends.1));
                    bytes += chunk.len() as u64;
                    progress(SnapshotProgress::Sending { bytes });
                }
                "HeapProfiler.reportHeapSnapshotProgress" => {
                    let [done, total] = ["done", "total"].map(|key| params.get(key).and_then(Value::as_u64).unwrap_or(0));
                    progress(SnapshotProgress::Walking { done: done.min(total), total });
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if ends == (Some('{'), Some('}')) {
            Ok(bytes)
        } else {
            Err(LiveError::protocol(
                "taking a heap snapshot",
                "one JSON object",
                &format!("{bytes} bytes, from {:?} to {:?}", ends.0, ends.1),
            ))
        }
    }

    /// Sends a command and hands the events that come before its answer to `on_event`, which says whether one was a sign of progress.
    fn call_with(
        &mut self,
        method: &str,
        params: Value,
        limit: Duration,
        on_event: &mut dyn FnMut(&str, &Value) -> Result<bool>,
    ) -> Result<Value> {
        let text = self.call_for_text(method, params, limit, on_event)?;
        serde_json::from_str(&text).map_err(|_| LiveError::protocol(method, "an answer in JSON", &text))
    }

    /// As `call_with`. Returns the answer as it came, of whatever depth.
    fn call_for_text(
        &mut self,
        method: &str,
        params: Value,
        limit: Duration,
        on_event: &mut dyn FnMut(&str, &Value) -> Result<bool>,
    ) -> Result<String> {
        let mut patience = Patience::new(method, limit, self.cancel);
        let id = self.send_command(method, &params, &patience)?;
        loop {
            let Some(message) = self.receive(&patience)? else { continue };
            if message.id == Some(id) {
                self.is_waiting = false;
                return answer(method, message);
            }
            let Some(event) = message.method else { continue };
            let params = message.params.as_ref().map_or(Ok(Value::Null), |params| serde_json::from_str(params.get()));
            let params = params.map_err(|_| LiveError::protocol(method, "an event in JSON", &event))?;
            if on_event(&event, &params)? {
                patience.heard();
            }
        }
    }

    /// Sends a command to whom we speak. Returns its number.
    fn send_command(&mut self, method: &str, params: &Value, patience: &Patience) -> Result<u64> {
        self.last_id += 1;
        let id = self.last_id;
        let command = json!({ "id": id, "method": method, "params": params });
        self.is_waiting = true;
        let Some(session) = &self.worker else {
            self.send(&command, patience)?;
            return Ok(id);
        };
        self.last_id += 1;
        let params = json!({ "sessionId": session, "message": command.to_string() });
        let around = json!({ "id": self.last_id, "method": "NodeWorker.sendMessageToWorker", "params": params });
        self.send(&around, patience)?;
        Ok(id)
    }

    fn send(&mut self, message: &Value, patience: &Patience) -> Result<()> {
        patience.check()?;
        let mut sent = self.socket.write(Message::text(message.to_string())).and_then(|()| self.socket.flush());
        while let Err(Error::Io(error)) = &sent
            && is_tick(error)
        {
            patience.check()?;
            sent = self.socket.flush();
        }
        sent.map_err(|error| failed(patience.doing(), error))
    }

    /// Waits for the next message of whom we speak to; `None` for one of somebody else.
    fn receive(&mut self, patience: &Patience) -> Result<Option<Heard>> {
        let message = self.receive_any(patience)?;
        let Some(session) = &self.worker else { return Ok(Some(message)) };
        let gone = || LiveError::protocol(patience.doing(), "an answer of the worker", "that it has ended");
        if message.error.is_some() {
            return Err(gone());
        }
        let params = message.params.as_ref().and_then(|params| serde_json::from_str::<Value>(params.get()).ok());
        let params = params.filter(|params| params.get("sessionId").and_then(Value::as_str) == Some(session));
        match (message.method.as_deref(), params.as_ref()) {
            (Some("NodeWorker.detachedFromWorker"), Some(_)) => Err(gone()),
            (Some("NodeWorker.receivedMessageFromWorker"), Some(params)) => {
                let text = params.get("message").and_then(Value::as_str).unwrap_or_default();
                understood(text, patience.doing()).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn receive_any(&mut self, patience: &Patience) -> Result<Heard> {
        loop {
            patience.check()?;
            match self.socket.read() {
                Ok(Message::Text(text)) => return understood(&text, patience.doing()),
                Ok(Message::Close(_)) => return Err(lost(patience.doing(), io::ErrorKind::ConnectionReset.into())),
                Ok(_) => {}
                Err(Error::Io(error)) if is_tick(&error) => {}
                Err(error) => return Err(failed(patience.doing(), error)),
            }
        }
    }

    /// Sends a last command to the main thread, and ends our half of the connection with the same breath.
    ///
    /// An inspector that is closed waits for the other side of every connection, and with it the process: so nothing must be left for us
    /// to do when the command arrives, since we may be stopped at any moment.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub(crate) fn leave_with(mut self, expression: &str) -> Result<()> {
        let patience = Patience::new("closing the inspector", ANSWER_LIMIT, self.cancel);
        self.worker = None;
        let params = json!({ "expression": expression, "includeCommandLineAPI": true, "silent": true });
        self.send_command("Runtime.evaluate", &params, &patience)?;
        self.socket.get_ref().shutdown(std::net::Shutdown::Write).map_err(|source| lost(patience.doing(), source))
    }
}

/// Returns what an expression threw, as the process describes it.
fn exception(answer: &Value) -> Option<String> {
    let details = answer.get("exceptionDetails")?;
    let thrown = details.pointer("/exception/description").or_else(|| details.get("text"));
    Some(thrown.and_then(Value::as_str).unwrap_or("it did not say what").to_owned())
}

fn understood(text: &str, doing: &str) -> Result<Heard> {
    serde_json::from_str(text).map_err(|_| LiveError::protocol(doing, "a message in JSON", text))
}

/// Takes the result out of an answer, or the error.
fn answer(method: &str, message: Heard) -> Result<String> {
    let Some(error) = message.error else {
        return Ok(message.result.map_or_else(|| "null".to_owned(), |result| String::from(Box::<str>::from(result))));
    };
    let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
    let message = error.get("message").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
    Err(LiveError::Refused { method: method.to_owned(), code, message })
}

/// Reads what is told of a worker.
fn worker(params: &Value) -> Option<Worker> {
    let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str);
    let number = text("/workerInfo/workerId")?.parse().ok()?;
    Some(Worker { number, title: text("/workerInfo/title").unwrap_or_default().to_owned(), session: text("/sessionId")?.to_owned() })
}

fn with_short_reads(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(TICK))
}

fn shake_hands(url: &InspectorUrl, stream: TcpStream, patience: &Patience) -> Result<WebSocket<TcpStream>> {
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST_MESSAGE)).max_frame_size(Some(LARGEST_MESSAGE));
    let mut shaken = client_with_config(url.as_str(), stream, Some(config));
    loop {
        match shaken {
            Ok((socket, _)) => return Ok(socket),
            Err(HandshakeError::Interrupted(unfinished)) => {
                patience.check()?;
                shaken = unfinished.handshake();
            }
            Err(HandshakeError::Failure(error)) => return Err(failed(patience.doing(), error)),
        }
    }
}

fn lost(doing: &str, source: io::Error) -> LiveError {
    LiveError::Connection { doing: doing.to_owned(), source }
}

fn failed(doing: &str, error: Error) -> LiveError {
    match error {
        Error::Io(source) => lost(doing, source),
        Error::ConnectionClosed | Error::AlreadyClosed => lost(doing, io::ErrorKind::ConnectionReset.into()),
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            lost(doing, io::ErrorKind::ConnectionReset.into())
        }
        other => LiveError::protocol(doing, "a sound WebSocket message", &other.to_string()),
    }
}

#[cfg(test)]
mod tests;
