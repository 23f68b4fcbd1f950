//! libuv's handles and requests: what each is, and what libuv itself keeps of it.
//!
//! The layout is libuv's public header, the same for Node 16 to 26. Addresses of sockets are the kernel's, and not here.

use crate::global_handles::address;
use crate::memory::Memory;

/// The longest path that is read.
const MAX_PATH: usize = 4096;

/// What a handle is, by libuv's number.
const HANDLES: [&str; 17] = [
    "async", "check", "fs_event", "fs_poll", "handle", "idle", "pipe", "poll", "prepare", "process", "stream", "tcp", "timer", "tty",
    "udp", "signal", "file",
];
/// What a request is, by libuv's number.
const REQUESTS: [&str; 10] = ["req", "connect", "write", "shutdown", "udp_send", "fs", "work", "getaddrinfo", "getnameinfo", "random"];
/// What a request to the file system does, by libuv's number.
const FS: [&str; 37] = [
    "custom",
    "open",
    "close",
    "read",
    "write",
    "sendfile",
    "stat",
    "lstat",
    "fstat",
    "ftruncate",
    "utime",
    "futime",
    "access",
    "chmod",
    "fchmod",
    "fsync",
    "fdatasync",
    "unlink",
    "rmdir",
    "mkdir",
    "mkdtemp",
    "rename",
    "scandir",
    "link",
    "symlink",
    "readlink",
    "chown",
    "fchown",
    "realpath",
    "copyfile",
    "lchown",
    "opendir",
    "readdir",
    "closedir",
    "statfs",
    "mkstemp",
    "lutime",
];

/// A handle of libuv's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UvHandle {
    /// Its address.
    pub addr: u64,
    /// What it is: `tcp`.
    pub kind: &'static str,
    flags: u32,
    /// The file descriptor, where one is open.
    pub fd: Option<i32>,
    /// Bytes that were handed to it and wait to be sent; `None` where it sends nothing.
    pub queued: Option<u64>,
    /// Whether it is a server: somebody wants to hear of connections.
    pub is_listening: bool,
    /// What libuv knows besides.
    pub detail: Detail,
}

/// What libuv knows of a handle besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// The path that is watched, or that a pipe is bound to.
    Path(String),
    /// The process that was started.
    Process(i32),
    /// The signal that is waited for.
    Signal(i32),
}

impl UvHandle {
    /// Reads the handle at an address; `None` where its kind is none of libuv's.
    #[must_use]
    pub fn read(memory: &dyn Memory, addr: u64) -> Option<Self> {
        let kind = *HANDLES.get((memory.half(addr.checked_add(16)?).ok()? as usize).checked_sub(1)?)?;
        let flags = memory.half(addr + 88).ok()?;
        let number = |offset: u64| memory.half(addr + offset).ok().map(|number| number as i32);
        let text =
            |offset: u64| address(memory, addr + offset).and_then(|text| memory.c_string(text, MAX_PATH)).filter(|text| !text.is_empty());
        let watcher = match kind {
            "tcp" | "pipe" | "tty" | "stream" => Some(184),
            "udp" => Some(176),
            "poll" => Some(152),
            _ => None,
        };
        let detail = match kind {
            "fs_event" => text(96).map(Detail::Path),
            "fs_poll" => polled(memory, addr).map(Detail::Path),
            "pipe" => text(256).map(Detail::Path),
            "process" => number(104).filter(|&pid| pid > 0).map(Detail::Process),
            "signal" => number(104).filter(|&signal| signal > 0).map(Detail::Signal),
            _ => None,
        };
        let fd = watcher.and_then(number).filter(|&fd| fd >= 0);
        let is_listening = matches!(kind, "tcp" | "pipe") && address(memory, addr + 224).is_some();
        let queued = matches!(kind, "tcp" | "pipe" | "tty" | "udp").then(|| memory.word(addr + 96).ok()).flatten();
        Some(Self { addr, kind, flags, fd, queued, is_listening, detail: detail.unwrap_or_default() })
    }

    /// Says whether it waits for something: reads, listens, watches, runs.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.flags & 4 != 0
    }

    /// Says whether it keeps the process from its end while it is active.
    #[must_use]
    pub fn is_referenced(&self) -> bool {
        self.flags & 8 != 0
    }

    /// Says whether it is being closed, or is closed.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.flags & 3 != 0
    }

    /// Says in one word what it does.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self {
            _ if self.is_closing() => "closing",
            _ if self.is_listening => "listening",
            _ if self.is_active() => "active",
            _ => "inactive",
        }
    }
}

/// Returns the path that is looked at from time to time: the end of what libuv keeps for it behind the handle, which leads back.
fn polled(memory: &dyn Memory, handle: u64) -> Option<String> {
    const CONTEXT: u64 = 96;
    const LOOP: [u64; 2] = [8, 24];
    const PATH: u64 = 800;
    let context = address(memory, handle + CONTEXT)?;
    let is_its = memory.word(context).ok()? == handle && memory.word(context + LOOP[1]).ok()? == memory.word(handle + LOOP[0]).ok()?;
    memory.c_string(context.checked_add(PATH)?, MAX_PATH).filter(|path| is_its && !path.is_empty())
}

/// A request of libuv's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UvRequest {
    /// Its address.
    pub addr: u64,
    /// What it is: `fs`, `write`.
    pub kind: &'static str,
    /// Of the file system: what is done.
    pub operation: Option<&'static str>,
    /// The path or host name that it is about, where libuv keeps it.
    pub target: Option<String>,
    /// The handle that it is about.
    pub handle: Option<u64>,
}

impl UvRequest {
    /// Reads the request at an address; `None` where its kind is none of libuv's.
    #[must_use]
    pub fn read(memory: &dyn Memory, addr: u64) -> Option<Self> {
        let kind = *REQUESTS.get((memory.half(addr.checked_add(8)?).ok()? as usize).checked_sub(1)?)?;
        let text =
            |offset: u64| address(memory, addr + offset).and_then(|text| memory.c_string(text, MAX_PATH)).filter(|text| !text.is_empty());
        let operation = (kind == "fs").then(|| memory.half(addr + 64).ok()).flatten();
        let target = match kind {
            "fs" => text(104),
            "getaddrinfo" => text(128),
            _ => None,
        };
        let handle = match kind {
            "connect" => address(memory, addr + 72),
            "write" => address(memory, addr + 80),
            "shutdown" | "udp_send" => address(memory, addr + 64),
            _ => None,
        };
        Some(Self { addr, kind, operation: operation.and_then(|number| FS.get(number as usize).copied()), target, handle })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Words;

    #[test]
    fn what_is_looked_at_stands_behind_a_context_that_leads_back() {
        let path = u64::from_le_bytes(*b"/etc/h\0\0");
        let check = |parent, its_loop, expect: Option<&str>| {
            let handle = [(0x8008, 0x7000), (0x8010, 4), (0x8058, 12), (0x8060, 0x9000)];
            let context = [(0x9000, parent), (0x9018, its_loop), (0x9000 + 800, path)];
            let found = UvHandle::read(&Words(handle.into_iter().chain(context).collect()), 0x8000).unwrap();
            assert_eq!((found.kind, found.state()), ("fs_poll", "active"));
            assert_eq!(found.detail, expect.map_or(Detail::None, |path| Detail::Path(path.to_owned())));
        };
        check(0x8000, 0x7000, Some("/etc/h"));
        check(0x8008, 0x7000, None);
        check(0x8000, 0x7008, None);
    }
}
