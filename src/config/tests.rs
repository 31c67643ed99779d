//! Tests of the command line: defaults, values, mistakes.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::http::forwarded::TrustedProxies;
use crate::http::hosts::AllowedHosts;
use crate::http::name::Name;
use crate::http::origins::AllowedOrigins;
use crate::http::token::Token;

fn parsed(words: &[&str], variables: &[(&str, &str)]) -> Result<Command, String> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    parse(words.iter().map(OsString::from), variable)
}

fn config(words: &[&str], variables: &[(&str, &str)]) -> Config {
    match parsed(words, variables) {
        Ok(Command::Serve(config)) => *config,
        other => panic!("{words:?} {variables:?}: {other:?}"),
    }
}

fn tcp(host: &str, port: u16) -> Endpoint {
    let host = host.to_owned();
    Endpoint::Tcp { host, port }
}

#[test]
fn without_a_word_there_are_defaults() {
    let expected = Config {
        listen: vec![tcp("127.0.0.1", 3000)],
        shared_variable: None,
        allowed_hosts: AllowedHosts::Auto,
        allowed_origins: AllowedOrigins::default(),
        trusted_proxies: TrustedProxies::default(),
        access: None,
        storage: PathBuf::from("./storage"),
        create_parents: false,
        max_transfers: 512,
        max_connections: 4096,
        idle_timeout: Duration::from_secs(60),
        keep_alive_timeout: Duration::from_secs(75),
        max_upload_size: None,
        min_free_space: 64 << 20,
        min_rate: 1024,
        shutdown_timeout: Duration::from_secs(30),
        sync: false,
        log_format: LogFormat::Text,
        settings: Vec::new(),
        notes: Vec::new(),
    };
    assert_eq!(config(&[], &[]), expected);
    assert_eq!(config(&[], &[("PORT", ""), ("HOST", "")]), expected);
}

#[test]
fn flags_win_over_variables_and_those_over_defaults() {
    let variables = [("PORT", "wrong"), ("SYNC", "data"), ("STORAGE_PATH", "/v")];
    let config = config(&["--port", "2", "--storage=/f"], &variables);
    assert_eq!(config.listen, [tcp("127.0.0.1", 2)]);
    assert_eq!(config.storage, PathBuf::from("/f"));
    assert!(config.sync);
}

#[test]
fn each_flag_takes_its_values_and_no_others() {
    for (name, good, bad) in [
        (
            "port",
            &["0", "65535"][..],
            &["-1", "65536", "", "x", "80 "][..],
        ),
        (
            "host",
            &["0.0.0.0", "::1", "[::1]", "localhost"],
            &["", "[]", "http://a", "127.0.0.1:80", "a/b"],
        ),
        (
            "listen",
            &["none", "127.0.0.1:0", "[::1]:1,nas:2, unix:/a"],
            &["", "3000", "127.0.0.1", "::1:80", "unix:a", "a:1,"],
        ),
        (
            "allowed-hosts",
            &["auto", "*", "nas", "nas.example, 10.0.0.1,[::2]"],
            &["", "nas:3000", "http://nas", ","],
        ),
        (
            "allow-origin",
            &["none", "https://a", "HTTP://a:80, tauri://localhost"],
            &[
                "",
                "*",
                "null",
                "a",
                "https://a/",
                "https://a,",
                "none,none",
            ],
        ),
        (
            "trusted-proxies",
            &["none", "::1", "10.0.0.0/8, fd00::/8", "unix", "::1,unix"],
            &["", "10.0.0.0/33", "proxy", "10.0.0.1,"],
        ),
        ("storage", &["/a b", "."], &[""]),
        ("create-parents", &["true", "false", "1", "0"], &["", "yes"]),
        (
            "max-transfers",
            &["1", "65536"],
            &["0", "65537", "", "many"],
        ),
        ("max-connections", &["1", "65536"], &["0", "65537", ""]),
        ("idle-timeout", &["1", "90s", "5m"], &["0", "0s", "", "x"]),
        (
            "keep-alive-timeout",
            &["1", "620s", "11m"],
            &["0", "0s", "", "x"],
        ),
        (
            "max-upload-size",
            &["none", "0", "10GiB"],
            &["", "None", "10GG"],
        ),
        (
            "min-free-space",
            &["0", "10GiB", "1 MB", "1.5G", "16777215TiB"],
            &["", "-1", "1.5", "1e3", "16777216TiB", "GiB"],
        ),
        (
            "min-rate",
            &["0", "1KiB", "10k"],
            &["", "-1", "1.5", "none"],
        ),
        (
            "shutdown-timeout",
            &["0", "30", "90s", "5m", "8760h"],
            &["", "1d", "-1", "8761h", "99999999999999999999"],
        ),
        ("sync", &["none", "data"], &["", "Data", "all"]),
        ("log-format", &["text", "json"], &["", "JSON"]),
    ] {
        let flag = format!("--{name}");
        for value in good {
            let word = format!("{flag}={value}");
            assert!(parsed(&[&word], &[]).is_ok(), "{word}");
        }
        for value in bad {
            let error = parsed(&[&format!("{flag}={value}")], &[]).err();
            let error = error.unwrap_or_else(|| panic!("{flag} {value:?}"));
            assert!(error.contains(&flag) && !error.contains('\n'), "{error}");
        }
    }
}

