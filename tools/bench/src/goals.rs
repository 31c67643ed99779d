//! What is to be reached, and whether it was. It is said, never a failure: the machine may be busy
//! with something else.

use crate::engine::{Cell, Finding};
use crate::kind::Kind;
use crate::outcome::{Figure, MEMORY, PROCESSOR, RATE, SPEED, STALLS, TIME, Unit, digits};

/// One figure that is aimed at.
struct Goal {
    what: &'static str,
    row: &'static str,
    label: &'static str,
    /// What the figure is divided by: one of another server, or of another row of our own.
    beside: Beside,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Beside {
    Server(Kind),
    Row(&'static str),
    /// Nothing: the figure itself counts.
    Alone(Unit),
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Beside::{Alone, Row, Server};
use Bound::{AtLeast, AtMost};

const fn goal(
    what: &'static str,
    row: &'static str,
    label: &'static str,
    beside: Beside,
    bound: Bound,
) -> Goal {
    Goal {
        what,
        row,
        label,
        beside,
        bound,
    }
}

const MIB: f64 = 1_048_576.0;

const GOALS: &[Goal] = &[
    goal(
        "GET beside nginx",
        "get",
        SPEED,
        Server(Kind::Nginx),
        AtLeast(1.0),
    ),
    goal(
        "GET beside the bare loop",
        "get",
        SPEED,
        Server(Kind::Bare),
        AtLeast(0.97),
    ),
    goal(
        "GET, processor time beside nginx",
        "get",
        PROCESSOR,
        Server(Kind::Nginx),
        AtMost(1.0),
    ),
    goal(
        "upload beside nginx",
        "put",
        SPEED,
        Server(Kind::Nginx),
        AtLeast(2.5),
    ),
    goal(
        "upload beside the bare loop",
        "put",
        SPEED,
        Server(Kind::Bare),
        AtLeast(1.1),
    ),
    goal(
        "upload, processor time beside the bare loop",
        "put",
        PROCESSOR,
        Server(Kind::Bare),
        AtMost(0.9),
    ),
    goal(
        "upload in chunks of 64 KiB beside plain",
        "put-64k",
        SPEED,
        Row("put"),
        AtLeast(0.9),
    ),
    goal(
        "upload in chunks of 1 KiB beside 64 KiB",
        "put-1k",
        SPEED,
        Row("put-64k"),
        AtLeast(0.5),
    ),
    goal(
        "GET 4 KiB, connection kept, beside nginx",
        "get-4k",
        RATE,
        Server(Kind::Nginx),
        AtLeast(0.9),
    ),
    goal(
        "GET 4 KiB, new connection, beside nginx",
        "get-4k-new",
        RATE,
        Server(Kind::Nginx),
        AtLeast(0.9),
    ),
    goal(
        "upload 4 KiB, connection kept, beside nginx",
        "post-4k",
        RATE,
        Server(Kind::Nginx),
        AtLeast(0.9),
    ),
    goal(
        "upload 4 KiB, new connection, beside nginx",
        "post-4k-new",
        RATE,
        Server(Kind::Nginx),
        AtLeast(0.8),
    ),
    goal(
        "append 1 KiB beside dufs",
        "append-1k",
        RATE,
        Server(Kind::Dufs),
        AtLeast(1.3),
    ),
    goal(
        "GET 4 KiB, processor time beside that with a token",
        "get-4k",
        PROCESSOR,
        Server(Kind::Tokens),
        AtLeast(0.97),
    ),
    goal(
        "upload 4 KiB, processor time beside that with a token",
        "post-4k",
        PROCESSOR,
        Server(Kind::Tokens),
        AtLeast(0.97),
    ),
    goal(
        "append 1 KiB, processor time beside that with a token",
        "append-1k",
        PROCESSOR,
        Server(Kind::Tokens),
        AtLeast(0.97),
    ),
    goal(
        "requests of 35 ms and more, one by one",
        "latency",
        STALLS,
        Alone(Unit::Count),
        AtMost(0.0),
    ),
    goal(
        "wc beside `wc -l`",
        "wc",
        SPEED,
        Server(Kind::Bare),
        AtLeast(1.0),
    ),
    goal(
        "SHA-256 beside `sha256sum`",
        "sha256",
        SPEED,
        Server(Kind::Bare),
        AtLeast(1.0),
    ),
    goal(
        "cp beside `cp --reflink=auto`",
        "cp",
        SPEED,
        Server(Kind::Bare),
        AtLeast(1.0),
    ),
    goal(
        "memory at rest",
        "idle",
        MEMORY,
        Alone(Unit::Memory),
        AtMost(3.0 * MIB),
    ),
    goal(
        "memory at 500 slow uploads",
        "slow-up",
        MEMORY,
        Alone(Unit::Memory),
        AtMost(20.0 * MIB),
    ),
    goal(
        "up and down in a control group of 16 MiB",
        "16-mib",
        "upload",
        Alone(Unit::Speed),
        AtLeast(0.0),
    ),
    goal(
        "start to the first 200",
        "start",
        TIME,
        Alone(Unit::Milliseconds),
        AtMost(0.005),
    ),
];

/// The table of what was aimed at in the rows that were measured.
pub fn table(findings: &[Finding]) -> String {
    let mut lines = String::new();
    for goal in GOALS {
        let Some(found) = goal.found(findings) else {
            continue;
        };
        let show = |value| match goal.beside {
            Alone(unit) => unit.show(value),
            Server(_) | Row(_) => digits(value),
        };
        let (words, limit, met) = match goal.bound {
            AtLeast(least) => ("at least", least, found >= least),
            AtMost(most) => ("at most", most, found <= most),
        };
        let wanted = if limit == 0.0 && words == "at least" {
            "done".to_owned()
        } else {
            format!("{words} {}", show(limit))
        };
        let met = if met { "yes" } else { "**no**" };
        lines += &format!("| {} | {wanted} | {} | {met} |\n", goal.what, show(found));
    }
    if lines.is_empty() {
        return lines;
    }
    format!("\n| to reach | wanted | found | met |\n| --- | --- | --- | --- |\n{lines}")
}

impl Goal {
    fn found(&self, findings: &[Finding]) -> Option<f64> {
        let own = figure(findings, self.row, Kind::HttpNas, self.label)?;
        match self.beside {
            Server(kind) => Some(own.beside(figure(findings, self.row, kind, self.label)?)),
            Row(row) => Some(own.value / figure(findings, row, Kind::HttpNas, self.label)?.value),
            Alone(_) => Some(own.value),
        }
    }
}

fn figure<'f>(findings: &'f [Finding], row: &str, kind: Kind, label: &str) -> Option<&'f Figure> {
    let finding = findings.iter().find(|finding| finding.row.name == row)?;
    let column = finding.columns.iter().find(|column| column.kind == kind)?;
    match &column.cell {
        Cell::Figures(figures) => figures.iter().find(|figure| figure.label == label),
        Cell::NotThere | Cell::Failed => None,
    }
}
