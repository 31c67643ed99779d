//! Mistakes on the command line and in the environment are told from what was meant: misspelt
//! flags, variables of other programs, sizes.

use std::fs;
use std::sync::Arc;

use testkit::process::Process;
use testkit::server::{self, Exit};
use testkit::{Server, TempDir, disk, eventually};

fn run(args: &[&str], envs: &[(&str, &str)]) -> Exit {
    let exit = server::run(args, envs);
    assert_eq!(exit.stdout, "", "{exit:?}");
    assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
    exit
}

#[test]
fn what_was_meant_is_said() {
    let dir = TempDir::new();
    let storage = dir.storage().to_string_lossy().into_owned();
    let taken = "the folder is given twice: as \"data\" and by --storage";
    for (args, says) in [
        (&["--prot", "3000"][..], "did you mean --port?"),
        (&["--storgae=x"], "did you mean --storage?"),
        (&["--max-upload", "1G"], "did you mean --max-upload-size?"),
        (&["health", "--wriet"], "did you mean --write?"),
        (&["heatlh"], "did you mean http-nas health?"),
        (&["serve"], "did you mean http-nas --storage FOLDER?"),
        (&["help"], "did you mean http-nas --help?"),
        (&["data", "--storage", &storage], taken),
        (&["one", "two"], "unexpected argument \"two\""),
        (
            &["--host", "http://127.0.0.1:3000"],
            "it takes a host, not an address with http://",
        ),
        (
            &["--host", "127.0.0.1:3000"],
            "it takes a host without a port; give that with --port 3000",
        ),
    ] {
        let exit = run(args, &[]);
        assert_eq!(exit.code, Some(2), "{exit:?}");
        assert!(exit.stderr.contains(says), "{says}: {exit:?}");
    }
}

// symptom: with conda's compilers installed, the server could not listen on
//          "x86_64-conda-linux-gnu".
// cause:   they set HOST, which has nothing to do with the network.
// fix:     HTTP_NAS_HOST, which wins, and the error names it.
#[test]
fn a_variable_of_another_program_is_told_from_ours() {
    let dir = Arc::new(TempDir::new());
    let storage = dir.storage().to_string_lossy().into_owned();
    // A label may not end with a hyphen: no resolver has to be asked.
    let envs = [
        ("HOST", "x86_64-conda-linux-gnu.invalid-"),
        ("STORAGE_PATH", &storage),
    ];
    let hint = "is HOST meant for http-nas? set HTTP_NAS_HOST";
    for args in [&["--port", "0"][..], &["health"]] {
        let exit = run(args, &envs);
        assert_eq!(exit.code, Some(1), "{exit:?}");
        assert!(exit.stderr.contains(hint), "{exit:?}");
    }
    let by_flag = run(&["--port", "0", "--host", envs[0].1], &envs[1..]);
    assert!(!by_flag.stderr.contains("meant"), "{by_flag:?}");

    let ours = [
        &envs[..],
        &[
            ("HTTP_NAS_HOST", "127.0.0.1"),
            ("PORT", "70000"),
            ("HTTP_NAS_PORT", "0"),
        ],
    ]
    .concat();
    let log = fs::File::create(dir.outside().join("log")).expect("a file");
    let mut command = server::command();
    command.envs(ours.iter().copied()).stderr(log);
    let process = Process::serving(&mut command, &dir);
    assert_eq!(process.request("POST", "a", &[], b"content").status, 200);
    for note in [
        "HTTP_NAS_HOST counts; HOST has another value",
        "HTTP_NAS_PORT counts; PORT has another value",
    ] {
        eventually("the log has a note, once", || {
            let log = fs::read_to_string(dir.outside().join("log")).unwrap_or_default();
            log.matches(note).count() == 1
        });
    }
}

// symptom: the pod of a service that is called http-nas did not start again.
// cause:   Kubernetes sets HTTP_NAS_PORT to the address of that service, unless the pod says
//          enableServiceLinks: false.
// fix:     an address is not taken for a port.
#[test]
fn the_variable_of_a_service_is_no_port() {
    let server = Server::with(&[], &[("HTTP_NAS_PORT", "tcp://10.96.0.7:3000")]);
    assert_eq!(server.get("/file").text(), "OK");
    let port = server.addr.port().to_string();
    let envs = [("HTTP_NAS_PORT", "tcp://10.96.0.7:3000"), ("PORT", &port)];
    let exit = server::run(&["health"], &envs);
    assert_eq!(exit.code, Some(0), "{exit:?}");
}

/// 10M is ten million bytes, 10Mi are 1024 * 1024 of them.
#[test]
fn sizes_have_the_units_of_kubernetes() {
    for (size, bytes) in [
        ("20", 20),
        ("2k", 2000),
        ("2KB", 2000),
        ("2Ki", 2048),
        ("0.5KiB", 512),
        ("0.01M", 10_000),
        ("0.001GB", 1_000_000),
    ] {
        let server = Server::with(&["--max-upload-size", size], &[]);
        assert_eq!(server.post("a", &vec![b'a'; bytes]).status, 200, "{size}");
        assert_eq!(
            server.post("a", &vec![b'a'; bytes + 1]).status,
            413,
            "{size}"
        );
    }
}

#[test]
fn health_says_one_line() {
    let server = Server::start();
    let port = server.addr.port().to_string();
    let well = format!("http://127.0.0.1:{port} is healthy");
    let exit = server::run(&["health", "--port", &port], &[]);
    assert_eq!((exit.code, exit.stdout), (Some(0), format!("{well}\n")));
    let exit = server::run(&["health", "--write", "--port", &port], &[]);
    let stored = ": it stored a file, read it back and deleted it";
    assert_eq!(
        (exit.code, exit.stdout),
        (Some(0), format!("{well}{stored}\n"))
    );
    assert!(disk::visible(&server.storage()).is_empty());
}
