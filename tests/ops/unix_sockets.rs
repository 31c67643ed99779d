//! The file of a Unix socket that the server listens on: when it is made, replaced, left alone and
//! removed.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use testkit::process::Process;
use testkit::server::Exit;
use testkit::stranger::Stranger;
use testkit::{Server, TempDir, eventually, server, unix};

/// A server on TCP and at this socket, on a storage of its own.
fn server_at(socket: &Path) -> Server {
    let named = format!("unix:{}", socket.display());
    Server::with(&["--listen", "127.0.0.1:0", "--listen", &named], &[])
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// The start fails with one line, which says this of the socket.
fn assert_refused_by(command: &mut Command, socket: &Path, says: &str) -> Exit {
    let dir = TempDir::new();
    let named = format!("unix:{}", socket.display());
    let exit = server::run_command(command.args(["--listen", &named]).arg(dir.storage()));
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(1), ""), "{exit:?}");
    let line = format!("http-nas: cannot listen on {named}: {says}\n");
    assert_eq!(exit.stderr, line);
    exit
}

fn assert_refused(socket: &Path, says: &str) {
    assert_refused_by(&mut server::command(), socket, says);
}

#[test]
fn it_is_there_until_the_server_stops() {
    let dir = TempDir::new();
    let socket = dir.outside().join("nas.sock");
    for signal in ["TERM", "INT"] {
        let mut server = server_at(&socket);
        assert!(is_socket(&socket) && unix::is_served(&socket));
        server.signal(signal);
        assert_eq!(server.wait().code, Some(0));
        assert!(!socket.exists());
    }
}

#[test]
fn a_server_that_was_killed_is_started_again() {
    let dir = TempDir::new();
    let socket = dir.outside().join("nas.sock");
    let mut server = server_at(&socket);
    for _ in 0..3 {
        let before = fs::symlink_metadata(&socket).expect("it is there");
        server.kill();
        assert!(is_socket(&socket), "it has not been removed");
        server.restart();
        assert!(unix::is_served(&socket));
        let after = fs::symlink_metadata(&socket).expect("it is there");
        assert!((before.ino(), before.ctime_nsec()) != (after.ino(), after.ctime_nsec()));
    }
}

#[test]
fn one_where_a_server_listens_is_left_to_it() {
    let dir = TempDir::new();
    let socket = dir.outside().join("nas.sock");
    let server = server_at(&socket);
    assert_refused(&socket, "a server listens there already");
    assert!(unix::is_served(&socket));
    drop(server);
    // Another program, which accepts nothing: its queue fills.
    fs::remove_file(&socket).expect("removed");
    let listener = UnixListener::bind(&socket).expect("bound");
    rustix::net::listen(&listener, 0).expect("no room");
    for _ in 0..3 {
        assert_refused(&socket, "a server listens there already");
    }
    assert!(is_socket(&socket));
}

#[test]
fn what_is_no_socket_stays() {
    let dir = TempDir::new();
    let at = |name: &str| dir.outside().join(name);
    fs::write(at("file"), "content").expect("written");
    fs::create_dir(at("folder")).expect("made");
    drop(UnixListener::bind(at("left-over")).expect("bound"));
    symlink("left-over", at("link")).expect("linked");
    symlink("nowhere", at("dangling")).expect("linked");
    for name in ["file", "folder", "link", "dangling"] {
        let says = "something else than a socket is there, and is left alone";
        assert_refused(&at(name), says);
    }
    assert_eq!(fs::read(at("file")).ok().as_deref(), Some(&b"content"[..]));
    assert!(at("folder").is_dir());
    assert!(at("link").is_symlink() && at("dangling").is_symlink());
    assert!(is_socket(&at("left-over")) && !at("nowhere").exists());
    // One that no client of this server could connect to.
    let _datagrams = UnixDatagram::bind(at("datagrams")).expect("bound");
    let says = "a socket is there, and whether a server listens on it cannot be told: \
                Protocol wrong type for socket (os error 91)";
    assert_refused(&at("datagrams"), says);
    assert!(is_socket(&at("datagrams")));
}

#[test]
fn at_the_end_only_the_servers_own_is_removed() {
    let dir = TempDir::new();
    let at = |name: &str| dir.outside().join(name);
    let mut server = server_at(&at("nas.sock"));
    fs::rename(at("nas.sock"), at("away")).expect("renamed");
    fs::write(at("nas.sock"), "content").expect("written");
    assert_eq!(server.stop().code, Some(0));
    let left = fs::read(at("nas.sock")).ok();
    assert_eq!(left.as_deref(), Some(&b"content"[..]));
    fs::remove_file(at("nas.sock")).expect("removed");
    // Or there is none.
    let mut server = server_at(&at("nas.sock"));
    fs::remove_file(at("nas.sock")).expect("removed");
    assert_eq!(server.stop().code, Some(0));
}

/// The next server need not wait until the transfers of the one before are over.
#[test]
fn a_server_that_stops_makes_room_for_the_next() {
    let dir = TempDir::new();
    let socket = dir.outside().join("nas.sock");
    let mut first = server_at(&socket);
    let mut upload = first.begin("POST", "a", "Content-Length: 2");
    first.signal("TERM");
    eventually("the socket is gone", || !socket.exists());
    let second = server_at(&socket);
    upload.send(b"ab");
    assert_eq!(upload.reply_to("POST").expect("a reply").status, 200);
    assert_eq!(first.wait().code, Some(0));
    assert!(unix::is_served(&socket), "the first has taken it along");
    drop(second);
}

