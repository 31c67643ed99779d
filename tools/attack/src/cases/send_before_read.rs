//! Refused uploads whose clients send all of their body before they read.
//!
//! A socket that is closed with bytes unread resets its connection, and a reset may take the reply
//! from the client (RFC 9112, section 9.6). Many clients look for a reply only once their request
//! is out.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::child::can_run;

use crate::pattern::bytes;
use crate::scene::{Outcome, Scene};

/// What a client sends before it reads.
const BODY: usize = 60_000_000;

/// How long a client may take to send its body and to see its status.
const LIMIT: Duration = Duration::from_secs(10);

/// A client of Python's standard library: the whole body is sent before the reply is looked at.
const PYTHON: &str = "
import http.client, sys
host, path, length, file = sys.argv[1:]
client = http.client.HTTPConnection(host, timeout=10)
client.request('POST', path, body=open(file, 'rb'), headers={'Content-Length': length})
print(client.getresponse().status)
";

/// A request that is refused for its head.
#[derive(Clone, Copy)]
struct Refused {
    path: &'static str,
    /// The length that it declares.
    length: u64,
    status: u16,
}

/// What is refused, and how: the length is above what the case's server is told to take, or above
/// any space.
fn refused(scene: &Scene) -> Vec<Refused> {
    let refused = |path, length, status| Refused {
        path,
        length,
        status,
    };
    let mut all = vec![refused("/nothing", BODY as u64, 404)];
    if scene.is_ours() {
        all.push(refused("/file/refused", 30_000_000_000_000, 413));
        all.push(refused("/file/refused", 10_000_000_000_000, 507));
    }
    all
}

impl Refused {
    fn head(&self) -> String {
        let Self { path, length, .. } = self;
        format!("POST {path} HTTP/1.1\r\nHost: nas\r\nContent-Length: {length}\r\n\r\n")
    }
}

/// Clients that send 60 MB before they read: each sees the status of its refusal.
pub fn all_of_it(scene: &Scene) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let body = scene.storage.with_file_name("body");
    fs::write(&body, vec![b'b'; BODY])?;
    let mut clients = vec!["a raw socket"];
    clients.extend(["python3", "curl"].into_iter().filter(|name| can_run(name)));
    let rounds = scene.scale(3, 1);
    for refused in (0..rounds).flat_map(|_| refused(scene)) {
        for client in &clients {
            let seen = match *client {
                "python3" => output(&mut python(scene, refused, &body)),
                "curl" => output(&mut curl(scene, refused, &body)),
                _ => raw(scene, refused).map_err(|error| error.to_string()),
            };
            let status = refused.status.to_string();
            match seen {
                Ok(seen) if seen == status => {}
                Ok(seen) => outcome.fault(format!("{client}: {seen:?} instead of {status}")),
                Err(text) => outcome.fault(format!("{client}: {text} instead of {status}")),
            }
        }
    }
    fs::remove_file(body)?;
    outcome.sent = format!(
        "refused uploads by {}, {} each, all of it before the reply is read",
        clients.join(", "),
        bytes(BODY as u64)
    );
    Ok(outcome)
}

fn raw(scene: &Scene, refused: Refused) -> io::Result<String> {
    let mut conn = scene.open()?;
    conn.allow(LIMIT);
    conn.try_send(refused.head().as_bytes())?;
    let piece = vec![b'b'; 1 << 20];
    let mut left = BODY;
    while left > 0 {
        let now = left.min(piece.len());
        conn.try_send(&piece[..now])?;
        left -= now;
    }
    Ok(conn.reply_to("GET")?.status.to_string())
}

fn python(scene: &Scene, refused: Refused, body: &Path) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", PYTHON, &scene.address.to_string(), refused.path]);
    command.arg(refused.length.to_string()).arg(body);
    command
}

fn curl(scene: &Scene, refused: Refused, body: &Path) -> Command {
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "--noproxy", "*", "--max-time", "10"]);
    command.args(["-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"]);
    command.args(["-H", "Expect:", "-H"]);
    command.arg(format!("Content-Length: {}", refused.length));
    command.arg("--data-binary");
    command.arg(format!("@{}", body.display()));
    command.arg(format!("http://{}{}", scene.address, refused.path));
    command
}

/// The status that a program prints, or what it complains of.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let complaint = text(&output.stderr);
    if output.status.success() && complaint.is_empty() {
        Ok(text(&output.stdout))
    } else {
        Err(complaint.lines().last().unwrap_or_default().to_owned())
    }
}
