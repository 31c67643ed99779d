//! The log on standard error: one line for each event, as text or as a JSON object.
//!
//! Lines go through a queue to one thread that writes them, so that no thread that logs waits for
//! the reader of the log.
//!
//! Responsible for: the form of lines, and their way out. Not for: what is logged.

mod filter;
mod json;
mod queue;
mod record;
mod text;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use env_logger::Target;
use log::kv::Value;
use rustix::event::{PollFd, PollFlags, poll};

use crate::config::LogFormat;
use crate::sync::start_thread;
use crate::time::Timestamp;

use queue::Queue;

/// The maximum time for which the end of the process waits for the log to be written.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// The same for an end of the process that is not to wait, and for a panic.
const SHORT_FINISH_TIMEOUT: Duration = Duration::from_millis(100);

static QUEUE: Queue = Queue::new();

/// Whether the thread that writes the queue has been started.
static HAS_WRITER: AtomicBool = AtomicBool::new(false);

/// Makes each panic one line of the log.
pub(crate) fn init_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        log::error!(thread = thread.name().unwrap_or_default(), cause:% = panic; "panicked");
        // The panic may end the process, even by an abort.
        finish_at_once();
    }));
}

/// The filter for a value of `RUST_LOG`; `info` where it is unset or empty.
///
/// # Errors
/// One line that says what is wrong with the value.
pub(crate) fn filter(value: Option<OsString>) -> Result<String, String> {
    let value = value.unwrap_or_default();
    let value = value.to_str().ok_or("the value of RUST_LOG is not UTF-8")?;
    filter::parse(value).map(str::to_owned)
}

/// Sets up the logger, with a [`filter`].
///
/// # Errors
/// One line, where the thread that writes cannot be started.
pub(crate) fn init(format: LogFormat, filter: &str) -> Result<(), String> {
    let notice = move |lost| lost_lines(format, lost);
    let write = move || QUEUE.write_all(&notice, &mut write_to_stderr);
    start_thread("log", write)?;
    HAS_WRITER.store(true, Ordering::SeqCst);
    env_logger::Builder::new()
        .parse_filters(filter)
        .target(Target::Pipe(Box::new(ToQueue)))
        .format(move |out, record| out.write_all(line(format, record).as_bytes()))
        .init();
    Ok(())
}

/// A line of the log, with its newline.
fn line(format: LogFormat, record: &log::Record<'_>) -> String {
    let time = Timestamp::now().rfc3339_micros();
    let mut line = match format {
        LogFormat::Text => text::line(&time, record),
        LogFormat::Json => json::line(&time, record),
    };
    line.push('\n');
    line
}

/// The line that says how many lines were lost.
fn lost_lines(format: LogFormat, lost: u64) -> String {
    let pairs = [("lost", Value::from(lost))];
    let pairs = pairs.as_slice();
    let args = format_args!("lines of the log are lost: they were not read in time");
    let record = log::Record::builder()
        .level(log::Level::Warn)
        .args(args)
        .key_values(&pairs)
        .build();
    line(format, &record)
}

/// Logs a line whose pairs are known only at run time: the macros of `log` take fixed ones.
pub(crate) fn event(level: log::Level, target: &str, message: &str, pairs: &[(&str, Value<'_>)]) {
    log::logger().log(
        &log::Record::builder()
            .level(level)
            .target(target)
            .args(format_args!("{message}"))
            .key_values(&pairs)
            .build(),
    );
}

/// Waits until the log is written, for a second at most. For the end of the process.
pub(crate) fn finish() {
    QUEUE.flush(FINISH_TIMEOUT);
}

/// Waits until the log is written, for a tenth of a second at most. For an end at once.
pub(crate) fn finish_at_once() {
    QUEUE.flush(SHORT_FINISH_TIMEOUT);
}

/// Writes the one line that says why the program ends, and waits until it is written, for a second
/// at most. It does not depend on the configuration of the log.
pub(crate) fn fatal(reason: &str) {
    let line = format!("http-nas: {reason}\n");
    if HAS_WRITER.load(Ordering::SeqCst) {
        QUEUE.push(line.as_bytes());
        finish();
    } else {
        // If standard error is closed, there is no other place for it.
        within(FINISH_TIMEOUT, move || {
            drop(io::stderr().write_all(line.as_bytes()))
        });
    }
}

/// Writes a line to standard output, and waits until it is written, for a second at most.
pub(crate) fn print(line: String) {
    // The reader may be gone.
    within(FINISH_TIMEOUT, move || {
        drop(io::stdout().write_all(line.as_bytes()));
    });
}

/// Calls `write`, which may wait for another program, on a thread of its own. Waits for its end,
/// for `limit` at most.
fn within(limit: Duration, write: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    let write = move || {
        write();
        // The wait for it may be over.
        let _ = done.send(());
    };
    // Without a thread, nothing is written: to write here could block forever.
    if thread::Builder::new().spawn(write).is_ok() {
        let _ = is_done.recv_timeout(limit);
    }
}

/// Writes to standard error. Waits until at least one byte has been written.
fn write_to_stderr(bytes: &[u8]) -> io::Result<usize> {
    let stderr = io::stderr();
    loop {
        match rustix::io::write(&stderr, bytes).map_err(io::Error::from) {
            // Another program that shares it has made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None)?;
            }
            other => return other,
        }
    }
}

/// Takes the lines of env_logger, each in one write.
struct ToQueue;

impl Write for ToQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        QUEUE.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::{Level, Record};

    fn lines(name: &str) -> (String, String) {
        let pairs: &[(&str, Value<'_>)] = &[
            ("method", Value::from("GET")),
            ("name", Value::from(name)),
            ("status", Value::from(200_u64)),
            ("seconds", Value::from(0.25_f64)),
        ];
        let time = "2026-11-22T13:20:13.123Z";
        let args = format_args!("request");
        let record = Record::builder()
            .args(args)
            .level(Level::Info)
            .key_values(&pairs)
            .build();
        (text::line(time, &record), json::line(time, &record))
    }

    #[test]
    fn a_line_is_text_or_an_object() {
        let (text, json) = lines("a/b.csv");
        let expected = "2026-11-22T13:20:13.123Z INFO request method=GET name=\"a/b.csv\" status=200 seconds=0.250000";
        assert_eq!(text, expected);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
        let expected = serde_json::json!({
            "time": "2026-11-22T13:20:13.123Z", "level": "INFO", "message": "request",
            "method": "GET", "name": "a/b.csv", "status": 200, "seconds": 0.25,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn nothing_that_is_logged_can_begin_a_line() {
        let (text, json) = lines("a\nb\r\u{1b}[31m \"x\" \u{202e}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(
            text.contains(r#"name="a\nb\r\u{1b}[31m \"x\" \u{202e}""#),
            "{text}"
        );
        assert!(!json.chars().any(char::is_control), "{json:?}");
    }
}
