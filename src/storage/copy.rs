//! Copying a file within the storage.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::Error;
use super::error::retry_on_race;
use super::file_id::FileId;
use super::pair::Target;
use super::snapshot::Snapshot;
use super::staged::{Need, Staged};
use super::store::Store;
use super::target::{LockedEntry, LockedFile, replaceable};
use super::version::Check;
use super::walk::{Dir, Place};
use crate::computing::Computing;

/// How much is copied at a time, in bytes: between two steps the free space is looked at, and whether to go on.
const STEP: u64 = 8 << 20;

/// How much is copied at a time where it passes through the process, in bytes. It is held while a turn is waited for, and
/// so part of what each transfer takes.
const BUFFER: usize = 32 * 1024;

impl Store {
    /// Stages a copy of the first `length` bytes of a file: by sharing its blocks where the file system can
    /// (`FICLONE`), else within the kernel (`copy_file_range`). There is a checkpoint every few MiB.
    ///
    /// # Errors
    /// [`Error::NoSpace`], or what the system says; [`Error::Raced`] where the file has become shorter, and
    /// [`Error::Cancelled`].
    pub fn stage_copy(
        &self,
        source: &File,
        length: u64,
        computing: &mut dyn Computing,
    ) -> Result<Staged<'_>, Error> {
        // Shared blocks take no space, so nothing is reserved before it is tried.
        let declared = None;
        let twice = false;
        let mut staged = self.stage(Need { declared, twice })?;
        if rustix::fs::ioctl_ficlone(&staged.file, source).is_ok() {
            let cloned = staged.file.metadata()?.len();
            return match cloned >= length {
                true => {
                    // What has been appended meanwhile is not part of it.
                    staged.file.set_len(length)?;
                    staged.length = length;
                    Ok(staged)
                }
                false => Err(Error::Raced),
            };
        }
        drop(staged);
        let declared = Some(length);
        let mut staged = self.stage(Need { declared, twice })?;
        copy_rest(source, &mut staged, length, computing)?;
        Ok(staged)
    }
}

/// What has come of putting a copy in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It is there, as the source is at this moment.
    Done,
    /// Nothing was done: the source has grown by more than is to be copied under the locks.
    Behind,
    /// Nothing was done: the name of the source leads to another file by now.
    Elsewhere,
}

/// The two files of a copy, locked, and where the second one lies.
struct CopyLocks<'r> {
    source: LockedFile,
    target: Target,
    dir: Dir<'r>,
    name: OsString,
}

impl Store {
    /// Whether two names lead to one file, to this one, so that there is nothing to copy; holds the condition against it.
    ///
    /// # Errors
    /// Those of `check`, or as of [`Staged::commit`].
    pub fn is_copy_of_itself(
        &self,
        source: &Snapshot,
        names: (&[String], &[String]),
        check: Check<'_>,
    ) -> Result<bool, Error> {
        let id = FileId::of(&source.file)?;
        let locked = retry_on_race(|| self.lock_for_copy(id, names, check))?;
        Ok(locked.is_some_and(|locked| matches!(locked.target, Target::Source)))
    }

    /// Locks both files of a copy, and holds the condition against the second; `None` where `from` does not lead to the
    /// source any more.
    fn lock_for_copy(
        &self,
        source_id: FileId,
        (from, to): (&[String], &[String]),
        check: Check<'_>,
    ) -> Result<Option<CopyLocks<'_>>, Error> {
        let found = match self.find(from) {
            Ok(place) => place.entry(),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        let Some((from_dir, from_name)) = found else {
            return Ok(None);
        };
        let check_new = |dir: BorrowedFd<'_>| self.check_new(dir, check);
        let Place::Entry(dir, name, _) = self.make_way(to, None, &check_new)? else {
            return Err(Error::IsDirectory);
        };
        let fits = |_, target: Option<FileType>| target.map_or(Ok(()), replaceable);
        let places = (
            (from_dir.as_fd(), from_name.as_os_str()),
            (dir.as_fd(), name.as_os_str()),
        );
        let (source, target) = match self.lock_both(places.0, places.1, &fits) {
            Err(Error::NotFound) => return Ok(None),
            other => other?,
        };
        if source.id() != source_id {
            return Ok(None);
        }
        self.check_target(&source, &target, check)?;
        let LockedEntry::File(source) = source else {
            return Ok(None);
        };
        Ok(Some(CopyLocks {
            source,
            target,
            dir,
            name,
        }))
    }
}

