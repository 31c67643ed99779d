//! GET of `wc` and `sha256`: what a client would find out by reading the file.

use std::io;

use sha2::{Digest as _, Sha256};

use super::error::{Access, Error};
use super::grant::Grant;
use super::open::open_file;
use super::reply::Reply;
use super::request::Request;
use super::validators::{validator_fields, validators_with_suffix, wants_content};
use crate::computing::Computing;
use crate::http::digest::hexadecimal;
use crate::storage::{self, Store};

/// How much is read between two checkpoints, in bytes.
const STEP: u64 = 4 << 20;

/// How much is read at a time, in bytes. The buffer is kept while the computation waits, and so
/// counts towards the memory of each transfer.
const BUFFER: usize = 32 * 1024;

/// The number of newline bytes of a file, as `wc -l` counts.
pub(super) fn lines<'s>(
    store: &'s Store,
    grant: &Grant<'_>,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    summarize(store, grant, request, LineCount::default())
}

/// The SHA-256 digest of a file, as `sha256sum` prints it.
pub(super) fn sha256<'s>(
    store: &'s Store,
    grant: &Grant<'_>,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    summarize(store, grant, request, Sha256::new())
}

/// What is computed from all bytes of a file.
trait Summary {
    /// What its entity tag has in addition to that of the file.
    const TAG_SUFFIX: &'static str;

    fn update(&mut self, part: &[u8]);

    fn into_text(self) -> String;
}

#[derive(Default)]
struct LineCount(usize);

impl Summary for LineCount {
    const TAG_SUFFIX: &'static str = "-wc";

    fn update(&mut self, part: &[u8]) {
        self.0 += memchr::memchr_iter(b'\n', part).count();
    }

    fn into_text(self) -> String {
        self.0.to_string()
    }
}

impl Summary for Sha256 {
    const TAG_SUFFIX: &'static str = "-sha256";

    fn update(&mut self, part: &[u8]) {
        sha2::Digest::update(self, part);
    }

    fn into_text(self) -> String {
        hexadecimal(&self.finalize().into())
    }
}

fn summarize<'s, S: Summary>(
    store: &'s Store,
    grant: &Grant<'_>,
    request: &mut dyn Request,
    mut summary: S,
) -> Result<Reply<'s>, Error> {
    let snapshot = open_file(store, grant)?;
    let validators = validators_with_suffix(&snapshot.version, S::TAG_SUFFIX);
    let fields = validator_fields(&validators, &snapshot.version);
    // A client that has the summary of this version need not wait for it to be computed again.
    if !wants_content(request.head(), &validators)? {
        return Ok(Reply::not_modified(fields));
    }
    let length = snapshot.version.length;
    let take = &mut |part: &[u8]| summary.update(part);
    let read = &mut |buffer: &mut [u8], at| storage::read_at(&snapshot.file, buffer, at);
    read_all((read, length), request, take)
        .map_err(|error| Error::Storage(grant.name.clone(), Access::Read, error))?;
    let mut reply = Reply::text(summary.into_text());
    reply.fields.extend(fields);
    Ok(reply)
}

/// Reads bytes at a place in a file.
type ReadAt<'r> = &'r mut dyn FnMut(&mut [u8], u64) -> io::Result<usize>;

/// Reads this many bytes, or up to the end where there are fewer, with a checkpoint every few MiB.
fn read_all<C: Computing + ?Sized>(
    (read_at, length): (ReadAt<'_>, u64),
    computing: &mut C,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), storage::Error> {
    let mut buffer = vec![0; BUFFER];
    let (mut done, mut checked) = (0, 0);
    while done < length {
        if done - checked >= STEP {
            checked = done;
            computing.checkpoint(done, length)?;
        }
        let wanted = (length - done).min(BUFFER as u64) as usize;
        let read = read_at(&mut buffer[..wanted], done).map_err(storage::Error::System)?;
        if read == 0 {
            break;
        }
        take(&buffer[..read]);
        done += read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::computing::Cancelled;

    fn text_of<S: Summary>(mut summary: S, content: &str) -> Option<String> {
        let take = &mut |part: &[u8]| summary.update(part);
        let read = &mut |buffer: &mut [u8], at| {
            let rest = &content.as_bytes()[usize::try_from(at).unwrap_or(usize::MAX)..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        };
        read_all((read, u64::MAX), &mut (), take).ok()?;
        Some(summary.into_text())
    }

    #[test]
    fn newlines_are_counted_as_wc_counts_them() {
        let long = "line\n".repeat(BUFFER);
        for (text, lines) in [
            ("", 0),
            ("a", 0),
            ("a\n", 1),
            ("\n\n", 2),
            ("a\r\nb", 1),
            (&long, BUFFER),
        ] {
            let found = text_of(LineCount::default(), text);
            assert_eq!(found, Some(lines.to_string()));
        }
    }

    #[derive(Default)]
    struct Checkpoints(Vec<u64>);

    impl Computing for Checkpoints {
        fn checkpoint(&mut self, done: u64, _total: u64) -> Result<(), Cancelled> {
            self.0.push(done);
            Ok(())
        }

        fn pause(&mut self) {}
    }

    // symptom: the sum of a file of exactly 4 MiB waited for a turn, though those of up to 4 MiB do
    //          not, and that of every multiple of it waited once more for nothing.
    // cause:   before the read that finds the end it was asked as before any other.
    // fix:     what has been read whole needs no turn.
    #[test]
    fn there_is_a_checkpoint_only_while_something_is_left() {
        let step = STEP;
        for (length, expected) in [
            (0, &[][..]),
            (step - 1, &[]),
            (step, &[]),
            (step + 1, &[step]),
            (2 * step, &[step]),
            (2 * step + 1, &[step, 2 * step]),
        ] {
            let mut checkpoints = Checkpoints::default();
            let mut lines = LineCount::default();
            let take = &mut |part: &[u8]| lines.update(part);
            let read = &mut |buffer: &mut [u8], _| {
                buffer.fill(b'\n');
                Ok(buffer.len())
            };
            let outcome = read_all((read, length), &mut checkpoints, take);
            assert!(outcome.is_ok());
            assert_eq!(lines.into_text(), length.to_string());
            assert_eq!(checkpoints.0, expected, "{length} bytes");
        }
    }

    #[test]
    fn digests_are_those_of_fips_180_4() {
        // The examples that NIST publishes beside the standard.
        for (text, expected) in [
            (
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
        ] {
            let found = text_of(Sha256::new(), text);
            assert_eq!(found.as_deref(), Some(expected), "{text:?}");
        }
    }
}
