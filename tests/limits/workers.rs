//! The threads that serve requests come and go with the work, and requests beyond the limit get 503
//! at once.

use std::time::Instant;

use testkit::{AT_ONCE, Conn, Server, eventually};

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
    assert!(most >= UPLOADS, "{most} threads serve {UPLOADS} uploads");
    for mut conn in held {
        conn.send(b"0123456789");
        assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    }
    // They wait 10 s for another request.
    let what = format!("no more than about the {before} threads of before");
    eventually(&what, || server.proc_status("Threads") <= before + 8);
    assert_eq!(server.get("/file").text(), "OK");
    server.assert_clean();
}

#[test]
fn a_burst_of_uploads_past_the_limit_gets_503_at_once() {
    let server = Server::with(&["--max-transfers", "4"], &[]);
    let mut conns: Vec<Conn> = (0..200).map(|_| server.open()).collect();
    let start = Instant::now();
    for (number, conn) in conns.iter_mut().enumerate() {
        let head = format!(
            "POST /file/{number} HTTP/1.1\r\nHost: nas\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
        );
        conn.send(head.as_bytes());
    }
    let (mut admitted, mut refused) = (Vec::new(), 0);
    for (number, mut conn) in conns.into_iter().enumerate() {
        let reply = conn.head().expect("a word or a reply");
        match reply.status {
            100 => admitted.push(conn),
            503 => {
                let retry = reply.header("Retry-After").map(str::parse::<u32>);
                assert!(matches!(retry, Some(Ok(_))), "{number}:\n{}", reply.head);
                refused += 1;
            }
            status => panic!("{number}: {status}"),
        }
    }
    // Not one after another, and none only when another one ends.
    let took = start.elapsed();
    assert!(took < AT_ONCE, "it took {took:?}");
    assert_eq!((admitted.len(), refused), (4, 196));
    assert_eq!(server.get("/file").text(), "OK");
    for mut conn in admitted {
        conn.send(b"0123456789");
        assert_eq!(conn.reply_to("POST").expect("a reply").status, 200);
    }
    assert_eq!(server.visible().len(), 4);
    server.assert_clean();
}
