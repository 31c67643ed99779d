//! What `--help` and `--version` print.

use super::flag::Flag;
use super::flags::FLAGS;
use super::health_flags::HEALTH_FLAGS;

/// The longest line, in characters.
const WIDTH: usize = 100;

/// Where the descriptions begin, in characters.
const INDENT: usize = 42;

const ABOUT: &str = "\
http-nas: a network store for files; write, append and read over HTTP with curl and a pipe

Usage: http-nas [flags] [FOLDER]
       http-nas health [--port PORT] [--host HOST] [--listen ADDRESS]
                       [--write [--folder FOLDER] [--token-file FILE]]
       http-nas token NAME RIGHTS:PATH...

FOLDER is the same as --storage FOLDER. Each flag can also be given as the variable beside it, PORT
for --port, or as that variable with HTTP_NAS_ before it, which no other program has. A flag wins
over HTTP_NAS_PORT, and that over PORT.
";

const REST: &str = "
Sizes are in bytes, or have a unit as in Kubernetes: 10M or 10MB is 10,000,000 bytes, 10Mi or 10MiB
is 10,485,760; 1.5GiB is one, too. Times are in seconds, or have s, m or h behind them.

health asks a running server how it is, and token makes a token for --access; http-nas health --help
and http-nas token --help say more.

RUST_LOG sets what is logged to standard error: error, warn, info (default), debug, off.
SIGTERM, SIGINT and, where the server belongs to a terminal, SIGHUP end it after the transfers in
flight; a second SIGTERM or SIGINT ends it at once.
";

const HEALTH: &str = "\
Usage: http-nas health [--port PORT] [--host HOST] [--listen ADDRESS]
                       [--write [--folder FOLDER] [--token-file FILE]]

Asks a running server how it is. It ends with 0 and one line if all is well, or with 1 and the
reason. The server is where these flags or their variables say:

";

const HEALTH_TOKEN: &str = "
Where the server has --access, --write takes a token with the rights read, create and delete there.
It is in the file that --token-file or HTTP_NAS_TOKEN_FILE names, or in HTTP_NAS_TOKEN itself.
";

const TOKEN: &str = "\
Usage: http-nas token NAME RIGHTS:PATH...

Makes a token of 256 random bits, and its entry for \"tokens\" in the file of --access. The token is
printed to standard output, and the entry to standard error. The entry has the digest of the token
and not the token, which cannot be printed again.

NAME    what the log calls the token, and the user of Basic authentication: 1 to 64 letters and
        digits of ASCII, dots, hyphens and underscores
RIGHTS  separated by commas:
        read     to read, list, count, copy from
        create   to store what is not there yet, and make folders
        write    to store, create and replace
        append   to append to what is there
        delete   to delete, move away
        observe  to see /metrics and /transfers, whatever the path
PATH    a file, or a folder with all in it, as it is (not percent-encoded); / is everything

http-nas token loader read,append:runs/ read:public/     # both on the screen
http-nas token metrics observe:/ >token 2>entry.json     # each into a file of its own
";

/// What `http-nas health --help` prints.
pub(super) fn health() -> String {
    let mut text = HEALTH.to_owned();
    for flag in FLAGS.iter().filter(|flag| flag.for_health) {
        describe(&mut text, flag);
    }
    text.push('\n');
    for flag in &HEALTH_FLAGS {
        let words = format!("  --{} {}", flag.name, flag.metavar);
        text.push_str(&format!("{words:INDENT$}{}\n", flag.help));
    }
    text + HEALTH_TOKEN
}

/// What `http-nas token --help` prints.
pub(super) fn token() -> &'static str {
    TOKEN
}

pub(super) fn version() -> String {
    format!("http-nas {}\n", env!("CARGO_PKG_VERSION"))
}

pub(super) fn help() -> String {
    let mut text = ABOUT.to_owned();
    let mut group = None;
    for flag in FLAGS {
        if group.replace(flag.group) != Some(flag.group) {
            text.push_str(&format!("\n{}:\n", flag.group.heading()));
        }
        describe(&mut text, flag);
    }
    let others = "  -h, --help, -V, --version";
    text.push_str(&format!("\n{others:INDENT$}print this, or the version\n"));
    text + REST
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
        let health = health();
        let lines = help.lines().chain(health.lines()).chain(token().lines());
        for line in lines {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        for flag in FLAGS {
            let words = format!("  --{} {}", flag.name, flag.variable);
            assert!(words.len() < INDENT, "{words} needs more room");
        }
    }
}
