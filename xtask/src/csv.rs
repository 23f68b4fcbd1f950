//! A reader of comma-separated values as RFC 4180 has them: quoted fields may hold commas, quotes (doubled) and line ends.

use anyhow::{Result, bail};
use std::io::BufRead;

/// Reads records one by one, into buffers that are used again.
pub(crate) struct Reader<R> {
    input: R,
    text: Vec<u8>,
    ends: Vec<usize>,
    line: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `input`.
    pub(crate) fn new(input: R) -> Self {
        Self { input, text: Vec::new(), ends: Vec::new(), line: 0 }
    }

    /// Reads the next record; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        self.text.clear();
        self.ends.clear();
        let (mut quoted, mut any) = (false, false);
        loop {
            let from = self.text.len();
            if self.input.read_until(b'\n', &mut self.text)? == 0 {
                if quoted {
                    bail!("line {}: a quoted field does not end", self.line);
                }
                return Ok(any);
            }
            self.line += 1;
            any = true;
            // A line ends the record if the number of quotes so far is even.
            quoted ^= self.text[from..].iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            if !quoted {
                self.split();
                return Ok(true);
            }
        }
    }

    /// The fields of the record.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }

    /// Unquotes in place and notes where fields end.
    fn split(&mut self) {
        let text = &mut self.text;
        while text.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            text.pop();
        }
        let (mut read, mut write, mut quoted) = (0, 0, false);
        while read < text.len() {
            match text[read] {
                b'"' if quoted && text.get(read + 1) == Some(&b'"') => {
                    text[write] = b'"';
                    write += 1;
                    read += 1;
                }
                b'"' => quoted = !quoted,
                b',' if !quoted => self.ends.push(write),
                byte => {
                    text[write] = byte;
                    write += 1;
                }
            }
            read += 1;
        }
        text.truncate(write);
        self.ends.push(write);
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    fn records(text: &str) -> Vec<Vec<String>> {
        let mut reader = Reader::new(text.as_bytes());
        let mut records = Vec::new();
        while reader.advance().unwrap() {
            records.push(reader.fields().map(|field| String::from_utf8_lossy(field).into_owned()).collect());
        }
        records
    }

    #[test]
    fn reads_quotes_commas_and_line_ends() {
        assert_eq!(records("a,b\r\n1,\"x, \"\"y\"\"\nz\"\n,\n"), [vec!["a", "b"], vec!["1", "x, \"y\"\nz"], vec!["", ""]]);
        assert_eq!(records("last,line"), [["last", "line"]]);
        assert_eq!(records(""), Vec::<Vec<String>>::new());
    }

    #[test]
    fn tells_of_a_field_without_an_end() {
        assert!(Reader::new("a,\"b\nc".as_bytes()).advance().is_err());
    }
}
