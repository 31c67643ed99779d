//! Control groups with a limit of memory, of version 2 or 1 (cgroups(7)).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::server;

/// A group of its own, removed when dropped. The processes in it have to be gone by then.
pub struct Group {
    folder: PathBuf,
    files: Files,
}

/// What the files of a group are called.
#[derive(Clone, Copy)]
struct Files {
    limit: &'static str,
    peak: &'static str,
    events: &'static str,
}

const V1: Files = Files {
    limit: "memory.limit_in_bytes",
    peak: "memory.max_usage_in_bytes",
    events: "memory.oom_control",
};

const V2: Files = Files {
    limit: "memory.max",
    peak: "memory.peak",
    events: "memory.events",
};

impl Group {
    /// A group with a limit in bytes; `None` where none can be made.
    pub fn with_limit(limit: u64) -> Option<Group> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("http-nas-test-{}-{count}", std::process::id());
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let places = own.lines().flat_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next().unwrap_or_default();
            let path = fields.next().unwrap_or_default().trim_start_matches('/');
            let (root, files) = match controllers {
                "" => ("/sys/fs/cgroup", V2),
                list if list.split(',').any(|it| it == "memory") => ("/sys/fs/cgroup/memory", V1),
                _ => return Vec::new(),
            };
            let root = Path::new(root);
            vec![(root.join(path), files), (root.to_owned(), files)]
        });
        places.into_iter().find_map(|(parent, files)| {
            let folder = parent.join(&name);
            fs::create_dir(&folder).ok()?;
            let group = Group { folder, files };
            // A folder can be made in other places, too.
            let files_of_one = [files.limit, "cgroup.procs"];
            let is_group = files_of_one
                .iter()
                .all(|file| group.folder.join(file).exists());
            let limited = fs::write(group.folder.join(files.limit), limit.to_string());
            (is_group && limited.is_ok()).then_some(group)
        })
    }

    /// The command of the binary, to be in the group from its first moment on.
    pub fn command(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command.env_clear().args(&self.words()[1..]);
        // What goes on in it is heavy, and is not to hold other tests up.
        command.args(["nice", "-n", "19"]).arg(server::binary());
        command
    }

    /// The words in front of a command by which it enters the group before it begins.
    pub fn words(&self) -> Vec<String> {
        let enter = "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"";
        let folder = self.folder.to_string_lossy();
        ["/bin/sh", "-c", enter, &folder]
            .map(str::to_owned)
            .to_vec()
    }

    /// The most memory that the group has had, in bytes, as the kernel counts: with what it has
    /// itself for the processes, and with what it remembers of files.
    pub fn peak(&self) -> u64 {
        self.read(self.files.peak).trim().parse().unwrap_or(0)
    }

    /// How many processes the kernel has ended for want of memory.
    pub fn kills(&self) -> u64 {
        let events = self.read(self.files.events);
        let line = events
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "));
        let count = line.and_then(|count| count.parse().ok());
        count.unwrap_or_else(|| panic!("no oom_kill in {events:?}"))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that was killed is in it for a moment more.
        for _ in 0..1000 {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                    thread::sleep(Duration::from_millis(5));
                }
                _ => return,
            }
        }
    }
}
