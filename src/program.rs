//! The program from its command line to its exit code.
//!
//! Responsible for: which command runs, where its outcome is printed, the exit code. Not for: what
//! the commands do.

use std::io::Write;
use std::process::ExitCode;

use crate::config::{self, Command, Config};
use crate::{health, logging, server, token};

/// The exit code for a wrong command line or variable, as that of most programs.
const USAGE: u8 = 2;

/// Runs http-nas with the arguments and the environment of this process.
#[must_use]
pub fn run() -> ExitCode {
    let words = std::env::args_os().skip(1);
    match config::parse(words, |name| std::env::var_os(name)) {
        Err(reason) => usage(&reason),
        Ok(Command::Print(text)) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Ok(Command::Health(probe)) => exit_code(health::check(&probe).map(|well| {
            // If the line cannot be written, the exit code still tells the result.
            logging::print(format!("{well}\n"));
        })),
        Ok(Command::Token(entry)) => exit_code(token::make(&entry)),
        Ok(Command::Serve(config)) => match logging::filter(std::env::var_os("RUST_LOG")) {
            Err(reason) => usage(&reason),
            Ok(filter) => serve(&config, &filter),
        },
    }
}

fn serve(config: &Config, filter: &str) -> ExitCode {
    let outcome = logging::init(config.log_format, filter).and_then(|()| {
        logging::init_panics();
        for note in &config.notes {
            log::info!("{note}");
        }
        server::run(config)
    });
    let code = exit_code(outcome);
    logging::finish();
    code
}

fn usage(reason: &str) -> ExitCode {
    logging::fatal(reason);
    ExitCode::from(USAGE)
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
