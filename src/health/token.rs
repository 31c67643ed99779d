//! The token that files are stored with.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::limit::within_limit;
use crate::config::TokenSource;
use crate::http::token::Token;

/// The largest file, in bytes: many times what a token has.
const MAX_LENGTH: u64 = 8 * 1024;

/// The token, from wherever it is. A pipe is as good as a file.
///
/// # Errors
/// One line that names the file, and says why it cannot be used. Nothing of it is repeated.
pub(super) fn read(source: &TokenSource) -> Result<Token, String> {
    match source {
        TokenSource::Variable(token) => Ok(token.clone()),
        TokenSource::File(path) => {
            let path = path.clone();
            within_limit("it could not be read", move || read_file(&path))
                .map_err(|why| format!("cannot use the token in {source}: {why}"))
        }
    }
}

fn read_file(path: &Path) -> Result<Token, String> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_LENGTH + 1).read_to_end(&mut content))
        .map_err(|error| error.to_string())?;
    if content.len() as u64 > MAX_LENGTH {
        return Err("it is larger than 8 KiB; it has to be a token and nothing else".to_owned());
    }
    Token::parse(&String::from_utf8_lossy(&content)).map_err(str::to_owned)
}
