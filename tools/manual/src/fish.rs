//! The completion for fish.

use std::fmt::Write as _;

use http_nas::internals::{FLAGS, Flag, HEALTH_FLAGS};

use crate::{HEALTH, OTHERS, TOKEN};

const START: &str = "\
# fish completion for http-nas, made by tools/manual

complete -c http-nas -f
";

/// Where the command is to serve.
const SERVES: &str = "not __fish_seen_subcommand_from health token";

/// Where the command is to serve or to ask.
const SERVES_OR_ASKS: &str = "not __fish_seen_subcommand_from token";

/// Where the command is to ask.
const ASKS: &str = "__fish_seen_subcommand_from health";

pub(crate) fn completion() -> String {
    let mut text = START.to_owned();
    // Writing into a String does not fail.
    for (command, help) in [("health", HEALTH), ("token", TOKEN)] {
        let _ = writeln!(
            text,
            "complete -c http-nas -n __fish_is_first_arg -a {command} -d {}",
            quoted(help)
        );
    }
    let _ = writeln!(
        text,
        "complete -c http-nas -n {} -a '(__fish_complete_directories)'",
        quoted(SERVES)
    );
    for flag in FLAGS {
        let _ = writeln!(text, "{}", line(flag));
    }
    for flag in &HEALTH_FLAGS {
        let value = match (flag.metavar, flag.is_file) {
            ("", _) => "",
            (_, true) => " -r -F",
            (_, false) => " -x",
        };
        let _ = writeln!(
            text,
            "complete -c http-nas -n '{ASKS}' -l {}{value} -d {}",
            flag.name,
            quoted(flag.help)
        );
    }
    for (name, letter, help) in OTHERS {
        let _ = writeln!(
            text,
            "complete -c http-nas -l {name} -s {letter} -d {}",
            quoted(help)
        );
    }
    text
}

fn line(flag: &Flag) -> String {
    let condition = match flag.for_health {
        true => format!(" -n '{SERVES_OR_ASKS}'"),
        false => format!(" -n '{SERVES}'"),
    };
    let words = flag.words();
    let value = match () {
        // Its value is optional, which fish has no word for.
        () if flag.is_switch() => "",
        () if flag.is_directory() => " -x -a '(__fish_complete_directories)'",
        () if flag.is_file() => " -r -F",
        () if words.is_empty() => " -x",
        () => &format!(" -x -a '{}'", words.join(" ")),
    };
    let help = quoted(flag.help);
    format!(
        "complete -c http-nas{condition} -l {}{value} -d {help}",
        flag.name
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
