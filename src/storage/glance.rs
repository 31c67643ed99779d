//! What is under a name at a glance: whether it is still what it was, without opening or locking
//! anything.
//!
//! Responsible for: noticing that something has changed. Not for: what it is; whoever wants to know
//! that opens it.

use std::os::fd::OwnedFd;

use rustix::fs::{Stat, fstat};

use super::guarded_name::GuardedName;
use super::resolve::resolve;
use super::resolved::{ResolveOptions, Resolved};
use super::store::Store;
use super::sys::{open_directory, stat};

/// What was seen under a name. A change of it changes this, also one that another server makes, as
/// soon as the file system shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance(Option<Seen>);

/// The parts of the metadata that change with a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl From<Stat> for Seen {
    fn from(stat: Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// Takes a look at what a name leads to. What cannot be seen counts as nothing.
pub(crate) fn glance(store: &Store, components: &[String]) -> Glance {
    let name = GuardedName::unguarded(components);
    let resolved = resolve(store, name, ResolveOptions::FOLLOW).ok();
    let stat = resolved.and_then(|resolved| match resolved {
        Resolved::Directory(directory) => fstat(&directory).ok(),
        Resolved::Entry(entry) => stat(entry.at()).ok().flatten(),
    });
    Glance(stat.map(Seen::from))
}

/// Opens the innermost directory that there is on the way to a name, and says how many components
/// of the name lead to it.
pub(crate) fn open_nearest(store: &Store, components: &[String]) -> Option<(OwnedFd, usize)> {
    let parents = components.len().saturating_sub(1);
    (0..=parents).rev().find_map(|depth| {
        let name = GuardedName::unguarded(&components[..depth]);
        let opened = match resolve(store, name, ResolveOptions::FOLLOW).ok()? {
            Resolved::Directory(directory) => open_directory(&directory, "."),
            Resolved::Entry(entry) => open_directory(&entry.dir, &entry.file_name),
        };
        Some((opened.ok()?, depth))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::scratch::Scratch;

    fn name(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn a_change_is_seen_and_nothing_else() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("glance")?;
        let look = || glance(&storage.store, &name("a/b"));
        let missing = look();
        assert_eq!(missing, Glance(None));
        fs::create_dir(storage.path.join("a"))?;
        assert_eq!(look(), missing);
        let path = storage.path.join("a/b");
        let mut before = missing;
        for step in 0..4 {
            match step {
                0 => fs::write(&path, b"1")?,
                1 => fs::write(&path, b"12")?,
                2 => fs::rename(&path, storage.path.join("c"))?,
                _ => fs::create_dir(&path)?,
            }
            let after = look();
            assert_ne!(after, before, "{step}");
            assert_eq!(look(), after, "{step}");
            before = after;
        }
        Ok(())
    }

    #[test]
    fn the_nearest_directory_is_the_innermost_one() -> Result<(), Box<dyn std::error::Error>> {
        let storage = Scratch::new("nearest")?;
        fs::create_dir_all(storage.path.join("a/b"))?;
        fs::write(storage.path.join("a/file"), b"")?;
        std::os::unix::fs::symlink("a/b", storage.path.join("link"))?;
        for (text, expected) in [
            ("x", 0),
            ("a/x", 1),
            ("a/b/x", 2),
            ("a/b/c/d/x", 2),
            ("a/file/x", 1),
            ("link/x", 1),
            ("none/x", 0),
        ] {
            let found = open_nearest(&storage.store, &name(text));
            assert_eq!(found.map(|(_, depth)| depth), Some(expected), "{text}");
        }
        Ok(())
    }
}
