//! What operators rely on: flags and variables, the start, addresses, sockets, health, new tokens,
//! signals, the end, the log.
//!
//! Not here: the unit, the image and the chart (`e2e`), and what needs root or a network of its own
//! (`tests/shell`).

mod events;
mod flags;
mod health;
mod health_token;
mod host_flag;
mod listen_flag;
pub mod log_fields;
mod log_lines;
mod log_questions;
mod log_values;
mod reports;
mod shutdown;
mod signals;
mod startup;
mod token;
mod typing_mistakes;
mod unix_sockets;
mod unread_log;
