//! Memory and threads of the processes that carry out requests.

use testkit::proc;

/// The memory that is there now (VmRSS), in bytes.
pub fn memory(process: u32) -> u64 {
    sum(process, "VmRSS") * 1024
}

/// The most memory there was at any time (VmHWM), in bytes.
pub fn most_memory(process: u32) -> u64 {
    sum(process, "VmHWM") * 1024
}

/// Threads that are there now.
pub fn threads(process: u32) -> u64 {
    sum(process, "Threads")
}

/// The sum over the children, where there are any (nginx's workers), or of the process itself.
fn sum(process: u32, field: &str) -> u64 {
    let mut working = proc::children(process);
    if working.is_empty() {
        working.push(process);
    }
    let numbers = working
        .into_iter()
        .filter_map(|process| proc::status(process, field));
    numbers.sum()
}
