//! A request of tiny_http, and with it the connection that it is from.

use std::io::Read;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::connection::Connection;
use super::inbound::MARK;
use super::table;

/// A request that tiny_http has handed out. As long as it is there, its connection's socket is open.
pub(super) struct Held {
    request: tiny_http::Request,
    connection: Arc<Connection>,
}

impl Held {
    /// Finds the connection that a request is marked with. `None`: there is none, and the request has been put aside.
    pub(super) fn of(request: tiny_http::Request) -> Option<Self> {
        // The descriptor is looked at, too: nothing must ever be sent to a stranger.
        match marked(&request).filter(|connection| connection.is_open()) {
            Some(connection) => Some(Self {
                request,
                connection,
            }),
            None => {
                // No head is handed out without a mark, and no connection forgotten before its request is through. A
                // request from nowhere may have a body that never ends, so that it must not even be dropped.
                log::error!("a request that no connection has sent was put aside");
                std::mem::forget(request);
                None
            }
        }
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The connection's socket. It is the descriptor that was accepted, which is the half that tiny_http writes to, and
    /// which a request keeps for its reply.
    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.connection.socket_of(&self.request)
    }

    /// The body, as tiny_http cuts it out.
    pub(super) fn body(&mut self) -> &mut dyn Read {
        self.request.as_reader()
    }

    /// Drops the request, of whose body nothing is left to be read, without the reply of 500 that tiny_http sends for
    /// one that is dropped.
    pub(super) fn abandon(self) {
        drop(self.request.into_writer());
    }
}

/// The method and the target of a request that nobody has taken up yet. `None` where it will not be carried out.
#[must_use]
pub fn wanted(request: &tiny_http::Request) -> Option<(String, String)> {
    marked(request)?.offered()
}

fn marked(request: &tiny_http::Request) -> Option<Arc<Connection>> {
    let mark = |header: &&tiny_http::Header| header.field.equiv(MARK);
    let cookie = request.headers().iter().find(mark)?.value.as_str();
    table::with_cookie(cookie.parse().ok()?)
}
