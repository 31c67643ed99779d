//! `http-nas token`: makes a token, and the entry of the access file for it.
//!
//! The token goes to standard output and the entry to standard error, so that each can be had by
//! itself, and what collects the errors of a script gets the one that is no secret.
//!
//! Responsible for: random bits, what is written where. Not for: the form of tokens
//! (`http/token.rs`) and of entries (`http/new_entry.rs`).

use std::io::{self, IsTerminal, Write};

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::http::new_entry::NewEntry;
use crate::http::token::{RANDOM, Token};

const ABOUT_TOKEN: &str = "The token, for the client; it cannot be shown again:";

const ABOUT_ENTRY: &str = "Its entry, for \"tokens\" in the access file; the token is not in it:";

/// Makes a token for an entry, and prints both.
///
/// # Errors
/// One line, where there are no random bits, or where one of the two cannot be written.
pub(crate) fn make(entry: &NewEntry) -> Result<(), String> {
    let token = Token::of_random(&random_bytes()?);
    let entry = entry.text(&token.digest());
    let (out, err) = (io::stdout(), io::stderr());
    // Programs read the entry as it is; people are told what the two lines are.
    let is_for_people = err.is_terminal();
    if is_for_people && out.is_terminal() {
        print(&err, ABOUT_TOKEN, "the entry", "error")?;
    }
    // Without the token, its entry is of no use.
    print(&out, token.secret(), "the token", "output")?;
    if is_for_people {
        print(&err, ABOUT_ENTRY, "the entry", "error")?;
    }
    print(&err, &entry, "the entry", "error")
}

fn print(mut stream: impl Write, line: &str, what: &str, standard: &str) -> Result<(), String> {
    let written = stream.write_all(format!("{line}\n").as_bytes());
    let written = written.and_then(|()| stream.flush());
    written.map_err(|error| format!("cannot write {what} to standard {standard}: {error}"))
}

/// Random bytes of the system, which waits for them where it has just been started.
fn random_bytes() -> Result<[u8; RANDOM], String> {
    let mut bytes = [0; RANDOM];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(0) => return Err("the system has no random bits".to_owned()),
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(format!("cannot have random bits of the system: {error}")),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_random() {
        let mut seen = [[false; 256]; RANDOM];
        for _ in 0..200 {
            let bytes = random_bytes().unwrap_or_else(|why| panic!("{why}"));
            for (byte, seen) in bytes.iter().zip(&mut seen) {
                seen[usize::from(*byte)] = true;
            }
        }
        for (place, seen) in seen.iter().enumerate() {
            // Of 200 random ones, about 139 are different.
            let different = seen.iter().filter(|seen| **seen).count();
            assert!(different > 80, "{place}: {different}");
        }
    }
}
