//! The server as a process among others: started by another program, or with streams of the test's
//! own.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::LIMIT;
use crate::child::{self, Child, listening_address};
use crate::disk::TempDir;
use crate::http::{Conn, Reply};
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
        command.stdout(Stdio::null());
        process.addr = listening_address(stdout, LIMIT).unwrap_or_else(|error| panic!("{error}"));
        process
    }

    /// Starts a command.
    pub fn start(command: &mut Command, dir: &Arc<TempDir>) -> Process {
        Process {
            child: Child::spawn(command).expect("the program starts"),
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            dir: Arc::clone(dir),
        }
    }

    /// A request on a connection of its own.
    pub fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let reply = Conn::open(self.addr).request(method, target, headers, body);
        reply.unwrap_or_else(|error| panic!("no reply to {method} {target} {headers:?}: {error}"))
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.is_alive()
    }

    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for the end, and says what it was and how long it took.
    pub fn wait(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let ended = self.child.wait_within(LIMIT);
        (ended.expect("the server ends"), start.elapsed())
    }
}

/// Sends a signal to a process; fails where there is none.
pub fn signal(pid: u32, name: &str) {
    child::signal(pid, name).unwrap_or_else(|error| panic!("{error}"));
}
