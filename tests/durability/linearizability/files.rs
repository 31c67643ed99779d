//! The model of files under the two names, with and without conditions.

use super::{Model, NAMES, Random, Request, race_at_one_and_two_servers};
use testkit::{Client, Server};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Post,
    Append,
    Move,
    Copy,
    Delete,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    None,
    /// `If-Match` of a tag.
    Match(String),
    /// `If-None-Match: *`.
    Absent,
    /// `Content-Range` from a length.
    Length(usize),
}

/// A request about `NAMES[name]`; `to` is the other name of a mv or cp. The condition is about the
/// name that is written.
#[derive(Debug)]
struct Write {
    method: Method,
    name: usize,
    to: usize,
    condition: Condition,
    body: String,
}

#[derive(Clone, Debug, PartialEq)]
struct File {
    content: String,
    /// The tag of a file that has been the same since before the round.
    tag: Option<String>,
}

impl File {
    fn new(content: &str) -> Option<File> {
        Some(File {
            content: content.to_string(),
            tag: None,
        })
    }
}

struct Files;

impl Model for Files {
    type State = [Option<File>; 2];
    type Write = Write;

    fn prepare(client: &mut Client<'_>, random: &mut Random, last: &Self::State) -> Self::State {
        let mut state = last.clone();
        for (name, file) in NAMES.iter().zip(&mut state) {
            let is_long = file.as_ref().is_some_and(|file| file.content.len() > 500);
            if is_long || file.is_none() && random.below(4) > 0 {
                let content = format!("initial {name};");
                let reply = client.ask("POST", name, &[], content.as_bytes());
                assert_eq!(reply.status, 200, "{}", reply.summary());
                *file = File::new(&content);
            }
            if let Some(file) = file {
                file.tag = Some(client.tag(name));
            }
        }
        state
    }

    fn write(random: &mut Random, body: String, state: &Self::State) -> Write {
        use Method::{Append, Copy, Delete, Move, Post};
        let method = random.one_of(&[Post, Append, Move, Move, Copy, Delete]);
        let (name, to) = (random.below(2), random.below(2));
        let subject = match method {
            Move | Copy => to,
            Post | Append | Delete => name,
        };
        let file = state[subject].as_ref();
        let tag = file.and_then(|file| file.tag.clone());
        let condition = match random.below(8) {
            0 => Condition::Match(tag.unwrap_or("\"none\"".to_string())),
            1 => Condition::Absent,
            2 if method == Append => Condition::Length(file.map_or(0, |file| file.content.len())),
            _ => Condition::None,
        };
        Write {
            method,
            name,
            to,
            condition,
            body,
        }
    }

    fn request(write: &Write) -> Request {
        let (name, to) = (NAMES[write.name], NAMES[write.to]);
        let path = format!("{{\"path\": \"{to}\"}}");
        let (method, target, body) = match write.method {
            Method::Post => ("POST", name.to_string(), write.body.clone()),
            Method::Append => ("PUT", name.to_string(), write.body.clone()),
            Method::Move => ("PUT", format!("{name}/mv"), path),
            Method::Copy => ("PUT", format!("{name}/cp"), path),
            Method::Delete => ("DELETE", name.to_string(), String::new()),
        };
        let field = match &write.condition {
            Condition::None => None,
            Condition::Match(tag) => Some(("If-Match", tag.clone())),
            Condition::Absent => Some(("If-None-Match", "*".to_string())),
            Condition::Length(first) => {
                let last = first + body.len() - 1;
                Some((
                    "Content-Range",
                    format!("bytes {first}-{last}/{}", last + 1),
                ))
            }
        };
        Request {
            method,
            target,
            field,
            body,
        }
    }

    fn apply(write: &Write, state: &mut Self::State) -> bool {
        let (name, to) = (write.name, write.to);
        let written = match write.method {
            Method::Move | Method::Copy => to,
            Method::Post | Method::Append | Method::Delete => name,
        };
        let there = state[written].as_ref();
        let is_met = match &write.condition {
            Condition::None => true,
            Condition::Match(tag) => there.is_some_and(|file| file.tag.as_ref() == Some(tag)),
            Condition::Absent => there.is_none(),
            // From byte 0 on it creates a file that is missing.
            Condition::Length(first) => there.map_or(0, |file| file.content.len()) == *first,
        };
        let creates = write.method == Method::Post || write.condition == Condition::Length(0);
        if !creates && state[name].is_none() || !is_met {
            return false;
        }
        let old = state[name].as_ref().map(|file| file.content.clone());
        let old = old.unwrap_or_default();
        match write.method {
            Method::Post => state[name] = File::new(&write.body),
            Method::Append => state[name] = File::new(&format!("{old}{}", write.body)),
            Method::Delete => state[name] = None,
            Method::Copy | Method::Move if name == to => {}
            Method::Copy => state[to] = File::new(&old),
            Method::Move => {
                state[to] = File::new(&old);
                state[name] = None;
            }
        }
        true
    }

    fn read(server: &Server) -> Self::State {
        NAMES.map(|name| {
            let content = server.content(name)?;
            File::new(&String::from_utf8_lossy(&content))
        })
    }

    fn is_same(one: &Self::State, other: &Self::State) -> bool {
        let content = |state: &Self::State| state.clone().map(|file| file.map(|file| file.content));
        content(one) == content(other)
    }
}

#[test]
fn three_writes_of_files_at_once_are_as_one_after_the_other() {
    race_at_one_and_two_servers::<Files>(0x9e37_79b9_7f4a_7c15);
}
