//! The storage of the table: pairs of names in every place that the rules tell from another.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// What the files hold, and no refusal may.
pub const CONTENT: &str = "precious";

/// Pairs of names in the same place: something is there, and nothing.
pub const PLACES: [(&str, &str); 18] = [
    // Where the rights are.
    ("a/in/there", "a/in/gone"),
    ("a/in/folder", "a/in/gone"),
    ("a/in/folder/f", "a/in/none/f"),
    // The path itself.
    ("a/in", "a/none"),
    // Above it.
    ("a", "b"),
    // Elsewhere.
    ("out/there", "out/gone"),
    ("out/folder", "out/gone"),
    // A component that only begins like it.
    ("a/in-old/there", "a/in-old/gone"),
    ("a/i", "a/x"),
    // Through a link, and to one: from there to there, from there to elsewhere, from elsewhere.
    ("a/in/near/f", "a/in/near/gone"),
    ("a/in/near-there", "a/in/near-gone"),
    ("a/in/far/there", "a/in/far/gone"),
    ("a/in/far/folder/f", "a/in/far/none/f"),
    ("a/in/far-there", "a/in/far-gone"),
    ("out/back/there", "out/back/gone"),
    ("out/back-there", "out/back-gone"),
    // Where everybody has rights.
    ("public/there", "public/gone"),
    ("public/to-in", "public/to-none"),
];

/// The places where the sets of rights make a difference.
pub const CHIEF_PLACES: [usize; 2] = [0, 11];

pub const FILES: [&str; 10] = [
    "a/in/there",
    "a/in/folder/f",
    "a/in-old/there",
    "a/i",
    "out/there",
    "out/folder/f",
    "public/there",
    "b-file",
    "a/in/again",
    "out/again",
];

pub const LINKS: [(&str, &str); 10] = [
    ("a/in/near", "folder"),
    ("a/in/near-there", "there"),
    ("a/in/near-gone", "gone"),
    ("a/in/far", "../../out"),
    ("a/in/far-there", "../../out/there"),
    ("a/in/far-gone", "../../out/gone"),
    ("out/back", "../a/in"),
    ("out/back-there", "../a/in/there"),
    ("out/back-gone", "../a/in/gone"),
    ("public/to-in", "../a/in/there"),
];

/// Puts all of it into an empty storage.
pub fn build(storage: &Path) {
    for name in FILES {
        let path = storage.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{CONTENT} {name}\n")).unwrap();
    }
    for (name, target) in LINKS {
        symlink(target, storage.join(name)).unwrap();
    }
    symlink("../a/none", storage.join("public/to-none")).unwrap();
}

/// What is stored: names, and what would be different of each after a change.
pub type Picture = BTreeMap<PathBuf, (u64, u64, i64, i64)>;

pub fn picture(folder: &Path, all: &mut Picture) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == ".http-nas" {
            continue;
        }
        let (path, it) = (entry.path(), entry.metadata().unwrap());
        if it.is_dir() {
            picture(&path, all);
        }
        all.insert(path, (it.ino(), it.size(), it.ctime(), it.ctime_nsec()));
    }
}
