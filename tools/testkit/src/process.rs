//! The server as a process among others: started by another program, or with streams of the test's own.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::LIMIT;
use crate::disk::{TempDir, within};
use crate::server;

/// A process that the test has started, and kills.
pub struct Process {
    pub child: Child,
    pub addr: SocketAddr,
    pub dir: Arc<TempDir>,
}

/// The flags of a server on a folder and a free port.
pub fn flags(dir: &TempDir) -> Vec<String> {
    let storage = dir.storage().to_str().expect("UTF-8").to_owned();
    let flags = ["--port", "0", "--storage", &storage, "--allowed-hosts", "*"];
    flags.map(str::to_owned).to_vec()
}

/// The command of the binary on a folder and a free port.
pub fn command(dir: &TempDir) -> Command {
    let mut command = server::command();
    command.args(flags(dir));
    command
}

impl Process {
    /// Starts a command and waits for the server's address on its standard output.
    pub fn serving(command: &mut Command, dir: &Arc<TempDir>) -> Process {
        let (stdout, writer) = io::pipe().expect("a pipe");
        let mut process = Process::start(command.stdout(writer), dir);
        // The test's own end of the pipe must not keep it open.
        command.stdout(std::process::Stdio::null());
        let (sender, line) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let line = line.recv_timeout(LIMIT).unwrap_or_default();
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        process.addr = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        process
    }

    /// Starts a command.
    pub fn start(command: &mut Command, dir: &Arc<TempDir>) -> Process {
        Process {
            child: command.spawn().expect("the program starts"),
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            dir: Arc::clone(dir),
        }
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for the end, and says what it was and how long it took.
    pub fn wait(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let mut ended = None;
        within(LIMIT, "the end of the server", || {
            ended = self.child.try_wait().expect("it can be waited for");
            ended.is_some()
        });
        (ended.expect("an end"), start.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
}
