//! The man page, in the macros of man(7).

use std::fmt::Write as _;

use http_nas::internals::{FLAGS, Flag, HEALTH_FLAGS, VERSION};

use crate::health_flags;

/// The longest line, in bytes.
const WIDTH: usize = 80;

/// All of the page that does not come from the table of flags.
const TEMPLATE: &str = include_str!("http-nas.1.in");

pub(crate) fn page(date: &str) -> String {
    TEMPLATE
        .replace("@DATE@", date)
        .replace("@VERSION@", VERSION)
        .replace("@HEALTH@\n", &health())
        .replace("@OPTIONS@\n", &options())
}

fn health() -> String {
    let own = HEALTH_FLAGS.iter().map(|flag| {
        let (name, metavar) = (escaped(flag.name), flag.metavar);
        match metavar {
            "" => format!("[\\fB\\-\\-{name}\\fR]\n"),
            _ => format!("[\\fB\\-\\-{name}\\fR \\fI{metavar}\\fR]\n"),
        }
    });
    let flags = health_flags().map(|flag| format!("[{}]\n", synopsis(flag)));
    own.chain(flags).collect()
}

fn options() -> String {
    let mut text = String::new();
    let mut group = None;
    for flag in FLAGS {
        if group.replace(flag.group) != Some(flag.group) {
            // Writing into a String does not fail.
            let _ = writeln!(text, ".SS {}", flag.group.heading());
        }
        push_option(&mut text, flag);
    }
    text
}

/// A flag with its value, in the fonts of a synopsis.
fn synopsis(flag: &Flag) -> String {
    let name = escaped(flag.name);
    match flag.is_switch() {
        true => format!("\\fB\\-\\-{name}\\fR[=\\fI{}\\fR]", flag.metavar),
        false => format!("\\fB\\-\\-{name}\\fR \\fI{}\\fR", flag.metavar),
    }
}

fn push_option(text: &mut String, flag: &Flag) {
    let _ = writeln!(text, ".TP\n{}", synopsis(flag));
    push_sentences(text, flag.details);
    let (variable, default) = (escaped(flag.variable), escaped(flag.default));
    let _ = writeln!(
        text,
        "Variable: \\fB{variable}\\fR.\nDefault: \\fB{default}\\fR."
    );
}

/// Each sentence begins a line, as man-pages(7) wants it, and no line is long.
fn push_sentences(text: &mut String, sentences: &str) {
    for sentence in sentences.split_inclusive(". ") {
        let mut line = String::new();
        for word in escaped(sentence.trim_end()).split(' ') {
            if line.len() + 1 + word.len() > WIDTH {
                push_line(text, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        push_line(text, &line);
    }
}

fn push_line(text: &mut String, line: &str) {
    // At the start of a line these begin a request to troff.
    if line.starts_with(['.', '\'']) {
        text.push_str("\\&");
    }
    text.push_str(line);
    text.push('\n');
}

/// A text without a meaning to troff, unless it begins a line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
