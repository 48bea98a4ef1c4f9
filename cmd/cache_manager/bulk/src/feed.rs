//! The lines of a file, numbered, each read as an item.

use std::io::{self, BufRead, Read};

use crate::{Item, LineError};

/// Bytes of a line beside its value: the longest key in base64 has 86 KiB, and
/// what else there may be is short.
pub const LINE_FRAME_BYTES: usize = 128 << 10;

/// How long a line may be if a value may have `value_bytes_max` bytes: that in
/// base64, and its frame.
pub fn line_bytes_max(value_bytes_max: usize) -> usize {
    value_bytes_max.div_ceil(3).saturating_mul(4).saturating_add(LINE_FRAME_BYTES)
}

/// A line that says something: its number, from 1, and what it says.
#[derive(Debug)]
pub struct Numbered {
    /// Its number.
    pub number: u64,
    /// The item, or why it is none.
    pub item: Result<Item, LineError>,
}

/// Reads items from lines. Never holds more than one line.
#[derive(Debug)]
pub struct Feed<R> {
    input: R,
    line: Vec<u8>,
    line_bytes_max: usize,
    /// Lines read.
    lines: u64,
    /// Bytes read.
    bytes: u64,
}

impl<R: BufRead> Feed<R> {
    /// Reads lines of at most `line_bytes_max` bytes.
    pub fn new(input: R, line_bytes_max: usize) -> Self {
        Self { input, line: Vec::new(), line_bytes_max, lines: 0, bytes: 0 }
    }

    /// Bytes read until now.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Leaves lines out, so that the next one has the number `line`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn skip_to(&mut self, line: u64) -> io::Result<()> {
        while self.lines + 1 < line && self.skip_rest()? {
            self.lines += 1;
        }
        Ok(())
    }

    /// The next line that is not blank; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Numbered>> {
        while let Some(is_whole) = self.read_line()? {
            let number = self.lines;
            let line = self.line.trim_ascii();
            if !is_whole {
                let error = LineError::TooLong { bytes_max: self.line_bytes_max };
                return Ok(Some(Numbered { number, item: Err(error) }));
            }
            if !line.is_empty() {
                return Ok(Some(Numbered { number, item: Item::parse(line) }));
            }
        }
        Ok(None)
    }

    /// Whether the next line was short enough; none at the end.
    fn read_line(&mut self) -> io::Result<Option<bool>> {
        self.line.clear();
        // One more, to see that there is more, and one for the end of the line.
        let room = self.line_bytes_max as u64 + 2;
        let read = self.input.by_ref().take(room).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.lines += 1;
        self.bytes += read as u64;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read as u64 == room {
            self.skip_rest()?;
        }
        Ok(Some(self.line.len() <= self.line_bytes_max))
    }

    /// Reads to the end of the line. Whether there was anything.
    fn skip_rest(&mut self) -> io::Result<bool> {
        let mut skipped = 0;
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let bytes = end.map_or(buffer.len(), |at| at + 1);
            self.input.consume(bytes);
            skipped += bytes as u64;
            if bytes == 0 || end.is_some() {
                self.bytes += skipped;
                return Ok(0 < skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of each line that says something, and its key or what is wrong.
    fn told(text: &str, from: u64, bytes_max: usize) -> Vec<(u64, String)> {
        // A small buffer, so that lines are longer than it.
        let input = io::BufReader::with_capacity(7, text.as_bytes());
        let mut feed = Feed::new(input, bytes_max);
        feed.skip_to(from).unwrap();
        let lines = std::iter::from_fn(|| feed.read().unwrap());
        let told = lines.map(|line| match line.item {
            Ok(item) => (line.number, String::from_utf8(item.key).unwrap()),
            Err(error) => (line.number, error.to_string()),
        });
        let told = told.collect();
        assert_eq!(feed.bytes(), text.len() as u64);
        told
    }

    fn line(key: &str) -> String {
        format!(r#"{{"key":"{key}","value":""}}"#)
    }

    #[test]
    fn blank_lines_are_counted_and_say_nothing() {
        let text = format!("\n{}\r\n  \n{}", line("a"), line("b"));
        assert_eq!(told(&text, 1, 100), [(2, "a".to_owned()), (4, "b".to_owned())]);
    }

    #[test]
    fn a_line_that_is_too_long_is_named_and_the_next_one_read() {
        let exact = line("abc");
        let text = format!("{exact}\n{}\n{}\n{}", line("abcd"), line("a"), line(&"l".repeat(99)));
        let long = format!("it is longer than {} bytes", exact.len());
        let expected = [(1, "abc".to_owned()), (2, long.clone()), (3, "a".to_owned()), (4, long)];
        assert_eq!(told(&text, 1, exact.len()), expected);
    }

    #[test]
    fn lines_before_the_first_that_is_wanted_are_left_out() {
        let text = format!("not JSON\n{}\n{}\n", line("a"), line("b"));
        assert_eq!(told(&text, 3, 100), [(3, "b".to_owned())]);
        assert_eq!(told(&text, 4, 100), []);
        assert_eq!(told(&text, 99, 100), []);
    }

    #[test]
    fn the_longest_key_beside_the_longest_value_fits_into_a_line() {
        let item = Item {
            keyspace: Some("\0".repeat(255)),
            key: vec![0xFF; crate::KEY_BYTES_MAX],
            value: vec![0; 1_000],
            life: crate::Life::Millis(crate::TTL_MS_MAX),
            content_type: Some("x".repeat(255)),
            tags: Vec::new(),
        };
        let mut out = Vec::new();
        item.write(&mut out);
        assert!(out.len() <= line_bytes_max(1_000), "{}", out.len());
    }
}
