//! Requests that wait until something changes under a name, without a thread and without a slot.
//!
//! A request is put aside, and handled again from its beginning when the name has changed, when its
//! time is up, when its client is gone, or when the server ends. So a wait decides nothing: it only
//! says when it makes sense to look again.
//!
//! Whoever puts a request aside has announced that before it looked for the last time: a change in
//! between is noticed. Changes by requests of this server are told by them. Others are found out
//! about by `name_watch.rs`, where the file system tells, and by a look at each name a second.
//!
//! Responsible for: who waits for which name, and for how long. Not for: what a request does when
//! it is handled again (`handler.rs`).

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tiny_http::{Selector, Server};

use super::signal::Signal;
use super::slots::{Slot, Slots};
use super::wait_state::Resumed;
use crate::http::name::Name;
use crate::storage::{Glance, Store, glance};
use crate::sync::lock;

/// The time between two looks at each name.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// When a request is handled again for which there was no slot.
const POSTPONED: Duration = Duration::from_millis(10);

/// At most one connection in this many waits. It is not closed to make room for others.
const CONNECTIONS_PER_WAIT: usize = 2;

/// The requests that wait.
pub(super) struct Waits {
    server: Arc<Server>,
    selector: Selector,
    /// A place for each.
    places: Arc<Slots>,
    /// How many requests wait or are about to, for those that change something.
    interested: AtomicUsize,
    has_new: Signal,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashMap<Name, Group>,
    waiting: HashMap<u64, Waiting>,
    deadlines: BTreeSet<(Instant, u64)>,
    next_key: u64,
    /// Those that are to be handled again, by the next thread that is free.
    resumed: VecDeque<Resumed>,
    /// Those for which there was no slot.
    postponed: Vec<Resumed>,
    /// Names that no one has begun to watch.
    new: Vec<Name>,
    has_ended: bool,
}

/// The requests that wait for one name.
struct Group {
    /// How often it has changed.
    changes: u64,
    /// What was seen when it was looked at last.
    seen: Glance,
    /// How many are about to wait.
    announced: usize,
    keys: HashSet<u64>,
}

struct Waiting {
    request: Resumed,
    name: Name,
}

/// A request that is about to wait for a name.
pub(super) struct Announcement<'w> {
    waits: &'w Waits,
    name: Name,
    changes: u64,
}

