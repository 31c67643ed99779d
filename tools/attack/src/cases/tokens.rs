//! Requests without a valid token, in large numbers: each is refused, none has a slot.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use testkit::rules::{basic, bearer};

use crate::pattern::thousands;
use crate::scene::{Outcome, Scene, open_many};

/// The token of the well-behaved client, which may do everything.
pub const TOKEN: &str = "a-good-token";

/// How many threads send requests.
const THREADS: usize = 4;

/// How many requests are sent before their replies are read.
const AT_ONCE: usize = 32;

/// More refused uploads than there are slots for one address, or for all.
const UPLOADS: usize = 600;

/// What each of them sends: its body does not come.
const UPLOAD: &str = "POST /file/victim HTTP/1.1\r\nHost: nas\r\nContent-Length: 60000000\r\n\r\n";

/// Values of `Authorization`, up to the longest that fits into a head.
fn values() -> Vec<String> {
    let long = "a".repeat(15_900);
    vec![
        bearer("wrong"),
        bearer(&format!("{TOKEN}x")),
        bearer(&TOKEN[1..]),
        bearer(&long),
        basic("good", "wrong"),
        basic("nobody", TOKEN),
        basic("", ""),
        basic("good", &long[..11_000]),
        format!("Basic {}", "=".repeat(15_000)),
        format!("Digest {}", "a=b, ".repeat(3_000)),
        "Bearer".to_owned(),
        String::new(),
    ]
}

/// Floods of wrong tokens, short and long, beside uploads that are refused and wait.
pub fn wrong_tokens(scene: &Scene) -> io::Result<Outcome> {
    scene.place_victim()?;
    let mut outcome = Outcome::default();
    let mut uploads = open_many(scene, scene.scale(UPLOADS, 100), Duration::from_secs(5));
    for stream in &mut uploads {
        if let Err(error) = stream.write_all(UPLOAD.as_bytes()) {
            outcome.fault(format!("the head of an upload: {error}"));
        }
    }
    let authorization = bearer(TOKEN);
    let good =
        format!("GET /file/victim HTTP/1.1\r\nHost: nas\r\nAuthorization: {authorization}\r\n\r\n");
    let reply = scene.ask(good.as_bytes())?;
    if reply.status != 200 {
        let status = reply.status;
        outcome.fault(format!(
            "beside refused uploads, a good token gets {status}"
        ));
    }
    let deadline = Instant::now() + scene.seconds(4.0, 0.7);
    let floods: Vec<_> = std::thread::scope(|scope| {
        let start = |number| scope.spawn(move || flood(scene, number, deadline));
        let threads: Vec<_> = (0..THREADS).map(start).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended
            .map(|flood| flood.unwrap_or_else(|_| Err(io::Error::other("a thread has failed"))))
            .collect()
    });
    let mut count = 0;
    for flood in floods {
        match flood {
            Ok((sent, faults)) => {
                count += sent;
                outcome.faults.extend(faults);
            }
            Err(error) => outcome.fault(format!("a flood: {error}")),
        }
    }
    if scene.is_ours() && !scene.victim_is_there() {
        outcome.fault("a wrong token has removed a file".to_owned());
    }
    outcome.sent = format!(
        "{} requests with wrong tokens of up to 16 KiB, beside {} refused uploads",
        thousands(count),
        uploads.len()
    );
    Ok(outcome)
}

/// Sends requests until the time is over; how many, and what was wrong with the replies.
fn flood(scene: &Scene, number: usize, deadline: Instant) -> io::Result<(u64, Vec<String>)> {
    let values = values();
    let (mut count, mut faults) = (0, Vec::new());
    while Instant::now() < deadline && faults.is_empty() {
        let mut conn = scene.open()?;
        for (at, value) in values.iter().enumerate() {
            // The long ones are sent one by one, so that none waits for the reader of its replies.
            let times = if value.len() > 1_000 { 1 } else { AT_ONCE };
            let method = ["GET", "DELETE", "HEAD"][(at + number) % 3];
            let target = ["/file/victim", "/file/none", "/metrics", "/"][at % 4];
            // Only names can be deleted.
            let target = if method == "DELETE" {
                "/file/victim"
            } else {
                target
            };
            let request = format!(
                "{method} {target} HTTP/1.1\r\nHost: nas\r\nAuthorization: {value}\r\n\r\n"
            );
            conn.try_send(request.repeat(times).as_bytes())?;
            for _ in 0..times {
                let status = conn.reply_to(method)?.status;
                count += 1;
                if scene.is_ours() && status != 401 {
                    let value = value.get(..20).unwrap_or(value);
                    faults.push(format!("{method} {target} with {value:?} gets {status}"));
                }
            }
        }
    }
    Ok((count, faults))
}
