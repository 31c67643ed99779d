//! The words of the command line.
//!
//! Responsible for: which words are flags, their values, a folder or a command. Not for: what the
//! values mean.

use std::ffi::OsString;

use lexopt::prelude::{Long, Short, Value};

use super::flag::Flag;
use super::flags::FLAGS;
use super::health_flags::{HEALTH_FLAGS, HealthFlag, HealthWords};
use super::suggest::{closest, names_no_folder};

/// What the command line asks for.
pub(super) enum CommandLine {
    /// The text of `--help`.
    Help,
    /// The text of `health --help`.
    HealthHelp,
    /// The text of `--version`.
    Version,
    /// To serve, or to ask a server.
    Run(Arguments),
}

/// The command, and the values of its flags.
pub(super) struct Arguments {
    /// What `health` has said, if a running server is to be asked in place of running one.
    pub(super) health: Option<HealthWords>,
    /// The value of each flag in [`FLAGS`], where it is given.
    pub(super) given: Vec<Option<OsString>>,
}

impl CommandLine {
    /// Reads the words behind the name of the program.
    ///
    /// # Errors
    /// One line that names the word that cannot be understood.
    pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut words = words.into_iter().peekable();
        let mut arguments = Arguments {
            health: words
                .next_if(|word| word == "health")
                .map(|_| HealthWords::default()),
            given: vec![None; FLAGS.len()],
        };
        let mut folder = None;
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next().map_err(|error| usage(&error.to_string()))? {
            match word {
                Long("help") | Short('h') => return Ok(arguments.help()),
                Long("version") | Short('V') => return Ok(Self::Version),
                Long(name) => {
                    if let Some(health) = &mut arguments.health
                        && let Some(flag) = HealthFlag::find(name)
                    {
                        let value = match flag.metavar {
                            "" => OsString::new(),
                            _ => needed_value(&mut parser)?,
                        };
                        health.give(flag, value);
                        continue;
                    }
                    let Some(at) = arguments.position(name) else {
                        return Err(arguments.unknown(name));
                    };
                    let value = value(&mut parser, &FLAGS[at])?;
                    arguments.give(at, value);
                }
                Short(letter) => return Err(usage(&format!("there is no flag -{letter}"))),
                Value(word) if arguments.health.is_some() || folder.is_some() => {
                    let word = word.to_string_lossy().into_owned();
                    return Err(usage(&format!("unexpected argument {word:?}")));
                }
                Value(word) => folder = Some(word),
            }
        }
        if let Some(folder) = folder {
            arguments.set_storage(folder)?;
        }
        Ok(Self::Run(arguments))
    }
}

impl Arguments {
    /// That `--help` was among its words.
    fn help(&self) -> CommandLine {
        match self.health {
            Some(_) => CommandLine::HealthHelp,
            None => CommandLine::Help,
        }
    }

    fn takes(&self, flag: &Flag) -> bool {
        flag.for_health || self.health.is_none()
    }

    /// Keeps the value of a flag. Of several, the last one counts; those of a flag that may be
    /// repeated are joined.
    fn give(&mut self, at: usize, value: OsString) {
        let value = match self.given[at].take() {
            Some(mut before) if FLAGS[at].is_repeatable() => {
                before.push(",");
                before.push(value);
                before
            }
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
        if self.health.is_some() {
            names.extend(HEALTH_FLAGS.iter().map(|flag| flag.name));
        }
        let unknown = format!("there is no flag --{name}");
        match closest(name, &names) {
            Some(close) => usage(&format!("{unknown}; did you mean --{close}?")),
            None => usage(&unknown),
        }
    }

    /// Takes a word that is no flag for the storage folder.
    fn set_storage(&mut self, folder: OsString) -> Result<(), String> {
        let shown = folder.to_string_lossy();
        if let Some(meant) = names_no_folder(&shown) {
            let did_you = format!("did you mean http-nas {meant}?");
            return Err(usage(&format!(
                "there is no command {shown:?}; {did_you} To serve a folder of that name, write ./{shown}"
            )));
        }
        // The flag whose value is a folder.
        let Some(at) = FLAGS.iter().position(Flag::is_directory) else {
            return Ok(());
        };
        if self.given[at].is_some() {
            let both = "the folder is given twice";
            let flag = FLAGS[at].name;
            return Err(usage(&format!("{both}: as {shown:?} and by --{flag}")));
        }
        self.given[at] = Some(folder);
        Ok(())
    }
}

/// The value behind a flag. One that is on or off needs none.
fn value(parser: &mut lexopt::Parser, flag: &Flag) -> Result<OsString, String> {
    match flag.is_switch() {
        true => Ok(parser.optional_value().unwrap_or_else(|| "true".into())),
        false => needed_value(parser),
    }
}

fn needed_value(parser: &mut lexopt::Parser) -> Result<OsString, String> {
    parser.value().map_err(|error| usage(&error.to_string()))
}

fn usage(what: &str) -> String {
    format!("{what}; see http-nas --help")
}
