//! Mistakes on the command line and in the environment are told from what was meant: misspelt
//! flags, variables of other programs, sizes.

use std::fs;
use std::process::{Child, Command, Stdio};

use testkit::server::{self, Exit};
use testkit::{Conn, Server, TempDir, disk, eventually};

/// A server that is not started by the tests' own words, ended whatever becomes of the test.
struct Started {
    child: Child,
    line: String,
}

impl Started {
    fn new(command: &mut Command) -> Self {
        Self::logging_to(command, Stdio::null())
    }

    fn logging_to(command: &mut Command, log: Stdio) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        let read = std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line);
        read.expect("a line");
        Self { child, line }
    }

    fn post(&self, target: &str) -> u16 {
        let address = self.line.trim_end().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("no server: {:?}", self.line));
        let mut conn = Conn::open(address.parse().expect("an address"));
        conn.request("POST", target, &[], b"content")
            .expect("a reply")
            .status
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(args: &[&str], envs: &[(&str, &str)]) -> Exit {
    let exit = server::run(args, envs);
    assert_eq!(exit.stdout, "", "{exit:?}");
    assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
    exit
}

// symptom: a mistyped path, or one whose volume is not mounted, became an empty store on the disk
//          of the system.
// cause:   all missing folders of the path were made.
// fix:     only the last is, the others with --create-parents.
#[test]
fn of_a_missing_storage_path_only_the_last_folder_is_made() {
    let dir = TempDir::new();
    let outside = dir.outside();
    let path = outside.join("not/there/storage");
    let shown = path.to_string_lossy().into_owned();
    for source in ["flag", "variable", "word"] {
        let exit = match source {
            "flag" => run(&["--port", "0", "--storage", &shown], &[]),
            "variable" => run(&["--port", "0"], &[("STORAGE_PATH", &shown)]),
            _ => run(&["--port", "0", &shown], &[]),
        };
        assert_eq!(exit.code, Some(1), "{exit:?}");
        let there = format!("only {} is", outside.display());
        for says in [shown.as_str(), "--create-parents", &there] {
            assert!(exit.stderr.contains(says), "{says}: {exit:?}");
        }
        assert!(!outside.join("not").exists(), "{source}: nothing is made");
    }
    for (args, variable) in [(&["--create-parents"][..], ""), (&[], "true")] {
        let mut command = server::command();
        command
            .args(["--port", "0", "--storage", &shown])
            .args(args)
            .env("CREATE_PARENTS", variable);
        assert_eq!(Started::new(&mut command).post("/file/a"), 200);
        fs::remove_dir_all(outside.join("not")).expect("made, and removed");
    }
}

#[test]
fn the_default_folder_is_made_where_the_server_is_started() {
    let dir = TempDir::new();
    let started = Started::new(
        server::command()
            .args(["--port", "0"])
            .current_dir(dir.outside()),
    );
    assert_eq!(started.post("/file/a"), 200);
    assert!(dir.outside().join("storage/a").is_file());
}

#[test]
fn a_word_that_is_no_flag_is_the_folder() {
    let dir = TempDir::new();
    for word in ["data", "./data", "data/", "./health"] {
        let mut command = server::command();
        command
            .args([word, "--port", "0"])
            .env("STORAGE_PATH", "/dev/null/none")
            .current_dir(dir.outside());
        assert_eq!(Started::new(&mut command).post("/file/a"), 200, "{word}");
        assert!(dir.outside().join(word).join("a").is_file(), "{word}");
    }
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
    let dir = TempDir::new();
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
    command.envs(ours.iter().copied());
    let started = Started::logging_to(&mut command, log.into());
    assert_eq!(started.post("/file/a"), 200);
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
// cause:   kubernetes sets HTTP_NAS_PORT to the address of that service, unless the pod says
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
