//! The clients that watch the transfers: each is sent the list of transfers once a second.
//!
//! One thread makes each event, once for all of them, and sends it without waiting for any client.
//! A client that watches takes no other thread and no slot.
//!
//! Responsible for: how many watch, when an event is made and sent, how much memory events take.
//! Not for: what an event says (`api/event.rs`), sending it to one client (`watcher.rs`).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tiny_http::{Detached, Selector};

use super::panics::catch;
use super::slots::{Slot, Slots};
use super::transfer::Transfers;
use super::watcher::{Client, End, Watcher};
use crate::api;
use crate::http::policy::Caller;
use crate::sync::lock;

/// The time between two events.
const INTERVAL: Duration = Duration::from_secs(1);

/// How old an event may be that a new client is sent at once. Many that come together share one.
const MAX_AGE: Duration = Duration::from_millis(250);

/// The most clients that watch at once. To send an event to so many takes some milliseconds.
const MAX_WATCHERS: usize = 1024;

/// At most one connection in this many watches. It is not closed to make room for others, and most
/// are to be left for files.
const CONNECTIONS_PER_WATCHER: usize = 4;

/// The most memory that events take which others have followed and which some client has not taken
/// whole, in bytes.
const MAX_BACKLOG: usize = 1 << 20;

/// The clients that watch.
pub(super) struct Watchers {
    /// A place for each.
    places: Arc<Slots>,
    transfers: Arc<Transfers>,
    selector: Selector,
    /// What each is sent first.
    opening: Arc<[u8]>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watchers: HashMap<u64, Watcher>,
    /// Those that have not been sent an event.
    new: Vec<u64>,
    /// How many there have been.
    count: u64,
    has_ended: bool,
}

/// Where events are from.
pub(super) trait Source {
    /// Makes an event.
    fn event(&self) -> Vec<u8>;

    /// Whether what a caller may do is still what it was when it asked.
    fn is_current(&self, caller: &Caller) -> bool;
}

/// When events are made.
struct Schedule {
    next: Instant,
    /// How many events there have been.
    count: u64,
    last: Option<Event>,
}

/// An event, and when it was made.
#[derive(Clone)]
struct Event {
    content: Arc<[u8]>,
    at: Instant,
}

impl Watchers {
    /// For a server with this many connections at most.
    ///
    /// # Errors
    /// A line for the user, where there are no descriptors for it.
    pub(super) fn new(connections: usize, transfers: Arc<Transfers>) -> Result<Self, String> {
        let max = (connections / CONNECTIONS_PER_WATCHER).clamp(1, MAX_WATCHERS);
        let failed = |error| format!("cannot wait for clients: {error}");
        Ok(Self {
            places: Slots::new(max),
            transfers,
            selector: Selector::new().map_err(failed)?,
            opening: api::OPENING.into(),
            state: Mutex::default(),
        })
    }

    /// A place for a client that wants to watch, if there is one for it.
    pub(super) fn place(&self, client: IpAddr) -> Option<Slot> {
        self.places.take(client).ok()
    }

    /// What they watch.
    pub(super) fn transfers(&self) -> &Arc<Transfers> {
        &self.transfers
    }

    /// How many clients watch.
    pub(super) fn count(&self) -> usize {
        lock(&self.state).watchers.len()
    }

    /// Adds a client, whose reply has been begun. It is sent an event at once.
    pub(super) fn add(&self, reply: Detached, client: Client) {
        let mut watcher = Watcher::new(reply, client);
        let mut state = lock(&self.state);
        let added = match state.has_ended {
            true => Err(End::Stopping),
            false => watcher
                .register(&self.selector, state.count)
                .and_then(|()| watcher.send(&self.opening, 0, Instant::now())),
        };
        if let Err(why) = added {
            drop(state);
            return self.end(watcher, why);
        }
        let key = state.count;
        state.count += 1;
        state.watchers.insert(key, watcher);
        state.new.push(key);
        drop(state);
        self.selector.wake();
    }

    /// Ends all of them, now and from now on.
    pub(super) fn end_all(&self) {
        let mut state = lock(&self.state);
        state.has_ended = true;
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        for watcher in watchers.into_values() {
            self.end(watcher, End::Stopping);
        }
    }

