//! The walk from the root to what a name leads to, component by component, through links.
//!
//! Each step opens one entry of an open directory without following it; a link is read, and its
//! components are walked in turn. No path is ever checked first and used later, so a link that is
//! swapped in between can only make a step fail.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{FileType, Mode};
use rustix::io::Errno;

use super::directory_sync::DirectorySync;
use super::error::Error;
use super::guarded_name::GuardedName;
use super::identity::FileId;
use super::resolved::{ParentDirectory, Parents, ResolveOptions, Resolved, ResolvedEntry, Seen};
use super::store::Store;
use super::sys::{kind, open_beneath, open_searchable};

/// The most links that are followed for one name, as in the kernel (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// A walk. Only the directory that it has come to is open, however deep that is.
pub(super) struct Walk<'s, 'c> {
    store: &'s Store,
    name: GuardedName<'c>,
    options: ResolveOptions<'c>,
    /// The directory that it has come to; none at the root.
    at: Option<OwnedFd>,
    /// The names of the directories from the root to there; `..` takes the last away.
    names: Vec<OsString>,
    ahead: VecDeque<OsString>,
    links: usize,
}

impl<'s, 'c> Walk<'s, 'c> {
    pub(super) fn new(
        store: &'s Store,
        name: GuardedName<'c>,
        options: ResolveOptions<'c>,
    ) -> Self {
        Self {
            store,
            name,
            options,
            at: None,
            names: Vec::new(),
            ahead: name.components.iter().map(OsString::from).collect(),
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

    /// Walks to the end of the name.
    ///
    /// # Errors
    /// Those of `resolve`.
    pub(super) fn run(mut self) -> Result<Resolved<'s>, Error> {
        while let Some(component) = self.ahead.pop_front() {
            match component.as_bytes() {
                b"" | b"." => continue,
                b".." => {
                    self.go_back()?;
                    continue;
                }
                // Also where a link leads here: the only way to this directory is from the root.
                _ if self.names.is_empty() && self.store.layout.is_hidden(&component) => {
                    return Err(Error::Own);
                }
                _ => {}
            }
            if !self.ahead.is_empty() {
                self.enter(&component)?;
                continue;
            }
            let seen = Seen::examine((self.here(), &component), self.options.final_symlink);
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

    /// Goes on to an open directory, unless it is the one to avoid.
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
                self.check_permitted([name])?;
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

    /// Converts an error about a directory that existed a moment ago.
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
            // The link has been replaced or removed.
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
        // Before anything is found out about it: whether it exists is not told either.
        self.check_permitted(self.ahead.iter().map(OsString::as_os_str))
    }

    /// Asks the guard, once a link has been followed, about what these components lead to from
    /// here, if none of them is a link. One that is a link is asked about when it is followed, with
    /// all that is ahead then: so the last answer is about where the walk ends.
    fn check_permitted<'a>(
        &'a self,
        ahead: impl IntoIterator<Item = &'a OsStr>,
    ) -> Result<(), Error> {
        if self.links == 0 {
            return Ok(());
        }
        let mut path: Vec<&[u8]> = self.names.iter().map(|name| name.as_bytes()).collect();
        for component in ahead {
            match component.as_bytes() {
                b"" | b"." => {}
                b".." => drop(path.pop().ok_or(Error::Outside)?),
                name => path.push(name),
            }
        }
        match self.name.permits(&path) {
            true => Ok(()),
            false => Err(Error::Forbidden),
        }
    }
}
