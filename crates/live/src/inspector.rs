//! A blocking client of Node's inspector: commands, their answers, and the events between, over one WebSocket.
//!
//! One connection is one session of V8's profiler. Ids of objects stay the same from snapshot to snapshot only within a session
//! (V8 forgets them when it ends), so snapshots that will be compared must come from one [`Inspector`].
//!
//! It knows the few commands that snapshots need, and not what is in a snapshot. Every wait is cut into short reads, so that
//! the cancel flag is heard within a tenth of a second also while the process is too busy to answer.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::client_with_config;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use crate::snapshot::SnapshotProgress;
use crate::wait::{Patience, TICK, is_tick};
use crate::{LiveError, Result};

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How long the answer to a small command may take. The process answers between two turns of its event loop.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long nothing may be heard during a garbage collection or a snapshot: V8 is silent while it marks a large heap.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);
/// The largest message that is accepted. A snapshot comes in messages of about 100 kB.
const LARGEST_MESSAGE: usize = 64 << 20;

/// Where a process's inspector listens: always a loopback address.
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
}

impl<'a> Inspector<'a> {
    /// Connects, and opens a session of the heap profiler. `cancel` ends every later wait too.
    pub fn connect(url: &InspectorUrl, cancel: &'a AtomicBool) -> Result<Self> {
        let patience = Patience::new("connecting to the inspector", CONNECT_LIMIT, cancel);
        patience.check()?;
        let stream = TcpStream::connect_timeout(&url.address, CONNECT_LIMIT)
            .and_then(|stream| with_short_reads(&stream).map(|()| stream))
            .map_err(|source| lost(patience.doing(), source))?;
        let socket = shake_hands(url, stream, &patience)?;
        let mut inspector = Self { socket, last_id: 0, cancel };
        inspector.call("HeapProfiler.enable", json!({}))?;
        Ok(inspector)
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
        let params = json!({ "expression": expression, "returnByValue": true, "includeCommandLineAPI": true, "silent": true });
        let mut answer = self.call("Runtime.evaluate", params)?;
        if let Some(details) = answer.get("exceptionDetails") {
            let thrown = details.pointer("/exception/description").or_else(|| details.get("text"));
            let exception = thrown.and_then(Value::as_str).unwrap_or("it did not say what").to_owned();
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
        let (mut bytes, mut ends) = (0_u64, (None, None));
        self.call_with("HeapProfiler.takeHeapSnapshot", json!({ "reportProgress": true }), SILENCE_LIMIT, &mut |event, params| {
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
        let mut patience = Patience::new(method, limit, self.cancel);
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "id": id, "method": method, "params": params }), &patience)?;
        loop {
            let mut message = self.receive(&patience)?;
            if message.get("id").and_then(Value::as_u64) == Some(id) {
                return answer(method, &mut message);
            }
            let event = message.get("method").and_then(Value::as_str).unwrap_or_default();
            if on_event(event, message.get("params").unwrap_or(&Value::Null))? {
                patience.heard();
            }
        }
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

    fn receive(&mut self, patience: &Patience) -> Result<Value> {
        loop {
            patience.check()?;
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    return serde_json::from_str(&text).map_err(|_| LiveError::protocol(patience.doing(), "a message in JSON", &text));
                }
                Ok(Message::Close(_)) => return Err(lost(patience.doing(), io::ErrorKind::ConnectionReset.into())),
                Ok(_) => {}
                Err(Error::Io(error)) if is_tick(&error) => {}
                Err(error) => return Err(failed(patience.doing(), error)),
            }
        }
    }
}

/// Takes the result out of an answer, or the error.
fn answer(method: &str, message: &mut Value) -> Result<Value> {
    let Some(error) = message.get("error") else {
        return Ok(message.get_mut("result").map_or(Value::Null, Value::take));
    };
    let code = error.get("code").and_then(Value::as_i64).unwrap_or(0);
    let message = error.get("message").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
    Err(LiveError::Refused { method: method.to_owned(), code, message })
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
