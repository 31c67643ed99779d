//! The table of flags, held against every place that repeats it: `--help`, the documentation, the
//! systemd unit and its settings, the chart, the manifests, the images.
//!
//! The man page and the completions are held against it where they are made (`tools/manual`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::flags::FLAGS;
use super::help::help;
use crate::units::duration;

/// Settings by the short names of their variables.
type Settings = BTreeMap<String, String>;

/// A variable and its default.
type Default = (&'static str, &'static str);

/// The one variable that is not that of a flag.
const RUST_LOG: Default = ("RUST_LOG", "info");

struct Place {
    name: &'static str,
    text: String,
    /// The settings in such a text.
    read: fn(&str) -> Settings,
    /// What there has to be of a variable; none where the place leaves it out for a reason.
    wanted: fn(Default) -> Option<&'static str>,
}

impl Place {
    /// What is missing, unknown or other than it has to be.
    fn faults(&self, text: &str, defaults: &[Default]) -> Vec<String> {
        let found = (self.read)(text);
        let wanted = defaults.iter().filter_map(|&default| {
            let value = (self.wanted)(default)?;
            Some((default.0.to_owned(), value.to_owned()))
        });
        let wanted: Settings = wanted.collect();
        let of = |settings: &Settings, name: &str| settings.get(name).cloned();
        let names: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
        let differing = names
            .into_iter()
            .filter(|name| of(&found, name) != of(&wanted, name));
        let faults = differing.map(|name| {
            let (is, wanted) = (of(&found, name), of(&wanted, name));
            format!("{}: {name} is {is:?}, and has to be {wanted:?}", self.name)
        });
        faults.collect()
    }
}

fn defaults() -> Vec<Default> {
    let flags = FLAGS.iter().map(|flag| (flag.variable, flag.default));
    flags.chain([RUST_LOG]).collect()
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn places() -> Vec<Place> {
    let chart = "deploy/helm/http-nas";
    let place = |name: &'static str, read, wanted| Place {
        name,
        text: file(name),
        read,
        wanted,
    };
    vec![
        Place {
            name: "--help",
            text: help(),
            read: in_help,
            wanted: |(name, default)| (name != "RUST_LOG").then_some(default),
        },
        place("docs/operations.md", in_table, |(_, default)| Some(default)),
        Place {
            name: "the unit and its settings",
            text: file("deploy/systemd/http-nas.service") + &file("deploy/systemd/http-nas.conf"),
            read: in_unit,
            wanted: |(name, default)| match name {
                // systemd makes the directory.
                "CREATE_PARENTS" => None,
                "STORAGE_PATH" => Some("%S/http-nas"),
                _ => Some(default),
            },
        },
        Place {
            name: "values.yaml",
            text: file(&format!("{chart}/values.yaml")),
            read: in_values,
            wanted: |(name, default)| match name {
                // The port of the pod is fixed; that of the service is a value.
                "PORT" => None,
                _ => in_pod((name, default)),
            },
        },
        Place {
            name: "values.schema.json",
            text: file(&format!("{chart}/values.schema.json")),
            read: in_schema,
            wanted: |(name, default)| match name {
                "PORT" | "STORAGE_PATH" => None,
                _ => in_pod((name, default)).and(Some("required")),
            },
        },
        Place {
            name: "templates/deployment.yaml",
            text: file(&format!("{chart}/templates/deployment.yaml")),
            read: in_template,
            wanted: |(name, default)| match name {
                "PORT" => Some(default),
                // Only where there are rules; then they are mounted there.
                "ACCESS" => Some("/etc/http-nas/access.json"),
                _ => in_pod((name, default)).and(Some(name)),
            },
        },
        place("deploy/kubernetes/http-nas.yaml", in_manifest, in_pod),
        place("Dockerfile", in_image, of_image),
        place("Dockerfile.build", in_image, of_image),
    ]
}

/// What a pod is started with.
fn in_pod((name, default): Default) -> Option<&'static str> {
    match name {
        // HOST and PORT say where it listens, and the volume is mounted on the directory.
        "LISTEN" | "CREATE_PARENTS" => None,
        // The chart has values of its own for the rules, and mounts them; the manifests have none.
        "ACCESS" => None,
        "HOST" | "STORAGE_PATH" => of_image((name, default)),
        _ => Some(default),
    }
}

fn of_image((name, _): Default) -> Option<&'static str> {
    match name {
        "HOST" => Some("::"),
        "STORAGE_PATH" => Some("/mnt/storage"),
        _ => None,
    }
}

