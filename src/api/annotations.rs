//! What a handler adds to the log line of its request.

use std::sync::{Mutex, OnceLock};

use super::op::Op;
use crate::http::name::Name;
use crate::sync::lock;

/// What is known of a request only while it is carried out. A request that takes long is logged
/// more than once, so that it is read meanwhile.
#[derive(Debug)]
pub(crate) struct Annotations {
    op: Mutex<Option<Op>>,
    new_name: Mutex<Option<Name>>,
    cause: OnceLock<String>,
}

impl Annotations {
    /// At first, with the operation if the head leads to one.
    pub(crate) fn new(op: Option<Op>) -> Self {
        Self {
            op: Mutex::new(op),
            new_name: Mutex::new(None),
            cause: OnceLock::new(),
        }
    }

    /// What the request does.
    pub(crate) fn op(&self) -> Option<Op> {
        *lock(&self.op)
    }

    /// Sets what the request does.
    pub(crate) fn set_op(&self, op: Op) {
        *lock(&self.op) = Some(op);
    }

    /// The name that a move, copy or claim gives.
    pub(crate) fn new_name(&self) -> Option<Name> {
        lock(&self.new_name).clone()
    }

    /// Sets the name that a move, copy or claim gives.
    pub(super) fn set_new_name(&self, name: &Name) {
        *lock(&self.new_name) = Some(name.clone());
    }

    /// Why a reply that is no error does not have status 200.
    pub(crate) fn cause(&self) -> Option<&String> {
        self.cause.get()
    }

    /// Sets the cause.
    pub(super) fn set_cause(&self, cause: String) {
        // Set once, by the handler.
        let _ = self.cause.set(cause);
    }
}
