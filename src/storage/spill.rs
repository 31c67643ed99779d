//! A file for names that memory has no room for.
//!
//! It is used as a stack, so that all directories on the way down a tree share one. It has no name
//! in the file system, so that nothing is left of it when the process ends, however it ends.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

use super::error::Error;
use super::layout::Layout;
use super::space::check_space;
use super::store::Store;
use super::sys::read_at;

/// How much is read at once of each run that is merged, in bytes.
const MERGE_BUFFER: usize = 16 * 1024;

/// How many runs are merged at a time at most.
const MOST_RUNS: usize = 48;

/// The file.
#[derive(Debug)]
pub(super) struct Spill {
    file: File,
    /// Its length in bytes.
    end: u64,
}

/// Reads the names in a part of the file, one after the other.
#[derive(Debug)]
pub(super) struct Reader {
    /// Where the file is read next: the bytes before it are in the buffer, or have been.
    at: u64,
    end: u64,
    bytes: Vec<u8>,
    /// How many bytes of the buffer have been returned.
    taken: usize,
}

/// The types of file systems that are in memory, `tmpfs` and `ramfs` (statfs(2)).
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

impl Spill {
    /// Creates a file for names; `None` where there can be none, or where it would only take
    /// memory.
    pub(super) fn create(layout: &Layout) -> Option<Self> {
        let kind = rustix::fs::fstatfs(&layout.staged).ok()?.f_type;
        if IN_MEMORY
            .iter()
            .any(|it| i128::from(*it) == i128::from(kind))
        {
            return None;
        }
        Self::create_on_any_disk(layout).ok()
    }

    pub(super) fn create_on_any_disk(layout: &Layout) -> Result<Self, Errno> {
        let file = create_nameless(layout)?;
        Ok(Self { file, end: 0 })
    }

    /// Where the next names will begin.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Writes names, and returns where they are.
    ///
    /// # Errors
    /// [`Error::NoSpace`] where uploads need the space; those of pwrite(2).
    pub(super) fn push<'n>(
        &mut self,
        store: &Store,
        names: impl Iterator<Item = &'n [u8]>,
    ) -> Result<Range<u64>, Error> {
        check_space(store, 0)?;
        let start = self.end;
        let mut writer = self.writer();
        for name in names {
            writer.write_all(name)?;
            writer.write_all(&[0])?;
        }
        self.end = writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .at;
        Ok(start..self.end)
    }

    /// Removes what begins here, and all that was written after it.
    pub(super) fn truncate(&mut self, start: u64) {
        // If that fails, the space is free once the file is closed.
        if self.file.set_len(start).is_ok() {
            self.end = start;
        }
    }

    /// Frees the space of a part that is not read again, where the file system can.
    pub(super) fn forget(&self, part: Range<u64>) {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let length = part.end - part.start;
        if length > 0 {
            // If that fails, the space is free once the file is closed.
            let _ = rustix::fs::fallocate(&self.file, flags, part.start, length);
        }
    }

    /// Merges runs, each of which is sorted, into one, and drops repeated names.
    ///
    /// # Errors
    /// Those of [`Spill::push`] and of pread(2).
    pub(super) fn merge(
        &mut self,
        store: &Store,
        mut runs: VecDeque<Range<u64>>,
    ) -> Result<Range<u64>, Error> {
        while runs.len() > 1 {
            check_space(store, 0)?;
            let some = runs.drain(..runs.len().min(MOST_RUNS)).collect();
            runs.push_back(self.merge_some(some)?);
        }
        Ok(runs.pop_front().unwrap_or(self.end..self.end))
    }

    fn merge_some(&mut self, runs: Vec<Range<u64>>) -> Result<Range<u64>, Error> {
        let start = self.end;
        let mut readers: Vec<Reader> = runs.into_iter().map(Reader::new).collect();
        let mut first = BinaryHeap::with_capacity(readers.len());
        for (index, reader) in readers.iter_mut().enumerate() {
            if let Some(name) = reader.next(&self.file, MERGE_BUFFER)? {
                first.push(Reverse((name.to_vec(), index)));
            }
        }
        let mut last: Vec<u8> = Vec::new();
        let mut writer = self.writer();
        while let Some(mut least) = first.peek_mut() {
            let Reverse((name, index)) = &mut *least;
            if *name != last {
                writer.write_all(name)?;
                writer.write_all(&[0])?;
                last.clone_from(name);
            }
            match readers[*index].next(&self.file, MERGE_BUFFER)? {
                Some(next) => {
                    name.clear();
                    name.extend_from_slice(next);
                }
                None => drop(std::collections::binary_heap::PeekMut::pop(least)),
            }
        }
        self.end = writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .at;
        Ok(start..self.end)
    }

    /// A writer to the end of the file.
    fn writer(&self) -> BufWriter<Appender<'_>> {
        let at = Appender {
            file: &self.file,
            at: self.end,
        };
        BufWriter::with_capacity(MERGE_BUFFER, at)
    }

    /// The next name of a reader, which reads this many bytes at once.
    ///
    /// # Errors
    /// Those of pread(2).
    pub(super) fn next<'b>(
        &self,
        reader: &'b mut Reader,
        buffer: usize,
    ) -> Result<Option<&'b [u8]>, Error> {
        reader.next(&self.file, buffer)
    }
}

