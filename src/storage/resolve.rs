//! From a name to the open directory that holds it, never leaving the root.
//!
//! A name without symbolic links takes one `openat2` (`RESOLVE_BENEATH`, no links), or a step for each
//! component where there is no such call. Where a link is on the way, the name is walked component by
//! component: each step opens one entry of an open directory without following it, and a link is read
//! and its components walked in turn. No path is ever checked first and used later, so a link that is
//! swapped in between can only make a step fail.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{AtFlags, FileType, Mode, Stat};
use rustix::io::Errno;

use super::directory_sync::DirectorySync;
use super::error::{Error, retry_on_race};
use super::identity::FileId;
use super::store::Store;
use super::sys::{EntryAt, kind, open_beneath, open_searchable};

/// The most links that are followed for one name, as in the kernel (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// How a name is resolved.
#[derive(Clone, Copy)]
pub(super) struct ResolveOptions<'c> {
    pub(super) final_symlink: FinalSymlink,
    pub(super) parents: Parents<'c>,
    /// A directory that must not be on the way.
    pub(super) avoid: Option<FileId>,
}

/// What a name means whose last component is a symbolic link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FinalSymlink {
    /// What the link leads to.
    Follow,
    /// The link.
    NoFollow,
}

/// What is done about a parent that does not exist.
#[derive(Clone, Copy)]
pub(super) enum Parents<'c> {
    /// The name is not found.
    Require,
    /// It is created, unless this refuses, which is given the directory that it would be created in:
    /// nothing is under the name then, and what is known to fail is to leave no parents behind.
    Create(&'c dyn Fn(BorrowedFd<'_>) -> Result<(), Error>),
}

impl<'c> ResolveOptions<'c> {
    /// For reading: links are followed, and a missing parent is an error.
    pub(super) const FOLLOW: Self = Self {
        final_symlink: FinalSymlink::Follow,
        parents: Parents::Require,
        avoid: None,
    };

    /// For what is done to the name itself, and not to what a link of that name leads to.
    pub(super) const NO_FOLLOW: Self = Self {
        final_symlink: FinalSymlink::NoFollow,
        ..Self::FOLLOW
    };

    /// For writing: links are followed, and missing parents are created.
    pub(super) fn create_parents(check: &'c dyn Fn(BorrowedFd<'_>) -> Result<(), Error>) -> Self {
        Self {
            parents: Parents::Create(check),
            ..Self::FOLLOW
        }
    }
}

/// Where a name leads.
pub(super) enum Resolved<'s> {
    /// To the root, or to a directory that a link reaches by a path that ends in `..` or `.`.
    Directory(ParentDirectory<'s>),
    /// To an entry, there or not, of an open directory.
    Entry(ResolvedEntry<'s>),
}

/// An entry, there or not, of an open directory.
pub(super) struct ResolvedEntry<'s> {
    pub(super) dir: ParentDirectory<'s>,
    pub(super) file_name: OsString,
    /// What the entry was when the name was resolved.
    pub(super) seen: Seen,
}

/// An open directory: the root or one below it.
pub(super) enum ParentDirectory<'s> {
    Root(&'s OwnedFd),
    Below(OwnedFd),
}

/// What an entry has been seen to be, a moment ago.
#[derive(Clone, Copy)]
pub(super) enum Seen {
    /// It was not looked at.
    Unknown,
    /// There was nothing.
    Nothing,
    Something(Stat),
}

impl<'s> Resolved<'s> {
    /// The entry, where it is one.
    pub(super) fn entry(self) -> Option<ResolvedEntry<'s>> {
        match self {
            Self::Directory(_) => None,
            Self::Entry(entry) => Some(entry),
        }
    }
}

impl ResolvedEntry<'_> {
    pub(super) fn at(&self) -> EntryAt<'_> {
        (self.dir.as_fd(), &self.file_name)
    }

    /// The type that the entry was seen to have, or has if it was not looked at.
    ///
    /// # Errors
    /// Those of fstatat(2), `ENOENT` among them.
    pub(super) fn kind(&self) -> Result<FileType, Errno> {
        match self.seen {
            Seen::Unknown => kind(self.at()),
            Seen::Nothing => Err(Errno::NOENT),
            Seen::Something(stat) => Ok(FileType::from_raw_mode(stat.st_mode)),
        }
    }
}

