//! Many connections at once, too many for what the system allows, and half of one.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

use testkit::http::Conn;
use testkit::proc::own_descriptor_limit;

use crate::pattern::{hash, pattern, thousands};
use crate::scene::{CLIENT_TIMEOUT, Look, Outcome, Scene, look, open_many};

/// Descriptors that are left to everything else in this program.
const SPARE: usize = 200;

/// Connections without a byte.
pub fn idle(scene: &Scene) -> io::Result<Outcome> {
    let wanted = scene.scale(5_000, 300);
    let count = wanted.min(own_descriptor_limit().saturating_sub(SPARE));
    let hold = scene.seconds(8.0, 0.7);
    let all = open_many(scene, count, Duration::from_secs(20));
    std::thread::sleep(hold);
    let closed = all
        .iter()
        .filter(|stream| look(stream) == Look::Closed)
        .count();
    let opened = thousands(all.len() as u64);
    let mut sent = format!(
        "{opened} connections without a byte, held for {} s",
        hold.as_secs_f64()
    );
    if closed > 0 {
        sent += &format!("; {} were closed", thousands(closed as u64));
    }
    if count < wanted {
        sent += &format!(" (not {}: `ulimit -n`)", thousands(wanted as u64));
    }
    let mut outcome = Outcome {
        sent,
        ..Outcome::default()
    };
    if all.len() < count {
        outcome.fault(format!("only {opened} connections could be opened"));
    }
    Ok(outcome)
}

/// More connections that wait than a default server has room for, on one that may have them: half
/// without a byte, half with one whole request behind them. None is closed, and those that have
/// been answered are answered again.
pub fn many_idle(scene: &Scene) -> io::Result<Outcome> {
    let wanted = scene.scale(10_000, 600);
    let count = wanted.min(own_descriptor_limit().saturating_sub(SPARE));
    let hold = scene.seconds(5.0, 0.5);
    let mut outcome = Outcome::default();
    let silent = open_many(scene, count / 2, Duration::from_secs(10));
    let mut asked = open_many(scene, count / 2, Duration::from_secs(10));
    for stream in &mut asked {
        if let Err(error) = ask_again(stream) {
            outcome.fault(format!("the first request: {error}"));
        }
    }
    std::thread::sleep(hold);
    scene.judge_waiting(&mut outcome);
    let all = silent.len() + asked.len();
    let closed = silent
        .iter()
        .chain(&asked)
        .filter(|stream| look(stream) != Look::Open)
        .count();
    // One in fifty: what holds for them holds for their neighbours.
    for stream in asked.iter_mut().step_by(50) {
        if let Err(error) = ask_again(stream) {
            outcome.fault(format!("the request behind the wait: {error}"));
        }
    }
    let (opened, seconds) = (thousands(all as u64), hold.as_secs_f64());
    outcome.sent = format!(
        "{opened} connections, half of them with a request behind them, held for {seconds} s"
    );
    if count < wanted {
        outcome.sent += &format!(" (not {}: `ulimit -n`)", thousands(wanted as u64));
    }
    if closed > 0 {
        outcome.fault(format!("{closed} of {opened} were closed"));
    }
    if all < count / 2 * 2 {
        outcome.fault(format!("only {opened} connections could be opened"));
    }
    Ok(outcome)
}

/// One request on a connection that is looked at without waiting otherwise.
fn ask_again(stream: &mut TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut conn = Conn::of(stream.try_clone()?, CLIENT_TIMEOUT)?;
    conn.try_send(b"GET /file HTTP/1.1\r\nHost: nas\r\n\r\n")?;
    let reply = conn.reply_to("GET")?;
    stream.set_nonblocking(true)?;
    match (reply.status, reply.closes()) {
        (200, false) => Ok(()),
        (200, true) => Err(io::Error::other("told that the connection will close")),
        (status, _) => Err(io::Error::other(format!("status {status}"))),
    }
}

/// More connections than descriptors or threads: without a byte, within a head, within a body,
/// between two requests.
pub fn few(scene: &Scene) -> io::Result<Outcome> {
    let count = 200;
    let hold = scene.seconds(12.0, 1.5);
    let all = open_many(scene, count, Duration::from_secs(5));
    // None in a transfer: those keep their place, and a server with this few connections could
    // close no other.
    let begun = [
        "",
        "GET /file HTTP/1.1\r\nX-Half: ",
        "GET /file HTTP/1.1\r\nHost: nas\r\n\r\n",
    ];
    for (mut stream, bytes) in all.iter().zip(begun.iter().cycle()) {
        // Where the server has closed it already, the next one is as good.
        let _ = stream.write(bytes.as_bytes());
    }
    std::thread::sleep(hold);
    let seconds = hold.as_secs_f64();
    Ok(Outcome {
        sent: format!(
            "{} connections, held for {seconds} s, to a server with a limit of 64",
            all.len()
        ),
        ..Outcome::default()
    })
}

/// Requests whose client says, once they are out, that it sends nothing more.
pub fn half_close(scene: &Scene) -> io::Result<Outcome> {
    let rounds = scene.scale(200, 10);
    let mut outcome = Outcome::default();
    let large = pattern(1, 3 << 20);
    std::fs::write(scene.storage.join("large"), &large)?;
    let store = scene.store();
    let plain =
        format!("{store} /file/half HTTP/1.1\r\nHost: nas\r\nContent-Length: 5\r\n\r\nwhole");
    let chunked = format!(
        "{store} /file/half HTTP/1.1\r\nHost: nas\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n"
    );
    let requests = [
        "GET /file HTTP/1.1\r\nHost: nas\r\n\r\n",
        &plain,
        "GET /file/half HTTP/1.1\r\nHost: nas\r\n\r\n",
        &chunked,
        "HEAD /file/half HTTP/1.1\r\nHost: nas\r\n\r\n",
        "GET /file/large HTTP/1.1\r\nHost: nas\r\n\r\n",
        "DELETE /file/half HTTP/1.1\r\nHost: nas\r\n\r\n",
    ];
    let expected = [b"OK".as_slice(), b"", b"whole", b"", b"", &large, b""];
    for _ in 0..rounds {
        for (request, body) in requests.iter().zip(expected) {
            if let Err(text) = half_closed(scene, request, body) {
                let line = request.lines().next().unwrap_or_default();
                outcome.fault(format!("{line}: {text}"));
            }
        }
        if outcome.faults.len() >= 8 {
            break;
        }
    }
    let sent = thousands((rounds * requests.len()) as u64);
    outcome.sent = format!("{sent} requests, each with the client's end closed behind it");
    Ok(outcome)
}

fn half_closed(scene: &Scene, request: &str, expected: &[u8]) -> Result<(), String> {
    let exchange = || -> io::Result<_> {
        let mut conn = scene.open()?;
        conn.try_send(request.as_bytes())?;
        conn.finish();
        let is_head = request.starts_with("HEAD ");
        conn.reply_to(if is_head { "HEAD" } else { "GET" })
    };
    let reply = exchange().map_err(|error| error.to_string())?;
    if !(200..300).contains(&reply.status) {
        return Err(format!("status {}", reply.status));
    }
    if !expected.is_empty() && hash(&reply.body) != hash(expected) {
        return Err(format!("another body, of {} bytes", reply.body.len()));
    }
    Ok(())
}
