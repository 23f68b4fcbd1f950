//! Plain HTTP GET requests to a service on this machine, over one connection that is kept.
//!
//! Just enough to put load on a service that we started, and to ask an inspector what it is: answers must carry `Content-Length`; no
//! chunks, no redirects, no TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::wait::{Patience, TICK, is_tick};
use crate::{LiveError, Result};

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// The longest head of an answer that is accepted.
const LONGEST_HEAD: usize = 16 << 10;
/// The largest body that is accepted.
const LARGEST_BODY: usize = 4 << 20;

/// A connection to a service on this machine.
pub(crate) struct Client<'a> {
    address: SocketAddr,
    stream: TcpStream,
    /// What was read and not used yet.
    buffer: Vec<u8>,
    /// How long an answer may take.
    limit: Duration,
    cancel: &'a AtomicBool,
}

impl<'a> Client<'a> {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr, cancel: &'a AtomicBool) -> Result<Self> {
        let failed = |source| LiveError::Connection { doing: format!("connecting to {address}"), source };
        let stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT).map_err(failed)?;
        Self::over(stream, address, ANSWER_LIMIT, cancel).map_err(failed)
    }

    /// Speaks over a connection that is there already.
    pub(crate) fn over(stream: TcpStream, address: SocketAddr, limit: Duration, cancel: &'a AtomicBool) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(limit))?;
        Ok(Self { address, stream, buffer: Vec::new(), limit, cancel })
    }

    /// Gets a page, which must be there, and forgets it.
    ///
    /// One at a time: answers to requests sent together wait for each other's acknowledgement on Node.js 16 (40 ms).
    pub(crate) fn get(&mut self, path: &str) -> Result<()> {
        self.get_text(path).map(drop)
    }

    /// Gets a page, which must be there.
    pub(crate) fn get_text(&mut self, path: &str) -> Result<String> {
        let doing = format!("getting {path}");
        let patience = Patience::new(&doing, self.limit, self.cancel);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: heapwhy\r\n\r\n", self.address);
        self.stream.write_all(request.as_bytes()).map_err(|source| self.lost(&patience, source))?;
        match self.read_answer(&patience)? {
            (200, body) => Ok(String::from_utf8_lossy(&body).into_owned()),
            (status, _) => Err(LiveError::protocol(&doing, "status 200", &status.to_string())),
        }
    }

    /// Reads one answer. Returns its status and body.
    fn read_answer(&mut self, patience: &Patience) -> Result<(u16, Vec<u8>)> {
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                break std::mem::replace(&mut self.buffer, rest);
            }
            if self.buffer.len() > LONGEST_HEAD {
                return Err(LiveError::protocol(patience.doing(), "the head of an answer", "too many bytes without its end"));
            }
            self.fill(patience)?;
        };
        let head = String::from_utf8_lossy(&head);
        let odd = || LiveError::protocol(patience.doing(), "an HTTP/1.1 answer with Content-Length", &head);
        let (status, length) = status_and_length(&head).ok_or_else(odd)?;
        if length > LARGEST_BODY {
            return Err(odd());
        }
        while self.buffer.len() < length {
            self.fill(patience)?;
        }
        let rest = self.buffer.split_off(length);
        Ok((status, std::mem::replace(&mut self.buffer, rest)))
    }

    /// Reads once.
    fn fill(&mut self, patience: &Patience) -> Result<()> {
        let mut bytes = [0; 32 << 10];
        loop {
            patience.check()?;
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(self.lost(patience, io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => {
                    self.buffer.extend(bytes.iter().take(count));
                    return Ok(());
                }
                Err(error) if is_tick(&error) => {}
                Err(error) => return Err(self.lost(patience, error)),
            }
        }
    }

    fn lost(&self, patience: &Patience, source: io::Error) -> LiveError {
        LiveError::Connection { doing: patience.doing().to_owned(), source }
    }
}

/// Reads the status and the body's length from the head of an answer.
fn status_and_length(head: &str) -> Option<(u16, usize)> {
    let mut lines = head.split("\r\n");
    let first = lines.next()?;
    // An inspector answers as HTTP/1.0 does.
    let status = first.strip_prefix("HTTP/1.1 ").or_else(|| first.strip_prefix("HTTP/1.0 "))?.get(..3)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    Some((status, length))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Gets pages from a server that sends `answers` at the first request, whatever it asks for, and then closes.
    fn get(answers: &'static str) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answers.as_bytes());
        });
        let go_on = AtomicBool::new(false);
        let mut client = Client::connect(address, &go_on)?;
        client.get("/a")?;
        client.get("/b")
    }

    #[test]
    fn answers_are_counted_and_checked() {
        get("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 0\r\n\r\n").unwrap();
        let cases = [
            ("", "connection lost while getting /a"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na", "connection lost while getting /a"),
            ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "while getting /a: expected status 200, found \"500\""),
            ("HTTP/1.1 200 OK\r\n\r\n", "expected an HTTP/1.1 answer with Content-Length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n", "expected an HTTP/1.1 answer with Content-Length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "expected an HTTP/1.1 answer with Content-Length"),
            ("SSH-2.0\r\n\r\n", "expected an HTTP/1.1 answer"),
        ];
        for (answers, expected) in cases {
            let error = get(answers).unwrap_err().to_string();
            assert!(error.contains(expected), "{answers:?}: {error}");
        }
    }
}
