//! Of several clients that write what they have read, with If-Match or If-None-Match, exactly one
//! succeeds and the others get 412, by any methods and through any servers.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::readers::StopOnDrop;
use testkit::{Client, Conn, Reply, Server};

/// A request of one of those who race: what it asks, and what it would leave in `file`.
#[derive(Clone)]
struct Move {
    method: &'static str,
    target: String,
    body: Vec<u8>,
    /// `None` where it removes the file.
    leaves: Option<Vec<u8>>,
}

impl Move {
    fn post(body: String) -> Move {
        Move {
            method: "POST",
            target: "file".to_string(),
            body: body.clone().into_bytes(),
            leaves: Some(body.into_bytes()),
        }
    }

    fn put(before: &str, body: String) -> Move {
        Move {
            method: "PUT",
            target: "file".to_string(),
            leaves: Some(format!("{before}{body}").into_bytes()),
            body: body.into_bytes(),
        }
    }

    /// `action` is `cp` or `mv`.
    fn by_name(action: &str, source: &str, content: &str) -> Move {
        Move {
            method: "PUT",
            target: format!("{source}/{action}"),
            body: b"{\"path\": \"file\"}".to_vec(),
            leaves: Some(content.as_bytes().to_vec()),
        }
    }

    fn delete() -> Move {
        Move {
            method: "DELETE",
            target: "file".to_string(),
            body: Vec::new(),
            leaves: None,
        }
    }
}

