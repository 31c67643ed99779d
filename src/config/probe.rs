//! What `http-nas health` is to do.
//!
//! Responsible for: its own flags and variables, and how they go together. Not for: where the
//! server is (`command.rs`), reading the file of the token.

use std::fmt;
use std::path::PathBuf;

use super::endpoint::Endpoint;
use super::environment::Environment;
use super::health_flags::{FOLDER, HealthWords, TOKEN_FILE, WRITE};
use crate::http::name::{Name, NameFault};
use crate::http::token::Token;

/// The variables of the token. They have no short names: `TOKEN` is that of another program, whose
/// token would be sent to the server.
const TOKEN_VARIABLE: &str = "HTTP_NAS_TOKEN";
const TOKEN_FILE_VARIABLE: &str = "HTTP_NAS_TOKEN_FILE";

/// What `http-nas health` asks, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Where the server listens; a host that stands for all addresses means this machine.
    pub endpoint: Endpoint,
    /// The short variable that says so, if one does: it may be meant for another program.
    pub shared_variable: Option<&'static str>,
    /// Whether to store, read and delete a file as well, and how.
    pub write: Option<WriteProbe>,
}

/// How to store a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteProbe {
    /// The folder on the server.
    pub folder: Name,
    /// Where the token is, if there is one.
    pub token: Option<TokenSource>,
}

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// In the variable.
    Variable(Token),
    /// In this file.
    File(PathBuf),
}

impl fmt::Display for TokenSource {
    /// The variable, or the path in quotation marks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(_) => f.write_str(TOKEN_VARIABLE),
            Self::File(path) => write!(f, "{path:?}"),
        }
    }
}

impl WriteProbe {
    /// From the flags and variables; `None` where no file is to be stored.
    ///
    /// # Errors
    /// One line, where one of them is wrong, or without an effect.
    pub(super) fn read(
        words: &HealthWords,
        environment: &Environment<'_>,
    ) -> Result<Option<Self>, String> {
        if words.value_of(WRITE).is_none() {
            let idle = [FOLDER, TOKEN_FILE];
            let idle = idle.iter().find(|name| words.value_of(name).is_some());
            return match idle {
                Some(name) => Err(format!("--{name} is for --{WRITE}, and that is not given")),
                None => Ok(None),
            };
        }
        let folder = words.value_of(FOLDER).unwrap_or_default();
        let name = folder.to_str().ok_or(NameFault::NotUtf8);
        let name = name.and_then(Name::parse_plain);
        let name = name.map_err(|why| format!("--{FOLDER} cannot be {folder:?}: {why}"))?;
        Ok(Some(Self {
            folder: name,
            token: TokenSource::read(words, environment)?,
        }))
    }
}

impl TokenSource {
    fn read(words: &HealthWords, environment: &Environment<'_>) -> Result<Option<Self>, String> {
        if let Some(path) = words.value_of(TOKEN_FILE) {
            return match path.is_empty() {
                true => Err(format!("--{TOKEN_FILE} takes the path of a file")),
                false => Ok(Some(Self::File(path.into()))),
            };
        }
        let token = environment.get(TOKEN_VARIABLE);
        let file = environment.get(TOKEN_FILE_VARIABLE);
        match (token, file) {
            (Some(_), Some(_)) => Err(format!(
                "it is either {TOKEN_VARIABLE} or {TOKEN_FILE_VARIABLE}, and both are given; \
                 --{TOKEN_FILE} wins over both"
            )),
            (Some(token), None) => {
                let token = Token::parse(&token.to_string_lossy());
                let token = token.map_err(|why| format!("{TOKEN_VARIABLE} is wrong: {why}"))?;
                Ok(Some(Self::Variable(token)))
            }
            (None, file) => Ok(file.map(|path| Self::File(path.into()))),
        }
    }
}
