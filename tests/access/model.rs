//! The rules in a few lines, as docs/api.md has them ("Who may do what"): what requests are held
//! against, and where their names lead by the links that are on the disk.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use testkit::rules;

/// An entry of the access file. One without a token is everybody's.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    pub token: Option<String>,
    pub allow: Vec<(&'static str, String)>,
}

/// The access file.
#[derive(Debug, Default)]
pub struct Rules(pub Vec<Entry>);

/// What a request has as its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Wrong,
    /// The holder of the token of the entry of this number.
    Holder(usize),
}

/// What a request asks for, as far as rights are concerned.
#[derive(Clone, Copy, Debug)]
pub enum Wish<'n> {
    /// What is open to all.
    Probe,
    /// What takes any right at all.
    Welcome,
    Observe,
    Read(&'n str),
    Store(&'n str),
    Folder(&'n str),
    /// A folder, also in place of another one.
    ReplaceFolder(&'n str),
    Append(&'n str),
    AppendOrCreate(&'n str),
    /// With `Content-Range` from 0.
    AppendFromStart(&'n str),
    Delete(&'n str),
    Copy(&'n str, &'n str),
    Move(&'n str, &'n str),
    /// Of a folder, into another.
    Claim(&'n str, &'n str),
}

/// What has to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Neither 401 nor 403.
    Allowed,
    /// 404: it would create, and may not.
    NotThere,
    Refused(u16),
}

impl Rules {
    /// The content of the access file.
    pub fn entries(&self) -> Vec<String> {
        let of_entry = |entry: &Entry| {
            let allow = entry.allow.iter();
            let allow: Vec<_> = allow
                .map(|(path, rights)| (*path, rights.as_str()))
                .collect();
            match &entry.token {
                Some(token) => rules::token(&entry.name, token, &allow),
                None => rules::anonymous(&entry.name, &allow),
            }
        };
        self.0.iter().map(of_entry).collect()
    }

    /// The allowances of a caller: those of everybody, and its own.
    pub fn of(&self, who: Who) -> impl Iterator<Item = (String, &str)> {
        let counts = move |(number, entry): &(usize, &Entry)| match who {
            Who::Wrong => false,
            Who::Nobody => entry.token.is_none(),
            Who::Holder(own) => entry.token.is_none() || *number == own,
        };
        let entries = self.0.iter().enumerate().filter(counts);
        let allow = entries.flat_map(|(_, entry)| &entry.allow);
        allow.map(|(path, rights)| {
            let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
            (parts.join("/"), rights.as_str())
        })
    }

    /// Whether the caller has a right on all of these places.
    fn has(&self, who: Who, right: &str, places: &[String]) -> bool {
        let on = |place: &String| {
            self.of(who)
                .any(|(path, rights)| is_below(place, &path) && grants(rights, right))
        };
        places.iter().all(on)
    }

    /// Whether the caller may read one of these places, or something below it.
    fn may_read_in(&self, who: Who, places: &[String]) -> bool {
        let near = |place: &String| {
            self.of(who).any(|(path, rights)| {
                (is_below(place, &path) || is_below(&path, place)) && grants(rights, "read")
            })
        };
        places.iter().any(near)
    }

    /// What has to be answered, with the storage as it is.
    pub fn answer(&self, who: Who, wish: Wish<'_>, storage: &Path) -> Answer {
        let at = |name: &str| places(storage, name, Last::Followed);
        let itself = |name: &str| places(storage, name, Last::Kept);
        let has = |right, places: &[String]| self.has(who, right, places);
        let made =
            |name: &str| has("create", &folders_made(storage, name)) && has("create", &at(name));
        let found = |name: &str| fs::metadata(storage.join(name)).ok();
        let is_file = |name| found(name).is_some_and(|it| it.is_file());
        // Only like is replaced by like; another attempt is answered otherwise.
        let put = |is_folder, name| {
            let is_replaced = found(name).is_some_and(|it| it.is_dir() == is_folder);
            made(name) && (!is_replaced || has("write", &at(name)))
        };
        let is_allowed = match wish {
            Wish::Probe => true,
            _ if who == Who::Wrong => false,
            Wish::Welcome => self.of(who).next().is_some(),
            Wish::Observe => self.of(who).any(|(_, rights)| grants(rights, "observe")),
            Wish::Read(name) => has("read", &at(name)),
            Wish::Store(name) => put(false, name),
            Wish::Folder(name) => made(name),
            Wish::ReplaceFolder(name) => put(true, name),
            Wish::Append(name) | Wish::AppendFromStart(name) => has("append", &at(name)),
            Wish::AppendOrCreate(name) => has("append", &at(name)) && made(name),
            Wish::Delete(name) => has("delete", &itself(name)),
            // The new name is looked at once there is something that can have it.
            Wish::Copy(name, new) => has("read", &at(name)) && (!is_file(name) || put(false, new)),
            Wish::Move(name, new) => {
                let source = fs::symlink_metadata(storage.join(name)).ok();
                let may_show = || has("read", &itself(name)) || !self.may_read_in(who, &at(new));
                has("delete", &itself(name))
                    && source.is_none_or(|it| put(it.is_dir(), new) && may_show())
            }
            Wish::Claim(folder, new) => {
                let first = first_file(&storage.join(folder));
                let into = first.map(|name| format!("{new}/{name}"));
                let goes = || has("create", &[new.to_owned()]) && into.is_none_or(|to| made(&to));
                ["read", "delete"]
                    .iter()
                    .all(|right| has(right, &at(folder)))
                    && (found(folder).is_none_or(|it| !it.is_dir()) || goes())
            }
        };
        match (is_allowed, wish, who) {
            (true, Wish::AppendFromStart(name), _) => {
                let creates = !storage.join(name).exists();
                match creates && !made(name) {
                    true => Answer::NotThere,
                    false => Answer::Allowed,
                }
            }
            (true, ..) => Answer::Allowed,
            (false, _, Who::Nobody | Who::Wrong) => Answer::Refused(401),
            (false, _, Who::Holder(_)) => Answer::Refused(403),
        }
    }
}

/// The first file in a folder, by name.
fn first_file(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_file()));
    files
        .filter_map(|file| file.file_name().into_string().ok())
        .min()
}

/// Whether a list of rights has one, or one that includes it.
fn grants(rights: &str, right: &str) -> bool {
    let mut words = rights.split(',');
    words.any(|word| word == right || word == "write" && right == "create")
}

/// Whether a name is a path or below it, by whole components.
fn is_below(name: &str, path: &str) -> bool {
    path.is_empty()
        || name
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Followed,
    Kept,
}

/// The name, and what each link on its way leads to.
fn places(storage: &Path, name: &str, last: Last) -> Vec<String> {
    let mut places = vec![name.to_owned()];
    walk(storage, name, last, &mut |visited| {
        if let Some(ahead) = visited.ahead {
            let mut place = visited.at.to_vec();
            ahead.iter().for_each(|part| step(&mut place, part));
            places.push(place.join("/"));
        }
    });
    places
}

/// Whether a link on the way leads through a folder that is yet to be made, and back: what the name
/// leads to is found only once that is made.
pub fn leads_through_nothing(storage: &Path, name: &str) -> bool {
    let places = places(storage, name, Last::Followed);
    let is_there = |place: &String| storage.join(place).symlink_metadata().is_ok();
    !storage.join(name).exists() && places.last().is_some_and(is_there)
}

/// The folders that would be made for a name, once a link on its way has been followed.
fn folders_made(storage: &Path, name: &str) -> Vec<String> {
    let mut made = Vec::new();
    let mut has_followed = false;
    walk(storage, name, Last::Followed, &mut |visited| {
        has_followed |= visited.ahead.is_some();
        let at = visited.at.join("/");
        if has_followed && visited.ahead.is_none() && !storage.join(&at).exists() {
            made.push(at);
        }
    });
    made
}

/// A step on the way of a name.
struct Step<'w> {
    at: &'w [String],
    /// What is ahead, where a link has been followed from there.
    ahead: Option<&'w VecDeque<String>>,
}

/// Visits each step on the way of a name.
fn walk(storage: &Path, name: &str, last: Last, visit: &mut dyn FnMut(Step<'_>)) {
    let mut ahead: VecDeque<String> = name.split('/').map(str::to_owned).collect();
    let mut at = Vec::new();
    let mut links = 0;
    while let Some(part) = ahead.pop_front() {
        step(&mut at, &part);
        let is_kept = ahead.is_empty() && last == Last::Kept;
        match fs::read_link(storage.join(at.join("/"))) {
            Ok(target) if !is_kept && links < 40 => {
                links += 1;
                at.pop();
                let target = target.to_str().expect("links in tests are in UTF-8");
                for part in target.split('/').rev() {
                    ahead.push_front(part.to_owned());
                }
                visit(Step {
                    at: &at,
                    ahead: Some(&ahead),
                });
            }
            _ => visit(Step {
                at: &at,
                ahead: None,
            }),
        }
    }
}

fn step(at: &mut Vec<String>, part: &str) {
    match part {
        "" | "." => {}
        ".." => drop(at.pop()),
        part => at.push(part.to_owned()),
    }
}
