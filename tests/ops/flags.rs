//! Flags and variables: their names, wrong values, which of them wins, and what `--sync` and
//! `--host` do. Misspelt ones are in typing_mistakes.rs.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;

use testkit::process::Process;
use testkit::{Server, TempDir, eventually, pattern, server};

#[test]
fn help_names_every_flag_and_variable() {
    let exit = server::run(&["--help"], &[]);
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    let words = [
        "--listen",
        "LISTEN",
        "--port",
        "PORT",
        "--host",
        "HOST",
        "--allowed-hosts",
        "ALLOWED_HOSTS",
        "--allow-origin",
        "ALLOW_ORIGIN",
        "--trusted-proxies",
        "ACCESS",
        "TRUSTED_PROXIES",
        "--storage",
        "STORAGE_PATH",
        "--max-transfers",
        "MAX_TRANSFERS",
        "--min-free-space",
        "MIN_FREE_SPACE",
        "--shutdown-timeout",
        "SHUTDOWN_TIMEOUT",
        "--sync",
        "SYNC",
        "--log-format",
        "LOG_FORMAT",
        "RUST_LOG",
        "--version",
        "--help",
        "health",
        "--write",
        "3000",
        "127.0.0.1",
        "512",
        "64MiB",
        "30",
    ];
    for word in words {
        assert!(
            exit.stdout.contains(word),
            "{word} is missing in:\n{}",
            exit.stdout
        );
    }
}

#[test]
fn version_is_one_line() {
    let exit = server::run(&["--version"], &[]);
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        exit.stdout,
        format!("http-nas {}\n", env!("CARGO_PKG_VERSION"))
    );
}

/// The start fails: not 0, nothing on stdout, one line on stderr with one of `words` in it.
fn assert_refused(args: &[&str], envs: &[(&str, &str)], words: &[&str]) {
    let exit = server::run(args, envs);
    let shown = format!("http-nas {args:?} {envs:?}: {exit:?}");
    assert!(!matches!(exit.code, Some(0) | None), "{shown}");
    assert_eq!(exit.stdout, "", "{shown}");
    assert!(
        exit.stderr.lines().count() == 1 && exit.stderr.ends_with('\n'),
        "not one line: {shown}"
    );
    assert!(
        words.iter().any(|word| exit.stderr.contains(word)),
        "none of {words:?}: {shown}"
    );
    assert!(!exit.stderr.contains("panicked"), "{shown}");
}

#[test]
fn wrong_values_stop_the_start_with_one_line_that_names_the_flag() {
    let dir = TempDir::new();
    let storage = dir.storage().to_string_lossy().into_owned();
    let wrong: [(&str, &str, &[&str]); 10] = [
        (
            "--port",
            "PORT",
            &["70000", "65536", "-1", "x", "", "3000x", "1.5"],
        ),
        (
            "--host",
            "HOST",
            &[
                "not an address",
                "256.0.0.1",
                "127.0.0.1:80:80",
                "127.0.0.1:80",
                "http://127.0.0.1",
                "",
            ],
        ),
        (
            "--allowed-hosts",
            "ALLOWED_HOSTS",
            &["nas:3000", "http://nas", "a b", "a,,b", ""],
        ),
        (
            "--allow-origin",
            "ALLOW_ORIGIN",
            &[
                "*",
                "null",
                "app.example",
                "https://app.example/",
                "https://*.example",
                "",
            ],
        ),
        (
            "--trusted-proxies",
            "TRUSTED_PROXIES",
            &["10.0.0.0/33", "proxy.example", "10.0.0.1,", ""],
        ),
        (
            "--max-transfers",
            "MAX_TRANSFERS",
            &["0", "-1", "many", "1.5", "", "99999999999999999999"],
        ),
        (
            "--min-free-space",
            "MIN_FREE_SPACE",
            &[
                "lots",
                "-1",
                "64XiB",
                "MiB",
                "",
                "1.5",
                "1e3",
                "NaN",
                "99999999999GiB",
            ],
        ),
        (
            "--shutdown-timeout",
            "SHUTDOWN_TIMEOUT",
            &["soon", "-1", "", "99999999999999999999"],
        ),
        ("--sync", "SYNC", &["always", "DATA!", "yes", ""]),
        ("--log-format", "LOG_FORMAT", &["xml", "yaml", ""]),
    ];
    for (flag, variable, values) in wrong {
        for &value in values {
            // What is not under test is right; a server that starts all the same is told by the 20
            // s of `run`.
            let mut args = vec!["--storage", &storage];
            if flag != "--port" {
                args.extend(["--port", "0"]);
            }
            assert_refused(&[&args[..], &[flag, value]].concat(), &[], &[flag]);
            if !value.is_empty() {
                assert_refused(&args, &[(variable, value)], &[variable, flag]);
            }
        }
        assert_refused(&["--storage", &storage, flag], &[], &[flag]);
    }
    for args in [
        &["--nope"][..],
        &["--nope=1"],
        &["-x"],
        // Beside --storage it is one folder too many.
        &["surplus"],
        &["--ports", "1"],
    ] {
        let word = args[0].split('=').next().unwrap_or_default();
        assert_refused(
            &[&["--storage", &storage, "--port", "0"], args].concat(),
            &[],
            &[word],
        );
    }
}

