//! The completion for bash.

use std::fmt::Write as _;

use http_nas::internals::{FLAGS, Flag, HEALTH_FLAGS};

use crate::{OTHERS, health_flags};

const START: &str = r#"# bash completion for http-nas, made by tools/manual

_http_nas() {
  local cur=${COMP_WORDS[COMP_CWORD]} key=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # An equals sign is a word of its own to bash: --sync=d comes as --sync, = and d.
  if [[ $cur == = ]]; then
    cur=
    key+==
  elif [[ $key == = ]]; then
    key=${COMP_WORDS[COMP_CWORD - 2]}=
  fi
  case $key in
"#;

const END: &str = r#"  esac
  local words=$server
  if [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == health ]]; then
    words=$health
  elif [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == token ]]; then
    words=$token
    # Its paths are those of the server.
    [[ $cur == -* ]] || return
  elif [[ $cur != -* ]]; then
    [[ $COMP_CWORD -gt 1 ]] || mapfile -t COMPREPLY < <(compgen -W 'health token' -- "$cur")
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur")
    compopt -o filenames 2>/dev/null
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _http_nas http-nas
"#;

pub(crate) fn completion() -> String {
    let mut text = START.to_owned();
    for flag in FLAGS {
        // Writing into a String does not fail.
        let _ = writeln!(text, "    {}) {} ;;", keys(flag), values(flag));
    }
    for flag in HEALTH_FLAGS.iter().filter(|flag| !flag.metavar.is_empty()) {
        let (name, values) = (flag.name, paths(flag.is_file.then_some("-f")));
        let _ = writeln!(text, "    --{name} | --{name}=) {values} ;;");
    }
    text.push_str(END);
    let server = FLAGS.iter().map(|flag| flag.name);
    let health = health_flags().map(|flag| flag.name);
    let health = health.chain(HEALTH_FLAGS.iter().map(|flag| flag.name));
    let variables = format!(
        "  local server='{}'\n  local health='{}'\n  local token='{}'\n",
        long_flags(server),
        long_flags(health),
        long_flags([].into_iter())
    );
    text.replacen("  case $key in\n", &(variables + "  case $key in\n"), 1)
}

/// What stands before a value. A switch needs none: what stands behind it is its value only where
/// there is an equals sign.
fn keys(flag: &Flag) -> String {
    let name = flag.name;
    match flag.is_switch() {
        true => format!("--{name}="),
        false => format!("--{name} | --{name}="),
    }
}

fn values(flag: &Flag) -> String {
    let words = flag.words();
    if words.is_empty() {
        let files = flag.is_file().then_some("-f");
        return paths(files.or(flag.is_directory().then_some("-d")));
    }
    let words = words.join(" ");
    format!(r#"mapfile -t COMPREPLY < <(compgen -W '{words}' -- "$cur"); return"#)
}

/// The paths of files (`-f`) or directories (`-d`), or nothing.
fn paths(kind: Option<&str>) -> String {
    match kind {
        Some(kind) => format!(
            r#"mapfile -t COMPREPLY < <(compgen {kind} -- "$cur") && compopt -o filenames 2>/dev/null; return"#
        ),
        None => "return".to_owned(),
    }
}

fn long_flags(names: impl Iterator<Item = &'static str>) -> String {
    let names = names.chain(OTHERS.map(|(name, ..)| name));
    let words: Vec<String> = names.map(|name| format!("--{name}")).collect();
    words.join(" ")
}
