//! The table of flags. Reading the command line and the environment, `--help`, the man page and the
//! shell completions are all made from it.

use super::flag::{Flag, Group};
use super::kind::{Choice, Kind};
use super::values::LogFormat;

/// The flags, in the order in which they are shown.
pub static FLAGS: &[Flag] = &[
    Flag {
        name: "port",
        variable: "PORT",
        metavar: "PORT",
        kind: Kind::Port(|values| &mut values.port),
        default: "3000",
        group: Group::Listening,
        help: "a TCP port; 0 for any free one",
        details: "The TCP port to listen on; 0 stands for any free one, which the first line on \
                  standard output names.",
        for_health: true,
        replaces: &[],
    },
    Flag {
        name: "host",
        variable: "HOST",
        metavar: "HOST",
        kind: Kind::Host(|values| &mut values.host),
        default: "127.0.0.1",
        group: Group::Listening,
        help: "an address or a name; :: for all",
        details: "The address or the name to listen on. :: stands for all addresses of IPv6 and \
                  IPv4 (of IPv4 alone where there is no IPv6), 0.0.0.0 for those of IPv4, and \
                  localhost for both loopback addresses.",
        for_health: true,
        replaces: &[],
    },
    Flag {
        name: "listen",
        variable: "LISTEN",
        metavar: "ADDRESS",
        kind: Kind::Endpoints(|values| &mut values.listen),
        default: "none",
        group: Group::Listening,
        help: "HOST:PORT,unix:/PATH,... in place of both",
        details: "Addresses such as 127.0.0.1:3000, [::]:3000, NAME:3000 or unix:/PATH, in place \
                  of --host and --port. Several are separated by commas, or the flag is given \
                  several times. Beside --host or --port it has to come from a stronger source, \
                  as a flag is stronger than a variable; otherwise the start ends with a line \
                  that names both. http-nas health asks the first of them.",
        for_health: true,
        replaces: &["port", "host"],
    },
    Flag {
        name: "allowed-hosts",
        variable: "ALLOWED_HOSTS",
        metavar: "HOSTS",
        kind: Kind::AllowedHosts(|values| &mut values.allowed_hosts),
        default: "auto",
        group: Group::Requests,
        help: "hosts that requests may name: a,b or *",
        details: "The hosts that requests may name, without ports and separated by commas; * \
                  allows any. With auto these are the names of loopback where the server listens \
                  on loopback and Unix sockets alone, and otherwise any. A request that names \
                  another host is answered with 421.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "allow-origin",
        variable: "ALLOW_ORIGIN",
        metavar: "ORIGINS",
        kind: Kind::AllowedOrigins(|values| &mut values.allowed_origins),
        default: "none",
        group: Group::Requests,
        help: "origins whose web pages may read and write",
        details: "Origins whose web pages may use the server through the browsers that show them, \
                  to read and to write, as https://app.example:8443. Several are separated by \
                  commas, or the flag is given several times. Pages of other origins can neither \
                  read nor change anything; * is not taken, since it would let any page do both.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "trusted-proxies",
        variable: "TRUSTED_PROXIES",
        metavar: "PROXIES",
        kind: Kind::TrustedProxies(|values| &mut values.trusted_proxies),
        default: "none",
        group: Group::Requests,
        help: "proxies that name clients, as 10.0.0.0/8",
        details: "Proxies whose X-Forwarded-For or Forwarded is believed in the log: addresses \
                  and networks separated by commas, as 10.0.0.0/8,::1, and unix for what connects \
                  to a Unix socket.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "access",
        variable: "ACCESS",
        metavar: "FILE",
        kind: Kind::OptionalFile(|values| &mut values.access),
        default: "none",
        group: Group::Requests,
        help: "who may do what; without it all may",
        details: "A file of JSON with the digests of tokens and the rights of each: who may do \
                  what. Without it, everybody may do everything. A change of the file counts \
                  within two seconds; of one that is not valid, the rules before it stay in \
                  force.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "storage",
        variable: "STORAGE_PATH",
        metavar: "FOLDER",
        kind: Kind::Directory(|values| &mut values.storage),
        default: "./storage",
        group: Group::Storage,
        help: "the folder for the files",
        details: "The folder for the files. It is made where it is missing, but its parents are \
                  not: a mistyped path, or one whose volume is not mounted, stops the start.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "create-parents",
        variable: "CREATE_PARENTS",
        metavar: "true|false",
        kind: Kind::Switch(|values| &mut values.create_parents),
        default: "false",
        group: Group::Storage,
        help: "make the parents of that folder, too",
        details: "Make missing parents of the storage folder, too. Without a value it stands for \
                  true.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "max-upload-size",
        variable: "MAX_UPLOAD_SIZE",
        metavar: "SIZE",
        kind: Kind::OptionalSize(|values| &mut values.max_upload_size),
        default: "none",
        group: Group::Storage,
        help: "the largest upload, as 500M or 10Gi",
        details: "The largest body of an upload, and what an archive may be unpacked to; a larger \
                  one is answered with 413. With none, any size is taken.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "min-free-space",
        variable: "MIN_FREE_SPACE",
        metavar: "SIZE",
        kind: Kind::Size(|values| &mut values.min_free_space),
        default: "64MiB",
        group: Group::Storage,
        help: "the space that uploads leave free",
        details: "The space that uploads leave free on the file system. One that would leave less \
                  is answered with 507.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "sync",
        variable: "SYNC",
        metavar: "none|data",
        kind: Kind::Choice(&[
            Choice::new("none", |values| values.sync = false),
            Choice::new("data", |values| values.sync = true),
        ]),
        default: "none",
        group: Group::Storage,
        help: "data: a write is on the disk before its reply",
        details: "With data, a write is on the disk before it is answered. With none, a crash of \
                  the machine may take back what was written shortly before; a crash of the \
                  server alone does not.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "max-transfers",
        variable: "MAX_TRANSFERS",
        metavar: "NUMBER",
        kind: Kind::Count(|values| &mut values.max_transfers),
        default: "512",
        group: Group::Limits,
        help: "requests at once; more get 503",
        details: "Requests carried out at once; more are answered with 503. There are fewer in a \
                  small control group. One address can take fifteen sixteenths of them at most \
                  (an IPv6 address counts with its /64, and all clients of Unix sockets as one).",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "max-connections",
        variable: "MAX_CONNECTIONS",
        metavar: "NUMBER",
        kind: Kind::Count(|values| &mut values.max_connections),
        default: "4096",
        group: Group::Limits,
        help: "connections open at once",
        details: "Connections open at once. There are fewer where descriptors are few, or in a \
                  small control group. When all are open, the one that has been idle for longest \
                  is closed for a new one; where none is idle, the new one is closed.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "min-rate",
        variable: "MIN_RATE",
        metavar: "SIZE",
        kind: Kind::Size(|values| &mut values.min_rate),
        default: "1KiB",
        group: Group::Limits,
        help: "bytes a second; slower uploads may be dropped",
        details: "Bytes a second, over a minute, below which an upload is dropped where slots or \
                  space are short; 0 for none.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "idle-timeout",
        variable: "IDLE_TIMEOUT",
        metavar: "TIME",
        kind: Kind::Timeout(|values| &mut values.idle_timeout),
        default: "60s",
        group: Group::Limits,
        help: "how long a transfer may stand still",
        details: "How long a transfer may stand still, in either direction. A request whose \
                  client sends no byte of its body, or takes none of its reply, for longer than \
                  this is given up.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "keep-alive-timeout",
        variable: "KEEP_ALIVE_TIMEOUT",
        metavar: "TIME",
        kind: Kind::Timeout(|values| &mut values.keep_alive_timeout),
        default: "75s",
        group: Group::Limits,
        help: "how long a connection may be idle",
        details: "How long a connection may wait for a request before it is closed. It has to be \
                  longer than a proxy in front keeps its connections.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "shutdown-timeout",
        variable: "SHUTDOWN_TIMEOUT",
        metavar: "TIME",
        kind: Kind::Duration(|values| &mut values.shutdown_timeout),
        default: "30s",
        group: Group::Limits,
        help: "how long a shutdown waits for transfers",
        details: "How long a shutdown waits for transfers. What is still in flight then is \
                  dropped, and leaves nothing behind.",
        for_health: false,
        replaces: &[],
    },
    Flag {
        name: "log-format",
        variable: "LOG_FORMAT",
        metavar: "text|json",
        kind: Kind::Choice(&[
            Choice::new("text", |values| values.log_format = LogFormat::Text),
            Choice::new("json", |values| values.log_format = LogFormat::Json),
        ]),
        default: "text",
        group: Group::Log,
        help: "text or json",
        details: "The form of the log: lines of words and pairs, or with json one object a line.",
        for_health: false,
        replaces: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Values;

    #[test]
    fn each_row_is_whole_and_its_default_is_a_value() {
        for (at, flag) in FLAGS.iter().enumerate() {
            let texts = [flag.name, flag.variable, flag.metavar, flag.help];
            assert!(texts.iter().all(|text| !text.is_empty()), "{flag:?}");
            assert!(flag.details.ends_with('.'), "{flag:?}");
            let read = flag.kind.read(&mut Values::default(), flag.default);
            assert_eq!(read, Some(()), "{flag:?}");
            for name in flag.replaces {
                assert!(FLAGS.iter().any(|other| other.name == *name), "{name}");
            }
            let is_same = |other: &Flag| other.name == flag.name || other.variable == flag.variable;
            assert_eq!(FLAGS.iter().filter(|other| is_same(other)).count(), 1);
            // A group is in one piece.
            let is_new = FLAGS[..at].iter().all(|other| other.group != flag.group);
            assert!(is_new || FLAGS[at - 1].group == flag.group, "{flag:?}");
        }
    }
}
