//! Uploads below the least rate go on as long as no other request needs their slot or their space.

use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::{Conn, Server, TempDir, eventually, let_pass, rules};

/// Over how long a rate is measured.
const MINUTE: Duration = Duration::from_secs(60);

// symptom: clients that send a byte now and then keep their slots for ever, and with all slots
//          everybody out.
// cause:   there was a limit for a body that stands still, and none for one that hardly moves.
// fix:     an upload below --min-rate is dropped once a slot, or space, is short.
#[test]
fn an_upload_below_the_least_rate_is_dropped_when_slots_are_short() {
    let dir = Arc::new(TempDir::new());
    let everybody = rules::anonymous("everybody", &[("", "write")]);
    let access = rules::put(dir.outside(), &[everybody]);
    let server = Server::on(dir, &["--max-transfers", "3", "--access", &access], &[]);
    let begin = |name: &str| server.begin("POST", name, "Content-Length: 1000000");
    let mut slow: Vec<Conn> = ["a", "b"].map(begin).into();
    let mut fast = begin("fast");
    let mut sent = 0;
    let mut go_on = |slow: &mut Vec<Conn>| {
        slow.iter_mut().for_each(|conn| {
            // One that was dropped takes no more.
            let _ = conn.try_send(b"x");
        });
        fast.send(&[b'x'; 1000]);
        sent += 1000;
        // The subject is how little comes in a minute.
        let_pass(Duration::from_millis(250));
    };
    let start = Instant::now();
    while start.elapsed() < MINUTE + Duration::from_secs(5) {
        go_on(&mut slow);
    }
    // One that is refused anyway needs no slot.
    let wrong = [("Authorization", "Bearer wrong")];
    for _ in 0..8 {
        assert_eq!(server.request("POST", "new", &wrong, b"new").status, 401);
        go_on(&mut slow);
    }
    assert!(
        !server.log().contains("status=408"),
        "dropped, and no request has waited"
    );
    assert_eq!(server.post("new", b"new").status, 503);
    eventually("there is room", || {
        go_on(&mut slow);
        server.post("new", b"new").status == 200
    });
    for mut conn in slow {
        let reply = conn.reply_to("POST").expect("a reply");
        assert_eq!(reply.status, 408, "{}", reply.summary());
        assert!(reply.text().contains("too slowly"), "{}", reply.text());
    }
    assert!(server.log().contains("the body came too slowly"));
    fast.send(&vec![b'x'; 1_000_000 - sent]);
    assert_eq!(fast.reply_to("POST").expect("a reply").status, 200);
    assert_eq!(server.visible(), ["fast 1000000", "new 3"]);
    server.assert_clean();
}

// symptom: any 507 dropped uploads that came slowly, also that of a request that could never have
//          space.
// cause:   whether it would have space without them was not looked at.
// fix:     it has to.
#[test]
fn an_upload_below_the_least_rate_is_dropped_when_space_is_short_that_it_has() {
    let server = Server::with(&["--min-free-space", "0"], &[]);
    let mut slow = server.begin("POST", "slow", "Content-Length: 400000000");
    let part = vec![b'x'; 1 << 20];
    for _ in 0..300 {
        slow.send(&part);
    }
    let go_on = |slow: &mut Conn, time: Duration| {
        let start = Instant::now();
        while start.elapsed() < time {
            // One that was dropped takes no more.
            let _ = slow.try_send(b"x");
            // The subject is how little comes in a minute.
            let_pass(Duration::from_millis(250));
        }
    };
    go_on(&mut slow, MINUTE + Duration::from_secs(10));
    let refused = |length: u64| {
        let (_, reply) = server.announce("POST", "large", &format!("Content-Length: {length}"));
        assert_eq!(reply.status, 507);
    };
    // 32 TiB.
    refused(32 << 40);
    go_on(&mut slow, Duration::from_secs(3));
    assert!(!server.log().contains("status=408"), "dropped in vain");
    let stat = rustix::fs::statvfs(server.storage()).expect("it can be told");
    refused(stat.f_bavail * stat.f_frsize + (150 << 20));
    let reply = slow.reply_to("POST").expect("a reply");
    assert_eq!(reply.status, 408, "{}", reply.summary());
    server.assert_clean();
}
