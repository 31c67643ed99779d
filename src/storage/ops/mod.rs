//! The operations that change what is stored, one a file. They do not use each other.

pub(super) mod append;
pub(super) mod copy;
pub(super) mod mkdir;
pub(super) mod put;
pub(super) mod recover;
pub(super) mod remove;
pub(super) mod rename;
pub(super) mod untar;
