//! What `--help` and `--version` print.

use super::flags::FLAGS;

pub(super) fn version() -> String {
    format!("http-nas {}\n", env!("CARGO_PKG_VERSION"))
}

pub(super) fn help() -> String {
    let mut text = String::from(
        "http-nas: a network store for files, spoken to over HTTP with nothing but curl and a pipe\n\n\
         Usage: http-nas [flags]\n       \
         http-nas health [--write] [--port PORT] [--host HOST]\n\n\
         Each flag can also be given as an environment variable; flags win.\n\n",
    );
    for flag in FLAGS {
        text.push_str(&format!(
            "  --{:<17} {:<17} {} [default: {}]\n",
            flag.name, flag.variable, flag.help, flag.default
        ));
    }
    for (flag, what) in [
        ("-h, --help", "print this"),
        ("-V, --version", "print the version"),
    ] {
        text.push_str(&format!("  {flag:<37} {what}\n"));
    }
    text.push_str(
        "\nhealth asks a running server how it is, and ends with 0 if all is well and with 1 and a reason if not.\n\
         With --write it also stores a file of its own, reads it back and deletes it.\n\
         \nRUST_LOG sets what is logged to standard error: error, warn, info (default), debug, off.\n\
         SIGTERM and SIGINT end the server after the transfers in flight; a second one ends it at once.\n",
    );
    text
}