#[test]
fn wrong_words_are_named() {
    for (words, named) in [
        (&["--prot", "1"][..], "--prot"),
        (&["-x"], "-x"),
        (&["serve"], "\"serve\""),
        (&["--prot", "1"], "did you mean --port?"),
        (&["health", "--storage", "a"], "no flag --storage; see"),
        (&["heatlh"], "did you mean http-nas health?"),
        (&["a", "b"], "\"b\""),
        (&["a", "--storage", "b"], "twice: as \"a\" and by --storage"),
        (
            &["--host", "http://a"],
            "a host, not an address with http://",
        ),
        (&["--host", "127.0.0.1:3000"], "give that with --port 3000"),
        (&["--listen", "nas"], "\"nas\" has no port"),
        (&["--listen", "a:1", "--listen", "b"], "\"b\" has no port"),
        (&["--port"], "--port"),
        (&["--write"], "--write"),
        (&["--port", "1", "health"], "\"health\""),
        (&["health", "health"], "\"health\""),
        (&["health", "--storage", "a"], "--storage"),
        (&["health", "--write=yes"], "--write"),
        (&["health", "--port", "many"], "--port"),
        (&["health", "--port", "0"], "port"),
        (&["health", "--listen", "a:0,b:1"], "port"),
    ] {
        let error = parsed(words, &[]).err();
        let error = error.unwrap_or_else(|| panic!("{words:?}"));
        assert!(error.contains(named), "{words:?}: {error}");
    }
    let error = parsed(&[], &[("MAX_TRANSFERS", "0")]).err();
    assert!(error.is_some_and(|error| error.starts_with("MAX_TRANSFERS cannot be \"0\"")));
}

#[test]
fn health_takes_what_says_where_the_server_is() {
    let probe = |port, host: &str, (write, shared_variable)| {
        let endpoint = tcp(host, port);
        Ok(Command::Health(Probe {
            endpoint,
            shared_variable,
            write,
        }))
    };
    // What the server could not start with is not its matter.
    let variables = [("PORT", "80"), ("HOST", "nas"), ("SYNC", "wrong")];
    assert_eq!(
        parsed(&["health"], &[]),
        probe(3000, "127.0.0.1", (None, None))
    );
    assert_eq!(
        parsed(&["health"], &variables),
        probe(80, "nas", (None, Some("HOST")))
    );
    let words = ["health", "--write", "--host=nas", "--port=81"];
    let root = Some(WriteProbe {
        folder: Name::root(),
        token: None,
    });
    assert_eq!(parsed(&words, &variables), probe(81, "nas", (root, None)));
    // The first of several is asked.
    let variables = [("LISTEN", "nas:80,unix:/a")];
    let shared = probe(80, "nas", (None, Some("LISTEN")));
    assert_eq!(parsed(&["health"], &variables), shared);
    let socket = Ok(Command::Health(Probe {
        endpoint: Endpoint::Unix("/a".into()),
        shared_variable: None,
        write: None,
    }));
    let words = ["health", "--listen=unix:/a", "--listen=nas:80"];
    assert_eq!(parsed(&words, &variables), socket);
}

