//! The words of `http-nas token`: a name, and rights on paths.
//!
//! Responsible for: what they mean, and one line for each mistake. Not for: making the token. No
//! word is one: a command line can be seen by others.

use std::ffi::OsString;

use lexopt::prelude::{Long, Short, Value};

use super::command::Command;
use super::help;
use crate::http::access_file::{TOKEN_NAME, is_token_name, no_right};
use crate::http::name::Name;
use crate::http::new_entry::NewEntry;
use crate::http::rights::{Right, Rights};

/// Reads the words behind `token`.
///
/// # Errors
/// One line that names the word that is wrong, or says which one is missing.
pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut values = Vec::new();
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(word) = parser.next().map_err(|error| usage(&error.to_string()))? {
        match word {
            Long("help") | Short('h') => return Ok(Command::Print(help::token().to_owned())),
            Long("version") | Short('V') => return Ok(Command::Print(help::version())),
            Long(flag) => return Err(usage(&format!("token takes no flag --{flag}"))),
            Short(letter) => return Err(usage(&format!("token takes no flag -{letter}"))),
            Value(word) => match word.into_string() {
                Ok(word) => values.push(word),
                Err(word) => return Err(usage(&format!("{word:?} is not UTF-8"))),
            },
        }
    }
    entry(&values)
        .map(Command::Token)
        .map_err(|why| usage(&why))
}

fn entry(words: &[String]) -> Result<NewEntry, String> {
    let Some((name, grants)) = words.split_first() else {
        let form = "http-nas token NAME RIGHTS:PATH";
        let folder = "to serve a folder of that name, write ./token";
        return Err(format!(
            "token needs a name and rights, as {form} ({folder})"
        ));
    };
    if !is_token_name(name) {
        return Err(match name.contains(':') {
            true => format!("the name of the token is missing before {name:?}"),
            false => format!("{name:?} is no name for a token: {TOKEN_NAME}"),
        });
    }
    if grants.is_empty() {
        let example = "as read,append:runs/, or read:/ for everything";
        return Err(format!("say what {name:?} may do: RIGHTS:PATH, {example}"));
    }
    let mut paths: Vec<Name> = Vec::new();
    let mut allow = Vec::new();
    for word in grants {
        let (rights, path) = grant(word)?;
        let name = Name::parse_plain(path).map_err(|why| format!("{word:?}: {why}"))?;
        if paths.contains(&name) {
            let example = "as read,append:runs/";
            return Err(format!(
                "the path \"{name}\" is there twice; write its rights in one, {example}"
            ));
        }
        // What is meant is plainer than nothing.
        let path = if name.is_root() { "/" } else { path };
        allow.push((path.to_owned(), rights));
        paths.push(name);
    }
    let name = name.clone();
    Ok(NewEntry { name, allow })
}

/// The rights and the path of a word. The path may hold colons.
fn grant(word: &str) -> Result<(Rights, &str), String> {
    let Some((words, path)) = word.split_once(':') else {
        let example = "as read,append:runs/, or read:/ for everything";
        return Err(format!(
            "{word:?} has no path: write RIGHTS:PATH, {example}"
        ));
    };
    match (rights(words), rights(path)) {
        (Ok(rights), _) => Ok((rights, path)),
        (Err(_), Ok(_)) => {
            let meant = format!("{path}:{words}");
            Err(format!("{word:?}: the rights come first, as in {meant:?}"))
        }
        (Err(why), Err(_)) => Err(format!("{word:?}: {why}")),
    }
}

fn rights(words: &str) -> Result<Rights, String> {
    if words.is_empty() {
        return Err("there are no rights before the colon".to_owned());
    }
    let rights = words.split(',');
    let rights = rights.map(|word| Right::parse(word).ok_or_else(|| no_right(word)));
    rights.collect()
}

fn usage(what: &str) -> String {
    format!("{what}; see http-nas token --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<NewEntry, String> {
        match read(words.iter().map(OsString::from)) {
            Ok(Command::Token(entry)) => Ok(entry),
            Ok(other) => panic!("{words:?}: {other:?}"),
            Err(why) => Err(why),
        }
    }

    #[test]
    fn rights_are_those_on_the_path_behind_the_first_colon() {
        for (word, path, rights) in [
            ("read:runs/", "runs/", "read"),
            ("append,read:/runs", "/runs", "read,append"),
            ("read:a:b,c", "a:b,c", "read"),
            ("read,read:a", "a", "read"),
            ("create,write:a", "a", "write"),
            ("observe:", "/", "observe"),
            ("read:./", "/", "read"),
            ("read:a%2Fb c", "a%2Fb c", "read"),
        ] {
            let entry = parsed(&["loader", word, "delete:other"]);
            let Ok(NewEntry { name, allow }) = entry else {
                panic!("{word}: {entry:?}");
            };
            assert_eq!(name, "loader");
            let shown: Vec<_> = allow
                .iter()
                .map(|(path, rights)| (path.as_str(), rights.to_string()))
                .collect();
            let other = ("other", "delete".to_owned());
            assert_eq!(shown, [(path, rights.to_owned()), other], "{word}");
        }
        assert!(parsed(&["--", "-a", "read:-b"]).is_ok());
    }

    #[test]
    fn each_mistake_is_named() {
        let long = "a".repeat(65);
        let deep = format!("read:{}", "a/".repeat(3000));
        for (words, says) in [
            (&[][..], "needs a name and rights"),
            (&["loader"], "say what \"loader\" may do"),
            (&["read:a"], "the name of the token is missing"),
            (&["", "read:a"], "\"\" is no name for a token: a name has 1"),
            (&[&long, "read:a"], "is no name for a token"),
            (&["a b", "read:a"], "\"a b\" is no name"),
            (&["l\u{e9}", "read:a"], "is no name"),
            (&["a", "read"], "\"read\" has no path: write RIGHTS:PATH"),
            (&["a", "runs/"], "\"runs/\" has no path"),
            (&["a", ""], "\"\" has no path"),
            (&["a", ":runs"], "no rights before the colon"),
            (&["a", "raed:runs"], "no right \"raed\"; there are read, "),
            (&["a", "read,:runs"], "there is no right \"\""),
            (&["a", "read, append:runs"], "there is no right \" append\""),
            (&["a", "Read:runs"], "there is no right \"Read\""),
            (&["a", "all:/"], "there is no right \"all\""),
            (&["a", "runs/:read"], "come first, as in \"read:runs/\""),
            (
                &["a", "read:a/../b"],
                "\"read:a/../b\": the name holds \"..\"",
            ),
            (
                &["a", "read:a\nb"],
                "\"read:a\\nb\": the name holds a control",
            ),
            (&["a", &deep], "longer than 4096 bytes"),
            (&["a", "read:x", "append:/x/"], "\"x\" is there twice"),
            (&["a", "read:", "append:/"], "\"/\" is there twice"),
            (
                &["a", "read:x", "--access", "f"],
                "token takes no flag --access",
            ),
            (
                &["a", "read:x", "--access=f"],
                "token takes no flag --access",
            ),
            (&["a", "-x", "read:x"], "token takes no flag -x"),
        ] {
            let why = parsed(words).err().unwrap_or_else(|| panic!("{words:?}"));
            assert!(why.contains(says), "{words:?}: {why}");
            assert!(why.ends_with("; see http-nas token --help"), "{why}");
            assert!(!why.contains('\n'), "{why}");
        }
    }
}
