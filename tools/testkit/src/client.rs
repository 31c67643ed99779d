//! A client that keeps its connection for as long as the server lets it: for tests of many small
//! requests.

use crate::{Conn, Reply, Server};

pub struct Client<'a> {
    server: &'a Server,
    conn: Conn,
}

impl<'a> Client<'a> {
    pub fn of(server: &'a Server) -> Client<'a> {
        Client {
            server,
            conn: server.open(),
        }
    }

    pub fn ask(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let reply = self.conn.request(method, target, headers, body);
        let reply =
            reply.unwrap_or_else(|e| panic!("no reply to {method} {target} {headers:?}: {e}"));
        if reply.closes() {
            self.conn = self.server.open();
        }
        reply
    }

    /// The ETag that `name` has now.
    pub fn tag(&mut self, name: &str) -> String {
        let reply = self.ask("HEAD", name, &[], b"");
        assert_eq!(reply.status, 200, "HEAD {name}");
        let tag = reply.header("ETag");
        tag.unwrap_or_else(|| panic!("no ETag in\n{}", reply.head))
            .to_string()
    }
}
