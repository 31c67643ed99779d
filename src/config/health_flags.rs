//! What `http-nas health` takes beside the flags that say where the server is.

use std::ffi::{OsStr, OsString};

/// A flag of `http-nas health` alone.
#[derive(Debug)]
pub struct HealthFlag {
    /// Without the two hyphens.
    pub name: &'static str,
    /// What its value is called in a synopsis; empty where it takes none.
    pub metavar: &'static str,
    /// What it does, in less than a line.
    pub help: &'static str,
    /// Whether its value is the path of a file on this machine.
    pub is_file: bool,
}

/// The flags, in the order in which they are shown.
pub static HEALTH_FLAGS: [HealthFlag; 3] = [
    HealthFlag {
        name: WRITE,
        metavar: "",
        help: "store a file, read it back and delete it",
        is_file: false,
    },
    HealthFlag {
        name: FOLDER,
        metavar: "FOLDER",
        help: "where to store it, in place of the root",
        is_file: false,
    },
    HealthFlag {
        name: TOKEN_FILE,
        metavar: "FILE",
        help: "a file with the token to do that with",
        is_file: true,
    },
];

pub(super) const WRITE: &str = "write";
pub(super) const FOLDER: &str = "folder";
pub(super) const TOKEN_FILE: &str = "token-file";

impl HealthFlag {
    /// The flag of a name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        HEALTH_FLAGS.iter().find(|flag| flag.name == name)
    }
}

/// The flags of the table that are given, with their values.
#[derive(Default)]
pub(super) struct HealthWords(Vec<(&'static str, OsString)>);

impl HealthWords {
    pub(super) fn give(&mut self, flag: &'static HealthFlag, value: OsString) {
        self.0.push((flag.name, value));
    }

    /// The value of a flag, if it is given; the last one of several.
    pub(super) fn value_of(&self, name: &str) -> Option<&OsStr> {
        let mut given = self.0.iter().rev();
        given
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value.as_os_str())
    }
}
