//! A server whose address space is limited (`ulimit -v`) survives what clients declare.

use std::process::Command;

use testkit::{Conn, Server, eventually};

// symptom: one request with a large Content-Length ends the server (SIGABRT), and so does an upload
//          of 10 GiB that is cancelled.
// cause:   the registry's tiny_http asks for a buffer as long as what is left of a body that it
//          drops.
// fix:     no buffer is as long as what a client declares.
#[test]
fn a_large_declared_length_does_not_end_the_server() {
    let mut server = Server::start();
    let pid = server.pid().to_string();
    let limited = Command::new("prlimit")
        .args(["--pid", &pid, "--as=8589934592"])
        .status();
    assert!(
        limited.is_ok_and(|status| status.success()),
        "prlimit failed"
    );
    for length in [10_u64 << 30, 1 << 40] {
        let mut conn = server.open();
        let head =
            format!("POST /file/x HTTP/1.1\r\nHost: nas\r\nContent-Length: {length}\r\n\r\n");
        conn.send(head.as_bytes());
        // It may be refused meanwhile.
        let _ = conn.try_send(b"some of it");
        drop(conn);
        for _ in 0..20 {
            let answers = || {
                let reply = Conn::try_open(server.addr)
                    .and_then(|mut conn| conn.request("GET", "/file", &[], b""));
                reply.is_ok_and(|reply| reply.status == 200)
            };
            eventually(&format!("it answers after {length} bytes"), answers);
        }
    }
    assert!(server.is_alive());
    server.assert_clean();
}
