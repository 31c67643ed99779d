//! What the command line asks for.

use std::path::PathBuf;

use crate::kind::Kind;
use crate::rows::ROWS;

pub const USAGE: &str = "usage: bench [--short] [--rounds N] [--size SIZE] [--rows NAME,...] [--servers NAME,...] \
                         [--out FILE] [--runs FOLDER]";

/// What is measured, and how long.
#[derive(Debug)]
pub struct Options {
    pub short: bool,
    pub rounds: usize,
    /// The length of the large file in bytes.
    pub size: u64,
    /// None: all.
    pub rows: Vec<String>,
    servers: Vec<String>,
    /// The page whose table is replaced.
    pub out: Option<PathBuf>,
    /// Where results are kept by date and machine.
    pub runs: Option<PathBuf>,
}

impl Options {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut rounds, mut size) = (None, None);
        let mut options = Self {
            short: false,
            rounds: 0,
            size: 0,
            rows: Vec::new(),
            servers: Vec::new(),
            out: None,
            runs: None,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--short" => options.short = true,
                "--rounds" => rounds = Some(number(&value()?)?),
                "--size" => size = Some(bytes(&value()?)?),
                "--rows" => {
                    options.rows = names(
                        &value()?,
                        &ROWS.iter().map(|row| row.name).collect::<Vec<_>>(),
                    )?
                }
                "--servers" => options.servers = names(&value()?, &Kind::ALL.map(Kind::name))?,
                "--out" => options.out = Some(value()?.into()),
                "--runs" => options.runs = Some(value()?.into()),
                _ => return Err(format!("what is {word:?}?")),
            }
        }
        let (few, small) = if options.short {
            (3, 64 << 20)
        } else {
            (7, 1 << 30)
        };
        options.rounds = rounds.unwrap_or(few);
        options.size = size.unwrap_or(small);
        Ok(options)
    }

    pub fn has_row(&self, name: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == name)
    }

    pub fn wants(&self, kind: Kind) -> bool {
        self.servers.is_empty() || self.servers.iter().any(|name| name == kind.name())
    }
}

fn number(word: &str) -> Result<usize, String> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("{word:?} is no number above 0"))
}

/// A size with K, M or G behind it. It is cut to whole MiB, of which the large files are made.
fn bytes(word: &str) -> Result<u64, String> {
    let unit = |last| match last {
        'K' => Some(10),
        'M' => Some(20),
        'G' => Some(30),
        _ => None,
    };
    let shift = word.chars().last().and_then(unit).unwrap_or(0);
    let digits = word.trim_end_matches(['K', 'M', 'G']);
    let number: Option<u64> = digits.parse().ok();
    let size = number.and_then(|number| number.checked_shl(shift));
    // Eight files of whole MiB are as long as the large one.
    size.map(|size| size >> 23 << 23)
        .filter(|size| (8 << 20..=4 << 30).contains(size))
        .ok_or(format!("{word:?} is no size from 8M to 4G"))
}

fn names(list: &str, known: &[&str]) -> Result<Vec<String>, String> {
    let names: Vec<String> = list.split(',').map(str::to_owned).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("there is no {name:?}, but {}", known.join(", "))),
        None => Ok(names),
    }
}