    /// Sends events, for ever.
    pub(super) fn run(&self, source: &dyn Source) {
        let mut keys = Vec::new();
        let mut schedule = Schedule {
            next: Instant::now(),
            count: 0,
            last: None,
        };
        loop {
            let deadline = (self.count() > 0).then_some(schedule.next);
            if let Err(error) = self.selector.wait(deadline, &mut keys) {
                log::error!("clients that watch cannot be waited for: {error}");
                std::thread::sleep(INTERVAL);
            }
            self.each(&keys, Watcher::advance);
            // A panic is logged where it happens, and costs this event alone.
            let _ = catch(|| self.send_event(&mut schedule, source));
        }
    }

    /// Sends an event: to all clients if one is due, else to new ones, if there are any.
    fn send_event(&self, schedule: &mut Schedule, source: &dyn Source) {
        let now = Instant::now();
        let is_due = now >= schedule.next;
        let state = lock(&self.state);
        let (has_any, has_new) = (!state.watchers.is_empty(), !state.new.is_empty());
        drop(state);
        if !has_any {
            schedule.last = None;
        }
        if !has_any || !is_due && !has_new {
            return;
        }
        if is_due {
            schedule.next = now + INTERVAL;
        }
        let event = schedule.event(is_due, &|| source.event());
        let mut state = lock(&self.state);
        let new = std::mem::take(&mut state.new);
        let keys = match is_due {
            true => state.watchers.keys().copied().collect(),
            false => new,
        };
        drop(state);
        let number = schedule.count;
        self.each(&keys, |watcher| match source.is_current(watcher.caller()) {
            true => watcher.send(&event, number, now),
            false => Err(End::Rules),
        });
        self.limit_backlog(number);
    }

    /// Ends the clients that have not taken the oldest events, where events take too much memory.
    fn limit_backlog(&self, newest: u64) {
        let state = lock(&self.state);
        let unsent = || {
            state
                .watchers
                .iter()
                .filter_map(|(key, it)| Some((*key, it.unsent()?)))
        };
        let Some(last) = excess(unsent().map(|(_, event)| event), newest) else {
            return;
        };
        let behind = unsent().filter(|(_, (number, _))| *number <= last);
        let keys: Vec<u64> = behind.map(|(key, _)| key).collect();
        drop(state);
        self.each(&keys, |_| Err(End::Backlog));
    }

    /// Does something for these clients, and ends those for which it fails or panics.
    fn each(&self, keys: &[u64], mut act: impl FnMut(&mut Watcher) -> Result<(), End>) {
        let mut ended = Vec::new();
        let mut state = lock(&self.state);
        for key in keys {
            let Some(watcher) = state.watchers.get_mut(key) else {
                continue;
            };
            let acted = catch(|| act(watcher));
            let acted = acted.map_err(|message| End::Failed(format!("panic: {message}")));
            if let Err(why) = acted.flatten() {
                ended.extend(state.watchers.remove(key).map(|watcher| (watcher, why)));
            }
        }
        drop(state);
        for (watcher, why) in ended {
            self.end(watcher, why);
        }
    }

    fn end(&self, watcher: Watcher, why: End) {
        let transfer = watcher.end(&why);
        self.transfers
            .end(&transfer, (200, None), why.cause().as_deref());
    }
}

impl Schedule {
    /// A new event, or the last one if that will do.
    fn event(&mut self, is_due: bool, make: &dyn Fn() -> Vec<u8>) -> Arc<[u8]> {
        let last = self
            .last
            .take()
            .filter(|last| !is_due && last.at.elapsed() < MAX_AGE);
        let event = last.unwrap_or_else(|| {
            self.count += 1;
            let at = Instant::now();
            let content = make().into();
            Event { content, at }
        });
        self.last = Some(event.clone());
        event.content
    }
}

