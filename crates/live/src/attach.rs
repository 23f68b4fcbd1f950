//! The inspector of a running process: opened from outside by a signal, and closed again as it was found.
//!
//! Node.js opens its inspector when it gets SIGUSR1. Before the signal is sent, all that could make it do something else is looked at: a
//! process that does not wait for it would be ended by it, one with a handler of its own would run that. Whoever reaches the port while it
//! is open can run code as the process; so it is closed on every path, over a new connection where the old one is of no use. Only where we
//! are killed it stays open: nothing in the process waits for our end.
//!
//! Knows processes and the protocol, nothing of V8.

mod error;
mod network;
mod options;
mod signal;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::{Value, json};

pub use error::AttachError;
pub use network::Network;
pub use options::Options;
pub use signal::Effect;

use crate::capture::terminal::Unstoppable;
use crate::capture::{CaptureError, Known, known, proc};
use crate::http::Client;
use crate::inspector::{Inspector, InspectorUrl};
use crate::sockets::{self, Listener};
use crate::wait::{NEVER, Patience};
use options::USUAL_PORT;

/// How long a process may take to open its inspector: its JavaScript must come to a point where it looks up.
const OPENING_LIMIT: Duration = Duration::from_secs(20);
/// How long is waited for it where we were told to stop after the signal was sent: what opens then must be closed.
const GRACE: Duration = Duration::from_secs(5);
/// How long closing may take: a process that is taking a snapshot finishes it first.
const CLOSING_LIMIT: Duration = Duration::from_secs(600);
/// How long an inspector may take to say what it is. It answers from a thread of its own.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
/// How often the kernel is asked who listens.
const ASKED_EVERY: Duration = Duration::from_millis(10);

/// Whether the program waits for SIGUSR1 itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// Only Node.js does.
    Nodes,
    /// The program does.
    Programs,
    /// That cannot be told.
    Unknown,
    /// That cannot be told, and is to be tried all the same.
    Risked,
}

/// Which process, and how.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The process.
    pub pid: i32,
    /// Where its inspector listens already; `None` to find out, and to open it where it does not.
    pub port: Option<u16>,
    /// Whether the program waits for the signal itself.
    pub handler: Handler,
    /// Stops waiting when set.
    pub cancel: &'a AtomicBool,
}

/// How the inspector was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was open: it is left so.
    Open,
    /// It was closed, and was opened by us.
    Closed,
}

/// What can be told of a process's inspector without touching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The process.
    pub pid: i32,
    /// Which network it is in.
    pub network: Network,
    /// What the signal would do.
    pub effect: Effect,
    /// How the process was started.
    pub options: Options,
    /// Where it listens already in the place of an inspector.
    pub open: Option<SocketAddr>,
    /// The port on which it would listen.
    pub port: u16,
    /// Whether somebody else listens there.
    pub is_taken: bool,
    /// Who traces it.
    pub tracer: Option<i32>,
    /// Whether it is stopped.
    pub is_stopped: bool,
}

/// Looks at a process without touching it.
///
/// # Errors
/// Where there is none of that number, or we may not look.
pub fn outlook(pid: i32) -> Result<Outlook, AttachError> {
    Ok(Subject::of(pid)?.outlook)
}

impl Outlook {
    /// Says what speaks against sending the signal.
    ///
    /// That an inspector is open already is for others to find out.
    #[must_use]
    pub fn obstacle(&self, handler: Handler) -> Option<AttachError> {
        let (pid, options) = (self.pid, &self.options);
        Some(match (self.effect, handler) {
            _ if self.tracer.is_some() => CaptureError::Traced { pid, tracer: self.tracer.unwrap_or(0) }.into(),
            _ if self.is_stopped => CaptureError::Unfit { pid, why: "it is stopped" }.into(),
            _ if options.is_forbidden => AttachError::Forbidden { pid, why: "it was started with --permission" },
            _ if options.is_unlisted => AttachError::Forbidden { pid, why: "it was started with --inspect-publish-uid without http" },
            (Effect::Ignored, _) => AttachError::Deaf { pid },
            _ if options.is_deaf => AttachError::Deaf { pid },
            (Effect::Deadly | Effect::Unknown, _) => AttachError::Deadly { pid },
            (Effect::Caught, Handler::Programs) => AttachError::OwnHandler { pid },
            (Effect::Caught, Handler::Unknown) => AttachError::UnknownHandler { pid },
            _ => match &options.exposed {
                Some(host) => AttachError::Exposed { pid, host: host.clone() },
                None if self.network != Network::Ours && !network::may_enter(pid) => AttachError::OtherNetwork { pid },
                // What listens there, itself or another, is no inspector: that was tried before.
                None if self.is_taken || self.open.is_some() => AttachError::PortTaken { pid, port: self.port },
                None => return None,
            },
        })
    }
}

/// A process before it is attached to.
struct Subject {
    pid: i32,
    outlook: Outlook,
    /// Where it listens.
    listeners: Vec<Listener>,
}

