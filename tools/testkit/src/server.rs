//! The real binary, started on a free port and a folder of its own, and killed at the end of the
//! test, also where that fails.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::LIMIT;
pub use crate::binary::{Exit, binary, command, find_binary, run, run_command};
use crate::child::{Child, listening_address};
use crate::disk::TempDir;
use crate::http::{Conn, Reply};
use crate::proc;

struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

pub struct Server {
    pub dir: Arc<TempDir>,
    pub addr: SocketAddr,
    args: Vec<String>,
    envs: Vec<(String, String)>,
    running: Option<Running>,
    /// What the runs before the present one wrote to stderr.
    past: String,
    errors_expected: bool,
}

/// Adds each line to a text as it comes.
fn collect_lines(from: impl Read + Send + 'static, text: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            let line_text = String::from_utf8_lossy(&line);
            text.lock().unwrap().push_str(&line_text);
            line.clear();
        }
    })
}

impl Server {
    pub fn start() -> Server {
        Server::with(&[], &[])
    }

    pub fn with(args: &[&str], envs: &[(&str, &str)]) -> Server {
        Server::on(Arc::new(TempDir::new()), args, envs)
    }

    /// A server on a folder that may have things in it, and other servers.
    pub fn on(dir: Arc<TempDir>, args: &[&str], envs: &[(&str, &str)]) -> Server {
        let mut server = Server {
            dir,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            args: args.iter().map(|&arg| arg.to_string()).collect(),
            envs: envs
                .iter()
                .map(|&(n, v)| (n.to_string(), v.to_string()))
                .collect(),
            running: None,
            past: String::new(),
            errors_expected: false,
        };
        server.restart();
        server
    }

    /// Another server on the same folder.
    pub fn sibling(&self) -> Server {
        Server::on(self.dir.clone(), &[], &[])
    }

    /// Starts again, on the same folder and with the same flags, at another address.
    pub fn restart(&mut self) {
        assert!(
            self.running.is_none(),
            "a server that runs was started again"
        );
        let mut command = command();
        // Where the test says where to listen, on TCP first.
        if !self.args.iter().any(|arg| arg == "--listen") {
            command.args(["--port", "0"]);
        }
        command
            .arg("--storage")
            .arg(self.storage())
            .args(&self.args);
        command
            .envs(self.envs.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = Child::spawn(&mut command).expect("the binary starts");
        let stdout = child.take_stdout().expect("stdout is a pipe");
        let stderr = child.take_stderr().expect("stderr is a pipe");
        let log = Arc::new(Mutex::new(String::new()));
        let reader = collect_lines(stderr, log.clone());
        self.running = Some(Running { child, log, reader });
        self.addr = listening_address(stdout, LIMIT).unwrap_or_else(|error| panic!("{error}"));
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the server runs").child.id()
    }

    /// A number out of /proc/PID/status, `Threads` or `VmHWM` (KiB).
    pub fn proc_status(&self, field: &str) -> u64 {
        let number = proc::status(self.pid(), field);
        number.unwrap_or_else(|| panic!("no {field} of the server"))
    }

    /// How many descriptors the server has open.
    pub fn descriptors(&self) -> usize {
        self.open_descriptors().len()
    }

    /// The number of each open descriptor, and what it refers to.
    fn open_descriptors(&self) -> Vec<(String, PathBuf)> {
        proc::descriptors(self.pid()).expect("the server runs")
    }

    /// How many sockets the server has open, of connections and others.
    pub fn sockets(&self) -> usize {
        let of_socket = |target: &Path| {
            target
                .as_os_str()
                .as_encoded_bytes()
                .starts_with(b"socket:")
        };
        let open = self.open_descriptors().into_iter();
        open.filter(|(_, target)| of_socket(target)).count()
    }

    /// How the server has a file of the storage open, once for each time: `r`, `w` or `rw`.
    pub fn has_open(&self, name: &str) -> Vec<&'static str> {
        let path = fs::canonicalize(self.storage().join(name)).expect("it is there");
        let of_it = self.open_descriptors().into_iter();
        let of_it = of_it.filter(|(_, target)| *target == path);
        of_it
            .filter_map(|(number, _)| {
                // fdinfo has open(2)'s flags in octal, and the way of access in the last digit.
                let info = format!("/proc/{}/fdinfo/{number}", self.pid());
                let info = fs::read_to_string(info).ok()?;
                let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
                ["r", "w", "rw"]
                    .get(usize::from(flags.trim_end().bytes().last()? - b'0'))
                    .copied()
            })
            .collect()
    }

    /// From now on ERROR lines are no failure of the test.
    pub fn expect_errors(&mut self) {
        self.errors_expected = true;
    }

    /// What the present run has written to stderr so far.
    pub fn log(&self) -> String {
        self.running
            .as_ref()
            .map(|run| run.log.lock().unwrap().clone())
            .unwrap_or_default()
    }

