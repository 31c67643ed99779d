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
        Ok(Command::Serve(config)) => config,
        other => panic!("{words:?} {variables:?}: {other:?}"),
    }
}

#[test]
fn without_a_word_there_are_defaults() {
    let expected = Config {
        port: 3000,
        host: "127.0.0.1".to_owned(),
        storage: PathBuf::from("./storage"),
        max_transfers: 512,
        max_connections: 4096,
        idle_timeout: Duration::from_secs(60),
        max_upload_size: None,
        min_free_space: 64 << 20,
        shutdown_timeout: Duration::from_secs(30),
        sync: false,
        log_format: LogFormat::Text,
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
            &["", "[]"],
        ),
        ("storage", &["/a b", "."], &[""]),
        (
            "max-transfers",
            &["1", "65536"],
            &["0", "65537", "", "many"],
        ),
        ("max-connections", &["1", "65536"], &["0", "65537", ""]),
        ("idle-timeout", &["1", "90s", "5m"], &["0", "0s", "", "x"]),
        (
            "max-upload-size",
            &["none", "0", "10GiB"],
            &["", "None", "10G"],
        ),
        (
            "min-free-space",
            &["0", "10GiB", "1 MB", "5kb", "16777215TiB"],
            &["", "-1", "1.5GiB", "10G", "16777216TiB", "GiB"],
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
            assert!(parsed(&[&flag, value], &[]).is_ok(), "{flag} {value:?}");
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
    let target = |port, host: &str, write| {
        let host = host.to_owned();
        Ok(Command::Health(Target { port, host, write }))
    };
    // What the server could not start with is not its matter.
    let variables = [("PORT", "80"), ("HOST", "0.0.0.0"), ("SYNC", "wrong")];
    assert_eq!(parsed(&["health"], &[]), target(3000, "127.0.0.1", false));
    assert_eq!(
        parsed(&["health"], &variables),
        target(80, "0.0.0.0", false)
    );
    let words = ["health", "--write", "--host=nas", "--port=81"];
    assert_eq!(parsed(&words, &variables), target(81, "nas", true));
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
    let version = Ok(Command::Print(version()));
    assert_eq!(parsed(&["-V"], &[]), version);
}
