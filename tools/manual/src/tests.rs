//! The texts as the programs take them that they are for. A program that is not there is said to be
//! skipped; bash is always there.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use http_nas::internals::FLAGS;

use super::files;

/// The files, written into a directory of their own, which is removed when this is dropped.
struct Written(PathBuf);

impl Written {
    fn new(test: &str) -> Self {
        let directory =
            env::temp_dir().join(format!("http-nas-manual-{}-{test}", std::process::id()));
        for (name, text) in files("2026-11-27") {
            let path = directory.join(name);
            let made = path.parent().map_or(Ok(()), fs::create_dir_all);
            let written = made.and_then(|()| fs::write(&path, text));
            written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        Self(directory)
    }

    /// The path of the file whose path ends so.
    fn path(&self, end: &str) -> String {
        let found = files("")
            .iter()
            .find(|(name, _)| name.ends_with(end))
            .map(|(name, _)| *name);
        let name = found.unwrap_or_else(|| panic!("there is no {end}"));
        self.0.join(name).display().to_string()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a program says, or `None` if there is no such program.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .output();
    if output.is_err() {
        println!("skipped: there is no {program}");
    }
    output.ok()
}

#[test]
fn each_flag_is_in_each_file() {
    for (name, text) in files("2026-11-27") {
        for flag in FLAGS {
            let (long, default) = match name.starts_with("man/") {
                true => (
                    format!("\\fB\\-\\-{}\\fR", flag.name.replace('-', "\\-")),
                    format!("Default: \\fB{}\\fR.", flag.default.replace('-', "\\-")),
                ),
                false => (flag.name.to_owned(), String::new()),
            };
            assert!(text.contains(&long), "{name}: {long}");
            assert!(text.contains(&default), "{name}: {default}");
        }
        let is_filled = !text.lines().any(|line| line.starts_with('@'));
        assert!(is_filled && !text.contains("@DATE@"), "{name}: {text}");
    }
}

#[test]
fn the_man_page_has_no_faults() {
    let written = Written::new("man");
    let page = written.path(".1");
    for (program, arguments) in [
        ("mandoc", &["-T", "lint", &page][..]),
        ("man", &["--warnings", "-l", &page]),
    ] {
        let Some(output) = run(program, arguments) else {
            continue;
        };
        let faults = match program {
            "mandoc" => output.stdout,
            _ => output.stderr,
        };
        assert_eq!(String::from_utf8_lossy(&faults), "", "{program}");
        assert!(output.status.success(), "{program}");
    }
}

#[test]
fn bash_completes_flags_values_and_commands() {
    const SCRIPT: &str = r#"
        source "$1"; shift
        COMP_WORDS=(http-nas "$@"); COMP_CWORD=$#
        cd / && _http_nas
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let written = Written::new("bash");
    let file = written.path("completions/http-nas");
    for (words, expected) in [
        (&["--li"][..], "--listen\n"),
        (
            &["--max-"],
            "--max-upload-size\n--max-transfers\n--max-connections\n",
        ),
        (&["--sync", "d"], "data\n"),
        (&["--sync", "=", "d"], "data\n"),
        (&["--sync", "="], "none\ndata\n"),
        (&["--create-parents", "=", "t"], "true\n"),
        (&["--create-parents", "--po"], "--port\n"),
        (&["--port", "--po"], "\n"),
        (&["hea"], "health\n"),
        (&["et"], "etc\n"),
        (&["--storage", "et"], "etc\n"),
        (&["health", "--w"], "--write\n"),
        (&["health", "--s"], "\n"),
        (&["health", "--t"], "--token-file\n"),
        (&["health", "--token-file", "etc/hostn"], "etc/hostname\n"),
        (&["health", "--folder", "et"], "\n"),
        (&["--access", "=", "etc/hostn"], "etc/hostname\n"),
        (&["tok"], "token\n"),
        (&["token", "--h"], "--help\n"),
        (&["token", "--po"], "\n"),
        (&["token", "et"], "\n"),
    ] {
        let arguments = [&["-c", SCRIPT, "bash", &file], words].concat();
        let output = run("bash", &arguments).unwrap_or_else(|| panic!("there is no bash"));
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!((&*said, &*errors), (expected, ""), "{words:?}");
    }
}

#[test]
fn fish_and_zsh_take_their_files() {
    let written = Written::new("shells");
    let zsh = written.path("_http-nas");
    let fish = written.path(".fish");
    let complete = |line: &str| format!("source {fish}; complete -C '{line}'");
    let (flags, values) = (complete("http-nas --li"), complete("http-nas --sync "));
    for (program, arguments, expected) in [
        ("zsh", &["-n", &zsh][..], &[][..]),
        ("fish", &["-c", &flags], &["--listen"]),
        ("fish", &["-c", &values], &["none", "data"]),
    ] {
        let Some(output) = run(program, arguments) else {
            continue;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && errors.is_empty(),
            "{program}: {errors}"
        );
        for word in expected {
            assert!(said.contains(word), "{program}: {word} is not in {said}");
        }
    }
}