    pub fn is_alive(&mut self) -> bool {
        let run = self.running.as_mut();
        run.is_some_and(|run| run.child.is_alive())
    }

    pub fn signal(&self, name: &str) {
        crate::process::signal(self.pid(), name);
    }

    /// SIGTERM, and how it ended.
    pub fn stop(&mut self) -> Exit {
        self.signal("TERM");
        self.wait()
    }

    /// kill -9, and gone.
    pub fn kill(&mut self) {
        let run = self.running.as_mut().expect("the server runs");
        run.child.kill().expect("the server runs");
        self.wait();
    }

    /// Waits, 45 s at most, for an end that something else has caused.
    pub fn wait(&mut self) -> Exit {
        let start = Instant::now();
        let mut run = self.running.take().expect("the server runs");
        let Some(status) = run.child.wait_within(Duration::from_secs(45)) else {
            self.running = Some(run);
            panic!("the server does not end");
        };
        let took = start.elapsed();
        let _ = run.reader.join();
        let stderr = run.log.lock().unwrap().clone();
        self.past.push_str(&stderr);
        self.assert_calm();
        Exit {
            code: status.code(),
            stdout: String::new(),
            stderr,
            took,
        }
    }

    fn assert_calm(&self) {
        let bad = |line: &&str| {
            let error =
                line.split(' ').nth(1) == Some("ERROR") || line.contains("\"level\":\"ERROR\"");
            line.contains("panicked") || (error && !self.errors_expected)
        };
        if let Some(line) = self.past.lines().find(bad) {
            panic!("the server's stderr is not clean: {line}");
        }
    }

    // Requests, each on a connection of its own. A name without a leading slash stands for
    // /file/name.

    pub fn open(&self) -> Conn {
        Conn::open(self.addr)
    }

    pub fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let reply = self.open().request(method, target, headers, body);
        reply.unwrap_or_else(|error| panic!("no reply to {method} {target} {headers:?}: {error}"))
    }

    /// Sends the head of a write with `Expect: 100-continue` and these header lines, and gives what
    /// comes back before any of the body is sent: 100, or the head of a refusal.
    pub fn announce(&self, method: &str, target: &str, lines: &str) -> (Conn, Reply) {
        let mut conn = self.open();
        let prefix = if target.starts_with('/') {
            ""
        } else {
            "/file/"
        };
        let head = format!(
            "{method} {prefix}{target} HTTP/1.1\r\nHost: nas\r\nExpect: 100-continue\r\n{lines}\r\n\r\n"
        );
        conn.send(head.as_bytes());
        let first = conn.head();
        let first = first.unwrap_or_else(|e| panic!("no reply to {method} {target}, {lines}: {e}"));
        (conn, first)
    }

    /// Begins a write with a body of `framing` (a header line) and returns when the server waits
    /// for the body: its 100 Continue is here.
    pub fn begin(&self, method: &str, target: &str, framing: &str) -> Conn {
        let (conn, first) = self.announce(method, target, framing);
        assert_eq!(first.status, 100, "{method} {target}");
        conn
    }

    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target, &[], b"")
    }

    pub fn post(&self, target: &str, body: &[u8]) -> Reply {
        self.request("POST", target, &[], body)
    }

    pub fn put(&self, target: &str, body: &[u8]) -> Reply {
        self.request("PUT", target, &[], body)
    }

    pub fn delete(&self, target: &str) -> Reply {
        self.request("DELETE", target, &[], b"")
    }

    /// `PUT FROM/mv` with `to` as its path; `to` must need no escape in JSON.
    pub fn mv(&self, from: &str, to: &str) -> Reply {
        let body = format!("{{\"path\": \"{to}\"}}");
        self.request("PUT", &format!("{from}/mv"), &[], body.as_bytes())
    }

    /// `PUT FROM/cp` with `to` as its path; `to` must need no escape in JSON.
    pub fn cp(&self, from: &str, to: &str) -> Reply {
        let body = format!("{{\"path\": \"{to}\"}}");
        self.request("PUT", &format!("{from}/cp"), &[], body.as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut died = None;
        if let Some(mut run) = self.running.take() {
            died = run.child.ended();
            let _ = run.child.kill();
            let _ = run.reader.join();
            self.past.push_str(&run.log.lock().unwrap());
        }
        if thread::panicking() {
            let lines: Vec<&str> = self.past.lines().collect();
            let tail = &lines[lines.len().saturating_sub(60)..];
            eprintln!(
                "--- the server's stderr (its last lines)\n{}\n---",
                tail.join("\n")
            );
        } else {
            assert!(
                died.is_none(),
                "the server ended by itself: {died:?}\n{}",
                self.past
            );
            self.assert_calm();
        }
    }
}
