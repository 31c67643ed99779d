//! What the processes under test use together, and the most that they have used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use testkit::proc;

/// How often the peaks are looked for between two looks.
const TICK: Duration = Duration::from_millis(10);

/// What some processes use together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Memory now, in bytes (VmRSS).
    pub memory: u64,
    /// The kernel's own record of the most memory (VmHWM), in bytes.
    pub most_memory: u64,
    pub threads: u64,
}

/// What a process and its children use; zero for a process that is gone.
pub fn usage(process: u32) -> Usage {
    let mut sum = Usage::default();
    for process in proc::family(process) {
        let status = |field| proc::status(process, field).unwrap_or(0);
        sum.memory += status("VmRSS") * 1024;
        sum.most_memory += status("VmHWM") * 1024;
        sum.threads += status("Threads");
    }
    sum
}

/// Watches the processes for their most threads and memory, until it is asked for them.
#[derive(Debug)]
pub struct Peaks {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    memory: AtomicU64,
    threads: AtomicU64,
}

impl Peaks {
    pub fn watch(process: u32) -> Self {
        let shared = Arc::new(Shared::default());
        let watched = Arc::clone(&shared);
        let watcher = std::thread::spawn(move || {
            while !watched.ended.load(Ordering::Relaxed) {
                let now = usage(process);
                watched.memory.fetch_max(now.most_memory, Ordering::Relaxed);
                watched.threads.fetch_max(now.threads, Ordering::Relaxed);
                std::thread::sleep(TICK);
            }
        });
        let watcher = Some(watcher);
        Self { shared, watcher }
    }

    /// The most memory in bytes and the most threads.
    pub fn end(mut self) -> (u64, u64) {
        self.stop();
        let memory = self.shared.memory.load(Ordering::Relaxed);
        (memory, self.shared.threads.load(Ordering::Relaxed))
    }

    fn stop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

impl Drop for Peaks {
    fn drop(&mut self) {
        self.stop();
    }
}
