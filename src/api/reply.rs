//! What a handler answers with.

use std::fs::File;

use crate::http::head::Field;

/// A reply: status, fields that are its own, and content.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Fields other than those of every reply (`Date`, `Content-Length`, `Connection`).
    pub fields: Vec<Field>,
    /// What follows the head.
    pub content: Content,
}

/// The content of a reply.
#[derive(Debug)]
pub enum Content {
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// The first bytes of an open file.
    File {
        /// Positioned at the start.
        file: File,
        /// How many of its bytes, which it has.
        length: u64,
    },
}

impl Content {
    /// The length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }
}

impl Reply {
    /// 200 with a text.
    #[must_use]
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            fields: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())],
            content: Content::Bytes(text.into()),
        }
    }

    /// 200 `OK`: it has been done.
    #[must_use]
    pub fn done() -> Self {
        Self::text("OK")
    }
}