#[test]
fn a_token_for_health_is_in_one_place() {
    let found = |words: &[&str], variables: &[(&str, &str)]| {
        let words = [&["health", "--write"], words].concat();
        match parsed(&words, variables) {
            Ok(Command::Health(Probe {
                write: Some(write), ..
            })) => Ok((write.folder.to_string(), write.token)),
            Ok(other) => panic!("{other:?}"),
            Err(why) => Err(why),
        }
    };
    let variable = ("HTTP_NAS_TOKEN", "t0ken\n");
    let file = ("HTTP_NAS_TOKEN_FILE", "/f");
    // Those of other programs.
    let others = [("TOKEN", "x"), ("TOKEN_FILE", "/x"), ("FOLDER", "x")];
    let in_file = |path: &str| Some(TokenSource::File(path.into()));
    let in_variable = Token::parse("t0ken").ok().map(TokenSource::Variable);
    let root = || "/".to_owned();
    assert_eq!(found(&[], &others), Ok((root(), None)));
    assert_eq!(found(&[], &[variable]), Ok((root(), in_variable)));
    assert_eq!(found(&[], &[file]), Ok((root(), in_file("/f"))));
    let words = ["--token-file=/a", "--folder", "a//b/", "--token-file", "/g"];
    let expected = Ok(("a/b".to_owned(), in_file("/g")));
    assert_eq!(found(&words, &[variable, file]), expected);
    for (words, variables, says) in [
        (
            &[][..],
            &[variable, file][..],
            "it is either HTTP_NAS_TOKEN or HTTP_NAS_TOKEN_FILE",
        ),
        (
            &[],
            &[("HTTP_NAS_TOKEN", "t0 ken")],
            "HTTP_NAS_TOKEN is wrong: it holds spaces",
        ),
        (
            &["--token-file="],
            &[],
            "--token-file takes the path of a file",
        ),
        (&["--token-file"], &[], "--token-file"),
        (
            &["--folder", "a/../b"],
            &[],
            "--folder cannot be \"a/../b\": the name holds",
        ),
        (&["--fodler", "a"], &[], "did you mean --folder?"),
    ] {
        let why = found(words, variables).err().unwrap_or_default();
        assert!(why.contains(says), "{says}: {why}");
        assert!(!why.contains("t0"), "{why}");
    }
    for words in [["health", "--token-file=/f"], ["health", "--folder=a"]] {
        let why = parsed(&words, &[]).err().unwrap_or_default();
        assert!(
            why.contains(" is for --write, and that is not given"),
            "{why}"
        );
    }
    // Where no file is stored, no token is needed, and none is looked at.
    assert!(parsed(&["health"], &[variable, file]).is_ok());
    assert!(parsed(&["--token-file=/f"], &[]).is_err());
    assert_eq!(config(&[], &[variable, file]), config(&[], &[]));
    assert!(!format!("{:?}", found(&[], &[variable])).contains("t0ken"));
}

#[test]
fn help_and_version_are_printed_whatever_else_is_given() {
    let help = Ok(Command::Print(help::help()));
    let version = Ok(Command::Print(help::version()));
    for words in [&["--help"][..], &["-h"], &["--port", "1", "--help"]] {
        assert_eq!(parsed(words, &[]), help, "{words:?}");
    }
    let health = Ok(Command::Print(help::health()));
    for words in [&["health", "-h"][..], &["health", "--port", "1", "--help"]] {
        assert_eq!(parsed(words, &[]), health, "{words:?}");
    }
    assert_eq!(parsed(&["-V"], &[]), version);
    assert_eq!(parsed(&["--version"], &[]), version);
}

