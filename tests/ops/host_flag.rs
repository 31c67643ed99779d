//! Where the server listens, by what `--host` says. What needs a network of its own (no IPv6,
//! nothing but IPv6, another `bindv6only`) is in tests/shell/address-families.sh.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use testkit::{Conn, Server, TempDir, eventually, server};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn get(ip: IpAddr, port: u16) -> u16 {
    let mut conn = Conn::open(SocketAddr::new(ip, port));
    let reply = conn.request("GET", "/file", &[], b"");
    reply.expect("a reply").status
}

// symptom: with `--host localhost`, programs that try IPv6 first, or alone, were refused.
// cause:   only the first address of the name was listened on.
// fix:     both loopback addresses are, on one port.
#[test]
fn localhost_is_both_loopback_addresses() {
    for host in ["localhost", "LOCALHOST", "localhost."] {
        let mut server = Server::with(&["--host", host], &[]);
        let port = server.addr.port();
        for ip in [V4, V6, V6, V4, V4, V6] {
            assert_eq!(get(ip, port), 200, "{host} {ip}");
        }
        let both = format!("listens, too address=[::1]:{port}");
        eventually("the log has both", || server.log().contains(&both));
        let exit = server.stop();
        assert_eq!(exit.code, Some(0), "{exit:?}");
    }
}

/// Both are accepted from, whichever has more connections.
#[test]
fn neither_loopback_address_waits_for_the_other() {
    let server = Server::with(&["--host", "localhost"], &[]);
    let port = server.addr.port();
    for (busy, quiet) in [(V4, V6), (V6, V4)] {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| assert_eq!(get(busy, port), 200)));
            }
            (0..20).for_each(|_| assert_eq!(get(quiet, port), 200));
        });
    }
    // Without anything else going on, one is not woken by the other.
    for ip in [V6, V4, V6, V4] {
        assert_eq!(get(ip, port), 200, "{ip}");
    }
}

#[test]
fn neither_loopback_address_accepts_while_the_server_stops() {
    let mut server = Server::with(&["--host", "localhost"], &[]);
    let port = server.addr.port();
    let mut upload = server.begin("POST", "a", "Content-Length: 2");
    server.signal("TERM");
    for ip in [V4, V6] {
        let refused = || TcpStream::connect((ip, port)).is_err();
        eventually(&format!("{ip} refuses"), refused);
    }
    upload.send(b"ab");
    assert_eq!(upload.reply_to("POST").expect("a reply").status, 200);
    assert_eq!(server.wait().code, Some(0));
}

/// A client of localhost would reach one or the other program by chance.
#[test]
fn a_port_that_is_taken_on_one_loopback_address_is_taken() {
    for ip in [V4, V6] {
        let taken = TcpListener::bind((ip, 0)).expect("a free port");
        let port = taken.local_addr().expect("bound").port().to_string();
        let dir = TempDir::new();
        let storage = dir.storage().to_string_lossy().into_owned();
        let args = [
            "--host",
            "localhost",
            "--port",
            &port,
            "--storage",
            &storage,
        ];
        let exit = server::run(&args, &[("HOST", "localhost")]);
        assert_eq!((exit.code, exit.stderr.lines().count()), (Some(1), 1));
        let says = format!("cannot listen on localhost:{port}: Address already in use");
        assert!(exit.stderr.contains(&says), "{exit:?}");
    }
}

#[test]
fn every_address_is_that_of_both_families() {
    let server = Server::with(&["--host", "::"], &[]);
    let port = server.addr.port();
    for ip in [V4, V6] {
        assert_eq!(get(ip, port), 200, "{ip}");
    }
    eventually(
        "both are logged, that of IPv4 as it is written there",
        || {
            let log = server.log();
            log.contains("client=127.0.0.1:") && log.contains("client=[::1]:")
        },
    );
    assert!(!server.log().contains("::ffff:"), "{}", server.log());
}

#[test]
fn an_address_is_that_one_alone() {
    for (host, listening, other) in [
        ("127.0.0.1", V4, V6),
        ("0.0.0.0", V4, V6),
        ("::1", V6, V4),
        ("::ffff:127.0.0.1", V4, V6),
    ] {
        let server = Server::with(&["--host", host], &[]);
        let port = server.addr.port();
        assert_eq!(get(listening, port), 200, "{host}");
        assert!(TcpStream::connect((other, port)).is_err(), "{host}");
    }
}

#[test]
fn health_finds_the_server_wherever_it_listens() {
    for host in ["localhost", "::", "0.0.0.0", "::1", "127.0.0.1"] {
        let server = Server::with(&["--host", host], &[]);
        let port = server.addr.port().to_string();
        let exit = server::run(&["health", "--write"], &[("HOST", host), ("PORT", &port)]);
        assert_eq!(exit.code, Some(0), "{host}: {exit:?}");
    }
    // As where there is no IPv6, and the server has fallen back.
    let server = Server::with(&["--host", "0.0.0.0"], &[]);
    let port = server.addr.port().to_string();
    let exit = server::run(&["health"], &[("HOST", "::"), ("PORT", &port)]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
}
