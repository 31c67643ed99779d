//! Renaming a file or directory.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode};
use rustix::io::Errno;

use super::Error;
use super::directory_sync::DirectorySync;
use super::error::retry_on_race;
use super::file_id::{FileId, same_file};
use super::mount::Mount;
use super::pair::Target;
use super::replace::{check_access, rename_onto};
use super::store::{DIR_FLAGS, Store};
use super::target::{At, LockedEntry, replaceable, stat};
use super::version::{Check, stamp};
use super::walk::{Place, kind};

impl Store {
    /// Refuses early to rename what is not there or may not be taken from where it is, and tells whether it is a directory.
    ///
    /// # Errors
    /// As of [`Store::rename`], as far as they are about the old name.
    pub fn check_rename(&self, from: &[String]) -> Result<bool, Error> {
        let (dir, file_name) = self.find_itself(from)?.entry().ok_or(Error::IsRoot)?;
        let kind = kind(dir.as_fd(), &file_name)?;
        if kind == FileType::RegularFile {
            // Without the lock, for which it has to be opened, what others write at the same time could be lost.
            check_access(dir.as_fd(), &file_name, Access::READ_OK)?;
        }
        self.check_entries(dir.as_fd())?;
        Ok(kind == FileType::Directory)
    }

    /// Gives a file, link or directory another name; a file that has that name already is replaced in the same moment.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsRoot`], [`Error::IntoItself`] (also where a link makes both names the same),
    /// [`Error::NotEmpty`], [`Error::IsDirectory`] for a file onto a directory, [`Error::IsFile`] for a directory onto a file,
    /// [`Error::Outside`], [`Error::Own`], those of `check`, which is about the new name.
    pub fn rename(&self, from: &[String], to: &[String], check: Check<'_>) -> Result<(), Error> {
        retry_on_race(|| self.rename_once(from, to, check))
    }

