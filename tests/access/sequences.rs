//! Random rules, and random requests of several callers one after the other, on a storage that
//! changes with them: held against the rules in a few lines (`model.rs`) at each step. A run is
//! the same each time; `ACCESS_SEED` chooses another one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use testkit::random::Random;
use testkit::rules::{bearer, put};
use testkit::tarball::NO_ENTRIES;
use testkit::{Client, Server, TempDir};

use super::model::{Answer, Entry, Rules, Who, Wish, leads_through_nothing};

/// How many servers, each with rules of its own.
const SERVERS: u64 = 6;

/// How many requests each gets.
const REQUESTS: usize = 700;

const TOKENS: usize = 12;

/// The paths of rules, and beginnings of names.
const PATHS: [&str; 12] = [
    "", "a", "a/", "a/b", "a/bc", "a/b/c", "d", "d/e", "d/ee", "d/e/f", "a/link", "/d//e/",
];

const NAMES: [&str; 22] = [
    "a",
    "a/b",
    "a/bc",
    "a/b/c",
    "a/b/c/x",
    "a/b/x",
    "a/y",
    "d",
    "d/e",
    "d/ee",
    "d/e/f",
    "d/e/x",
    "d/z",
    "x",
    "a/link",
    "a/link/f",
    "a/link/new/x",
    "d/back",
    "d/back/x",
    "d/round/b/x",
    "a/to-file",
    "a/to-none",
];

const LINKS: [(&str, &str); 5] = [
    ("a/link", "../d/e"),
    ("d/back", "../a/b"),
    ("d/round", "e/../../a"),
    ("a/to-file", "./link/f"),
    ("a/to-none", "../d/none"),
];

const RIGHTS: [&str; 6] = ["read", "create", "write", "append", "delete", "observe"];

fn build(storage: &Path) {
    for name in ["a/b/c/x", "a/b/x", "a/y", "d/e/f", "d/z", "d/ee"] {
        let path = storage.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("precious {name}")).unwrap();
    }
    for (name, target) in LINKS {
        symlink(target, storage.join(name)).unwrap();
    }
}

fn chosen<T: Copy>(random: &mut Random, from: &[T]) -> T {
    let number = usize::try_from(random.number() >> 33).unwrap();
    from[number % from.len()]
}

fn rights(random: &mut Random) -> String {
    // More often few than many.
    let mut rights = vec![chosen(random, &RIGHTS)];
    while chosen(random, &[true, true, false]) {
        rights.push(chosen(random, &RIGHTS));
    }
    rights.join(",")
}

fn rules(random: &mut Random) -> Rules {
    let mut entry = |number| {
        let count = chosen(random, &[0, 1, 2, 2, 3, 4]);
        let is_everybodys = number == TOKENS;
        let allow = (0..count).map(|_| (chosen(random, &PATHS), rights(random)));
        Entry {
            name: format!("t{number}"),
            allow: allow.collect(),
            token: (!is_everybodys).then(|| format!("token-{number}")),
        }
    };
    Rules((0..=TOKENS).map(&mut entry).collect())
}

fn wish(random: &mut Random) -> (Wish<'static>, &'static str, &'static str, &'static str) {
    let name = chosen(random, &NAMES);
    let new = chosen(random, &NAMES);
    let all = [
        (Wish::Read(name), "GET", "", ""),
        (Wish::Read(name), "GET", "/info", ""),
        (Wish::Read(name), "GET", "/tar", ""),
        (Wish::Store(name), "POST", "", "x"),
        (Wish::Folder(name), "POST", "/", ""),
        (Wish::Folder(name), "POST", "/untar", NO_ENTRIES),
        (
            Wish::ReplaceFolder(name),
            "POST",
            "/untar?replace",
            NO_ENTRIES,
        ),
        (Wish::Append(name), "PUT", "", "x"),
        (Wish::AppendOrCreate(name), "PUT", "?create", "x"),
        (Wish::AppendFromStart(name), "PUT", "", "x"),
        (Wish::Delete(name), "DELETE", "", ""),
        (Wish::Copy(name, new), "PUT", "/cp", new),
        (Wish::Copy(name, new), "PUT", "/cp", new),
        (Wish::Move(name, new), "PUT", "/mv", new),
        (Wish::Move(name, new), "PUT", "/mv", new),
        (Wish::Claim(name, new), "PUT", "/claim", new),
    ];
    chosen(random, &all)
}

/// All that is stored.
fn picture(folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == ".http-nas" {
            continue;
        }
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let what = if kind.is_dir() {
            picture(&path, all);
            Vec::new()
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            target.into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        all.insert(path.to_str().unwrap().to_owned(), what);
    }
}

