//! Who may do what: tokens and their rights on names.
//!
//! Responsible for: whose a token is, and which rights that gives on a name. Not for: reading the
//! rules from a file (`access_file.rs`), the rights that a request needs (`rights.rs`).

use std::collections::HashMap;
use std::sync::Arc;

use super::credentials::Credentials;
use super::digest::Sha256;
use super::rights::{Right, Rights};

/// Rights on a name and on all names below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// The components of the name; none for the root.
    pub(crate) path: Vec<String>,
    pub(crate) rights: Rights,
}

/// An entry of the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// The digests of its tokens. Of several, one can be replaced while another is still in use.
    pub(crate) digests: Vec<Sha256>,
    /// Whether it is for everybody, with or without a token.
    pub(crate) is_anonymous: bool,
    pub(crate) allowances: Vec<Allowance>,
}

/// The rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    entries: Vec<Entry>,
    /// The numbers of the entries that are for everybody.
    anonymous: Vec<usize>,
    /// The number of the entry of a token, and its digest, by the first bytes of the digest.
    by_prefix: HashMap<u64, Vec<(Sha256, usize)>>,
}

impl Policy {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let mut policy = Self::default();
        for (number, entry) in entries.iter().enumerate() {
            for digest in &entry.digests {
                let found = policy.by_prefix.entry(prefix(digest)).or_default();
                found.push((*digest, number));
            }
            policy
                .anonymous
                .extend(entry.is_anonymous.then_some(number));
        }
        Self { entries, ..policy }
    }

    /// The number of entries.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of the entry that credentials are of.
    ///
    /// The token is looked for by its digest, and the name compared after that: it takes as long
    /// for a name that there is as for one that there is not.
    fn find(&self, credentials: &Credentials) -> Option<usize> {
        let found = self.by_prefix.get(&prefix(&credentials.digest))?;
        let (_, number) = found
            .iter()
            .find(|(digest, _)| is_same(digest, &credentials.digest))?;
        let name = self.entries[*number].name.as_bytes();
        let is_its = credentials.name.as_deref().is_none_or(|it| it == name);
        is_its.then_some(*number)
    }
}

/// The first bytes of a digest.
fn prefix(digest: &Sha256) -> u64 {
    digest[..8]
        .iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Compares two digests in a time that does not depend on where they differ.
fn is_same(one: &Sha256, other: &Sha256) -> bool {
    let different = one
        .iter()
        .zip(other)
        .fold(0, |different, (a, b)| different | (a ^ b));
    std::hint::black_box(different) == 0
}

/// Who sends a request, as far as rights go.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The rules; without any, everything is allowed.
    policy: Option<Arc<Policy>>,
    identity: Identity,
}

/// What the credentials of a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// There are none.
    Nobody,
    /// They are malformed, or of no token.
    Unknown,
    /// They are those of the entry of this number.
    Entry(usize),
}

impl Caller {
    /// The caller with the value of `Authorization`, or without one.
    #[must_use]
    pub(crate) fn identify(policy: Option<Arc<Policy>>, authorization: Option<&str>) -> Self {
        let identity = match (&policy, authorization) {
            (None, _) | (_, None) => Identity::Nobody,
            (Some(policy), Some(value)) => {
                let found = Credentials::parse(value).and_then(|it| policy.find(&it));
                found.map_or(Identity::Unknown, Identity::Entry)
            }
        };
        Self { policy, identity }
    }

    /// The name of the token.
    #[must_use]
    pub(crate) fn token(&self) -> Option<&str> {
        match (&self.policy, self.identity) {
            (Some(policy), Identity::Entry(number)) => Some(&policy.entries[number].name),
            _ => None,
        }
    }

    /// Whether the credentials are wrong. Then there are no rights, also not those of everybody: a
    /// client that sends a token means to use it.
    #[must_use]
    pub(crate) fn is_unknown(&self) -> bool {
        self.identity == Identity::Unknown
    }

