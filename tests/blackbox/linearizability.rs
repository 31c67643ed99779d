//! Three writes at once on two names: what is there afterwards, and what each was told, is what some order of the three
//! would have come to, one after the other. So nothing that was acknowledged is nowhere, and no condition was held
//! against a file that was not the one that was written to.
//!
//! Symptom: of two `PUT A/mv {"path": "B"}` and one `POST A` at once all three got 200, and the posted bytes were
//! nowhere. A conditional POST replaced a file that it had not looked at, and DELETE removed one.
//! Cause: a name was looked at, a lock waited for, and the name acted upon, though it led elsewhere by then; the source
//! of a mv was not locked at all.
//! Fix: whatever takes a name away, or gives one, locks what is there, both files of a mv or cp, looks at the names again
//! under the locks, and only then acts.

use std::sync::Barrier;
use std::thread;

use crate::common::{Client, Server};

/// The number of rounds of each test, unless `RACE_ROUNDS` says another.
const ROUNDS: usize = 5_000;

const NAMES: [&str; 2] = ["a", "b"];

/// The six orders of three requests.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Post,
    Append,
    Move,
    Copy,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Condition {
    None,
    /// `If-Match` of the tag that the file had before the round.
    Match,
    /// `If-None-Match: *`.
    Absent,
    /// `Content-Range` from the length that the file had before the round.
    Length(usize),
}

/// One of the requests of a round, about `NAMES[name]`; `to` is the other name of a mv or cp.
#[derive(Clone, Debug)]
struct Write {
    method: Method,
    name: usize,
    to: usize,
    condition: Condition,
    body: String,
}

/// A file as the model has it.
#[derive(Clone, Debug, PartialEq)]
struct File {
    content: String,
    /// Whether it is, unchanged, what was there before the round.
    is_initial: bool,
}

type State = [Option<File>; 2];

impl Write {
    /// What the request comes to: whether it is carried out, and what it leaves.
    fn apply(&self, state: &mut State) -> bool {
        let is_met = |at: usize, state: &State| match (self.condition, &state[at]) {
            (Condition::None, _) => true,
            (Condition::Match, file) => file.as_ref().is_some_and(|file| file.is_initial),
            (Condition::Absent, file) => file.is_none(),
            (Condition::Length(first), file) => file
                .as_ref()
                .is_some_and(|file| file.content.len() == first),
        };
        let new = |content: &str| {
            Some(File {
                content: content.to_string(),
                is_initial: false,
            })
        };
        let (name, to) = (self.name, self.to);
        let subject = match self.method {
            Method::Move | Method::Copy => to,
            Method::Post | Method::Append | Method::Delete => name,
        };
        if self.method != Method::Post && state[name].is_none() || !is_met(subject, state) {
            return false;
        }
        let old = state[name].as_ref().map(|file| file.content.clone());
        let old = old.unwrap_or_default();
        match self.method {
            Method::Post => state[name] = new(&self.body),
            Method::Append => state[name] = new(&format!("{old}{}", self.body)),
            Method::Delete => state[name] = None,
            Method::Copy | Method::Move if name == to => {}
            Method::Copy => state[to] = new(&old),
            Method::Move => {
                state[to] = new(&old);
                state[name] = None;
            }
        }
        true
    }

    fn send(&self, client: &mut Client<'_>, before: &Before) -> u16 {
        let name = NAMES[self.name];
        let body = match self.method {
            Method::Move | Method::Copy => format!("{{\"path\": \"{}\"}}", NAMES[self.to]),
            Method::Post | Method::Append => self.body.clone(),
            Method::Delete => String::new(),
        };
        let (method, target) = match self.method {
            Method::Post => ("POST", name.to_string()),
            Method::Append => ("PUT", name.to_string()),
            Method::Move => ("PUT", format!("{name}/mv")),
            Method::Copy => ("PUT", format!("{name}/cp")),
            Method::Delete => ("DELETE", name.to_string()),
        };
        let subject = match self.method {
            Method::Move | Method::Copy => self.to,
            Method::Post | Method::Append | Method::Delete => self.name,
        };
        let field = match self.condition {
            Condition::None => None,
            Condition::Match => Some(("If-Match", before.tags[subject].clone())),
            Condition::Absent => Some(("If-None-Match", "*".to_string())),
            Condition::Length(first) => {
                let last = first + body.len() - 1;
                Some(("Content-Range", format!("bytes {first}-{last}/*")))
            }
        };
        let fields: Vec<(&str, &str)> = field.iter().map(|(n, v)| (*n, v.as_str())).collect();
        client.ask(method, &target, &fields, body.as_bytes()).status
    }
}

/// What conditions speak of.
#[derive(Clone, Debug)]
struct Before {
    /// A tag that no file has, where there is no file.
    tags: [String; 2],
    lengths: [usize; 2],
}

