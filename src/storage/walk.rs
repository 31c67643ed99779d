//! From a name to the open directory that holds it, never leaving the root.
//!
//! A name without symbolic links takes one `openat2` (RESOLVE_BENEATH, no links), or a step for each component where there
//! is no such call. Where a link is on the way, the name is walked component by component: each step opens one entry of an open
//! directory without following it, and a link is read and its components walked in turn. No path is ever checked first and used
//! later, so a link that is swapped in between can only make a step fail.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::Error;
use super::file_id::FileId;
use super::store::Store;

/// Links followed for one name at most, as in the kernel (path_resolution(7)).
const MAX_LINKS: usize = 40;

pub(super) const PATH_DIR: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What to do with a link in the last component.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// The name means what the link leads to.
    Follow,
    /// The name means the link.
    Keep,
}

/// What to do about a parent that does not exist.
#[derive(Clone, Copy)]
pub(super) enum Missing<'c> {
    Fail,
    /// It is made, unless this refuses, which is given the directory that it would be made in.
    Make(&'c dyn Fn(BorrowedFd<'_>) -> Result<(), Error>),
}

/// How a name is resolved.
#[derive(Clone, Copy)]
pub(super) struct Way<'c> {
    pub(super) last: Last,
    pub(super) missing: Missing<'c>,
    /// A directory that must not be on the way.
    pub(super) avoid: Option<FileId>,
}

/// Where a name leads.
pub(super) enum Place<'r> {
    /// The root, or a directory that a link reaches by a path that ends in `..` or `.`.
    Directory(Dir<'r>),
    /// An entry, there or not, of an open directory; and what it was when the name was resolved.
    Entry(Dir<'r>, OsString, Seen),
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

impl Seen {
    /// Looks at an entry, without following it.
    fn at(dir: BorrowedFd<'_>, file_name: &OsStr) -> Self {
        match rustix::fs::statat(dir, file_name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Self::Something(stat),
            Err(Errno::NOENT) => Self::Nothing,
            // Whoever uses the entry is told.
            Err(_) => Self::Unknown,
        }
    }

    fn is_link(self) -> bool {
        let Self::Something(stat) = self else {
            return false;
        };
        FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
    }

    /// What the entry is, as far as it was looked at, else as it is now.
    ///
    /// # Errors
    /// Those of fstatat(2), `ENOENT` among them.
    pub(super) fn kind(self, dir: BorrowedFd<'_>, file_name: &OsStr) -> Result<FileType, Errno> {
        match self {
            Self::Unknown => kind(dir, file_name),
            Self::Nothing => Err(Errno::NOENT),
            Self::Something(stat) => Ok(FileType::from_raw_mode(stat.st_mode)),
        }
    }
}

/// An open directory: the root or one below it.
pub(super) enum Dir<'r> {
    Root(&'r OwnedFd),
    Below(OwnedFd),
}

impl AsFd for Dir<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(fd) => fd.as_fd(),
            Self::Below(fd) => fd.as_fd(),
        }
    }
}

impl<'r> Place<'r> {
    /// The directory and entry, where there is one.
    pub(super) fn entry(self) -> Option<(Dir<'r>, OsString)> {
        match self {
            Self::Directory(_) => None,
            Self::Entry(dir, file_name, _) => Some((dir, file_name)),
        }
    }
}

/// The type of an entry, without following it.
pub(super) fn kind(dir: BorrowedFd<'_>, file_name: &OsStr) -> Result<FileType, Errno> {
    let stat = rustix::fs::statat(dir, file_name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// Resolves `components` beneath the root.
pub(super) fn place<'r>(
    store: &'r Store,
    components: &[String],
    way: Way<'_>,
) -> Result<Place<'r>, Error> {
    let Some((file_name, parents)) = components.split_last() else {
        return Ok(Place::Directory(Dir::Root(&store.dir)));
    };
    let is_own = components.first().is_some_and(|first| store.is_own(first));
    if is_own {
        return Err(Error::Own);
    }
    // The walk looks at each directory; one call for all does not.
    if way.avoid.is_none()
        && let Some(dir) = without_links(store, parents)
    {
        let file_name = OsString::from(file_name);
        let seen = look(way.last, dir.as_fd(), &file_name);
        if !seen.is_link() {
            return Ok(Place::Entry(dir, file_name, seen));
        }
    }
    Walk::new(store, components, way).run()
}

/// Looks at the last component, where it may be a link that is to be followed.
fn look(last: Last, dir: BorrowedFd<'_>, file_name: &OsStr) -> Seen {
    match last {
        Last::Follow => Seen::at(dir, file_name),
        Last::Keep => Seen::Unknown,
    }
}

/// The parent, or `None` where a link is on the way or a component is missing.
fn without_links<'r>(store: &'r Store, parents: &[String]) -> Option<Dir<'r>> {
    if parents.is_empty() {
        return Some(Dir::Root(&store.dir));
    }
    open_plain(store.dir.as_fd(), parents.join("/").as_ref())
        .ok()
        .map(Dir::Below)
}

