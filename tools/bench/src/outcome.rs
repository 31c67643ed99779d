//! What one measurement gives: figures, each with its unit and with what is made of those of
//! several rounds.

use testkit::report::grouped;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes a second.
    Speed,
    /// Requests a second.
    Rate,
    /// Seconds, shown as ms.
    Milliseconds,
    /// Bytes.
    Memory,
    Count,
    /// Processor seconds per GiB.
    PerGib,
    /// Processor seconds for each request, shown as µs.
    PerRequest,
}

/// How the figures of several rounds become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Median,
    Max,
    Least,
    Sum,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Figure {
    pub label: &'static str,
    pub unit: Unit,
    pub fold: Fold,
    pub value: f64,
    /// What it was in each round, where it is the fold of several.
    pub rounds: Vec<f64>,
}

/// What was done in one round.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub figures: Vec<Figure>,
    /// What the processor time is divided by: bytes, or requests. Zero where it says nothing.
    pub work: f64,
    /// Processor seconds, where it was not the server that used them.
    pub processor: Option<f64>,
}

/// What came of one round.
#[derive(Clone, Debug)]
pub enum Outcome {
    Done(Sample),
    /// The server has no such thing.
    NotThere,
}

pub const SPEED: &str = "throughput";
pub const RATE: &str = "requests";
pub const TIME: &str = "time";
pub const MEMORY: &str = "memory";
pub const THREADS: &str = "threads";
pub const PROCESSOR: &str = "processor";
pub const PEAK: &str = "peak memory";
pub const SLOWEST: &str = "slowest request";
pub const TYPICAL: &str = "median request";
pub const STALLS: &str = "requests of 35 ms and more";

impl Sample {
    /// Bytes in a time in seconds.
    pub fn speed(bytes: u64, seconds: f64) -> Self {
        Self {
            figures: vec![figure(
                SPEED,
                Unit::Speed,
                Fold::Median,
                bytes as f64 / seconds,
            )],
            work: bytes as f64,
            processor: None,
        }
    }

    /// Something done once, in a time in seconds.
    pub fn time(seconds: f64) -> Self {
        Self {
            figures: vec![figure(TIME, Unit::Milliseconds, Fold::Median, seconds)],
            work: 1.0,
            processor: None,
        }
    }

    pub fn memory(bytes: u64) -> Self {
        Self {
            figures: vec![figure(MEMORY, Unit::Memory, Fold::Median, bytes as f64)],
            work: 0.0,
            processor: None,
        }
    }

    /// The first figure: what the row is about.
    pub fn main(&self) -> Option<&Figure> {
        self.figures.first()
    }
}

pub fn figure(label: &'static str, unit: Unit, fold: Fold, value: f64) -> Figure {
    Figure {
        label,
        unit,
        fold,
        value,
        rounds: Vec::new(),
    }
}

impl Figure {
    /// The same figure of several rounds.
    pub fn folded(&self, rounds: Vec<f64>) -> Self {
        Self {
            value: self.fold.of(&rounds),
            rounds,
            ..self.clone()
        }
    }

    /// How many times as much as another's. Where both were measured in the same rounds, it is the
    /// median of what it was in each: what slows the machine for a while hits both.
    pub fn beside(&self, other: &Self) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        let ratios: Vec<f64> = pairs.map(|(own, other)| own / other).collect();
        if self.fold == Fold::Median && !ratios.is_empty() {
            median(&ratios)
        } else {
            self.value / other.value
        }
    }
}

impl Fold {
    pub fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::Median => median(values),
            Self::Least => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(0.0, f64::max),
            Self::Sum => values.iter().sum(),
        }
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(below), Some(at)) if sorted.len().is_multiple_of(2) => f64::midpoint(*below, *at),
        (_, Some(at)) => *at,
        _ => f64::NAN,
    }
}

impl Unit {
    /// The value in words.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Speed => format!("{} GB/s", digits(value / 1e9)),
            Self::Rate => format!("{}/s", digits(value)),
            Self::Milliseconds => format!("{} ms", digits(value * 1e3)),
            Self::Memory => format!("{} MiB", digits(value / f64::from(1 << 20))),
            Self::Count => grouped(&format!("{value:.0}")),
            Self::PerGib => format!("{} s/GiB", digits(value)),
            Self::PerRequest => format!("{} µs", digits(value * 1e6)),
        }
    }
}

/// About three digits, with a comma before each group of three.
pub fn digits(value: f64) -> String {
    let places = match value.abs() {
        0.0 => 0,
        below if below < 1.0 => 3,
        below if below < 10.0 => 2,
        below if below < 100.0 => 1,
        _ => 0,
    };
    grouped(&format!("{value:.places$}"))
}