/// One that has not begun to listen looks like one that is left over.
#[test]
fn of_servers_that_start_at_once_one_has_it() {
    let dir = Arc::new(TempDir::new());
    let socket = dir.outside().join("nas.sock");
    let start = || {
        let mut command = server::command();
        command
            .arg(format!("--listen=unix:{}", socket.display()))
            .arg(dir.storage());
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        Process::start(command, &dir)
    };
    for _ in 0..8 {
        drop(UnixListener::bind(&socket).expect("bound"));
        let mut servers: Vec<Process> = (0..6).map(|_| start()).collect();
        let mut running = servers.len();
        eventually("all but one end", || {
            running = servers
                .iter_mut()
                .filter_map(|it| it.is_alive().then_some(()))
                .count();
            running <= 1
        });
        let mut is_served = false;
        eventually("the one that is left serves", || {
            is_served = unix::is_served(&socket);
            is_served || running == 0
        });
        drop(servers);
        assert!(is_served, "none is left");
        fs::remove_file(&socket).expect("removed");
    }
}

#[test]
fn a_folder_that_another_program_keeps_locked_is_not_waited_for() {
    let dir = TempDir::new();
    let folder = fs::File::open(dir.outside()).expect("opened");
    folder.lock().expect("locked");
    let shown = dir.outside().display();
    let says = format!("another program keeps the folder {shown} locked");
    assert_refused(&dir.outside().join("nas.sock"), &says);
}

#[test]
fn a_path_without_a_folder_is_said_to_be_one() {
    let dir = TempDir::new();
    let outside = dir.outside().display();
    let at = |name: &str| dir.outside().join(name);
    fs::write(at("file"), "content").expect("written");
    let says = format!("there is no folder {outside}/none");
    assert_refused(&at("none/nas.sock"), &says);
    let says = format!("{outside}/file is not a folder");
    assert_refused(&at("file/nas.sock"), &says);
    let says = "something else than a socket is there, and is left alone";
    assert_refused(Path::new("/"), says);
}

#[test]
fn a_folder_without_permission_is_said_to_be_one() {
    let stranger = Stranger::new();
    let folder = stranger.dir.outside().join("folder");
    fs::create_dir(&folder).expect("made");
    // The storage is one that everybody may use.
    let refused = |mode: u32, says: &str| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(&folder, mode).expect("set");
        let storage = TempDir::new();
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(storage.storage(), open).expect("set");
        let named = format!("unix:{}/nas.sock", folder.display());
        let mut command = stranger.command();
        let command = command.args(["--listen", &named]).arg(storage.storage());
        let exit = server::run_command(command);
        let line = format!("http-nas: cannot listen on {named}: {says}\n");
        assert_eq!((exit.code, exit.stderr), (Some(1), line));
    };
    refused(0o555, "it cannot be made: Permission denied (os error 13)");
    let says = format!(
        "the folder {} cannot be read: Permission denied (os error 13)",
        folder.display()
    );
    refused(0o333, &says);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("set");
}

/// Clients could remove it there, and it would be no file that they have stored.
#[test]
fn the_storage_folder_has_no_room_for_it() {
    let dir = TempDir::new();
    fs::create_dir(dir.storage().join("below")).expect("made");
    symlink("storage/below", dir.outside().join("link")).expect("linked");
    for folder in ["storage", "storage/below", "storage/../storage", "link"] {
        let socket = dir.outside().join(folder).join("nas.sock");
        let named = format!("unix:{}", socket.display());
        let mut command = server::command();
        let exit = server::run_command(command.args(["--listen", &named]).arg(dir.storage()));
        let says = "it would be in the storage folder, where clients could remove it";
        let line = format!("http-nas: cannot listen on {named}: {says}\n");
        assert_eq!((exit.code, exit.stderr), (Some(1), line));
        assert!(!socket.exists());
    }
}

/// To connect is to write (unix(7)).
#[test]
fn its_permissions_are_those_that_umask_leaves() {
    let dir = Arc::new(TempDir::new());
    for (umask, mode) in [("077", 0o700), ("007", 0o770), ("022", 0o755), ("0", 0o777)] {
        let socket = dir.outside().join(format!("{umask}.sock"));
        let script = format!("umask {umask} && exec \"$@\"");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script, "sh"])
            .arg(server::binary())
            .arg(format!("--listen=unix:{}", socket.display()))
            .arg(dir.storage())
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _process = Process::start(&mut command, &dir);
        eventually("it serves", || unix::is_served(&socket));
        let found = fs::symlink_metadata(&socket).map(|found| found.permissions().mode() & 0o777);
        assert_eq!(found.ok(), Some(mode), "{umask}");
    }
}

#[test]
fn the_longest_path_that_there_can_be_is_taken() {
    let dir = TempDir::new();
    let socket = |length: usize| -> PathBuf {
        let room = length - dir.outside().as_os_str().len() - 1;
        dir.outside().join("s".repeat(room))
    };
    let server = server_at(&socket(107));
    assert!(unix::is_served(&socket(107)));
    drop(server);
    let named = format!("unix:{}", socket(108).display());
    let exit = server::run(&["--listen", &named], &[]);
    assert_eq!((exit.code, exit.stderr.lines().count()), (Some(2), 1));
    let says = "has a path of 108 bytes, and a Unix socket takes 107";
    assert!(exit.stderr.contains(says), "{exit:?}");
}
