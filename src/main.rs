//! The start of the program `http-nas` and its exit code. All else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    http_nas::run()
}
