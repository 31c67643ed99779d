//! Rows of what is done on the server, beside the commands that do the same.

use std::fs::File;
use std::io::{self, Error};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, WaitId, WaitIdOptions};
use testkit::http::{Conn, Length};
use testkit::proc;

use crate::conn;
use crate::conn::CLIENT_TIMEOUT;
use crate::content;
use crate::engine::Turn;
use crate::kind::{Ask, Kind};
use crate::outcome::{Outcome, Sample};
use crate::scene::{BIG, NAMES, PARTS};

const COPY: &str = "copied";

pub fn count_lines(turn: &Turn<'_>) -> io::Result<Outcome> {
    let lines = content::lines(turn.scene.size, &turn.scene.piece).to_string();
    let right = |answer: &str| answer.split_whitespace().next() == Some(&lines);
    if turn.server.kind == Kind::Bare {
        return command(turn, &["wc", "-l", BIG], right);
    }
    answer(turn, turn.server.kind.count_lines(BIG), right)
}

pub fn digest(turn: &Turn<'_>) -> io::Result<Outcome> {
    // All of them have to give the same; the command is the one to be believed.
    let is_digest = |answer: &str| {
        let word = answer.split_whitespace().next().unwrap_or_default();
        word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let known = turn.scene.folder.join("digest");
    if turn.server.kind == Kind::Bare {
        return command(turn, &["sha256sum", BIG], is_digest);
    }
    if !known.exists() {
        let mut sum = Command::new("sha256sum");
        let output = sum.arg(turn.place.storage.join(BIG)).output()?;
        std::fs::write(&known, output.stdout.get(..64).unwrap_or_default())?;
    }
    let known = std::fs::read_to_string(known)?;
    answer(turn, turn.server.kind.digest(BIG), |answer| {
        answer.trim() == known
    })
}

pub fn copy(turn: &Turn<'_>) -> io::Result<Outcome> {
    let path = turn.place.storage.join(COPY);
    let outcome = if turn.server.kind == Kind::Bare {
        command(turn, &["cp", "--reflink=auto", BIG, COPY], |_| true)?
    } else {
        let Some((ask, body)) = turn.server.kind.copy(BIG, COPY) else {
            return Ok(Outcome::NotThere);
        };
        let mut conn = conn::open(turn.server.address)?;
        let request = [ask.with_length(body.len() as u64), body.into_bytes()].concat();
        let begin = Instant::now();
        conn.try_send(&request)?;
        match conn.discard_reply()? {
            (200 | 201 | 204, _) => {}
            (status, _) => return refused(status),
        }
        Outcome::Done(Sample::speed(
            turn.scene.size,
            begin.elapsed().as_secs_f64(),
        ))
    };
    let piece = turn.first.then_some(turn.scene.piece.as_slice());
    content::check(&path, turn.scene.size, piece)?;
    std::fs::remove_file(path)?;
    Ok(outcome)
}

pub fn archive(turn: &Turn<'_>) -> io::Result<Outcome> {
    if turn.server.kind == Kind::Bare {
        return archive_by_command(turn);
    }
    let Some(ask) = turn.server.kind.archive(PARTS) else {
        return Ok(Outcome::NotThere);
    };
    let mut conn = conn::open(turn.server.address)?;
    let begin = Instant::now();
    match conn.ask(&ask.without_body())? {
        (200, length) => archived(turn, length, begin.elapsed().as_secs_f64()),
        (status, _) => refused(status),
    }
}

/// GNU tar writes into a connection, whose other end discards.
fn archive_by_command(turn: &Turn<'_>) -> io::Result<Outcome> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let far = TcpStream::connect(listener.local_addr()?)?;
    let (near, _) = listener.accept()?;
    let reader =
        std::thread::spawn(move || Conn::of(near, CLIENT_TIMEOUT)?.discard(Length::ToTheEnd));
    let storage = turn.place.storage.to_string_lossy().into_owned();
    let words = ["tar", "-cf", "-", "-C", &storage, PARTS];
    let begin = Instant::now();
    let processor = spawn(&words, &turn.place.storage, Stdio::from(OwnedFd::from(far)))?;
    let length = reader
        .join()
        .unwrap_or_else(|_| Err(Error::other("the reader has failed")))?;
    let outcome = archived(turn, length, begin.elapsed().as_secs_f64())?;
    Ok(charged(outcome, processor))
}

fn archived(turn: &Turn<'_>, length: u64, seconds: f64) -> io::Result<Outcome> {
    if length < turn.scene.size {
        return Err(Error::other(format!("an archive of {length} bytes only")));
    }
    Ok(Outcome::Done(Sample::speed(turn.scene.size, seconds)))
}

pub fn list(turn: &Turn<'_>) -> io::Result<Outcome> {
    let mut conn = conn::open(turn.server.address)?;
    let begin = Instant::now();
    match conn.ask(&turn.server.kind.list(NAMES).without_body())? {
        // Each name has 27 bytes, and at least a line's end.
        (200, length) if length >= turn.scene.names() as u64 * 28 => {
            Ok(Outcome::Done(Sample::time(begin.elapsed().as_secs_f64())))
        }
        (status, length) => Err(Error::other(format!("status {status} and {length} bytes"))),
    }
}

/// Asks for something short that takes reading the whole large file.
fn answer(
    turn: &Turn<'_>,
    ask: Option<Ask>,
    is_right: impl Fn(&str) -> bool,
) -> io::Result<Outcome> {
    let Some(ask) = ask else {
        return Ok(Outcome::NotThere);
    };
    let mut conn = conn::open(turn.server.address)?;
    let begin = Instant::now();
    conn.try_send(&ask.without_body())?;
    let reply = conn.reply_to("GET")?;
    let seconds = begin.elapsed().as_secs_f64();
    let body = reply.text();
    match reply.status {
        200 if is_right(&body) => Ok(Outcome::Done(Sample::speed(turn.scene.size, seconds))),
        200 => Err(Error::other(format!(
            "another answer: {:?}",
            body.get(..100).unwrap_or(&body)
        ))),
        status => refused(status),
    }
}

/// What a server says that knows no such request, or takes it for one about a file below a file.
fn refused(status: u16) -> io::Result<Outcome> {
    match status {
        404 | 405 | 409 | 501 => Ok(Outcome::NotThere),
        other => Err(Error::other(format!("status {other}"))),
    }
}

/// Runs a command in the folder that is served.
fn command(
    turn: &Turn<'_>,
    words: &[&str],
    is_right: impl Fn(&str) -> bool,
) -> io::Result<Outcome> {
    let output = turn.scene.folder.join("output");
    let begin = Instant::now();
    let processor = spawn(
        words,
        &turn.place.storage,
        Stdio::from(File::create(&output)?),
    )?;
    let seconds = begin.elapsed().as_secs_f64();
    let said = std::fs::read_to_string(&output)?;
    if !is_right(&said) {
        return Err(Error::other(format!(
            "{} gave another answer: {said:?}",
            words[0]
        )));
    }
    Ok(charged(
        Outcome::Done(Sample::speed(turn.scene.size, seconds)),
        processor,
    ))
}

fn charged(outcome: Outcome, processor: f64) -> Outcome {
    match outcome {
        Outcome::Done(sample) => Outcome::Done(Sample {
            processor: Some(processor),
            ..sample
        }),
        Outcome::NotThere => Outcome::NotThere,
    }
}

/// Runs a command to its end: the processor time that it took, in seconds.
fn spawn(words: &[&str], folder: &Path, stdout: Stdio) -> io::Result<f64> {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(stdout)
        .spawn()?;
    let process = child.id();
    let pid = i32::try_from(process)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| Error::other("no process"))?;
    // As long as the exit code has not been taken, the kernel remembers the processor time.
    rustix::process::waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    )?;
    let processor = proc::own_processor_seconds(process);
    if child.wait()?.success() {
        Ok(processor)
    } else {
        Err(Error::other(format!("{} has failed", words[0])))
    }
}
