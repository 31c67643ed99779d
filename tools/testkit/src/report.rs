//! What the programs in tools have in common at their end: counts, exit codes, a limit of time; and
//! how numbers are written.

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// How many checks went how.
#[derive(Debug, Default)]
pub struct Counts {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Counts {
    /// Counts a check that was not tried, and says why.
    pub fn skip(&mut self, name: &str, reason: impl std::fmt::Display) {
        self.skipped += 1;
        println!("skip {name}: {reason}");
    }

    /// The last line of a program: "N passed, N failed", with ", N skipped" where something was.
    fn closing_line(&self) -> String {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        match skipped {
            0 => format!("{passed} passed, {failed} failed"),
            _ => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }
}

/// Runs a program to its end, its closing line and its exit code: 1 where a check has failed, 2
/// where the program itself has. Whatever hangs, it ends at the limit; its servers end with it.
pub fn run(name: &str, limit: Duration, work: impl FnOnce() -> io::Result<Counts>) -> ExitCode {
    let text = format!("{name}: still running after {} s", limit.as_secs());
    thread::spawn(move || {
        thread::sleep(limit);
        eprintln!("{text}");
        std::process::exit(2);
    });
    match work() {
        Ok(counts) => {
            println!("{}", counts.closing_line());
            ExitCode::from(u8::from(counts.failed > 0))
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::from(2)
        }
    }
}

/// A number in digits, with commas in what stands before the point.
pub fn grouped(digits: &str) -> String {
    let whole = digits.split('.').next().map_or(0, str::len);
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place < whole && (whole - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