impl AsFd for ParentDirectory<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(fd) => fd.as_fd(),
            Self::Below(fd) => fd.as_fd(),
        }
    }
}

impl Seen {
    /// Looks at the last component of a name, where it may be a link that is to be followed.
    fn look((dir, name): EntryAt<'_>, final_symlink: FinalSymlink) -> Self {
        if final_symlink == FinalSymlink::NoFollow {
            return Self::Unknown;
        }
        match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Self::Something(stat),
            Err(Errno::NOENT) => Self::Nothing,
            // The error is found again where the entry is used.
            Err(_) => Self::Unknown,
        }
    }

    fn is_link(self) -> bool {
        let Self::Something(stat) = self else {
            return false;
        };
        FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
    }
}

/// Resolves a name beneath the root.
///
/// # Errors
/// [`Error::NotFound`] for a parent that is not there, [`Error::ParentIsFile`], [`Error::Outside`],
/// [`Error::Own`], [`Error::IntoItself`] for a directory that is to be avoided, [`Error::Raced`] where
/// parents vanish, and those of openat(2) and mkdirat(2).
pub(super) fn resolve<'s>(
    store: &'s Store,
    components: &[String],
    options: ResolveOptions<'_>,
) -> Result<Resolved<'s>, Error> {
    match options.parents {
        // Nothing has been changed.
        Parents::Require => retry_on_race(|| resolve_once(store, components, options)),
        Parents::Create(_) => resolve_once(store, components, options),
    }
}

fn resolve_once<'s>(
    store: &'s Store,
    components: &[String],
    options: ResolveOptions<'_>,
) -> Result<Resolved<'s>, Error> {
    let Some((file_name, parents)) = components.split_last() else {
        return Ok(Resolved::Directory(ParentDirectory::Root(
            &store.layout.root,
        )));
    };
    if is_own(store, components) {
        return Err(Error::Own);
    }
    // The walk looks at each directory; a single call for all of them does not.
    if options.avoid.is_none()
        && let Some(dir) = open_without_links(store, parents)
    {
        let file_name = OsString::from(file_name);
        let seen = Seen::look((dir.as_fd(), &file_name), options.final_symlink);
        if !seen.is_link() {
            return Ok(Resolved::Entry(ResolvedEntry {
                dir,
                file_name,
                seen,
            }));
        }
    }
    Walk::new(store, components, options).run()
}

/// Whether a name leads through a link, or to one, or is not there.
pub(super) fn has_links(store: &Store, components: &[String]) -> bool {
    let Some((file_name, parents)) = components.split_last() else {
        return true;
    };
    if is_own(store, components) {
        return true;
    }
    open_without_links(store, parents).is_none_or(|dir| {
        let kind = kind((dir.as_fd(), file_name.as_ref()));
        matches!(kind, Ok(FileType::Symlink))
    })
}

fn is_own(store: &Store, components: &[String]) -> bool {
    let first = components.first();
    first.is_some_and(|first| store.layout.is_own(first))
}

/// Opens a directory below the root; `None` where a link is on the way or a component is missing.
fn open_without_links<'s>(store: &'s Store, components: &[String]) -> Option<ParentDirectory<'s>> {
    let root = &store.layout.root;
    if components.is_empty() {
        return Some(ParentDirectory::Root(root));
    }
    let opened = open_beneath(root.as_fd(), components.join("/").as_ref());
    opened.ok().map(ParentDirectory::Below)
}

/// The walk component by component. Only the directory that it has come to is open, however deep it is.
struct Walk<'s, 'c> {
    store: &'s Store,
    options: ResolveOptions<'c>,
    /// The directory that it has come to; none at the root.
    at: Option<OwnedFd>,
    /// The names of the directories from the root to there; `..` takes the last away.
    names: Vec<OsString>,
    ahead: VecDeque<OsString>,
    links: usize,
}

impl<'s, 'c> Walk<'s, 'c> {
    fn new(store: &'s Store, components: &[String], options: ResolveOptions<'c>) -> Self {
        Self {
            store,
            options,
            at: None,
            names: Vec::new(),
            ahead: components.iter().map(OsString::from).collect(),
            links: 0,
        }
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.at.as_ref().unwrap_or(&self.store.layout.root).as_fd()
    }

