//! What the system says of the processes under test: memory and processor time.

use std::fs;
use std::ops::Range;

/// Of a second: the unit in which Linux counts processor time for programs.
pub const TICK: f64 = 0.01;

/// A process and its children.
pub fn family(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    all.extend(children(process));
    all
}

fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    let words = children.split_whitespace();
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Those that carry out requests: the children, where there are any (nginx's workers).
fn working(process: u32) -> Vec<u32> {
    let children = children(process);
    if children.is_empty() {
        vec![process]
    } else {
        children
    }
}

/// The processor time of a process and its children, in seconds.
pub fn processor_seconds(process: u32) -> f64 {
    family(process).into_iter().map(own_processor_seconds).sum()
}

/// The processor time of a process alone, even if it has ended and nobody has asked for its exit code yet.
pub fn own_processor_seconds(process: u32) -> f64 {
    // utime and stime, fields 14 and 15 of proc(5).
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
    let words = behind_name
        .split_whitespace()
        .skip(fields.start)
        .take(fields.len());
    let ticks: f64 = words.filter_map(|word| word.parse::<f64>().ok()).sum();
    ticks * TICK
}

/// The memory that is there now (VmRSS), in bytes.
pub fn memory(process: u32) -> u64 {
    sum(process, "VmRSS:") * 1024
}

/// The most memory there was at any time (VmHWM), in bytes.
pub fn most_memory(process: u32) -> u64 {
    sum(process, "VmHWM:") * 1024
}

/// Threads that are there now.
pub fn threads(process: u32) -> u64 {
    sum(process, "Threads:")
}

/// The sum of a line of /proc/PID/status over all that carry out requests.
fn sum(process: u32, name: &str) -> u64 {
    let of = |process: u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or(0u64)
    };
    working(process).into_iter().map(of).sum()
}
