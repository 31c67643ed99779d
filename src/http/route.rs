//! From method and request target to the operation that is asked for.
//!
//! The resource is looked up first, then the method: any other method of a resource is answered
//! with 405 and its `Allow`. Not for: carrying the operation out.

use std::time::Duration;

use super::action::{self, Action};
use super::name::{Name, NameFault, ends_in_slash};
use super::query::{Parameters, QueryFault};
use super::reading::{self, Reading};
use super::target::Target;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `GET /`: what this server is.
    Welcome,
    /// `OPTIONS` of a browser: what a page of an allowed origin may send. Of no target by itself.
    Preflight,
    /// `GET /file`: whether the root of the storage can be read.
    Health,
    /// `GET /healthz` and the like: what the server says of itself.
    Report(Report),
    /// `GET /file/NAME`: the content of a file, or the names in a directory.
    Read(Name, Reading),
    /// `GET /file/NAME/wc`: the number of newline bytes.
    CountLines(Name),
    /// `GET /file/NAME/sha256`: the SHA-256 digest of a file.
    Digest(Name),
    /// `GET /file/NAME/info`: what is known of the file or directory.
    Info(Name),
    /// `GET /file/NAME/tar`: the directory with all in it as an archive.
    Archive(Name),
    /// `POST /file/NAME`: create the file or replace it.
    Create(Name),
    /// `POST /file/NAME/`: make the directory.
    MakeDirectory(Name),
    /// `POST /file/NAME/untar`: unpack an archive as the directory.
    Untar(Name, Untarring),
    /// `PUT /file/NAME`: append to the file.
    Append(Name, Appending),
    /// `PUT /file/NAME/mv`: rename the file or directory.
    Rename(Name),
    /// `PUT /file/NAME/cp`: copy the file.
    Copy(Name),
    /// `PUT /file/NAME/claim`: move the first file of the directory elsewhere; for this long, wait
    /// for one.
    Claim(Name, Option<Duration>),
    /// `DELETE /file/NAME`: remove it, with all that is in it.
    Delete(Name),
}

/// What the server says of itself, whatever its storage holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// `/healthz`: the process answers.
    Alive,
    /// `/readyz`: it can do its work, or what keeps it from that.
    Ready,
    /// `/metrics`: figures for Prometheus.
    Metrics,
    /// `/transfers`: the requests under way.
    Transfers,
    /// The same, again and again, for a client that accepts events.
    Watch,
}

impl Report {
    /// Whether programs ask for it every few seconds.
    #[must_use]
    pub fn is_polled(self) -> bool {
        !matches!(self, Self::Transfers | Self::Watch)
    }

    /// The report at a path.
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/healthz" => Self::Alive,
            "/readyz" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/transfers" => Self::Transfers,
            _ => return None,
        })
    }
}

/// What the target of an append states besides the name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appending {
    /// `?create`: the file is created where there is none.
    pub creates: bool,
    /// The name is written with a final `/`, as that of a directory.
    pub ends_in_slash: bool,
}

/// What the target of an archive to be unpacked states besides the name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untarring {
    /// `?replace`: a directory that is there is replaced.
    pub replaces: bool,
}

/// Why a request leads to no operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteFault {
    /// 404: there is nothing at this path.
    Unknown,
    /// 405: the method is not one of the resource; with the value for `Allow`.
    Method(&'static str),
    /// 405: the last component of the path is an action, and has other methods.
    Action(Action),
    /// 400: the name is invalid.
    Name(NameFault),
    /// 400: the operation does not take this query.
    Query(QueryFault),
}

impl From<QueryFault> for RouteFault {
    fn from(fault: QueryFault) -> Self {
        Self::Query(fault)
    }
}

impl From<NameFault> for RouteFault {
    fn from(fault: NameFault) -> Self {
        Self::Name(fault)
    }
}

