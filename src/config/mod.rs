//! From the command line and the environment to a checked configuration, in two stages: each value
//! is read as one of its type (`kind.rs`), then all of them are put together (`command.rs`).
//!
//! Responsible for: what the arguments and variables mean. Not for: the storage, sockets, the
//! resolver; nothing of the system is touched.

mod command;
mod command_line;
mod endpoint;
mod environment;
mod flag;
mod flags;
mod health_flags;
mod help;
mod host;
mod kind;
mod probe;
mod setting;
mod suggest;
mod token_words;
mod values;

use std::ffi::OsString;

use command::Checked;
use command_line::CommandLine;
use environment::Environment;
use setting::{Setting, Source, exclude};

pub(crate) use command::{Command, Config};
pub(crate) use endpoint::Endpoint;
pub use flag::{Flag, Group};
pub use flags::FLAGS;
pub use health_flags::{HEALTH_FLAGS, HealthFlag};
pub(crate) use probe::{Probe, TokenSource, WriteProbe};
pub(crate) use setting::is_it_meant;
pub(crate) use values::LogFormat;

/// Reads the command line and, for what it does not say, the environment. An empty variable counts
/// as unset.
///
/// # Errors
/// One line that says which value is wrong and what it should be.
pub(crate) fn parse(
    words: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, String> {
    let mut words = words.into_iter().peekable();
    if words.next_if(|word| word == "token").is_some() {
        return token_words::read(words);
    }
    let arguments = match CommandLine::read(words)? {
        CommandLine::HealthHelp => return Ok(Command::Print(help::health())),
        CommandLine::Help => return Ok(Command::Print(help::help())),
        CommandLine::Version => return Ok(Command::Print(help::version())),
        CommandLine::Run(arguments) => arguments,
    };
    let environment = Environment::new(&variable);
    let (given, health) = (arguments.given, arguments.health);
    let checked = check(settings(given, health.is_some(), &environment))?;
    Ok(match health {
        Some(words) => {
            let write = WriteProbe::read(&words, &environment)?;
            Command::Health(checked.into_probe(write)?)
        }
        None => Command::Serve(Box::new(checked.into_config())),
    })
}

/// A setting for each flag that the command takes, from the strongest source that has one.
fn settings(
    given: Vec<Option<OsString>>,
    is_health: bool,
    environment: &Environment<'_>,
) -> Vec<Setting> {
    let given = FLAGS.iter().zip(given);
    let taken = given.filter(|(flag, _)| flag.for_health || !is_health);
    let settings = taken.map(|(flag, given)| match given {
        Some(value) => Setting {
            flag,
            value,
            source: Source::Flag,
            note: None,
        },
        None => environment.value_of(flag),
    });
    settings.collect()
}

/// Reads the value of each setting that counts.
fn check(mut settings: Vec<Setting>) -> Result<Checked, String> {
    let mut checked = Checked::default();
    checked.notes.extend(exclude(&mut settings)?);
    for setting in settings {
        let text = setting.read(&mut checked.values)?;
        if text != setting.flag.default {
            checked.settings.push((setting.flag.name, text.to_owned()));
        }
        checked.shared_variable = setting.shared_variable().or(checked.shared_variable);
        checked.notes.extend(setting.note);
    }
    Ok(checked)
}

#[cfg(test)]
mod repeated;
#[cfg(test)]
mod tests;
