//! Three concurrent writes on two names have the results and replies of some order of the three. So
//! no acknowledged write is lost, and no condition is evaluated against another file than the one
//! that is written.
//!
//! This file has the race and the search for an order; `files.rs` and `folders.rs` have the models.
//! Not here: several writers with one condition (`lost_updates`), appends alone
//! (`concurrent_appends`).
//!
//! symptom: of two `PUT A/mv {"path": "B"}` and one `POST A` at once all three got 200, and the
//!          posted bytes were nowhere. A conditional POST replaced a file that it had not looked
//!          at, and DELETE removed one.
//! cause:   a name was looked at, a lock waited for, and the name acted upon, though it led
//!          elsewhere by then; the source of a mv was not locked at all.
//! fix:     whatever takes a name away, or gives one, locks what is there, both files of a mv or
//!          cp, looks at the names again under the locks, and only then acts.

mod files;
mod folders;

use std::fmt::Debug;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use testkit::{Client, Server};

/// The number of rounds of each race, unless `RACE_ROUNDS` says another.
const ROUNDS: usize = 5_000;

/// The two names.
const NAMES: [&str; 2] = ["a", "b"];

/// The writes that take part in a race, as something simple would carry them out.
trait Model {
    /// What is under the two names.
    type State: Clone + Debug;
    type Write: Debug;

    /// Puts something under the names for the next round, where `last` is what the one before has
    /// left.
    fn prepare(client: &mut Client<'_>, random: &mut Random, last: &Self::State) -> Self::State;

    /// A write; `body` is like no other.
    fn write(random: &mut Random, body: String, state: &Self::State) -> Self::Write;

    fn request(write: &Self::Write) -> Request;

    /// Carries a write out; says whether it can be.
    fn apply(write: &Self::Write, state: &mut Self::State) -> bool;

    /// A part of a write that is allowed to be seen for itself, before the write or without it:
    /// whether there is one, and it is carried out.
    fn apply_part(_write: &Self::Write, _state: &mut Self::State) -> bool {
        false
    }

    /// What is on the disk.
    fn read(server: &Server) -> Self::State;

    fn is_same(one: &Self::State, other: &Self::State) -> bool;
}

struct Request {
    method: &'static str,
    target: String,
    field: Option<(&'static str, String)>,
    body: String,
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

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// Whether there is an order of the writes that are left, each with whether it got 200, that ends
/// in what is there.
fn is_explained<M: Model>(state: &M::State, left: &[(&M::Write, bool)], end: &M::State) -> bool {
    if left.is_empty() {
        return M::is_same(state, end);
    }
    (0..left.len()).any(|next| {
        let (write, succeeded) = left[next];
        let others = [&left[..next], &left[next + 1..]].concat();
        let mut after = state.clone();
        let whole =
            M::apply(write, &mut after) == succeeded && is_explained::<M>(&after, &others, end);
        whole || is_explained_with_part::<M>(state, left, next, end)
    })
}

/// The same where a part of one of the writes comes first, by itself.
fn is_explained_with_part<M: Model>(
    state: &M::State,
    left: &[(&M::Write, bool)],
    next: usize,
    end: &M::State,
) -> bool {
    let mut after = state.clone();
    M::apply_part(left[next].0, &mut after)
        && !M::is_same(&after, state)
        && is_explained::<M>(&after, left, end)
}

fn rounds() -> usize {
    let named = std::env::var("RACE_ROUNDS").ok();
    named.map_or(ROUNDS, |rounds| {
        rounds.parse().expect("RACE_ROUNDS is a number")
    })
}

/// A client for each server, which sends what it is given and tells the status.
fn serve(servers: [&Server; 2], requests: &Receiver<(usize, Request)>, told: &Sender<u16>) {
    let mut clients = servers.map(Client::of);
    while let Ok((server, request)) = requests.recv() {
        let fields: Vec<(&str, &str)> = request
            .field
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let body = request.body.as_bytes();
        let reply = clients[server].ask(request.method, &request.target, &fields, body);
        told.send(reply.status).expect("the race goes on");
    }
}

/// Three clients make one write each at once, over and over; each through the one or the other
/// server.
fn race<M: Model>(servers: [&Server; 2], seed: u64) {
    let mut random = Random(seed);
    thread::scope(|scope| {
        let racers = [0, 1, 2].map(|_| {
            let (requests, given) = channel();
            let (tell, told) = channel();
            scope.spawn(move || serve(servers, &given, &tell));
            (requests, told)
        });
        let mut client = Client::of(servers[0]);
        let mut last = M::read(servers[0]);
        for round in 0..rounds() {
            let initial = M::prepare(&mut client, &mut random, &last);
            let writes = [0, 1, 2].map(|number| {
                let body = format!("{round}.{number};");
                M::write(&mut random, body, &initial)
            });
            for (write, (requests, _)) in writes.iter().zip(&racers) {
                let given = (random.below(2), M::request(write));
                requests.send(given).expect("the racer lives");
            }
            let told = racers
                .each_ref()
                .map(|(_, told)| told.recv().expect("the racer lives"));
            last = M::read(servers[0]);
            let left: Vec<_> = writes.iter().zip(told.map(|told| told == 200)).collect();
            let is_known = |status: &u16| matches!(status, 200 | 404 | 409 | 412 | 416);
            assert!(
                told.iter().all(is_known) && is_explained::<M>(&initial, &left, &last),
                "round {round}: {initial:?}\n{writes:#?}\ntold {told:?}, and now {last:?}"
            );
        }
    });
    servers[0].assert_clean();
}

/// The race at one server, and at two of one folder.
fn race_at_one_and_two_servers<M: Model>(seed: u64) {
    let one = Server::start();
    race::<M>([&one, &one], seed);
    let two = one.sibling();
    race::<M>([&one, &two], seed.rotate_left(17));
}
