//! The extended attribute in which the server keeps where a file comes from.

use std::path::Path;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

const NAME: &str = "user.http-nas";

/// The attribute of a file.
pub fn get(path: &Path) -> Option<Vec<u8>> {
    let mut value = [0; 64 << 10];
    match rustix::fs::getxattr(path, NAME, &mut value[..]) {
        Ok(length) => Some(value[..length].to_vec()),
        Err(Errno::NODATA) => None,
        Err(errno) => panic!("{}: {errno}", path.display()),
    }
}

/// Sets the attribute, or replaces it.
pub fn set(path: &Path, value: &[u8]) {
    let set = rustix::fs::setxattr(path, NAME, value, XattrFlags::empty());
    set.unwrap_or_else(|errno| panic!("{}: {errno}", path.display()));
}

/// Whether files in this folder can have the attribute.
pub fn are_kept(folder: &Path) -> bool {
    let probe = folder.join("probe");
    std::fs::write(&probe, b"").expect("a file can be made");
    let set = rustix::fs::setxattr(&probe, NAME, b"1", XattrFlags::empty());
    std::fs::remove_file(&probe).expect("and removed");
    set.is_ok()
}
