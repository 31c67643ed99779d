//! The four calls of the C library through which tiny_http meets its clients, defined here in their place.
//!
//! The linker resolves a name to the program's own definition before it looks into the C library, statically and
//! dynamically linked alike; `std::net::TcpListener::accept` calls `accept4`, and reading from and writing to a
//! `TcpStream` call `recv` and `send`, and to shut one down calls `shutdown`. Nothing else in the process is changed: a
//! descriptor that is no socket of the internet gets the plain system call, and so does each until a server has been
//! started. From then on, one that is not known is at its end, and what is sent to it is lost. Should the standard library ever call
//! other names, no request would be taken for one of ours, and none carried out (see [`Connection::take`]): every test
//! would fail.
//!
//! Beside them, this file turns descriptor numbers into borrowed descriptors, which the compiler cannot check.

#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::{c_int, c_long, c_void, sockaddr, socklen_t, ssize_t};
use rustix::net::AddressFamily;

use super::connection::Connection;
use super::{handover, listener, sockets, table};

/// accept4(2), as `std` calls it. Failures that are not the listener's end are waited out: tiny_http would never
/// accept again after one.
///
/// # Safety
/// As of accept4(2): `address` and `length` are null or point to writable memory as they say.
#[unsafe(no_mangle)]
unsafe extern "C" fn accept4(
    listener: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's pointer, if any, is valid for reading.
    let room = unsafe { length.as_ref() }.copied();
    listener::note_life();
    let mut from = listener;
    loop {
        if let Some(room) = room {
            // SAFETY: as above, and not null; the kernel has overwritten it with the length of the address before.
            unsafe { *length = room };
        }
        let result = match handover::take_left() {
            // SAFETY: the caller's pointers, as accept4 would use them.
            Some(left) => match unsafe { name_peer(&left, address, length) } {
                true => c_long::from(left.into_raw_fd()),
                false => continue,
            },
            None => {
                // SAFETY: the listener is open during the call.
                let first = unsafe { BorrowedFd::borrow_raw(listener) };
                from = sockets::next(first).as_raw_fd();
                // SAFETY: the caller's arguments; where there are two listeners, both are open as long as the process.
                unsafe { libc::syscall(libc::SYS_accept4, from, address, length, flags) }
            }
        };
        let Ok(fd @ 0..) = c_int::try_from(result) else {
            // SAFETY: the listener is open during the call.
            let listener = unsafe { BorrowedFd::borrow_raw(from) };
            let error = io::Error::last_os_error();
            if listener::waits_out(listener, &error) {
                continue;
            }
            set_errno(&error);
            return -1;
        };
        // Only now: most often those before have been taken up while this one was waited for.
        handover::wait(listener::number());
        // SAFETY: the kernel has just handed out this descriptor, and nobody else knows of it yet.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        if let Some(socket) = table::admit(socket) {
            return socket.into_raw_fd();
        }
    }
}

/// Stores the address of a connection's peer, as accept4(2) does. `false` where it is gone.
///
/// # Safety
/// `address` and `length` are null or point to writable memory as they say.
unsafe fn name_peer(socket: &OwnedFd, address: *mut sockaddr, length: *mut socklen_t) -> bool {
    // SAFETY: the caller's pointers, which getpeername(2) uses as accept4 does.
    address.is_null() || unsafe { libc::getpeername(socket.as_raw_fd(), address, length) } == 0
}

/// recv(2), as `std` calls it: for our connections through their guard.
///
/// # Safety
/// As of recv(2): `buffer` points to `length` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn recv(
    socket: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the socket is open during the call.
    let fd = unsafe { BorrowedFd::borrow_raw(socket) };
    let guarded = || match table::connection_of(fd) {
        // A connection of tiny_http's that is not known must have been over.
        None if is_lost(fd) => Ok(Some(0)),
        None => Ok(None),
        Some(connection) if length > 0 => {
            // SAFETY: the caller's buffer; MaybeUninit, since it may not have been written to.
            let buffer =
                unsafe { std::slice::from_raw_parts_mut(buffer.cast::<MaybeUninit<u8>>(), length) };
            loop {
                // A signal; tiny_http would give the connection up.
                match connection.receive(fd, buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other.map(Some),
                }
            }
        }
        Some(_) => Ok(Some(0)),
    };
    // A panic must not unwind into the caller.
    let outcome = catch_unwind(AssertUnwindSafe(guarded))
        .unwrap_or_else(|_| Err(io::Error::from_raw_os_error(libc::EIO)));
    match outcome {
        Ok(Some(received)) => ssize_t::try_from(received).unwrap_or(ssize_t::MAX),
        Ok(None) => {
            // SAFETY: the caller's arguments, as they are.
            unsafe { plain(libc::SYS_recvfrom, socket, buffer, length, flags) }
        }
        Err(error) => {
            set_errno(&error);
            -1
        }
    }
}

