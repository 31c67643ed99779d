//! The description of a flag: one row of the table of flags.
//!
//! Responsible for: the columns of the table. Not for: its rows (`flags.rs`), reading values
//! (`kind.rs`).

use super::kind::Kind;

/// What stands before the short name of a variable to make the one that no other program has.
pub(super) const PREFIX: &str = "HTTP_NAS_";

/// A flag, and all that is particular about it.
#[derive(Debug)]
pub struct Flag {
    /// Without the two hyphens.
    pub name: &'static str,
    /// The short name of its environment variable; see also [`Flag::own_variable`].
    pub variable: &'static str,
    /// What its value is called in a synopsis.
    pub metavar: &'static str,
    /// What its value may be, and where it goes.
    pub(super) kind: Kind,
    /// The value that counts where none is given.
    pub default: &'static str,
    /// The subject that it belongs to. The flags of a group follow each other.
    pub group: Group,
    /// What it does, in less than a line.
    pub help: &'static str,
    /// All that there is to know, as sentences.
    pub details: &'static str,
    /// Whether `http-nas health` takes it, too.
    pub for_health: bool,
    /// The flags in whose place it stands where it is given.
    pub(super) replaces: &'static [&'static str],
}

/// A subject of flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Where the server listens.
    Listening,
    /// Which requests it takes.
    Requests,
    /// Where the files are, and how they are written.
    Storage,
    /// How much and how long.
    Limits,
    /// What it says.
    Log,
}

impl Group {
    /// As `--help` has it above the flags.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Listening => "Where to listen",
            Self::Requests => "Which requests to answer",
            Self::Storage => "Files",
            Self::Limits => "Limits",
            Self::Log => "Log",
        }
    }
}

impl Flag {
    /// The variable that no other program has. It wins over the short one.
    #[must_use]
    pub fn own_variable(&self) -> String {
        format!("{PREFIX}{}", self.variable)
    }

    /// The words that its value is one of, where it is not free.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        self.kind.words()
    }

    /// Whether its value is the path of a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// Whether its value is the path of a file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self.kind, Kind::OptionalFile(_))
    }

    /// Whether it is on or off: on the command line it needs no value.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Switch(_))
    }

    /// Whether it may be given several times, which is the same as once with the values separated
    /// by commas.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        matches!(self.kind, Kind::Endpoints(_) | Kind::AllowedOrigins(_))
    }

    /// Whether its value names a host, which may turn out to be wrong only when it is looked up.
    pub(super) fn names_host(&self) -> bool {
        matches!(self.kind, Kind::Host(_) | Kind::Endpoints(_))
    }
}
