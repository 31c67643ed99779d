//! The environment variables: each flag has a short one, and one with `HTTP_NAS_` before it, which
//! wins.

use std::ffi::{OsStr, OsString};

use super::flag::Flag;
use super::setting::{Setting, Source};

/// How the variables of Kubernetes and Docker for a service begin: a service called `http-nas` sets
/// `HTTP_NAS_PORT` to `tcp://10.0.0.1:3000` in every pod of its namespace, the server's own among
/// them.
const SERVICE_LINKS: [&str; 3] = ["tcp://", "udp://", "sctp://"];

/// The environment, as a function from the name of a variable to its value.
pub(super) struct Environment<'v>(&'v dyn Fn(&str) -> Option<OsString>);

impl<'v> Environment<'v> {
    pub(super) fn new(variable: &'v dyn Fn(&str) -> Option<OsString>) -> Self {
        Self(variable)
    }

    /// The value of a flag that the command line does not give. Where both variables are set and
    /// differ, a note says which one counts.
    pub(super) fn value_of(&self, flag: &'static Flag) -> Setting {
        let (own, shared) = (flag.own_variable(), flag.variable);
        let own_value = self.get(&own).filter(|value| !is_service_link(value));
        let shared_value = self.get(shared);
        let mut note = None;
        let (value, source) = match (own_value, shared_value) {
            (Some(value), shared_value) => {
                let differs = shared_value.is_some_and(|other| other != value);
                note = differs.then(|| format!("{own} counts; {shared} has another value"));
                (value, Source::OwnVariable)
            }
            (None, Some(value)) => (value, Source::SharedVariable),
            (None, None) => (flag.default.into(), Source::Default),
        };
        Setting {
            flag,
            value,
            source,
            note,
        }
    }

    /// A variable; an empty one counts as unset.
    pub(super) fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

fn is_service_link(value: &OsStr) -> bool {
    let value = value.as_encoded_bytes();
    let is_scheme = |scheme: &&str| value.starts_with(scheme.as_bytes());
    SERVICE_LINKS.iter().any(is_scheme)
}