/// send(2), as `std` calls it: on our connections nothing is sent. What tiny_http says by itself (`100 Continue` with
/// a `Content-Length`, errors without a word) is said by the [`super::Exchange`] in its place.
///
/// # Safety
/// As of send(2): `buffer` points to `length` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn send(
    socket: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the socket is open during the call.
    let fd = unsafe { BorrowedFd::borrow_raw(socket) };
    if table::connection_of(fd).is_some() || is_lost(fd) {
        return ssize_t::try_from(length).unwrap_or(ssize_t::MAX);
    }
    // SAFETY: the caller's arguments, as they are.
    unsafe { plain(libc::SYS_sendto, socket, buffer, length, flags) }
}

/// shutdown(2), as `std` calls it. The thread that accepts shuts a connection down only where it gets no thread for it;
/// then the connection is left as it is for the next one that accepts (see [`handover`]). A thread that reads shuts down
/// the half that it has read from, as the last it does with a connection.
///
/// # Safety
/// None beyond that of calling C.
#[unsafe(no_mangle)]
unsafe extern "C" fn shutdown(socket: c_int, how: c_int) -> c_int {
    // SAFETY: the socket is open during the call.
    let fd = unsafe { BorrowedFd::borrow_raw(socket) };
    if listener::is_accepting()
        && let Some(connection) = table::connection_of(fd)
    {
        handover::keep(connection.cookie, fd);
        return 0;
    }
    if how == libc::SHUT_RD {
        handover::become_idle();
    }
    // SAFETY: the caller's arguments, as they are.
    let result = unsafe { libc::syscall(libc::SYS_shutdown, socket, how) };
    c_int::try_from(result).unwrap_or(-1)
}

/// recvfrom(2) or sendto(2) without an address, which is what recv(2) and send(2) are. Sets errno.
///
/// # Safety
/// As of the call: `buffer` points to `length` bytes, writable or readable.
unsafe fn plain(
    call: c_long,
    socket: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
) -> ssize_t {
    // SAFETY: the caller's arguments, as they are, and no address.
    let result = unsafe { libc::syscall(call, socket, buffer, length, flags, 0_usize, 0_usize) };
    ssize_t::try_from(result).unwrap_or(-1)
}

impl Connection {
    /// A duplicate of the connection's socket, if it is still open: first the duplicate, then the question whose it
    /// is, so that a descriptor number that has gone to somebody else in between does no harm.
    pub(super) fn duplicate(&self) -> Option<OwnedFd> {
        // SAFETY: only used to ask the kernel for a duplicate; where the number is closed, that fails with EBADF.
        let borrowed = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let duplicate = rustix::io::fcntl_dupfd_cloexec(borrowed, 0).ok()?;
        let cookie = table::cookie_of(std::os::fd::AsFd::as_fd(&duplicate)).ok()?;
        (cookie == self.cookie).then_some(duplicate)
    }

    /// The connection's socket, as long as a request of it is there, which has the descriptor.
    pub(super) fn socket_of<'r>(&self, _request: &'r tiny_http::Request) -> BorrowedFd<'r> {
        // SAFETY: tiny_http keeps the accepted descriptor as the half of the connection that it writes to, and each of
        // its requests holds that for the reply. The borrow ends with the request.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }

    /// Whether the descriptor of the connection is still its own.
    pub(super) fn is_open(&self) -> bool {
        // SAFETY: only used to ask the kernel whose it is, which changes nothing for whoever has the number by now. It
        // takes no duplicate, so that an open connection is known as one where no descriptor is left.
        let borrowed = unsafe { BorrowedFd::borrow_raw(self.fd) };
        table::cookie_of(borrowed).is_ok_and(|cookie| cookie == self.cookie)
    }
}

/// Whether a descriptor that is of no known connection is one of tiny_http's all the same: nothing else in a process that
/// serves has a socket of the internet.
fn is_lost(fd: BorrowedFd<'_>) -> bool {
    let domain = || rustix::net::sockopt::socket_domain(fd);
    listener::has_started() && matches!(domain(), Ok(AddressFamily::INET | AddressFamily::INET6))
}

/// Stores the error number of a failure for the C caller; one that has none becomes `EIO`.
fn set_errno(error: &io::Error) {
    let number: c_int = error.raw_os_error().unwrap_or(libc::EIO);
    // SAFETY: errno of the calling thread, which is always there.
    unsafe { *libc::__errno_location() = number };
}