impl Operation {
    /// The operation for a client that accepts HTML: at `/file/` it gets the page of the root, to
    /// which the links of other pages lead. A probe, which does not ask for HTML, gets health
    /// there.
    #[must_use]
    pub fn with_pages(self, target: &str) -> Self {
        match self {
            Self::Health if Target::of(target).path == "/file/" => {
                Self::Read(Name::root(), Reading::default())
            }
            other => other,
        }
    }

    /// The name of the file or directory, if the operation has one.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Welcome | Self::Preflight | Self::Health | Self::Report(_) => None,
            Self::Read(name, _)
            | Self::CountLines(name)
            | Self::Digest(name)
            | Self::Info(name)
            | Self::Archive(name)
            | Self::Create(name)
            | Self::MakeDirectory(name)
            | Self::Untar(name, _)
            | Self::Append(name, _)
            | Self::Rename(name)
            | Self::Copy(name)
            | Self::Claim(name, _)
            | Self::Delete(name) => Some(name),
        }
    }

    /// How long it waits, if it does.
    #[must_use]
    pub fn wait_limit(&self) -> Option<Duration> {
        match self {
            Self::Read(_, reading) => reading.wait,
            Self::Claim(_, wait) => *wait,
            _ => None,
        }
    }

    /// Whether it waits where it would be answered with this status: for a file that is not there,
    /// for another version of it, for a file to claim.
    #[must_use]
    pub fn waits_at(&self, status: u16) -> bool {
        match self {
            Self::Read(..) => matches!(status, 304 | 404),
            Self::Claim(..) => status == 204,
            _ => false,
        }
    }

    /// Whether what is below its name, or below a name in its body, changes with it.
    #[must_use]
    pub fn changes_below(&self) -> bool {
        matches!(self, Self::Rename(_) | Self::Delete(_) | Self::Untar(..))
    }

    /// Whether it changes the storage.
    #[must_use]
    pub fn changes_something(&self) -> bool {
        match self {
            Self::Welcome
            | Self::Preflight
            | Self::Health
            | Self::Report(_)
            | Self::Read(..)
            | Self::CountLines(_)
            | Self::Digest(_)
            | Self::Info(_)
            | Self::Archive(_) => false,
            Self::Create(_)
            | Self::MakeDirectory(_)
            | Self::Untar(..)
            | Self::Append(..)
            | Self::Rename(_)
            | Self::Copy(_)
            | Self::Claim(..)
            | Self::Delete(_) => true,
        }
    }

    /// Whether it asks about the server, in place of a file: it is answered also when all slots are
    /// taken, and during a shutdown.
    #[must_use]
    pub fn is_about_server(&self) -> bool {
        matches!(self, Self::Preflight | Self::Health | Self::Report(_))
    }

    /// Whether it waits neither for the disk nor for anything else: it needs no slot.
    #[must_use]
    pub fn waits_for_nothing(&self) -> bool {
        matches!(self, Self::Preflight | Self::Report(Report::Alive))
    }

    /// Whether it is one that only a probe sends, which reveals nothing.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        matches!(
            self,
            Self::Health | Self::Report(Report::Alive | Report::Ready)
        )
    }

    /// Whether it uses the body.
    #[must_use]
    pub fn takes_content(&self) -> bool {
        self.changes_something() && !matches!(self, Self::MakeDirectory(_) | Self::Delete(_))
    }
}

const HEALTH_METHODS: &str = "GET, HEAD";
const FILE_METHODS: &str = "GET, HEAD, POST, PUT, DELETE";

/// Finds the operation for `method` and `target` (origin-form or absolute-form; RFC 9112, section
/// 3.2).
///
/// HEAD has the operation of GET. Health ignores any query, so that no probe fails because of one;
/// other operations refuse parameters that they do not know.
///
/// # Errors
/// A [`RouteFault`] if path, method, name or query is not one of this server.
pub fn route(method: &str, target: &str) -> Result<Operation, RouteFault> {
    let Target { path, query, .. } = Target::of(target);
    if path == "/file" || path == "/file/" {
        return match method {
            "GET" | "HEAD" => Ok(Operation::Health),
            _ => Err(RouteFault::Method(HEALTH_METHODS)),
        };
    }
    let Some(encoded) = path.strip_prefix("/file/") else {
        return route_beside_files(method, path, query);
    };
    let operation = match action::split(encoded) {
        Some((name, action)) => route_action(method, encoded, name, action)?,
        None => route_name(method, encoded)?,
    };
    with_parameters(operation, query)
}

