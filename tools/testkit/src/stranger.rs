//! The server as a user who owns nothing, for tests of permissions.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use crate::{TempDir, server};

/// The user that a test run by root starts the server as, since root may do everything.
const NOBODY: u32 = 65534;

/// A folder, and a command that runs the server as a user who owns nothing in it.
pub struct Stranger {
    pub dir: Arc<TempDir>,
    pub binary: PathBuf,
    /// Other than that of the test, where it is run by root.
    pub user: Option<u32>,
}

impl Stranger {
    pub fn new() -> Self {
        let dir = Arc::new(TempDir::new());
        // The user may not get to where the binary has been built.
        let binary = dir.outside().join("http-nas");
        // By another process: a program cannot be executed while a file is open for writing, and
        // what other tests start meanwhile would inherit one that is open in this process.
        let copied = Command::new("cp")
            .arg(server::binary())
            .arg(&binary)
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "copied");
        let probe = dir.outside().join("probe");
        fs::write(&probe, "").expect("written");
        let user = chown(&probe, Some(NOBODY), Some(NOBODY))
            .is_ok()
            .then_some(NOBODY);
        Self { dir, binary, user }
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear();
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }
}
