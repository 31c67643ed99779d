//! Extended records, which precede the header of the entry that they are about (POSIX.1-2017, "pax
//! Extended Header"): `LENGTH KEY=VALUE` and a newline, where the length includes its own digits.
//!
//! They are read as they come: values that are not used, such as attributes, take no memory.

use std::io::Read;

use super::decimal::Decimal;
use super::fault::{Error, Fault};
use super::input::Input;
use super::sparse::Map;

/// The longest path, and the longest target of a link, in bytes (`PATH_MAX` of Linux).
pub(super) const MAX_PATH: u64 = 4096;

/// The maximum length of all records of an entry, in bytes.
const MAX_RECORDS: u64 = 1 << 20;

/// How much of a key is looked at, in bytes: more than any has that is used.
const MAX_KEY: usize = 64;

/// What records say of an entry.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) length: Option<u64>,
    pub(super) sparse: SparseRecords,
}

/// What GNU tar's records say of a sparse file.
#[derive(Debug, Default)]
pub(super) struct SparseRecords {
    /// The numbers of the format; it has none before version 1.0.
    pub(super) version: (Option<u64>, Option<u64>),
    pub(super) path: Option<Vec<u8>>,
    /// The length of the file with its holes.
    pub(super) length: Option<u64>,
    /// Its map, in the versions that have it here, and how many pieces it is said to have.
    pub(super) map: Option<Map>,
    pub(super) pieces: Option<u64>,
}

/// Takes the value of a key, which has this many bytes.
type Take<'t, R> = dyn FnMut(&mut Input<R>, &[u8], u64) -> Result<(), Error> + 't;

/// What is left of the records, in bytes.
struct Left(u64);

impl Records {
    /// Reads records of this length in bytes.
    ///
    /// # Errors
    /// [`Fault::Records`] and others; those of reading.
    pub(super) fn read<R: Read>(input: &mut Input<R>, length: u64) -> Result<Self, Error> {
        let mut records = Self::default();
        read_each(input, length, &mut |input, key, value| {
            records.take(input, key, value)
        })?;
        Ok(records)
    }

    /// Reads records that are about all entries that follow, of which only those are accepted that
    /// are not used here.
    ///
    /// # Errors
    /// [`Fault::Global`]; those of [`Records::read`].
    pub(super) fn read_global<R: Read>(input: &mut Input<R>, length: u64) -> Result<(), Error> {
        read_each(input, length, &mut |input, key, value| {
            let is_used = matches!(key, b"path" | b"linkpath" | b"size")
                || key.starts_with(b"GNU.sparse.")
                || key == b"SCHILY.realsize";
            match is_used {
                true => Err(Fault::Global.into()),
                false => input.skip(value),
            }
        })
    }

    /// Takes the value of a key, which has this many bytes.
    fn take<R: Read>(&mut self, input: &mut Input<R>, key: &[u8], value: u64) -> Result<(), Error> {
        let sparse = &mut self.sparse;
        match key {
            b"path" => once(&mut self.path, text(input, value)?),
            b"linkpath" => once(&mut self.target, text(input, value)?),
            b"size" => once(&mut self.length, decimal(input, value)?),
            b"GNU.sparse.major" => once(&mut sparse.version.0, decimal(input, value)?),
            b"GNU.sparse.minor" => once(&mut sparse.version.1, decimal(input, value)?),
            b"GNU.sparse.name" => once(&mut sparse.path, text(input, value)?),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                once(&mut sparse.length, decimal(input, value)?)
            }
            b"GNU.sparse.offset" => {
                let map = sparse.map.get_or_insert_default();
                Ok(map.offset(decimal(input, value)?)?)
            }
            b"GNU.sparse.numbytes" => {
                let map = sparse.map.get_or_insert_default();
                Ok(map.length(decimal(input, value)?)?)
            }
            b"GNU.sparse.map" => once(&mut sparse.map, map(input, value)?),
            b"GNU.sparse.numblocks" => once(&mut sparse.pieces, decimal(input, value)?),
            // A sparse file in star's format would be taken for one without holes.
            b"SCHILY.realsize" => Err(Fault::Sparse.into()),
            key if key.starts_with(b"GNU.sparse.") => Err(Fault::Sparse.into()),
            _ => input.skip(value),
        }
    }
}

impl SparseRecords {
    /// Whether the entry is a sparse file.
    pub(super) fn are_there(&self) -> bool {
        let Self {
            version,
            path,
            length,
            map,
            pieces,
        } = self;
        *version != (None, None)
            || path.is_some()
            || length.is_some()
            || map.is_some()
            || pieces.is_some()
    }
}

/// Calls `take` with each key and the length of its value, which it has to take.
fn read_each<R: Read>(
    input: &mut Input<R>,
    length: u64,
    take: &mut Take<'_, R>,
) -> Result<(), Error> {
    if length > MAX_RECORDS {
        return Err(Fault::Records.into());
    }
    let mut left = Left(length);
    while left.0 > 0 {
        let before = left.0;
        let record = length_of_record(input, &mut left)?;
        let mut rest = Left(record.checked_sub(before - left.0).ok_or(Fault::Records)?);
        left.0 = left.0.checked_sub(rest.0).ok_or(Fault::Records)?;
        let mut key = [0; MAX_KEY];
        let mut key_length = 0;
        loop {
            match rest.byte(input)? {
                b'=' => break,
                byte => {
                    if let Some(room) = key.get_mut(key_length) {
                        *room = byte;
                        key_length += 1;
                    }
                }
            }
        }
        let value = rest.0.checked_sub(1).ok_or(Fault::Records)?;
        take(input, &key[..key_length], value)?;
        if input.byte()? != b'\n' {
            return Err(Fault::Records.into());
        }
    }
    Ok(())
}

/// Reads the length of a record and the blank behind it.
fn length_of_record<R: Read>(input: &mut Input<R>, left: &mut Left) -> Result<u64, Error> {
    let mut number = Decimal::default();
    loop {
        match left.byte(input)? {
            b' ' => return Ok(number.end()?),
            byte => number.push(byte)?,
        }
    }
}

impl Left {
    /// The next byte, if one is left.
    fn byte<R: Read>(&mut self, input: &mut Input<R>) -> Result<u8, Error> {
        self.0 = self.0.checked_sub(1).ok_or(Fault::Records)?;
        input.byte()
    }
}

/// Sets what may be there once.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Records.into()),
    }
}

/// A value that is a text, and not empty.
fn text<R: Read>(input: &mut Input<R>, length: u64) -> Result<Vec<u8>, Error> {
    match length {
        0 => return Err(Fault::Records.into()),
        _ if length > MAX_PATH => return Err(Fault::LongText.into()),
        _ => {}
    }
    let mut text = Vec::new();
    input.append_to(&mut text, length)?;
    Ok(text)
}

/// A value that is a number.
fn decimal<R: Read>(input: &mut Input<R>, length: u64) -> Result<u64, Error> {
    let mut number = Decimal::default();
    for _ in 0..length {
        number.push(input.byte()?)?;
    }
    Ok(number.end()?)
}

/// A value that is a map: offsets and lengths in turn, with commas between them.
fn map<R: Read>(input: &mut Input<R>, length: u64) -> Result<Map, Error> {
    let mut map = Map::default();
    let mut number = Decimal::default();
    for _ in 0..length {
        match input.byte()? {
            b',' => map.number(std::mem::take(&mut number).end()?)?,
            byte => number.push(byte)?,
        }
    }
    if length > 0 {
        map.number(number.end()?)?;
    }
    Ok(map)
}