    fn into_here(self) -> ParentDirectory<'s> {
        match self.at {
            None => ParentDirectory::Root(&self.store.layout.root),
            Some(dir) => ParentDirectory::Below(dir),
        }
    }

    fn run(mut self) -> Result<Resolved<'s>, Error> {
        while let Some(component) = self.ahead.pop_front() {
            match component.as_bytes() {
                b"" | b"." => continue,
                b".." => {
                    self.go_back()?;
                    continue;
                }
                // Whichever link has led here: there is no other way to it than from the root.
                _ if self.names.is_empty() && self.store.layout.is_own(&component) => {
                    return Err(Error::Own);
                }
                _ => {}
            }
            if !self.ahead.is_empty() {
                self.enter(&component)?;
                continue;
            }
            let seen = Seen::look((self.here(), &component), self.options.final_symlink);
            match seen.is_link() {
                true => self.expand(&component)?,
                false => {
                    return Ok(Resolved::Entry(ResolvedEntry {
                        dir: self.into_here(),
                        file_name: component,
                        seen,
                    }));
                }
            }
        }
        Ok(Resolved::Directory(self.into_here()))
    }

    /// Goes back to the directory before.
    fn go_back(&mut self) -> Result<(), Error> {
        self.names.pop().ok_or(Error::Outside)?;
        self.at = match self.names.is_empty() {
            true => None,
            false => {
                let path = self.names.join(OsStr::new("/"));
                let opened = open_beneath(self.store.layout.root.as_fd(), &path);
                Some(opened.map_err(|errno| self.vanished(errno))?)
            }
        };
        Ok(())
    }

    fn go_to(&mut self, dir: OwnedFd, name: &OsStr) -> Result<(), Error> {
        if let Some(avoid) = self.options.avoid
            && FileId::of(&dir)? == avoid
        {
            return Err(Error::IntoItself);
        }
        self.at = Some(dir);
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Goes into the directory `name`, or puts the components of the link `name` ahead.
    fn enter(&mut self, name: &OsStr) -> Result<(), Error> {
        match (open_searchable(self.here(), name), self.options.parents) {
            (Ok(dir), _) => self.go_to(dir, name),
            (Err(Errno::NOENT), Parents::Create(check)) => {
                check(self.here())?;
                let dir = self.create(name)?;
                self.go_to(dir, name)
            }
            // With O_NOFOLLOW and O_DIRECTORY a link is ENOTDIR, or ELOOP on some file systems.
            (Err(Errno::NOTDIR | Errno::LOOP), _) => {
                match kind((self.here(), name)).map_err(|errno| self.vanished(errno))? {
                    FileType::Symlink => self.expand(name),
                    _ => Err(Error::ParentIsFile),
                }
            }
            (Err(errno), _) => Err(errno.into()),
        }
    }

    fn create(&self, name: &OsStr) -> Result<OwnedFd, Error> {
        let sync = DirectorySync::prepare(self.store, self.here())?;
        match rustix::fs::mkdirat(self.here(), name, Mode::from_raw_mode(0o777)) {
            Ok(()) => sync.sync()?,
            // Another request or program has just made it.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(self.vanished(errno)),
        }
        open_searchable(self.here(), name).map_err(|errno| self.vanished(errno))
    }

    /// What an error means at a directory that was there, or has just been created.
    fn vanished(&self, errno: Errno) -> Error {
        match (errno, self.options.parents) {
            (Errno::NOENT, Parents::Create(_)) => Error::Raced,
            _ => errno.into(),
        }
    }

    /// Puts the components of a link ahead.
    fn expand(&mut self, link: &OsStr) -> Result<(), Error> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Error::Outside);
        }
        let target = match rustix::fs::readlinkat(self.here(), link, Vec::new()) {
            Ok(target) => target.into_bytes(),
            // It is no link any more.
            Err(Errno::INVAL | Errno::NOENT) => return Err(Error::Raced),
            Err(errno) => return Err(errno.into()),
        };
        if target.starts_with(b"/") {
            return Err(Error::Outside);
        }
        for component in target.rsplit(|&byte| byte == b'/') {
            self.ahead
                .push_front(OsString::from_vec(component.to_vec()));
        }
        Ok(())
    }
}
