//! What the kernel says of processes (proc(5)): memory, threads, descriptors, children, processor
//! time.
//!
//! Belongs here: reading. Does not belong here: waiting, and judging what was read.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// Of a second: the unit in which Linux counts processor time for programs.
pub const TICK: f64 = 0.01;

/// A number out of /proc/PID/status: `Threads`, or `VmRSS` and `VmHWM` in KiB. `None` for a process
/// that is gone.
pub fn status(process: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    number_behind(&status, &format!("{field}:"))
}

/// The processes that a process has started and that still run.
pub fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    let words = children.split_whitespace();
    words.filter_map(|word| word.parse().ok()).collect()
}

/// A process and its children.
pub fn family(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    all.extend(children(process));
    all
}

/// The number of each open descriptor of a process, and what it refers to: a path, or a text such
/// as `socket:[4711]`.
pub fn descriptors(process: u32) -> io::Result<Vec<(String, PathBuf)>> {
    let open = fs::read_dir(format!("/proc/{process}/fd"))?;
    // One that is closed meanwhile is none.
    let named = open.flatten().filter_map(|entry| {
        let number = entry.file_name().into_string().ok()?;
        Some((number, fs::read_link(entry.path()).ok()?))
    });
    Ok(named.collect())
}

/// How many descriptors this program may open.
pub fn own_descriptor_limit() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = number_behind(&limits, "Max open files");
    soft.and_then(|soft| soft.try_into().ok()).unwrap_or(1024)
}

/// The processor time of a process and its children, in seconds.
pub fn processor_seconds(process: u32) -> f64 {
    family(process).into_iter().map(own_processor_seconds).sum()
}

/// The processor time of a process alone, even if it has ended and its exit code is not taken yet.
pub fn own_processor_seconds(process: u32) -> f64 {
    // utime and stime, fields 14 and 15 of /proc/PID/stat.
    ticks(process, 11..13)
}

/// The processor time of a process and of all that it has started and waited for.
pub fn processor_seconds_with_ended(process: u32) -> f64 {
    // cutime and cstime follow.
    ticks(process, 11..15)
}

fn ticks(process: u32, fields: Range<usize>) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, the second field, may hold blanks and parentheses.
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let words = behind_name.split_whitespace();
    let wanted = words.skip(fields.start).take(fields.len());
    let ticks: f64 = wanted.filter_map(|word| word.parse::<f64>().ok()).sum();
    ticks * TICK
}

/// The first number behind the beginning of a line.
fn number_behind(text: &str, begin: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(begin))?;
    rest.split_whitespace().next()?.parse().ok()
}
