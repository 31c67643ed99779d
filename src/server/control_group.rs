//! The limit that the control group of this process sets on its memory (cgroups(7)).
//!
//! Responsible for: the kernel's files, of version 2 and of version 1. Not for: what follows from
//! the limit (`capacity.rs`).

use std::path::{Path, PathBuf};

/// Where the hierarchies are mounted by convention.
const MOUNTED: &str = "/sys/fs/cgroup";

/// A limit of this many bytes or more is none: version 1 has a number for "no limit" that depends
/// on the page size.
const NONE_FROM: u64 = 1 << 60;

/// Reads a file, if it exists.
type Read<'r> = &'r dyn Fn(&Path) -> Option<String>;

/// The limit in bytes: the lowest one of the groups from that of this process up to the root.
/// `None` where none of them has one.
pub(super) fn memory_limit() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    limit_of(&read(Path::new("/proc/self/cgroup"))?, &read)
}

/// The limit of a process with these groups, in the format of `/proc/self/cgroup`.
fn limit_of(groups: &str, read: Read<'_>) -> Option<u64> {
    let limits = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next(), fields.next());
        let path = path.unwrap_or_default().trim_start_matches('/');
        let hierarchies: &[(&str, &str)] = match controllers {
            Some("") => &[("", "memory.max"), ("unified", "memory.max")],
            Some(list) if list.split(',').any(|name| name == "memory") => {
                &[("memory", "memory.limit_in_bytes")]
            }
            _ => &[],
        };
        let root = |folder| Path::new(MOUNTED).join(folder);
        let all = hierarchies.iter().map(move |(folder, file)| {
            // In a container the group may be mounted as the root although its path is that of the
            // host; then only the root is found.
            least_limit(&root(folder), path, (file, read))
        });
        all.collect::<Vec<_>>()
    });
    limits.flatten().min()
}

/// The lowest limit of a group and the groups above it.
fn least_limit(root: &Path, path: &str, (file, read): (&str, Read<'_>)) -> Option<u64> {
    let group = root.join(path);
    let above = group
        .ancestors()
        .take_while(|group| group.starts_with(root));
    let files = above.map(|group: &Path| -> PathBuf { group.join(file) });
    files
        .filter_map(|file| read(&file)?.trim().parse().ok())
        .filter(|limit| *limit < NONE_FROM)
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        const V2: &str = "0::/a/b\n";
        const V1: &str = "5:cpu,cpuacct:/x\n4:memory:/a/b\n0::/\n";
        for (groups, files, expected) in [
            (V2, &[][..], None),
            (V2, &[("a/b/memory.max", "max\n")], None),
            (V2, &[("a/b/memory.max", "33554432\n")], Some(33_554_432)),
            (
                V2,
                &[("a/b/memory.max", "300\n"), ("a/memory.max", "200\n")],
                Some(200),
            ),
            (V2, &[("memory.max", "500\n")], Some(500)),
            (V2, &[("a/c/memory.max", "1\n")], None),
            (V1, &[("memory/a/b/memory.limit_in_bytes", "7\n")], Some(7)),
            (V1, &[("memory/memory.limit_in_bytes", "9\n")], Some(9)),
            (
                V1,
                &[("memory/a/memory.limit_in_bytes", "9223372036854771712\n")],
                None,
            ),
            (V1, &[("cpu/x/memory.max", "1\n")], None),
            ("0::/../c\n", &[("memory.max", "5\n")], Some(5)),
            ("nonsense\n", &[], None),
        ] as [(&str, &[(&str, &str)], Option<u64>); 12]
        {
            let read = |path: &Path| {
                let name = path.strip_prefix(MOUNTED).ok()?.to_str()?;
                let found = files.iter().find(|(file, _)| *file == name)?;
                Some(found.1.to_owned())
            };
            assert_eq!(limit_of(groups, &read), expected, "{groups:?} {files:?}");
        }
    }
}