    /// Whether it was identified by these rules.
    #[must_use]
    pub(crate) fn is_under(&self, policy: Option<&Arc<Policy>>) -> bool {
        match (&self.policy, policy) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        }
    }

    /// The rights on a name: those of the token and those of everybody.
    #[must_use]
    pub(crate) fn rights_on<C: AsRef<[u8]>>(&self, name: &[C]) -> Rights {
        self.sum(|allowance| covers(&allowance.path, name))
    }

    /// The rights on any name, together.
    #[must_use]
    pub(crate) fn rights_anywhere(&self) -> Rights {
        self.sum(|_| true)
    }

    /// Whether there is a right on the name, on one below it, or on one that a file system could
    /// take for either: for what must not get to where there is that right. Elsewhere names are
    /// compared as they are written, since another spelling adds no rights.
    #[must_use]
    pub(crate) fn may_reach<C: AsRef<[u8]>>(&self, right: Right, name: &[C]) -> bool {
        let is_near = |allowance: &Allowance| may_be_related(&allowance.path, name);
        self.sum(is_near).contain(right)
    }

    fn sum(&self, counts: impl Fn(&Allowance) -> bool) -> Rights {
        let Some(policy) = &self.policy else {
            return Rights::ALL;
        };
        let own = match self.identity {
            Identity::Unknown => return Rights::NONE,
            Identity::Nobody => None,
            Identity::Entry(number) => Some(number),
        };
        let numbers = policy.anonymous.iter().copied().chain(own);
        numbers
            .flat_map(|number| &policy.entries[number].allowances)
            .filter(|allowance| counts(allowance))
            .fold(Rights::NONE, |rights, allowance| rights | allowance.rights)
    }
}

/// Whether a path is a name or that of a directory above it, by whole components.
fn covers<C: AsRef<[u8]>>(path: &[String], name: &[C]) -> bool {
    path.len() <= name.len()
        && path
            .iter()
            .zip(name)
            .all(|(one, other)| one.as_bytes() == other.as_ref())
}

/// Whether one of two names could be that of a directory above the other, or the same.
fn may_be_related<C: AsRef<[u8]>>(path: &[String], name: &[C]) -> bool {
    let mut pairs = path.iter().zip(name);
    pairs.all(|(one, other)| may_be_one(one.as_bytes(), other.as_ref()))
}