impl Store {
    /// The open directory that holds an entry, and the entry's name, without a walk; `None` where that is not enough to find
    /// it.
    pub(super) fn parent_without_links<'n>(
        &self,
        components: &'n [String],
    ) -> Option<(Dir<'_>, &'n str)> {
        let (file_name, parents) = components.split_last()?;
        let is_own = components.first().is_some_and(|first| self.is_own(first));
        (!is_own).then_some((without_links(self, parents)?, file_name))
    }
}

/// Opens a directory below another by a path without links, and without `..` in it.
///
/// In one call, where there is one: Linux has it from 5.6 on, and a filter that has to look at the flags of what is
/// opened, such as RestrictSUIDSGID of systemd, denies it, since it cannot.
pub(super) fn open_plain(dir: BorrowedFd<'_>, path: &OsStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(dir, path, PATH_DIR, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => {}
        other => return other,
    }
    let mut at: Option<OwnedFd> = None;
    for component in path.as_bytes().split(|&byte| byte == b'/') {
        let here = at.as_ref().map_or(dir, AsFd::as_fd);
        at = Some(rustix::fs::openat(
            here,
            component,
            PATH_DIR,
            Mode::empty(),
        )?);
    }
    at.ok_or(Errno::NOENT)
}

/// The walk component by component. Only the directory that it has come to is open, however deep it is.
struct Walk<'r, 'c> {
    store: &'r Store,
    way: Way<'c>,
    /// The directory; none at the root.
    at: Option<OwnedFd>,
    /// The names of the directories from the root to here; `..` takes the last away.
    names: Vec<OsString>,
    ahead: VecDeque<OsString>,
    links: usize,
}

impl<'r, 'c> Walk<'r, 'c> {
    fn new(store: &'r Store, components: &[String], way: Way<'c>) -> Self {
        Self {
            store,
            way,
            at: None,
            names: Vec::new(),
            ahead: components.iter().map(OsString::from).collect(),
            links: 0,
        }
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.at.as_ref().unwrap_or(&self.store.dir).as_fd()
    }

    fn into_here(self) -> Dir<'r> {
        self.at.map_or(Dir::Root(&self.store.dir), Dir::Below)
    }

    /// Goes back to the directory before.
    fn back(&mut self) -> Result<(), Error> {
        self.names.pop().ok_or(Error::Outside)?;
        self.at = match self.names.is_empty() {
            true => None,
            false => {
                let path = self.names.join(OsStr::new("/"));
                Some(open_plain(self.store.dir.as_fd(), &path)?)
            }
        };
        Ok(())
    }

    fn go_to(&mut self, dir: OwnedFd, name: &OsStr) -> Result<(), Error> {
        if let Some(avoid) = self.way.avoid
            && FileId::of(&dir)? == avoid
        {
            return Err(Error::IntoItself);
        }
        self.at = Some(dir);
        self.names.push(name.to_owned());
        Ok(())
    }

    fn run(mut self) -> Result<Place<'r>, Error> {
        while let Some(component) = self.ahead.pop_front() {
            match component.as_bytes() {
                b"" | b"." => continue,
                b".." => {
                    self.back()?;
                    continue;
                }
                // By whatever link: this is the only way there.
                _ if self.names.is_empty() && self.store.is_own(&component) => {
                    return Err(Error::Own);
                }
                _ => {}
            }
            if !self.ahead.is_empty() {
                self.enter(&component)?;
                continue;
            }
            let seen = look(self.way.last, self.here(), &component);
            match seen.is_link() {
                true => self.expand(&component)?,
                false => return Ok(Place::Entry(self.into_here(), component, seen)),
            }
        }
        Ok(Place::Directory(self.into_here()))
    }

    /// Goes into the directory `component`, or puts the components of the link `component` ahead.
    fn enter(&mut self, component: &OsStr) -> Result<(), Error> {
        let opened = rustix::fs::openat(self.here(), component, PATH_DIR, Mode::empty());
        match (opened, self.way.missing) {
            (Ok(dir), _) => self.go_to(dir, component),
            (Err(Errno::NOENT), Missing::Make(check)) => {
                check(self.here())?;
                let parent = self.store.directory_sync(self.here())?;
                match rustix::fs::mkdirat(self.here(), component, Mode::from_raw_mode(0o777)) {
                    Ok(()) => parent.sync()?,
                    // Somebody else has just made it.
                    Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                let dir = rustix::fs::openat(self.here(), component, PATH_DIR, Mode::empty())?;
                self.go_to(dir, component)
            }
            // With O_NOFOLLOW and O_DIRECTORY a link is ENOTDIR, or ELOOP on some file systems.
            (Err(Errno::NOTDIR | Errno::LOOP), _) => match kind(self.here(), component)? {
                FileType::Symlink => self.expand(component),
                _ => Err(Error::ParentIsFile),
            },
            (Err(errno), _) => Err(errno.into()),
        }
    }

    fn expand(&mut self, link: &OsStr) -> Result<(), Error> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Error::Outside);
        }
        let target = match rustix::fs::readlinkat(self.here(), link, Vec::new()) {
            Ok(target) => target.into_bytes(),
            // No link any more.
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
