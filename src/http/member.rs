//! The names of what is in an archive, and the targets of the links in it.
//!
//! They follow the rules of names in requests, so that all that is unpacked can be named, and never
//! lead out of the directory that is unpacked. Not for: what is there on the disk.

use std::fmt;

use super::name::{MAX_COMPONENT, MAX_NAME, Name, NameFault};

/// Why an entry of an archive is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberFault {
    /// Its name is none of a request.
    Name(NameFault),
    /// Its name begins with a slash.
    Absolute,
    /// It is not a directory, and has the name of the directory that is unpacked.
    Top,
    /// The target of a link is none.
    Target(NameFault),
    /// The target of a link is empty.
    NoTarget,
    /// A link leads out of what is unpacked.
    Out,
    /// The target of a link has `..` behind a name. Where that name is one of a link, it depends on
    /// the link where it leads.
    ParentBehindName,
}

impl fmt::Display for MemberFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name(fault) => return fault.fmt(f),
            Self::Absolute => "the name begins with \"/\"",
            Self::Top => "it has no name",
            Self::Target(fault) => return write!(f, "the target of the link: {fault}"),
            Self::NoTarget => "the link has no target",
            Self::Out => "the link leads out of the folder",
            Self::ParentBehindName => "the target of the link has \"..\" behind a name",
        })
    }
}

/// The name of an entry within `directory`, which is unpacked; that of the directory itself has no
/// components.
///
/// # Errors
/// [`MemberFault::Name`], also where the name would be too long together with that of the
/// directory; [`MemberFault::Absolute`].
pub(crate) fn member_name(directory: &Name, path: &[u8]) -> Result<Name, MemberFault> {
    if path.starts_with(b"/") {
        return Err(MemberFault::Absolute);
    }
    let text = std::str::from_utf8(path).map_err(|_| MemberFault::Name(NameFault::NotUtf8))?;
    let name = Name::parse_plain(text).map_err(MemberFault::Name)?;
    match length(directory) + 1 + length(&name) > MAX_NAME {
        true => Err(MemberFault::Name(NameFault::TooLong)),
        false => Ok(name),
    }
}

/// Refuses the target of the symbolic link `link`, if it may lead out of what is unpacked: `..` is
/// accepted at its beginning alone, where it leads from a directory to the one above, whatever other
/// links there are.
///
/// # Errors
/// Those about targets.
pub(crate) fn check_target(link: &Name, target: &[u8]) -> Result<(), MemberFault> {
    let text = std::str::from_utf8(target);
    let text = text.map_err(|_| MemberFault::Target(NameFault::NotUtf8))?;
    match text {
        "" => return Err(MemberFault::NoTarget),
        _ if text.starts_with('/') => return Err(MemberFault::Out),
        _ if text.chars().any(char::is_control) => {
            return Err(MemberFault::Target(NameFault::Control));
        }
        // With the NUL at its end, that is PATH_MAX.
        _ if text.len() >= MAX_NAME => return Err(MemberFault::Target(NameFault::TooLong)),
        _ => {}
    }
    let mut above = link.components().len().saturating_sub(1);
    let mut has_name = false;
    for component in text.split('/') {
        match component {
            "" | "." => {}
            ".." if has_name => return Err(MemberFault::ParentBehindName),
            ".." => above = above.checked_sub(1).ok_or(MemberFault::Out)?,
            _ if component.len() > MAX_COMPONENT => {
                return Err(MemberFault::Target(NameFault::ComponentTooLong));
            }
            _ => has_name = true,
        }
    }
    Ok(())
}

/// The length of a name in bytes.
fn length(name: &Name) -> usize {
    let components = name.components();
    let separators = components.len().saturating_sub(1);
    components.iter().map(String::len).sum::<usize>() + separators
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Name {
        Name::parse_plain(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn names_stay_within_the_directory() {
        use MemberFault::{Absolute, Name as Bad};
        let directory = plain("run/7");
        let long = "d/".repeat(2045);
        for (path, expected) in [
            (&b"a"[..], Ok("a")),
            (b"./a/b", Ok("a/b")),
            (b"a//b/./c/", Ok("a/b/c")),
            (b".", Ok("/")),
            (b"./", Ok("/")),
            (b"", Ok("/")),
            (b"C:\\x", Ok("C:\\x")),
            (b"..a/b..", Ok("..a/b..")),
            (b"%2e%2e", Ok("%2e%2e")),
            (".\u{2024}/\u{fe52}".as_bytes(), Ok(".\u{2024}/\u{fe52}")),
            (b"/a", Err(Absolute)),
            (b"//a", Err(Absolute)),
            (b"..", Err(Bad(NameFault::Parent))),
            (b"../a", Err(Bad(NameFault::Parent))),
            (b"a/../b", Err(Bad(NameFault::Parent))),
            (b"a/..", Err(Bad(NameFault::Parent))),
            (b"a\0b", Err(Bad(NameFault::Control))),
            (b"a\nb", Err(Bad(NameFault::Control))),
            (b"\xff", Err(Bad(NameFault::NotUtf8))),
            (b"\xc0\xae\xc0\xae/a", Err(Bad(NameFault::NotUtf8))),
            (&[b'a'; 256], Err(Bad(NameFault::ComponentTooLong))),
            (long.as_bytes(), Ok(&long[..long.len() - 1])),
            // With the name of the directory it has 4,097 bytes.
            (
                [&long, "dd"].concat().as_bytes(),
                Err(Bad(NameFault::TooLong)),
            ),
        ] {
            let name = member_name(&directory, path).map(|name| name.to_string());
            let expected = expected.map(str::to_owned);
            assert_eq!(name, expected, "{}", String::from_utf8_lossy(path));
        }
    }

    #[test]
    fn links_stay_within_the_directory_whatever_other_links_there_are() {
        use MemberFault::{NoTarget, Out, ParentBehindName, Target};
        let long = "t/".repeat(2048);
        for (link, target, expected) in [
            ("l", "a", Ok(())),
            ("l", ".", Ok(())),
            ("l", "a/b/./c/", Ok(())),
            ("l", "nowhere", Ok(())),
            ("l", "l", Ok(())),
            ("d/l", "..", Ok(())),
            ("d/l", "../a", Ok(())),
            ("d/e/l", "./..//../a", Ok(())),
            ("d/l", "..a", Ok(())),
            ("l", "", Err(NoTarget)),
            ("l", "/", Err(Out)),
            ("l", "/etc/passwd", Err(Out)),
            ("l", "..", Err(Out)),
            ("l", "./../a", Err(Out)),
            ("d/l", "../..", Err(Out)),
            ("d/l", "../../d/a", Err(Out)),
            // Where d is a link to ".", this is the directory above.
            ("l", "d/..", Err(ParentBehindName)),
            ("d/l", "../d/../a", Err(ParentBehindName)),
            ("l", "a\nb", Err(Target(NameFault::Control))),
            (
                "l",
                &"a".repeat(256),
                Err(Target(NameFault::ComponentTooLong)),
            ),
            ("l", &long, Err(Target(NameFault::TooLong))),
            ("l", &long[..long.len() - 1], Ok(())),
        ] {
            let checked = check_target(&plain(link), target.as_bytes());
            assert_eq!(checked, expected, "{link} -> {target}");
        }
        let bad = check_target(&plain("l"), b"\xff");
        assert_eq!(bad, Err(Target(NameFault::NotUtf8)));
    }
}
