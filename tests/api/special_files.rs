//! FIFOs and sockets in the storage are refused at once. Devices, which take a mount or root, are
//! in tests/shell/devices.sh.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Instant;

use testkit::{AT_ONCE, Server};

#[test]
fn fifos_and_sockets_are_refused_at_once() {
    let server = Server::start();
    let root = server.storage();
    fs::create_dir(root.join("d")).expect("made");
    let made = Command::new("mkfifo")
        .args(["fifo", "d/fifo"])
        .current_dir(&root)
        .status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo failed");
    let _socket = UnixListener::bind(root.join("socket")).expect("bound");
    symlink("fifo", root.join("to-fifo")).expect("linked");
    let before = server.visible();
    for name in ["fifo", "d/fifo", "socket", "to-fifo"] {
        for (method, target) in [
            ("GET", name.to_string()),
            ("HEAD", name.to_string()),
            ("GET", format!("{name}/wc")),
            ("GET", format!("{name}/info")),
            ("POST", name.to_string()),
            ("PUT", name.to_string()),
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
                start.elapsed() < AT_ONCE,
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