#[test]
fn a_word_that_is_no_flag_is_the_storage_folder() {
    for words in [
        &["./data"][..],
        &["--port", "1", "./data"],
        &["--", "./data"],
    ] {
        assert_eq!(
            config(words, &[]).storage,
            PathBuf::from("./data"),
            "{words:?}"
        );
    }
    let variables = [("STORAGE_PATH", "/v")];
    assert_eq!(config(&["data"], &variables).storage, PathBuf::from("data"));
}

#[test]
fn a_switch_needs_no_value_on_the_command_line() {
    assert!(config(&["--create-parents", "a"], &[]).create_parents);
    assert!(!config(&["--create-parents=false"], &[("CREATE_PARENTS", "1")]).create_parents);
    assert!(config(&[], &[("CREATE_PARENTS", "true")]).create_parents);
}

#[test]
fn the_variables_of_http_nas_alone_win_over_the_short_ones() {
    let variables = [
        ("HTTP_NAS_PORT", "1"),
        ("PORT", "many"),
        ("HTTP_NAS_HOST", "::1"),
        ("HOST", "::1"),
    ];
    let both = config(&[], &variables);
    assert_eq!(both.listen, [tcp("::1", 1)]);
    assert_eq!(both.shared_variable, None);
    assert_eq!(both.notes, ["HTTP_NAS_PORT counts; PORT has another value"]);
    let flags = config(&["--port", "2", "--host=a"], &variables);
    assert_eq!(flags.listen, [tcp("a", 2)]);
    assert_eq!(flags.notes.len(), 0);
    let empty = config(&[], &[("HTTP_NAS_HOST", ""), ("HOST", "nas")]);
    assert_eq!(empty.listen, [tcp("nas", 3000)]);
    assert_eq!(empty.shared_variable, Some("HOST"));
}

#[test]
fn listen_is_given_several_times_and_by_commas() {
    let expected = [
        tcp("127.0.0.1", 1),
        tcp("::1", 2),
        Endpoint::Unix("/a".into()),
    ];
    for words in [
        &[
            "--listen",
            "127.0.0.1:1",
            "--listen=[::1]:2",
            "--listen",
            "unix:/a",
        ][..],
        &["--listen", "127.0.0.1:1", "--listen", "[::1]:2, unix:/a"],
        &["--listen", "127.0.0.1:1,[::1]:2,unix:/a"],
    ] {
        assert_eq!(config(words, &[]).listen, expected, "{words:?}");
    }
    let variable = [("LISTEN", "127.0.0.1:1,[::1]:2,unix:/a")];
    let by_variable = config(&[], &variable);
    assert_eq!(by_variable.listen, expected);
    assert_eq!(by_variable.shared_variable, Some("LISTEN"));
    // A flag does not add to a variable.
    let flag = config(&["--listen", "nas:4"], &variable);
    assert_eq!(flag.listen, [tcp("nas", 4)]);
    // Of other flags, the last one counts.
    let port = config(&["--port", "1", "--port", "2"], &[]);
    assert_eq!(port.listen, [tcp("127.0.0.1", 2)]);
}

#[test]
fn listen_stands_in_place_of_host_and_port_from_weaker_sources() {
    const OWN: &str = "HTTP_NAS_LISTEN";
    for (words, variables, notes) in [
        (&["--listen", "nas:1"][..], &[][..], 0),
        (
            &["--listen", "nas:1"],
            &[
                ("HOST", "http://"),
                ("HTTP_NAS_PORT", "many"),
                ("PORT", "1"),
            ],
            0,
        ),
        (&[], &[(OWN, "nas:1"), ("HOST", "::"), ("PORT", "many")], 1),
        (&[], &[("LISTEN", "nas:1")], 0),
    ] {
        let found = config(words, variables);
        assert_eq!(found.listen, [tcp("nas", 1)], "{words:?} {variables:?}");
        assert_eq!(found.notes.len(), notes, "{:?}", found.notes);
        assert_eq!(found.settings, [("listen", "nas:1".to_owned())]);
    }
    let noted = config(&[], &[(OWN, "a:1"), ("HOST", "::"), ("PORT", "2")]);
    let note = "HTTP_NAS_LISTEN counts, in place of PORT and HOST";
    assert_eq!(noted.notes, [note]);
    // None is as good as nothing.
    let none = config(&["--listen", "none", "--port", "2"], &[]);
    assert_eq!(none.listen, [tcp("127.0.0.1", 2)]);
}

