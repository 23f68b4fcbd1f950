//! The network of a process: whether it is ours, and connecting inside it where it is not.
//!
//! A socket belongs to the network in which it was made, whoever uses it later. So a thread of its own goes there, connects, and ends;
//! nothing else of us is moved. That takes rights over the other network (root, as a rule).

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::capture::proc;

/// Which network a process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The same as we are.
    Ours,
    /// Another: that of a container.
    Other,
    /// We may not look.
    Unknown,
}

/// Says which network a process is in.
pub(crate) fn of(pid: i32) -> Network {
    let (own, other) = (fs::read_link("/proc/self/ns/net"), fs::read_link(proc::path(pid, "ns/net")));
    match (own, other) {
        (Ok(own), Ok(other)) if own == other => Network::Ours,
        (Ok(_), Ok(_)) => Network::Other,
        _ => Network::Unknown,
    }
}

/// Connects to an address as the process sees it.
///
/// # Errors
/// What the system says, also where we may not enter its network.
pub(crate) fn connect(pid: i32, address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    if of(pid) != Network::Other {
        return TcpStream::connect_timeout(&address, limit);
    }
    let network = File::open(proc::path(pid, "ns/net"))?;
    let inside = move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
        TcpStream::connect_timeout(&address, limit)
    };
    let thread = thread::Builder::new().name("other network".to_owned()).spawn(inside)?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("connecting failed")))
}

/// Says whether we may enter the network of a process. Tries it, in a thread that ends there.
pub(crate) fn may_enter(pid: i32) -> bool {
    let inside = move || {
        let network = File::open(proc::path(pid, "ns/net"))?;
        Ok::<_, io::Error>(move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?)
    };
    of(pid) != Network::Other || thread::spawn(inside).join().is_ok_and(|entered| entered.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_network_is_ours() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(of(pid), Network::Ours);
        assert!(may_enter(pid));
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(connect(pid, socket.local_addr().unwrap(), Duration::from_secs(5)).is_ok());
        assert_eq!(of(i32::MAX), Network::Unknown);
    }
}
