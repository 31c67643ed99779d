//! `http-nas token`: what it prints, that a server takes it, and each mistake.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use testkit::digest::sha256_hex;
use testkit::rules::{basic, bearer};
use testkit::server::{self, Exit};
use testkit::{Server, TempDir, skip};

fn run(args: &[&str]) -> Exit {
    server::run(&[&["token"][..], args].concat(), &[])
}

/// A token and its entry.
fn make(args: &[&str]) -> (String, String) {
    let exit = run(args);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    let line = |text: &str| {
        let line = text.strip_suffix('\n').unwrap_or_default();
        assert!(!line.is_empty() && !line.contains('\n'), "{exit:?}");
        line.to_owned()
    };
    (line(&exit.stdout), line(&exit.stderr))
}

fn is_token(text: &str) -> bool {
    let random = text.strip_prefix("httpnas_").unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    random.len() == 43 && random.bytes().all(is_plain)
}

/// A server whose access file has these entries, as they were printed.
fn server(entries: &[&str]) -> Server {
    let dir = Arc::new(TempDir::new());
    let access = dir.outside().join("access.json");
    let content = format!("{{\"tokens\": [{}]}}", entries.join(",\n"));
    fs::write(&access, content).expect("written");
    let access = access.to_str().expect("UTF-8").to_owned();
    Server::on(dir, &["--access", &access], &[])
}

#[test]
fn a_token_is_printed_and_its_entry_lets_it_in() {
    let (loader, first) = make(&["loader", "read,create:runs/", "read:public"]);
    let (metrics, second) = make(&["metrics", "observe:"]);
    assert!(
        is_token(&loader) && is_token(&metrics),
        "{loader} {metrics}"
    );
    let server = server(&[&first, &second]);
    let status = |method: &str, target: &str, value: &str| {
        let fields = [("Authorization", value)];
        server.request(method, target, &fields, b"x").status
    };
    for (name, value) in [("f", bearer(&loader)), ("g", basic("loader", &loader))] {
        let name = format!("runs/{name}");
        assert_eq!(status("POST", &name, &value), 200);
        assert_eq!(status("GET", &name, &value), 200);
        assert_eq!(status("DELETE", &name, &value), 403);
        assert_eq!(status("GET", "public/f", &value), 404);
        assert_eq!(status("GET", "/metrics", &value), 403);
    }
    assert_eq!(status("GET", "runs/f", &basic("metrics", &loader)), 401);
    assert_eq!(status("GET", "/metrics", &bearer(&metrics)), 200);
    assert_eq!(status("GET", "runs/f", &bearer(&metrics)), 403);
    assert_eq!(server.get("runs/f").status, 401);
}

#[test]
fn each_token_is_another_one_and_its_entry_holds_its_digest_alone() {
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let (token, entry) = make(&["loader", "write:/"]);
        let digest = sha256_hex(token.as_bytes());
        let expected = format!(
            r#"{{"name": "loader", "sha256": ["{digest}"], "allow": [{{"path": "/", "rights": ["write"]}}]}}"#
        );
        assert_eq!(entry, expected);
        assert!(seen.insert(token));
    }
}

#[test]
fn a_path_is_taken_as_it_is() {
    let paths = [
        "a \"b\"\\c",
        "a:b:c",
        "100%/%2F",
        "\u{e9}\u{1f600}/'$x`",
        "-a",
    ];
    let grants = paths.map(|path| format!("create:{path}"));
    let mut args = vec!["loader"];
    args.extend(grants.iter().map(String::as_str));
    let (token, entry) = make(&args);
    let server = server(&[&entry]);
    let value = bearer(&token);
    for path in paths {
        let encoded: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for (target, expected) in [(format!("{encoded}%2Fnew"), 200), (encoded + "x", 403)] {
            let fields = [("Authorization", value.as_str())];
            let reply = server.request("POST", &target, &fields, b"x");
            assert_eq!(reply.status, expected, "{path} {}", reply.text());
        }
    }
}

#[test]
fn each_mistake_is_one_line_that_says_what_to_do() {
    for (args, says) in [
        (&[][..], "token needs a name and rights"),
        (&["loader"], "say what \"loader\" may do: RIGHTS:PATH"),
        (&["read:runs/"], "the name of the token is missing"),
        (
            &["load er", "read:a"],
            "a name has 1 to 64 letters and digits",
        ),
        (&["loader", "read"], "has no path: write RIGHTS:PATH"),
        (&["loader", ":runs"], "there are no rights before the colon"),
        (&["loader", "raed:runs"], "there are read, create, write"),
        (&["loader", "runs:read"], "the rights come first"),
        (&["loader", "read:a/../b"], "the name holds \"..\""),
        (&["loader", "read:a\nb"], "holds a control character"),
        (&["loader", "read:a", "write:a/"], "\"a\" is there twice"),
        (&["loader", "read:a", "--access", "f"], "no flag --access"),
        (&["loader", "read:a", "--port=1"], "no flag --port"),
    ] {
        let exit = run(args);
        assert_eq!((exit.code, exit.stdout.as_str()), (Some(2), ""), "{exit:?}");
        assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
        assert!(exit.stderr.contains(says), "{says}: {exit:?}");
        assert!(exit.stderr.contains("http-nas token --help"), "{exit:?}");
    }
    let longest = "a".repeat(64);
    make(&[&longest, "read:a"]);
    assert_eq!(run(&[&(longest + "a"), "read:a"]).code, Some(2));
}

