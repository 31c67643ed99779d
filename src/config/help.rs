//! What `--help` and `--version` print.

use super::flags::{FLAGS, Flag};

/// The flags under a heading each, as far as there are such. Those that are in none come last.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Where",
        &[
            "port",
            "host",
            "listen",
            "allowed-hosts",
            "storage",
            "create-parents",
        ],
    ),
    (
        "Limits",
        &[
            "max-transfers",
            "max-connections",
            "max-upload-size",
            "min-free-space",
            "min-rate",
        ],
    ),
    (
        "Times",
        &["idle-timeout", "keep-alive-timeout", "shutdown-timeout"],
    ),
    (
        "Writing and logging",
        &["sync", "log-format", "trusted-proxies"],
    ),
];

/// The longest line, in characters.
const WIDTH: usize = 114;

/// Where the descriptions begin, in characters.
const INDENT: usize = 42;

const ABOUT: &str = "\
http-nas: a network store for files, spoken to over HTTP with nothing but curl and a pipe

Usage: http-nas [flags] [FOLDER]
       http-nas health [--write] [--port PORT] [--host HOST] [--listen ADDRESS]

FOLDER is the same as --storage FOLDER. Each flag can also be given as the variable behind it, PORT for --port, or as
that variable with HTTP_NAS_ before it, which no other program has: HTTP_NAS_PORT wins over PORT, and a flag over both.
";

const UNITS: &str = "
Sizes are bytes, or have a unit: K, M, G and T count by 1000 (10M = 10MB = 10,000,000 bytes), Ki, Mi, Gi and Ti by
1024 (10Mi = 10MiB = 10,485,760 bytes), as in Kubernetes; 1.5GiB is one, too. Times are seconds, or have s, m or h.

health asks a running server how it is: it ends with 0 and one line if all is well, with 1 and the reason if not.
With --write it also stores a file of its own, reads it back and deletes it.

RUST_LOG sets what is logged to standard error: error, warn, info (default), debug, off.
SIGTERM, SIGINT and, where the server belongs to a terminal, SIGHUP end the server after the transfers in flight;
a second SIGTERM or SIGINT ends it at once.
";

pub(super) fn version() -> String {
    format!("http-nas {}\n", env!("CARGO_PKG_VERSION"))
}

pub(super) fn help() -> String {
    let mut text = ABOUT.to_owned();
    let mut rest: Vec<&Flag> = FLAGS.iter().collect();
    for (heading, names) in GROUPS {
        text.push_str(&format!("\n{heading}:\n"));
        for name in names {
            if let Some(at) = rest.iter().position(|flag| flag.name == *name) {
                describe(&mut text, rest.remove(at));
            }
        }
    }
    text.push_str("\nOther:\n");
    for flag in rest {
        describe(&mut text, flag);
    }
    text.push_str(&format!(
        "{:<INDENT$}print this, or the version\n",
        "  -h, --help, -V, --version"
    ));
    text + UNITS
}

/// The lines of one flag.
fn describe(text: &mut String, flag: &Flag) {
    let mut line = format!("  --{} {}", flag.name, flag.variable);
    let default = format!("[default: {}]", flag.default);
    let mut filled = INDENT;
    for word in flag.help.split(' ').chain([default.as_str()]) {
        let length = word.chars().count();
        if filled + length > WIDTH {
            line.push_str(&format!("\n{:INDENT$}", ""));
            filled = INDENT;
        } else if filled == INDENT {
            line = format!("{line:<INDENT$}");
        } else {
            line.push(' ');
        }
        line.push_str(word);
        filled += length + 1;
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_a_screen() {
        let help = help();
        assert!(help.lines().count() < 60, "{help}");
        for line in help.lines() {
            assert!(line.chars().count() <= WIDTH + 10, "{line}");
        }
        for flag in FLAGS {
            let words = format!("  --{} {}", flag.name, flag.variable);
            assert!(words.len() < INDENT, "{words} needs more room");
        }
    }

    #[test]
    fn each_flag_is_described_once() {
        let help = help();
        for flag in FLAGS {
            let start = format!("\n  --{} {}", flag.name, flag.variable);
            assert_eq!(help.matches(&start).count(), 1, "{help}");
        }
    }
}
