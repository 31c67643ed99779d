//! Tests of the command line: defaults, values, mistakes.

use super::*;

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

#[test]
fn without_a_word_there_are_defaults() {
    let expected = Config {
        port: 3000,
        host: "127.0.0.1".to_owned(),
        is_host_shared: false,
        allowed_hosts: AllowedHosts::Auto,
        trusted_proxies: Networks::default(),
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
    assert_eq!(config.port, 2);
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
            "allowed-hosts",
            &["auto", "*", "nas", "nas.example, 10.0.0.1,[::2]"],
            &["", "nas:3000", "http://nas", ","],
        ),
        (
            "trusted-proxies",
            &["none", "::1", "10.0.0.0/8, fd00::/8"],
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
        (&["--port"], "--port"),
        (&["--write"], "--write"),
        (&["--port", "1", "health"], "\"health\""),
        (&["health", "health"], "\"health\""),
        (&["health", "--storage", "a"], "--storage"),
        (&["health", "--write=yes"], "--write"),
        (&["health", "--port", "many"], "--port"),
        (&["health", "--port", "0"], "port"),
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
    let target = |port, host: &str, (write, shared)| {
        let host = host.to_owned();
        let is_host_shared = shared;
        Ok(Command::Health(Target {
            port,
            host,
            is_host_shared,
            write,
        }))
    };
    // What the server could not start with is not its matter.
    let variables = [("PORT", "80"), ("HOST", "nas"), ("SYNC", "wrong")];
    assert_eq!(
        parsed(&["health"], &[]),
        target(3000, "127.0.0.1", (false, false))
    );
    assert_eq!(
        parsed(&["health"], &variables),
        target(80, "nas", (false, true))
    );
    let words = ["health", "--write", "--host=nas", "--port=81"];
    assert_eq!(parsed(&words, &variables), target(81, "nas", (true, false)));
}

#[test]
fn help_names_every_flag_and_variable() {
    let Ok(Command::Print(help)) = parsed(&["--help"], &[]) else {
        panic!("--help does not print");
    };
    for flag in FLAGS {
        assert!(help.contains(&format!("--{}", flag.name)));
        assert!(help.contains(flag.variable));
    }
    let version = Ok(Command::Print(help::version()));
    assert_eq!(parsed(&["-V"], &[]), version);
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
    assert_eq!(
        (both.port, both.host.as_str(), both.is_host_shared),
        (1, "::1", false)
    );
    assert_eq!(both.notes, ["HTTP_NAS_PORT counts; PORT has another value"]);
    let flags = config(&["--port", "2", "--host=a"], &variables);
    assert_eq!(
        (flags.port, flags.host.as_str(), flags.notes.len()),
        (2, "a", 0)
    );
    let address = config(&[], &[("HOST", "[::]")]);
    assert_eq!(
        (address.host.as_str(), address.is_host_shared),
        ("::", false)
    );
    let empty = config(&[], &[("HTTP_NAS_HOST", ""), ("HOST", "nas")]);
    assert_eq!((empty.host.as_str(), empty.is_host_shared), ("nas", true));
}

/// Kubernetes sets `HTTP_NAS_PORT` in the pods beside a service that is called http-nas.
#[test]
fn the_address_of_a_service_is_no_port() {
    let link = ("HTTP_NAS_PORT", "tcp://10.96.0.7:3000");
    assert_eq!(config(&[], &[link]).port, 3000);
    assert_eq!(config(&[], &[link, ("PORT", "80")]).port, 80);
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