/// A sequence of numbers that is the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % most
    }

    fn write(&mut self, round: usize, number: usize, before: &Before) -> Write {
        let name = self.below(2);
        let method = [
            Method::Post,
            Method::Append,
            Method::Move,
            Method::Move,
            Method::Copy,
            Method::Delete,
        ][self.below(6)];
        let condition = match self.below(8) {
            0 => Condition::Match,
            1 => Condition::Absent,
            2 if method == Method::Append => Condition::Length(before.lengths[name]),
            _ => Condition::None,
        };
        Write {
            method,
            name,
            to: self.below(2),
            condition,
            body: format!("{round}.{number};"),
        }
    }
}

fn content(server: &Server, at: usize) -> Option<String> {
    let content = server.content(NAMES[at])?;
    Some(String::from_utf8_lossy(&content).into_owned())
}

/// Makes files that are missing, mostly, and says what is there.
fn prepare(client: &mut Client<'_>, random: &mut Random, last: &State) -> (State, Before) {
    let mut state = last.clone();
    let mut before = Before {
        tags: ["\"none\"".to_string(), "\"none\"".to_string()],
        lengths: [0, 0],
    };
    for at in 0..2 {
        let is_long = state[at]
            .as_ref()
            .is_some_and(|file| file.content.len() > 500);
        if is_long || state[at].is_none() && random.below(4) > 0 {
            let content = format!("initial {at};");
            let reply = client.ask("POST", NAMES[at], &[], content.as_bytes());
            assert_eq!(reply.status, 200, "{}", reply.summary());
            state[at] = Some(File {
                content,
                is_initial: true,
            });
        }
        if let Some(file) = &mut state[at] {
            file.is_initial = true;
            before.lengths[at] = file.content.len();
            before.tags[at] = client.tag(NAMES[at]);
        }
    }
    (state, before)
}

/// Whether an order of the writes explains what they were told and what is there now.
fn is_explained(
    initial: &State,
    writes: &[Write; 3],
    told: &[u16; 3],
    left: &[Option<String>; 2],
) -> bool {
    ORDERS.iter().any(|order| {
        let mut state = initial.clone();
        let as_told = order
            .iter()
            .all(|&number| writes[number].apply(&mut state) == (told[number] == 200));
        let is_left = |at: usize| state[at].as_ref().map(|file| &file.content) == left[at].as_ref();
        as_told && is_left(0) && is_left(1)
    })
}

fn rounds() -> usize {
    let named = std::env::var("RACE_ROUNDS").ok();
    named.map_or(ROUNDS, |rounds| {
        rounds.parse().expect("RACE_ROUNDS is a number")
    })
}

/// Three clients make one write each at once, over and over; each through the one or the other server.
fn race(servers: [&Server; 2], seed: u64) {
    let mut random = Random(seed);
    let (start, end) = (Barrier::new(4), Barrier::new(4));
    let task: [std::sync::Mutex<Option<(usize, Write, Before)>>; 3] = Default::default();
    let told: [std::sync::Mutex<u16>; 3] = Default::default();
    let (start, end, task, told) = (&start, &end, &task, &told);
    thread::scope(|scope| {
        for number in 0..3 {
            scope.spawn(move || {
                let mut clients = servers.map(Client::of);
                loop {
                    start.wait();
                    let given = task[number].lock().unwrap().take();
                    let Some((server, write, before)) = given else {
                        return;
                    };
                    let status = write.send(&mut clients[server], &before);
                    *told[number].lock().unwrap() = status;
                    end.wait();
                }
            });
        }
        let mut client = Client::of(servers[0]);
        let mut state: State = [None, None];
        let mut failures = Vec::new();
        for round in 0..rounds() {
            let (initial, before) = prepare(&mut client, &mut random, &state);
            let writes = [0, 1, 2].map(|number| random.write(round, number, &before));
            for (number, write) in writes.iter().enumerate() {
                let given = (random.below(2), write.clone(), before.clone());
                *task[number].lock().unwrap() = Some(given);
            }
            start.wait();
            end.wait();
            let told = [0, 1, 2].map(|number| *told[number].lock().unwrap());
            let left = [0, 1].map(|at| content(servers[0], at));
            let is_known = |status: &u16| matches!(status, 200 | 404 | 412 | 416);
            if !told.iter().all(is_known) || !is_explained(&initial, &writes, &told, &left) {
                failures.push(format!(
                    "round {round}: {initial:?}\n  {writes:#?}\n  told {told:?}, left {left:?}"
                ));
            }
            state = left.map(|content| {
                content.map(|content| File {
                    content,
                    is_initial: true,
                })
            });
        }
        // The clients end where there is nothing to do.
        start.wait();
        let shown = failures.first().cloned().unwrap_or_default();
        assert!(failures.is_empty(), "{} rounds; {shown}", failures.len());
    });
    servers[0].assert_clean();
}

#[test]
fn three_writes_at_once_are_as_one_after_the_other() {
    let server = Server::start();
    race([&server, &server], 0x9e37_79b9_7f4a_7c15);
}

#[test]
fn three_writes_at_once_by_two_servers_are_as_one_after_the_other() {
    let one = Server::start();
    let two = one.sibling();
    race([&one, &two], 0xd1b5_4a32_d192_ed03);
}
