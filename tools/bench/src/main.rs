//! Measures the server beside what people would run instead, and beside a bare loop of the same
//! system calls.
//!
//! `cargo run --release -p bench -- [FLAG]...`; scripts/bench builds the servers and runs it. All
//! servers of a row are there at once and take turns, round by round, on the same folder, so that
//! what else the machine does hits all alike. Nothing is judged by its time: a row passes when
//! every reply was right. All traffic stays on 127.0.0.1, and no process and no file is left
//! behind. The last line is "N passed, N failed", with ", N skipped" where something was.

#![allow(unreachable_pub, reason = "what a module has for others is pub")]

mod bare;
mod cgroup;
mod conn;
mod content;
mod engine;
mod goals;
mod idle;
mod kind;
mod load;
mod machine;
mod options;
mod outcome;
mod process;
mod rows;
mod scene;
mod server;
mod slow;
mod small;
mod start;
mod table;
mod timing;
mod tokens;
mod tools;
mod transfer;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use testkit::report::{self, Counts};

use engine::{Finding, measure};
use kind::Kind;
use options::Options;
use rows::{ROWS, Row};
use scene::Scene;

/// Whatever hangs, it ends by then.
const LONGEST: Duration = Duration::from_secs(60 * 60);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == bare::WORD) {
        let error = bare::run(&words[1..]);
        eprintln!("bench {}: {error}", bare::WORD);
        return ExitCode::from(2);
    }
    if words.first().is_some_and(|word| word == timing::WORD) {
        return match timing::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench {}: {error}", timing::WORD);
                ExitCode::from(2)
            }
        };
    }
    let options = match Options::parse(words.into_iter()) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("bench: {text}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    report::run("bench", LONGEST, || bench(&options))
}

fn bench(options: &Options) -> io::Result<Counts> {
    let mut counts = Counts::default();
    let scene = Scene::prepare(options)?;
    let mut kinds = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| options.wants(*kind)) {
        match scene.programs.missing(kind) {
            None => kinds.push(kind),
            Some(reason) => {
                counts.skip(kind.name(), reason);
            }
        }
    }
    let mut findings: Vec<Finding> = Vec::new();
    for rows in courses(options) {
        match measure(&rows, &kinds, &scene, options) {
            Ok(found) => found.into_iter().for_each(|finding| {
                count(&mut counts, &finding);
                findings.push(finding);
            }),
            Err(error) => rows.iter().for_each(|row| {
                if error.kind() == io::ErrorKind::Unsupported {
                    counts.skip(row.name, &error);
                } else {
                    counts.failed += 1;
                    println!("FAIL {}: {error}", row.name);
                }
            }),
        }
    }
    let page = table::page(&findings, &kinds, &scene, options);
    println!("\n{page}");
    if let Some(folder) = &options.runs {
        table::keep(folder, &page)?;
    }
    if let Some(file) = &options.out {
        table::write(file, &page)?;
    }
    Ok(counts)
}

/// The rows that are asked for; those of one list are measured together.
fn courses(options: &Options) -> Vec<Vec<&'static Row>> {
    let mut courses: Vec<Vec<&'static Row>> = Vec::new();
    for row in ROWS.iter().filter(|row| options.has_row(row.name)) {
        match courses.last_mut() {
            Some(course) if row.joins => course.push(row),
            _ => courses.push(vec![row]),
        }
    }
    courses
}

fn count(counts: &mut Counts, finding: &Finding) {
    let (name, seconds) = (finding.row.name, finding.took.as_secs_f64());
    if finding.faults.is_empty() {
        counts.passed += 1;
        println!("ok {name} ({seconds:.0} s)");
    } else {
        counts.failed += 1;
        println!("FAIL {name}");
        finding
            .faults
            .iter()
            .for_each(|fault| println!("    {fault}"));
    }
}
