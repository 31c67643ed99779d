//! The file that says who may do what (`--access`).
//!
//! Responsible for: its syntax, and a message that leads to the place of a mistake. Not for:
//! reading it from the disk (`server/access.rs`).
//!
//! ```json
//! {"tokens": [{"name": "loader", "sha256": ["64 hexadecimal digits"],
//!              "allow": [{"path": "runs/", "rights": ["read", "append"]}]},
//!             {"name": "anyone", "anonymous": true,
//!              "allow": [{"path": "public/", "rights": ["read"]}]}]}
//! ```

use std::collections::{BTreeMap, HashSet};

use super::credentials::digest_of;
use super::digest::Sha256;
use super::name::Name;
use super::policy::{Allowance, Entry, Policy};
use super::rights::{Right, Rights};
use super::strict_json::Json;
use super::token::looks_like_token;

/// The largest file, in bytes.
pub(crate) const MAX_LENGTH: u64 = 1 << 20;

/// The longest name of a token, in bytes.
const MAX_NAME: usize = 64;

/// Reads the rules.
///
/// # Errors
/// What is wrong, and where. No digest is repeated in it.
pub(crate) fn parse(content: &[u8]) -> Result<Policy, String> {
    let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let json = Json::parse(text).map_err(|why| format!("it is not JSON as it has to be: {why}"))?;
    let mut members = Members::of(&json, "")?;
    let mut entries = Vec::new();
    for (item, place) in items(members.required("tokens")?, "tokens")? {
        entries.push(entry(item, &place)?);
    }
    members.end()?;
    check_unique(&entries)?;
    Ok(Policy::new(entries))
}

/// Refuses two entries of one name, or with one token: it would not be clear whose it is.
fn check_unique(entries: &[Entry]) -> Result<(), String> {
    let (mut names, mut digests) = (HashSet::new(), HashSet::new());
    for (at, entry) in entries.iter().enumerate() {
        if !names.insert(&entry.name) {
            return Err(format!(
                "tokens[{at}].name: {:?} is there twice",
                entry.name
            ));
        }
        if let Some(number) = entry.digests.iter().position(|it| !digests.insert(it)) {
            return Err(format!("tokens[{at}].sha256[{number}]: it is there twice"));
        }
    }
    Ok(())
}

fn entry(json: &Json, place: &str) -> Result<Entry, String> {
    let mut members = Members::of(json, place)?;
    let name = name(members.required("name")?, &members.place("name"))?;
    let is_anonymous = match members.optional("anonymous") {
        None => false,
        Some(Json::Bool(is_anonymous)) => *is_anonymous,
        Some(_) => return Err(fault(&members.place("anonymous"), "it takes true or false")),
    };
    let digests = match (members.optional("sha256"), is_anonymous) {
        (Some(json), false) => digests(json, &members.place("sha256"))?,
        (None, true) => Vec::new(),
        (Some(_), true) => {
            return Err(fault(
                place,
                "it is either anonymous or has a sha256, and not both",
            ));
        }
        (None, false) => {
            return Err(fault(
                place,
                "sha256 is missing (or \"anonymous\": true, for everybody)",
            ));
        }
    };
    let mut allowances = Vec::new();
    for (item, place) in items(members.required("allow")?, &members.place("allow"))? {
        allowances.push(allowance(item, &place)?);
    }
    members.end()?;
    Ok(Entry {
        name,
        digests,
        is_anonymous,
        allowances,
    })
}

fn allowance(json: &Json, place: &str) -> Result<Allowance, String> {
    let mut members = Members::of(json, place)?;
    let path = string(members.required("path")?, &members.place("path"))?;
    let path =
        Name::parse_plain(path).map_err(|why| fault(&members.place("path"), &why.to_string()))?;
    let rights = rights(members.required("rights")?, &members.place("rights"))?;
    members.end()?;
    Ok(Allowance {
        path: path.components().to_vec(),
        rights,
    })
}

fn rights(json: &Json, place: &str) -> Result<Rights, String> {
    let mut rights = Rights::NONE;
    for (item, place) in items(json, place)? {
        let word = string(item, &place)?;
        let right = Right::parse(word).ok_or_else(|| fault(&place, &no_right(word)))?;
        rights = rights | right.into();
    }
    match rights.is_empty() {
        true => Err(fault(place, "it names no right")),
        false => Ok(rights),
    }
}

/// What to say of a word that is no right.
#[must_use]
pub(crate) fn no_right(word: &str) -> String {
    let words = Right::ALL.map(Right::word).join(", ");
    format!("there is no right {word:?}; there are {words}")
}

fn name(json: &Json, place: &str) -> Result<String, String> {
    let name = string(json, place)?;
    match is_token_name(name) {
        true => Ok(name.to_owned()),
        false => Err(fault(place, TOKEN_NAME)),
    }
}

