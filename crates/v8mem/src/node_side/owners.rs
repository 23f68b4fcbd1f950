//! What JavaScript says of a handle: the object that works with it (a `Socket`, a `Server`), and the addresses that this remembers.
//!
//! Where a socket leads is the kernel's to know. Node.js remembers it where somebody asked (`socket.remoteAddress`), or, since Node 20, what
//! it tried to connect to; a server remembers what it was told to listen on.

use super::NodeView;
use crate::kind::Kind;
use crate::maps::{smi, strong};
use crate::text::Strings;

/// Addresses of a socket, as far as JavaScript remembers them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Its own: `127.0.0.1:8080`. A port that the kernel chose is `?`.
    pub local: Option<String>,
    /// The other end's.
    pub peer: Option<String>,
}

/// The longest text of a property that is read.
const TEXT: usize = 4096;

impl NodeView<'_, '_> {
    /// Returns the object that works with a wrapper.
    #[must_use]
    pub fn owner(self, wrapper: u64) -> Option<u64> {
        let owner = self.property(wrapper, "<symbol owner_symbol>").or_else(|| self.property(wrapper, "owner"))?;
        strong(owner).filter(|&owner| self.heap.kind(owner).is_some_and(Kind::is_js_object))
    }

    /// Returns the addresses that a handle's owner remembers.
    #[must_use]
    pub fn addresses(self, owner: u64) -> Addresses {
        let end = |name: &str| strong(self.property(owner, name)?).and_then(|end| self.endpoint(end));
        let local = end("_sockname").or_else(|| self.asked(owner));
        let peer = end("_peername").or_else(|| self.attempted(owner));
        Addresses { local, peer }
    }

    /// Returns the address in an object like `{ address, family, port }`.
    fn endpoint(self, object: u64) -> Option<String> {
        let address = self.text(object, "address").filter(|address| !address.is_empty())?;
        let port = self.property(object, "port").and_then(smi)?;
        Some(with_port(&address, &port.to_string()))
    }

    /// Returns what a server was told to listen on: `4:127.0.0.1:8080`, the family first.
    fn asked(self, server: u64) -> Option<String> {
        let key = self.text(server, "_connectionKey")?;
        let (family, rest) = key.split_once(':')?;
        let (address, port) = rest.rsplit_once(':')?;
        let is_pipe = port.starts_with('-');
        let address = if address == "null" { if family == "6" { "::" } else { "0.0.0.0" } } else { address };
        (!is_pipe).then(|| with_port(address, if port == "0" { "?" } else { port }))
    }

    /// Returns the address that a socket tried last.
    fn attempted(self, socket: u64) -> Option<String> {
        let list = strong(self.property(socket, "autoSelectFamilyAttemptedAddresses")?)?;
        let elements = self.heap.target(list, self.heap.layout.at.object_elements)?;
        let length = u64::try_from(self.heap.smi(list, self.heap.layout.at.array_length)?).ok()?;
        let last = self.heap.element(elements, length.checked_sub(1)?)?;
        let text = self.strings().of_word(last, TEXT)?;
        let (address, port) = text.rsplit_once(':')?;
        Some(with_port(address, port))
    }

    /// Returns the word of an own data property; symbols are written as V8's snapshots do.
    #[must_use]
    pub fn property(self, object: u64, name: &str) -> Option<u64> {
        let map = self.heap.map_of(object).filter(|map| map.kind.is_js_object())?;
        let found = self.heap.property(object, &map, |key| self.strings().key(key, TEXT) == name)?;
        (!found.accessor).then_some(found.value)
    }

    /// Returns the text in a property.
    #[must_use]
    pub fn text(self, object: u64, name: &str) -> Option<String> {
        self.strings().of_word(self.property(object, name)?, TEXT)
    }

    fn strings(&self) -> Strings<'_, '_> {
        Strings { heap: self.heap, memory: self.side.memory }
    }
}

/// Puts a port behind an address; the many colons of IPv6 stand in brackets.
#[must_use]
pub fn with_port(address: &str, port: &str) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_stands_behind_an_address() {
        let check = |address: &str, port: &str, expect: &str| assert_eq!(with_port(address, port), expect);
        check("127.0.0.1", "80", "127.0.0.1:80");
        check("::1", "?", "[::1]:?");
    }
}
