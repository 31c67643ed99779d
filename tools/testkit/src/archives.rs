//! Archives of folders: asking for them, at once or in the middle, and what GNU tar makes of them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::{Conn, Reply, Server};

pub const MIB: u64 = 1 << 20;

/// Runs GNU tar on an archive.
pub fn gnu_tar(archive: &[u8], args: &[&str], dir: &Path) -> Output {
    let mut child = Command::new("tar")
        .args(args)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a tar");
    let mut stdin = child.stdin.take().expect("a pipe");
    let archive = archive.to_vec();
    let writer = thread::spawn(move || stdin.write_all(&archive));
    let output = child.wait_with_output().expect("tar ends");
    let written = writer.join().expect("the writer ends");
    assert!(output.status.success(), "tar {args:?}: {output:?}");
    written.expect("tar takes all of the archive");
    output
}

/// The lines of what tar prints of an archive.
pub fn names(archive: &[u8]) -> Vec<String> {
    let output = gnu_tar(archive, &["-tf", "-"], Path::new("/"));
    let text = String::from_utf8(output.stdout).expect("tar quotes what is not ASCII");
    text.lines().map(str::to_owned).collect()
}

/// A folder next to the storage with what is in an archive.
pub fn restore(server: &Server, archive: &[u8]) -> PathBuf {
    let out = server.dir.outside().join("restored");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir(&out).expect("made");
    gnu_tar(archive, &["-xpf", "-"], &out);
    out
}

/// What gzip makes of it.
pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is gzip");
    let mut stdin = child.stdin.take().expect("a pipe");
    let bytes = bytes.to_vec();
    let writer = thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().expect("gzip ends");
    writer
        .join()
        .expect("the writer ends")
        .expect("it is taken");
    output.stdout
}

pub fn archive(server: &Server, folder: &str) -> Vec<u8> {
    let reply = server.get(&format!("{folder}/tar"));
    assert_eq!(reply.status, 200, "{folder}: {}", reply.summary());
    assert_eq!(reply.header("Content-Type"), Some("application/x-tar"));
    reply.body
}

/// A sparse file, of which a reader that stands still takes only a small part.
pub fn place_large(server: &Server, name: &str) {
    server.place(name, b"");
    let path = server.storage().join(name);
    let file = fs::File::options().write(true).open(path).expect("there");
    file.set_len(64 * MIB).expect("it can be made longer");
}

/// Asks for the archive of a folder that begins with a large file, and stops reading: that file is
/// being sent.
pub fn begin(server: &Server, folder: &str, version: &str) -> (Conn, Reply) {
    let mut conn = server.open();
    conn.send(format!("GET /file/{folder}/tar HTTP/{version}\r\nHost: nas\r\n\r\n").as_bytes());
    let head = conn.head().expect("a head");
    assert_eq!(head.status, 200);
    (conn, head)
}

pub fn finish(mut conn: Conn, head: &Reply) -> io::Result<Vec<u8>> {
    let mut archive = Vec::new();
    conn.body(head, &mut |part| archive.extend_from_slice(part))?;
    Ok(archive)
}
