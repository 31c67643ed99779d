//! After the last request of a connection the server closes it, even if the client does not.

use testkit::{AT_ONCE, Server, eventually};

/// How often each is tried: who is first, the thread that reads or the one that serves, is up to
/// the system.
const ROUNDS: usize = 200;

/// Requests behind which a client sends no other.
const LAST: [(&str, &str); 6] = [
    (
        "GET",
        "GET /file/there HTTP/1.1\r\nHost: nas\r\nConnection: close\r\n\r\n",
    ),
    ("GET", "GET /file/there HTTP/1.0\r\n\r\n"),
    (
        "GET",
        "GET /file/missing HTTP/1.1\r\nHost: nas\r\nConnection: close\r\n\r\n",
    ),
    (
        "POST",
        "POST /file/new HTTP/1.1\r\nHost: nas\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    ),
    (
        "POST",
        "POST /file/new HTTP/1.1\r\nHost: nas\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ),
    // Refused without its body, which is read for a while.
    (
        "POST",
        "POST /file/%00 HTTP/1.1\r\nHost: nas\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    ),
];

// symptom: a client that reads to the end of the connection hangs until the idle limit; what it
//          sends behind its last request is answered by tiny_http itself, and read without a limit.
// cause:   the connection was struck off the table while its thread of tiny_http had still to read
//          the end.
// fix:     of the thread that reads and the one that serves, who comes last strikes it off; and a
//          connection that is not known is at its end.
#[test]
fn behind_a_last_request_there_is_the_end_and_nothing_else() {
    let server = Server::start();
    server.place("there", b"content");
    let before = server.sockets();
    for (method, request) in LAST {
        for round in 0..ROUNDS {
            let mut conn = server.open();
            conn.limit_reads(AT_ONCE);
            conn.send(request.as_bytes());
            let reply = conn.reply_to(method);
            assert!(reply.is_ok(), "round {round} of {request:?}: {reply:?}");
            assert!(conn.closed(), "round {round} of {request:?}: no end");
            // The server may have closed the connection already.
            let _ = conn.try_send(b"GET /file/there HTTP/1.1\r\nHost: nas\r\n\r\nBAD\r\n\r\n");
            assert!(conn.closed(), "round {round} of {request:?}: another reply");
        }
    }
    eventually("no more sockets than before", || server.sockets() <= before);
    assert_eq!(server.get("new").text(), "hello");
}