/// Whether something other than rights decides first: a folder that would be put into itself, a
/// link onto what it leads to, or a name through a folder that is yet to be made.
fn is_another_matter(wish: Wish<'_>, storage: &Path) -> bool {
    let (name, new) = match wish {
        Wish::Move(name, new) | Wish::Claim(name, new) => (name, new),
        Wish::Store(new) | Wish::ReplaceFolder(new) | Wish::Copy(_, new) => {
            return leads_through_nothing(storage, new);
        }
        _ => return false,
    };
    if Path::new(new).starts_with(name) || leads_through_nothing(storage, new) {
        return true;
    }
    let real = |name: &str| fs::canonicalize(storage.join(name)).ok();
    let mut ahead = Path::new(new).ancestors();
    let new = ahead.find_map(|it| real(it.to_str().unwrap()));
    match (real(name), new) {
        (Some(name), Some(new)) => new.starts_with(name),
        _ => false,
    }
}

fn run(seed: u64) -> BTreeMap<String, usize> {
    let mut random = Random::new(seed);
    let dir = Arc::new(TempDir::new());
    let storage = dir.storage();
    build(&storage);
    let rules = rules(&mut random);
    let access = put(dir.outside(), &rules.entries());
    let server = Server::on(dir, &["--access", &access], &[]);
    let mut client = Client::of(&server);
    let mut counts = BTreeMap::new();
    for number in 0..REQUESTS {
        // What has been moved and removed comes back.
        if number % 50 == 49 {
            for entry in fs::read_dir(&storage).unwrap() {
                let path = entry.unwrap().path();
                match (
                    path.ends_with(".http-nas"),
                    path.is_dir() && !path.is_symlink(),
                ) {
                    (true, _) => {}
                    (false, true) => fs::remove_dir_all(path).unwrap(),
                    (false, false) => fs::remove_file(path).unwrap(),
                }
            }
            build(&storage);
        }
        let callers: Vec<_> = (0..TOKENS)
            .map(Who::Holder)
            .chain([Who::Nobody, Who::Wrong])
            .collect();
        let who = chosen(&mut random, &callers);
        let (wish, method, suffix, body) = wish(&mut random);
        let (Wish::Read(name)
        | Wish::Store(name)
        | Wish::Folder(name)
        | Wish::ReplaceFolder(name)
        | Wish::Append(name)
        | Wish::AppendOrCreate(name)
        | Wish::AppendFromStart(name)
        | Wish::Delete(name)
        | Wish::Copy(name, _)
        | Wish::Move(name, _)
        | Wish::Claim(name, _)) = wish
        else {
            continue;
        };
        let target = format!("/file/{name}{suffix}");
        let body = match suffix {
            "/mv" | "/cp" | "/claim" => format!("{{\"path\": {body:?}}}"),
            _ => body.to_owned(),
        };
        let authorization = match who {
            Who::Holder(number) => Some(bearer(&format!("token-{number}"))),
            Who::Nobody => None,
            Who::Wrong => Some(bearer("wrong")),
        };
        let mut fields: Vec<_> = authorization
            .iter()
            .map(|it| ("Authorization", it.as_str()))
            .collect();
        if let Wish::AppendFromStart(_) = wish {
            fields.push(("Content-Range", "bytes 0-0/1"));
        }
        let expected = rules.answer(who, wish, &storage);
        let is_free = is_another_matter(wish, &storage);
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        picture(&storage, &mut before);
        let reply = client.ask(method, &target, &fields, body.as_bytes());
        picture(&storage, &mut after);
        let shown = || {
            let (text, rights) = (reply.text(), rules.of(who).collect::<Vec<_>>());
            format!(
                "seed {seed}, request {number}, {who:?}: {method} {target} {body}: {text}{rights:?}"
            )
        };
        let found = match reply.status {
            status @ (401 | 403) => Answer::Refused(status),
            404 if expected == Answer::NotThere => Answer::NotThere,
            _ => Answer::Allowed,
        };
        assert!(found == expected || is_free, "{expected:?}, {}", shown());
        if expected != Answer::Allowed {
            assert!(before == after, "it has changed something: {}", shown());
            assert!(!reply.text().contains("precious"), "{}", shown());
        }
        *counts.entry(format!("{found:?}")).or_default() += 1;
    }
    counts
}

#[test]
fn random_requests_are_answered_as_random_rules_say() {
    let first = std::env::var("ACCESS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let first = first.unwrap_or(1);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for seed in first..first + SERVERS {
        for (answer, count) in run(seed) {
            *counts.entry(answer).or_default() += count;
        }
    }
    for answer in ["Allowed", "Refused(401)", "Refused(403)"] {
        assert!(counts.contains_key(answer), "{counts:?}");
    }
}
