//! The interface of tiny_http 0.12 on an engine of its own. README.md says what that means, and
//! lists the additions.
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
//! Several threads may wait for requests of one server. The one that receives a request has read
//! its head itself, and does all that follows.
//!
//! README.md lists the modules from the bottom up.

mod accept;
mod authority;
mod body;
mod chunks;
mod config;
mod connection;
mod decode;
mod detached;
mod dispatch;
mod encode;
mod engine;
mod exchange;
mod frame;
mod head;
mod header;
mod io;
mod lifecycle;
mod listen;
mod method;
mod parser;
mod pipe;
mod pipeline;
mod poller;
mod presence;
mod read_head;
mod refusal;
mod reply;
mod reply_head;
mod request;
mod response;
mod role;
mod selector;
mod server;
mod state;
mod status;
mod stream;
mod sync;
mod table;
mod test_request;
mod wake;
mod wire;

// The interface of tiny_http 0.12.
pub use header::{Header, HeaderField};
pub use listen::{ConfigListenAddr, ListenAddr, Listener};
pub use method::{HTTPVersion, Method};
pub use request::Request;
pub use response::{Response, ResponseBox};
pub use server::{IncomingRequests, Server, ServerConfig, SslConfig};
pub use status::StatusCode;
pub use stream::ReadWrite;
pub use test_request::TestRequest;

// Additions. Those to `Request` and `Server` are `impl` blocks of their own in `request.rs` and
// `server.rs`.
pub use authority::split_authority;
pub use body::BodyFault;
pub use config::Config;
pub use detached::{ClientFault, Detached};
pub use exchange::Input;
pub use head::{Framing, Head};
pub use pipe::Pipe;
pub use refusal::{HeadFault, Refusal};
pub use reply::{Content, Outgoing, Reply, WriteContent};
pub use selector::Selector;
pub use wire::Progress;

/// What fuzzing needs to see. No part of the interface.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::chunks::{
        ChunkFault, Chunks, MAX_EXTENSIONS, MAX_LINE, MAX_SIZE, MAX_SIZE_DIGITS, MAX_TRAILERS,
    };
    pub use crate::parser::{Parser, Step};
    pub use crate::role::{end_of_head, parse_head};
}
