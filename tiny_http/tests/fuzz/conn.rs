//! The input of a connection: what results must not depend on how its bytes are divided, on how its
//! bodies are taken, and on when memory is released. It is compared with a simple model that has
//! all of the input.

#[path = "chunks.rs"]
#[allow(dead_code)]
pub mod chunks;
#[path = "random.rs"]
mod random;

pub use random::Random;

use tiny_http::fuzzing::{Parser, Step, parse_head};
use tiny_http::{Framing, HeadFault};

/// What results from an input, in its order.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Head(String),
    Refused(HeadFault),
    /// All of a body that has come, and how it ends; where its chunks are malformed, the part
    /// before the fault.
    Body(Vec<u8>, End),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Whole,
    Cut,
    Broken,
}

/// The longest head.
const MAX: usize = 512;

/// Whether the input begins with a request that is accepted.
pub fn check(input: &[u8]) -> bool {
    let expected = model(input);
    for seed in 1..=6_u64 {
        let mut random = Random(seed << 32 | input.len() as u64 | 1);
        assert_eq!(run(input, &mut random), expected, "seed {seed}");
    }
    matches!(expected.first(), Some(Event::Head(_)))
}

fn model(input: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut at = 0;
    loop {
        // RFC 9112, section 2.2.
        if input[at..].starts_with(b"\r\n") {
            at += 2;
        }
        let rest = &input[at..input.len().min(at + MAX)];
        let end = rest
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map(|end| end + 4);
        let bare =
            (0..rest.len()).find(|i| rest[*i] == b'\n' && (*i == 0 || rest[*i - 1] != b'\r'));
        let head = match (end, bare) {
            (end, Some(bare)) if end.is_none_or(|end| bare < end) => Err(HeadFault::BareLf),
            (Some(end), _) => parse_head(&rest[..end]).map(|head| (head, end)),
            (None, _) if rest.len() == MAX => Err(HeadFault::TooLong),
            (None, _) => return events,
        };
        let (head, end) = match head {
            Ok(head) => head,
            Err(fault) => {
                events.push(Event::Refused(fault));
                return events;
            }
        };
        at += end;
        events.push(Event::Head(head.target().to_owned()));
        let rest = &input[at..];
        let (data, used, end) = match head.framing {
            Framing::Empty => continue,
            Framing::Length(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let come = length.min(rest.len());
                let end = if come == length { End::Whole } else { End::Cut };
                (rest[..come].to_vec(), come, end)
            }
            Framing::Chunked => {
                let outcome = chunks::decode(rest);
                let end = match outcome.end {
                    chunks::End::Whole => End::Whole,
                    chunks::End::Cut => End::Cut,
                    chunks::End::Bad => End::Broken,
                };
                (outcome.data, outcome.seen, end)
            }
        };
        at += used;
        events.push(Event::Body(data, end));
        if end != End::Whole {
            return events;
        }
    }
}

/// Feeds the input in parts. Where only data can come next, some of it is skipped instead.
fn run(input: &[u8], random: &mut Random) -> Vec<Event> {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    let mut at = 0;
    loop {
        let waits_for_data = step(&mut parser, &mut events, random);
        if random.below(4) == 0 {
            parser.shrink();
        }
        let left = input.len() - at;
        if left == 0 {
            return events;
        }
        let count = 1 + random.below(left.min(40));
        let part = &input[at..at + count];
        if let Some(most) = waits_for_data
            && random.below(2) == 0
        {
            let count = count.min(usize::try_from(most).unwrap_or(usize::MAX));
            parser.skip_data(count as u64);
            add(&mut events, &part[..count]);
            at += count;
            continue;
        }
        parser.room(count).extend_from_slice(part);
        at += count;
    }
}

/// Takes what can be taken of what has been fed. Returns how many bytes of data come next, if data
/// do.
fn step(parser: &mut Parser, events: &mut Vec<Event>, random: &mut Random) -> Option<u64> {
    loop {
        if let Some(head) = parser.head(MAX) {
            match head {
                Ok(head) => {
                    events.push(Event::Head(head.target().to_owned()));
                    if head.framing != Framing::Empty {
                        events.push(Event::Body(Vec::new(), End::Cut));
                    }
                }
                Err(refusal) => events.push(Event::Refused(refusal.fault)),
            }
        }
        let mut out = [0; 16];
        let out = &mut out[..1 + random.below(16)];
        match parser.body(out) {
            Ok(Step::Bytes(count)) => add(events, &out[..count]),
            Ok(Step::Data(most)) => return Some(most),
            Ok(Step::Framing) => return None,
            Ok(Step::End) => {
                if !parser.is_whole() {
                    return None;
                }
                if let Some(Event::Body(_, end)) = events.last_mut() {
                    *end = End::Whole;
                }
                assert!(parser.next_message());
            }
            Err(fault) => {
                assert_eq!(parser.body(out), Err(fault), "it is final");
                if let Some(Event::Body(_, end)) = events.last_mut() {
                    *end = End::Broken;
                }
                return None;
            }
        }
    }
}

fn add(events: &mut [Event], data: &[u8]) {
    match events.last_mut() {
        Some(Event::Body(body, End::Cut)) => body.extend_from_slice(data),
        other => panic!("data behind {other:?}"),
    }
}
