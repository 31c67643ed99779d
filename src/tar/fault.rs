//! What is wrong with an archive.

use std::fmt;
use std::io;

/// Why an archive is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends before its end is marked.
    Cut,
    /// It does not begin like an archive.
    NotTar,
    /// It does not begin like an archive, but like something compressed, by this program.
    Compressed(&'static str),
    /// A header does not have the checksum that is in it.
    Checksum,
    /// A header is of a format that is not known.
    Format,
    /// A number in a header is none, or too large.
    Number,
    /// A name or the target of a link is too long.
    LongText,
    /// Extended records are malformed, repeated or too long.
    Records,
    /// Global records say of all entries what can be true of only one.
    Global,
    /// The map of a sparse file is malformed, or of a form that is not known.
    Sparse,
    /// The map of a sparse file has more pieces than this.
    Pieces(usize),
    /// Something that has no content has a length.
    Content,
    /// A file has a name that ends in a slash.
    SlashedFile,
    /// An entry is of a type that is not known, or of one that belongs to incremental archives.
    Type(u8),
    /// A header that belongs to the next entry is followed by none, or by another of its kind.
    Dangling,
    /// There is something behind the end.
    Trailing,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "it ends early",
            Self::NotTar => "it is no tar archive",
            Self::Compressed("gzip") => {
                "it is compressed by gzip, which Content-Type: application/gzip has to say"
            }
            Self::Compressed(program) => {
                return write!(f, "it is compressed by {program}; decompress it first");
            }
            Self::Checksum => "a header does not have its checksum",
            Self::Format => "a header is of a format that is not known",
            Self::Number => "a header has a number that is none, or too large",
            Self::LongText => "a name or the target of a link is longer than 4096 bytes",
            Self::Records => "extended records are malformed, repeated, or longer than 1 MiB",
            Self::Global => "a global header names a path, a link or a size",
            Self::Sparse => "a sparse file has no valid map",
            Self::Pieces(most) => {
                return write!(f, "a sparse file has more than {most} pieces");
            }
            Self::Content => "a folder, link or label has a length",
            Self::SlashedFile => "the name of a file ends in \"/\"",
            Self::Type(letter) => {
                return write!(
                    f,
                    "the type {:?} of an entry is not known",
                    char::from(*letter)
                );
            }
            Self::Dangling => {
                "a long name or extended records are there twice, or are followed by no entry"
            }
            Self::Trailing => "something follows its end",
        })
    }
}

/// Why an archive could not be read on.
#[derive(Debug)]
pub(crate) enum Error {
    /// It is not accepted.
    Fault(Fault),
    /// Its bytes could not be read.
    Io(io::Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
