//! From a name to the open directory that holds it, never leaving the root.
//!
//! A name without symbolic links takes one `openat2` (`RESOLVE_BENEATH`, no links), or a step for
//! each component where there is no such call. Where a link is on the way, or a parent is missing,
//! the name is walked component by component (see `walk`).

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::FileType;

use super::error::{Error, retry_on_race};
use super::guarded_name::GuardedName;
use super::resolved::{ParentDirectory, Parents, ResolveOptions, Resolved, ResolvedEntry, Seen};
use super::store::Store;
use super::sys::{kind, open_beneath};
use super::version::Check;
use super::walk::Walk;

/// Resolves a name beneath the root.
///
/// # Errors
/// [`Error::NotFound`] for a parent that is not there, [`Error::ParentIsFile`], [`Error::Outside`],
/// [`Error::Own`], [`Error::Forbidden`] where the guard does not permit what a link leads to,
/// [`Error::IntoItself`] for a directory that is to be avoided, [`Error::Raced`]
/// where parents vanish, and those of openat(2) and mkdirat(2).
pub(super) fn resolve<'s>(
    store: &'s Store,
    name: GuardedName<'_>,
    options: ResolveOptions<'_>,
) -> Result<Resolved<'s>, Error> {
    match options.parents {
        // Nothing has been changed.
        Parents::Require => retry_on_race(|| resolve_once(store, name, options)),
        Parents::Create(_) => resolve_once(store, name, options),
    }
}

fn resolve_once<'s>(
    store: &'s Store,
    name: GuardedName<'_>,
    options: ResolveOptions<'_>,
) -> Result<Resolved<'s>, Error> {
    let Some((file_name, parents)) = name.components.split_last() else {
        return Ok(Resolved::Directory(ParentDirectory::Root(
            &store.layout.root,
        )));
    };
    if is_hidden(store, name.components) {
        return Err(Error::Own);
    }
    // The walk compares each directory with the one to avoid; a single call cannot.
    if options.avoid.is_none()
        && let Some(dir) = open_without_links(store, parents)
    {
        let file_name = OsString::from(file_name);
        let seen = Seen::examine((dir.as_fd(), &file_name), options.final_symlink);
        if !seen.is_link() {
            return Ok(Resolved::Entry(ResolvedEntry {
                dir,
                file_name,
                seen,
            }));
        }
    }
    Walk::new(store, name, options).run()
}

/// Resolves a name for writing: links are followed, and missing parents are created, where the
/// condition holds for a name that leads to nothing.
///
/// # Errors
/// Those of [`resolve`] and [`check_new`].
pub(super) fn resolve_for_write<'s>(
    store: &'s Store,
    name: GuardedName<'_>,
    check: Check<'_>,
) -> Result<Resolved<'s>, Error> {
    let check_new = |dir: BorrowedFd<'_>| check_new(store, dir, check);
    resolve(store, name, ResolveOptions::create_parents(&check_new))
}

/// Refuses to put something into a directory, or into one that is yet to be made in it, where
/// nothing has its name.
///
/// # Errors
/// [`Error::MountPoint`], and those of the condition.
pub(super) fn check_new(store: &Store, dir: BorrowedFd<'_>, check: Check<'_>) -> Result<(), Error> {
    store.layout.check_mount(dir)?;
    check(None)
}

/// Whether a name leads through a link, or to one, or is not there.
pub(super) fn has_links(store: &Store, name: GuardedName<'_>) -> bool {
    let Some((file_name, parents)) = name.components.split_last() else {
        return true;
    };
    if is_hidden(store, name.components) {
        return true;
    }
    open_without_links(store, parents).is_none_or(|dir| {
        let kind = kind((dir.as_fd(), file_name.as_ref()));
        matches!(kind, Ok(FileType::Symlink))
    })
}

fn is_hidden(store: &Store, components: &[String]) -> bool {
    let first = components.first();
    first.is_some_and(|first| store.layout.is_hidden(first))
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
