//! The body of a write, once all of it is here.

use std::io::Write;

use super::error::Error;
use super::store::Store;
use super::upload::{self, Need, Staged, check_need};

/// A body: in memory where it is small, so that it need not be copied from one file into another.
#[derive(Debug)]
pub(crate) enum Body<'s> {
    /// All of it.
    Bytes(Vec<u8>),
    /// In a file that no client sees.
    Staged(Staged<'s>),
}

impl<'s> Body<'s> {
    /// Its length in bytes.
    #[must_use]
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Staged(staged) => staged.length(),
        }
    }

    /// Refuses to append it to a file where there is no space for that.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub(super) fn check_room(&self, store: &Store) -> Result<(), Error> {
        match self {
            Self::Staged(staged) => staged.check_room(staged.length()),
            Self::Bytes(bytes) => check_need(store, need(bytes)),
        }
    }

    /// Has the body in a staged file, to give that a name.
    ///
    /// # Errors
    /// Those of [`upload::stage`] and of writing.
    pub(crate) fn into_staged(self, store: &'s Store) -> Result<Staged<'s>, Error> {
        match self {
            Self::Staged(staged) => Ok(staged),
            Self::Bytes(bytes) => stage(store, &bytes),
        }
    }

    /// The same, without taking the body: a second attempt finds the file.
    pub(super) fn stage(&mut self, store: &'s Store) -> Result<&mut Staged<'s>, Error> {
        loop {
            match self {
                Self::Staged(staged) => return Ok(staged),
                Self::Bytes(bytes) => *self = Self::Staged(stage(store, bytes)?),
            }
        }
    }
}

fn stage<'s>(store: &'s Store, bytes: &[u8]) -> Result<Staged<'s>, Error> {
    let mut staged = upload::stage(store, need(bytes))?;
    staged.write_all(bytes)?;
    Ok(staged)
}

fn need(bytes: &[u8]) -> Need {
    Need {
        declared: Some(bytes.len() as u64),
        twice: false,
    }
}
