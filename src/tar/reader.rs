//! The entries of an archive, one after the other, and their content.
//!
//! What programs read in different ways is refused: an entry that has a content and cannot have
//! one, two long names for one entry, a type that is not known, an archive without its end.

use std::io::Read;

use super::block::{BLOCK, padding};
use super::fault::{Error, Fault};
use super::header::{Format, Header};
use super::input::Input;
use super::records::{MAX_PATH, Records};
use super::sparse::{Map, Piece};

/// An archive that is read.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: Input<R>,
    /// Whether a header has been read.
    has_begun: bool,
    /// The pieces of the entry's content that have not been read to their ends, the last one first.
    pieces: Vec<Piece>,
    /// How many bytes pad the content.
    padding: usize,
}

/// An entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path as it is written.
    pub path: Vec<u8>,
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File {
        /// The length in bytes, with holes.
        length: u64,
        /// How much of that are holes.
        holes: u64,
        is_executable: bool,
    },
    Directory,
    /// A symbolic link, with its target.
    Link(Vec<u8>),
    /// Another name of a file, with the path of that.
    HardLink(Vec<u8>),
    /// A FIFO or device.
    Special,
}

/// What precedes the header of an entry.
#[derive(Default)]
struct Preceding {
    records: Option<Records>,
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            input: Input::new(source),
            has_begun: false,
            pieces: Vec::new(),
            padding: 0,
        }
    }

    /// What is read.
    pub(crate) fn source(&mut self) -> &mut R {
        self.input.source()
    }

    /// What has been read.
    pub(crate) fn into_source(self) -> R {
        self.input.into_source()
    }

    /// The next entry; `None` at the end, up to which everything has been read then. What has not
    /// been read of the content of the entry before is passed over.
    ///
    /// # Errors
    /// A [`Fault`]; those of reading.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Error> {
        while self.content()?.is_some() {}
        self.input.skip(std::mem::take(&mut self.padding) as u64)?;
        let mut preceding = Preceding::default();
        loop {
            let (block, length) = self.input.part_of_block()?;
            if length < BLOCK {
                return Err(self.unless_begun(Fault::Cut, &block[..length]).into());
            }
            if is_empty(&block) {
                if !preceding.is_empty() {
                    return Err(Fault::Dangling.into());
                }
                self.read_end()?;
                return Ok(None);
            }
            let header = Header::new(&block);
            let header = header.map_err(|fault| self.unless_begun(fault, &block))?;
            self.has_begun = true;
            if !preceding.take(&header, &mut self.input)? {
                return self.entry(&header, preceding).map(Some);
            }
        }
    }

    /// The next piece of the content of the entry: where it belongs in the file, and its bytes;
    /// `None` where all of it has been read.
    ///
    /// # Errors
    /// [`Fault::Cut`]; those of reading.
    pub(crate) fn content(&mut self) -> Result<Option<(u64, &[u8])>, Error> {
        while self.pieces.pop_if(|piece| piece.length == 0).is_some() {}
        let Some(piece) = self.pieces.last_mut() else {
            return Ok(None);
        };
        let part = self.input.up_to(piece.length)?;
        if part.is_empty() {
            return Err(Fault::Cut.into());
        }
        let at = piece.offset;
        piece.offset += part.len() as u64;
        piece.length -= part.len() as u64;
        Ok(Some((at, part)))
    }

    /// The entry of a header.
    fn entry(&mut self, header: &Header<'_>, preceding: Preceding) -> Result<Entry, Error> {
        let Preceding {
            records,
            path,
            target,
        } = preceding;
        let records = records.unwrap_or_default();
        let path = one_of(records.path, path)?;
        let target = one_of(records.target, target)?;
        let of_header = header.length()?;
        let length = records.length.unwrap_or(of_header);
        let is_executable = header.is_executable()?;
        let letter = header.letter();
        let sparse = records.sparse;
        let is_sparse = sparse.are_there();
        let is_pax = header.format == Format::Posix && letter == b'0';
        if is_sparse && !is_pax || letter == b'S' && records.length.is_some() {
            return Err(Fault::Sparse.into());
        }
        let has_version = sparse.version != (None, None);
        if has_version && sparse.version != (Some(1), Some(0)) {
            return Err(Fault::Sparse.into());
        }
        // Sparse files of versions 0.1 and 1.0 have a path of their own, and what is in the place
        // of the path is for programs that do not know these.
        let path = match sparse.path {
            Some(path) => path,
            None => path.unwrap_or_else(|| header.path()),
        };
        let target = || target.unwrap_or_else(|| header.target());
        let kind = match letter {
            b'0' if is_sparse => {
                let real = sparse.length.ok_or(Fault::Sparse)?;
                let (map, content) = match (has_version, sparse.map, sparse.pieces) {
                    (true, None, None) => {
                        let (map, taken) = Map::of_content(&mut self.input, length)?;
                        (map, length - taken)
                    }
                    (false, Some(map), Some(pieces)) if map.has(pieces) => (map, length),
                    _ => return Err(Fault::Sparse.into()),
                };
                self.file(is_executable, (real, content), map)?
            }
            // Of another format, it is a file of another length for some programs.
            b'S' if header.format != Format::Gnu => return Err(Fault::Sparse.into()),
            b'S' => {
                let (map, real) = Map::of_header(header, &mut self.input)?;
                self.file(is_executable, (real, length), map)?
            }
            // In the oldest format a directory is a file whose name ends in a slash.
            0 if path.ends_with(b"/") && length == 0 => Kind::Directory,
            0 | b'0' | b'7' => {
                let mut map = Map::default();
                map.offset(0)?;
                map.length(length)?;
                self.file(is_executable, (length, length), map)?
            }
            // Programs differ on whether their lengths are those of content that follows.
            b'1'..=b'6' if length > 0 => return Err(Fault::Content.into()),
            b'1' => Kind::HardLink(target()),
            b'2' => Kind::Link(target()),
            b'3' | b'4' | b'6' => Kind::Special,
            b'5' => Kind::Directory,
            letter => return Err(Fault::Type(letter).into()),
        };
        if matches!(kind, Kind::File { .. }) && path.ends_with(b"/") {
            return Err(Fault::SlashedFile.into());
        }
        Ok(Entry { path, kind })
    }

    /// A file of length `real`, whose content of length `content` comes next.
    fn file(
        &mut self,
        is_executable: bool,
        (real, content): (u64, u64),
        map: Map,
    ) -> Result<Kind, Error> {
        self.pieces = map.pieces(real, content)?;
        self.pieces.reverse();
        self.padding = padding(content);
        Ok(Kind::File {
            length: real,
            holes: real - content,
            is_executable,
        })
    }

    /// Reads the rest, once the first of the empty blocks at the end has been read. More of them
    /// fill a record of a tape.
    fn read_end(&mut self) -> Result<(), Error> {
        match self.input.block()? {
            None => return Err(Fault::Cut.into()),
            Some(block) if !is_empty(&block) => return Err(Fault::Trailing.into()),
            Some(_) => {}
        }
        loop {
            match self.input.up_to(u64::MAX)? {
                [] => return Ok(()),
                part if part.iter().all(|byte| *byte == 0) => {}
                _ => return Err(Fault::Trailing.into()),
            }
        }
    }

    /// What is wrong with a block that is no header: another fault where it is the first one.
    fn unless_begun(&self, fault: Fault, block: &[u8]) -> Fault {
        match self.has_begun || block.is_empty() {
            true => fault,
            false => compression(block).map_or(Fault::NotTar, Fault::Compressed),
        }
    }
}

