//! The table in Markdown: a row for each case, nginx's columns beside ours where both were run.

use crate::pattern::{bytes, thousands};
use crate::trial::Report;

/// What was found out of one case.
#[derive(Debug)]
pub struct Row {
    pub case: &'static str,
    /// In the order of the servers; `None` where the case was left out.
    pub reports: Vec<Option<Report>>,
}

/// Prints the table.
pub fn print(rows: &[Row], servers: &[&str]) {
    let columns = [
        "peak memory",
        "peak threads",
        "good client's slowest request",
        "errors of the good client",
        "answers afterwards",
    ];
    let of = |column: &str, server: &str| {
        if servers.len() > 1 {
            format!("{column}, {server}")
        } else {
            column.to_owned()
        }
    };
    let mut head = vec!["case".to_owned(), "what was sent".to_owned()];
    for column in columns {
        head.extend(servers.iter().map(|server| of(column, server)));
    }
    println!("\n| {} |", head.join(" | "));
    println!("|{}", " --- |".repeat(head.len()));
    for row in rows {
        let mut line = vec![row.case.to_owned(), sent(row, servers)];
        let reports: Vec<_> = row
            .reports
            .iter()
            .map(|report| report.as_ref().map(cells))
            .collect();
        for column in 0..columns.len() {
            let cell = |report: &Option<[String; 5]>| {
                report
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |cells| cells[column].clone())
            };
            line.extend(reports.iter().map(cell));
        }
        println!("| {} |", line.join(" | "));
    }
    println!();
}

/// What was sent; to the second server only where it was something else, since much depends on what
/// it takes.
fn sent(row: &Row, servers: &[&str]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for (report, server) in row.reports.iter().zip(servers) {
        let Some(report) = report else { continue };
        if texts.is_empty() {
            texts.push(report.sent.clone());
        } else if !texts.contains(&report.sent) {
            texts.push(format!("{server}: {}", report.sent));
        }
    }
    if texts.is_empty() {
        "-".to_owned()
    } else {
        texts.join("; ")
    }
}

fn cells(report: &Report) -> [String; 5] {
    let tally = &report.tally;
    let told = match tally.told_to_wait {
        0 => String::new(),
        count => format!(", told to wait {count} times"),
    };
    let answers = report.answered.map_or_else(
        || "no".to_owned(),
        |time| format!("in {}", milliseconds(time)),
    );
    let remark = if report.remark.is_empty() {
        String::new()
    } else {
        format!("; {}", report.remark)
    };
    [
        format!(
            "{} ({} before, {} after)",
            bytes(report.peak_memory),
            bytes(report.before.memory),
            bytes(report.after.memory)
        ),
        format!(
            "{} ({} after)",
            thousands(report.peak_threads),
            thousands(report.after.threads)
        ),
        milliseconds(tally.slowest),
        format!(
            "{} of {}{told}",
            thousands(tally.errors),
            thousands(tally.requests)
        ),
        format!("{answers}{remark}"),
    ]
}

fn milliseconds(time: std::time::Duration) -> String {
    format!(
        "{} ms",
        thousands(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    )
}