/// Whether a file system could take two components for one: many fold the case of letters, some
/// drop dots and spaces at the end, and have short names with a tilde. Which letters beyond ASCII
/// are folded into which, only the file system knows.
fn may_be_one(one: &[u8], other: &[u8]) -> bool {
    let is_plain = |component: &[u8]| component.is_ascii() && !component.contains(&b'~');
    let dropped = |byte: &u8| matches!(byte, b'.' | b' ');
    let kept = |component: &[u8]| {
        let kept = component.iter().rposition(|byte| !dropped(byte));
        kept.map_or(0, |last| last + 1)
    };
    match is_plain(one) && is_plain(other) {
        true => one[..kept(one)].eq_ignore_ascii_case(&other[..kept(other)]),
        false => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::credentials::digest_of;

    fn entry(name: &str, tokens: &[&str], allowances: &[(&str, Right)]) -> Entry {
        let allowance = |(path, right): &(&str, Right)| Allowance {
            path: path
                .split('/')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
            rights: (*right).into(),
        };
        Entry {
            name: name.to_owned(),
            digests: tokens
                .iter()
                .map(|token| digest_of(token.as_bytes()))
                .collect(),
            is_anonymous: tokens.is_empty(),
            allowances: allowances.iter().map(allowance).collect(),
        }
    }

    fn policy() -> Option<Arc<Policy>> {
        Some(Arc::new(Policy::new(vec![
            entry(
                "loader",
                &["s1", "s2"],
                &[("runs/a", Right::Write), ("", Right::Observe)],
            ),
            entry("other", &["s3"], &[("runs", Right::Append)]),
            entry("anyone", &[], &[("public", Right::Read)]),
        ])))
    }

    #[test]
    fn a_token_is_known_by_its_digest_and_its_name() {
        for (value, expected, is_unknown) in [
            (None, None, false),
            (Some("Bearer s1"), Some("loader"), false),
            (Some("Bearer s2"), Some("loader"), false),
            (Some("Bearer s3"), Some("other"), false),
            (Some("Bearer s4"), None, true),
            (Some("Bearer"), None, true),
            (Some(""), None, true),
            // loader:s1, other:s1, nobody:s1, :s1, loader:s4
            (Some("Basic bG9hZGVyOnMx"), Some("loader"), false),
            (Some("Basic b3RoZXI6czE="), None, true),
            (Some("Basic bm9ib2R5OnMx"), None, true),
            (Some("Basic OnMx"), None, true),
            (Some("Basic bG9hZGVyOnM0"), None, true),
        ] {
            let caller = Caller::identify(policy(), value);
            let found = (caller.token(), caller.is_unknown());
            assert_eq!(found, (expected, is_unknown), "{value:?}");
            let is_without = caller.rights_anywhere().is_empty();
            assert_eq!(is_without, is_unknown, "{value:?}");
        }
        // Without rules, nothing is looked at.
        let caller = Caller::identify(None, Some("Bearer x"));
        let found = (caller.is_unknown(), caller.rights_anywhere());
        assert_eq!(found, (false, Rights::ALL));
    }

    #[test]
    fn a_path_covers_whole_components() {
        for (value, name, expected) in [
            (Some("Bearer s1"), "runs/a", "write,observe"),
            (Some("Bearer s1"), "runs/a/b/c", "write,observe"),
            (Some("Bearer s1"), "runs/ab", "observe"),
            (Some("Bearer s1"), "runs", "observe"),
            (Some("Bearer s1"), "", "observe"),
            (Some("Bearer s1"), "public/x", "read,observe"),
            (Some("Bearer s3"), "runs/a", "append"),
            (Some("Bearer s3"), "run", ""),
            (None, "public", "read"),
            (None, "publicly", ""),
            (None, "runs/a", ""),
            (Some("Bearer s4"), "public", ""),
        ] {
            let caller = Caller::identify(policy(), value);
            let name: Vec<&str> = name.split('/').filter(|it| !it.is_empty()).collect();
            let rights = caller.rights_on(&name).to_string();
            assert_eq!(rights, expected, "{value:?} {name:?}");
        }
    }

    // symptom: what may not be read could be moved to where it may: onto a name below which there is
    //          the right to read, or onto another spelling of one on a file system that folds case.
    // cause:   only the rights on the new name were looked at, and names were compared bytewise.
    // fix:     what is below a name counts, too, and so does what could be another spelling of it.
    #[test]
    fn a_right_may_be_reached_below_a_name_and_by_other_spellings() {
        let caller = Caller::identify(policy(), Some("Bearer s1"));
        for (name, expected) in [
            ("runs/a", true),
            ("runs/a/b", true),
            ("runs", true),
            ("", true),
            ("RUNS/A", true),
            ("Runs. /a..", true),
            ("RUNS~1/a", true),
            ("run\u{17f}/a", true),
            ("runs/b", false),
            ("runs/ab", false),
            ("run", false),
            ("other/a", false),
            ("public/a", false),
        ] {
            let name: Vec<&str> = name.split('/').filter(|it| !it.is_empty()).collect();
            assert_eq!(caller.may_reach(Right::Write, &name), expected, "{name:?}");
            assert!(caller.may_reach(Right::Observe, &name), "{name:?}");
        }
        let nobody = Caller::identify(policy(), Some("Bearer s4"));
        assert!(!nobody.may_reach(Right::Read, &[""; 0]));
        let everybody = Caller::identify(None, None);
        assert!(everybody.may_reach(Right::Read, &["x"]));
    }

    #[test]
    fn a_token_is_found_by_all_of_its_digest() {
        let mut near = [entry("near", &["s1"], &[]), entry("nearer", &["s1"], &[])];
        near[0].digests[0][31] ^= 1;
        near[1].digests[0][8] ^= 1;
        let found = |entries: Vec<Entry>| {
            let policy = Some(Arc::new(Policy::new(entries)));
            let caller = Caller::identify(policy, Some("Bearer s1"));
            caller.token().map(str::to_owned)
        };
        assert_eq!(found(near.to_vec()), None);
        let all = near.into_iter().chain([entry("its", &["s1"], &[])]);
        assert_eq!(found(all.collect()).as_deref(), Some("its"));
    }

    #[test]
    fn digests_are_the_same_only_as_a_whole() {
        let digest = digest_of(b"x");
        assert!(is_same(&digest, &digest));
        for at in 0..digest.len() {
            let mut other = digest;
            other[at] ^= 1;
            assert!(!is_same(&digest, &other), "{at}");
        }
    }
}
