//! From method and request target to the operation that is asked for.
//!
//! In: the resource first, then the method; every other method of a resource is 405 with its `Allow`. Out: carrying
//! the operation out.

use super::name::{Name, NameFault};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `GET /file`: is the root a readable folder?
    Health,
    /// `GET /file/NAME`: the content of a file, or the names in a folder.
    Read(Name),
    /// `GET /file/NAME/wc`: the number of newline bytes.
    CountLines(Name),
    /// `GET /file/NAME/sha256`: the SHA-256 digest of a file.
    Digest(Name),
    /// `GET /file/NAME/tar`: the folder and all in it as an archive.
    Archive(Name),
    /// `POST /file/NAME`: create the file or replace it.
    Create(Name),
    /// `POST /file/NAME/`: make the folder.
    MakeFolder(Name),
    /// `PUT /file/NAME`: append to the file.
    Append(Name),
    /// `PUT /file/NAME/mv`: rename the file or folder.
    Rename(Name),
    /// `PUT /file/NAME/cp`: copy the file.
    Copy(Name),
    /// `DELETE /file/NAME`: remove it, with all that is in it.
    Delete(Name),
}

/// Why a request leads to no operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteFault {
    /// 404: there is nothing at this path.
    Unknown,
    /// 405: the resource has other methods, named in the value for `Allow`.
    Method(&'static str),
    /// 400: the name is none.
    Name(NameFault),
}

impl From<NameFault> for RouteFault {
    fn from(fault: NameFault) -> Self {
        Self::Name(fault)
    }
}

impl Operation {
    /// The name that the operation is about, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Health => None,
            Self::Read(name)
            | Self::CountLines(name)
            | Self::Digest(name)
            | Self::Archive(name)
            | Self::Create(name)
            | Self::MakeFolder(name)
            | Self::Append(name)
            | Self::Rename(name)
            | Self::Copy(name)
            | Self::Delete(name) => Some(name),
        }
    }
}

const HEALTH_METHODS: &str = "GET, HEAD";
const FILE_METHODS: &str = "GET, HEAD, POST, PUT, DELETE";

/// Finds the operation for `method` and `target` (origin-form or absolute-form; RFC 9112, section 3.2).
///
/// HEAD leads to the operation of GET. The query is not part of a name and is ignored.
///
/// # Errors
/// A [`RouteFault`] where the path, the method or the name is not one of ours.
pub fn route(method: &str, target: &str) -> Result<Operation, RouteFault> {
    let path = path_of(target);
    if path == "/file" || path == "/file/" {
        return match method {
            "GET" | "HEAD" => Ok(Operation::Health),
            _ => Err(RouteFault::Method(HEALTH_METHODS)),
        };
    }
    let Some(encoded) = path.strip_prefix("/file/") else {
        return Err(RouteFault::Unknown);
    };
    match method {
        "GET" | "HEAD" => match action(encoded) {
            Some((name, "wc")) => Ok(Operation::CountLines(Name::parse(name)?)),
            Some((name, "sha256")) => Ok(Operation::Digest(Name::parse(name)?)),
            Some((name, "tar")) => Ok(Operation::Archive(Name::parse(name)?)),
            _ => Ok(Operation::Read(Name::parse(encoded)?)),
        },
        "PUT" => match action(encoded) {
            Some((name, "mv")) => Ok(Operation::Rename(Name::parse(name)?)),
            Some((name, "cp")) => Ok(Operation::Copy(Name::parse(name)?)),
            _ => Ok(Operation::Append(Name::parse(encoded)?)),
        },
        "POST" if ends_in_slash(encoded) => Ok(Operation::MakeFolder(Name::parse(encoded)?)),
        "POST" => Ok(Operation::Create(Name::parse(encoded)?)),
        "DELETE" => Ok(Operation::Delete(Name::parse(encoded)?)),
        _ => Err(RouteFault::Method(FILE_METHODS)),
    }
}

