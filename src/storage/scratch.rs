//! A storage for a unit test.

use std::path::PathBuf;

use super::{Options, Store};

/// A storage below the system's temporary directory, removed when dropped.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
    pub(super) store: Store,
}

impl Scratch {
    /// A new one; `kind` is the test's own.
    pub(super) fn new(kind: &str) -> Result<Self, String> {
        let name = format!("http-nas-{kind}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let options = Options {
            min_free: 0,
            sync: false,
            create_parents: false,
        };
        let store = Store::open(&path, options)?;
        Ok(Self { path, store })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
