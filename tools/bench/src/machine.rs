//! What the figures were measured on, without a word of whose machine it is.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime};

use testkit::proc;

use crate::kind::Kind;
use crate::scene::Scene;

/// The day, as in 2026-11-22.
pub fn today() -> String {
    let date = httpdate::HttpDate::from(SystemTime::now()).to_string();
    // "Sun, 22 Nov 2026 08:12:31 GMT"
    let words: Vec<&str> = date.split_whitespace().collect();
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    match words[..] {
        [_, day, month, year, ..] => {
            let month = months
                .iter()
                .position(|name| *name == month)
                .map_or(0, |place| place + 1);
            format!("{year}-{month:02}-{day}")
        }
        _ => date,
    }
}

/// Processor, memory and kernel in one line.
pub fn machine() -> String {
    let memory = first_value("/proc/meminfo", "MemTotal");
    let kib: u64 = memory
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    format!(
        "{}, {} cores, {} GiB, Linux {}",
        processor(),
        cores(),
        kib.div_ceil(1 << 20),
        kernel()
    )
}

/// The same as a part of a file name, without the memory:
/// `intel-xeon-processor-2-cores-linux-6.18.44`.
pub fn slug() -> String {
    let text = format!("{} {} cores linux {}", processor(), cores(), kernel());
    let text = text.replace("(R)", "").replace("(TM)", "").to_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

fn processor() -> String {
    first_value("/proc/cpuinfo", "model name")
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The version of the kernel. What stands behind the number says who built it.
fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let number = release.trim().split(['-', '+']).next();
    number.unwrap_or_default().to_owned()
}

fn first_value(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_once(':')).map_or_else(
        || "unknown".to_owned(),
        |(_, value)| value.trim().to_owned(),
    )
}

/// The servers and the commands beside them, with their versions.
pub fn versions(kinds: &[Kind], scene: &Scene) -> String {
    let programs = &scene.programs;
    let mut all: Vec<String> = Vec::new();
    for kind in kinds {
        all.push(match kind {
            // The same program.
            Kind::Tokens => continue,
            Kind::HttpNas => match std::env::var("BENCH_COMMIT") {
                Ok(commit) => format!("{} ({commit})", says(&programs.http_nas, "--version")),
                Err(_) => says(&programs.http_nas, "--version"),
            },
            // "nginx version: nginx/1.22.1", on standard error.
            Kind::Nginx => says(&programs.nginx, "-v").replace("nginx version: nginx/", "nginx "),
            Kind::Dufs => programs
                .dufs
                .as_deref()
                .map(|dufs| says(dufs, "--version"))
                .unwrap_or_default(),
            Kind::Node => {
                let package = programs
                    .node
                    .as_ref()
                    .map(|folder| folder.join("node_modules/express/package.json"));
                let express = package
                    .map(|file| fs::read_to_string(file).unwrap_or_default())
                    .unwrap_or_default();
                let express: Option<serde_json::Value> = serde_json::from_str(&express).ok();
                let express =
                    express.and_then(|package| Some(package.get("version")?.as_str()?.to_owned()));
                let node = says(Path::new("node"), "--version");
                format!(
                    "Node {} with Express {}",
                    node.trim_start_matches('v'),
                    express.unwrap_or_default()
                )
            }
            Kind::Bare => format!(
                "{}, {}",
                says(Path::new("wc"), "--version").replace("wc (GNU coreutils)", "GNU coreutils"),
                says(Path::new("tar"), "--version").replace("tar (GNU tar)", "GNU tar"),
            ),
        });
    }
    all.join(", ")
}

/// The first line of what a program says of itself.
fn says(program: &Path, flag: &str) -> String {
    let output = Command::new(program).arg(flag).output();
    let text = output
        .map(|output| [output.stdout, output.stderr].concat())
        .unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

/// How busy the machine was up to a moment.
#[derive(Debug)]
pub struct Load {
    at: Instant,
    /// Processor seconds of everything.
    all: f64,
    /// Processor seconds of this program and of the servers that it has started and ended.
    own: f64,
}

impl Load {
    pub fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let words = stat.lines().next().unwrap_or_default().split_whitespace();
        let ticks: Vec<f64> = words.skip(1).filter_map(|word| word.parse().ok()).collect();
        // All states but idle and iowait, the fourth and the fifth; those of guests, from the ninth
        // on, count elsewhere.
        let busy = ticks
            .iter()
            .take(8)
            .enumerate()
            .filter(|(state, _)| !matches!(state, 3 | 4));
        Self {
            at: Instant::now(),
            all: busy.map(|(_, ticks)| ticks * proc::TICK).sum(),
            own: proc::processor_seconds_with_ended(std::process::id()),
        }
    }

    /// How much of the machine others have had since then, in words.
    pub fn others(&self) -> String {
        let now = Self::now();
        let others = (now.all - self.all) - (now.own - self.own);
        let cores = (others / self.at.elapsed().as_secs_f64()).max(0.0);
        format!("Meanwhile, other programs took {cores:.1} cores")
    }
}
