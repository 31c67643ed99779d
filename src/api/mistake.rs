//! A body that is followed while it comes, to tell whether its sender meant something else than to store it.

use super::observed::Observer;
use super::{Error, Request};
use crate::http::admission::is_media_type;
use crate::http::path_object::PathObject;

/// The types that a body meant for `mv` comes with: that of the object, and the one that `curl -d` sends whatever the body
/// is.
const MEDIA_TYPES: [&str; 2] = ["application/json", "application/x-www-form-urlencoded"];

/// Follows a body that may be meant for `mv`.
pub(super) struct MoveWithoutAction {
    /// Only these types are followed: what else looks so is content, such as a line of a log.
    object: Option<PathObject>,
}

impl MoveWithoutAction {
    pub(super) fn of(request: &dyn Request) -> Self {
        let media_type = request.field("Content-Type").unwrap_or_default();
        let is_followed = MEDIA_TYPES
            .iter()
            .any(|followed| is_media_type(&media_type, followed));
        let object = is_followed.then(PathObject::default);
        Self { object }
    }

    /// Refuses a body that was `{"path": "..."}` as a whole.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.object.as_ref().is_some_and(PathObject::is_whole) {
            true => Err(Error::Content(
                "to move it, PUT to its name and /mv; ?create appends the JSON to the file",
            )),
            false => Ok(()),
        }
    }
}

impl Observer for MoveWithoutAction {
    fn observe(&mut self, part: &[u8]) {
        if let Some(object) = &mut self.object {
            object.follow(part);
        }
    }
}
