//! `RUST_LOG`: what is logged, in env_logger's syntax.
//!
//! Responsible for: refusing values that are mistakes. Not for: filtering.

use log::LevelFilter;

/// What is logged by default.
const DEFAULT: &str = "info";

/// The crates of this program that log.
const CRATES: [&str; 2] = ["http_nas", "tiny_http"];

/// The filter for a value of `RUST_LOG`. An empty value counts as unset.
///
/// env_logger takes a word that is not a level for the name of a module, and then logs that module
/// alone: with a misspelt level the server would log nothing.
///
/// # Errors
/// One line that says which part is wrong.
pub(super) fn parse(value: &str) -> Result<&str, String> {
    if value.is_empty() {
        return Ok(DEFAULT);
    }
    let (directives, filter) = value.split_once('/').unwrap_or((value, ""));
    let wrong = directives
        .split(',')
        .find(|part| !is_directive(part.trim()));
    let wrong = wrong.or_else(|| filter.contains('/').then_some(filter));
    match wrong {
        None => Ok(value),
        Some(part) => Err(format!(
            "RUST_LOG cannot be {value:?}: {:?} is neither a level (error, warn, info, debug, trace, off) nor a module with \
             one, as in http_nas=debug,warn (default {DEFAULT})",
            part.trim()
        )),
    }
}

/// A level, `MODULE=LEVEL`, a module of this program, or nothing.
fn is_directive(part: &str) -> bool {
    let is_level = |level: &str| level.parse::<LevelFilter>().is_ok();
    match part.split_once('=') {
        // Modules of other programs are accepted, since the variable may be set for several.
        Some((_, level)) => level.trim().is_empty() || is_level(level.trim()),
        None => {
            let module = part.split("::").next().unwrap_or_default();
            part.is_empty() || is_level(part) || CRATES.contains(&module)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn levels_and_modules_are_told_from_mistakes() {
        for (value, named) in [
            ("", None),
            ("info", None),
            ("WARN", None),
            ("off", None),
            ("trace", None),
            ("http_nas=debug,warn", None),
            ("http_nas::server=debug, tiny_http=off,", None),
            ("http_nas", None),
            ("http_nas::storage,info", None),
            ("hyper=warn,tower=info,debug", None),
            ("http_nas=", None),
            ("info/upload", None),
            ("verbose", Some("\"verbose\"")),
            ("inf", Some("\"inf\"")),
            ("warning", Some("\"warning\"")),
            ("3", Some("\"3\"")),
            ("info,x", Some("\"x\"")),
            ("http_nas=loud", Some("\"http_nas=loud\"")),
            ("a=info=warn", Some("\"a=info=warn\"")),
            ("info/a/b", Some("\"a/b\"")),
            ("info\n", None),
            ("in\nfo", Some("\"in\\nfo\"")),
        ] {
            match (parse(value), named) {
                (Ok(_), None) => {}
                (Err(error), Some(named)) => {
                    assert!(
                        error.contains(&format!(": {named} is")),
                        "{value:?}: {error}"
                    );
                    assert!(!error.contains('\n'), "{error:?}");
                }
                (other, _) => panic!("{value:?}: {other:?}"),
            }
        }
    }
}
