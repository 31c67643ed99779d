//! Archives of deep folders, of large files and of many files: neither memory, stack nor
//! descriptors grow with them. What an archive holds is in tar.rs.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::archives::{MIB, archive, begin, gnu_tar, names, place_large};
use testkit::{Server, pattern, request_bytes};

/// The innermost of folders in each other, 2,000 of them, as `n/n/n`.
fn deep(name: &str) -> String {
    vec![name; 2000].join("/")
}

#[test]
fn depth_costs_neither_stack_nor_descriptors() {
    let server = Server::start();
    let innermost = deep("d");
    assert_eq!(
        server.post(&format!("{innermost}/z"), b"innermost").status,
        200
    );
    // On the way back each folder has something left.
    for depth in [1, 2, 500, 1000, 1999] {
        let path = format!("{}z", "d/".repeat(depth));
        assert_eq!(server.post(&path, path.as_bytes()).status, 200);
    }
    let found = archive(&server, "d");
    assert_eq!(names(&found).len(), 1999 + 6);
    // Compared with what is there.
    let storage = server.storage().join("d");
    gnu_tar(&found, &["-df", "-"], &storage);

    // Folders that other folders were moved into are deeper than any path can say.
    assert_eq!(server.post(&format!("{}/e", deep("e")), b"").status, 200);
    assert_eq!(server.delete(&format!("{}%2Fe", deep("e"))).status, 200);
    let moved = server.mv("d", &format!("{}/d", deep("e")));
    assert_eq!(moved.status, 200, "{}", moved.summary());
    let found = archive(&server, "e");
    let listed = names(&found);
    assert_eq!(listed.len(), 3999 + 6);
    assert_eq!(
        listed.last(),
        Some(&format!("{}/d/z", deep("e")[2..].to_owned()))
    );
    let path = format!("{}/{innermost}/z", &deep("e")[2..]);
    let content = gnu_tar(&found, &["-xOf", "-", &path], Path::new("/")).stdout;
    assert_eq!(content, b"innermost");

    let before = server.descriptors();
    let mut most = 0;
    let (mut conn, head) = begin(&server, "e", "1.1");
    let body = conn.body(&head, &mut |_| most = most.max(server.descriptors()));
    body.expect("the whole archive");
    assert!(
        most <= before + 8,
        "{before} descriptors before, {most} meanwhile"
    );
    assert_eq!(server.delete("e").status, 200);
}

#[test]
fn the_size_of_a_file_beyond_8_gib_is_told() {
    let server = Server::start();
    server.place("d/huge", b"");
    let path = server.storage().join("d/huge");
    let file = fs::File::options().write(true).open(path).expect("there");
    file.set_len(9 << 30).expect("a sparse file");
    let (mut conn, _) = begin(&server, "d", "1.1");
    // Its beginning is the header; the rest is not waited for.
    let start = conn.next_chunk().expect("a chunk");
    drop(conn);
    let mut child = Command::new("tar")
        .args(["-tvf", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a tar");
    let _ = child.stdin.take().expect("a pipe").write_all(&start);
    let listed = child.wait_with_output().expect("tar ends").stdout;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    assert!(
        listed.contains(" 9663676416 ") && listed.contains(" huge"),
        "{listed}"
    );
}

#[test]
fn memory_does_not_grow_with_an_archive() {
    let server = Server::start();
    for number in 0..8 {
        place_large(&server, &format!("d/large-{number}"));
    }
    for number in 0..3000 {
        server.place(&format!("d/{}/{number}", number % 30), &pattern(1, number));
    }
    assert_eq!(server.get("/file").text(), "OK");
    let before = server.proc_status("VmHWM");
    let mut conn = server.open();
    conn.send(&request_bytes("GET", "d/tar", &[], b""));
    let head = conn.head().expect("a head");
    let mut length = 0;
    conn.body(&head, &mut |part| length += part.len() as u64)
        .expect("the whole archive");
    assert!(length > 8 * 64 * MIB, "{length} bytes");
    let more = server.proc_status("VmHWM") - before;
    assert!(more < 4 * 1024, "{more} KiB more");
}
