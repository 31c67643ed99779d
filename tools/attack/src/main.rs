//! Attacks the server: every case of careless and hostile clients, each on a server of its own,
//! while a well-behaved client keeps storing, reading and comparing.
//!
//! `cargo run --release -p attack -- [--short] [--nginx] [--case NAME]...`; scripts/attack builds
//! and runs it. The server is `http-nas` beside this program, or the one that `HTTP_NAS` names. All
//! traffic stays on 127.0.0.1, every loop has a bound of count and of time, and no process is left
//! behind. The last line is "N passed, N failed", with ", N skipped" where something was.

#![allow(unreachable_pub, reason = "what a module has for others is pub")]

mod cases;
mod good;
mod pattern;
mod process;
mod programs;
mod scene;
mod server;
mod table;
mod tally;
mod trial;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use testkit::report::{self, Counts};

use cases::{CASES, Case};
use pattern::thousands;
use programs::Programs;
use server::Kind;
use table::Row;
use trial::Report;

const USAGE: &str = "usage: attack [--short] [--nginx] [--case NAME]...";

/// The whole of it takes a few minutes; whatever hangs, it ends by then.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What the command line asks for.
#[derive(Default)]
struct Options {
    short: bool,
    nginx: bool,
    cases: Vec<String>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("attack: {text}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    report::run("attack", LONGEST, || attack(&options))
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--short" => options.short = true,
            "--nginx" => options.nginx = true,
            "--case" => {
                let name = words.next().ok_or("--case needs a name")?;
                if !CASES.iter().any(|case| case.name == name) {
                    let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
                    return Err(format!(
                        "there is no case {name:?}, but {}",
                        names.join(", ")
                    ));
                }
                options.cases.push(name);
            }
            _ => return Err(format!("what is {word:?}?")),
        }
    }
    Ok(options)
}

fn attack(options: &Options) -> io::Result<Counts> {
    let programs = Programs::find(&testkit::server::find_binary()?)?;
    let mut kinds = vec![Kind::HttpNas];
    let mut counts = Counts::default();
    if options.nginx && programs.has_nginx {
        kinds.push(Kind::Nginx);
    } else if options.nginx {
        counts.skip("nginx", "it is not installed (/usr/sbin/nginx)");
    }
    let chosen = |case: &&Case| {
        options.cases.is_empty() || options.cases.iter().any(|name| name == case.name)
    };
    let mut rows = Vec::new();
    for case in CASES.iter().filter(chosen) {
        if let Some(obstacle) = programs.obstacle(case.allowed) {
            counts.skip(case.name, obstacle);
            continue;
        }
        let mut reports = Vec::new();
        for kind in &kinds {
            let report = trial::run(&programs, *kind, case, options.short);
            if *kind == Kind::HttpNas {
                count(case, &report, &mut counts);
            } else {
                note(case, &report);
            }
            reports.push(report.ok());
        }
        let case = case.name;
        rows.push(Row { case, reports });
    }
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    table::print(&rows, &names);
    Ok(counts)
}

/// Judges our server.
fn count(case: &Case, report: &io::Result<Report>, counts: &mut Counts) {
    let faults = match report {
        Ok(report) if report.faults.is_empty() => {
            counts.passed += 1;
            let (seconds, requests) = (report.took.as_secs_f64(), thousands(report.tally.requests));
            println!(
                "ok {} ({seconds:.1} s, {requests} requests of the good client)",
                case.name
            );
            return;
        }
        Ok(report) => &report.faults,
        Err(error) => &vec![error.to_string()],
    };
    counts.failed += 1;
    println!("FAIL {}", case.name);
    faults.iter().for_each(|fault| println!("    {fault}"));
}

/// nginx is not judged: what it does is said.
fn note(case: &Case, report: &io::Result<Report>) {
    match report {
        Ok(report) if report.faults.is_empty() => {}
        Ok(report) => report
            .faults
            .iter()
            .take(8)
            .for_each(|fault| println!("    nginx, {}: {fault}", case.name)),
        Err(error) => println!("    nginx, {}: {error}", case.name),
    }
}
