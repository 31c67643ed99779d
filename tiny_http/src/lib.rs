//! The interface of tiny_http 0.12 on an engine of its own. See README.md for what that means, and for the additions.
//!
//! ```no_run
//! let server = tiny_http::Server::http("127.0.0.1:0")?;
//! for request in server.incoming_requests() {
//!     let response = tiny_http::Response::from_string("hello");
//!     let _ = request.respond(response);
//! }
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! Several threads may wait for requests of one server. The one that receives a request has read its head itself, and
//! does all that follows.
//!
//! From the bottom up: `chunks`, `decode`, `role`, `head` and `conn` are a machine that is fed with bytes; `table` holds
//! the connections and their deadlines; `io`, `encode` and `splice` send and receive; `engine`, `connection` and
//! `dispatch` wait for all sockets; `exchange` is one request and its reply; `server`, `request` and `response` are the interface.

mod additions;
mod authority;
mod body;
mod chunks;
mod config;
mod conn;
mod connection;
mod decode;
mod dispatch;
mod encode;
mod engine;
mod exchange;
mod head;
mod header;
mod io;
mod listen;
mod method;
mod presence;
mod request;
mod response;
mod role;
mod server;
mod splice;
mod status;
mod sync;
mod table;
mod test_request;
mod turn;

pub use additions::{Content, Outgoing, Reply, WriteContent};
pub use authority::split_authority;
pub use body::BodyFault;
pub use config::Config;
pub use encode::Progress;
pub use exchange::Input;
pub use head::{Framing, Head};
pub use header::{Header, HeaderField};
pub use listen::{ConfigListenAddr, ListenAddr, Listener};
pub use method::{HTTPVersion, Method};
pub use request::{ReadWrite, Request};
pub use response::{Response, ResponseBox};
pub use role::{HeadFault, Refusal};
pub use server::{IncomingRequests, Server, ServerConfig, SslConfig};
pub use splice::Pipe;
pub use status::StatusCode;
pub use test_request::TestRequest;

/// What fuzzing needs to see. No part of the interface.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::chunks::{
        ChunkFault, Chunks, MAX_EXTENSIONS, MAX_LINE, MAX_SIZE, MAX_SIZE_DIGITS, MAX_TRAILERS,
    };
    pub use crate::conn::{Conn, Step};
    pub use crate::role::{check, end_of_head};
}
