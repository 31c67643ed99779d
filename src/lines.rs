//! Where the lines of a text begin and end, for a text that is read at places.
//!
//! Responsible for: cutting a text into parts at ends of lines, and finding its first and last
//! lines. Not for: what is read, and how the parts are sent.
//!
//! A line ends with a newline byte, or with the text.

use std::io;
use std::num::NonZeroU64;
use std::ops::Range;

use crate::computing::{Cancelled, Computing};

/// How much is read at a time, in bytes.
const STEP: usize = 64 * 1024;

/// How many steps there are between two checkpoints: 4 MiB.
const STEPS_TO_CHECKPOINT: u64 = 64;

/// Why lines were not found.
#[derive(Debug)]
pub(crate) enum Error {
    /// The text could not be read.
    Read(io::Error),
    /// They are no longer wanted.
    Cancelled(Cancelled),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<Cancelled> for Error {
    fn from(why: Cancelled) -> Self {
        Self::Cancelled(why)
    }
}

/// Reads bytes at a place.
pub(crate) type ReadAt<'r> = dyn Fn(&mut [u8], u64) -> io::Result<usize> + 'r;

/// One of several parts of a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    number: NonZeroU64,
    of: NonZeroU64,
}

impl Shard {
    /// The part of this number of so many; `None` where there is no such part.
    #[must_use]
    pub(crate) fn new(number: u64, of: u64) -> Option<Self> {
        let (number, of) = (NonZeroU64::new(number)?, NonZeroU64::new(of)?);
        (number <= of).then_some(Self { number, of })
    }

    /// The places in a text of this length between which the part would be, were there no lines.
    fn places(self, length: u64) -> (u64, u64) {
        let place = |number: u64| {
            let place = u128::from(length) * u128::from(number) / u128::from(self.of.get());
            // Not above the length, since the number is not above how many there are.
            u64::try_from(place).unwrap_or(length)
        };
        (place(self.number.get() - 1), place(self.number.get()))
    }
}

/// A text: how it is read, its length in bytes, and on whose behalf it is searched.
pub(crate) struct Text<'t> {
    read_at: &'t ReadAt<'t>,
    length: u64,
    computing: &'t mut dyn Computing,
    buffer: Vec<u8>,
    steps: u64,
}

impl<'t> Text<'t> {
    pub(crate) fn new(
        read_at: &'t ReadAt<'t>,
        length: u64,
        computing: &'t mut dyn Computing,
    ) -> Self {
        Self {
            read_at,
            length,
            computing,
            buffer: vec![0; STEP.min(usize::try_from(length).unwrap_or(STEP))],
            steps: 0,
        }
    }

    /// Where a part is. All parts of a text, in their order, are the text, and each line is in the
    /// one in which its first byte would be if there were no lines.
    ///
    /// # Errors
    /// Those of reading; [`Error::Cancelled`].
    pub(crate) fn shard(&mut self, shard: Shard) -> Result<Range<u64>, Error> {
        let (from, to) = shard.places(self.length);
        let start = self.start_of_line(from)?;
        // The line in which the part begins may be longer than the part.
        let end = match to <= start {
            true => start,
            false => self.start_of_line(to)?,
        };
        Ok(start..end)
    }

    /// Where the first line ends.
    ///
    /// # Errors
    /// Those of [`Text::shard`].
    pub(crate) fn first_line(&mut self) -> Result<u64, Error> {
        self.head(1)
    }

    /// Where the first lines end, this many or all.
    ///
    /// # Errors
    /// Those of [`Text::shard`].
    pub(crate) fn head(&mut self, lines: u64) -> Result<u64, Error> {
        let (mut at, mut left) = (0, lines);
        while left > 0 && at < self.length {
            let read = self.read(at, self.length)?;
            for newline in memchr::memchr_iter(b'\n', read) {
                left -= 1;
                if left == 0 {
                    return Ok(at + newline as u64 + 1);
                }
            }
            at += read.len() as u64;
        }
        Ok(at)
    }

    /// Where the last lines begin, this many or all. A newline at the end of the text ends its last
    /// line.
    ///
    /// # Errors
    /// Those of [`Text::shard`].
    pub(crate) fn tail(&mut self, lines: u64) -> Result<u64, Error> {
        if lines == 0 {
            return Ok(self.length);
        }
        let (mut end, mut left) = (self.length.saturating_sub(1), lines);
        while end > 0 {
            let at = end.saturating_sub(STEP as u64);
            let read = self.read(at, end)?;
            for newline in memchr::memrchr_iter(b'\n', read) {
                left -= 1;
                if left == 0 {
                    return Ok(at + newline as u64 + 1);
                }
            }
            end = at;
        }
        Ok(0)
    }

    /// The first place from this one on at which a line begins, or the end of the text.
    fn start_of_line(&mut self, place: u64) -> Result<u64, Error> {
        if place == 0 || place >= self.length {
            return Ok(place.min(self.length));
        }
        // A line begins at the place itself if it ends just before.
        let mut at = place - 1;
        while at < self.length {
            let read = self.read(at, self.length)?;
            if let Some(newline) = memchr::memchr(b'\n', read) {
                return Ok(at + newline as u64 + 1);
            }
            at += read.len() as u64;
        }
        Ok(self.length)
    }