/// The variable of a flag, by the name of the flag; the name itself where there is no such flag.
fn variable(flag: &str) -> String {
    let found = FLAGS.iter().find(|other| other.name == flag);
    found.map_or(flag, |found| found.variable).to_owned()
}

/// The variable of a value of the chart, which is the flag in camel case.
fn variable_of_value(value: &str) -> String {
    let mut name = String::new();
    for c in value.chars() {
        if c.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    match name.as_str() {
        "log" => RUST_LOG.0.to_owned(),
        "storage-path" => variable("storage"),
        _ => variable(&name),
    }
}

/// `--flag VARIABLE description [default: VALUE]`, where the description may go on in the next
/// line.
fn in_help(text: &str) -> Settings {
    let entries = text.split("\n  --").skip(1).filter_map(|entry| {
        let mut words = entry.split_whitespace();
        let (flag, shown) = (words.next()?, words.next()?);
        let entry = entry.split("\n\n").next()?;
        let (_, default) = entry.split_once("[default: ")?;
        let is_its_own = variable(flag) == shown;
        let name = if is_its_own { shown } else { flag };
        Some((name.to_owned(), default.split(']').next()?.to_owned()))
    });
    entries.collect()
}

/// The first table whose rows are a flag, its variable and its default.
fn in_table(text: &str) -> Settings {
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with("| flag |"));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    let entries = rows.filter_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let code = |cell: &str| cell.split('`').nth(1).unwrap_or_default().to_owned();
        let (flag, shown, default) = (code(cells.get(1)?), code(cells.get(2)?), cells.get(3)?);
        let flag = flag.trim_start_matches("--");
        let is_its_own = variable(flag) == shown || shown == RUST_LOG.0;
        Some((
            if is_its_own { shown } else { flag.to_owned() },
            code(default),
        ))
    });
    entries.collect()
}

/// `Environment=VARIABLE=value`, and `#VARIABLE=value` for what is the default.
fn in_unit(text: &str) -> Settings {
    let entries = text.lines().filter_map(|line| {
        let (name, value) = match line.strip_prefix("Environment=") {
            Some(rest) => rest.split_once('=')?,
            None => line.strip_prefix('#').unwrap_or(line).split_once('=')?,
        };
        let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
        let is_variable = !name.is_empty() && name.chars().all(is_name);
        is_variable.then(|| (name.to_owned(), value.to_owned()))
    });
    entries.collect()
}

/// The values below `server:`, and the path of the storage.
fn in_values(text: &str) -> Settings {
    let is_inside = |line: &&str| line.is_empty() || line.starts_with("  ");
    let below = text.lines().skip_while(|line| *line != "server:").skip(1);
    let below = below
        .take_while(is_inside)
        .filter_map(|line| line.strip_prefix("  "));
    let path = text.lines().filter(|line| line.starts_with("storagePath:"));
    let entries = below.chain(path).filter_map(|line| {
        let (name, value) = line.split_once(": ").filter(|_| !line.starts_with('#'))?;
        let value = value.trim_matches('"').to_owned();
        Some((variable_of_value(name), value))
    });
    entries.collect()
}

fn in_schema(text: &str) -> Settings {
    let schema: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let server = &schema["properties"]["server"];
    let required = server["required"].as_array().cloned().unwrap_or_default();
    let properties = server["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let entries = properties.keys().map(|name| {
        let is_required = required.iter().any(|other| other.as_str() == Some(name));
        let state = if is_required { "required" } else { "optional" };
        (variable_of_value(name), state.to_owned())
    });
    entries.collect()
}

/// `- name: VARIABLE`, and in the next line `value:` with a quoted text.
fn in_manifest(text: &str) -> Settings {
    variables_of_pod(text, |value| value.trim_matches('"').to_owned())
}

/// The same, with a reference to a value of the chart, which is given as the variable of that
/// value.
fn in_template(text: &str) -> Settings {
    variables_of_pod(text, |value| {
        let reference = value
            .split_whitespace()
            .find(|word| word.starts_with('.') && *word != ".");
        let referred = reference.filter(|_| value.starts_with("{{"));
        let last = referred.and_then(|word| word.rsplit('.').next());
        last.map_or_else(|| value.trim_matches('"').to_owned(), variable_of_value)
    })
}

fn variables_of_pod(text: &str, read: impl Fn(&str) -> String) -> Settings {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let entries = lines.windows(2).filter_map(|pair| {
        let name = pair[0].strip_prefix("- name: ")?;
        let value = pair[1].strip_prefix("value: ")?;
        Some((name.to_owned(), read(value)))
    });
    entries.collect()
}