/// The number of the newest event that is too old to be kept, of those that are not sent whole.
/// Each comes with its bytes. The newest of all does not count.
fn excess(unsent: impl Iterator<Item = (u64, usize)>, newest: u64) -> Option<u64> {
    let older: BTreeMap<u64, usize> = unsent.filter(|(number, _)| *number != newest).collect();
    let mut total = 0;
    let mut newest_first = older.into_iter().rev();
    let excess = newest_first.find(|(_, bytes)| {
        total += bytes;
        total > MAX_BACKLOG
    });
    excess.map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::super::logged_head::LoggedHead;
    use super::*;
    use crate::http::forwarded::TrustedProxies;
    use std::cell::Cell;
    use std::error::Error;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_oldest_events_are_given_up_where_memory_is_short() {
        const HALF: usize = MAX_BACKLOG / 2;
        for (unsent, newest, expected) in [
            (&[][..], 9, None),
            // However many clients have not taken an event, it is in memory once.
            (&[(1, HALF), (1, HALF), (1, HALF), (2, HALF)], 9, None),
            (&[(1, 1), (2, HALF), (3, HALF)], 9, Some(1)),
            (&[(3, HALF), (2, HALF + 1), (1, HALF)], 9, Some(2)),
            (&[(8, MAX_BACKLOG + 1)], 9, Some(8)),
            // The newest one is being sent.
            (&[(8, MAX_BACKLOG), (9, MAX_BACKLOG)], 9, None),
        ] {
            let found = excess(unsent.iter().copied(), newest);
            assert_eq!(found, expected, "{unsent:?}");
        }
    }

    #[test]
    fn new_clients_that_come_together_share_an_event() {
        let mut schedule = Schedule {
            next: Instant::now(),
            count: 0,
            last: None,
        };
        let made = Cell::new(0_u8);
        let make = || {
            made.set(made.get() + 1);
            vec![made.get()]
        };
        let mut event = |is_due| schedule.event(is_due, &make).to_vec();
        let start = Instant::now();
        let found = [event(true), event(false), event(false), event(true)];
        if start.elapsed() < MAX_AGE {
            assert_eq!(found, [[1], [1], [1], [2]]);
        }
        let old = Instant::now().checked_sub(MAX_AGE);
        if let Some((last, at)) = schedule.last.as_mut().zip(old) {
            last.at = at;
            assert_eq!(*schedule.event(false, &make), [made.get()]);
            assert_eq!(u64::from(made.get()), schedule.count);
        }
    }

    /// A client that watches, and its connection.
    fn add(watchers: &Watchers, server: &tiny_http::Server) -> Result<TcpStream, Box<dyn Error>> {
        let address = server.server_addr().to_ip().ok_or("no address of TCP")?;
        let mut client = TcpStream::connect(address)?;
        client.set_read_timeout(Some(Duration::from_secs(20)))?;
        client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let request = server.recv()?;
        let caller = Caller::identify(None, None);
        let head = LoggedHead::of(&request, (&caller, None), &TrustedProxies::default());
        let watching = Client {
            transfer: watchers.transfers().begin(head, None),
            caller,
            _place: watchers.place([127, 0, 0, 1].into()).ok_or("no place")?,
        };
        watchers.add(request.detach(200.into(), &[])?, watching);
        Ok(client)
    }

    /// Panics once.
    struct Panics(AtomicBool);

    impl Source for Panics {
        fn event(&self) -> Vec<u8> {
            assert!(self.0.swap(true, Ordering::SeqCst), "on purpose");
            b"event".to_vec()
        }

        fn is_current(&self, _caller: &Caller) -> bool {
            true
        }
    }

    #[test]
    fn a_panic_costs_one_event_or_one_client() -> Result<(), Box<dyn Error>> {
        let server = tiny_http::Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
        let watchers = Arc::new(Watchers::new(16, Arc::default())?);
        let mut clients = [add(&watchers, &server)?, add(&watchers, &server)?];
        watchers.each(&[1], |_| panic!("on purpose"));
        assert_eq!(watchers.count(), 1);
        let mut end = Vec::new();
        assert!(clients[1].read_to_end(&mut end).is_err(), "it is reset");
        let runs = Arc::clone(&watchers);
        // It ends with the process.
        std::thread::spawn(move || runs.run(&Panics(AtomicBool::new(false))));
        let mut received = Vec::new();
        while !received.ends_with(b"event") {
            let mut some = [0; 100];
            let count = clients[0].read(&mut some)?;
            assert!(count > 0, "the stream has ended");
            received.extend_from_slice(&some[..count]);
        }
        watchers.end_all();
        clients[0].read_to_end(&mut received)?;
        let later = add(&watchers, &server)?;
        assert_eq!(watchers.count(), 0, "none is added after the end");
        drop(later);
        Ok(())
    }
}
