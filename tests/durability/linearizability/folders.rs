//! The model of files and folders under the two names, each folder with at most one file in it.

use std::fs;

use super::{Model, NAMES, Random, Request, race_at_one_and_two_servers};
use testkit::{Client, Server};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Post,
    MakeFolder,
    PostInside,
    AppendInside,
    Move,
    Copy,
    Delete,
}

#[derive(Debug)]
struct Write {
    method: Method,
    name: usize,
    to: usize,
    body: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Missing,
    File(String),
    /// With the content of the file `x` in it, where there is one.
    Folder(Option<String>),
}

struct Folders;

impl Model for Folders {
    type State = [Entry; 2];
    type Write = Write;

    fn prepare(client: &mut Client<'_>, random: &mut Random, last: &Self::State) -> Self::State {
        let mut state = last.clone();
        for (name, entry) in NAMES.iter().zip(&mut state) {
            let is_long = matches!(entry, Entry::Folder(Some(content)) if content.len() > 500);
            if is_long {
                assert_eq!(client.ask("DELETE", name, &[], b"").status, 200);
                *entry = Entry::Missing;
            }
            if *entry == Entry::Missing && random.below(4) > 0 {
                let reply = client.ask("POST", &format!("{name}/x"), &[], b"initial;");
                assert_eq!(reply.status, 200, "{}", reply.summary());
                *entry = Entry::Folder(Some("initial;".to_string()));
            }
        }
        state
    }

    fn write(random: &mut Random, body: String, _: &Self::State) -> Write {
        use Method::{AppendInside, Copy, Delete, MakeFolder, Move, Post, PostInside};
        let methods = [
            Post,
            MakeFolder,
            PostInside,
            AppendInside,
            Move,
            Move,
            Move,
            Copy,
            Delete,
            Delete,
        ];
        Write {
            method: random.one_of(&methods),
            name: random.below(2),
            to: random.below(2),
            body,
        }
    }

    fn request(write: &Write) -> Request {
        let (name, to) = (NAMES[write.name], NAMES[write.to]);
        let path = format!("{{\"path\": \"{to}\"}}");
        let (method, target, body) = match write.method {
            Method::Post => ("POST", name.to_string(), write.body.clone()),
            Method::MakeFolder => ("POST", format!("{name}/"), String::new()),
            Method::PostInside => ("POST", format!("{name}/x"), write.body.clone()),
            Method::AppendInside => ("PUT", format!("{name}/x"), write.body.clone()),
            Method::Move => ("PUT", format!("{name}/mv"), path),
            Method::Copy => ("PUT", format!("{name}/cp"), path),
            Method::Delete => ("DELETE", name.to_string(), String::new()),
        };
        Request {
            method,
            target,
            field: None,
            body,
        }
    }

    fn apply(write: &Write, state: &mut Self::State) -> bool {
        let (name, to) = (write.name, write.to);
        let after = match (write.method, &state[name]) {
            (Method::Post, Entry::Folder(_)) => None,
            (Method::Post, _) => Some(Entry::File(write.body.clone())),
            (Method::MakeFolder | Method::PostInside, Entry::File(_)) => None,
            (Method::MakeFolder, Entry::Missing) => Some(Entry::Folder(None)),
            (Method::MakeFolder, folder) => Some(folder.clone()),
            (Method::PostInside, _) => Some(Entry::Folder(Some(write.body.clone()))),
            (Method::AppendInside, Entry::Folder(Some(content))) => {
                Some(Entry::Folder(Some(format!("{content}{}", write.body))))
            }
            (Method::AppendInside, _) => None,
            (Method::Move | Method::Copy | Method::Delete, Entry::Missing) => None,
            (Method::Delete, _) => Some(Entry::Missing),
            (Method::Copy, Entry::Folder(_)) => None,
            (Method::Move | Method::Copy, moved) if name == to => Some(moved.clone()),
            (Method::Move | Method::Copy, moved) => {
                let fits = match (moved, &state[to]) {
                    (_, Entry::Missing) => true,
                    (Entry::File(_), there) => matches!(there, Entry::File(_)),
                    (_, there) => *there == Entry::Folder(None),
                };
                let moved = moved.clone();
                match (fits, write.method) {
                    (false, _) => None,
                    (true, Method::Move) => {
                        state[to] = moved;
                        Some(Entry::Missing)
                    }
                    (true, _) => {
                        state[to] = moved.clone();
                        Some(moved)
                    }
                }
            }
        };
        let can_be = after.is_some();
        if let Some(after) = after {
            state[name] = after;
        }
        can_be
    }

    /// A parent is made before the file is put into it, and may be seen, moved or removed in
    /// between; then another is.
    fn apply_part(write: &Write, state: &mut Self::State) -> bool {
        let makes_parent =
            write.method == Method::PostInside && state[write.name] == Entry::Missing;
        if makes_parent {
            state[write.name] = Entry::Folder(None);
        }
        makes_parent
    }

    fn read(server: &Server) -> Self::State {
        NAMES.map(|name| {
            let path = server.storage().join(name);
            match (fs::read_to_string(&path), path.is_dir()) {
                (Ok(content), _) => Entry::File(content),
                (_, false) => Entry::Missing,
                (_, true) => Entry::Folder(fs::read_to_string(path.join("x")).ok()),
            }
        })
    }

    fn is_same(one: &Self::State, other: &Self::State) -> bool {
        one == other
    }
}

#[test]
fn three_writes_of_folders_at_once_are_as_one_after_the_other() {
    race_at_one_and_two_servers::<Folders>(0xd1b5_4a32_d192_ed03);
}
