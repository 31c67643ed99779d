//! All that makes tiny_http safe to stand on.
//!
//! tiny_http reads from its sockets without limits of size or time, takes framing as it comes and hands out the
//! requests of a connection all at once. Its sockets are out of reach from outside. What is in reach is the way they
//! go: the standard library calls `accept4`, `recv`, `send` and `shutdown` of the C library, and a program may define
//! these names itself (`interpose.rs`). So each connection that tiny_http accepts is one of ours from its first byte, and
//! tiny_http is handed only what it handles well:
//!
//! - one request at a time: the next head waits in the kernel until the reply to the one before is out,
//! - only heads that are made for it, once the client's own has been found to be plain,
//! - never a byte from beyond the end of a body.
//!
//! Replies are written to the socket itself: in one write, by `sendfile` where they are files, and without
//! reading the rest of a body first.
//!
//! The turns of a connection, and who waits where meanwhile:
//!
//! | turn | its thread of tiny_http | the worker |
//! | --- | --- | --- |
//! | `Client` | in `recv`, for the next head | |
//! | `Offered` | has handed the request to the dispatcher; in `recv`, for its turn, or waits for the reader of the body | is being found |
//! | `Worker` | as before | reads the body, sends the reply |
//! | `Closed` | as before, and finds the end when it reads on | the reply is out; `linger.rs` reads what still comes |
//! | `Gone` | finds the end, and closes the socket | |
//!
//! Behind a request after which the client sends no other (`Connection: close`, HTTP/1.0), the thread of tiny_http ends at
//! once; the socket is closed with the request.
//!
//! In: sockets, connections, and their requests as [`Exchange`]s. Out: what a request asks for.

mod allocator;
mod connection;
mod exchange;
mod handover;
mod held;
mod inbound;
mod interpose;
mod linger;
mod listener;
mod pending;
mod presence;
mod sending;
mod socket;
mod sockets;
mod table;

pub use exchange::{Exchange, Input};
pub use held::wanted;
pub use inbound::RefusedHead;
pub use listener::{Incoming, Listener};
pub use sending::{Occupied, Outgoing};
pub use table::Limits;

/// Gives memory back to the system after many connections have gone. To be called every now and then.
pub fn give_memory_back() {
    if table::is_shrinking() {
        allocator::trim();
    }
}

/// Whether the decoder in tiny_http is the one that takes a broken body for broken. The registry's `chunked_transfer`
/// has no such constant: a build without the patch in Cargo.toml does not compile.
const _: bool = chunked_transfer::ENDS_ARE_CHECKED;