/// All make their moves at once; gives the number of the one that won.
fn race<R: Send>(
    racers: &mut [R],
    moves: &[Move],
    make: impl Fn(&mut R, &Move) -> Reply + Sync,
    shown: &str,
) -> usize {
    let start = Barrier::new(racers.len());
    let replies: Vec<Reply> = thread::scope(|scope| {
        let racers: Vec<_> = racers
            .iter_mut()
            .zip(moves)
            .map(|(racer, step)| {
                let (start, make) = (&start, &make);
                scope.spawn(move || {
                    start.wait();
                    make(racer, step)
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().expect("a racer failed"))
            .collect()
    });
    winner(&replies, moves, shown)
}

/// All ask at once under the same condition.
fn race_with(
    clients: &mut [Client],
    moves: &[Move],
    condition: (&str, &str),
    shown: &str,
) -> usize {
    let ask = |client: &mut Client, step: &Move| {
        client.ask(step.method, &step.target, &[condition], &step.body)
    };
    race(clients, moves, ask, shown)
}

fn winner(replies: &[Reply], moves: &[Move], shown: &str) -> usize {
    let won: Vec<usize> = (0..replies.len())
        .filter(|&number| replies[number].status == 200)
        .collect();
    let told: Vec<String> = replies.iter().map(Reply::summary).collect();
    let methods: Vec<&str> = moves.iter().map(|step| step.target.as_str()).collect();
    assert_eq!(won.len(), 1, "{shown}, {methods:?}: {told:?}");
    for (number, reply) in replies.iter().enumerate() {
        // Once a DELETE has won there is nothing to append to or to delete.
        let gone = moves[won[0]].leaves.is_none() && reply.status == 404;
        let lost = reply.status == 412 || gone;
        assert!(number == won[0] || lost, "{shown}, {methods:?}: {told:?}");
    }
    won[0]
}

fn assert_left(server: &Server, winner: &Move, shown: &str) {
    let left = server.content("file");
    assert!(
        left == winner.leaves,
        "{shown}: {} won, and the file is {:?}",
        winner.target,
        left.map(|left| String::from_utf8_lossy(&left).into_owned())
    );
}

/// 1,000 rounds of two POSTs by two clients who have read the same.
fn replacements(servers: [&Server; 2]) {
    let mut clients = servers.map(Client::of);
    clients[0].ask("POST", "file", &[], b"first");
    let mut wins = [0; 2];
    for round in 0..1000 {
        let tag = clients[round % 2].tag("file");
        let moves = [0, 1].map(|who| Move::post(format!("round {round} by {who}")));
        let shown = format!("round {round}");
        let won = race_with(&mut clients, &moves, ("If-Match", &tag), &shown);
        assert_left(servers[0], &moves[won], &shown);
        wins[won] += 1;
    }
    assert!(wins.iter().all(|&count| count > 0), "{wins:?}");
    servers[0].assert_clean();
}

#[test]
fn of_two_replacements_of_what_both_have_read_one_wins() {
    let server = Server::start();
    replacements([&server, &server]);
}

#[test]
fn of_two_replacements_by_two_servers_one_wins() {
    let one = Server::start();
    let two = one.sibling();
    replacements([&one, &two]);
}

/// Here both have been told to go on with their bodies, so that only what is checked when they end
/// can tell them apart.
#[test]
fn of_two_whose_bodies_end_at_once_one_wins() {
    let one = Server::start();
    let two = one.sibling();
    let mut client = Client::of(&one);
    for round in 0..300 {
        let (servers, method) = match round % 4 {
            0 => ([&one, &one], "POST"),
            1 => ([&one, &two], "POST"),
            2 => ([&one, &one], "PUT"),
            _ => ([&one, &two], "PUT"),
        };
        client.ask("POST", "file", &[], b"before ");
        let tag = client.tag("file");
        let framing = format!("If-Match: {tag}\r\nContent-Length: 9");
        let mut conns = servers.map(|server| server.begin(method, "file", &framing));
        let moves = [0, 1].map(|who| {
            let body = format!("{round:07} {who}");
            match method {
                "POST" => Move::post(body),
                _ => Move::put("before ", body),
            }
        });
        let shown = format!("round {round}");
        let won = finish_both(&mut conns, &moves, &shown);
        assert_left(&one, &moves[won], &shown);
    }
    one.assert_clean();
}

fn finish_both(conns: &mut [Conn; 2], moves: &[Move; 2], shown: &str) -> usize {
    let finish = |conn: &mut Conn, step: &Move| {
        conn.send(&step.body);
        conn.reply_to(step.method).expect("a reply")
    };
    race(conns, moves, finish, shown)
}

/// Every two of the ways to write, through one server and through two.
#[test]
fn of_two_writes_of_any_kind_one_wins() {
    let one = Server::start();
    let two = one.sibling();
    let mut same = [Client::of(&one), Client::of(&one)];
    let mut apart = [Client::of(&one), Client::of(&two)];
    let kinds = ["POST", "PUT", "DELETE", "mv", "cp"];
    for round in 0..600 {
        one.place("source-0", b"source 0");
        one.place("source-1", b"source 1");
        let pair = [round % 5, round / 5 % 5];
        let moves = [0, 1].map(|who| match kinds[pair[who]] {
            "POST" => Move::post(format!("{round} by {who}")),
            "PUT" => Move::put("before ", format!("{round} by {who}")),
            "DELETE" => Move::delete(),
            action => {
                let source = format!("source-{who}");
                Move::by_name(action, &source, &source.replace('-', " "))
            }
        });
        let clients = if round / 25 % 2 == 0 {
            &mut same
        } else {
            &mut apart
        };
        clients[0].ask("POST", "file", &[], b"before ");
        let tag = clients[1].tag("file");
        let shown = format!("round {round}");
        let won = race_with(clients, &moves, ("If-Match", &tag), &shown);
        assert_left(&one, &moves[won], &shown);
        for (who, kind) in [0, 1].map(|who| (who, kinds[pair[who]])) {
            let moved = kind == "mv" && who == won;
            let source = one.content(&format!("source-{who}"));
            assert_eq!(
                source.is_none(),
                moved,
                "{shown}: the source of {who}, {kind}"
            );
        }
    }
    one.assert_clean();
}

#[test]
fn of_many_who_create_a_file_one_wins() {
    let one = Server::start();
    let two = one.sibling();
    let mut clients = [&one, &two, &one, &two, &one, &two].map(Client::of);
    let mut wins = [0; 6];
    for round in 0..300 {
        one.place("source-2", b"source 2");
        one.place("source-3", b"source 3");
        one.place("source-4", b"source 4");
        one.place("source-5", b"source 5");
        let moves = [
            Move::post(format!("{round} by 0")),
            Move::post(format!("{round} by 1")),
            Move::by_name("mv", "source-2", "source 2"),
            Move::by_name("mv", "source-3", "source 3"),
            Move::by_name("cp", "source-4", "source 4"),
            Move::by_name("cp", "source-5", "source 5"),
        ];
        // Where there are few, one kind is alone.
        let span = match round % 4 {
            0 => 0..2,
            1 => 2..4,
            2 => 4..6,
            _ => 0..6,
        };
        let shown = format!("round {round}");
        let condition = ("If-None-Match", "*");
        let first = span.start;
        let won = first + race_with(&mut clients[span.clone()], &moves[span], condition, &shown);
        wins[won] += 1;
        assert_left(&one, &moves[won], &shown);
        for source in [2, 3] {
            let gone = one.content(&format!("source-{source}")).is_none();
            assert_eq!(gone, source == won, "{shown}: source-{source}, {won} won");
        }
        assert_eq!(one.delete("file").status, 200, "{shown}");
    }
    assert!(wins.iter().all(|&count| count > 0), "{wins:?}");
    one.assert_clean();
}

/// A read, a sum and a write, by many at once: the loop that If-Match is for.
#[test]
fn a_counter_that_many_raise_misses_no_one() {
    let one = Server::start();
    let two = one.sibling();
    one.post("count", b"0");
    thread::scope(|scope| {
        for who in 0..8 {
            let server = if who % 2 == 0 { &one } else { &two };
            scope.spawn(move || {
                let mut client = Client::of(server);
                for _ in 0..50 {
                    raise(&mut client);
                }
            });
        }
    });
    assert_eq!(two.get("count").text(), "400");
    one.assert_clean();
}

fn raise(client: &mut Client) {
    // At most one of the others can be ahead of each try that fails.
    for _ in 0..100_000 {
        let reply = client.ask("GET", "count", &[], b"");
        let tag = reply.header("ETag").expect("an ETag").to_string();
        let count: u32 = reply.text().parse().expect("a number");
        let next = (count + 1).to_string();
        let reply = client.ask("POST", "count", &[("If-Match", &tag)], next.as_bytes());
        match reply.status {
            200 => return,
            412 => {}
            _ => panic!("{}", reply.summary()),
        }
    }
    panic!("100,000 tries were not enough");
}

/// One writes whatever is there, in all ways; another adds to what it has read, under If-Match.
/// What the first was told is stored must not be lost to what the second had read before.
#[test]
fn who_writes_without_a_condition_is_not_overwritten_by_who_has_one() {
    let one = Server::start();
    let two = one.sibling();
    for servers in [[&one, &one], [&one, &two]] {
        servers[0].post("file", b"");
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let adder = scope.spawn(|| {
                let mut client = Client::of(servers[1]);
                let mut added = 0;
                while !done.load(Ordering::Relaxed) {
                    added += u32::from(add(&mut client));
                }
                added
            });
            let stop = StopOnDrop(&done);
            let mut client = Client::of(servers[0]);
            for number in 0..1500 {
                let mark = write_unasked(&mut client, number);
                let text = client.ask("GET", "file", &[], b"").text();
                assert!(text.contains(&mark), "{mark} is lost: {text:?}");
            }
            drop(stop);
            let added = adder.join().expect("the one with a condition failed");
            assert!(added > 20, "only {added} times");
        });
    }
    one.assert_clean();
}

/// Adds a letter to what it reads, if that is still there then; tells whether it was.
fn add(client: &mut Client) -> bool {
    let reply = client.ask("GET", "file", &[], b"");
    let tag = reply.header("ETag").expect("an ETag").to_string();
    let body = [reply.body.as_slice(), b"+"].concat();
    let reply = client.ask("POST", "file", &[("If-Match", &tag)], &body);
    assert!(matches!(reply.status, 200 | 412), "{}", reply.summary());
    reply.status == 200
}

/// Puts a mark into the file in one of the ways there are; gives the mark.
fn write_unasked(client: &mut Client, number: usize) -> String {
    let mark = format!("<{number}>");
    let into = b"{\"path\": \"file\"}".as_slice();
    let (method, target, body) = match number % 4 {
        0 => ("POST", "file", mark.as_bytes()),
        1 => ("PUT", "file", mark.as_bytes()),
        2 => ("PUT", "aside/mv", into),
        _ => ("PUT", "aside/cp", into),
    };
    if target != "file" {
        let reply = client.ask("POST", "aside", &[], mark.as_bytes());
        assert_eq!(reply.status, 200, "{mark}");
    }
    let reply = client.ask(method, target, &[], body);
    assert_eq!(reply.status, 200, "{mark}: {}", reply.summary());
    mark
}
