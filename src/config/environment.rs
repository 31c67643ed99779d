//! The environment variables: each flag has a short one, and one with `HTTP_NAS_` before it, which wins.

use std::ffi::OsString;

use super::flags::Flag;
use super::setting::{Setting, Source};
use super::utf8;

/// What stands before the short name of a variable that no other program has.
pub(super) const PREFIX: &str = "HTTP_NAS_";

/// How Kubernetes and the links of Docker tell of a service: one that is called `http-nas` sets `HTTP_NAS_PORT` to
/// `tcp://10.0.0.1:3000` in every pod of its namespace, the server's own among them.
const SERVICE_LINKS: [&str; 3] = ["tcp://", "udp://", "sctp://"];

/// The environment.
pub(super) struct Environment<'v>(&'v dyn Fn(&str) -> Option<OsString>);

impl<'v> Environment<'v> {
    pub(super) fn new(variable: &'v dyn Fn(&str) -> Option<OsString>) -> Self {
        Self(variable)
    }

    /// The value of a flag that the command line does not give. Where both variables are set and differ, a note says
    /// which one counts.
    ///
    /// # Errors
    /// One line, where the value is not UTF-8.
    pub(super) fn value_of(&self, flag: &'static Flag) -> Result<Setting, String> {
        let (own, shared) = (flag.own_variable(), flag.variable);
        let own_value = self.get(&own)?.filter(|value| !is_service_link(value));
        // Only where it counts must it be text.
        let shared_value = self.get(shared);
        let mut note = None;
        let (value, source) = match (own_value, shared_value) {
            (Some(value), shared_value) => {
                let differs = !matches!(&shared_value, Ok(other) if other.as_ref().is_none_or(|other| *other == value));
                note = differs.then(|| format!("{own} counts; {shared} has another value"));
                (value, Source::OwnVariable)
            }
            (None, Ok(Some(value))) => (value, Source::SharedVariable),
            (None, Ok(None)) => (flag.default.to_owned(), Source::Default),
            (None, Err(error)) => return Err(error),
        };
        Ok(Setting {
            flag,
            value,
            source,
            note,
        })
    }

    /// A variable; an empty one counts as unset.
    fn get(&self, name: &str) -> Result<Option<String>, String> {
        let value = (self.0)(name).filter(|value| !value.is_empty());
        value.map(|value| utf8(value, name)).transpose()
    }
}

fn is_service_link(value: &str) -> bool {
    SERVICE_LINKS.iter().any(|scheme| value.starts_with(scheme))
}
