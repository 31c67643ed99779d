//! The threads that serve requests: that they come and go with the work.

use std::time::Duration;

use crate::common::{Conn, Server, within};

#[test]
fn workers_end_when_they_are_idle() {
    const UPLOADS: u64 = 100;
    let server = Server::start();
    assert_eq!(server.get("/file").text(), "OK");
    let before = server.proc_status("Threads");
    let held: Vec<Conn> = (0..UPLOADS)
        .map(|number| server.begin("POST", &format!("held/{number}"), "Content-Length: 10"))
        .collect();
    let most = server.proc_status("Threads");
    assert!(
        most >= before + UPLOADS,
        "{most} threads serve {UPLOADS} uploads"
    );
    for mut conn in held {
        conn.send(b"0123456789");
        assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    }
    // tiny_http's threads wait 5 s for another connection, the workers 10 s for another request.
    let what = format!("no more than about the {before} threads of before");
    within(Duration::from_secs(30), &what, || {
        server.proc_status("Threads") <= before + 8
    });
    assert_eq!(server.get("/file").text(), "OK");
    server.assert_clean();
}
