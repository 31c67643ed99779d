//! The access file of the server with tokens.

use std::path::Path;

use testkit::rules;

/// How many tokens it has.
const COUNT: usize = 100;

/// As long as those that `http-nas token` makes.
fn token(number: usize) -> String {
    format!("{number:043}")
}

/// The one that is used.
pub fn used() -> String {
    token(COUNT - 1)
}

/// Writes it; gives its path.
pub fn write(folder: &Path) -> String {
    let rights = "read,write,append,delete";
    let entry = |number| {
        let folder = format!("folder-{number}/");
        let allow = [(folder.as_str(), "read,append"), ("", rights)];
        rules::token(&format!("token-{number}"), &token(number), &allow)
    };
    let entries: Vec<_> = (0..COUNT).map(entry).collect();
    rules::put(folder, &entries)
}
