//! The little of protocol buffers that a profile needs: numbers, text, packed lists and nested messages.

/// Bytes of a message.
#[derive(Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Adds a number. 0 is what a missing field means.
    pub(super) fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(value);
        }
    }

    /// Adds bytes: text, or a message of its own.
    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Adds a message of its own.
    pub(super) fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        let mut message = Self::default();
        fill(&mut message);
        self.bytes(field, &message.0);
    }

    /// Adds a list of numbers.
    pub(super) fn packed(&mut self, field: u32, values: impl Iterator<Item = u64>) {
        let mut list = Self::default();
        for value in values {
            list.varint(value);
        }
        self.bytes(field, &list.0);
    }
}
