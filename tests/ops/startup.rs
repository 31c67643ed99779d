//! The storage folder at the start: which is used, which is made, and one line that says why one
//! cannot be used. File systems that are full or read-only are in tests/shell/unusable-storage.sh.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use testkit::process::Process;
use testkit::server::{self, Exit};
use testkit::stranger::Stranger;
use testkit::{Server, TempDir};

fn assert_refused(command: &mut Command, storage: &Path, why: &str) {
    let exit = server::run_command(command.arg("--port=0").arg("--storage").arg(storage));
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(1), ""), "{exit:?}");
    let folder = storage.display();
    let start = format!("http-nas: cannot use the storage folder {folder}: {why}");
    assert!(exit.stderr.starts_with(&start), "{start:?}: {exit:?}");
    let end = " (choose another with --storage)\n";
    assert!(exit.stderr.ends_with(end), "{exit:?}");
    assert_eq!(exit.stderr.lines().count(), 1, "{exit:?}");
}

#[test]
fn what_is_not_a_folder_is_said_not_to_be_one() {
    let dir = TempDir::new();
    let at = |name: &str| dir.outside().join(name);
    fs::write(at("file"), "a file").expect("written");
    symlink("nowhere", at("dangling")).expect("linked");
    symlink("file", at("to-file")).expect("linked");
    for (name, why) in [
        ("file", "it is not a folder"),
        ("to-file", "it is not a folder"),
        ("dangling", "it is a link that leads nowhere"),
        ("file/below", "a part of its path is not a folder"),
        ("file/far/below", "a part of its path is not a folder"),
    ] {
        assert_refused(&mut server::command(), &at(name), why);
    }
    assert_refused(
        &mut server::command(),
        Path::new("/dev/null"),
        "it is not a folder",
    );
    fs::write(dir.storage().join(".http-nas"), "a file").expect("written");
    let why = "the .http-nas in it is not a folder";
    assert_refused(&mut server::command(), &dir.storage(), why);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode can be set");
}

#[test]
fn a_folder_without_permission_is_said_to_be_one_and_for_whom() {
    let stranger = Stranger::new();
    let storage = stranger.dir.storage();
    let me = fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me));
    let user = stranger.user.unwrap_or_else(|| me.expect("a user"));
    let denied = "Permission denied (os error 13)";
    let unwritable = format!("it cannot be written to as user {user}, group ");
    for (mode, why) in [
        (0o555, unwritable.as_str()),
        (0o333, "it cannot be read: Permission denied"),
        (0o000, "it cannot be read: Permission denied"),
    ] {
        set_mode(&storage, mode);
        assert_refused(&mut stranger.command(), &storage, why);
    }
    set_mode(&storage, 0o555);
    let why = format!("it cannot be made: {denied}");
    assert_refused(&mut stranger.command(), &storage.join("a"), &why);
    set_mode(&storage, 0o755);
    // The folders of another user's server are there, and closed to this one.
    let first = Server::on(stranger.dir.clone(), &[], &[]);
    set_mode(&storage, 0o777);
    if stranger.user.is_some() {
        let mut command = Command::new(&stranger.binary);
        command.env_clear().uid(user).gid(user);
        assert_refused(&mut command, &storage, &unwritable);
    }
    drop(first);
}

/// Runs a start that fails, and says why in one line.
fn run_refused(args: &[&str], envs: &[(&str, &str)]) -> Exit {
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
    let dir = Arc::new(TempDir::new());
    let outside = dir.outside();
    let path = outside.join("not/there/storage");
    let shown = path.to_string_lossy().into_owned();
    for source in ["flag", "variable", "word"] {
        let exit = match source {
            "flag" => run_refused(&["--port", "0", "--storage", &shown], &[]),
            "variable" => run_refused(&["--port", "0"], &[("STORAGE_PATH", &shown)]),
            _ => run_refused(&["--port", "0", &shown], &[]),
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
        let process = Process::serving(command.stderr(Stdio::null()), &dir);
        assert_eq!(process.request("POST", "a", &[], b"content").status, 200);
        drop(process);
        fs::remove_dir_all(outside.join("not")).expect("made, and removed");
    }
}

#[test]
fn the_default_folder_is_made_where_the_server_is_started() {
    let dir = Arc::new(TempDir::new());
    let mut command = server::command();
    command
        .args(["--port", "0"])
        .current_dir(dir.outside())
        .stderr(Stdio::null());
    let process = Process::serving(&mut command, &dir);
    assert_eq!(process.request("POST", "a", &[], b"content").status, 200);
    assert!(dir.outside().join("storage/a").is_file());
}

#[test]
fn a_word_that_is_no_flag_is_the_folder() {
    let dir = Arc::new(TempDir::new());
    for word in ["data", "./data", "data/", "./health"] {
        let mut command = server::command();
        command
            .args([word, "--port", "0"])
            .env("STORAGE_PATH", "/dev/null/none")
            .current_dir(dir.outside());
        let process = Process::serving(command.stderr(Stdio::null()), &dir);
        let reply = process.request("POST", "a", &[], b"content");
        assert_eq!(reply.status, 200, "{word}");
        assert!(dir.outside().join(word).join("a").is_file(), "{word}");
    }
}
