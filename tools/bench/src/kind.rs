//! The servers by name, and how each is asked for the same things.

use testkit::rules::bearer;

use crate::tokens;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    HttpNas,
    /// The same with `--access`: each request has a token.
    Tokens,
    Nginx,
    Dufs,
    Node,
    /// The loop of system calls that a transfer takes, and nothing else: see bare.rs. For what is
    /// done on the server, it is the command that does the same.
    Bare,
}

/// The head of a request, except the fields of its body.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    pub target: String,
    /// Whole lines.
    pub fields: String,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::HttpNas,
        Self::Tokens,
        Self::Nginx,
        Self::Dufs,
        Self::Node,
        Self::Bare,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::HttpNas => "http-nas",
            Self::Tokens => "tokens",
            Self::Nginx => "nginx",
            Self::Dufs => "dufs",
            Self::Node => "node",
            Self::Bare => "bare",
        }
    }

    /// What stands above its column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tokens => "http-nas, 100 tokens",
            Self::Node => "Node",
            Self::Bare => "bare loop",
            other => other.name(),
        }
    }

    fn target(self, name: &str) -> String {
        match self {
            Self::HttpNas | Self::Tokens | Self::Node => format!("/file/{name}"),
            Self::Nginx | Self::Dufs | Self::Bare => format!("/{name}"),
        }
    }

    fn ask(self, method: &'static str, target: String) -> Ask {
        let fields = match self {
            Self::Tokens => format!("Authorization: {}\r\n", bearer(&tokens::used())),
            _ => String::new(),
        };
        Ask {
            method,
            target,
            fields,
        }
    }

    pub fn get(self, name: &str) -> Ask {
        self.ask("GET", self.target(name))
    }

    /// Creates or replaces a file.
    pub fn store(self, name: &str) -> Ask {
        let method = match self {
            Self::HttpNas | Self::Tokens | Self::Node => "POST",
            Self::Nginx | Self::Dufs | Self::Bare => "PUT",
        };
        self.ask(method, self.target(name))
    }

    /// An upload that is taken by splice, where that is not what `store` does anyway.
    pub fn splice(self, name: &str) -> Ask {
        match self {
            Self::Bare => self.ask("SPLICE", self.target(name)),
            _ => self.store(name),
        }
    }

    /// An upload that is refused for where it goes, with a status from 400 to 499.
    pub fn refused(self) -> Option<Ask> {
        (self != Self::Bare).then(|| self.ask("POST", "/nothing".to_owned()))
    }

    pub fn append(self, name: &str) -> Option<Ask> {
        let (method, fields) = match self {
            Self::HttpNas | Self::Tokens | Self::Node => ("PUT", ""),
            Self::Dufs => ("PATCH", "X-Update-Range: append\r\n"),
            Self::Bare => ("PATCH", ""),
            Self::Nginx => return None,
        };
        let ask = self.ask(method, self.target(name));
        let fields = ask.fields + fields;
        Some(Ask { fields, ..ask })
    }

    /// The names in a folder; each server in its own form.
    pub fn list(self, name: &str) -> Ask {
        let end = match self {
            Self::Nginx => "/",
            Self::Dufs => "/?simple",
            Self::HttpNas | Self::Tokens | Self::Node | Self::Bare => "",
        };
        self.ask("GET", self.target(name) + end)
    }

    pub fn count_lines(self, name: &str) -> Option<Ask> {
        let has = matches!(self, Self::HttpNas | Self::Tokens | Self::Node);
        has.then(|| self.ask("GET", self.target(name) + "/wc"))
    }

    pub fn digest(self, name: &str) -> Option<Ask> {
        let end = match self {
            Self::HttpNas | Self::Tokens => "/sha256",
            Self::Dufs => "?hash",
            Self::Nginx | Self::Node | Self::Bare => return None,
        };
        Some(self.ask("GET", self.target(name) + end))
    }

    pub fn archive(self, name: &str) -> Option<Ask> {
        let has = matches!(self, Self::HttpNas | Self::Tokens);
        has.then(|| self.ask("GET", self.target(name) + "/tar"))
    }

    /// Copies a file: the request and its body.
    pub fn copy(self, from: &str, to: &str) -> Option<(Ask, String)> {
        match self {
            Self::HttpNas | Self::Tokens => {
                let ask = self.ask("PUT", self.target(from) + "/cp");
                Some((ask, format!("{{\"path\": \"{to}\"}}")))
            }
            Self::Nginx | Self::Dufs => {
                let ask = self.ask("COPY", self.target(from));
                let fields = format!("Destination: http://127.0.0.1{}\r\n", self.target(to));
                Some((Ask { fields, ..ask }, String::new()))
            }
            Self::Node | Self::Bare => None,
        }
    }
}

impl Ask {
    /// The head of the request with a body of this length.
    pub fn with_length(&self, length: u64) -> Vec<u8> {
        self.head(&format!("Content-Length: {length}\r\n"))
    }

    pub fn chunked(&self) -> Vec<u8> {
        self.head("Transfer-Encoding: chunked\r\n")
    }

    pub fn without_body(&self) -> Vec<u8> {
        self.head("")
    }

    /// The same fields as curl's, more or less.
    fn head(&self, more: &str) -> Vec<u8> {
        let (method, target, fields) = (self.method, &self.target, &self.fields);
        let common = "Host: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n";
        format!("{method} {target} HTTP/1.1\r\n{common}{fields}{more}\r\n").into_bytes()
    }
}
