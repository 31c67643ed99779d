//! usage: manual DATE DIRECTORY
//!
//! Writes the man page and the shell completions of http-nas below DIRECTORY, where /usr/share has
//! them. DATE is that of the man page, as 2026-11-27.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [date, directory] = words.as_slice() else {
        eprintln!("usage: manual DATE DIRECTORY");
        return ExitCode::from(2);
    };
    match write_all(date, Path::new(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manual: cannot write below {directory}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(date: &str, directory: &Path) -> io::Result<()> {
    for (name, text) in manual::files(date) {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
