//! Malformed heads: which reply they get, by the server or by the program.
//!
//! Not here: the rules themselves, which the unit tests of `src/role.rs` check one by one.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::mpsc;

use common::{LIMIT, config, start};
use tiny_http::{Config, Request, Response};

#[test]
fn heads_that_are_refused_are_answered_by_the_server_or_handed_out() {
    let by_server = start(config(), |_| panic!("it is not handed out"));
    let (noted, refusals) = mpsc::channel();
    let by_program = start(
        Config {
            hands_out_refusals: true,
            ..config()
        },
        move |request: Request| {
            let refusal = request.refusal().unwrap().clone();
            assert_eq!(refusal.target, request.url());
            noted.send(refusal).unwrap();
            let _ = request.respond(Response::from_string("mine").with_status_code(499));
        },
    );
    for head in testkit::malformed::heads() {
        let mut client = by_program.connect();
        client.send(&head.bytes);
        let received = client.receive();
        assert_eq!((received.status, received.content), (499, b"mine".to_vec()));
        assert_eq!(client.rest().unwrap(), b"");
        let refusal = refusals.recv_timeout(LIMIT).unwrap();
        let shown = head.shown();
        assert_eq!(format!("{:?}", refusal.fault), head.fault, "{shown}");
        if head.bytes.starts_with(b"POST /a ") {
            assert_eq!((&*refusal.method, &*refusal.target), ("POST", "/a"));
        }
        let mut client = by_server.connect();
        client.send(&head.bytes);
        let received = client.receive();
        let content = format!("{}\n", refusal.fault).into_bytes();
        let expected = (head.status(), content);
        assert_eq!((received.status, received.content), expected, "{shown}");
        assert!(
            received.head.contains("\r\nConnection: close\r\n"),
            "{}",
            received.head
        );
        assert_eq!(client.rest().unwrap(), b"");
    }
}
