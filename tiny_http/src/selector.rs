//! Waiting for many detached replies, and requests that were put aside, at a time, on one thread.
//!
//! Responsible for: which of them are to be looked at. Not for: what is done with them.

use std::io;
use std::mem::MaybeUninit;
use std::time::Instant;

use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::detached::Detached;
use crate::exchange::Exchange;
use crate::io::timeout_until;
use crate::request::Request;
use crate::wake::Wake;

/// The key of the wake.
const WAKE: u64 = u64::MAX;

/// How many replies are returned at a time.
const MAX_KEYS: usize = 64;

/// Waits for many [`Detached`] replies, and for many [`Request`]s that were put aside before they are
/// answered, at a time.
///
/// Their threads are the caller's: usually one that waits, and others that add replies and wake it.
#[derive(Debug)]
pub struct Selector {
    epoll: OwnedFd,
    wake: Wake,
}

impl Selector {
    /// One that waits for nothing yet.
    ///
    /// # Errors
    /// Those of epoll_create(2) and eventfd(2).
    pub fn new() -> io::Result<Self> {
        let selector = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            wake: Wake::new()?,
        };
        let data = epoll::EventData::new_u64(WAKE);
        epoll::add(&selector.epoll, &selector.wake, data, epoll::EventFlags::IN)?;
        Ok(selector)
    }

    /// Waits for a reply, too, until its connection ends. Its key is reported when the client takes
    /// more again, has sent something, or is gone; it may also be reported once when it was added
    /// and after it has ended, so that no key should be used twice. The greatest key is reserved.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn add(&self, reply: &Detached, key: u64) -> io::Result<()> {
        self.add_exchange(reply.exchange(), key, epoll::EventFlags::OUT)
    }

    /// Waits for a request that has not been answered, too, until it is
    /// [removed](Selector::remove_request). Its key is reported when the client has sent something,
    /// or is gone; see [`add`](Selector::add) for the keys.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn add_request(&self, request: &Request, key: u64) -> io::Result<()> {
        self.add_exchange(request.exchange(), key, epoll::EventFlags::empty())
    }

    /// Waits for a request no more, since it is going to be answered. An event that has come
    /// already may still be reported.
    pub fn remove_request(&self, request: &Request) {
        if let Some(socket) = request.exchange().and_then(|it| it.socket.descriptor()) {
            // It fails only where the request was not added.
            let _ = epoll::delete(&self.epoll, socket);
        }
    }

    fn add_exchange(
        &self,
        exchange: Option<&Exchange>,
        key: u64,
        flags: epoll::EventFlags,
    ) -> io::Result<()> {
        let Some(socket) = exchange.and_then(|exchange| exchange.socket.descriptor()) else {
            return Ok(());
        };
        // Edge-triggered: a client that has ended its half of the connection, or for which nothing
        // is to be sent, does not come up again and again.
        let flags =
            flags | epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        epoll::add(&self.epoll, socket, epoll::EventData::new_u64(key), flags)?;
        Ok(())
    }

    /// Waits until there is something to do for a reply, at most until the deadline, or until the
    /// thread is woken. Replaces `keys` by those of the replies.
    ///
    /// # Errors
    /// Those of epoll_wait(2), except interruptions.
    pub fn wait(&self, deadline: Option<Instant>, keys: &mut Vec<u64>) -> io::Result<()> {
        keys.clear();
        let mut events = [MaybeUninit::uninit(); MAX_KEYS];
        let events = match epoll::wait(&self.epoll, &mut events, timeout_until(deadline).as_ref()) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        for event in events {
            match event.data.u64() {
                WAKE => self.wake.clear(),
                key => keys.push(key),
            }
        }
        Ok(())
    }

    /// Wakes the thread that waits, or has its next wait return at once.
    pub fn wake(&self) {
        self.wake.raise();
    }
}
