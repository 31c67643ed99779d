//! One case from start to end: a server of its own, the well-behaved client, the attack, and what
//! is left afterwards.

use std::io;
use std::time::{Duration, Instant};

use testkit::http;

use crate::cases::Case;
use crate::good::Good;
use crate::pattern::bytes;
use crate::process::{self, Peaks, Usage};
use crate::programs::{Allowed, Programs};
use crate::scene::Scene;
use crate::server::{Kind, Server};
use crate::tally::Tally;

/// How far memory may stay above where it began, in bytes.
const KEPT_MEMORY: u64 = 16 << 20;

/// How long memory may take to come back: threads without work stay for some seconds.
const SETTLE: Duration = Duration::from_secs(15);

/// How long the server may take to answer after the attack.
const ANSWER: Duration = Duration::from_secs(1);

/// What a case has shown of one server.
#[derive(Debug)]
pub struct Report {
    pub sent: String,
    pub remark: String,
    pub tally: Tally,
    pub before: Usage,
    pub after: Usage,
    pub peak_memory: u64,
    pub peak_threads: u64,
    /// How long the server took to answer afterwards, if it did.
    pub answered: Option<Duration>,
    pub took: Duration,
    /// Everything that is not as it must be.
    pub faults: Vec<String>,
}

/// Runs one case against one server.
pub fn run(programs: &Programs, kind: Kind, case: &Case, short: bool) -> io::Result<Report> {
    let begin = Instant::now();
    let flags = match kind {
        Kind::HttpNas => programs.known(case.flags),
        Kind::Nginx => case.flags.to_vec(),
    };
    let mut server = Server::start(programs, kind, case, &flags)?;
    let good = Good::start(server.for_others(), kind.dialect());
    let warm = good.wait(8, Duration::from_secs(10));
    let before = process::usage(server.process());
    let scene = Scene {
        kind,
        address: server.address,
        storage: server.storage.clone(),
        short,
        flags,
        process: server.process(),
        before,
    };
    let peaks = Peaks::watch(server.process());
    let outcome = (case.run)(&scene);
    let answered = answers(&scene);
    let recovered = good.wait(2, Duration::from_secs(10));
    let tally = good.end();
    let (peak_memory, peak_threads) = peaks.end();
    let after = settle(&server, before);
    let mut outcome = outcome.unwrap_or_else(|error| crate::scene::Outcome {
        faults: vec![format!(
            "the attack could not be carried out to its end: {error}"
        )],
        ..Default::default()
    });
    let mut fault = |is_one: bool, text: String| {
        if is_one {
            outcome.faults.push(text);
        }
    };
    fault(
        !warm,
        "the good client was not served before the attack".to_owned(),
    );
    fault(
        !recovered,
        "the good client was not served after the attack".to_owned(),
    );
    fault(
        answered.is_none(),
        "no answer within 1 s afterwards".to_owned(),
    );
    fault(
        tally.errors > 0,
        format!(
            "{} errors of the good client: {}",
            tally.errors,
            tally.first_errors.join("; ")
        ),
    );
    let kept = after.memory.saturating_sub(before.memory);
    let memory = format!(
        "memory {} above where it began ({})",
        bytes(kept),
        bytes(before.memory)
    );
    fault(kept > KEPT_MEMORY, memory);
    fault(!server.is_alive(), "the server has ended".to_owned());
    let litter = server.litter();
    fault(
        !litter.is_empty(),
        format!(
            "{} files left, {:?} among them",
            litter.len(),
            litter.first()
        ),
    );
    // A server that is short of something may say so as it likes, as long as it goes on.
    let complaints = server.complaints();
    let may_complain = kind == Kind::Nginx || case.allowed != Allowed::Everything;
    let is_fine = complaints.is_empty() || (may_complain && outcome.faults.is_empty());
    if !is_fine {
        outcome
            .faults
            .push(format!("in the log: {}", complaints.join("; ")));
    }
    Ok(Report {
        sent: outcome.sent,
        remark: outcome.remark,
        tally,
        before,
        after,
        peak_memory: peak_memory.max(after.most_memory),
        peak_threads,
        answered,
        took: begin.elapsed(),
        faults: outcome.faults,
    })
}

/// A health check on a new connection, and its time.
fn answers(scene: &Scene) -> Option<Duration> {
    let begin = Instant::now();
    let request = b"GET /file HTTP/1.1\r\nHost: nas\r\nConnection: close\r\n\r\n";
    let reply = http::ask(scene.address, request, ANSWER);
    let is_ok = reply.is_ok_and(|reply| reply.status == 200 && reply.body == b"OK");
    is_ok.then(|| begin.elapsed())
}

/// Waits until memory is back and nothing lies about, for some seconds at most.
fn settle(server: &Server, before: Usage) -> Usage {
    let deadline = Instant::now() + SETTLE;
    loop {
        let now = process::usage(server.process());
        let is_calm = now.memory <= before.memory + KEPT_MEMORY && server.litter().is_empty();
        if is_calm || Instant::now() >= deadline {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
