//! What a loop of libuv waits for: handles counted by kind, and those that lead somewhere by where they lead.
//!
//! All timers of JavaScript share one handle, so they are not told here.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

/// One handle, as the file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handle {
    /// `tcp`, `timer`.
    pub kind: String,
    /// Whether it waits for something.
    pub active: Option<bool>,
    /// Whether it keeps the process going.
    pub referenced: Option<bool>,
    /// Its address.
    pub address: Option<String>,
    /// Its descriptor.
    pub descriptor: Option<u64>,
    /// Bytes that wait to be written.
    pub queued: Option<u64>,
    /// This side of a socket.
    pub local: Option<EndPoint>,
    /// The other side.
    pub remote: Option<EndPoint>,
    /// What is watched.
    pub path: Option<String>,
}

/// A side of a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EndPoint {
    /// A name or an address; of a pipe, its path.
    pub host: String,
    /// The port.
    pub port: Option<u16>,
}

/// How many handles there are of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleCount {
    /// All of them.
    pub count: u64,
    /// Those that wait for something; `None` where that is not told of all.
    pub active: Option<u64>,
    /// Those that keep the process going.
    pub referenced: Option<u64>,
    /// Those with a descriptor.
    pub descriptors: u64,
    /// Bytes that wait to be written.
    pub queued: u64,
}

impl Default for HandleCount {
    fn default() -> Self {
        Self { count: 0, active: Some(0), referenced: Some(0), descriptors: 0, queued: 0 }
    }
}

/// The handles of a loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handles {
    /// How many of each kind.
    pub kinds: BTreeMap<String, HandleCount>,
    /// The highest descriptor.
    pub highest_descriptor: Option<u64>,
    /// Of how many it is not known where they lead: there were too many.
    pub left_out: u64,
    /// Whether those are all: the list was read to its end.
    pub is_whole: bool,
    /// Where handles of Node.js's own lie that live as long as the thread.
    pub(super) lasting: Vec<String>,
    leading: Vec<Leading>,
}

/// A handle that leads somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leading {
    kind: String,
    local: Option<EndPoint>,
    remote: Option<EndPoint>,
    path: Option<String>,
    queued: u64,
}

/// In which direction a handle leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// It waits for connections, or for datagrams.
    Listens,
    /// Somebody has connected.
    From,
    /// It has connected to somebody.
    To,
    /// It watches files.
    Watches,
}

impl Role {
    /// Returns the word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Listens => "listens",
            Self::From => "from",
            Self::To => "to",
            Self::Watches => "watches",
        }
    }
}

/// Handles of one kind that lead to the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndPoints {
    /// `tcp`.
    pub kind: String,
    /// In which direction.
    pub role: Role,
    /// Where: `db.example.org:5432`, `10.0.0.7 at :8080`, a file or, of many files, their folder.
    pub place: String,
    /// How many.
    pub count: u64,
    /// Bytes that wait to be written.
    pub queued: u64,
}

/// More kinds than this, which libuv does not have, count as `other`.
const MOST_KINDS: usize = 64;
/// Of more handles than this it is not kept where they lead.
const MOST_LEADING: usize = 100_000;

impl Handles {
    /// Adds a handle. The loop itself, which stands among them, is none.
    pub(super) fn add(&mut self, handle: Handle) {
        if handle.kind == "loop" {
            return;
        }
        let is_known = self.kinds.contains_key(&handle.kind) || self.kinds.len() < MOST_KINDS;
        let kind = if is_known && !handle.kind.is_empty() { handle.kind.clone() } else { "other".to_owned() };
        let count = self.kinds.entry(kind).or_default();
        let add = |sum: Option<u64>, flag: Option<bool>| Some(sum? + u64::from(flag?));
        count.count += 1;
        count.active = add(count.active, handle.active);
        count.referenced = add(count.referenced, handle.referenced);
        count.descriptors += u64::from(handle.descriptor.is_some());
        count.queued = count.queued.saturating_add(handle.queued.unwrap_or(0));
        self.highest_descriptor = self.highest_descriptor.max(handle.descriptor);
        self.keep(handle);
    }