impl Subject {
    fn of(pid: i32) -> Result<Self, AttachError> {
        let Known { arguments, .. } = known(pid)?;
        let status = proc::status(pid).map_err(|_| CaptureError::NoProcess { pid })?;
        let listeners = sockets::of(pid).map_err(|source| CaptureError::of_reading(pid, "looking where it listens", source))?;
        let options = Options::of(pid, &arguments);
        let port = options.port.filter(|&port| port != 0).unwrap_or(USUAL_PORT);
        let open = listeners.iter().find(|listener| listener.address.port() == port).map(Listener::reached_at);
        let is_taken = open.is_none() && sockets::in_network(pid).iter().any(|other| takes(other, port));
        let outlook = Outlook {
            pid,
            network: network::of(pid),
            effect: signal::effect(pid),
            options,
            open,
            port,
            is_taken,
            tracer: Some(status.tracer).filter(|&tracer| tracer != 0),
            is_stopped: matches!(status.state, 'T' | 't'),
        };
        Ok(Self { pid, outlook, listeners })
    }

    /// Finds the inspector where it is open already.
    fn already_open(&self, port: Option<u16>, cancel: &AtomicBool) -> Option<(Listener, InspectorUrl)> {
        let is_any = self.outlook.options.port == Some(0) && port.is_none();
        let port = port.unwrap_or(self.outlook.port);
        let listeners = self.listeners.iter().filter(|listener| is_any || listener.address.port() == port);
        listeners.filter_map(|listener| Some((*listener, self.probe(listener, cancel)?))).next()
    }

    /// Asks a listener whether it is an inspector, and by what name it is reached.
    fn probe(&self, listener: &Listener, cancel: &AtomicBool) -> Option<InspectorUrl> {
        let address = listener.reached_at();
        let stream = network::connect(self.pid, address, PROBE_LIMIT).ok()?;
        let text = Client::over(stream, address, PROBE_LIMIT, cancel).ok()?.get_text("/json/list").ok()?;
        let list: Value = serde_json::from_str(&text).ok()?;
        let is_node = |one: &&Value| one.get("webSocketDebuggerUrl").is_some() && one.get("type").and_then(Value::as_str) == Some("node");
        let name = list.as_array()?.iter().find(is_node)?.get("id")?.as_str()?;
        InspectorUrl::at(address, name)
    }

    /// Sends the signal, and waits until an inspector listens that did not before.
    fn open(&self, process: &OwnedFd, cancel: &AtomicBool) -> Result<(Listener, InspectorUrl), AttachError> {
        let pid = self.pid;
        let failed = |source: rustix::io::Errno| CaptureError::of_reading(pid, "sending it SIGUSR1", source.into());
        pidfd_send_signal(process, Signal::USR1).map_err(failed)?;
        let began = Instant::now();
        let mut told = None;
        loop {
            let now = sockets::of(pid).unwrap_or_default();
            let new = now.iter().filter(|listener| !self.listeners.iter().any(|old| old.inode == listener.inode));
            if let Some(found) = new.filter_map(|listener| Some((*listener, self.probe(listener, &NEVER)?))).next() {
                return Ok(found);
            }
            if !proc::is_alive(pid, pid) {
                return Err(CaptureError::Gone { pid, doing: "its inspector was being opened" }.into());
            }
            told = told.or_else(|| cancel.load(Ordering::Relaxed).then(Instant::now));
            let is_over = told.is_some_and(|told| told.elapsed() > GRACE) || began.elapsed() > OPENING_LIMIT;
            if is_over {
                return Err(AttachError::NotOpened { pid, seconds: began.elapsed().as_secs() });
            }
            thread::sleep(ASKED_EVERY);
        }
    }
}

/// Says whether a socket is in the way of an inspector on a port.
fn takes(other: &Listener, port: u16) -> bool {
    let ip = other.address.ip();
    other.address.port() == port && (ip.is_unspecified() || ip == SocketAddr::from(([127, 0, 0, 1], port)).ip())
}

/// A process whose inspector is open to us. Dropped, it is closed again if it was closed before.
pub struct Attached<'a> {
    pid: i32,
    found: Found,
    listener: Listener,
    url: InspectorUrl,
    inspector: Option<Inspector<'a>>,
    /// Ctrl-Z waits: while we were stopped, the port would stay open.
    _unstoppable: Option<Unstoppable>,
}

