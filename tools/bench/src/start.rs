//! The row of the start: from nothing to the first reply.

use std::io;

use crate::kind::Kind;
use crate::outcome::{Outcome, Sample};
use crate::scene::{Place, Scene};
use crate::server::{Server, Wrap};

pub fn start(scene: &Scene, place: &Place, kind: Kind) -> io::Result<Outcome> {
    let server = Server::start(kind, scene, place, Wrap::Plain)?;
    let sample = Sample::time(server.started_in.as_secs_f64());
    // The processor time of a process that is gone is not known.
    Ok(Outcome::Done(Sample {
        work: 0.0,
        ..sample
    }))
}
