//! The words of the command line.
//!
//! Responsible for: which words are flags, their values, a folder or a command. Not for: what the values mean.

use std::ffi::OsString;

use lexopt::prelude::{Long, Short, Value};

use super::flags::{FLAGS, Flag, HEALTH_FLAGS};
use super::help::{help, version};
use super::suggest::{closest, names_no_folder};
use super::{usage, utf8};

/// What the command line says.
pub(super) enum CommandLine {
    /// To print this text and end.
    Print(String),
    Run(Arguments),
}

/// The command, and the values of its flags.
pub(super) struct Arguments {
    /// Whether a running server is to be asked, in place of running one.
    pub(super) health: bool,
    /// Whether it is to be asked to store a file, too.
    pub(super) write: bool,
    /// The value of each flag in [`FLAGS`], where it is given.
    pub(super) given: Vec<Option<String>>,
}

impl CommandLine {
    /// Reads them.
    ///
    /// # Errors
    /// One line that names the word that cannot be understood.
    pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut words = words.into_iter().peekable();
        let mut arguments = Arguments {
            health: words.next_if(|word| word == "health").is_some(),
            write: false,
            given: vec![None; FLAGS.len()],
        };
        let mut folder = None;
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next().map_err(|error| usage(&error.to_string()))? {
            match word {
                Long("help") | Short('h') => return Ok(Self::Print(help())),
                Long("version") | Short('V') => return Ok(Self::Print(version())),
                Long("write") if arguments.health => arguments.write = true,
                Long(name) => {
                    let Some(at) = arguments.position(name) else {
                        return Err(arguments.unknown(name));
                    };
                    let value = value(&mut parser, &FLAGS[at])?;
                    arguments.give(at, value);
                }
                Short(letter) => return Err(usage(&format!("there is no flag -{letter}"))),
                Value(word) if arguments.health || folder.is_some() => {
                    let word = word.to_string_lossy().into_owned();
                    return Err(usage(&format!("unexpected argument {word:?}")));
                }
                Value(word) => folder = Some(utf8(word, "the folder")?),
            }
        }
        match folder {
            Some(folder) => arguments.serve(folder).map(Self::Run),
            None => Ok(Self::Run(arguments)),
        }
    }
}

impl Arguments {
    fn takes(&self, flag: &Flag) -> bool {
        !self.health || HEALTH_FLAGS.contains(&flag.name)
    }

    /// Notes the value of a flag: the last one counts, but for a list, to which each adds.
    fn give(&mut self, at: usize, value: String) {
        let value = match self.given[at].take() {
            Some(before) if FLAGS[at].is_list() => format!("{before},{value}"),
            _ => value,
        };
        self.given[at] = Some(value);
    }

    /// Where in the table a flag is.
    fn position(&self, name: &str) -> Option<usize> {
        let is_it = |flag: &Flag| flag.name == name && self.takes(flag);
        FLAGS.iter().position(is_it)
    }

    /// What to say of a flag that there is not.
    fn unknown(&self, name: &str) -> String {
        let flags = FLAGS.iter().filter(|flag| self.takes(flag));
        let mut names: Vec<&str> = flags.map(|flag| flag.name).collect();
        names.extend(["help", "version"]);
        names.extend(self.health.then_some("write"));
        let unknown = format!("there is no flag --{name}");
        match closest(name, &names) {
            Some(close) => usage(&format!("{unknown}; did you mean --{close}?")),
            None => usage(&unknown),
        }
    }

    /// Takes a word that is no flag for the storage folder.
    fn serve(mut self, folder: String) -> Result<Self, String> {
        if let Some(meant) = names_no_folder(&folder) {
            let did_you = format!("did you mean http-nas {meant}?");
            return Err(usage(&format!(
                "there is no command {folder:?}; {did_you} To serve a folder of that name, write ./{folder}"
            )));
        }
        if let Some(at) = self.position("storage") {
            if self.given[at].is_some() {
                let both = "the folder is given twice";
                return Err(usage(&format!("{both}: as {folder:?} and by --storage")));
            }
            self.given[at] = Some(folder);
        }
        Ok(self)
    }
}

/// The value behind a flag. One that is on or off needs none.
fn value(parser: &mut lexopt::Parser, flag: &Flag) -> Result<String, String> {
    let value = match flag.is_switch() {
        true => parser.optional_value().unwrap_or_else(|| "true".into()),
        false => parser.value().map_err(|error| usage(&error.to_string()))?,
    };
    utf8(value, &format!("--{}", flag.name))
}
