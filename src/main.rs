//! The binary: flags, logging, exit code.

use std::io::Write;
use std::process::ExitCode;

use http_nas::config::{self, Command};
use http_nas::{health, logging, server};

/// The exit code for a command line that cannot be understood (as of sysexits and most tools: 2).
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let words = std::env::args_os().skip(1);
    match config::parse(words, |name| std::env::var_os(name)) {
        Err(reason) => {
            logging::fatal(&reason);
            ExitCode::from(USAGE)
        }
        Ok(Command::Print(text)) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Ok(Command::Health(target)) => exit_code(health::check(&target).map(|well| {
            // Who does not read it has the exit code.
            logging::print(format!("{well}\n"));
        })),
        Ok(Command::Serve(config)) => {
            let outcome = logging::init(config.log_format).and_then(|()| {
                logging::init_panics();
                for note in &config.notes {
                    log::warn!("{note}");
                }
                server::run(&config)
            });
            let code = exit_code(outcome);
            logging::finish();
            code
        }
    }
}

fn exit_code(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            logging::fatal(&reason);
            ExitCode::FAILURE
        }
    }
}
