//! `http-nas health`: asks a running server whether it works. For containers, which may have
//! neither a shell nor curl.
//!
//! Responsible for: which requests are sent. Not for: how (`server.rs`), what the server checks when
//! it is asked.

mod limit;
mod server;
mod token;

use std::hash::{BuildHasher, Hasher, RandomState};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{Probe, WriteProbe};
use crate::http::name::Name;
use server::{Failure, Server};

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The rights that a token needs to store a file, read it back and delete it.
const RIGHTS: &str = "read,create,delete";

/// Asks the server whether it works. With `write` it also stores a file of its own, reads it back
/// and deletes it. Returns one line that says what was done.
///
/// # Errors
/// One line that says which request failed, and how.
pub(crate) fn check(probe: &Probe) -> Result<String, String> {
    let source = probe.write.as_ref().and_then(|write| write.token.as_ref());
    let token = source.map(token::read).transpose()?;
    let server = Server::at(probe);
    server
        .ask("GET", "/file", "", "OK")
        .map_err(|failure| failure.line)?;
    let well = format!("{} is healthy", server.url(""));
    let Some(write) = &probe.write else {
        return Ok(well);
    };
    // The token is for a server that has answered as http-nas does.
    let server = server.with_token(token);
    store_and_delete(&server, &write.folder)
        .map_err(|failure| failure.line + &advice(failure.code.as_deref(), write))?;
    Ok(format!(
        "{well}: it stored a file, read it back and deleted it"
    ))
}

fn store_and_delete(server: &Server, folder: &Name) -> Result<(), Failure> {
    // The process id is the same in every container, hence the random number, which RandomState
    // takes from the system.
    let (process, random) = (
        std::process::id(),
        RandomState::new().build_hasher().finish(),
    );
    let name = format!("http-nas-health-{process}-{random:016x}");
    let path = path(folder, &name);
    if server.has_token() {
        // Whether it may delete is the same whether there is such a file or not. One that may not
        // would leave a file behind each time.
        match server.ask("DELETE", &path, "", "OK") {
            Err(failure) if failure.code.as_deref() == Some("404") => {}
            other => other?,
        }
    }
    let stored = server.ask("POST", &path, &name, "OK");
    let stored = stored.and_then(|()| server.ask("GET", &path, "", &name));
    // Also after an error: the file may have been stored all the same.
    let deleted = server.ask("DELETE", &path, "", "OK");
    stored.and(deleted)
}

/// The path of a file in a folder, as it is written in a request.
fn path(folder: &Name, name: &str) -> String {
    let mut path = "/file/".to_owned();
    for component in folder.components() {
        path.extend(utf8_percent_encode(component, RESERVED));
        path.push('/');
    }
    path + name
}

/// What to do about an answer that there is no right.
fn advice(code: Option<&str>, write: &WriteProbe) -> String {
    let (place, elsewhere) = match write.folder.is_root() {
        true => ("/".to_owned(), ", or on a folder that --folder names"),
        false => (format!("{}/", write.folder), ""),
    };
    let rights = format!("{RIGHTS}:{place}{elsewhere}");
    match (code, &write.token) {
        (Some("401"), None) => {
            format!("; give it a token in HTTP_NAS_TOKEN or with --token-file, with {rights}")
        }
        (Some("401"), Some(source)) => format!("; it is the one in {source}"),
        (Some("403"), Some(source)) => format!("; the token in {source} needs {rights}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSource;

    fn write(folder: &str, token: Option<&str>) -> WriteProbe {
        WriteProbe {
            folder: Name::parse_plain(folder).unwrap_or_else(|why| panic!("{why}")),
            token: token.map(|path| TokenSource::File(path.into())),
        }
    }

    #[test]
    fn a_file_is_in_the_folder() {
        for (folder, expected) in [
            ("", "/file/x"),
            ("/", "/file/x"),
            ("/a//b/", "/file/a/b/x"),
            ("a b/100%/\u{e9}-._~", "/file/a%20b/100%25/%C3%A9-._~/x"),
            ("wc", "/file/wc/x"),
        ] {
            assert_eq!(path(&write(folder, None).folder, "x"), expected);
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        for (code, folder, token, expected) in [
            (None, "", None, ""),
            (Some("500"), "", Some("t"), ""),
            // That of the file system, or of a page of another origin.
            (Some("403"), "", None, ""),
            (
                Some("401"),
                "",
                None,
                "; give it a token in HTTP_NAS_TOKEN or with --token-file, with \
                 read,create,delete:/, or on a folder that --folder names",
            ),
            (Some("401"), "a", Some("t"), "; it is the one in \"t\""),
            (
                Some("403"),
                "/a",
                Some("t"),
                "; the token in \"t\" needs read,create,delete:a/",
            ),
        ] {
            assert_eq!(advice(code, &write(folder, token)), expected);
        }
    }
}