impl Staged<'_> {
    /// Copies what has been appended to the source of a copy since it was staged.
    ///
    /// # Errors
    /// As of [`Store::stage_copy`].
    pub fn catch_up(
        &mut self,
        source: &Snapshot,
        computing: &mut dyn Computing,
    ) -> Result<(), Error> {
        let now = self.store.snapshot(source.file.try_clone()?)?;
        self.copy_up_to(&source.file, now.version.length, computing)?;
        Ok(())
    }

    /// Puts a copy under a name, in place of a file that is there, as the source is at this very moment: what has been
    /// appended to it meanwhile is copied as well, under the locks of both files, if that is no more than `most` bytes.
    ///
    /// # Errors
    /// As of [`Staged::commit`].
    pub fn commit_copy(
        &mut self,
        source: &Snapshot,
        names: (&[String], &[String]),
        (check, most): (Check<'_>, u64),
    ) -> Result<Copied, Error> {
        self.check_fits()?;
        self.store.sync_file(&self.file)?;
        let id = FileId::of(&source.file)?;
        retry_on_race(|| self.put_copy(id, names, (check, most)))
    }

    fn put_copy(
        &mut self,
        source_id: FileId,
        names: (&[String], &[String]),
        (check, most): (Check<'_>, u64),
    ) -> Result<Copied, Error> {
        let store = self.store;
        let Some(locked) = store.lock_for_copy(source_id, names, check)? else {
            return Ok(Copied::Elsewhere);
        };
        let length = store.version(&locked.source)?.length;
        if length.saturating_sub(self.length) > most {
            return Ok(Copied::Behind);
        }
        let replaced = match locked.target {
            Target::Source => return Ok(Copied::Done),
            Target::Missing => None,
            Target::Entry(LockedEntry::File(replaced)) => Some(replaced),
            // A link that has been swapped in since the name was resolved.
            Target::Entry(LockedEntry::Other(_)) => return Err(Error::Raced),
        };
        if self.copy_up_to(&locked.source.file, length, &mut ())? {
            store.sync_file(&self.file)?;
        }
        self.put_at((locked.dir.as_fd(), &locked.name), replaced)?;
        Ok(Copied::Done)
    }

    /// Copies what the source has beyond the copy, up to `length`; says whether there was anything.
    fn copy_up_to(
        &mut self,
        source: &File,
        length: u64,
        computing: &mut dyn Computing,
    ) -> Result<bool, Error> {
        let missing = length.saturating_sub(self.length);
        if missing > 0 {
            self.check_room(missing)?;
            copy_rest(source, self, length, computing)?;
        }
        Ok(missing > 0)
    }
}

/// Copies what the source has beyond the copy, up to `length`.
fn copy_rest(
    source: &File,
    staged: &mut Staged<'_>,
    length: u64,
    computing: &mut dyn Computing,
) -> Result<(), Error> {
    while staged.length < length {
        let (at, left) = (staged.length, length - staged.length);
        let copied = copy_part((source, at), (&staged.file, at), left.min(STEP))
            .map_err(|error| staged.store.with_figures(error, left))?;
        if copied == 0 {
            // The file has become shorter.
            return Err(Error::Raced);
        }
        staged.has_grown(at + copied)?;
        if staged.length < length {
            computing.checkpoint(staged.length, length)?;
        }
    }
    Ok(())
}

/// Copies up to so many bytes between two places of files, within the kernel where the file system can, which may share
/// blocks (copy_file_range(2)), and says how many; 0 where the source ends.
pub(super) fn copy_part(
    (source, from): (&File, u64),
    (target, to): (&File, u64),
    most: u64,
) -> io::Result<u64> {
    let (mut read_at, mut write_at) = (from, to);
    let length = usize::try_from(most).unwrap_or(usize::MAX);
    let copied = rustix::io::retry_on_intr(|| {
        let (from, to) = (Some(&mut read_at), Some(&mut write_at));
        rustix::fs::copy_file_range(source, from, target, to, length)
    });
    match copied {
        // Some file systems copy nothing instead of saying so; and a filter may deny the call.
        Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {
            copy_by_hand((source, from), (target, to), most)
        }
        copied => Ok(copied? as u64),
    }
}

fn copy_by_hand(
    (source, from): (&File, u64),
    (target, to): (&File, u64),
    most: u64,
) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut copied = 0;
    while copied < most {
        let room = (most - copied).min(BUFFER as u64) as usize;
        let read = match source.read_at(&mut buffer[..room], from + copied) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            break;
        }
        target.write_all_at(&buffer[..read], to + copied)?;
        copied += read as u64;
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::storage::Entry;
    use crate::storage::scratch::Scratch;
    use crate::storage::version::ANY;

    // symptom: who read or wrote a file waited while what had been appended to it since its copy had begun was copied.
    // cause:   all of that was copied under the lock.
    // fix:     only so much, and the rest before.
    #[test]
    fn only_so_much_is_copied_under_the_locks() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("copy")?;
        let store = &storage.store;
        let path = storage.path.join("source");
        std::fs::write(&path, b"content")?;
        let mut appended = File::options().append(true).open(&path)?;
        let names = [["source".to_owned()], ["copy".to_owned()]];
        let names = (&names[0][..], &names[1][..]);
        let Entry::File(source) = store.open_entry(names.0)? else {
            return Err("the source is no file".into());
        };
        let mut staged = store.stage_copy(&source.file, 7, &mut ())?;
        appended.write_all(b", more")?;
        let copied = staged.commit_copy(&source, names, (ANY, 5))?;
        assert_eq!(copied, Copied::Behind);
        assert!(!storage.path.join("copy").exists());
        staged.catch_up(&source, &mut ())?;
        appended.write_all(b" more")?;
        let copied = staged.commit_copy(&source, names, (ANY, 5))?;
        assert_eq!(copied, Copied::Done);
        let copy = std::fs::read(storage.path.join("copy"))?;
        assert_eq!(String::from_utf8_lossy(&copy), "content, more more");
        Ok(())
    }
}
