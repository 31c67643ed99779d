//! Copying a file within the storage.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::Error;
use super::root::Root;
use super::staged::{Need, Staged};

/// How much is copied at a time, in bytes: between two steps the free space is looked at.
const STEP: u64 = 64 << 20;

/// How much is copied at a time where it passes through the process, in bytes.
const BUFFER: usize = 256 * 1024;

impl Root {
    /// Stages a copy of the first `length` bytes of a file: by sharing its blocks where the file system can
    /// (`FICLONE`), else within the kernel (`copy_file_range`).
    ///
    /// # Errors
    /// [`Error::NoSpace`], or what the system says; [`Error::Moved`] where the file has become shorter.
    pub fn stage_copy(&self, source: &File, length: u64) -> Result<Staged<'_>, Error> {
        // Shared blocks take no space, so nothing is reserved before it is tried.
        let declared = None;
        let twice = false;
        let staged = self.stage(Need { declared, twice })?;
        if rustix::fs::ioctl_ficlone(&staged.file, source).is_ok() {
            let cloned = staged.file.metadata()?.len();
            return match cloned >= length {
                true => {
                    // What has been appended meanwhile is not part of it.
                    staged.file.set_len(length)?;
                    Ok(staged)
                }
                false => Err(Error::Moved),
            };
        }
        drop(staged);
        let declared = Some(length);
        let mut staged = self.stage(Need { declared, twice })?;
        copy_in_kernel(source, &mut staged, length)?;
        Ok(staged)
    }
}

fn copy_in_kernel(source: &File, staged: &mut Staged<'_>, length: u64) -> Result<(), Error> {
    let (mut from, mut to) = (0, 0);
    while from < length {
        let step = usize::try_from((length - from).min(STEP)).unwrap_or(usize::MAX);
        let file = staged.file.as_fd();
        match rustix::fs::copy_file_range(source, Some(&mut from), file, Some(&mut to), step) {
            // The file has become shorter.
            Ok(0) => return Err(Error::Moved),
            Ok(_) => staged.has_grown(to)?,
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) if from == 0 => {
                return copy_by_hand(source, staged, length);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Where the file system knows no other way.
fn copy_by_hand(source: &File, staged: &mut Staged<'_>, length: u64) -> Result<(), Error> {
    let mut writer = BufWriter::with_capacity(BUFFER, staged);
    let copied = io::copy(&mut source.take(length), &mut writer)?;
    writer.flush()?;
    match copied == length {
        true => Ok(()),
        false => Err(Error::Moved),
    }
}
