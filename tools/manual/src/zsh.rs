//! The completion for zsh.

use std::fmt::Write as _;

use http_nas::internals::{FLAGS, Flag, HEALTH_FLAGS};

use crate::{HEALTH, OTHERS, TOKEN, health_flags};

const START: &str = "\
#compdef http-nas
# zsh completion for http-nas, made by tools/manual

_http_nas_first() {
  _alternative \\
";

pub(crate) fn completion() -> String {
    let mut text = START.to_owned();
    // Writing into a String does not fail.
    let _ = writeln!(
        text,
        "    {} \\",
        quoted(&format!(
            "commands:command:((health\\:'{HEALTH}' token\\:'{TOKEN}'))"
        ))
    );
    text.push_str("    'folders:folder:_files -/'\n}\n\n");
    text.push_str("if (( CURRENT > 2 )) && [[ ${words[2]} == health ]]; then\n");
    text.push_str("  shift words\n  (( CURRENT-- ))\n  _arguments \\\n");
    for flag in &HEALTH_FLAGS {
        let (name, help, metavar) = (flag.name, escaped(flag.help), flag.metavar);
        let values = if flag.is_file { "_files" } else { " " };
        let spec = match metavar {
            "" => format!("--{name}[{help}]"),
            _ => format!("--{name}=[{help}]:{metavar}:{values}"),
        };
        push_spec(&mut text, &spec);
    }
    health_flags().for_each(|flag| push_spec(&mut text, &spec(flag)));
    push_others(&mut text);
    text.push_str("elif (( CURRENT > 2 )) && [[ ${words[2]} == token ]]; then\n");
    text.push_str("  shift words\n  (( CURRENT-- ))\n  _arguments \\\n");
    push_spec(&mut text, "1:name: ");
    push_spec(&mut text, "*:rights and path, as read,append\\:runs/: ");
    push_others(&mut text);
    text.push_str("else\n  _arguments \\\n");
    FLAGS
        .iter()
        .for_each(|flag| push_spec(&mut text, &spec(flag)));
    push_spec(&mut text, "1: :_http_nas_first");
    push_others(&mut text);
    text.push_str("fi\n");
    text
}

fn push_spec(text: &mut String, spec: &str) {
    let _ = writeln!(text, "    {} \\", quoted(spec));
}

fn push_others(text: &mut String) {
    let specs = OTHERS.map(|(name, letter, help)| {
        format!("    '(-{letter} --{name})'{{-{letter},--{name}}}'[{help}]'")
    });
    text.push_str(&specs.join(" \\\n"));
    text.push('\n');
}

/// One flag, as `_arguments` takes it.
fn spec(flag: &Flag) -> String {
    let (name, help, metavar) = (flag.name, escaped(flag.help), flag.metavar);
    let words = flag.words();
    let values = match () {
        () if flag.is_directory() => "_files -/".to_owned(),
        () if flag.is_file() => "_files".to_owned(),
        () if words.is_empty() => " ".to_owned(),
        () => format!("({})", words.join(" ")),
    };
    let repeated = if flag.is_repeatable() { "*" } else { "" };
    match flag.is_switch() {
        // Its value is optional, and stands behind an equals sign.
        true => format!("--{name}=-[{help}]::{metavar}:{values}"),
        false => format!("{repeated}--{name}=[{help}]:{metavar}:{values}"),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = text.replace('\\', "\\\\");
    for c in ["[", "]", ":"] {
        escaped = escaped.replace(c, &format!("\\{c}"));
    }
    escaped
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