#[test]
fn its_help_says_all_rights() {
    for args in [&["--help"][..], &["loader", "read:a", "-h"]] {
        let exit = run(args);
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit:?}");
        for right in ["read", "create", "write", "append", "delete", "observe"] {
            assert!(
                exit.stdout.contains(&format!("\n        {right} ")),
                "{exit:?}"
            );
        }
    }
    let general = server::run(&["--help"], &[]).stdout;
    assert!(
        general.contains("http-nas token NAME RIGHTS:PATH..."),
        "{general}"
    );
}

/// What the server could not start with is not its matter.
#[test]
fn no_variable_counts() {
    let envs = [("PORT", "many"), ("RUST_LOG", "="), ("ACCESS", "/none")];
    let exit = server::run(&["token", "a", "read:a"], &envs);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert!(is_token(exit.stdout.trim_end()), "{exit:?}");
}

/// A token that was not printed is of no use, and neither is its entry.
#[test]
fn a_token_that_cannot_be_written_has_no_entry() {
    let full = fs::File::options().write(true).open("/dev/full");
    let output = server::command()
        .args(["token", "a", "read:a"])
        .stdout(full.expect("it is there"))
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let start = "http-nas: cannot write the token to standard output: No space left";
    assert!(
        said.starts_with(start) && said.lines().count() == 1,
        "{said}"
    );
}

/// The command on a terminal of script(1), with this behind it in the line of a shell.
fn on_terminal(behind: &str, folder: &Path) -> Vec<String> {
    let binary = server::binary();
    let line = format!("'{}' token loader read:a {behind}", binary.display());
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("script(1) runs");
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8_lossy(&output.stdout);
    shown.lines().map(str::to_owned).collect()
}

#[test]
fn on_a_terminal_it_says_which_line_is_which() {
    if Command::new("script").arg("--version").output().is_err() {
        skip("there is no script(1)");
        return;
    }
    let dir = TempDir::new();
    let both = on_terminal("", dir.outside());
    let [about_token, token, about_entry, entry] = both.as_slice() else {
        panic!("{both:?}");
    };
    assert!(about_token.starts_with("The token"), "{both:?}");
    assert!(is_token(token), "{both:?}");
    assert!(about_entry.starts_with("Its entry"), "{both:?}");
    assert!(entry.starts_with("{\"name\": \"loader\""), "{both:?}");

    // What goes into a file goes there alone.
    assert_eq!(on_terminal(">token", dir.outside()).len(), 2);
    let token = fs::read_to_string(dir.outside().join("token")).expect("written");
    assert!(is_token(token.trim_end()), "{token}");
    assert_eq!(on_terminal("2>entry", dir.outside()).len(), 1);
    let entry = fs::read_to_string(dir.outside().join("entry")).expect("written");
    assert_eq!(entry.lines().count(), 1, "{entry}");
    server(&[&entry]);
}

/// Whoever puts the token where its digest belongs, or in place of the whole file, is told so, and
/// the token is not repeated.
#[test]
fn a_token_in_the_access_file_is_told_from_its_digest() {
    let (token, entry) = make(&["loader", "read:a"]);
    let digest = sha256_hex(token.as_bytes());
    let dir = TempDir::new();
    let path = dir.outside().join("access.json");
    let path = path.to_str().expect("UTF-8");
    let swapped = entry.replace(&digest, &token);
    let member = entry.replace("\"name\"", &format!("\"token\": \"{token}\", \"name\""));
    for (content, says) in [
        (format!("{{\"tokens\": [{swapped}]}}"), "it is a token"),
        (
            format!("{{\"tokens\": [{member}]}}"),
            "\"token\" is not a member",
        ),
        (format!("{token}\n"), "it is not JSON"),
        (format!("{token}\n{entry}\n"), "it is not JSON"),
    ] {
        fs::write(path, content).expect("written");
        let exit = server::run(&["--port", "0", "--access", path], &[]);
        assert_eq!(exit.code, Some(1), "{exit:?}");
        assert!(exit.stderr.contains(says), "{says}: {exit:?}");
        assert!(!exit.stderr.contains(&token[8..]), "{exit:?}");
    }
}
