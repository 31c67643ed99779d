//! One row: all servers take turns, round by round, and what they did becomes one figure each.

use std::io;
use std::time::{Duration, Instant};

use testkit::proc;

use crate::kind::Kind;
use crate::options::Options;
use crate::outcome::{Figure, Fold, Outcome, PEAK, PROCESSOR, Sample, Unit, figure};
use crate::process;
use crate::rows::{Folder, Row, Run};
use crate::scene::{Place, Scene};
use crate::server::{Server, Wrap};

/// Between two turns, for what the server before still has to put away.
const REST: Duration = Duration::from_millis(5);

/// A peer that takes longer than this for a turn takes part in `FEW` rounds only: it is far from
/// where anything is decided, and the rest can be measured more often in the same time.
pub const LONG_TURN: Duration = Duration::from_millis(1500);
pub const FEW: usize = 3;

/// What a server's turn is given.
pub struct Turn<'t> {
    pub scene: &'t Scene,
    pub place: &'t Place,
    pub server: &'t Server,
    /// The first turn does not count: it warms up, and looks at what is stored byte by byte.
    pub first: bool,
}

/// What was found out of one row.
pub struct Finding {
    pub row: &'static Row,
    pub columns: Vec<Column>,
    /// What was not as it must be.
    pub faults: Vec<String>,
    pub took: Duration,
}

/// One server in one row.
pub struct Column {
    pub kind: Kind,
    pub cell: Cell,
}

pub enum Cell {
    Figures(Vec<Figure>),
    NotThere,
    Failed,
}

/// A server that takes turns.
struct Player {
    kind: Kind,
    server: Option<Server>,
    samples: Vec<Sample>,
    /// Processor seconds in all rounds.
    processor: f64,
    /// Likewise of the client, and how long the rounds took.
    client: f64,
    wall: f64,
    state: State,
}

enum State {
    Plays,
    NotThere,
    Failed(String),
}

/// A row that is being measured.
struct Course<'c> {
    row: &'static Row,
    place: &'c Place,
    players: Vec<Player>,
    took: Duration,
}