    fn rename_once(&self, from: &[String], to: &[String], check: Check<'_>) -> Result<(), Error> {
        let Place::Entry(from_dir, from_name, _) = self.find_itself(from)? else {
            return Err(Error::IsRoot);
        };
        let source_at = (from_dir.as_fd(), from_name.as_os_str());
        let seen = stat(source_at)?.ok_or(Error::NotFound)?;
        // No parent is to be made inside of a directory that is then found not to fit into itself.
        let seen_kind = FileType::from_raw_mode(seen.st_mode);
        let avoid = (seen_kind == FileType::Directory).then(|| FileId::from(&seen));
        // Where a link leads to is asked before the way to the new name, which may go through it, and again under the locks:
        // a directory on the way may be moved in between.
        let led_to = match seen_kind {
            FileType::Symlink => self.followed(from),
            _ => None,
        };
        let mount = Mount::of(&from_dir)?;
        let check_new = |dir: BorrowedFd<'_>| {
            mount.check(Mount::of(dir)?)?;
            check(None)
        };
        let Place::Entry(to_dir, to_name, _) = self.make_way(to, avoid, &check_new)? else {
            return Err(Error::IsDirectory);
        };
        let target_at = (to_dir.as_fd(), to_name.as_os_str());
        let (source, target) = self.lock_both(source_at, target_at, &fits)?;
        if source.kind() == FileType::Directory && source.id() != FileId::from(&seen) {
            // It may be one of the directories that the way has just been made through.
            return Err(Error::Raced);
        }
        self.check_target(&source, &target, check)?;
        if source.kind() == FileType::Symlink
            && let Some(replaced) = target.entry()
            && [led_to, self.followed(from)].contains(&Some(replaced.id()))
        {
            // It would lead to itself, in place of what it leads to.
            return Err(Error::IntoItself);
        }
        if matches!(target, Target::Source)
            && from != to
            && is_same_place(source_at, target_at)?
            && [from, to].iter().any(|name| self.has_links(name))
        {
            // The old name would still be there.
            return Err(Error::IntoItself);
        }
        self.rename_locked((source_at, source), (target_at, target))
    }

    /// Renames what is locked.
    fn rename_locked(
        &self,
        (source_at, source): (At<'_>, LockedEntry),
        (target_at, target): (At<'_>, Target),
    ) -> Result<(), Error> {
        let directories = [
            self.directory_sync(target_at.0)?,
            self.directory_sync(source_at.0)?,
        ];
        if matches!(target, Target::Source) {
            rename_onto_itself(source_at, target_at)?;
        } else {
            let replaced = target.entry();
            self.roll_back(replaced.and_then(LockedEntry::file))?;
            rename_to(source_at, target_at, replaced.is_some())?;
            if let Some(file) = source.file() {
                // Newer than whatever it takes the place of: a client that asks by date must be told. Readers wait for the
                // lock; and a file that could not be renamed is as it was.
                stamp(&file.file);
            }
        }
        // Nor do they wait for the disk.
        drop(source);
        directories.into_iter().try_for_each(DirectorySync::sync)?;
        if let Target::Entry(LockedEntry::File(file)) = target {
            self.release_removed(Some(file));
        }
        Ok(())
    }

    /// Whether a name leads through a link, or to one.
    fn has_links(&self, name: &[String]) -> bool {
        let plain = self.parent_without_links(name);
        plain.is_none_or(|(dir, file_name)| {
            matches!(kind(dir.as_fd(), file_name.as_ref()), Ok(FileType::Symlink))
        })
    }

    /// What a name leads to, links followed; none where it leads to nothing.
    fn followed(&self, name: &[String]) -> Option<FileId> {
        let (dir, file_name) = self.find(name).ok()?.entry()?;
        let stat = stat((dir.as_fd(), &file_name)).ok()??;
        Some(FileId::from(&stat))
    }
}

/// Whether what is renamed may take the place of what is there.
fn fits(source: FileType, target: Option<FileType>) -> Result<(), Error> {
    match (source, target) {
        // Put there since the new name was resolved: a link is followed, and not replaced.
        (_, Some(FileType::Symlink)) => Err(Error::Raced),
        (_, None) | (FileType::Directory, Some(FileType::Directory)) => Ok(()),
        (FileType::Directory, Some(_)) => Err(Error::IsFile),
        (_, Some(target)) => replaceable(target),
    }
}

/// Whether two places are one.
fn is_same_place(one: At<'_>, other: At<'_>) -> Result<bool, Error> {
    Ok(one.1 == other.1 && same_file(one.0, other.0)?)
}

/// Renames a file onto a name that leads to the same file.
fn rename_onto_itself(from: At<'_>, to: At<'_>) -> Result<(), Error> {
    if is_same_place(from, to)? {
        return Ok(());
    }
    // Where case is folded, the file has one name, written in two ways.
    if same_file(from.0, to.0)? && !has_both(from.0, from.1, to.1)? {
        return Ok(rustix::fs::renameat(from.0, from.1, to.0, to.1)?);
    }
    // rename(2) leaves two names of one file alone.
    Ok(rustix::fs::unlinkat(from.0, from.1, AtFlags::empty())?)
}

/// Whether a directory has an entry of each of two names, written as they are: a file system that folds case finds one entry
/// under many.
fn has_both(dir: BorrowedFd<'_>, one: &OsStr, other: &OsStr) -> Result<bool, Error> {
    let readable = rustix::fs::openat(dir, ".", DIR_FLAGS, Mode::empty())?;
    let (mut has_one, mut has_other) = (false, false);
    for entry in Dir::new(readable)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        has_one |= name == one.as_bytes();
        has_other |= name == other.as_bytes();
        if has_one && has_other {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Renames onto a name that leads to something, or to nothing; then it must lead to nothing still.
fn rename_to(from: At<'_>, to: (BorrowedFd<'_>, &OsStr), is_there: bool) -> Result<(), Error> {
    rename_onto(from, to, is_there).map_err(|errno| match errno {
        // Somebody else has just put something there.
        Errno::EXIST if !is_there => Error::Raced,
        Errno::INVAL => Error::IntoItself,
        Errno::NOTDIR => Error::IsFile,
        other => other.into(),
    })
}
