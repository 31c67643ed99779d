//! What a request needs the right to do.
//!
//! Responsible for: the rights, and the table from operations to the rights that they need. Not
//! for: who has them (`policy.rs`).

use std::fmt;
use std::ops::{BitAnd, BitOr};

use super::route::{Operation, Report};

/// A right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// To read files and directories.
    Read = 1,
    /// To put something under a name that leads to nothing.
    Create = 2,
    /// To replace what is under a name. Whoever has it has `create`, too.
    Write = 4,
    /// To append to a file.
    Append = 8,
    /// To remove what is under a name.
    Delete = 16,
    /// To see what the server does.
    Observe = 32,
}

impl Right {
    pub(crate) const ALL: [Self; 6] = [
        Self::Read,
        Self::Create,
        Self::Write,
        Self::Append,
        Self::Delete,
        Self::Observe,
    ];

    /// The word for it.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Write => "write",
            Self::Append => "append",
            Self::Delete => "delete",
            Self::Observe => "observe",
        }
    }

    /// The right of a word.
    #[must_use]
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.word() == word)
    }
}

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights(u8);

impl Rights {
    /// No right.
    pub(crate) const NONE: Self = Self(0);

    /// All rights.
    pub(crate) const ALL: Self = Self(0b11_1111);

    /// The words for them. `create` is left out where `write` is there.
    pub(crate) fn words(self) -> impl Iterator<Item = &'static str> {
        let is_shown = move |right: &Right| {
            let is_implied = *right == Right::Create && self.contain(Right::Write);
            self.contain(*right) && !is_implied
        };
        Right::ALL.into_iter().filter(is_shown).map(Right::word)
    }

    /// Whether all of these are among them.
    #[must_use]
    pub(crate) fn contain(self, others: impl Into<Self>) -> bool {
        let others = others.into();
        self & others == others
    }

    /// Whether there is none.
    #[must_use]
    pub(crate) fn is_empty(self) -> bool {
        self == Self::NONE
    }
}

impl From<Right> for Rights {
    fn from(right: Right) -> Self {
        match right {
            Right::Write => Self(Right::Write as u8 | Right::Create as u8),
            other => Self(other as u8),
        }
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Rights {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        let rights = rights.into_iter().map(Self::from);
        rights.fold(Self::NONE, Self::bitor)
    }
}

impl fmt::Display for Rights {
    /// The words, with commas between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(","))
    }
}

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: it is open to all.
    Nothing,
    /// Any right at all, wherever.
    Anything,
    /// This right, wherever: it is about no name.
    Anywhere(Right),
    /// Rights on the name in the target.
    OnName(Rights),
    /// Rights on the name in the target, and on the one in the body.
    OnBoth {
        name: Rights,
        destination: Rights,
        /// Whoever may read the destination has to have the right to read the name, too: moving
        /// would be a way to read otherwise.
        shows: bool,
    },
}

/// What an operation needs before anything is known of the storage. A write that finds something
/// under its name and would replace it needs `write`, which is decided at the moment of the write.
#[must_use]
pub(crate) fn needs(operation: &Operation) -> Needs {
    let on_name = |right: Right| Needs::OnName(right.into());
    match operation {
        Operation::Preflight
        | Operation::Health
        | Operation::Report(Report::Alive | Report::Ready) => Needs::Nothing,
        Operation::Welcome => Needs::Anything,
        Operation::Report(Report::Metrics | Report::Transfers | Report::Watch) => {
            Needs::Anywhere(Right::Observe)
        }
        Operation::Read(..)
        | Operation::CountLines(_)
        | Operation::Digest(_)
        | Operation::Info(_)
        | Operation::Archive(_) => on_name(Right::Read),
        Operation::Create(_) | Operation::MakeDirectory(_) | Operation::Untar(..) => {
            on_name(Right::Create)
        }
        Operation::Append(_, appending) if appending.creates => {
            Needs::OnName([Right::Append, Right::Create].into_iter().collect())
        }
        Operation::Append(..) => on_name(Right::Append),
        Operation::Rename(_) => Needs::OnBoth {
            name: Right::Delete.into(),
            destination: Right::Create.into(),
            shows: true,
        },
        Operation::Copy(_) => Needs::OnBoth {
            name: Right::Read.into(),
            destination: Right::Create.into(),
            shows: false,
        },
        Operation::Claim(..) => Needs::OnBoth {
            name: [Right::Read, Right::Delete].into_iter().collect(),
            destination: Right::Create.into(),
            shows: false,
        },
        Operation::Delete(_) => on_name(Right::Delete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_have_words() {
        for right in Right::ALL {
            assert_eq!(Right::parse(right.word()), Some(right));
        }
        for word in ["", "Read", "all", "*", "read,write"] {
            assert_eq!(Right::parse(word), None, "{word}");
        }
        for (rights, expected) in [
            (vec![], ""),
            (vec![Right::Write, Right::Read], "read,write"),
            (vec![Right::Create, Right::Append], "create,append"),
            (Right::ALL.to_vec(), "read,write,append,delete,observe"),
        ] {
            let rights: Rights = rights.into_iter().collect();
            assert_eq!(rights.to_string(), expected);
        }
    }

    #[test]
    fn write_includes_create_and_nothing_else_does() {
        for right in Right::ALL {
            for other in Right::ALL {
                let expected = right == other || (right, other) == (Right::Write, Right::Create);
                let found = Rights::from(right).contain(other);
                assert_eq!(found, expected, "{right:?} {other:?}");
            }
            assert!(Rights::ALL.contain(right));
            assert!(!Rights::NONE.contain(right));
        }
    }
}
