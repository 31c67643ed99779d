//! The lines of a file that a GET asks for, as parts of the file.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::reply::Content;
use crate::computing::Computing;
use crate::http::reading::Lines;
use crate::lines::{self, Text};
use crate::storage::{self, Snapshot};

/// Two parts of a file, one after the other, each of which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts([Range<u64>; 2]);

/// Where the lines are.
///
/// # Errors
/// [`storage::Error::Raced`] where the file has become shorter; [`storage::Error::Cancelled`];
/// those of reading.
pub(super) fn find(
    lines: Lines,
    snapshot: &Snapshot,
    computing: &mut dyn Computing,
) -> Result<Parts, storage::Error> {
    let length = snapshot.version.length;
    if lines == Lines::All {
        return Ok(Parts([0..0, 0..length]));
    }
    let read_at = |buffer: &mut [u8], at| storage::read_at(&snapshot.file, buffer, at);
    let mut text = Text::new(&read_at, length, computing);
    select(lines, &mut text, length).map_err(|error| match error {
        lines::Error::Cancelled(why) => storage::Error::Cancelled(why),
        lines::Error::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            storage::Error::Raced
        }
        lines::Error::Read(error) => storage::Error::System(error),
    })
}

fn select(lines: Lines, text: &mut Text<'_>, length: u64) -> Result<Parts, lines::Error> {
    Ok(match lines {
        Lines::All => Parts([0..0, 0..length]),
        Lines::First(count) => Parts([0..0, 0..text.head(count)?]),
        Lines::Last(count) => Parts([0..0, text.tail(count)?..length]),
        Lines::Shard { shard, header } => {
            let part = text.shard(shard)?;
            // The part that begins with the first line has it already.
            let has_it = part.start == 0 && !part.is_empty();
            let first = match header && !has_it {
                true => text.first_line()?,
                false => 0,
            };
            Parts([0..first, part])
        }
    })
}

impl Parts {
    /// The length of both, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.0.iter().map(|part| part.end - part.start).sum()
    }

    /// A part of what both are together, which they have.
    pub(super) fn part(&self, part: Range<u64>) -> Self {
        let [first, second] = &self.0;
        let cut = first.end - first.start;
        let within = |of: &Range<u64>, from: u64, to: u64| {
            (of.start + from).min(of.end)..(of.start + to).min(of.end)
        };
        Self([
            within(first, part.start, part.end),
            within(
                second,
                part.start.saturating_sub(cut),
                part.end.saturating_sub(cut),
            ),
        ])
    }

    /// Their content.
    pub(super) fn into_content<'s>(self, file: File) -> Content<'s> {
        let length = self.length();
        let [first, second] = self.0;
        if first.is_empty() {
            return Content::File { file, part: second };
        }
        Content::Stream {
            length: Some(length),
            write: Box::new(move |sink| {
                sink.write_file(&file, first)?;
                sink.write_file(&file, second)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_two_parts_is_what_lies_there() {
        for (part, expected) in [
            (0..9, [10..13, 20..26]),
            (0..3, [10..13, 20..20]),
            (0..2, [10..12, 20..20]),
            (2..4, [12..13, 20..21]),
            (3..4, [13..13, 20..21]),
            (4..9, [13..13, 21..26]),
        ] {
            let parts = Parts([10..13, 20..26]);
            assert_eq!(parts.length(), 9);
            let found = parts.part(part.clone());
            assert_eq!(found, Parts(expected), "{part:?}");
            assert_eq!(found.length(), part.end - part.start);
        }
    }
}
