//! A program that runs beside this one, and is killed when its value is dropped.
//!
//! Belongs here: what holds for any program. Does not belong here: the flags of the server
//! (`server`), and those of nginx (`nginx`).

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{self, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait before looking again.
const TICK: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub struct Child(process::Child);

impl Child {
    pub fn spawn(command: &mut Command) -> io::Result<Child> {
        command.spawn().map(Child)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its standard output, where that is a pipe and has not been taken yet.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }

    /// Its standard error, likewise.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.0.stderr.take()
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// How it has ended; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Waits for its end; `None` where it still runs at the limit.
    pub fn wait_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            let ended = self.ended();
            if ended.is_some() || start.elapsed() > limit {
                return ended;
            }
            thread::sleep(TICK);
        }
    }

    pub fn signal(&self, name: &str) -> io::Result<()> {
        signal(self.id(), name)
    }

    /// SIGKILL, and gone.
    pub fn kill(&mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal to a process.
pub fn signal(process: u32, name: &str) -> io::Result<()> {
    let mut command = Command::new("kill");
    command.args(["-s", name, &process.to_string()]);
    match command.stderr(Stdio::null()).status()?.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("kill -s {name} {process} failed"))),
    }
}

/// Reads the line by which http-nas says at its start where it listens, and goes on reading, so
/// that the server never waits for room in the pipe. Where there is no such line within the limit,
/// the error has what there was instead.
pub fn listening_address(
    stdout: impl Read + Send + 'static,
    limit: Duration,
) -> Result<SocketAddr, String> {
    let (sender, first_line) = channel();
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let _ = stdout.read_line(&mut line);
        let _ = sender.send(line);
        let _ = io::copy(&mut stdout, &mut io::sink());
    });
    let line = first_line.recv_timeout(limit).unwrap_or_default();
    let address = line.trim_end().strip_prefix("listening on http://");
    let address = address.and_then(|address| address.parse().ok());
    address.ok_or_else(|| format!("no address in the line of the start: {line:?}"))
}

/// Words in front of a command by which the kernel sends it a signal should this program be killed.
/// None where there is no setpriv.
pub fn tied(signal: &str) -> Vec<String> {
    static HAS_SETPRIV: OnceLock<bool> = OnceLock::new();
    match HAS_SETPRIV.get_or_init(|| can_run("setpriv")) {
        true => ["setpriv", "--pdeathsig", signal]
            .map(str::to_owned)
            .to_vec(),
        false => Vec::new(),
    }
}

/// Whether a program is there and says what version it is.
pub fn can_run(program: &str) -> bool {
    let mut command = Command::new(program);
    let command = command.arg("--version").stdin(Stdio::null());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
