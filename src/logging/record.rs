//! What both formats take out of a record: its message and its pairs.

use std::borrow::Cow;

use log::kv::{Error, Key, Value, VisitSource};

/// Room for a line of usual length, in bytes.
pub(super) const LINE: usize = 256;

/// The message, copied only where it is not in one piece.
pub(super) fn message<'r>(record: &log::Record<'r>) -> Cow<'r, str> {
    let args = record.args();
    args.as_str()
        .map_or_else(|| args.to_string().into(), Cow::Borrowed)
}

/// Visits key-value pairs with a closure.
pub(super) struct Pairs<F>(pub(super) F);

impl<'kvs, F: FnMut(&str, Value<'_>)> VisitSource<'kvs> for Pairs<F> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        (self.0)(key.as_str(), value);
        Ok(())
    }
}