#[test]
fn a_port_in_use_and_a_storage_that_is_a_file_stop_the_start() {
    let dir = TempDir::new();
    let storage = dir.storage().to_string_lossy().into_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port().to_string();
    assert_refused(&["--storage", &storage, "--port", &port], &[], &[&port]);
    let file = dir.outside().join("file");
    fs::write(&file, "a file").expect("written");
    let file = file.to_string_lossy().into_owned();
    assert_refused(
        &["--port", "0", "--storage", &file],
        &[],
        &["--storage", &file],
    );
    assert_refused(
        &["--port", "0"],
        &[("STORAGE_PATH", &file)],
        &["STORAGE_PATH", "--storage", &file],
    );
    let below = format!("{file}/below");
    assert_refused(
        &["--port", "0", "--storage", &below],
        &[],
        &["--storage", &file],
    );
}

#[test]
fn flags_win_over_variables_and_a_missing_storage_is_made() {
    // The test's server gives --port and --storage; every one of these variables would stop the
    // start.
    let envs = [
        ("PORT", "70000"),
        ("STORAGE_PATH", "/dev/null/x"),
        ("LOG_FORMAT", "xml"),
        ("MAX_TRANSFERS", "0"),
    ];
    let server = Server::with(&["--log-format", "json", "--max-transfers", "9"], &envs);
    assert_eq!(server.post("a", b"content").status, 200);
    assert_eq!(server.content("a"), Some(b"content".to_vec()));
    eventually("the request is logged as JSON", || {
        server.log().starts_with('{')
    });

    let dir = Arc::new(TempDir::new());
    let from_variables = dir.outside().join("by-variable");
    let mut command = server::command();
    command
        .envs([("PORT", "0"), ("HOST", "127.0.0.1"), ("RUST_LOG", "warn")])
        .env("STORAGE_PATH", &from_variables);
    let process = Process::serving(&mut command, &dir);
    assert_eq!(process.addr.ip(), Ipv4Addr::LOCALHOST);
    assert!(from_variables.is_dir(), "STORAGE_PATH is made");
}

#[test]
fn flags_take_their_value_behind_an_equals_sign_too() {
    let server = Server::with(
        &[
            "--log-format=json",
            "--max-transfers=3",
            "--sync=none",
            "--shutdown-timeout=5",
        ],
        &[],
    );
    assert_eq!(server.get("/file").text(), "OK");
}

#[test]
fn sync_data_does_all_that_none_does() {
    let server = Server::with(&["--sync", "data"], &[]);
    let body = pattern(1, 300_000);
    assert_eq!(server.post("a/b/c", &body).status, 200);
    assert_eq!(server.put("a/b/c", b"more").status, 200);
    assert_eq!(server.post("folder/", b"").status, 200);
    assert_eq!(server.mv("a/b/c", "new/d").status, 200);
    assert!(server.get("new/d").body == [&body[..], b"more"].concat());
    assert_eq!(server.post("new/d", b"replaced").status, 200);
    assert_eq!(server.delete("a").status, 200);
    assert_eq!(server.visible(), ["folder/", "new/", "new/d 8"]);
    server.assert_clean();
}

#[test]
fn the_address_is_that_of_host() {
    let dir = Arc::new(TempDir::new());
    let mut command = server::command();
    command
        .args(["--host", "127.0.0.2", "--port", "0", "--storage"])
        .arg(dir.storage())
        .stderr(Stdio::null());
    let process = Process::serving(&mut command, &dir);
    assert_eq!(process.addr.ip(), Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(process.request("GET", "/file", &[], b"").text(), "OK");
}
