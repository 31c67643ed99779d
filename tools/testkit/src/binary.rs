//! The binary under test: where it is, its command, and runs of it to their end.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::LIMIT;

/// How a server ended: by itself or by a signal.
#[derive(Debug)]
pub struct Exit {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// The binary: the one that HTTP_NAS names, or the one of this build.
pub fn binary() -> PathBuf {
    find_binary().unwrap_or_else(|error| panic!("{error}"))
}

/// The same, for programs that say themselves that there is none. Cargo puts a test program one
/// folder below the binary, and any other program beside it.
pub fn find_binary() -> io::Result<PathBuf> {
    if let Some(named) = std::env::var_os("HTTP_NAS") {
        return Ok(named.into());
    }
    let own = std::env::current_exe()?;
    let mut folders = own.ancestors().skip(1).take(2);
    let built = folders.find_map(|folder| {
        let binary = folder.join("http-nas");
        binary.is_file().then_some(binary)
    });
    built.ok_or_else(|| {
        let text = "there is no http-nas: run cargo build --release first, or name one in HTTP_NAS";
        io::Error::other(text)
    })
}

/// The command of the binary with nothing of the tests' own environment. It takes any host:
/// requests of the tests name the host "nas", unless it is the host that is tested.
pub fn command() -> Command {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("ALLOWED_HOSTS", "*")
        .stdin(Stdio::null());
    command
}

/// Runs the binary to its end (for [`LIMIT`] at most): for starts that fail, `--help` and the like.
pub fn run(args: &[&str], envs: &[(&str, &str)]) -> Exit {
    let mut command = command();
    command.args(args).envs(envs.iter().copied());
    run_command(&mut command)
}

/// Runs a command of the binary to its end, for [`LIMIT`] at most.
pub fn run_command(command: &mut Command) -> Exit {
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    while child
        .try_wait()
        .expect("the child can be waited for")
        .is_none()
    {
        if start.elapsed() > LIMIT {
            let _ = child.kill();
            panic!("still running after {LIMIT:?}: {command:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().expect("the output can be read");
    Exit {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: start.elapsed(),
    }
}
