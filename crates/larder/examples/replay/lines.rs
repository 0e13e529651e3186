//! Lines of a log, one at a time, in bounded memory.
//!
//! A line ends with `\n` or with the input; nothing behind the last `\n` is no
//! line. A line over [`MAX_LINE`] bytes is read past and yielded without its
//! bytes, so that a log of one endless line costs no more memory than any other.
//!
//! # Cost
//!
//! Memory: the reader's buffer and one line. Time: every byte is copied once.

use std::io::{self, BufRead};

/// The longest line that is kept, in bytes, its newline not counted.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// Yields the lines of a reader.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
    offset: u64,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// 1 for the first.
    pub(crate) number: u64,
    /// Where the next line begins, in bytes from the input's start.
    pub(crate) end: u64,
    /// The line without its newline, or `None` if it is too long.
    pub(crate) bytes: Option<&'a [u8]>,
}

impl<R: BufRead> Lines<R> {
    /// Starts at the reader's next byte.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), number: 0, offset: 0 }
    }

    /// The next line, or `None` at the end of the input.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // One byte more than a line may have: its newline, or the proof that it is too long.
        let mut head = io::Read::take(&mut self.reader, MAX_LINE as u64 + 1);
        let mut read = head.read_until(b'\n', &mut self.line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let ends = self.line.pop_if(|last| *last == b'\n').is_some();
        let is_whole = self.line.len() <= MAX_LINE;
        if !ends && !is_whole {
            read += self.reader.skip_until(b'\n')? as u64;
        }
        self.number += 1;
        self.offset += read;
        let bytes = is_whole.then_some(self.line.as_slice());
        Ok(Some(Line { number: self.number, end: self.offset, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// Lengths of the lines, `None` for one too long.
    fn lengths(input: &[u8]) -> Vec<Option<usize>> {
        let mut lines = Lines::new(BufReader::with_capacity(16, input));
        let mut lengths = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            lengths.push(line.bytes.map(<[u8]>::len));
        }
        lengths
    }

    #[test]
    fn nothing_after_the_last_newline_is_no_line() {
        assert_eq!(lengths(b""), []);
        assert_eq!(lengths(b"\n"), [Some(0)]);
        assert_eq!(lengths(b"ab\n\nc"), [Some(2), Some(0), Some(1)]);
        assert_eq!(lengths(b"ab\r\nc\n"), [Some(3), Some(1)]);
    }

    #[test]
    fn a_line_knows_its_number_and_its_end() {
        let mut lines = Lines::new(&b"ab\ncd"[..]);
        let first = Line { number: 1, end: 3, bytes: Some(b"ab") };
        assert_eq!(lines.next().unwrap(), Some(first));
        let second = Line { number: 2, end: 5, bytes: Some(b"cd") };
        assert_eq!(lines.next().unwrap(), Some(second));
        assert_eq!(lines.next().unwrap(), None);
    }

    #[test]
    fn a_line_of_64_kib_is_whole_and_one_byte_more_is_too_long() {
        for tail in [&b""[..], b"\n", b"\nabc"] {
            let after: &[Option<usize>] = if tail.len() > 1 { &[Some(3)] } else { &[] };
            let whole = [&vec![b'x'; MAX_LINE], tail].concat();
            assert_eq!(lengths(&whole), [&[Some(MAX_LINE)], after].concat());
            let too_long = [&vec![b'x'; MAX_LINE + 1], tail].concat();
            assert_eq!(lengths(&too_long), [&[None], after].concat());
        }
    }

    #[test]
    fn an_endless_line_takes_no_more_memory_than_a_long_one() {
        let endless = io::repeat(b'x').take(100 << 20).chain(&b"\nafter"[..]);
        let mut lines = Lines::new(BufReader::new(endless));
        assert_eq!(lines.next().unwrap().unwrap().bytes, None);
        assert!(lines.line.capacity() <= 4 * MAX_LINE);
        let after = lines.next().unwrap().unwrap();
        assert_eq!((after.number, after.bytes), (2, Some(&b"after"[..])));
    }
}
