//! How long unused connections are kept.

use std::time::{Duration, Instant};

use testkit::{Conn, Server};

// symptom: requests through a load balancer get 502 now and then.
// cause:   connections were closed after 75 s without a request, and balancers keep them for
//          longer.
// fix:     --keep-alive-timeout.
#[test]
fn an_unused_connection_is_kept_as_long_as_the_flag_says() {
    let short = Server::with(&["--keep-alive-timeout", "1s"], &[]);
    let long = Server::with(&[], &[("KEEP_ALIVE_TIMEOUT", "10m")]);
    let ask = |conn: &mut Conn| {
        let reply = conn.request("GET", "/file", &[], b"").expect("a reply");
        assert!(reply.status == 200 && !reply.closes(), "{}", reply.head);
    };
    let mut kept = long.open();
    ask(&mut kept);
    for asks_first in [true, false] {
        let start = Instant::now();
        let mut conn = short.open();
        if asks_first {
            ask(&mut conn);
        }
        assert!(conn.closed(), "it is kept for longer than the flag says");
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(1), "closed after {took:?}");
    }
    // While it is in use, nothing counts.
    let mut used = short.open();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        ask(&mut used);
    }
    ask(&mut kept);
}