/// Measures rows in the same rounds.
///
/// # Errors
/// Where a server does not start, or the rows cannot be measured on this machine at all.
pub fn measure(
    rows: &[&'static Row],
    kinds: &[Kind],
    scene: &Scene,
    options: &Options,
) -> io::Result<Vec<Finding>> {
    let mut courses = Vec::new();
    for row in rows {
        courses.push(Course::begin(row, kinds, scene)?);
    }
    for round in 0..options.rounds {
        for course in &mut courses {
            course.round(round, scene)?;
        }
    }
    Ok(courses.into_iter().map(Course::end).collect())
}

impl<'c> Course<'c> {
    fn begin(row: &'static Row, kinds: &[Kind], scene: &'c Scene) -> io::Result<Self> {
        let begin = Instant::now();
        let place = match row.folder {
            Folder::Memory => &scene.memory,
            Folder::Disk => &scene.disk,
        };
        for need in row.needs {
            scene.provide(place, *need)?;
        }
        let kinds = kinds.iter().filter(|kind| (row.servers)(**kind));
        let mut players: Vec<Player> = kinds.map(|kind| Player::new(*kind)).collect();
        if matches!(row.run, Run::Served(_)) {
            for player in &mut players {
                player.server = Some(Server::start(player.kind, scene, place, Wrap::Tied)?);
                player.play(row, scene, place, true)?;
            }
        }
        let took = begin.elapsed();
        Ok(Self {
            row,
            place,
            players,
            took,
        })
    }

    /// One turn for each, each time begun by another.
    fn round(&mut self, round: usize, scene: &Scene) -> io::Result<()> {
        if round >= self.row.most_rounds {
            return Ok(());
        }
        let begin = Instant::now();
        let count = self.players.len();
        for turn in 0..count {
            let player = &mut self.players[(round + turn) % count];
            if round < FEW || !player.is_slow() {
                player.play(self.row, scene, self.place, false)?;
            }
        }
        self.took += begin.elapsed();
        Ok(())
    }

    fn end(self) -> Finding {
        let faults = self
            .players
            .iter()
            .filter_map(|player| match &player.state {
                State::Failed(text) => Some(format!("{}: {text}", player.kind.name())),
                State::Plays | State::NotThere => None,
            });
        Finding {
            row: self.row,
            faults: faults.collect(),
            columns: self
                .players
                .into_iter()
                .map(|player| player.column(self.row.name))
                .collect(),
            took: self.took,
        }
    }
}

impl Player {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            server: None,
            samples: Vec::new(),
            processor: 0.0,
            client: 0.0,
            wall: 0.0,
            state: State::Plays,
        }
    }

    fn is_slow(&self) -> bool {
        let longest = LONG_TURN.as_secs_f64() * self.samples.len() as f64;
        self.kind != Kind::HttpNas && self.wall > longest
    }

    /// # Errors
    /// Only where the row cannot be measured on this machine at all.
    fn play(&mut self, row: &Row, scene: &Scene, place: &Place, first: bool) -> io::Result<()> {
        if !matches!(self.state, State::Plays) {
            return Ok(());
        }
        std::thread::sleep(REST);
        let process = self.server.as_ref().map(Server::process);
        let used = || {
            let servers = process.map_or(0.0, proc::processor_seconds);
            (servers, proc::own_processor_seconds(std::process::id()))
        };
        let (before, began) = (used(), Instant::now());
        let outcome = match (&row.run, &self.server) {
            (Run::Served(run), Some(server)) => run(&Turn {
                scene,
                place,
                server,
                first,
            }),
            (Run::Served(_), None) => Err(io::Error::other("the server does not run")),
            (Run::Alone(run), _) => run(scene, place, self.kind),
        };
        let (after, wall) = (used(), began.elapsed().as_secs_f64());
        match outcome {
            Ok(Outcome::Done(sample)) if !first => {
                self.processor += sample.processor.unwrap_or(after.0 - before.0);
                self.client += after.1 - before.1;
                self.wall += wall;
                self.samples.push(sample);
            }
            Ok(Outcome::Done(_)) => {}
            Ok(Outcome::NotThere) => self.state = State::NotThere,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Err(error),
            Err(error) => self.state = State::Failed(error.to_string()),
        }
        Ok(())
    }

    fn column(self, row: &str) -> Column {
        let kind = self.kind;
        let cell = match self.state {
            State::NotThere => Cell::NotThere,
            State::Failed(_) => Cell::Failed,
            State::Plays => Cell::Figures(self.figures(row)),
        };
        Column { kind, cell }
    }

    fn figures(&self, row: &str) -> Vec<Figure> {
        let Some(sample) = self.samples.first() else {
            return Vec::new();
        };
        let mut figures = Vec::new();
        for (place, one) in sample.figures.iter().enumerate() {
            let values: Vec<f64> = self
                .samples
                .iter()
                .filter_map(|sample| Some(sample.figures.get(place)?.value))
                .collect();
            let folded = one.folded(values);
            if place == 0 {
                let (least, most) = (
                    one.unit.show(Fold::Least.of(&folded.rounds)),
                    one.unit.show(Fold::Max.of(&folded.rounds)),
                );
                let (name, median) = (self.kind.name(), one.unit.show(folded.value));
                let client = self.client / self.wall;
                println!(
                    "    {row}, {name}: {median} ({least} to {most}; the client took {client:.2} of a core)"
                );
            }
            figures.push(folded);
        }
        figures.extend(self.costs());
        figures
    }

    /// Processor time and memory.
    fn costs(&self) -> Vec<Figure> {
        let work: f64 = self.samples.iter().map(|sample| sample.work).sum();
        if work == 0.0 {
            return Vec::new();
        }
        let main = self.samples.first().and_then(Sample::main);
        let (unit, per) = match main.map(|figure| figure.unit) {
            Some(Unit::Speed) => (Unit::PerGib, f64::from(1 << 30)),
            Some(Unit::Milliseconds) => (Unit::Milliseconds, 1.0),
            _ => (Unit::PerRequest, 1.0),
        };
        let mut figures = vec![figure(
            PROCESSOR,
            unit,
            Fold::Median,
            self.processor / work * per,
        )];
        if let Some(server) = &self.server
            && self.samples.iter().all(|sample| sample.processor.is_none())
        {
            let most = process::most_memory(server.process());
            figures.push(figure(PEAK, Unit::Memory, Fold::Max, most as f64));
        }
        figures
    }
}
