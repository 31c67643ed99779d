//! Lists of all levels: `?recursive` and `?glob=PATTERN`, in each format.

use std::os::unix::fs::symlink;

use testkit::json::{self, Json};
use testkit::random::Random;
use testkit::{Server, visible};

fn list(server: &Server, target: &str, accept: &str) -> String {
    let reply = server.request("GET", target, &[("Accept", accept)], b"");
    assert_eq!(reply.status, 200, "{target}: {}", reply.summary());
    reply.text()
}

/// The lines of a list as text.
fn names(server: &Server, target: &str) -> Vec<String> {
    let text = list(server, target, "*/*");
    text.lines().map(str::to_owned).collect()
}

fn server() -> Server {
    let server = Server::start();
    for name in [
        "run/a.csv",
        "run/b.txt",
        "run/sub/c.csv",
        "run/sub/deep/d.csv",
        "run/sub.csv/e",
        "run/.hidden/f.csv",
        "other/g.csv",
    ] {
        server.place(name, b"12345");
    }
    std::fs::create_dir(server.storage().join("run/empty")).unwrap();
    symlink("sub", server.storage().join("run/link")).unwrap();
    server
}

#[test]
fn a_recursive_list_has_all_levels_in_order() {
    let server = server();
    let expected = [
        ".hidden",
        ".hidden/f.csv",
        "a.csv",
        "b.txt",
        "empty",
        "link",
        "sub",
        "sub/c.csv",
        "sub/deep",
        "sub/deep/d.csv",
        "sub.csv",
        "sub.csv/e",
    ];
    assert_eq!(names(&server, "run?recursive"), expected);
    // A link is one entry: what it leads to is not listed again.
    assert_eq!(
        names(&server, "run/link?recursive"),
        ["c.csv", "deep", "deep/d.csv"]
    );
    let objects = json::parse(&list(&server, "run?recursive", "application/json"));
    let name = |object: &Json| object.get("name").text().to_owned();
    let found: Vec<String> = objects.items().iter().map(name).collect();
    assert_eq!(found, expected);
    let kinds: Vec<String> = objects
        .items()
        .iter()
        .map(|it| it.get("type").text().to_owned())
        .collect();
    assert_eq!(
        kinds[..6],
        ["directory", "file", "file", "file", "directory", "symlink"]
    );
    let lines = list(&server, "run?recursive", "application/x-ndjson");
    let found: Vec<String> = lines.lines().map(|line| name(&json::parse(line))).collect();
    assert_eq!(found, expected);
    assert!(lines.ends_with("}\n"), "{lines}");
    // There are no pages of all levels.
    let page = server.request("GET", "run/?recursive", &[("Accept", "text/html")], b"");
    assert_eq!(
        page.header("Content-Type"),
        Some("text/plain; charset=utf-8")
    );
}

#[test]
fn an_empty_list_is_one_in_each_format() {
    let server = server();
    for (accept, expected) in [
        ("*/*", ""),
        ("application/json", "[]\n"),
        ("application/x-ndjson", ""),
    ] {
        for target in ["run/empty", "run/empty?recursive", "run?glob=*.none"] {
            assert_eq!(list(&server, target, accept), expected, "{target} {accept}");
        }
    }
    let one = list(&server, "other", "application/x-ndjson");
    assert_eq!(json::parse(one.trim_end()).get("name").text(), "g.csv");
}

