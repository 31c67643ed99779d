//! The chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), so that a body that breaks off never looks
//! complete: neither one that is read nor one that is written.
//!
//! In here: [`Framing`], which finds the chunks and the end of a message and does no I/O; [`Decoder`], a `Read` over
//! it; [`Encoder`], a `Write`. Not in here: header fields, the choice of a transfer coding, limits on the length of a
//! body, limits on time.
//!
//! The crate bears the name and the version line of the registry's `chunked_transfer` because it stands in for it by
//! `[patch.crates-io]`; it offers the part that tiny_http 0.12 uses: `Decoder::new` and `Encoder::new`.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut encoder = chunked_transfer::Encoder::new(Vec::new());
//! encoder.write_all(b"hello")?;
//! let wire = encoder.finish()?;
//! assert_eq!(wire, b"5\r\nhello\r\n0\r\n\r\n");
//!
//! let mut body = String::new();
//! chunked_transfer::Decoder::new(&wire[..]).read_to_string(&mut body)?;
//! assert_eq!(body, "hello");
//!
//! let broken = chunked_transfer::Decoder::new(&wire[..6]).read_to_string(&mut body);
//! assert!(broken.is_err_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof));
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod decoder;
mod encoder;
mod framing;

pub use decoder::Decoder;
pub use encoder::{CHUNK, Encoder};
pub use framing::{
    Fault, Framing, MAX_EXTENSIONS, MAX_LINE, MAX_SIZE, MAX_SIZE_DIGITS, MAX_TRAILERS,
};

/// States that this crate tells the end of a message from a break in it.
///
/// The registry's crate has no such constant. A program that names it does not compile when the patch is not in place,
/// rather than taking half a body for a whole one.
pub const ENDS_ARE_CHECKED: bool = true;
