//! Actions: the last component of a path, where it says what to do with what is named before it.
//!
//! Responsible for: which words these are, with which methods. Not for: the operations
//! (`route.rs`).

/// The last component of a path, if it is not part of the name but says what to do with what is
/// named before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// The component.
    pub word: &'static str,
    /// The methods for which it is an action, in words for the client.
    pub acts_on: &'static str,
    /// The value for `Allow`.
    pub allow: &'static str,
}

/// Actions of GET and HEAD.
const READING: [&str; 4] = ["wc", "sha256", "info", "tar"];

/// Actions of PUT and of POST. With GET these are ordinary names.
const CHANGING: [&str; 3] = ["mv", "cp", "claim"];
const CREATING: [&str; 1] = ["untar"];

impl Action {
    fn of(word: &str) -> Option<Self> {
        let find = |words: &[&'static str]| words.iter().copied().find(|known| *known == word);
        let action = |acts_on, allow| {
            move |word| Self {
                word,
                acts_on,
                allow,
            }
        };
        find(&READING)
            .map(action("GET and HEAD", "GET, HEAD"))
            .or_else(|| find(&CHANGING).map(action("PUT", "GET, HEAD, PUT")))
            .or_else(|| find(&CREATING).map(action("POST", "GET, HEAD, POST")))
    }
}

/// Whether this is an action of GET, where it is the last component of a path.
pub(super) fn is_reading_action(word: &str) -> bool {
    READING.contains(&word)
}

/// Splits off the last component if it is an action and there is a name before it.
///
/// Only an unencoded slash is considered, so that a file `wc` in a directory `a` can be named as
/// `a%2Fwc`.
pub(super) fn split(encoded: &str) -> Option<(&str, Action)> {
    let (name, last) = encoded.rsplit_once('/')?;
    let named = name
        .split('/')
        .any(|component| !matches!(component, "" | "."));
    let action = Action::of(last)?;
    named.then_some((name, action))
}