/// The path of a target: without query and, in absolute-form, without scheme and authority.
fn path_of(target: &str) -> &str {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let is_absolute = ["http://", "https://"].iter().any(|scheme| {
        let start = path.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !is_absolute {
        return path;
    }
    let authority = path.find("//").map_or(path, |at| &path[at + 2..]);
    authority.find('/').map_or("/", |slash| &authority[slash..])
}

/// Splits off the last raw piece where another, non-empty one comes before it: the place of an action.
///
/// The piece is raw, so that a file called `wc` in folder `a` can still be named, as `a%2Fwc`.
fn action(encoded: &str) -> Option<(&str, &str)> {
    let (name, last) = encoded.rsplit_once('/')?;
    let named = name.split('/').any(|piece| !matches!(piece, "" | "."));
    named.then_some((name, last))
}

/// Whether the name ends in `/`, raw or encoded: the mark of a folder that is to be made.
fn ends_in_slash(encoded: &str) -> bool {
    encoded.ends_with('/') || encoded.ends_with("%2F") || encoded.ends_with("%2f")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn each_request_leads_to_its_operation() {
        use Operation::*;
        for (method, target, expected) in [
            ("GET", "/file", Health),
            ("HEAD", "/file/", Health),
            ("GET", "/file?x=1", Health),
            ("GET", "/file/%2F", Read(name(""))),
            ("GET", "/file//", Read(name(""))),
            ("GET", "/file/a.csv", Read(name("a.csv"))),
            ("HEAD", "/file/a/b", Read(name("a/b"))),
            ("GET", "/file/a?wait=1#f", Read(name("a"))),
            ("GET", "/file/a%3Fb", Read(name("a%3Fb"))),
            ("GET", "http://host:3000/file/a", Read(name("a"))),
            ("GET", "HTTP://host/file", Health),
            ("GET", "/file/a/wc", CountLines(name("a"))),
            ("HEAD", "/file/a/b/wc", CountLines(name("a/b"))),
            ("GET", "/file/a%2Fb/wc", CountLines(name("a/b"))),
            ("GET", "/file/%2F/wc", CountLines(name(""))),
            ("GET", "/file/wc", Read(name("wc"))),
            ("GET", "/file//wc", Read(name("wc"))),
            ("GET", "/file/./wc", Read(name("wc"))),
            ("GET", "/file/a%2Fwc", Read(name("a/wc"))),
            ("GET", "/file/a/wc/", Read(name("a/wc"))),
            ("GET", "/file/a/%77c", Read(name("a/wc"))),
            ("GET", "/file/a/mv", Read(name("a/mv"))),
            ("POST", "/file/a", Create(name("a"))),
            ("POST", "/file/a/wc", Create(name("a/wc"))),
            ("POST", "/file/a/", MakeFolder(name("a"))),
            ("POST", "/file/a%2F", MakeFolder(name("a"))),
            ("POST", "/file/a/b%2f", MakeFolder(name("a/b"))),
            ("POST", "/file/%2F", MakeFolder(name(""))),
            ("PUT", "/file/a", Append(name("a"))),
            ("PUT", "/file/a/wc", Append(name("a/wc"))),
            ("PUT", "/file/a/mv", Rename(name("a"))),
            ("PUT", "/file/mv", Append(name("mv"))),
            ("PUT", "/file/a%2Fmv", Append(name("a/mv"))),
            ("DELETE", "/file/a", Delete(name("a"))),
            ("DELETE", "/file/%2F", Delete(name(""))),
        ] {
            assert_eq!(route(method, target), Ok(expected), "{method} {target}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        use RouteFault::*;
        for (method, target, expected) in [
            ("GET", "/", Unknown),
            ("GET", "", Unknown),
            ("GET", "*", Unknown),
            ("OPTIONS", "*", Unknown),
            ("GET", "/files", Unknown),
            ("GET", "/filea", Unknown),
            ("GET", "/FILE/a", Unknown),
            ("GET", "//file/a", Unknown),
            ("GET", "http://host", Unknown),
            ("GET", "http://host?/file/a", Unknown),
            ("POST", "/file", Method(HEALTH_METHODS)),
            ("POST", "/file/", Method(HEALTH_METHODS)),
            ("DELETE", "/file/", Method(HEALTH_METHODS)),
            ("PATCH", "/file/a", Method(FILE_METHODS)),
            ("OPTIONS", "/file/a", Method(FILE_METHODS)),
            ("get", "/file/a", Method(FILE_METHODS)),
            ("GET", "/file/..", Name(NameFault::Parent)),
            ("GET", "/file/../wc", Name(NameFault::Parent)),
            ("PUT", "/file/%00/mv", Name(NameFault::Control)),
        ] {
            assert_eq!(route(method, target), Err(expected), "{method} {target}");
        }
    }
}