/// `ENV NAME=value NAME=value`, other than the path of programs.
fn in_image(text: &str) -> Settings {
    let lines = text.lines().filter_map(|line| line.strip_prefix("ENV "));
    let entries = lines.flat_map(str::split_whitespace);
    let entries = entries.filter_map(|entry| entry.split_once('='));
    let entries = entries.filter(|(name, _)| *name != "PATH");
    let entries = entries.map(|(name, value)| (name.to_owned(), value.to_owned()));
    entries.collect()
}

#[test]
fn every_place_has_the_flags_of_the_table() {
    let faults = places()
        .into_iter()
        .flat_map(|place| place.faults(&place.text, &defaults()));
    let faults: Vec<String> = faults.collect();
    assert_eq!(faults, Vec::<String>::new());
}

/// An entry that is taken out of a place, and a flag that is new in the table, are noticed in it.
#[test]
fn what_is_missing_in_a_place_is_noticed() {
    for place in places() {
        let lines: Vec<&str> = place.text.lines().collect();
        let without = (0..lines.len()).flat_map(|at| {
            let rest = [&lines[..at], &lines[at + 1..]].concat().join("\n");
            place.faults(&rest, &defaults())
        });
        let noticed: String = without.collect();
        for name in (place.read)(&place.text).keys() {
            assert!(
                noticed.contains(&format!(": {name} is ")),
                "{}: {name}",
                place.name
            );
        }
        let new = [&defaults()[..], &[("NEW", "none")]].concat();
        let faults = place.faults(&place.text, &new);
        assert_eq!(
            faults.is_empty(),
            place.name.starts_with("Dockerfile"),
            "{faults:?}"
        );
    }
}

/// The drop-ins of the documentation, for a Unix socket and for the access file.
fn drop_ins() -> Vec<String> {
    let text = file("docs/operations.md");
    let blocks = text.split("```ini\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    blocks.map(str::to_owned).collect()
}

/// The variables that drop-ins set are those of flags, under the name that wins over the settings.
#[test]
fn drop_ins_set_variables_of_flags() {
    let mut names = Vec::new();
    for drop_in in drop_ins() {
        assert!(drop_in.starts_with("[Service]\n"), "{drop_in}");
        for line in drop_in.lines() {
            if let Some(setting) = line.strip_prefix("Environment=") {
                let (name, value) = setting.split_once('=').unwrap_or_default();
                // systemd ignores the whole line where it does not know a specifier.
                assert!(!value.is_empty() && !value.contains('%'), "{line}");
                names.push(name.to_owned());
            }
        }
    }
    let of_flags: Vec<String> = FLAGS.iter().map(|flag| flag.own_variable()).collect();
    assert!(
        names.iter().all(|name| of_flags.contains(name)),
        "{names:?}"
    );
    names.sort();
    assert_eq!(
        names,
        ["HTTP_NAS_ACCESS", "HTTP_NAS_ACCESS", "HTTP_NAS_LISTEN"]
    );
}

/// A credential is where systemd puts it: in a folder with the name of the unit.
#[test]
fn the_access_file_is_where_systemd_puts_it() {
    let of = |drop_in: &str, start: &str| {
        let mut lines = drop_in.lines();
        lines.find_map(|line| line.strip_prefix(start).map(str::to_owned))
    };
    let drop_ins = drop_ins();
    let found = drop_ins
        .iter()
        .find_map(|drop_in| Some((of(drop_in, "LoadCredential=")?, drop_in)));
    let (credential, drop_in) = found.unwrap_or_else(|| panic!("there is none: {drop_ins:?}"));
    let id = credential.split(':').next().unwrap_or_default();
    let path = format!("/run/credentials/http-nas.service/{id}");
    assert_eq!(of(drop_in, "Environment=HTTP_NAS_ACCESS="), Some(path));
}

/// The unit and the documentation of it wait longer than the server does.
#[test]
fn systemd_waits_for_a_shutdown() {
    let unit = file("deploy/systemd/http-nas.service");
    let stop = unit
        .lines()
        .find_map(|line| line.strip_prefix("TimeoutStopSec="));
    let shutdown = FLAGS.iter().find(|flag| flag.name == "shutdown-timeout");
    let (stop, shutdown) = (
        stop.and_then(duration),
        shutdown.and_then(|flag| duration(flag.default)),
    );
    assert!(stop.is_some() && stop > shutdown, "{stop:?} {shutdown:?}");
}
