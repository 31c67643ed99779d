//! One epoll instance, with the event that wakes a thread and the timer that wait in it.
//!
//! Responsible for: the system calls, and which event a token stands for. Not for: which
//! connections wait, and what is done with an event.

use std::io;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::io::{time_left, timeout_until, timespec};
use crate::table::Token;
use crate::wake::Wake;

const WAKE: Token = Token::MAX;
const TIMER: Token = Token::MAX - 1;
/// The token of the first listener; those of the others are below it.
const FIRST_LISTENER: Token = Token::MAX - 2;
const LAST_LISTENER: Token = FIRST_LISTENER - u16::MAX as Token;

/// What a thread is woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Another thread has called [`Poller::wake`].
    Wake,
    /// The timer has expired.
    Timer,
    /// The listener of this number has a connection to accept.
    Listener(usize),
    /// The socket of this connection has input, or has ended.
    Connection(Token),
}

impl Event {
    fn token(self) -> Token {
        match self {
            Self::Wake => WAKE,
            Self::Timer => TIMER,
            Self::Listener(number) => FIRST_LISTENER - number as Token,
            Self::Connection(token) => token,
        }
    }

    fn of_token(token: Token) -> Self {
        match token {
            WAKE => Self::Wake,
            TIMER => Self::Timer,
            LAST_LISTENER..=FIRST_LISTENER => Self::Listener((FIRST_LISTENER - token) as usize),
            _ => Self::Connection(token),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    wake: Wake,
    timer: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let poller = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            wake: Wake::new()?,
            timer: timerfd_create(TimerfdClockId::Monotonic, flags)?,
        };
        poller.add_with(&poller.wake, Event::Wake, epoll::EventFlags::IN)?;
        poller.add_with(&poller.timer, Event::Timer, epoll::EventFlags::IN)?;
        Ok(poller)
    }

    /// Waits for a socket that epoll does not know yet: its next event is reported once.
    pub(crate) fn add(&self, socket: impl AsFd, event: Event) -> Result<(), Errno> {
        self.add_with(socket, event, Self::ONCE)
    }

    /// Waits for the next event of a socket that epoll knows. Fails with `NOENT` where it does not.
    pub(crate) fn rearm(&self, socket: impl AsFd, event: Event) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(event.token());
        epoll::modify(&self.epoll, socket, data, Self::ONCE)
    }

    const ONCE: epoll::EventFlags = epoll::EventFlags::IN
        .union(epoll::EventFlags::RDHUP)
        .union(epoll::EventFlags::ONESHOT);

    fn add_with(
        &self,
        descriptor: impl AsFd,
        event: Event,
        flags: epoll::EventFlags,
    ) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(event.token());
        epoll::add(&self.epoll, descriptor, data, flags)
    }

    /// Waits for one event, at most until the deadline.
    ///
    /// # Errors
    /// Those of epoll_wait(2), except interruptions.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> io::Result<Option<Event>> {
        loop {
            let mut events = [MaybeUninit::uninit()];
            let timeout = timeout_until(deadline);
            match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
                Ok((events, _)) => {
                    let token = events.first().map(|event| event.data.u64());
                    return Ok(token.map(Event::of_token));
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Wakes a thread that waits, or the next one that will, until [`Poller::clear_wake`].
    pub(crate) fn wake(&self) {
        self.wake.raise();
    }

    pub(crate) fn clear_wake(&self) {
        self.wake.clear();
    }

    /// Has the timer expire at a deadline.
    pub(crate) fn set_timer(&self, deadline: Instant) -> Result<(), Errno> {
        let value = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            // 0 would disarm it.
            it_value: timespec(time_left(deadline).max(Duration::from_nanos(1))),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value).map(drop)
    }

    pub(crate) fn clear_timer(&self) {
        // Where another thread has cleared it already, the read fails, which makes no difference.
        let _ = rustix::io::read(&self.timer, &mut [0_u8; 8]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_token_of_its_own() {
        let events = [
            Event::Wake,
            Event::Timer,
            Event::Listener(0),
            Event::Listener(1),
            Event::Listener(usize::from(u16::MAX)),
            Event::Connection(0),
            Event::Connection(LAST_LISTENER - 1),
        ];
        for event in events {
            assert_eq!(Event::of_token(event.token()), event);
        }
    }
}