/// What the name of a token may be.
pub(crate) const TOKEN_NAME: &str =
    "a name has 1 to 64 letters and digits of ASCII, dots, hyphens and underscores";

/// Whether a token can have this name. It is a word in the log and the user name of Basic, which
/// has no colon.
#[must_use]
pub(crate) fn is_token_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain)
}

fn digests(json: &Json, place: &str) -> Result<Vec<Sha256>, String> {
    let mut digests = Vec::new();
    for (item, place) in items(json, place)? {
        digests.push(digest(string(item, &place)?).map_err(|why| fault(&place, why))?);
    }
    match digests.is_empty() {
        true => Err(fault(place, "it holds no digest")),
        false => Ok(digests),
    }
}

fn digest(text: &str) -> Result<Sha256, &'static str> {
    match parse_hex(text) {
        Some(digest) if digest == digest_of(b"") => Err("it is the digest of an empty token"),
        Some(digest) => Ok(digest),
        None if looks_like_token(text) => {
            Err("it is a token, and has to be its digest, which http-nas token prints with it")
        }
        None => Err("it has to be 64 hexadecimal digits"),
    }
}

fn parse_hex(text: &str) -> Option<Sha256> {
    let mut digest = Sha256::default();
    if text.len() != 2 * digest.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(digest)
}

fn string<'j>(json: &'j Json, place: &str) -> Result<&'j str, String> {
    match json {
        Json::String(text) => Ok(text),
        _ => Err(fault(place, "it has to be a string")),
    }
}

/// The items of an array, and the place of each.
fn items<'j>(
    json: &'j Json,
    place: &str,
) -> Result<impl Iterator<Item = (&'j Json, String)>, String> {
    match json {
        Json::Array(items) => {
            let items = items.iter().enumerate();
            Ok(items.map(move |(at, item)| (item, format!("{place}[{at}]"))))
        }
        _ => Err(fault(place, "it has to be an array")),
    }
}

fn fault(place: &str, what: &str) -> String {
    match place {
        "" => what.to_owned(),
        _ => format!("{place}: {what}"),
    }
}

/// The members of an object, each of which has to be asked for.
struct Members<'j> {
    left: BTreeMap<&'j str, &'j Json>,
    /// Where the object is; nothing for the whole.
    place: String,
}

impl<'j> Members<'j> {
    fn of(json: &'j Json, place: &str) -> Result<Self, String> {
        let Json::Object(members) = json else {
            return Err(fault(place, "it has to be an object"));
        };
        Ok(Self {
            left: members
                .iter()
                .map(|(name, json)| (name.as_str(), json))
                .collect(),
            place: place.to_owned(),
        })
    }

    fn place(&self, name: &str) -> String {
        match self.place.as_str() {
            "" => name.to_owned(),
            place => format!("{place}.{name}"),
        }
    }

