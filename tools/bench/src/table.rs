//! The page in Markdown: what it was measured on, the table, and what was to be reached.

use std::fs;
use std::io;
use std::path::Path;

use crate::engine::{Cell, Column, FEW, Finding, LONG_TURN};
use crate::goals;
use crate::kind::Kind;
use crate::machine;
use crate::options::Options;
use crate::outcome::{Figure, Unit, digits};
use crate::scene::Scene;

/// What stands between these lines of a page is written anew, the rest stays.
const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// All that is to be said of a run.
pub fn page(findings: &[Finding], kinds: &[Kind], scene: &Scene, options: &Options) -> String {
    let memory = if scene.has_memory {
        "a tmpfs"
    } else {
        "the page cache before a disk"
    };
    let rounds = options.rounds;
    let mut often = format!("{rounds} rounds");
    if rounds > FEW {
        let long = LONG_TURN.as_secs_f64();
        often += &format!(" ({FEW} of those that took more than {long} s for a turn)");
    }
    format!(
        "Measured on {} on {}: {}, in {often}, with the files in {memory} where no disk is named. \
         {}.\n\n{}{}",
        machine::today(),
        machine::machine(),
        machine::versions(kinds, scene),
        scene.load.others(),
        rows(findings, kinds, scene),
        goals::table(findings),
    )
}

/// Writes the page into a file, between the marks where it has them.
pub fn write(file: &Path, page: &str) -> io::Result<()> {
    let old = fs::read_to_string(file).unwrap_or_default();
    let parts = old
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, behind) = parts.unwrap_or(("", "\n"));
    fs::write(
        file,
        format!("{before}{BEGIN}\n\n{}\n\n{END}{behind}", page.trim_end()),
    )
}

/// Writes the page into a file of its own, named by the date and the machine. A second run on one
/// day replaces the first.
pub fn keep(folder: &Path, page: &str) -> io::Result<()> {
    let (date, machine) = (machine::today(), machine::slug());
    fs::create_dir_all(folder)?;
    fs::write(
        folder.join(format!("{date}-{machine}.md")),
        format!("# Benchmark of {date}\n\n{}\n", page.trim_end()),
    )
}

fn rows(findings: &[Finding], kinds: &[Kind], scene: &Scene) -> String {
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.title()).collect();
    let mut text = format!(
        "| | | {} |\n|{}\n",
        titles.join(" | "),
        " --- |".repeat(kinds.len() + 2)
    );
    for finding in findings {
        let mut title = in_words(finding.row.title, scene);
        for line in labels(finding) {
            let cells: Vec<String> = kinds
                .iter()
                .map(|kind| cell(finding, *kind, line))
                .collect();
            text += &format!("| {title} | {} | {} |\n", line.label, cells.join(" | "));
            title.clear();
        }
    }
    text
}

/// The figures that any server has in this row, in order.
fn labels(finding: &Finding) -> Vec<&Figure> {
    let mut all: Vec<&Figure> = Vec::new();
    for column in &finding.columns {
        if let Cell::Figures(figures) = &column.cell {
            let new = |figure: &&Figure| !all.iter().any(|known| known.label == figure.label);
            let new: Vec<&Figure> = figures.iter().filter(new).collect();
            all.extend(new);
        }
    }
    all
}

/// A figure, and in parentheses how many times as much http-nas has.
fn cell<'f>(finding: &'f Finding, kind: Kind, line: &Figure) -> String {
    let of = |kind: Kind| finding.columns.iter().find(|column| column.kind == kind);
    let Some(column) = of(kind) else {
        return String::new();
    };
    let find = |column: &'f Column| match &column.cell {
        Cell::Figures(figures) => figures.iter().find(|figure| figure.label == line.label),
        Cell::NotThere | Cell::Failed => None,
    };
    match (&column.cell, find(column), of(Kind::HttpNas).and_then(find)) {
        (Cell::NotThere, ..) => "not there".to_owned(),
        (Cell::Failed, ..) => "failed".to_owned(),
        (Cell::Figures(_), None, _) => "-".to_owned(),
        (Cell::Figures(_), Some(figure), Some(own))
            if kind != Kind::HttpNas && line.unit != Unit::Count && figure.value > 0.0 =>
        {
            format!(
                "{} ({})",
                line.unit.show(figure.value),
                digits(own.beside(figure))
            )
        }
        (Cell::Figures(_), Some(figure), _) => line.unit.show(figure.value),
    }
}

fn in_words(title: &str, scene: &Scene) -> String {
    let size = if scene.size.is_multiple_of(1 << 30) {
        format!("{} GiB", scene.size >> 30)
    } else {
        format!("{} MiB", scene.size >> 20)
    };
    let huge = if scene.short { "256 MiB" } else { "4 GiB" };
    let (names, idle) = (digits(scene.names() as f64), digits(scene.idle() as f64));
    title
        .replace("SIZE", &size)
        .replace("NAMES", &names)
        .replace("IDLE", &idle)
        .replace("HUGE", huge)
}
