//! Each request of docs/api.md × sets of rights × places × whether something is there × how the
//! token comes, held against the rules in a few lines (`model.rs`). A refusal changes nothing,
//! tells nothing of what is stored, and is the same whether there is something or not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use testkit::rules::{basic, bearer, put};
use testkit::tarball::NO_ENTRIES;
use testkit::{Client, Reply, Server, TempDir};

use super::model::{Answer, Entry, Rules, Who, Wish};
use super::places::{CHIEF_PLACES, CONTENT, PLACES, Picture, build, picture};
use crate::ops::log_fields::table;

/// A request on a name, and the row of docs/api.md that it is of.
struct Request {
    row: &'static str,
    method: &'static str,
    suffix: &'static str,
    body: &'static str,
    wish: fn(&'static str) -> Wish<'static>,
}

const fn request(
    row: &'static str,
    method: &'static str,
    suffix: &'static str,
    wish: fn(&'static str) -> Wish<'static>,
) -> Request {
    Request {
        row,
        method,
        suffix,
        body: "",
        wish,
    }
}

const fn write(
    row: &'static str,
    method: &'static str,
    suffix: &'static str,
    wish: fn(&'static str) -> Wish<'static>,
) -> Request {
    Request {
        body: "x",
        ..request(row, method, suffix, wish)
    }
}

/// Those on one name. The ones of `mv`, `cp` and `claim` are on two.
const ON_NAMES: [Request; 22] = [
    write("POST /file/NAME", "POST", "", Wish::Store),
    write("PUT /file/NAME", "PUT", "", Wish::Append),
    write("PUT /file/NAME", "PUT", "", Wish::AppendFromStart),
    write(
        "PUT /file/NAME?create",
        "PUT",
        "?create",
        Wish::AppendOrCreate,
    ),
    request("POST /file/NAME/", "POST", "/", Wish::Folder),
    Request {
        body: NO_ENTRIES,
        ..request("POST /file/FOLDER/untar", "POST", "/untar", Wish::Folder)
    },
    Request {
        body: NO_ENTRIES,
        ..request(
            "POST /file/FOLDER/untar",
            "POST",
            "/untar?replace",
            Wish::ReplaceFolder,
        )
    },
    request("DELETE /file/NAME", "DELETE", "", Wish::Delete),
    request("GET /file/NAME", "GET", "", Wish::Read),
    request("HEAD", "HEAD", "", Wish::Read),
    request("GET /file/NAME?shard=K/N", "GET", "?shard=1/2", Wish::Read),
    request("GET /file/NAME?head=N", "GET", "?head=1", Wish::Read),
    request("GET /file/NAME?head=N", "GET", "?tail=1", Wish::Read),
    request("GET /file/NAME?recursive", "GET", "?recursive", Wish::Read),
    request("GET /file/NAME?recursive", "GET", "?glob=**", Wish::Read),
    request("GET /file/NAME?wait=60s", "GET", "?wait=0", Wish::Read),
    request("GET /file/NAME/wc", "GET", "/wc", Wish::Read),
    request("GET /file/NAME/sha256", "GET", "/sha256", Wish::Read),
    request("GET /file/NAME/info", "GET", "/info", Wish::Read),
    request("HEAD", "HEAD", "/info", Wish::Read),
    request("GET /file/NAME/tar", "GET", "/tar", Wish::Read),
    request("HEAD", "HEAD", "/tar", Wish::Read),
];

/// Those on no name, and their rows.
const ON_NOTHING: [(&str, &str, Wish<'static>); 9] = [
    ("GET /file", "/file", Wish::Probe),
    ("GET /file", "/file/", Wish::Probe),
    ("GET /healthz", "/healthz", Wish::Probe),
    ("GET /readyz", "/readyz", Wish::Probe),
    ("GET /metrics", "/metrics", Wish::Observe),
    ("GET /transfers", "/transfers", Wish::Observe),
    ("GET /", "/", Wish::Welcome),
    ("GET /file/NAME", "/file/%2F", Wish::Read("")),
    ("GET /file/NAME/tar", "/file/%2E/tar", Wish::Read("")),
];

/// The sets of rights, of which each token has one.
const RIGHTS: [&str; 6] = ["read", "create", "write", "append", "delete", "observe"];

fn rights_of(set: usize) -> String {
    let chosen = RIGHTS.iter().enumerate();
    let chosen = chosen.filter(|(number, _)| set >> number & 1 == 1);
    chosen
        .map(|(_, right)| *right)
        .collect::<Vec<_>>()
        .join(",")
}

/// None of them, each by itself, all, all but one, and the pairs and threes that some request
/// takes.
fn chief_sets() -> BTreeSet<usize> {
    let mut sets = BTreeSet::from([0, 63]);
    for right in 0..RIGHTS.len() {
        sets.extend([1 << right, 63 & !(1 << right)]);
    }
    let (read, create, write, append, delete) = (1, 2, 4, 8, 16);
    sets.extend([read | create, read | write, append | create, append | write]);
    sets.extend([delete | create, delete | write, delete | create | read]);
    sets
}

/// A token for each set of rights, on two paths; the last entry is everybody's.
fn rules() -> Rules {
    let holder = |set| {
        let rights = rights_of(set);
        let paths = ["a/in/", "/a/none"].into_iter().filter(|_| set > 0);
        Entry {
            name: format!("holder-{set}"),
            token: Some(token_of(set)),
            allow: paths.map(|path| (path, rights.clone())).collect(),
        }
    };
    let mut entries: Vec<_> = (0..64).map(holder).collect();
    entries.push(Entry {
        name: "everybody".to_owned(),
        token: None,
        allow: vec![("public", "read,create".to_owned())],
    });
    Rules(entries)
}

/// The server, and what is known of it.
struct Table<'s> {
    server: &'s Server,
    client: Client<'s>,
    rules: Rules,
    built: Picture,
    counts: BTreeMap<String, usize>,
}

impl<'s> Table<'s> {
    fn of(server: &'s Server, rules: Rules) -> Self {
        let mut built = Picture::new();
        picture(&server.storage(), &mut built);
        Self {
            server,
            client: Client::of(server),
            rules,
            built,
            counts: BTreeMap::new(),
        }
    }

    /// Asks, and holds what comes against the rules and the disk.
    fn ask(
        &mut self,
        (who, authorization): (Who, Option<&str>),
        (method, target, body): (&str, &str, &str),
        wish: Wish<'static>,
    ) -> Reply {
        let storage = self.server.storage();
        let expected = self.rules.answer(who, wish, &storage);
        let mut fields: Vec<_> = authorization
            .iter()
            .map(|it| ("Authorization", *it))
            .collect();
        if let Wish::AppendFromStart(_) = wish {
            fields.push(("Content-Range", "bytes 0-0/1"));
        }
        let reply = self.client.ask(method, target, &fields, body.as_bytes());
        let asked = || format!("{who:?} {authorization:?}: {method} {target} {body} {wish:?}");
        let found = match reply.status {
            status @ (401 | 403) => Answer::Refused(status),
            404 if expected == Answer::NotThere => Answer::NotThere,
            _ => Answer::Allowed,
        };
        assert_eq!(found, expected, "{}: {}", asked(), reply.text());
        *self.counts.entry(format!("{expected:?}")).or_default() += 1;
        if expected != Answer::Allowed {
            assert!(!reply.text().contains(CONTENT), "{}", asked());
            let challenges = reply.values("WWW-Authenticate").len();
            assert_eq!(
                challenges,
                2 * usize::from(reply.status == 401),
                "{}",
                asked()
            );
        }
        if !matches!(method, "GET" | "HEAD") {
            self.compare(expected == Answer::Allowed, &asked);
        }
        reply
    }

    /// Holds the storage against what it was, and makes it so again where it may have changed.
    fn compare(&mut self, may_change: bool, asked: &dyn Fn() -> String) {
        let storage = self.server.storage();
        let mut found = Picture::new();
        picture(&storage, &mut found);
        if found == self.built {
            return;
        }
        assert!(may_change, "{} has changed: {found:?}", asked());
        for entry in fs::read_dir(&storage).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".http-nas") {
                continue;
            }
            match path.is_dir() {
                true => fs::remove_dir_all(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            }
        }
        build(&storage);
        self.built.clear();
        picture(&storage, &mut self.built);
    }

    /// Fails where an answer was hardly ever given: then the table is not the one that is meant.
    fn assert_tried(&self, least: usize) {
        let total: usize = self.counts.values().sum();
        assert!(total >= least, "{:?}", self.counts);
        for answer in ["Allowed", "Refused(401)", "Refused(403)"] {
            let count = self.counts.get(answer).copied().unwrap_or(0);
            assert!(count * 50 >= total, "{answer}: {:?}", self.counts);
        }
    }

    /// Asks for both names of a pair; their refusals must be the same.
    fn ask_both(
        &mut self,
        who: (Who, Option<&str>),
        (method, names): (&str, [&'static str; 2]),
        request: &dyn Fn(&str) -> (String, String),
        wish: &dyn Fn(&'static str) -> Wish<'static>,
    ) {
        let shown = names.map(|name| {
            let (target, body) = request(name);
            let reply = self.ask(who, (method, &target, &body), wish(name));
            let quoted = names.map(|name| format!("\"{name}"));
            let text = quoted
                .iter()
                .fold(reply.text(), |text, name| text.replace(name, "NAME"));
            let fields = reply.headers.iter().filter(|(field, _)| {
                // The length is that of a text with the name in it.
                !matches!(field.as_str(), "Date" | "X-Request-Id" | "Content-Length")
            });
            (reply.status, fields.cloned().collect::<Vec<_>>(), text)
        });
        let [there, gone] = &shown;
        if [there, gone].iter().all(|it| matches!(it.0, 401 | 403)) {
            assert_eq!(there, gone, "{who:?} {method} {names:?}");
        }
    }
}

fn server() -> (Server, Rules) {
    let dir = Arc::new(TempDir::new());
    build(&dir.storage());
    let rules = rules();
    let access = put(dir.outside(), &rules.entries());
    (Server::on(dir, &["--access", &access], &[]), rules)
}

fn token_of(set: usize) -> String {
    format!("token-{set}")
}

/// How the holder of a token sends it: by itself, or as a password.
fn authorization(set: usize, is_password: bool) -> String {
    let token = token_of(set);
    match is_password {
        true => basic(&format!("holder-{set}"), &token),
        false => bearer(&token),
    }
}

#[test]
fn each_request_on_a_name_takes_the_rights_that_are_said() {
    let (server, rules) = server();
    let mut table = Table::of(&server, rules);
    let chief = chief_sets();
    for (number, (there, gone)) in PLACES.iter().enumerate() {
        for request in &ON_NAMES {
            let asked = |name: &str| {
                let target = format!("/file/{name}{}", request.suffix);
                (target, request.body.to_owned())
            };
            let sets = match (CHIEF_PLACES.contains(&number), (request.wish)("")) {
                (true, _) => (0..64).collect(),
                (false, Wish::Read(_)) => BTreeSet::from([0, 1, 2, 4, 8, 16, 32, 62, 63]),
                (false, _) => chief.clone(),
            };
            let holders = sets.into_iter().map(|set| {
                let authorization = authorization(set, number % 2 == 1);
                (Who::Holder(set), Some(authorization))
            });
            let others = [(Who::Nobody, None), (Who::Wrong, Some(bearer("wrong")))];
            for (who, authorization) in holders.chain(others) {
                let who = (who, authorization.as_deref());
                table.ask_both(who, (request.method, [there, gone]), &asked, &request.wish);
            }
        }
    }
    table.assert_tried(5_000);
}

/// What is moved and copied, and whose files are claimed.
const SOURCES: [&str; 7] = [
    "a/in/there",
    "a/in/gone",
    "a/in/folder",
    "a/in/far/there",
    "a/in/far-there",
    "out/there",
    "public/there",
];

/// Where to.
const NEW_PLACES: [usize; 12] = [0, 1, 3, 4, 5, 7, 9, 10, 11, 13, 14, 16];

#[test]
fn mv_cp_and_claim_take_the_rights_on_both_names() {
    let (server, rules) = server();
    let mut table = Table::of(&server, rules);
    for (number, source) in SOURCES.iter().enumerate() {
        let wishes: [(&str, &dyn Fn(&'static str) -> Wish<'static>); 3] = [
            ("cp", &|new| Wish::Copy(source, new)),
            ("claim", &|new| Wish::Claim(source, new)),
            ("mv", &|new| Wish::Move(source, new)),
        ];
        for (action, wish) in wishes {
            let asked = |new: &str| {
                let body = format!("{{\"path\": \"{new}\"}}");
                (format!("/file/{source}/{action}"), body)
            };
            for (there, gone) in NEW_PLACES.map(|number| PLACES[number]) {
                // Into itself is another matter.
                let is_inside = |name: &str| name.starts_with(source) || name.contains("near/");
                if *source == "a/in/folder" && (is_inside(there) || is_inside(gone)) {
                    continue;
                }
                let sets = chief_sets().into_iter();
                let holders = sets.map(|set| {
                    let is_password = (number + set) % 2 == 0;
                    (Who::Holder(set), Some(authorization(set, is_password)))
                });
                for (who, authorization) in holders.chain([(Who::Nobody, None)]) {
                    let who = (who, authorization.as_deref());
                    table.ask_both(who, ("PUT", [there, gone]), &asked, wish);
                }
            }
        }
    }
    table.assert_tried(2_000);
}

#[test]
fn credentials_come_in_two_forms_and_wrong_ones_have_no_rights() {
    let (server, rules) = server();
    let mut table = Table::of(&server, rules);
    let wrong = [
        bearer("wrong"),
        bearer(""),
        bearer("token-6"),
        basic("holder-63", "token-1"),
        basic("holder-1", "token-63"),
        basic("everybody", "token-63"),
        basic("everybody", ""),
        basic("", "token-63"),
        basic("holder-63", ""),
        "token-63".to_owned(),
        "Digest username=\"holder-63\"".to_owned(),
        String::new(),
    ];
    let wrong = wrong.map(|value| (Who::Wrong, Some(value)));
    let sets = [0, 1, 32, 63];
    let right =
        sets.map(|set| [true, false].map(|it| (Who::Holder(set), Some(authorization(set, it)))));
    let callers = wrong.into_iter().chain(right.into_iter().flatten());
    for (who, authorization) in callers.chain([(Who::Nobody, None)]) {
        // The token 6 exists where a set has that number.
        let who = match authorization.as_deref() {
            Some("Bearer token-6") => Who::Holder(6),
            _ => who,
        };
        let who = (who, authorization.as_deref());
        for (_, target, wish) in ON_NOTHING {
            for method in ["GET", "HEAD"] {
                table.ask(who, (method, target, ""), wish);
            }
        }
        for (there, gone) in [PLACES[0], PLACES[5], PLACES[16]] {
            for request in &ON_NAMES {
                let asked = |name: &str| {
                    let target = format!("/file/{name}{}", request.suffix);
                    (target, request.body.to_owned())
                };
                table.ask_both(who, (request.method, [there, gone]), &asked, &request.wish);
            }
        }
    }
    table.assert_tried(500);
}

// A row that is new in docs/api.md is tried here, too.
#[test]
fn every_request_of_the_page_is_tried() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");
    let page = fs::read_to_string(path).expect("the page is there");
    let on_names = ON_NAMES.iter().map(|request| request.row);
    let on_nothing = ON_NOTHING.iter().map(|(row, ..)| *row);
    let on_two = [
        "PUT /file/NAME/mv",
        "PUT /file/NAME/cp",
        "PUT /file/FOLDER/claim",
    ];
    let tried: BTreeSet<_> = on_names.chain(on_nothing).chain(on_two).collect();
    for row in table(&page, "request") {
        let request = row[0].split('`').nth(1).expect("a request");
        assert!(tried.contains(request), "{request} is not tried");
    }
}