#[test]
fn a_glob_selects_by_path() {
    let server = server();
    for (pattern, expected) in [
        (
            "*",
            vec![
                ".hidden", "a.csv", "b.txt", "empty", "link", "sub", "sub.csv",
            ],
        ),
        ("*.csv", vec!["a.csv", "sub.csv"]),
        (
            "**/*.csv",
            vec![
                ".hidden/f.csv",
                "a.csv",
                "sub/c.csv",
                "sub/deep/d.csv",
                "sub.csv",
            ],
        ),
        (
            "sub/**",
            vec!["sub", "sub/c.csv", "sub/deep", "sub/deep/d.csv"],
        ),
        ("sub/*/*", vec!["sub/deep/d.csv"]),
        ("[ab].*", vec!["a.csv", "b.txt"]),
        ("?.txt", vec!["b.txt"]),
        ("%2A%2A%2Fd.csv", vec!["sub/deep/d.csv"]),
        ("link/*", vec![]),
        ("nothing/**", vec![]),
    ] {
        assert_eq!(
            names(&server, &format!("run?glob={pattern}")),
            expected,
            "{pattern}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = server();
    for query in [
        "recursive=1",
        "recursive&recursive",
        "glob",
        "glob=",
        "glob=/a",
        "glob=a/../b",
        "glob=[",
        "glob=*&recursive",
        "recursive&tail=1",
        "glob=*&shard=1/2",
        "recursiv",
    ] {
        let reply = server.get(&format!("run?{query}"));
        assert_eq!(reply.status, 400, "{query}: {}", reply.summary());
    }
    for query in ["recursive", "glob=*"] {
        assert_eq!(
            server.get(&format!("run/a.csv?{query}")).status,
            409,
            "{query}"
        );
        assert_eq!(server.get(&format!("none?{query}")).status, 404, "{query}");
    }
    let long = "x".repeat(1_025);
    assert_eq!(server.get(&format!("run?glob={long}")).status, 400);
}

// The server's own folder is not listed, nor are its own files found.
#[test]
fn the_storage_folder_is_listed_without_what_is_hidden() {
    let server = server();
    let found = names(&server, "%2F?recursive");
    assert!(
        found.iter().all(|name| !name.contains(".http-nas")),
        "{found:?}"
    );
    assert!(names(&server, "%2F?glob=.http-nas/**").is_empty());
    assert_eq!(found.len(), visible(&server.storage()).len());
}

#[test]
fn a_random_tree_is_listed_whole() {
    let server = Server::start();
    let mut random = Random::new(3);
    for _ in 0..300 {
        let depth = 1 + random.number() % 5;
        let path: Vec<String> = (0..depth)
            .map(|_| format!("{}", random.number() % 6))
            .collect();
        let path = server.storage().join(path.join("/"));
        let _ = std::fs::create_dir_all(path.parent().unwrap());
        let _ = std::fs::write(path, b"x");
    }
    let mut found = names(&server, "%2F?recursive");
    found.sort();
    let mut expected: Vec<String> = visible(&server.storage())
        .iter()
        .map(|entry| {
            entry
                .trim_end_matches(" 1")
                .trim_end_matches('/')
                .to_owned()
        })
        .collect();
    expected.sort();
    assert_eq!(found, expected);
    let matching = |suffix: &str| {
        expected
            .iter()
            .filter(|name| name.ends_with(suffix))
            .count()
    };
    assert_eq!(names(&server, "%2F?glob=**/3").len(), matching("3"));
}

// Memory does not grow with the number of names, in however many folders they are.
#[test]
fn a_list_of_many_names_takes_little_memory() {
    const FOLDERS: usize = 100;
    const FILES: usize = 300;
    let server = Server::start();
    for folder in 0..FOLDERS {
        let path = server.storage().join(format!("{folder:03}"));
        std::fs::create_dir(&path).unwrap();
        for file in 0..FILES {
            let name = format!("{file:04}-{}", "n".repeat(180));
            std::fs::write(path.join(name), b"").unwrap();
        }
    }
    let _ = server.get("%2F?glob=x");
    let before = server.proc_status("VmRSS");
    let list = server.get("%2F?recursive");
    assert_eq!(list.text().lines().count(), FOLDERS * (FILES + 1));
    assert!(list.body.len() > 5 << 20);
    let grown = server.proc_status("VmHWM").saturating_sub(before);
    assert!(grown < 3 << 10, "{grown} KiB more");
}