    fn optional(&mut self, name: &str) -> Option<&'j Json> {
        self.left.remove(name)
    }

    fn required(&mut self, name: &str) -> Result<&'j Json, String> {
        let found = self.optional(name);
        found.ok_or_else(|| fault(&self.place, &format!("{name} is missing")))
    }

    /// Refuses members that were not asked for: a mistyped one must not be ignored.
    fn end(self) -> Result<(), String> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(fault(
                &self.place,
                &format!("{name:?} is not a member here"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eFF";

    fn with(entry: &str) -> String {
        format!("{{\"tokens\": [{}]}}", entry.replace("DIGEST", DIGEST))
    }

    #[test]
    fn the_rules_are_read() {
        for (text, expected) in [
            ("{\"tokens\": []}".to_owned(), 0),
            (with(r#"{"name":"a","sha256":["DIGEST"],"allow":[]}"#), 1),
            (
                with(
                    r#"{"name":"a","sha256":["DIGEST"],"anonymous":false,
                    "allow":[{"path":"","rights":["read"]},{"path":"/a//b/","rights":["write","write"]}]},
                    {"name":"anyone","anonymous":true,"allow":[{"path":"p%41","rights":["read"]}]}"#,
                ),
                2,
            ),
        ] {
            let found = parse(text.as_bytes()).map(|policy| policy.len());
            assert_eq!(found, Ok(expected), "{text}");
        }
        assert_eq!(
            parse_hex(DIGEST).map(|digest| (digest[1], digest[31])),
            Some((1, 255))
        );
    }

    #[test]
    fn a_mistake_is_found_at_its_place() {
        let allow = |text: &str| {
            with(&format!(
                r#"{{"name":"a","sha256":["DIGEST"],"allow":[{text}]}}"#
            ))
        };
        for (text, expected) in [
            (String::new(), "it is empty"),
            (" \n".to_owned(), "it is empty"),
            ("tokens".to_owned(), "it is not JSON"),
            ("{\"tokens\": [".to_owned(), "it is not JSON"),
            (
                "{\"tokens\":[],\"tokens\":[]}".to_owned(),
                "\"tokens\" is there twice",
            ),
            ("[]".to_owned(), "it has to be an object"),
            ("{}".to_owned(), "tokens is missing"),
            (
                "{\"tokens\":{}}".to_owned(),
                "tokens: it has to be an array",
            ),
            (
                "{\"tokens\":[],\"x\":1}".to_owned(),
                "\"x\" is not a member here",
            ),
            (with("1"), "tokens[0]: it has to be an object"),
            (with("{}"), "tokens[0]: name is missing"),
            (
                with(r#"{"name":1}"#),
                "tokens[0].name: it has to be a string",
            ),
            (with(r#"{"name":""}"#), "tokens[0].name: a name has 1 to 64"),
            (
                with(r#"{"name":"a:b"}"#),
                "tokens[0].name: a name has 1 to 64",
            ),
            (
                with(r#"{"name":"\u00e9"}"#),
                "tokens[0].name: a name has 1 to 64",
            ),
            (with(r#"{"name":"a"}"#), "tokens[0]: sha256 is missing"),
            (
                with(r#"{"name":"a","anonymous":1}"#),
                "tokens[0].anonymous: it takes true",
            ),
            (
                with(r#"{"name":"a","anonymous":true,"sha256":["DIGEST"]}"#),
                "tokens[0]: it is either anonymous or",
            ),
            (
                with(r#"{"name":"a","sha256":"DIGEST"}"#),
                "tokens[0].sha256: it has to be an array",
            ),
            (
                with(r#"{"name":"a","sha256":[]}"#),
                "tokens[0].sha256: it holds no digest",
            ),
            (
                with(r#"{"name":"a","sha256":["secret"]}"#),
                "tokens[0].sha256[0]: it has to be 64",
            ),
            // symptom: an empty password let anybody in.
            // cause:   the digest was computed of a variable that was not set.
            // fix:     that digest is refused.
            (
                with(
                    r#"{"name":"a","sha256":["DIGEST",
                    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"]}"#,
                ),
                "tokens[0].sha256[1]: it is the digest of an empty token",
            ),
            (
                with(r#"{"name":"a","sha256":["httpnas_secret"]}"#),
                "tokens[0].sha256[0]: it is a token, and has to be its digest",
            ),
            (
                with(r#"{"name":"a","sha256":["DIGEST"]}"#),
                "tokens[0]: allow is missing",
            ),
            (
                with(r#"{"name":"a","sha256":["DIGEST"],"allow":[],"alow":[]}"#),
                "tokens[0]: \"alow\" is not a member here",
            ),
            (
                with(
                    r#"{"name":"a","anonymous":true,"allow":[]},{"name":"a","anonymous":true,"allow":[]}"#,
                ),
                "tokens[1].name: \"a\" is there twice",
            ),
            (
                with(
                    r#"{"name":"a","sha256":["DIGEST"],"allow":[]},{"name":"b","sha256":["DIGEST"],"allow":[]}"#,
                ),
                "tokens[1].sha256[0]: it is there twice",
            ),
            (allow("{}"), "tokens[0].allow[0]: path is missing"),
            (
                allow(r#"{"path":"a"}"#),
                "tokens[0].allow[0]: rights is missing",
            ),
            (
                allow(r#"{"path":"a/../b","rights":[]}"#),
                "tokens[0].allow[0].path: the name holds",
            ),
            (
                allow(r#"{"path":"a\u0000","rights":[]}"#),
                "tokens[0].allow[0].path: the name holds",
            ),
            (
                allow(r#"{"path":"a","rights":[]}"#),
                "tokens[0].allow[0].rights: it names no right",
            ),
            (
                allow(r#"{"path":"a","rights":["read","raed"]}"#),
                "tokens[0].allow[0].rights[1]: there is no right \"raed\"; there are read, create",
            ),
            (
                allow(r#"{"path":"a","rights":"read"}"#),
                "tokens[0].allow[0].rights: it has to be an",
            ),
            (
                allow(r#"{"path":"a","rights":["read"],"deny":1}"#),
                "allow[0]: \"deny\" is not",
            ),
        ] {
            let found = parse(text.as_bytes()).err().unwrap_or_default();
            assert!(found.contains(expected), "{text}: {found}");
            assert!(
                !found.contains(DIGEST) && !found.contains("secret"),
                "{found}"
            );
        }
        assert_eq!(parse(b"\xff").err().as_deref(), Some("it is not UTF-8"));
    }

    #[test]
    fn names_of_tokens() {
        for (name, expected) in [
            ("a", true),
            ("Airflow_2.prod-1", true),
            ("", false),
            ("a b", false),
            ("a/b", false),
            ("a\n", false),
        ] {
            assert_eq!(is_token_name(name), expected, "{name}");
        }
        assert!(is_token_name(&"a".repeat(64)));
        assert!(!is_token_name(&"a".repeat(65)));
    }
}
