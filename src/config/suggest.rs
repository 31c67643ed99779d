//! Which flag or command a mistyped word was probably meant to be.

/// Words that are commands of other programs, and what to write here.
const COMMANDS: [(&str, &str); 8] = [
    ("health", "health"),
    ("token", "token NAME RIGHTS:PATH"),
    ("help", "--help"),
    ("version", "--version"),
    ("serve", "--storage FOLDER"),
    ("server", "--storage FOLDER"),
    ("start", "--storage FOLDER"),
    ("run", "--storage FOLDER"),
];

/// The maximum number of mistakes in a word that is still taken for another.
const MAX_MISTAKES: usize = 2;

/// The candidate that a word was probably meant to be: the one with the fewest mistakes, or one
/// that begins with the word.
pub(super) fn closest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let allowed = MAX_MISTAKES.min(word.chars().count() / 2);
    let with_mistakes = candidates.iter().map(|name| (mistakes(word, name), *name));
    let close = with_mistakes.filter(|(mistakes, _)| *mistakes <= allowed);
    close
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, name)| name)
        .or_else(|| {
            let is_begun = |name: &&&str| word.len() >= 3 && name.starts_with(word);
            candidates.iter().find(is_begun).copied()
        })
}

/// What to write instead of a word that is in the place of a folder, but looks like a command. A
/// word with a `/` in it is a folder.
pub(super) fn names_no_folder(word: &str) -> Option<&'static str> {
    if let Some((_, meant)) = COMMANDS.iter().find(|(name, _)| *name == word) {
        return Some(meant);
    }
    match word.contains('/') {
        true => None,
        false => closest(word, &["health", "token"]),
    }
}

/// The number of characters that are inserted, deleted, replaced, or swapped with the next one, to
/// turn one word into the other (the optimal string alignment distance).
fn mistakes(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, letter) in from.chars().enumerate() {
        let mut this = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != *other);
            let mut least = replaced.min(last[column + 1] + 1).min(this[column] + 1);
            let is_swapped = column > 0 && previous == Some(*other) && to[column - 1] == letter;
            if is_swapped {
                least = least.min(before[column - 1] + 1);
            }
            this.push(least);
        }
        before = std::mem::replace(&mut last, this);
        previous = Some(letter);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_counted() {
        for (from, to, count) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("port", "port", 0),
            ("prot", "port", 1),
            ("pot", "port", 1),
            ("ports", "port", 1),
            ("part", "port", 1),
            ("host", "port", 2),
            ("ca", "abc", 3),
            ("a\u{e9}", "ae", 1),
        ] {
            assert_eq!(mistakes(from, to), count, "{from:?} {to:?}");
        }
    }

    #[test]
    fn what_was_meant_is_found() {
        let flags = [
            "port",
            "host",
            "storage",
            "max-transfers",
            "max-upload-size",
        ];
        for (word, meant) in [
            ("prot", Some("port")),
            ("hots", Some("host")),
            ("storge", Some("storage")),
            ("max-transfer", Some("max-transfers")),
            ("max-upload", Some("max-upload-size")),
            ("nope", None),
            ("p", None),
            ("", None),
            ("verbose", None),
        ] {
            assert_eq!(closest(word, &flags), meant, "{word:?}");
        }
        for (word, meant) in [
            ("health", Some("health")),
            ("heatlh", Some("health")),
            ("tokne", Some("token")),
            ("serve", Some("--storage FOLDER")),
            ("data", None),
            ("./health", None),
            (".", None),
        ] {
            assert_eq!(names_no_folder(word), meant, "{word:?}");
        }
    }
}
