//! The real binary, started on a free port and a folder of its own, and ended whatever becomes of the test.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::LIMIT;
use crate::disk::TempDir;
use crate::http::{Conn, Reply};

/// How a server ended: by itself or by a signal.
#[derive(Debug)]
pub struct Exit {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

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

/// The binary: the one that HTTP_NAS names, or the one of this build.
pub fn binary() -> PathBuf {
    find_binary().unwrap_or_else(|error| panic!("{error}"))
}

/// The same, for programs that say themselves that there is none. Cargo puts a test program one folder below the binary, and
/// any other program beside it.
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

/// The command of the binary with nothing of the tests' own environment. It takes any host: requests of the tests name the
/// host "nas", unless it is the host that is tested.
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
        let mut child = command.spawn().expect("the binary starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let log = Arc::new(Mutex::new(String::new()));
        let sink = log.clone();
        let reader = thread::spawn(move || {
            let mut line = Vec::new();
            while matches!(stderr.read_until(b'\n', &mut line), Ok(1..)) {
                sink.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        self.running = Some(Running { child, log, reader });
        let (sender, first_line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = stdout.read_line(&mut line);
            let _ = sender.send(line);
            let _ = stdout.read_to_end(&mut Vec::new());
        });
        let line = first_line.recv_timeout(LIMIT).unwrap_or_default();
        let address = line
            .strip_prefix("listening on http://")
            .and_then(|rest| rest.trim_end().parse().ok());
        self.addr =
            address.unwrap_or_else(|| panic!("no address in the line of the start: {line:?}"));
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the server runs").child.id()
    }

    /// A number out of /proc/PID/status, `Threads` or `VmHWM` (KiB).
    pub fn proc_status(&self, field: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the server runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {field} in {status}"))
    }

    /// How many descriptors the server has open.
    pub fn descriptors(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        open.expect("the server runs").count()
    }

    /// How many sockets the server has open, of connections and others.
    pub fn sockets(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("the server runs");
        let targets = open
            .flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok());
        targets
            .filter(|target| {
                target
                    .as_os_str()
                    .as_encoded_bytes()
                    .starts_with(b"socket:")
            })
            .count()
    }

    /// How the server has a file of the storage open, once for each time: `r`, `w` or `rw`.
    pub fn has_open(&self, name: &str) -> Vec<&'static str> {
        let path = fs::canonicalize(self.storage().join(name)).expect("it is there");
        let process = PathBuf::from(format!("/proc/{}", self.pid()));
        let open = fs::read_dir(process.join("fd")).expect("the server runs");
        let of_it = open
            .flatten()
            .filter(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == path));
        of_it
            .filter_map(|fd| {
                // fdinfo has open(2)'s flags in octal, and the way of access in the last digit.
                let info = fs::read_to_string(process.join("fdinfo").join(fd.file_name())).ok()?;
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
        run.is_some_and(|run| matches!(run.child.try_wait(), Ok(None)))
    }

    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let done = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "kill -s {name} {pid} failed"
        );
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
        let status = loop {
            if let Some(status) = run.child.try_wait().expect("the child can be waited for") {
                break status;
            }
            if start.elapsed() > Duration::from_secs(45) {
                self.running = Some(run);
                panic!("the server does not end");
            }
            thread::sleep(Duration::from_millis(1));
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

    // Requests, each on a connection of its own. A name without a leading slash stands for /file/name.

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

    /// Sends the head of a write with `Expect: 100-continue` and these header lines, and gives what comes back before any
    /// of the body is sent: 100, or the head of a refusal.
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

    /// Begins a write with a body of `framing` (a header line) and returns when the server waits for the body: its
    /// 100 Continue is here.
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
            died = run.child.try_wait().ok().flatten();
            let _ = run.child.kill();
            let _ = run.child.wait();
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
