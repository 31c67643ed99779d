//! The storage of a server, seen and changed behind its back.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use crate::{Server, disk};

impl Server {
    pub fn storage(&self) -> PathBuf {
        self.dir.storage()
    }

    pub fn visible(&self) -> Vec<String> {
        disk::visible(&self.storage())
    }

    /// Fails where files stay in the server's own folder.
    pub fn assert_clean(&self) {
        disk::eventually(
            &format!("no litter, {:?}", disk::litter(&self.storage())),
            || disk::litter(&self.storage()).is_empty(),
        );
    }

    /// Puts a file into the storage behind the server's back.
    pub fn place(&self, name: &str, content: &[u8]) {
        let path = self.storage().join(name);
        fs::create_dir_all(path.parent().expect("below the storage"))
            .expect("the folder can be made");
        fs::write(path, content).expect("the file can be written");
    }

    /// What lies on the disk under `name`.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.storage().join(name)).ok()
    }

    /// Puts a file there with a time in the middle of a second, as the times of files are.
    pub fn place_at(&self, name: &str, content: &[u8], seconds: u64) {
        self.place(name, content);
        let time = UNIX_EPOCH + Duration::new(seconds, 600_000_000);
        let set = self.open_placed(name).set_modified(time);
        set.expect("the time can be set");
    }

    /// Puts a file of zeros there that takes no space.
    pub fn place_sparse(&self, name: &str, length: u64) {
        self.place(name, b"");
        let set = self.open_placed(name).set_len(length);
        set.expect("it can be that long");
    }

    fn open_placed(&self, name: &str) -> File {
        let file = File::options().append(true).open(self.storage().join(name));
        file.expect("it is there")
    }

    /// Kills the server in the middle of an append to `file`, which is left longer than it counts,
    /// or in one case or another just after it.
    pub fn kill_in_an_append(&mut self, block: &[u8]) {
        let path = self.storage().join("file");
        let length = || fs::metadata(&path).map_or(0, |meta| meta.len());
        let before = length();
        let mut conn = self.begin("PUT", "file", &format!("Content-Length: {}", block.len()));
        conn.send(block);
        disk::eventually("the append begins", || length() > before);
        self.kill();
    }
}
