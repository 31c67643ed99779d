//! The rules of who may do what, as the file of `--access` has them.
//!
//! Responsible for: reading the file at the start and each time that it changes. Not for: its
//! syntax (`http/access_file.rs`), the decisions (`http/policy.rs`, `api/grant.rs`).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use crate::http::access_file::{self, MAX_LENGTH};
use crate::http::policy::{Caller, Policy};
use crate::storage::Store;
use crate::sync::{lock, start_thread};

/// The time between two looks at the file. It is read each time: its times do not always show a
/// change, as on a network file system, or where it is written twice within one tick of the clock.
const INTERVAL: Duration = Duration::from_millis(500);

/// The time after which a file that has changed must have the same content again: one that is being
/// written has not.
const SETTLING: Duration = Duration::from_millis(50);

/// The rules, and where they are from.
#[derive(Default)]
pub(super) struct Access {
    /// The file; without one, everything is allowed to everybody.
    path: Option<PathBuf>,
    policy: RwLock<Option<Arc<Policy>>>,
    /// What is wrong with the file since it was read last.
    fault: Mutex<Option<String>>,
}

impl Access {
    /// Reads the rules, if there is a file of them.
    ///
    /// # Errors
    /// One line that says what is wrong with the file.
    pub(super) fn open(path: Option<&Path>, store: &Store) -> Result<Self, String> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let refuse = |why: String| format!("cannot use the access file {}: {why}", path.display());
        let absolute = std::path::absolute(path).map_err(|error| refuse(error.to_string()))?;
        if is_in_storage(&absolute, store) {
            let why = "it is in the storage folder, where clients could read and replace it";
            return Err(refuse(why.to_owned()));
        }
        let content = read(&absolute).map_err(refuse)?;
        let policy = access_file::parse(&content).map_err(refuse)?;
        Ok(Self {
            path: Some(absolute),
            policy: RwLock::new(Some(Arc::new(policy))),
            fault: Mutex::default(),
        })
    }

    /// The caller with the value of `Authorization`, or without one.
    pub(super) fn identify(&self, authorization: Option<&str>) -> Caller {
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner);
        Caller::identify(policy.clone(), authorization)
    }

    /// Whether the rules are still those that the caller was identified by.
    pub(super) fn is_current(&self, caller: &Caller) -> bool {
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner);
        caller.is_under(policy.as_ref())
    }

    /// What is wrong with the file, if anything; none where there is no file.
    pub(super) fn check(&self) -> Option<Result<(), String>> {
        self.path.as_ref()?;
        let fault = lock(&self.fault).clone();
        Some(fault.map_or(Ok(()), Err))
    }

    /// Reads the file again and again, and replaces the rules where it has changed.
    fn watch(&self, path: &Path) {
        let mut known = None;
        loop {
            let content = read(path);
            if known.as_ref() != Some(&content) {
                std::thread::sleep(SETTLING);
                if read(path) == content {
                    self.replace(&content, known.is_some());
                    known = Some(content);
                }
            }
            std::thread::sleep(INTERVAL);
        }
    }

    /// Takes over the content of the file, and logs what has come of it. `is_change`: it was
    /// another one before.
    fn replace(&self, content: &Result<Vec<u8>, String>, is_change: bool) {
        let parsed = content.as_ref().map_err(String::clone);
        match parsed.and_then(|content| access_file::parse(content)) {
            Ok(policy) => {
                let tokens = policy.len();
                let mut current = self.policy.write().unwrap_or_else(PoisonError::into_inner);
                // Replies without an end go on while the rules are the same.
                if current.as_deref() != Some(&policy) {
                    *current = Some(Arc::new(policy));
                }
                drop(current);
                *lock(&self.fault) = None;
                if is_change {
                    log::info!(tokens; "the access file was read again");
                }
            }
            Err(why) => {
                log::error!(cause = why.as_str(); "the access file cannot be used; the rules stay as they were");
                *lock(&self.fault) = Some(why);
            }
        }
    }
}

/// Whether the file, or a link that leads to it, is in the storage.
fn is_in_storage(path: &Path, store: &Store) -> bool {
    let mut at = path.to_owned();
    // As many as the kernel follows (path_resolution(7)); a circle is an error of `read`.
    for _ in 0..40 {
        let Some(folder) = at.parent() else { break };
        if store.contains(folder) {
            return true;
        }
        let Ok(target) = std::fs::read_link(&at) else {
            break;
        };
        at = folder.join(target);
    }
    false
}

/// The content of the file.
///
/// # Errors
/// What is wrong with it.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    // Opening a FIFO must not wait for its writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map(File::from);
    let file = opened.map_err(|errno| errno.to_string())?;
    let is_file = file
        .metadata()
        .map_err(|error| error.to_string())?
        .is_file();
    if !is_file {
        return Err("it is not a file".to_owned());
    }
    let mut content = Vec::new();
    let read = file.take(MAX_LENGTH + 1).read_to_end(&mut content);
    read.map_err(|error| error.to_string())?;
    match content.len() as u64 > MAX_LENGTH {
        true => Err("it is larger than 1 MiB".to_owned()),
        false => Ok(content),
    }
}

/// Starts the thread that looks for changes of the file, if there is one.
///
/// # Errors
/// A line for the user, if the thread cannot be started.
pub(super) fn watch(access: Arc<Access>) -> Result<(), String> {
    let Some(path) = access.path.clone() else {
        return Ok(());
    };
    start_thread("access", move || access.watch(&path))
}
