//! The names in a folder.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;

use rustix::fs::Dir;

use super::Error;
use super::root::{OWN, Root};

impl Root {
    /// The names in an open folder, sorted bytewise; in the root without the server's own folder.
    ///
    /// # Errors
    /// What the system says while it is read.
    pub fn list(&self, folder: &super::snapshot::Folder) -> Result<Vec<OsString>, Error> {
        let mut names = names(folder.fd())?;
        if folder.is_root {
            names.retain(|name| name != OWN.as_bytes());
        }
        names.sort_unstable();
        Ok(names.into_iter().map(OsString::from_vec).collect())
    }
}

/// The names in a folder as the file system has them, without `.` and `..`.
pub(super) fn names(dir: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}
