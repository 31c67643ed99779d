//! A small body that arrives with its head is handled by other code than one that arrives later.
//! Replies and results must be the same: each request is sent both ways, to two servers on equal
//! folders.

use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::digest::member;
use testkit::http::request_bytes;
use testkit::process::Process;
use testkit::rows::each;
use testkit::stranger::Stranger;
use testkit::{Reply, Server, chunked, pattern};

const TARGETS: &[&str] = &[
    "file",
    "full-page",
    "missing",
    "missing/parents/file",
    "folder",
    "folder/",
    "missing/",
    "file/",
    "%2F",
    "file/below",
    "file/below/that",
    "link",
    "link-to-missing",
    "link-to-folder",
    "link-to-folder/file",
    "link-to-pipe",
    "link-outside",
    "link-outside/file",
    "link-to-itself",
    "pipe",
    "socket",
    ".http-nas",
    ".http-nas/file",
];

const METHODS: &[(&str, &str)] = &[("POST", ""), ("PUT", ""), ("PUT", "?create")];

/// The beginning of the file that an append finds.
const OLD: &[u8] = b"0123456789";

/// A body, and how it comes.
struct Sent {
    what: &'static str,
    body: Vec<u8>,
    in_chunks: bool,
    /// How it ends.
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Whole,
    Cut,
    BadChunk,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (length, framing) = (
            self.body.len(),
            if self.in_chunks { "in chunks" } else { "" },
        );
        write!(f, "{}: {length} bytes {framing} {:?}", self.what, self.end)
    }
}

impl Sent {
    fn request(&self, method: &str, target: &str, fields: &Fields, waits: bool) -> Vec<u8> {
        let mut fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        if waits {
            fields.push(("Expect", "100-continue"));
        }
        let mut request = match self.in_chunks {
            true => {
                fields.push(("Transfer-Encoding", "chunked"));
                request_bytes(method, target, &fields, &chunked(&self.body, 3000))
            }
            false => request_bytes(method, target, &fields, &self.body),
        };
        match self.end {
            End::Whole => {}
            // Within the last bytes of the content, or before the last chunk.
            End::Cut => request.truncate(request.len() - 6 + usize::from(!self.in_chunks) * 4),
            End::BadChunk => {
                request.truncate(request.len() - 7);
                request.extend_from_slice(b"no end");
            }
        }
        request
    }
}

