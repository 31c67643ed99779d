//! Files for replies and bodies.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// An unlinked file with this content.
pub fn file(content: &[u8]) -> File {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("tiny-http-file-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}