impl Waits {
    /// For a server with this many connections at most.
    ///
    /// # Errors
    /// A line for the user, where there are no descriptors for it.
    pub(super) fn new(server: Arc<Server>, connections: usize) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot wait for changes: {error}");
        Ok(Self {
            server,
            selector: Selector::new().map_err(failed)?,
            places: Slots::new((connections / CONNECTIONS_PER_WAIT).max(1)),
            interested: AtomicUsize::new(0),
            has_new: Signal::new().map_err(failed)?,
            state: Mutex::default(),
        })
    }

    /// A place for a client that wants to wait, if there is one for it.
    pub(super) fn place(&self, client: IpAddr) -> Option<Slot> {
        self.places.take(client).ok()
    }

    /// How many requests wait.
    pub(super) fn count(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Whether a request waits, or is to be handled again.
    pub(super) fn has_any(&self) -> bool {
        let state = self.lock();
        !(state.waiting.is_empty() && state.resumed.is_empty() && state.postponed.is_empty())
    }

    /// Announces that a request will wait for a name, unless what it asks for is there already.
    pub(super) fn announce(&self, store: &Store, name: &Name) -> Announcement<'_> {
        // Before the name is looked at: whoever changes it after that sees this.
        self.interested.fetch_add(1, Ordering::SeqCst);
        let seen = glance(store, name.components());
        let mut state = self.lock();
        let state = &mut *state;
        let group = state.names.entry(name.clone()).or_insert_with(|| {
            state.new.push(name.clone());
            self.has_new.raise();
            Group {
                changes: 0,
                seen,
                announced: 0,
                keys: HashSet::new(),
            }
        });
        group.announced += 1;
        Announcement {
            waits: self,
            name: name.clone(),
            changes: group.changes,
        }
    }

    /// Puts a request aside that has been announced. It is handled again at once where the name has
    /// changed since.
    pub(super) fn put_aside(&self, announcement: Announcement<'_>, mut request: Resumed) {
        let mut state = self.lock();
        let key = state.next_key;
        let group = state.names.get_mut(&announcement.name);
        let is_unchanged = group.is_some_and(|group| {
            let is_unchanged = group.changes == announcement.changes;
            is_unchanged && group.keys.insert(key)
        });
        let added = is_unchanged && !state.has_ended && {
            let added = self.selector.add_request(&request.request, key);
            if added.is_err() {
                // It cannot be waited for.
                request.state.deadline = Instant::now();
            }
            added.is_ok()
        };
        if !added {
            if let Some(group) = state.names.get_mut(&announcement.name) {
                group.keys.remove(&key);
            }
            self.resume(&mut state, request);
            drop(state);
            return drop(announcement);
        }
        state.next_key += 1;
        request.state.transfer.set_waiting(true);
        let deadline = request.state.deadline;
        state.deadlines.insert((deadline, key));
        let is_first = state.deadlines.first() == Some(&(deadline, key));
        let name = announcement.name.clone();
        state.waiting.insert(key, Waiting { request, name });
        self.interested.fetch_add(1, Ordering::SeqCst);
        drop(state);
        drop(announcement);
        if is_first {
            self.selector.wake();
        }
    }

    /// The next request that is to be handled again.
    pub(super) fn next_resumed(&self) -> Option<Resumed> {
        self.lock().resumed.pop_front()
    }

    /// Has a request handled again a little later, since there was no slot for it.
    pub(super) fn postpone(&self, request: Resumed) {
        self.lock().postponed.push(request);
        self.selector.wake();
    }

    /// Tells that what a name leads to has changed, and with `below`, what names below it lead to,
    /// too.
    pub(super) fn tell(&self, name: &Name, below: bool) {
        if self.interested.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut state = self.lock();
        self.resume_all(&mut state, name);
        // What is in a directory is part of it.
        if let Some(parent) = name.parent() {
            self.resume_all(&mut state, &parent);
        }
        if below {
            let is_below = |other: &&Name| other.components().starts_with(name.components());
            let names: Vec<Name> = state.names.keys().filter(is_below).cloned().collect();
            for name in names {
                self.resume_all(&mut state, &name);
            }
        }
    }

    /// Looks at these names, and lets those go that wait for one that has changed.
    pub(super) fn look_at(&self, store: &Store, names: &[Name]) {
        for name in names {
            // Not under the lock: the disk may take its time.
            let seen = glance(store, name.components());
            let mut state = self.lock();
            let Some(group) = state.names.get_mut(name) else {
                continue;
            };
            if std::mem::replace(&mut group.seen, seen) != seen {
                self.resume_all(&mut state, name);
            }
        }
    }

    /// The names that have been waited for since this was asked last. [`Waits::has_new`] is raised
    /// when there are any.
    pub(super) fn take_new(&self) -> Vec<Name> {
        std::mem::take(&mut self.lock().new)
    }

    pub(super) fn has_new(&self) -> &Signal {
        &self.has_new
    }

    /// Whether a name is still waited for.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.lock().names.contains_key(name)
    }

    /// Lets all of them go, now and from now on.
    pub(super) fn end_all(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        let keys: Vec<u64> = state.waiting.keys().copied().collect();
        for key in keys {
            self.resume_one(&mut state, key, false);
        }
    }

    /// Lets requests go whose time is up or whose clients are gone, and looks at each name now and
    /// then, for ever.
    pub(super) fn run(&self, store: &Store) {
        let mut keys = Vec::new();
        let mut next_look = Instant::now() + LOOK_INTERVAL;
        loop {
            if let Err(error) = self.selector.wait(self.next_deadline(next_look), &mut keys) {
                log::error!("requests that wait cannot be watched: {error}");
                std::thread::sleep(LOOK_INTERVAL);
            }
            let now = Instant::now();
            self.resume_due(&keys, now);
            if now >= next_look {
                let names: Vec<Name> = self.lock().names.keys().cloned().collect();
                self.look_at(store, &names);
                next_look = Instant::now() + LOOK_INTERVAL;
            }
        }
    }

    /// When there is something to do next.
    fn next_deadline(&self, next_look: Instant) -> Option<Instant> {
        let state = self.lock();
        let look = (!state.names.is_empty()).then_some(next_look);
        let postponed = (!state.postponed.is_empty()).then(|| Instant::now() + POSTPONED);
        let first = state.deadlines.first().map(|(deadline, _)| *deadline);
        [look, postponed, first].into_iter().flatten().min()
    }

    fn resume_due(&self, keys: &[u64], now: Instant) {
        let mut state = self.lock();
        for key in keys {
            let waiting = state.waiting.get_mut(key);
            if waiting.is_some_and(|it| it.request.request.is_client_gone()) {
                self.resume_one(&mut state, *key, true);
            }
        }
        while let Some((deadline, key)) = state.deadlines.first().copied()
            && deadline <= now
        {
            self.resume_one(&mut state, key, false);
        }
        for request in std::mem::take(&mut state.postponed) {
            self.resume(&mut state, request);
        }
    }

    fn resume_all(&self, state: &mut State, name: &Name) {
        let Some(group) = state.names.get_mut(name) else {
            return;
        };
        group.changes += 1;
        for key in std::mem::take(&mut group.keys) {
            self.resume_one(state, key, false);
        }
    }

    /// Lets one go that waits.
    fn resume_one(&self, state: &mut State, key: u64, is_gone: bool) {
        let Some(Waiting { mut request, name }) = state.waiting.remove(&key) else {
            return;
        };
        self.selector.remove_request(&request.request);
        state.deadlines.remove(&(request.state.deadline, key));
        if let Some(group) = state.names.get_mut(&name) {
            group.keys.remove(&key);
        }
        self.forget_if_unused(state, &name);
        request.state.is_gone = is_gone;
        request.state.transfer.set_waiting(false);
        self.resume(state, request);
        self.interested.fetch_sub(1, Ordering::SeqCst);
    }

    fn resume(&self, state: &mut State, request: Resumed) {
        state.resumed.push_back(request);
        self.server.unblock();
    }

    fn forget_if_unused(&self, state: &mut State, name: &Name) {
        let is_unused = |group: &Group| group.announced == 0 && group.keys.is_empty();
        if state.names.get(name).is_some_and(is_unused) {
            state.names.remove(name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        let mut state = self.waits.lock();
        if let Some(group) = state.names.get_mut(&self.name) {
            group.announced -= 1;
        }
        self.waits.forget_if_unused(&mut state, &self.name);
        self.waits.interested.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io::Write as _;
    use std::net::{Ipv4Addr, TcpStream};
    use std::path::PathBuf;

    use super::*;
    use crate::http::forwarded::TrustedProxies;
    use crate::http::policy::Caller;
    use crate::server::logged_head::LoggedHead;
    use crate::server::transfer::Transfers;
    use crate::server::wait_state::WaitState;
    use crate::storage::Options;

    type Failed = Box<dyn Error>;

    /// Waits whose threads do not run.
    struct Setup {
        waits: Waits,
        store: Store,
        path: PathBuf,
        clients: Vec<TcpStream>,
    }

    impl Setup {
        fn new(test: &str) -> Result<Self, Failed> {
            let path =
                std::env::temp_dir().join(format!("http-nas-waits-{test}-{}", std::process::id()));
            let options = Options {
                min_free: 0,
                sync: false,
                create_parents: true,
            };
            let server = Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
            Ok(Self {
                waits: Waits::new(Arc::new(server), 100)?,
                store: Store::open(&path, options)?,
                path,
                clients: Vec::new(),
            })
        }

        /// A request that could wait for this long.
        fn request(&mut self, wait: Duration) -> Result<Resumed, Failed> {
            let server = &self.waits.server;
            let address = server.server_addr().to_ip().ok_or("no address of TCP")?;
            let mut client = TcpStream::connect(address)?;
            client.write_all(b"GET /file/f HTTP/1.1\r\nHost: nas\r\n\r\n")?;
            self.clients.push(client);
            // Those that are let go unblock it.
            let request = loop {
                if let Some(request) = server.recv_timeout(LONG)? {
                    break request;
                }
            };
            let caller = Caller::identify(None, None);
            let head = LoggedHead::of(&request, (&caller, None), &TrustedProxies::default());
            let transfer = Transfers::default().begin(head, None);
            let place = self
                .waits
                .place(Ipv4Addr::LOCALHOST.into())
                .ok_or("no place")?;
            let state = WaitState::new(transfer, Instant::now() + wait, place);
            Ok(Resumed { request, state })
        }
    }

    impl Drop for Setup {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }

    fn name(text: &str) -> Name {
        Name::parse_plain(text).unwrap_or_else(|fault| panic!("{fault}"))
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_wait_ends_when_its_name_is_told_of() -> Result<(), Failed> {
        for (told, below, ends) in [
            ("a/b", false, true),
            // What is in a directory is part of it.
            ("a/b/c", false, true),
            ("a/b/c/d", false, false),
            ("a", false, false),
            ("a", true, true),
            ("a/bc", true, false),
            ("x", true, false),
        ] {
            let mut setup = Setup::new("told")?;
            let request = setup.request(LONG)?;
            let waits = &setup.waits;
            waits.put_aside(waits.announce(&setup.store, &name("a/b")), request);
            assert!(waits.next_resumed().is_none());
            waits.tell(&name(told), below);
            let resumed = waits.next_resumed();
            assert_eq!(resumed.is_some(), ends, "{told} {below}");
            assert_eq!(waits.has(&name("a/b")), !ends, "{told}");
            assert_eq!(waits.interested.load(Ordering::SeqCst), usize::from(!ends));
        }
        Ok(())
    }

    #[test]
    fn a_change_before_it_is_put_aside_is_not_lost() -> Result<(), Failed> {
        let mut setup = Setup::new("before")?;
        let request = setup.request(LONG)?;
        let waits = &setup.waits;
        let announcement = waits.announce(&setup.store, &name("f"));
        // It has looked, and found nothing.
        waits.tell(&name("f"), false);
        waits.put_aside(announcement, request);
        assert!(waits.next_resumed().is_some());
        assert!(!waits.has(&name("f")));
        Ok(())
    }

    #[test]
    fn a_change_that_is_seen_ends_it_and_another_look_does_not() -> Result<(), Failed> {
        let mut setup = Setup::new("seen")?;
        let request = setup.request(LONG)?;
        let waits = &setup.waits;
        waits.put_aside(waits.announce(&setup.store, &name("f")), request);
        waits.look_at(&setup.store, &[name("f"), name("other")]);
        assert!(waits.next_resumed().is_none());
        std::fs::write(setup.path.join("f"), b"x")?;
        waits.look_at(&setup.store, &[name("f")]);
        assert!(waits.next_resumed().is_some());
        Ok(())
    }

    #[test]
    fn a_wait_ends_with_its_time_with_its_client_and_with_the_server() -> Result<(), Failed> {
        let mut setup = Setup::new("ends")?;
        for wait in [Duration::ZERO, LONG, LONG] {
            let request = setup.request(wait)?;
            let waits = &setup.waits;
            waits.put_aside(waits.announce(&setup.store, &name("f")), request);
        }
        let waits = &setup.waits;
        waits.resume_due(&[], Instant::now());
        let over = waits.next_resumed().ok_or("its time is up")?;
        assert!(over.state.is_over() && !over.state.is_gone);
        assert!(waits.next_resumed().is_none());
        waits.end_all();
        for _ in 0..2 {
            assert!(waits.next_resumed().is_some());
        }
        assert!(!waits.has_any());
        // From now on nothing waits.
        let request = setup.request(LONG)?;
        let waits = &setup.waits;
        waits.put_aside(waits.announce(&setup.store, &name("f")), request);
        assert!(waits.next_resumed().is_some());
        assert_eq!(waits.interested.load(Ordering::SeqCst), 0);
        Ok(())
    }
}
