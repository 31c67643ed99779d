//! Archives that are small and unpack to much: what they take is bound by the limits to uploads, by
//! the free space, and in memory and descriptors by nothing that is in them.

use testkit::archives::gzipped;
use testkit::tarball::{END, archive, file, preceding, record, records, sparse};
use testkit::{Server, eventually, visible};

const MIB: usize = 1 << 20;

const GZIP: [(&str, &str); 1] = [("Content-Encoding", "gzip")];

/// Gzip of this many times 16 MiB of zeros, in a thousandth of that.
fn zeros(times: usize) -> Vec<u8> {
    gzipped(&vec![0; 16 * MIB]).repeat(times)
}

fn own(server: &Server) -> Vec<String> {
    visible(&server.storage().join(".http-nas"))
}

const NOTHING: [&str; 3] = ["joins/", "removed/", "staged/"];

#[test]
fn max_upload_size_is_the_limit_to_what_is_unpacked_too() {
    let server = Server::with(&["--max-upload-size", "1MiB"], &[]);
    let header = |length: u64| testkit::tarball::Header::new(b"f", b'0', length).before(b"");
    let comment = preceding(b'g', &record("comment", &[b'c'; 400]));
    let names: Vec<_> = (0..3000)
        .map(|number| file(format!("{number}").as_bytes(), b""))
        .collect();
    for (what, body) in [
        ("zeros behind the end", zeros(8)),
        (
            "a file of zeros",
            [gzipped(&header(128 * MIB as u64)), zeros(8)].concat(),
        ),
        (
            "a file of holes",
            gzipped(&archive(&[sparse(b"f", 1 << 40, &[0, 1], b"x")])),
        ),
        ("headers of no entry", gzipped(&comment.repeat(2000))),
        ("empty files", gzipped(&archive(&names))),
    ] {
        assert!(body.len() < MIB, "{what}");
        let reply = server.request("POST", "new/untar", &GZIP, &body);
        assert_eq!(reply.status, 413, "{what}: {}", reply.summary());
        let expected = "an archive may have 1048576 bytes at most once it is unpacked\n";
        assert!(reply.text().ends_with(expected), "{}", reply.text());
        assert_eq!(own(&server), NOTHING, "{what}");
    }
    // The body itself, declared, in chunks, and such as never comes to anything.
    let plain = archive(&[file(b"f", &vec![b'x'; MIB])]);
    let nothing = gzipped(b"").repeat(MIB / 10);
    for (body, fields) in [(&plain, &[][..]), (&nothing, &GZIP)] {
        let reply = server.request("POST", "new/untar", fields, body);
        assert_eq!(reply.status, 413, "{}", reply.summary());
        let chunked = testkit::chunked(body, 10_000);
        let fields = [fields, &[("Transfer-Encoding", "chunked")]].concat();
        let reply = server.request("POST", "new/untar", &fields, &chunked);
        assert_eq!(reply.status, 413, "{}", reply.summary());
        let expected = "an upload may have 1048576 bytes at most\n";
        assert!(reply.text().ends_with(expected), "{}", reply.text());
    }
    assert!(server.visible().is_empty());
    // What is exactly as long as it may be.
    let longest = archive(&[file(b"f", &vec![b'x'; MIB - 1536])]);
    assert_eq!(longest.len(), MIB);
    assert_eq!(server.post("one/untar", &longest).status, 200);
    let reply = server.request("POST", "two/untar", &GZIP, &gzipped(&longest));
    assert_eq!(reply.status, 200);
}

#[test]
fn what_does_not_leave_the_free_space_is_refused() {
    let server = Server::with(&["--min-free-space", "1000000GiB"], &[]);
    let reply = server.post("new/untar", &END);
    assert_eq!(reply.status, 507, "{}", reply.summary());
    assert_eq!(own(&server), NOTHING);
    // Holes take none, but whoever copies the file would fill the disk with them.
    let server = Server::start();
    for (length, status) in [(1 << 53, 507), (1_000_000, 200)] {
        let body = archive(&[file(b"before", b"x"), sparse(b"f", length, &[0, 1], b"x")]);
        let reply = server.post("new/untar", &body);
        assert_eq!(reply.status, status, "{length}: {}", reply.summary());
        assert_eq!(own(&server), NOTHING);
        assert_eq!(server.visible().is_empty(), status == 507);
    }
}

#[test]
fn neither_the_number_of_entries_nor_their_depth_takes_memory_or_descriptors() {
    let server = Server::start();
    let deep = format!("{}f", "d/".repeat(2000));
    let entry = |number: usize| match number % 5000 {
        0 => [
            records(&[("path", format!("{number}/{deep}").as_bytes())]),
            file(b"f", b"x"),
        ]
        .concat(),
        _ => file(format!("{}/{number}", "n".repeat(80)).as_bytes(), b""),
    };
    let part = |from: usize, to: usize| (from..to).flat_map(entry).collect::<Vec<_>>();
    let mut conn = server.begin("POST", "new/untar", "Transfer-Encoding: chunked");
    let mut send = |body: &[u8]| {
        let chunked = testkit::chunked(body, 1 << 20);
        conn.send(&chunked[..chunked.len() - 5]);
    };
    let unpacked = |number: usize| {
        let staged = server.storage().join(".http-nas/staged");
        let name = format!("{}/{number}", "n".repeat(80));
        eventually("so much is unpacked", || {
            let trees = std::fs::read_dir(&staged).expect("there").flatten();
            trees
                .into_iter()
                .any(|tree| tree.path().join(&name).exists())
        });
    };
    send(&part(0, 2000));
    unpacked(1900);
    let (memory, descriptors) = (server.proc_status("VmHWM"), server.descriptors());
    send(&part(2000, 15_000));
    unpacked(14_900);
    let grown = server.proc_status("VmHWM") - memory;
    assert!(grown < 1024, "{grown} KiB for 13,000 entries");
    assert!(server.descriptors() <= descriptors + 3);
    send(&END);
    conn.send(b"0\r\n\r\n");
    assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    assert_eq!(server.delete("new").status, 200);
}

#[test]
fn without_descriptors_nothing_is_left() {
    let server = Server::start();
    let mut conn = server.begin("POST", "new/untar", "Transfer-Encoding: chunked");
    let body = archive(&[file(b"a/b/c", b"x"), file(b"d", b"x")]);
    let part = |part: &[u8]| {
        let chunked = testkit::chunked(part, 10_000);
        chunked[..chunked.len() - 5].to_vec()
    };
    conn.send(&part(&body[..600]));
    eventually("it is being unpacked", || own(&server).len() > 5);
    let limit = |limit: &str| {
        let pid = server.pid().to_string();
        let limited = std::process::Command::new("prlimit")
            .args(["--pid", &pid, &format!("--nofile={limit}")])
            .status();
        assert!(limited.is_ok_and(|status| status.success()));
    };
    limit("3:");
    conn.send(&part(&body[600..]));
    let reply = conn.reply_to("POST").expect("a reply");
    limit("512:");
    assert_eq!(reply.status, 503, "{}", reply.summary());
    assert!(server.visible().is_empty());
    // To remove what is there takes descriptors, too: it is done later, by any server.
    let _other = server.sibling();
    eventually("nothing is left", || own(&server) == NOTHING);
}