// symptom: a HOST that is not UTF-8 stopped the start of a server that was given --listen.
// cause:   each variable was made text when it was read, whether it counted or not.
// fix:     a value is made text when it is read as one of its flag.
#[test]
fn a_value_that_does_not_count_need_not_be_text() {
    use std::os::unix::ffi::OsStringExt;
    let broken = |name: &str| (name == "HOST").then(|| OsString::from_vec(vec![0xff]));
    let parsed = |words: &[&str]| parse(words.iter().map(OsString::from), broken);
    for words in [&["--listen", "nas:1"][..], &["--host", "nas"]] {
        assert!(matches!(parsed(words), Ok(Command::Serve(_))), "{words:?}");
    }
    let error = Err("the value of HOST is not UTF-8".to_owned());
    assert_eq!(parsed(&[]), error);
}

#[test]
fn listen_and_host_or_port_are_one_too_many_from_sources_as_strong() {
    const OWN: &str = "HTTP_NAS_LISTEN";
    for (words, variables, says) in [
        (
            &["--listen", "a:1", "--port", "1"][..],
            &[][..],
            "it is either --listen or --port, and both are given",
        ),
        (
            &["--host", "a", "--listen", "a:1"],
            &[],
            "it is either --listen or --host, and both are given",
        ),
        (
            &["--port", "1"],
            &[("LISTEN", "a:1")],
            "it is either LISTEN or --port, and both are given",
        ),
        (
            &[],
            &[("LISTEN", "a:1"), ("HOST", "::")],
            "it is either LISTEN or HOST, and both are given; HTTP_NAS_LISTEN and --listen win over HOST",
        ),
        (
            &[],
            &[(OWN, "a:1"), ("HTTP_NAS_HOST", "::")],
            "it is either HTTP_NAS_LISTEN or HTTP_NAS_HOST, and both are given; --listen wins over HTTP_NAS_HOST",
        ),
        (
            &[],
            &[("LISTEN", "a:1"), ("HTTP_NAS_PORT", "2")],
            "it is either LISTEN or HTTP_NAS_PORT, and both are given; --listen wins over HTTP_NAS_PORT",
        ),
    ] {
        for command in [&[][..], &["health"]] {
            let words = [command, words].concat();
            assert_eq!(parsed(&words, variables), Err(says.to_owned()));
        }
    }
}

/// Kubernetes sets `HTTP_NAS_PORT` in the pods beside a service that is called http-nas.
#[test]
fn the_address_of_a_service_is_no_port() {
    let link = ("HTTP_NAS_PORT", "tcp://10.96.0.7:3000");
    let port = |variables: &[_]| config(&[], variables).listen;
    assert_eq!(port(&[link]), [tcp("127.0.0.1", 3000)]);
    assert_eq!(port(&[link, ("PORT", "80")]), [tcp("127.0.0.1", 80)]);
    assert!(config(&[], &[link, ("PORT", "80")]).notes.is_empty());
}

#[test]
fn a_short_variable_of_no_use_may_be_meant_for_another_program() {
    for (variable, value) in [
        ("HOST", "http://a"),
        ("LOG_FORMAT", "%h %l"),
        ("PORT", "many"),
    ] {
        let error = parsed(&[], &[(variable, value)]).err().unwrap_or_default();
        let hint =
            format!("(is {variable} meant for http-nas? set HTTP_NAS_{variable}, which wins)");
        assert!(
            error.starts_with(variable) && error.ends_with(&hint),
            "{error}"
        );
        let own = format!("HTTP_NAS_{variable}");
        let error = parsed(&[], &[(&own, value)]).err().unwrap_or_default();
        assert!(
            error.starts_with(&own) && !error.contains("meant"),
            "{error}"
        );
    }
}