impl Preceding {
    fn is_empty(&self) -> bool {
        self.records.is_none() && self.path.is_none() && self.target.is_none()
    }

    /// Takes what follows a header that is not one of an entry; `false` where it is one.
    fn take<R: Read>(&mut self, header: &Header<'_>, input: &mut Input<R>) -> Result<bool, Error> {
        let length = || header.length();
        match header.letter() {
            // X is what Solaris has for x.
            b'x' | b'X' => {
                let length = length()?;
                once(&mut self.records, Records::read(input, length)?)?;
                input.skip(padding(length) as u64)?;
            }
            b'g' => {
                let length = length()?;
                Records::read_global(input, length)?;
                input.skip(padding(length) as u64)?;
            }
            b'L' => once(&mut self.path, long_text(input, length()?)?)?,
            b'K' => once(&mut self.target, long_text(input, length()?)?)?,
            // The label of a volume.
            b'V' => match length()? {
                0 => {}
                _ => return Err(Fault::Content.into()),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A name in the place of content, with a NUL at its end.
fn long_text<R: Read>(input: &mut Input<R>, length: u64) -> Result<Vec<u8>, Error> {
    if length > MAX_PATH + 1 {
        return Err(Fault::LongText.into());
    }
    let mut text = Vec::new();
    input.append_to(&mut text, length)?;
    input.skip(padding(length) as u64)?;
    text.pop_if(|byte| *byte == 0);
    Ok(text)
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Dangling.into()),
    }
}

/// The one that is there: in extended records, or in GNU tar's way.
fn one_of(records: Option<Vec<u8>>, long: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Fault> {
    match (records, long) {
        (Some(_), Some(_)) => Err(Fault::Records),
        (one, other) => Ok(one.or(other)),
    }
}

fn is_empty(block: &[u8; BLOCK]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// The program that has compressed what begins like this.
fn compression(block: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK\x03\x04", "zip"),
    ];
    let found = known.iter().find(|(start, _)| block.starts_with(start));
    found.map(|(_, program)| *program)
}

#[cfg(test)]
mod tests;