/// Connects to the inspector of a process; opens it where it is closed.
///
/// # Errors
/// Where the signal would do something else, nothing opens in time, or what is open is another's. Nothing is left open.
pub fn attach<'a>(request: &Request<'a>) -> Result<Attached<'a>, AttachError> {
    let Request { pid, port, handler, cancel } = *request;
    let gone = |_| CaptureError::NoProcess { pid };
    let process = Pid::from_raw(pid).ok_or(CaptureError::NoProcess { pid })?;
    // What is done from here on is done to this process, and to none that gets its number later.
    let process = pidfd_open(process, PidfdFlags::empty()).map_err(gone)?;
    let subject = Subject::of(pid)?;
    let (found, (listener, url), unstoppable) = match (subject.already_open(port, cancel), port) {
        (Some(open), _) => (Found::Open, open, None),
        (None, Some(port)) => return Err(AttachError::NotThere { pid, port }),
        (None, None) => {
            if let Some(obstacle) = subject.outlook.obstacle(handler) {
                return Err(obstacle);
            }
            Patience::new("opening the inspector", OPENING_LIMIT, cancel).check()?;
            let unstoppable = Unstoppable::new();
            (Found::Closed, subject.open(&process, cancel)?, Some(unstoppable))
        }
    };
    let mut attached = Attached { pid, found, listener, url, inspector: None, _unstoppable: unstoppable };
    attached.inspector = Some(attached.connect(cancel)?);
    attached.is_the_one()?;
    Ok(attached)
}

impl<'a> Attached<'a> {
    /// Returns how the inspector was found.
    #[must_use]
    pub fn found(&self) -> Found {
        self.found
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Returns the connection.
    ///
    /// # Errors
    /// Where it is closed.
    pub fn inspector(&mut self) -> Result<&mut Inspector<'a>, AttachError> {
        let pid = self.pid;
        self.inspector.as_mut().ok_or_else(|| CaptureError::Gone { pid, doing: "it was being asked" }.into())
    }

    /// Leaves the inspector open, also where we opened it.
    pub fn adopt(&mut self) {
        self.found = Found::Open;
    }

    /// Closes the inspector when this ends, also where it was found open.
    pub fn disown(&mut self) {
        self.found = Found::Closed;
    }

    /// Leaves the process as it was found, and makes sure that it is so.
    ///
    /// # Errors
    /// Where its inspector could not be closed.
    pub fn close(mut self) -> Result<Found, AttachError> {
        let found = self.found;
        self.let_go().map(|()| found)
    }

    fn connect<'c>(&self, cancel: &'c AtomicBool) -> Result<Inspector<'c>, AttachError> {
        let doing = "connecting to the inspector".to_owned();
        let stream = network::connect(self.pid, self.listener.reached_at(), PROBE_LIMIT);
        let stream = stream.map_err(|source| crate::LiveError::Connection { doing, source })?;
        Ok(Inspector::over(stream, &self.url, cancel)?)
    }

    /// Makes sure that what answers is the process: a port can be led elsewhere.
    fn is_the_one(&mut self) -> Result<(), AttachError> {
        let (pid, address) = (self.pid, self.listener.address);
        let expected = proc::status(pid).ok().and_then(|status| status.own_number).unwrap_or(pid);
        let other = self.inspector()?.evaluate("process.pid")?;
        if other.as_i64() == Some(i64::from(expected)) {
            return Ok(());
        }
        self.adopt();
        Err(AttachError::Stranger { pid, address, other: other.to_string() })
    }

    fn let_go(&mut self) -> Result<(), AttachError> {
        const CLOSE: &str = "typeof process._debugEnd === 'function' ? process._debugEnd() : require('inspector').close()";
        let kept = self.inspector.take();
        if self.found == Found::Open {
            return Ok(());
        }
        self.found = Found::Open;
        let began = Instant::now();
        let old = kept.filter(Inspector::is_idle).and_then(|mut old| {
            // Closing is not stopped by Ctrl-C.
            old.heed(&NEVER);
            forgotten(&mut old).ok().map(|()| old)
        });
        let result = match old {
            Some(old) => old.leave_with(CLOSE),
            None => self.reconnected(began).and_then(|new| new.leave_with(CLOSE)),
        };
        // Whatever happened to the connection, it is the kernel who knows.
        while self.is_listening() {
            if began.elapsed() > CLOSING_LIMIT || result.is_err() {
                return Err(AttachError::StillOpen { pid: self.pid, address: self.listener.address });
            }
            thread::sleep(ASKED_EVERY);
        }
        Ok(())
    }

    /// Connects anew, and waits until the process answers.
    fn reconnected(&self, began: Instant) -> crate::Result<Inspector<'static>> {
        loop {
            let fresh = self.connect(&NEVER).map_err(|_| crate::LiveError::Cancelled);
            match fresh.and_then(|mut inspector| forgotten(&mut inspector).map(|()| inspector)) {
                Err(_) if self.is_listening() && began.elapsed() < CLOSING_LIMIT => thread::sleep(ASKED_EVERY * 10),
                other => return other,
            }
        }
    }

    fn is_listening(&self) -> bool {
        sockets::of(self.pid).is_ok_and(|listeners| listeners.iter().any(|listener| listener.inode == self.listener.inode))
    }
}

/// Throws away what was written to the console meanwhile: while somebody listens, V8 keeps it, and with it the objects that were written.
fn forgotten(inspector: &mut Inspector<'_>) -> crate::Result<()> {
    inspector.speak_to(None);
    inspector.call("Runtime.discardConsoleEntries", json!({})).map(drop)
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        let _ = self.let_go();
    }
}