/// A place in a file to write to.
struct Appender<'f> {
    file: &'f File,
    at: u64,
}

impl Write for Appender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reader {
    pub(super) fn new(part: Range<u64>) -> Self {
        Self {
            at: part.start,
            end: part.end,
            bytes: Vec::new(),
            taken: 0,
        }
    }

    /// Frees the buffer; what is in it and has not been returned is read again.
    pub(super) fn free_buffer(&mut self) {
        self.at -= (self.bytes.len() - self.taken) as u64;
        self.taken = 0;
        self.bytes = Vec::new();
    }

    /// Whether all names have been returned.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.end && self.taken == self.bytes.len()
    }

    fn next(&mut self, file: &File, buffer: usize) -> Result<Option<&[u8]>, Error> {
        loop {
            let unread = &self.bytes[self.taken..];
            if let Some(length) = memchr::memchr(0, unread) {
                let start = self.taken;
                self.taken += length + 1;
                return Ok(Some(&self.bytes[start..start + length]));
            }
            if self.at == self.end {
                return Ok(None);
            }
            self.fill(file, buffer)?;
        }
    }

    /// Reads on, after what is left in the buffer of a name that has not come whole.
    fn fill(&mut self, file: &File, buffer: usize) -> Result<(), Error> {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        let kept = self.bytes.len();
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.saturating_sub(kept).max(1));
        self.bytes.reserve_exact(wanted);
        self.bytes.resize(kept + wanted, 0);
        let read = read_at(file, &mut self.bytes[kept..], self.at)?;
        self.bytes.truncate(kept + read);
        self.at += read as u64;
        match read {
            0 => Err(Error::System(ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }
}

fn create_nameless(layout: &Layout) -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o600);
    let opened = rustix::fs::openat(&layout.staged, ".", flags | OFlags::TMPFILE, mode);
    if let Ok(file) = opened {
        return Ok(File::from(file));
    }
    // Not every file system has O_TMPFILE.
    let name = layout.unique_name();
    let flags = flags | OFlags::CREATE | OFlags::EXCL;
    let file = rustix::fs::openat(&layout.staged, &name, flags, mode)?;
    match rustix::fs::unlinkat(&layout.staged, &name, AtFlags::empty()) {
        // Another server that starts has found it unlocked, and removed it.
        Ok(()) | Err(Errno::NOENT) => Ok(File::from(file)),
        Err(errno) => Err(errno),
    }
}
