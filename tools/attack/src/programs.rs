//! The programs of this machine that a case can start, and the system limits that can be set for
//! them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::child::{can_run, tied};
use testkit::nginx;

/// What the system allows a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    Everything,
    /// This many descriptors (`ulimit -n`).
    Descriptors(u32),
    /// This many threads and processes (`ulimit -u`), as a user of its own without privileges.
    Threads(u32),
}

/// What is needed to start servers.
#[derive(Debug)]
pub struct Programs {
    /// A copy of the binary that anybody may run.
    pub http_nas: PathBuf,
    help: String,
    /// A folder for all that is started, removed at the end.
    pub folder: PathBuf,
    pub is_root: bool,
    has_setpriv: bool,
    pub has_nginx: bool,
}

impl Programs {
    /// Looks around, and copies the binary to where a user without privileges can run it.
    pub fn find(http_nas: &Path) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("http-nas-attack-{}", std::process::id()));
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        let copy = folder.join("http-nas");
        fs::copy(http_nas, &copy)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
        let help = Command::new(&copy).arg("--help").output()?;
        let status = fs::read_to_string("/proc/self/status")?;
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        Ok(Self {
            http_nas: copy,
            help: String::from_utf8_lossy(&help.stdout).into_owned(),
            folder,
            is_root: user.and_then(|user| user.split_whitespace().next()) == Some("0"),
            has_setpriv: can_run("setpriv"),
            has_nginx: Path::new(nginx::PROGRAM).exists(),
        })
    }

    /// Why a case with these limits cannot be tried here, if it cannot.
    pub fn obstacle(&self, allowed: Allowed) -> Option<&'static str> {
        match allowed {
            Allowed::Threads(_) if !self.is_root => {
                Some("only root can start a server as another user")
            }
            Allowed::Threads(_) if !self.has_setpriv => Some("there is no setpriv"),
            _ => None,
        }
    }

    /// Those of the flags that the binary knows; each is a name and a value.
    pub fn known<'f>(&self, flags: &'f [(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
        let known = |flag: &&(&str, &str)| self.help.split_whitespace().any(|word| word == flag.0);
        flags.iter().filter(known).copied().collect()
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A user that nothing else on the machine runs as, so that no other threads count.
pub fn free_user() -> u32 {
    1_000_000 + std::process::id() % 1_000_000
}

/// The words in front of the server's own that set its limits, and a signal for it should this
/// program be killed.
pub fn limits(allowed: Allowed, user: u32, ends_with: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |more: &[&str]| words.extend(more.iter().map(|&word| word.to_owned()));
    match allowed {
        Allowed::Everything => {}
        Allowed::Descriptors(most) => {
            add(&["sh", "-c", &format!("ulimit -n {most}; exec \"$@\""), "sh"]);
        }
        Allowed::Threads(most) => {
            let script = format!("ulimit -u {most} 2>/dev/null || ulimit -p {most}; exec \"$@\"");
            add(&["sh", "-c", &script, "sh"]);
        }
    }
    words.extend(tied(ends_with));
    if let Allowed::Threads(_) = allowed {
        let user = user.to_string();
        // The words of setpriv go on.
        words.extend(["--reuid", &user, "--regid", &user, "--clear-groups"].map(str::to_owned));
    }
    words
}
