//! GET of `wc` and `sha256`: what the server finds out by reading a file, in the place of the client.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::condition::opaque;
use super::read::{is_new, last_modified};
use super::{Access, COMPUTE_STEP, Error, Reply, Request};
use crate::http::entity_tag::EntityTag;
use crate::http::head::Field;
use crate::http::name::Name;
use crate::http::precondition::Validators;
use crate::storage::{self, Entry, Store, Version};

/// How much is read at a time, in bytes. It is held while a turn is waited for, and so part of what each transfer takes;
/// more of it saves no time that could be measured.
const READ: usize = 32 * 1024;

/// The number of newline bytes of a file, as `wc -l` counts.
pub(super) fn lines<'s>(
    store: &'s Store,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    sum(store, name, request, "wc", |file| {
        Ok(count(file)?.to_string())
    })
}

/// The SHA-256 digest of a file, as `sha256sum` prints it.
pub(super) fn sha256<'s>(
    store: &'s Store,
    name: &Name,
    request: &mut dyn Request,
) -> Result<Reply<'s>, Error> {
    sum(store, name, request, "sha256", |file| {
        Ok(hex(&digest(file)?))
    })
}

fn sum<'s>(
    store: &'s Store,
    name: &Name,
    request: &mut dyn Request,
    what: &str,
    find_out: impl FnOnce(&mut dyn Read) -> io::Result<String>,
) -> Result<Reply<'s>, Error> {
    let failed = |error| Error::Storage(name.clone(), Access::Read, error);
    let snapshot = match store.open_entry(name.pieces()).map_err(failed)? {
        Entry::Directory(_) => return Err(failed(storage::Error::IsDirectory)),
        Entry::File(snapshot) => snapshot,
    };
    let (validators, fields) = about(&snapshot.version, what);
    // Who has the sum of this version already need not have it read again.
    if !is_new(request, &validators)? {
        return Ok(Reply::not_modified(fields));
    }
    let length = snapshot.version.length;
    let mut go_on = |done| request.keep_computing(done, length);
    let mut watched = Watched::new(snapshot.file, length, &mut go_on);
    let found = find_out(&mut watched);
    if let Some(error) = watched.ended {
        return Err(error);
    }
    let text = found.map_err(|error| failed(storage::Error::System(error)))?;
    let mut reply = Reply::text(text);
    reply.fields.extend(fields);
    Ok(reply)
}

/// Content that is read as long as somebody waits for what comes of it.
struct Watched<'g, R> {
    content: io::Take<R>,
    length: u64,
    /// Asked every few MiB, with how much has been read, whether to go on.
    go_on: &'g mut dyn FnMut(u64) -> Result<(), Error>,
    /// So much had been read when it was asked last.
    asked_at: u64,
    /// Why it has ended before its end.
    ended: Option<Error>,
}

impl<'g, R: Read> Watched<'g, R> {
    fn new(content: R, length: u64, go_on: &'g mut dyn FnMut(u64) -> Result<(), Error>) -> Self {
        Self {
            content: content.take(length),
            length,
            go_on,
            asked_at: 0,
            ended: None,
        }
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let done = self.length - self.content.limit();
        if done - self.asked_at >= COMPUTE_STEP && done < self.length {
            self.asked_at = done;
            if let Err(error) = (self.go_on)(done) {
                self.ended = Some(error);
                return Err(io::Error::other("given up"));
            }
        }
        self.content.read(buffer)
    }
}

/// The validators of a sum: those of the file, with a tag of its own.
fn about(version: &Version, what: &str) -> (Validators, Vec<Field>) {
    let tag = EntityTag::strong(format!("{}-{what}", opaque(version)));
    let mut fields = vec![("ETag", tag.to_string().into())];
    fields.extend(last_modified(version));
    let validators = Validators {
        tag: Some(tag),
        modified: Some(version.modified.seconds()),
    };
    (validators, fields)
}

fn count(reader: &mut dyn Read) -> io::Result<usize> {
    let mut lines = 0;
    each_part(reader, |part| {
        lines += memchr::memchr_iter(b'\n', part).count();
    })?;
    Ok(lines)
}

fn digest(reader: &mut dyn Read) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    each_part(reader, |part| hash.update(part))?;
    Ok(hash.finalize().into())
}

fn each_part(reader: &mut dyn Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_are_counted_as_wc_counts_them() {
        for (text, lines) in [("", 0), ("a", 0), ("a\n", 1), ("\n\n", 2), ("a\r\nb", 1)] {
            assert_eq!(count(&mut text.as_bytes()).ok(), Some(lines), "{text:?}");
        }
        let long = "line\n".repeat(READ);
        assert_eq!(count(&mut long.as_bytes()).ok(), Some(READ));
    }

    // symptom: the sum of a file of exactly 4 MiB waited for a turn, though those of up to 4 MiB do not, and that of every
    //          multiple of it waited once more for nothing.
    // cause:   before the read that finds the end it was asked as before any other.
    // fix:     what has been read whole needs no turn.
    #[test]
    fn it_is_asked_whether_to_go_on_only_while_something_is_left() {
        let step = COMPUTE_STEP;
        for (length, expected) in [
            (0, &[][..]),
            (step - 1, &[]),
            (step, &[]),
            (step + 1, &[step]),
            (2 * step, &[step]),
            (2 * step + 1, &[step, 2 * step]),
        ] {
            let mut asked = Vec::new();
            let mut go_on = |done| {
                asked.push(done);
                Ok(())
            };
            let mut watched = Watched::new(io::repeat(b'\n'), length, &mut go_on);
            let lines = count(&mut watched).ok();
            assert_eq!(lines.and_then(|lines| lines.try_into().ok()), Some(length));
            assert_eq!(asked, expected, "{length} bytes");
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
            let found = digest(&mut text.as_bytes()).map(|digest| hex(&digest));
            assert_eq!(found.ok().as_deref(), Some(expected), "{text:?}");
        }
    }
}
