//! What a case is given and gives back, and the pieces that cases are made of.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use testkit::http::{self, Conn, Reply};

use crate::pattern::{bytes, thousands};
use crate::process::{self, Usage};
use crate::server::Kind;

/// The file that a smuggled request tries to remove.
const VICTIM: &str = "victim";

/// What is smuggled.
pub const SMUGGLED: &[u8] = b"DELETE /file/victim HTTP/1.1\r\nHost: nas\r\n\r\n";

/// How long one exchange of a case may take.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much memory connections that wait may take together, in bytes.
const WAITING_MEMORY: u64 = 10 << 20;

/// The good client may be served by some threads more than before.
const WAITING_THREADS: u64 = 4;

/// A server that is attacked, and how hard.
#[derive(Debug)]
pub struct Scene {
    pub kind: Kind,
    pub address: SocketAddr,
    pub storage: PathBuf,
    /// Small numbers, for a run in seconds.
    pub short: bool,
    /// The flags that the server was given.
    pub flags: Vec<(&'static str, &'static str)>,
    pub process: u32,
    /// What the server used before the attack.
    pub before: Usage,
}

/// What came of a case.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was sent, for the table.
    pub sent: String,
    /// What the server did that it must not do, each in words.
    pub faults: Vec<String>,
    /// What else is to be said of how the server stands afterwards.
    pub remark: String,
}

impl Outcome {
    /// Notes a fault, unless it is known already or there are enough of them.
    pub fn fault(&mut self, text: String) {
        if self.faults.len() < 8 && !self.faults.contains(&text) {
            self.faults.push(text);
        }
    }
}

impl Scene {
    /// The first number in the full form, the second in the short one.
    pub fn scale(&self, full: usize, short: usize) -> usize {
        if self.short { short } else { full }
    }

    /// Likewise, in seconds.
    pub fn seconds(&self, full: f64, short: f64) -> Duration {
        Duration::from_secs_f64(if self.short { short } else { full })
    }

    /// The numbers of a case's rounds: all, or as many as begin within some seconds.
    pub fn rounds(&self, full: usize, short: usize) -> impl Iterator<Item = usize> + use<> {
        let deadline = Instant::now() + self.seconds(4.0, 0.7);
        (0..self.scale(full, short)).take_while(move |_| Instant::now() < deadline)
    }

    pub fn is_ours(&self) -> bool {
        self.kind == Kind::HttpNas
    }

    pub fn has_flag(&self, name: &str) -> bool {
        self.flags.iter().any(|(flag, _)| *flag == name)
    }

    /// Judges what connections that wait for a request or for the end of its head cost while they
    /// are all there: no thread, and little memory.
    pub fn judge_waiting(&self, outcome: &mut Outcome) {
        let now = process::usage(self.process);
        let more = now.memory.saturating_sub(self.before.memory);
        if more > WAITING_MEMORY {
            outcome.fault(format!("they take {} of memory", bytes(more)));
        }
        let threads = now.threads.saturating_sub(self.before.threads);
        if threads > WAITING_THREADS {
            outcome.fault(format!("they take {} threads", thousands(threads)));
        }
    }

    /// The method that stores.
    pub fn store(&self) -> &'static str {
        self.kind.dialect().store
    }

    pub fn open(&self) -> io::Result<Conn> {
        Conn::open_within(self.address, CLIENT_TIMEOUT)
    }

    pub fn ask(&self, bytes: &[u8]) -> io::Result<Reply> {
        http::ask(self.address, bytes, CLIENT_TIMEOUT)
    }

    /// Puts the file in place that is to survive.
    pub fn place_victim(&self) -> io::Result<()> {
        std::fs::write(self.storage.join(VICTIM), b"kept")
    }

    pub fn victim_is_there(&self) -> bool {
        self.storage.join(VICTIM).exists()
    }

    /// Shows that what is smuggled would remove the victim if it were carried out, and puts it
    /// back.
    pub fn try_smuggled(&self) -> io::Result<()> {
        self.place_victim()?;
        let reply = self.ask(SMUGGLED)?;
        if !matches!(reply.status, 200 | 204) || self.victim_is_there() {
            return Err(io::Error::other(
                "the request to be smuggled does nothing by itself",
            ));
        }
        self.place_victim()
    }
}

/// What a server took of something without an end.
#[derive(Debug, Default)]
pub struct Poured {
    pub taken: u64,
    pub status: Option<u16>,
    /// Whether the server had closed the connection, or reset it, before the limit.
    pub cut_off: bool,
}

/// Sends the beginning, then the filler repeatedly: until the server no longer takes it, up to
/// a limit of bytes and of time. Then reads the reply, if there is one to read.
pub fn pour(
    scene: &Scene,
    begin: &[u8],
    filler: &[u8],
    most: u64,
    limit: Duration,
) -> io::Result<Poured> {
    let mut conn = Conn::open_within(scene.address, limit + CLIENT_TIMEOUT)?;
    conn.try_send(begin)?;
    let mut poured = Poured {
        taken: begin.len() as u64,
        ..Poured::default()
    };
    conn.stream
        .set_write_timeout(Some(Duration::from_secs(2)))?;
    let deadline = Instant::now() + limit;
    while poured.taken < most && Instant::now() < deadline {
        match conn.stream.write(filler) {
            Ok(0) => break,
            Ok(count) => poured.taken += count as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                poured.cut_off =
                    !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                break;
            }
        }
    }
    conn.allow(Duration::from_secs(2));
    match conn.reply_to("GET") {
        Ok(reply) => {
            poured.status = Some(reply.status);
            conn.allow(Duration::from_secs(3));
            // Bytes that were on their way when it closed may reset the connection; both are an
            // end.
            let (_, end) = conn.rest();
            poured.cut_off |= !end.is_err_and(|error| error.kind() == ErrorKind::TimedOut);
        }
        Err(error) => poured.cut_off |= error.kind() != ErrorKind::TimedOut,
    }
    Ok(poured)
}

/// What became of a connection that is looked at without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Open,
    Closed,
    /// It has said something; the status, where it is one.
    Said(u16),
}

/// Looks at a connection in non-blocking mode, and takes what the server has said.
pub fn look(mut stream: &TcpStream) -> Look {
    use std::io::Read;
    let mut buffer = [0; 512];
    match stream.read(&mut buffer) {
        Ok(0) => Look::Closed,
        Ok(count) => {
            let said = String::from_utf8_lossy(&buffer[..count]);
            let status = said
                .strip_prefix("HTTP/1.1 ")
                .and_then(|rest| rest.get(..3)?.parse().ok());
            Look::Said(status.unwrap_or(0))
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Look::Open
        }
        Err(_) => Look::Closed,
    }
}

/// Opens connections in non-blocking mode, one after another, until there are enough or the time is
/// over.
pub fn open_many(scene: &Scene, count: usize, limit: Duration) -> Vec<TcpStream> {
    let deadline = Instant::now() + limit;
    let mut all = Vec::with_capacity(count);
    while all.len() < count && Instant::now() < deadline {
        let opened = TcpStream::connect_timeout(&scene.address, Duration::from_secs(2));
        let ready = opened.and_then(|stream| stream.set_nonblocking(true).map(|()| stream));
        match ready {
            Ok(stream) => all.push(stream),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    all
}