/// The operation with its parameters, of which none may be unknown.
fn with_parameters(operation: Operation, query: Option<&str>) -> Result<Operation, RouteFault> {
    match operation {
        Operation::Append(name, appending) => {
            let appending = Appending {
                creates: Parameters::parse(query, &["create"])?.flag("create")?,
                ..appending
            };
            Ok(Operation::Append(name, appending))
        }
        Operation::Untar(name, _) => {
            let replaces = Parameters::parse(query, &["replace"])?.flag("replace")?;
            Ok(Operation::Untar(name, Untarring { replaces }))
        }
        Operation::Read(name, _) => {
            let parameters = Parameters::parse(query, &reading::PARAMETERS)?;
            Ok(Operation::Read(name, Reading::of(&parameters)?))
        }
        Operation::Claim(name, _) => {
            let parameters = Parameters::parse(query, &["wait"])?;
            Ok(Operation::Claim(name, reading::wait(&parameters)?))
        }
        other => {
            Parameters::parse(query, &[])?;
            Ok(other)
        }
    }
}

/// Operations outside of `/file`.
fn route_beside_files(
    method: &str,
    path: &str,
    query: Option<&str>,
) -> Result<Operation, RouteFault> {
    match (path, method) {
        ("/", "GET" | "HEAD") => {
            Parameters::parse(query, &[])?;
            Ok(Operation::Welcome)
        }
        ("/", _) => Err(RouteFault::Method(HEALTH_METHODS)),
        _ => match (Report::at(path), method) {
            // Like health, whatever the query.
            (Some(report), "GET" | "HEAD") => Ok(Operation::Report(report)),
            (Some(_), _) => Err(RouteFault::Method(HEALTH_METHODS)),
            (None, _) => Err(RouteFault::Unknown),
        },
    }
}

/// The operation on the file or directory of a name.
fn route_name(method: &str, encoded: &str) -> Result<Operation, RouteFault> {
    let operation: fn(Name) -> Operation = match method {
        "GET" | "HEAD" => |name| Operation::Read(name, Reading::default()),
        "PUT" => {
            let appending = Appending {
                creates: false,
                ends_in_slash: ends_in_slash(encoded),
            };
            return Ok(Operation::Append(Name::parse(encoded)?, appending));
        }
        "POST" if ends_in_slash(encoded) => Operation::MakeDirectory,
        "POST" => Operation::Create,
        "DELETE" => Operation::Delete,
        _ => return Err(RouteFault::Method(FILE_METHODS)),
    };
    Ok(operation(Name::parse(encoded)?))
}

/// The operation of an action. Other methods than its own have none: a client would write or delete
/// a file at an address where another method does something else.
fn route_action(
    method: &str,
    encoded: &str,
    name: &str,
    action: Action,
) -> Result<Operation, RouteFault> {
    let operation: fn(Name) -> Operation = match (method, action.word) {
        ("GET" | "HEAD", "wc") => Operation::CountLines,
        ("GET" | "HEAD", "sha256") => Operation::Digest,
        ("GET" | "HEAD", "info") => Operation::Info,
        ("GET" | "HEAD", "tar") => Operation::Archive,
        ("GET" | "HEAD", _) => {
            let name = Name::parse(encoded)?;
            return Ok(Operation::Read(name, Reading::default()));
        }
        ("PUT", "mv") => Operation::Rename,
        ("PUT", "cp") => Operation::Copy,
        ("PUT", "claim") => |name| Operation::Claim(name, None),
        ("POST", "untar") => |name| Operation::Untar(name, Untarring::default()),
        _ => return Err(RouteFault::Action(action)),
    };
    Ok(operation(Name::parse(name)?))
}

#[cfg(test)]
mod tests;