    /// Reads a step from a place on, but not beyond an end; at least a byte.
    fn read(&mut self, from: u64, end: u64) -> Result<&[u8], Error> {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_TO_CHECKPOINT) {
            let done = self.steps * STEP as u64;
            self.computing
                .checkpoint(done.min(self.length), self.length)?;
        }
        let wanted = (end - from).min(STEP as u64) as usize;
        let mut filled = 0;
        while filled < wanted {
            match (self.read_at)(&mut self.buffer[filled..wanted], from + filled as u64)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                more => filled += more,
            }
        }
        Ok(&self.buffer[..wanted])
    }
}

#[cfg(test)]
mod tests {
    use testkit::random::Random;

    use super::*;

    /// Calls `ask` with a text.
    fn with<T>(content: &[u8], ask: impl FnOnce(&mut Text<'_>) -> Result<T, Error>) -> T {
        let read_at = |buffer: &mut [u8], at: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
            // As little at a time as a file may give.
            let read = buffer.len().min(content.len() - at).min(1_000);
            buffer[..read].copy_from_slice(&content[at..at + read]);
            Ok(read)
        };
        let mut computing = ();
        let mut text = Text::new(&read_at, content.len() as u64, &mut computing);
        ask(&mut text).unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn shards(content: &[u8], of: u64) -> Vec<Range<u64>> {
        let shard = |number| Shard::new(number, of).unwrap_or_else(|| panic!("{number}/{of}"));
        (1..=of)
            .map(|number| with(content, |text| text.shard(shard(number))))
            .collect()
    }

    /// Lines with their newlines.
    fn lines(content: &[u8]) -> Vec<&[u8]> {
        content.split_inclusive(|&byte| byte == b'\n').collect()
    }

    /// A text with lines of all kinds: empty ones, with CRLF, longer than a step, the last one with
    /// a newline or without.
    fn text(random: &mut Random) -> Vec<u8> {
        let mut content = Vec::new();
        for _ in 0..random.number() % 20 {
            let length = match random.number() % 8 {
                0 => 0,
                1 => 1,
                7 if random.number().is_multiple_of(8) => STEP + 10,
                2 | 7 => 500,
                other => other as usize * 3,
            };
            content.extend(std::iter::repeat_n(b'x', length));
            match random.number() % 4 {
                0 => content.extend(b"\r\n"),
                _ => content.push(b'\n'),
            }
        }
        if random.number().is_multiple_of(2) {
            content.pop();
        }
        content
    }

    #[test]
    fn shards_are_the_text_with_each_line_in_one() {
        let mut random = Random::new(14);
        for _ in 0..300 {
            let content = text(&mut random);
            let length = content.len() as u64;
            let of = match random.number() % 4 {
                0 => 1,
                1 => length + 3,
                _ => 1 + random.number() % 12,
            };
            let mut expected = 0;
            for (at, part) in shards(&content, of.min(300)).into_iter().enumerate() {
                assert_eq!(part.start, expected, "{at} of {of}");
                expected = part.end;
                let (start, end) = (part.start as usize, part.end as usize);
                let is_end = |at: usize| at == 0 || at == content.len() || content[at - 1] == b'\n';
                assert!(is_end(start) && is_end(end), "{part:?}");
            }
            assert_eq!(expected, length);
        }
    }

    #[test]
    fn a_line_is_in_the_part_of_its_first_byte() {
        for (content, of, expected) in [
            (&b""[..], 2, vec![0, 0]),
            (b"a", 3, vec![0, 0, 1]),
            (b"a\nb\n", 2, vec![2, 4]),
            (b"a\nb\n", 4, vec![2, 2, 4, 4]),
            (b"aaaaaaaa\nb\n", 2, vec![9, 11]),
            (b"a\nbbbbbbbb\n", 2, vec![11, 11]),
            (b"\n\n\n\n", 2, vec![2, 4]),
            (b"ab\ncd", 2, vec![3, 5]),
        ] {
            let ends: Vec<u64> = shards(content, of).iter().map(|part| part.end).collect();
            assert_eq!(ends, expected, "{:?}", String::from_utf8_lossy(content));
        }
        // Of as many parts as there can be, the last one holds nothing but the last byte.
        let last = Shard::new(u64::MAX, u64::MAX);
        let last = last.map(|shard| with(b"ab\n\n", |text| text.shard(shard)));
        assert_eq!(last, Some(3..4));
        for (number, of) in [(0, 1), (2, 1), (0, 0), (1, 0)] {
            assert_eq!(Shard::new(number, of), None, "{number}/{of}");
        }
    }

    #[test]
    fn the_first_and_the_last_lines_are_those_of_a_plain_count() {
        let mut random = Random::new(15);
        for _ in 0..300 {
            let content = text(&mut random);
            let lines = lines(&content);
            for count in [0, 1, 2, 5, lines.len(), lines.len() + 1, usize::MAX] {
                let first: usize = lines.iter().take(count).map(|line| line.len()).sum();
                let found = with(&content, |text| text.head(count as u64));
                assert_eq!(found, first as u64, "{count}");
                let last: usize = lines.iter().rev().take(count).map(|line| line.len()).sum();
                let found = with(&content, |text| text.tail(count as u64));
                assert_eq!(found, (content.len() - last) as u64, "{count}");
            }
        }
    }

    #[test]
    fn a_text_that_has_become_shorter_is_an_error() {
        let read_at = |_: &mut [u8], _: u64| Ok(0);
        let mut computing = ();
        let found = Text::new(&read_at, 10, &mut computing).first_line();
        assert!(
            matches!(found, Err(Error::Read(error)) if error.kind() == io::ErrorKind::UnexpectedEof)
        );
    }
}
