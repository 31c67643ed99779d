//! FIFOs, sockets and devices.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::Server;

#[test]
fn fifos_sockets_and_devices_are_refused_at_once() {
    let server = Server::start();
    let root = server.storage();
    let run = |program: &str, args: &[&str]| {
        let done = Command::new(program)
            .args(args)
            .current_dir(&root)
            .stderr(Stdio::null())
            .status();
        done.is_ok_and(|status| status.success())
    };
    fs::create_dir(root.join("d")).expect("made");
    assert!(
        run("mkfifo", &["fifo"]) && run("mkfifo", &["d/fifo"]),
        "mkfifo failed"
    );
    let _socket = UnixListener::bind(root.join("socket")).expect("bound");
    symlink("fifo", root.join("to-fifo")).expect("linked");
    let mut names = vec!["fifo", "d/fifo", "socket", "to-fifo"];
    // Only root may make a device.
    if run("mknod", &["null", "c", "1", "3"]) {
        names.push("null");
    }
    let before = server.visible();
    for name in &names {
        for (method, target) in [
            ("GET", (*name).to_string()),
            ("HEAD", (*name).to_string()),
            ("GET", format!("{name}/wc")),
            ("POST", (*name).to_string()),
            ("PUT", (*name).to_string()),
        ] {
            let start = Instant::now();
            let body: &[u8] = if matches!(method, "POST" | "PUT") {
                b"body"
            } else {
                b""
            };
            let reply = server.request(method, &target, &[], body);
            assert_eq!(reply.status, 409, "{method} {target}: {}", reply.summary());
            assert!(
                start.elapsed() < Duration::from_secs(2),
                "{method} {target} took {:?}",
                start.elapsed()
            );
        }
        assert_eq!(server.visible(), before, "{name}");
    }
    assert_eq!(server.get("%2F").status, 200, "the listing");
    for name in ["to-fifo", "fifo", "d", "socket"] {
        assert_eq!(server.delete(name).status, 200, "DELETE {name}");
    }
    server.assert_clean();
}
