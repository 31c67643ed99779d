//! Other signals than SIGTERM and SIGINT, and the loss of the terminal.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use testkit::process::{Process, flags, signal};
use testkit::{Conn, TempDir, eventually, pattern, request_bytes, server, skip};

/// Signals that end a program that does not handle them, and that a server is sent by mistake or by
/// habit.
const OTHERS: [&str; 12] = [
    "USR1", "USR2", "PIPE", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "RTMIN", "RTMIN+7",
    "64",
];

/// The binary and its flags as words of a shell.
fn words(dir: &TempDir) -> String {
    let binary = server::binary();
    let binary = binary.to_str().expect("UTF-8");
    format!("'{binary}' '{}'", flags(dir).join("' '"))
}

fn runs(program: &str) -> bool {
    let run = Command::new(program).arg("--version").output();
    run.is_ok_and(|output| output.status.success())
}

/// A program with nothing of the tests' own environment, and with no signal that they were started
/// to ignore, as a shell has it for what it runs in the background (SIGINT and SIGQUIT) and
/// nohup(1) for SIGHUP.
fn clean(program: &str) -> Command {
    let mut command = Command::new("env");
    command
        .args(["--default-signal", program])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// A server in a session of its own, without a terminal; the shell runs `before` before it becomes
/// the server.
fn without_terminal(dir: &Arc<TempDir>, before: &str) -> Process {
    let log = fs::File::create(log_of(dir)).expect("made");
    let script = format!("{before} exec {}", words(dir));
    let mut command = clean("setsid");
    command.args(["sh", "-c", &script]).stdin(Stdio::null());
    Process::serving(command.stderr(log), dir)
}

fn log_of(dir: &TempDir) -> std::path::PathBuf {
    dir.outside().join("log")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// An upload of 10 bytes, half of them sent.
fn half_upload(server: &Process) -> Conn {
    let mut conn = Conn::open(server.addr);
    conn.send(b"POST /file/new HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
    assert_eq!(conn.head().expect("100 Continue").status, 100);
    conn.send(b"hello");
    conn
}

fn finish(mut upload: Conn, dir: &TempDir) {
    upload.send(b"world");
    assert_eq!(upload.reply_to("POST").expect("a reply").status, 200);
    assert_eq!(read(&dir.storage().join("new")), "helloworld");
}

// symptom: `kill -USR1` by habit (log rotation), or SIGHUP to have something read again, ended the
//          server in the middle of all transfers.
// cause:   the system's default for a signal that a program does not handle.
// fix:     they are handled, and do nothing but leave a line in the log.
#[test]
fn no_signal_for_other_purposes_ends_the_server() {
    let dir = Arc::new(TempDir::new());
    let large = pattern(3, 8_000_000);
    fs::create_dir_all(dir.storage()).expect("made");
    fs::write(dir.storage().join("large"), &large).expect("written");
    let mut server = without_terminal(&dir, "");
    for name in OTHERS.into_iter().chain(["HUP"]) {
        let upload = half_upload(&server);
        let mut download = Conn::open(server.addr);
        download.send(&request_bytes("GET", "large", &[], b""));
        let head = download.head().expect("a head");
        // Calls that wait, of a worker and of others, are interrupted at least once.
        for _ in 0..20 {
            server.signal(name);
        }
        let mut count = 0;
        let read = download.body(&head, &mut |part| count += part.len());
        read.unwrap_or_else(|error| panic!("SIG{name}: {error}"));
        assert_eq!(count, large.len(), "SIG{name}");
        finish(upload, &dir);
        assert!(server.is_alive(), "SIG{name}");
    }
    let log = log_of(&dir);
    eventually("a line of SIGUSR1", || {
        read(&log).contains("SIGUSR1 has no effect")
    });
    eventually("a line of SIGHUP", || {
        read(&log).contains("SIGHUP: there is nothing to read again")
    });
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    assert!(!read(&log).contains(" WARN "), "{}", read(&log));
}

#[test]
fn a_signal_that_asks_for_a_core_dump_ends_the_server_at_once() {
    for (name, number) in [("QUIT", 3), ("ABRT", 6)] {
        let dir = Arc::new(TempDir::new());
        let mut server = without_terminal(&dir, "ulimit -c 0;");
        let _upload = half_upload(&server);
        server.signal(name);
        assert_eq!(server.wait().0.signal(), Some(number), "SIG{name}");
    }
}

#[test]
fn a_server_that_is_started_to_ignore_hang_ups_does() {
    let dir = Arc::new(TempDir::new());
    let mut server = without_terminal(&dir, "trap '' HUP;");
    let upload = half_upload(&server);
    server.signal("HUP");
    finish(upload, &dir);
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    assert!(
        !read(&log_of(&dir)).contains("HUP"),
        "{}",
        read(&log_of(&dir))
    );
}

/// A server on a terminal of script(1). A shell beside it writes down its process and exit code.
struct Terminal {
    script: Process,
    dir: Arc<TempDir>,
}

impl Terminal {
    fn open(before: &str) -> Terminal {
        let dir = Arc::new(TempDir::new());
        let outside = dir.outside();
        let outside = outside.to_str().expect("UTF-8");
        // A trap is reset in a program that a shell starts; the shell itself outlives its terminal.
        let run = format!(
            "trap : HUP; {before} {} 2>'{outside}/log' & pid=$!; echo $pid >'{outside}/pid'; \
             while kill -0 $pid; do wait $pid; code=$?; done; echo $code >'{outside}/code'",
            words(&dir)
        );
        let mut command = clean("script");
        command.args([
            "-qfec",
            &format!("exec sh -c '{}'", run.replace('\'', "'\\''")),
            "/dev/null",
        ]);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let script = Process::serving(&mut command, &dir);
        Terminal { script, dir }
    }

    fn written(&self, name: &str) -> Option<u32> {
        read(&self.dir.outside().join(name)).trim().parse().ok()
    }

    fn server(&self) -> u32 {
        eventually("the server's process", || self.written("pid").is_some());
        self.written("pid").expect("a process")
    }
}

/// Ends what outlives the terminal.
impl Drop for Terminal {
    fn drop(&mut self) {
        if let (Some(pid), None) = (self.written("pid"), self.written("code")) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

// symptom: a terminal or an ssh session that was closed cut off every transfer.
// cause:   SIGHUP was not handled.
// fix:     where the server belongs to a terminal, SIGHUP ends it as SIGTERM does.
#[test]
fn when_its_terminal_goes_the_server_finishes_what_is_in_flight() {
    if !runs("script") {
        skip("there is no script(1)");
        return;
    }
    for from_outside in [false, true] {
        let mut terminal = Terminal::open("");
        let upload = half_upload(&terminal.script);
        let server = terminal.server();
        if from_outside {
            signal(server, "HUP");
        } else {
            terminal.script.child.kill().expect("killed");
            // The shells of a terminal pass the signal on to what they have started; a second one
            // changes nothing.
            signal(server, "HUP");
        }
        let log = terminal.dir.outside().join("log");
        eventually("a line of the end", || {
            read(&log).contains("stopping by SIGHUP")
        });
        finish(upload, &terminal.dir);
        eventually("the end of the server", || {
            terminal.written("code").is_some()
        });
        assert_eq!(terminal.written("code"), Some(0), "{}", read(&log));
        assert!(!read(&log).contains(" WARN "), "{}", read(&log));
    }
}
