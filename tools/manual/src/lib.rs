//! The man page and the shell completions of http-nas, made from its table of flags.
//!
//! Responsible for: their texts, and where a system looks for them. Not for: what the flags are
//! (`src/config/flags.rs`), installing (`scripts/install`).

mod bash;
mod fish;
mod man;
mod zsh;

use http_nas::internals::{FLAGS, Flag};

/// The files, each with its path below a `share` directory. `date` is that of the man page.
#[must_use]
pub fn files(date: &str) -> [(&'static str, String); 4] {
    [
        ("man/man1/http-nas.1", man::page(date)),
        ("bash-completion/completions/http-nas", bash::completion()),
        ("zsh/site-functions/_http-nas", zsh::completion()),
        (
            "fish/vendor_completions.d/http-nas.fish",
            fish::completion(),
        ),
    ]
}

/// What both commands take beside the flags of the table.
const OTHERS: [(&str, char, &str); 2] = [
    ("help", 'h', "print the help"),
    ("version", 'V', "print the version"),
];

/// What `http-nas health` does, in less than a line.
const HEALTH: &str = "ask a running server whether it works";

/// What `http-nas token` does, in less than a line.
const TOKEN: &str = "make a token and its entry of the access file";

/// The flags that `http-nas health` takes.
fn health_flags() -> impl Iterator<Item = &'static Flag> {
    FLAGS.iter().filter(|flag| flag.for_health)
}

#[cfg(test)]
mod tests;