fn bodies() -> Vec<Sent> {
    let sent = |what, body: &[u8], in_chunks, end| Sent {
        what,
        body: body.to_vec(),
        in_chunks,
        end,
    };
    let mut bodies = vec![
        sent("a chunk that is none", b"hello", true, End::BadChunk),
        sent("a chunk cut short", b"hello", true, End::Cut),
        sent("a body cut short", b"hello", false, End::Cut),
    ];
    for in_chunks in [false, true] {
        let whole = |what, body: &[u8]| sent(what, body, in_chunks, End::Whole);
        bodies.extend([
            whole("nothing", b""),
            whole("a few bytes", b"hello"),
            whole("to the page's end", &pattern(1, 4086)),
            whole("beyond the page", &pattern(2, 4087)),
            whole("a path", br#"{"path": "x"}"#),
        ]);
    }
    bodies
}

/// The largest in memory and the smallest beyond.
fn larger_bodies() -> Vec<Sent> {
    [65535, 65536, 65537]
        .into_iter()
        .flat_map(|length| {
            [false, true].map(|in_chunks| Sent {
                what: "a larger body",
                body: pattern(3, length),
                in_chunks,
                end: End::Whole,
            })
        })
        .collect()
}

/// How many of the fields are tried.
#[derive(Clone, Copy)]
enum HowMany {
    Few,
    All,
}

type Fields = Vec<(&'static str, String)>;

/// Fields that say something about such a body.
fn fields(body: &[u8], how_many: HowMany) -> Vec<Fields> {
    let one = |name: &'static str, value: &str| vec![(name, value.to_owned())];
    let range = |first: usize, length: usize| {
        let last = (first + length).saturating_sub(1);
        one("Content-Range", &format!("bytes {first}-{last}/*"))
    };
    let digest = |of: &[u8]| one("Content-Digest", &member(of));
    let (here, length) = (OLD.len(), body.len());
    let mut wrong_range_and_tag = range(0, length + 1);
    wrong_range_and_tag.push(("If-Match", "\"other\"".to_owned()));
    let mut wrong_digest_and_tag = digest(b"other");
    wrong_digest_and_tag.push(("If-Match", "\"other\"".to_owned()));
    let few = vec![
        vec![],
        one("If-Match", "\"other\""),
        range(0, length),
        wrong_digest_and_tag,
        one("Content-Type", "application/json"),
    ];
    let others = vec![
        one("If-Match", "*"),
        one("If-Match", "nonsense"),
        one("If-None-Match", "*"),
        range(here, length),
        range(here + 1, length),
        range(here, length + 1),
        one("Content-Range", "nonsense"),
        wrong_range_and_tag,
        digest(body),
        digest(b"other"),
        one("Content-Digest", "sha-256=:nonsense:"),
        one("Want-Repr-Digest", "sha-256=1"),
        one("Content-Type", "multipart/form-data; boundary=x"),
    ];
    match how_many {
        HowMany::Few => few,
        HowMany::All => few.into_iter().chain(others).collect(),
    }
}

/// Makes the storage anew.
fn lay(storage: &Path) {
    for entry in fs::read_dir(storage).unwrap().flatten() {
        let path = entry.path();
        if entry.file_name() == ".http-nas" || entry.file_type().unwrap().is_socket() {
            continue;
        }
        match entry.file_type().unwrap().is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false if entry.file_type().unwrap().is_fifo() => {}
            false => fs::remove_file(path).unwrap(),
        }
    }
    fs::write(storage.join("file"), OLD).unwrap();
    fs::write(storage.join("full-page"), pattern(4, 4096)).unwrap();
    fs::create_dir(storage.join("folder")).unwrap();
    fs::write(storage.join("folder/file"), OLD).unwrap();
    for (link, to) in [
        ("link", "folder/file"),
        ("link-to-missing", "folder/missing"),
        ("link-to-folder", "folder"),
        ("link-to-pipe", "pipe"),
        ("link-outside", "../beside"),
        ("link-to-itself", "link-to-itself"),
    ] {
        symlink(to, storage.join(link)).unwrap();
    }
}

/// What can be told of what came of a request.
#[derive(Debug, PartialEq)]
struct Outcome {
    status: u16,
    text: String,
    fields: Vec<(String, String)>,
    visible: Vec<String>,
    contents: Vec<Option<Vec<u8>>>,
}

impl Outcome {
    fn of(server: &Server, sent: &Sent, mut reply: Reply) -> Outcome {
        // How much space is asked for is told only where it is known by then.
        if reply.status == 507 && sent.in_chunks {
            reply.body.clear();
            reply.headers.retain(|(name, _)| name != "Content-Length");
        }
        let names = ["file", "full-page", "folder/file", "folder/missing"];
        // The connection goes on or not: a refused client that waits has not sent its body.
        let own = ["Date", "X-Request-Id", "Connection"];
        let fields = reply
            .headers
            .iter()
            .filter(|(name, _)| !own.iter().any(|own| own.eq_ignore_ascii_case(name)));
        Outcome {
            status: reply.status,
            text: reply.text(),
            fields: fields.cloned().collect(),
            visible: server.visible(),
            contents: names.map(|name| server.content(name)).into(),
        }
    }
}

/// Sends a request in one of the ways.
fn send(server: &Server, sent: &Sent, request: &[u8], waits: bool) -> Outcome {
    let head = request
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let mut conn = server.open();
    let mut reply = None;
    if waits {
        conn.send(&request[..head]);
        let mut first = conn.head().expect("a word before the body");
        if first.status == 100 {
            let _ = conn.try_send(&request[head..]);
        } else {
            let mut text = Vec::new();
            let text_comes = conn.body(&first, &mut |part| text.extend_from_slice(part));
            text_comes.expect("the text of a reply");
            first.body = text;
            reply = Some(first);
        }
    } else {
        // It may have been refused already.
        let _ = conn.try_send(request);
    }
    if sent.end == End::Cut {
        conn.finish();
    }
    let reply = reply.unwrap_or_else(|| conn.reply_to("PUT").expect("a reply"));
    Outcome::of(server, sent, reply)
}

fn compare(args: &[&str], targets: &[&str], bodies: &[Sent], how_many: HowMany) {
    let servers = [Server::with(args, &[]), Server::with(args, &[])];
    let sockets = servers.each_ref().map(|server| {
        let storage = server.storage();
        let made = Command::new("mkfifo").arg(storage.join("pipe")).status();
        assert!(made.is_ok_and(|status| status.success()));
        fs::create_dir(server.dir.outside().join("beside")).unwrap();
        UnixListener::bind(storage.join("socket")).unwrap()
    });
    let bodies = bodies
        .iter()
        .map(|sent| (sent, fields(&sent.body, how_many)));
    let bodies: Vec<_> = bodies.collect();
    let (bodies, places) = (&bodies, targets.iter());
    let rows = places.flat_map(|target| METHODS.iter().map(move |method| (target, method)));
    let rows = rows.flat_map(|way| bodies.iter().map(move |body| (way, body)));
    let rows = rows.flat_map(|(way, (sent, fields))| fields.iter().map(move |it| (way, sent, it)));
    servers.iter().for_each(|server| lay(&server.storage()));
    let fresh = servers[0].visible();
    each(rows, |((target, (method, query)), sent, fields)| {
        let target = format!("{target}{query}");
        let ways = [(&servers[0], false), (&servers[1], true)];
        let [at_once, late] = ways.map(|(server, waits)| {
            let request = sent.request(method, &target, fields, waits);
            send(server, sent, &request, waits)
        });
        if at_once.status == 200 || [&at_once, &late].iter().any(|it| it.visible != fresh) {
            servers.iter().for_each(|server| lay(&server.storage()));
        }
        assert_eq!(
            at_once, late,
            "{method} {target} {fields:?} {sent:?} {args:?}"
        );
    });
    drop(sockets);
    servers.iter().for_each(Server::assert_clean);
}

const FEW: &[&str] = &["file", "missing/parents/file", "folder"];

#[test]
fn a_small_body_gets_the_same_whenever_it_comes() {
    compare(&[], TARGETS, &bodies(), HowMany::Few);
    compare(&[], FEW, &bodies(), HowMany::All);
}

#[test]
fn a_larger_body_gets_the_same_whenever_it_comes() {
    compare(&[], FEW, &larger_bodies(), HowMany::Few);
}

#[test]
fn a_body_that_is_too_large_gets_the_same_whenever_it_comes() {
    compare(&["--max-upload-size", "13B"], FEW, &bodies(), HowMany::Few);
    let args = ["--max-upload-size", "65536B"];
    compare(&args, FEW, &larger_bodies(), HowMany::Few);
}

#[test]
fn a_body_gets_the_same_whenever_it_comes_to_a_full_disk() {
    let args = ["--min-free-space", "1000TiB"];
    compare(&args, FEW, &bodies(), HowMany::All);
}

#[test]
fn a_body_gets_the_same_whenever_it_comes_where_writes_are_synced() {
    compare(&["--sync", "data"], FEW, &bodies(), HowMany::Few);
}

#[test]
fn a_body_in_chunks_that_is_too_large_is_refused_while_it_comes() {
    let server = Server::with(&["--max-upload-size", "13B"], &[]);
    server.place("file", OLD);
    for method in ["POST", "PUT"] {
        let head = [("Transfer-Encoding", "chunked")];
        let whole = request_bytes(method, "file", &head, &chunked(&[b'x'; 14], 14));
        let begun = &whole[..whole.len() - b"\r\n0\r\n\r\n".len()];
        let mut at_once = server.open();
        at_once.send(begun);
        let mut late = server.begin(method, "file", "Transfer-Encoding: chunked");
        late.send(&begun[begun.len() - b"e\r\n".len() - 14..]);
        for mut conn in [at_once, late] {
            let reply = conn.reply_to(method).expect("a refusal before the end");
            assert_eq!(reply.status, 413, "{method}");
        }
    }
    assert_eq!(server.content("file").as_deref(), Some(OLD));
}

#[test]
fn the_right_to_change_a_folder_is_asked_before_a_condition_whenever_the_body_comes() {
    let stranger = Stranger::new();
    let storage = stranger.dir.storage();
    let folder = storage.join("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("file"), OLD).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    chown(&storage, stranger.user, stranger.user).unwrap();
    let mut command = stranger.command();
    command
        .args(["--port", "0", "--allowed-hosts", "*", "--storage"])
        .arg(&storage)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let server = Process::serving(&mut command, &stranger.dir);
    let replies = [vec![], vec![("Expect", "100-continue")]].map(|mut fields| {
        fields.push(("If-Match", "\"other\""));
        server.request("POST", "folder/file", &fields, b"hello")
    });
    drop(server);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    for reply in replies {
        assert_eq!(reply.status, 403, "{}", reply.summary());
    }
}