    fn keep(&mut self, handle: Handle) {
        /// Node.js has one of each, or two, for each thread.
        const LASTING: [&str; 3] = ["check", "idle", "prepare"];
        const MOST_LASTING: usize = 16;
        if LASTING.contains(&handle.kind.as_str()) && self.lasting.len() < MOST_LASTING {
            self.lasting.extend(handle.address);
        } else if handle.local.is_some() || handle.remote.is_some() || handle.path.is_some() {
            if self.leading.len() == MOST_LEADING {
                self.left_out += 1;
                return;
            }
            let Handle { kind, local, remote, path, queued, .. } = handle;
            self.leading.push(Leading { kind, local, remote, path, queued: queued.unwrap_or(0) });
        }
    }

    /// Returns how many handles there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.kinds.values().map(|count| count.count).sum()
    }

    /// Returns how many bytes wait to be written.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.kinds.values().fold(0, |sum, count| sum.saturating_add(count.queued))
    }

    /// Groups handles by where they lead, the largest groups first. O(handles).
    #[must_use]
    pub fn end_points(&self) -> Vec<EndPoints> {
        let listening: std::collections::HashSet<u16> = self
            .leading
            .iter()
            .filter(|one| one.kind == "tcp" && one.remote.is_none())
            .filter_map(|one| one.local.as_ref()?.port)
            .collect();
        let watches = self.leading.iter().filter(|one| one.path.is_some()).count();
        let mut groups: FxHashMap<(&str, Role, String), (u64, u64)> = FxHashMap::default();
        for one in &self.leading {
            let (role, place) = one.place(|port| listening.contains(&port), watches);
            match groups.entry((&one.kind, role, place)) {
                Entry::Occupied(mut group) => {
                    let (count, queued) = *group.get();
                    group.insert((count + 1, queued.saturating_add(one.queued)));
                }
                Entry::Vacant(group) => drop(group.insert((1, one.queued))),
            }
        }
        let group = |((kind, role, place), (count, queued)): ((&str, Role, String), (u64, u64))| EndPoints {
            kind: kind.to_owned(),
            role,
            place,
            count,
            queued,
        };
        let mut groups: Vec<EndPoints> = groups.into_iter().map(group).collect();
        groups
            .sort_by(|one, other| (other.count, one.role, &one.kind, &one.place).cmp(&(one.count, other.role, &other.kind, &other.place)));
        groups
    }
}

impl Leading {
    /// Returns where it leads; of many files that are watched, into which folder.
    fn place(&self, is_listening: impl Fn(u16) -> bool, watches: usize) -> (Role, String) {
        /// So many are told by name.
        const FEW: usize = 20;
        if let Some(path) = &self.path {
            if watches <= FEW {
                return (Role::Watches, path.clone());
            }
            let folder = path.rsplit_once('/').map_or(path.as_str(), |(folder, _)| folder);
            return (Role::Watches, if folder.is_empty() { "/".to_owned() } else { folder.to_owned() });
        }
        match (&self.local, &self.remote) {
            (Some(local), Some(remote)) if local.port.is_some_and(is_listening) => {
                (Role::From, format!("{} at :{}", remote.host(), local.port.unwrap_or_default()))
            }
            (_, Some(remote)) => (Role::To, remote.to_string()),
            (Some(local), None) => (Role::Listens, local.to_string()),
            (None, None) => (Role::To, String::new()),
        }
    }
}

impl EndPoint {
    /// Returns the host, without what makes an address of IPv4 one of IPv6.
    fn host(&self) -> &str {
        self.host.strip_prefix("::ffff:").unwrap_or(&self.host)
    }
}

impl std::fmt::Display for EndPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) if self.host().contains(':') => write!(f, "[{}]:{port}", self.host()),
            Some(port) => write!(f, "{}:{port}", self.host()),
            None => f.write_str(self.host()),
        }
    }
}
