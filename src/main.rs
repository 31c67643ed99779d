//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    http_nas::run()
}
