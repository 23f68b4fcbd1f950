//! Where a process listens: its own TCP sockets, as `/proc` lists them, and those of others in the same network.
//!
//! Only reading. A socket belongs to a process whose file descriptors lead to it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::capture::proc;

/// A socket that waits for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Listener {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The kernel's number of the socket.
    pub(crate) inode: u64,
}

impl Listener {
    /// Says whether it listens for this machine alone, where others are not heard.
    pub(crate) fn is_local(&self) -> bool {
        self.address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST)
    }

    /// Returns where somebody on the same machine reaches it: one that listens everywhere is reached on loopback too.
    pub(crate) fn reached_at(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }
}

/// Lists all that listens in the network of a process, whoever does.
pub(crate) fn in_network(pid: i32) -> Vec<Listener> {
    ["net/tcp", "net/tcp6"]
        .into_iter()
        .flat_map(|table| {
            let text = fs::read_to_string(proc::path(pid, table)).unwrap_or_default();
            text.lines().skip(1).filter_map(listener).collect::<Vec<_>>()
        })
        .collect()
}

/// Lists where a process listens.
///
/// # Errors
/// Where we may not look.
pub(crate) fn of(pid: i32) -> io::Result<Vec<Listener>> {
    let own = sockets(pid)?;
    Ok(in_network(pid).into_iter().filter(|listener| own.contains(&listener.inode)).collect())
}

/// Lists the sockets to which the file descriptors of a process lead.
fn sockets(pid: i32) -> io::Result<HashSet<u64>> {
    let entries = fs::read_dir(proc::path(pid, "fd"))?;
    let number = |entry: fs::DirEntry| {
        let goal = fs::read_link(entry.path()).ok()?;
        goal.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    Ok(entries.flatten().filter_map(number).collect())
}

/// Takes a line of `/proc/PID/net/tcp` or `tcp6`. Returns the socket if it listens.
fn listener(line: &str) -> Option<Listener> {
    const LISTENS: &str = "0A";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (address, port) = words.get(1)?.split_once(':')?;
    if *words.get(3)? != LISTENS {
        return None;
    }
    let address = SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?);
    Some(Listener { address, inode: words.get(9)?.parse().ok()? })
}

/// Reads an address as the kernel writes it: words of four bytes, each a number of this machine (little-endian on all that we run on).
fn ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            let ip = Ipv6Addr::from(bytes);
            Some(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_as_the_kernel_writes_them() {
        let line = |address: &str, state: &str| {
            format!("   0: {address}:240D 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0")
        };
        let cases = [
            (line("0100007F", "0A"), Some("127.0.0.1:9229")),
            (line("00000000", "0A"), Some("0.0.0.0:9229")),
            (line("0100007F", "01"), None),
            (line("00000000000000000000000001000000", "0A"), Some("[::1]:9229")),
            (line("00000000000000000000000000000000", "0A"), Some("[::]:9229")),
            (line("0000000000000000FFFF00000100007F", "0A"), Some("127.0.0.1:9229")),
            (line("0100", "0A"), None),
            ("nonsense".to_owned(), None),
        ];
        for (line, expect) in cases {
            let found = listener(&line).map(|listener| (listener.address.to_string(), listener.inode));
            assert_eq!(found, expect.map(|address| (address.to_owned(), 4711)), "{line}");
        }
    }

    #[test]
    fn listeners_on_this_machine_alone_are_told() {
        let line = |address: &str, state: &str| {
            format!("   0: {address}:240D 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0")
        };
        let local = |line: &str| listener(line).filter(Listener::is_local).map(|listener| (listener.address.port(), listener.inode));
        assert_eq!(local(&line("0100007F", "0A")), Some((9229, 4711)));
        assert_eq!(local(&line("00000000", "0A")), None);
        assert_eq!(local(&line("0100007F", "01")), None);
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        let cases = [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("127.0.0.5:1", "127.0.0.5:1"), ("10.0.0.1:1", "10.0.0.1:1")];
        for (address, expect) in cases {
            let listener = Listener { address: address.parse().unwrap(), inode: 1 };
            assert_eq!(listener.reached_at().to_string(), expect);
        }
    }

    #[test]
    fn our_own_listeners_are_found() {
        let pid = i32::try_from(std::process::id()).unwrap();
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = std::net::TcpListener::bind(at) else { continue };
            let address = socket.local_addr().unwrap();
            assert!(of(pid).unwrap().iter().any(|listener| listener.address == address), "{address}");
            drop(socket);
            assert!(!of(pid).unwrap().iter().any(|listener| listener.address == address), "{address}");
        }
    }
}
