//! The file system that the root is on, for the log of the start.

use std::fs;

use super::error::Error;
use super::identity::Mount;
use super::store::Store;

/// What the log says about a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Its type, as `ext4` or `nfs4`; where the system does not name it, its number (statfs(2)) in
    /// hexadecimal.
    pub kind: String,
    /// What it has free for the server's user, in bytes.
    pub free: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// The file system of the root.
///
/// # Errors
/// Those of statvfs(3) and statfs(2).
pub(crate) fn file_system(store: &Store) -> Result<FileSystem, Error> {
    let root = &store.layout.root;
    let stat = rustix::fs::fstatvfs(root)?;
    let number = rustix::fs::fstatfs(root)?.f_type;
    let mount = Mount::of(root).ok().and_then(|mount| mount.id);
    let kind = mount.and_then(|id| {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        kind_of(&mounts, id).map(str::to_owned)
    });
    Ok(FileSystem {
        kind: kind.unwrap_or_else(|| format!("{number:#x}")),
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        size: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}

/// The type of the file system of a mount (proc_pid_mountinfo(5)). It comes after a hyphen that
/// stands alone: other fields have hyphens only as parts of words.
fn kind_of(mounts: &str, id: u64) -> Option<&str> {
    let is_it = |line: &&str| {
        let first = line.split(' ').next();
        first.and_then(|first| first.parse().ok()) == Some(id)
    };
    let line = mounts.lines().find(is_it)?;
    line.split_once(" - ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::kind_of;

    #[test]
    fn the_type_is_found_by_the_number_of_the_mount() {
        let mounts = "36 35 98:0 /m /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n\
            136 35 0:31 / /a\\040-\\040b rw - fuse.sshfs a@b:/ rw\n7 1 0:1 / /x rw\n";
        for (id, expected) in [
            (36, Some("ext3")),
            (136, Some("fuse.sshfs")),
            (7, None),
            (3, None),
        ] {
            assert_eq!(kind_of(mounts, id), expected, "{id}");
        }
    }
}
