//! A body that is followed while it comes, to tell whether its sender meant something else than to store it.

use super::{Error, Request};
use crate::http::admission::is_media_type;
use crate::http::path_object::PathObject;

/// The types that a body meant for `mv` comes with: that of the object, and the one that `curl -d` sends whatever the body
/// is.
const MEDIA_TYPES: [&str; 2] = ["application/json", "application/x-www-form-urlencoded"];

/// Follows a body that may be meant for `mv`.
pub(super) struct MoveWithoutAction(PathObject);

impl MoveWithoutAction {
    /// Only bodies of these types are followed: what else looks so is content, such as a line of a log.
    pub(super) fn of(request: &dyn Request) -> Option<Self> {
        let media_type = request.field("Content-Type").unwrap_or_default();
        let is_followed = MEDIA_TYPES
            .iter()
            .any(|followed| is_media_type(&media_type, followed));
        is_followed.then(|| Self(PathObject::default()))
    }

    /// Takes the next part in.
    pub(super) fn see(&mut self, part: &[u8]) {
        self.0.follow(part);
    }

    /// Refuses a body that was `{"path": "..."}` as a whole.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.0.is_whole() {
            true => Err(Error::Content(
                "to move it, PUT to its name and /mv; ?create appends the JSON to the file",
            )),
            false => Ok(()),
        }
    }
}
