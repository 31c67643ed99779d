//! Folders of a test's own, what is visible in them, and waiting on a condition.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::LIMIT;

/// A fresh folder below the system's temporary one, removed with all in it when dropped. The
/// storage folder lies inside it, so that a test can put things next to the storage and see whether
/// they change.
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    pub fn new() -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("http-nas-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("storage")).expect("a temporary folder can be made");
        TempDir { path }
    }

    /// The folder around the storage.
    pub fn outside(&self) -> &Path {
        &self.path
    }

    pub fn storage(&self) -> PathBuf {
        self.path.join("storage")
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // It holds a descriptor for each level of folders; rm does not.
        if fs::remove_dir_all(&self.path).is_err() {
            let _ = Command::new("rm").arg("-rf").arg(&self.path).status();
        }
    }
}

/// All that lies below `dir` but the server's own folder, sorted, one entry each: `a.txt 12` for a
/// file and its length, `sub/` for a folder, `link -> target`, `pipe |` for anything else.
pub fn visible(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    walk(dir, "", &mut found);
    found.sort();
    found
}

fn walk(dir: &Path, prefix: &str, found: &mut Vec<String>) {
    // A folder or file may vanish while it is looked at; what is gone is not visible.
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if name == ".http-nas" {
            continue;
        }
        let Ok(meta) = fs::symlink_metadata(entry.path()) else {
            continue;
        };
        let kind = meta.file_type();
        if kind.is_dir() {
            found.push(format!("{name}/"));
            walk(&entry.path(), &format!("{name}/"), found);
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            found.push(format!("{name} -> {}", target.display()));
        } else if kind.is_fifo() || kind.is_socket() || !kind.is_file() {
            found.push(format!("{name} |"));
        } else {
            found.push(format!("{name} {}", meta.len()));
        }
    }
}

/// Everything but folders below the server's own folder of the storage `dir`.
pub fn litter(dir: &Path) -> Vec<String> {
    let mut found = visible(&dir.join(".http-nas"));
    found.retain(|entry| !entry.ends_with('/'));
    found
}

/// Polls until `condition` holds; fails after [`LIMIT`]. The only way in which these tests wait.
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    within(LIMIT, what, condition);
}

/// The same with another deadline, for what the server itself takes its time for.
pub fn within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < limit,
            "did not happen within {limit:?}: {what}"
        );
        thread::sleep(Duration::from_millis(2));
    }
}

/// Lets time pass: for tests whose subject is the time itself, such as a client that is slow. What
/// is to happen is waited for with [`eventually`].
pub fn let_pass(time: Duration) {
    thread::sleep(time);
}

/// `len` bytes that look random, hold newlines and NULs, and differ with `seed`; the first byte is
/// `seed`.
pub fn pattern(seed: u8, len: usize) -> Vec<u8> {
    let mut state =
        0x9e37_79b9_7f4a_7c15 ^ (u64::from(seed) + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mut bytes = Vec::with_capacity(len + 8);
    bytes.push(seed);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
