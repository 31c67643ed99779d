//! The types of flags: what a value may be, how it is read from a text, and where it goes.
//!
//! Responsible for: one value by itself. Not for: how values go together (`command.rs`).

use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::{Endpoint, endpoints};
use super::host::{self, host};
use super::values::Values;
use crate::http::forwarded::TrustedProxies;
use crate::http::hosts::AllowedHosts;
use crate::http::origins::AllowedOrigins;
use crate::units::{duration, size, switch};

/// The minimum and maximum of a number of things.
const COUNT: (usize, usize) = (1, 65_536);

/// The word for no value where a flag may have none.
const NONE: &str = "none";

/// Where the value of a flag goes.
type Field<T> = fn(&mut Values) -> &mut T;

/// The type of a flag.
#[derive(Debug)]
pub(super) enum Kind {
    /// True or false.
    Switch(Field<bool>),
    /// One of some words.
    Choice(&'static [Choice]),
    /// A port of TCP.
    Port(Field<u16>),
    /// A number of things, one at least.
    Count(Field<usize>),
    /// A number of bytes.
    Size(Field<u64>),
    /// A number of bytes, or none.
    OptionalSize(Field<Option<u64>>),
    /// A time, which may be 0.
    Duration(Field<Duration>),
    /// A time above 0.
    Timeout(Field<Duration>),
    /// A host to listen on.
    Host(Field<String>),
    /// Places to listen on, or none.
    Endpoints(Field<Vec<Endpoint>>),
    /// Hosts that requests may name.
    AllowedHosts(Field<AllowedHosts>),
    /// Origins whose pages may use the server, or none.
    AllowedOrigins(Field<AllowedOrigins>),
    /// Proxies to be believed, or none.
    TrustedProxies(Field<TrustedProxies>),
    /// A path of a file, or none.
    OptionalFile(Field<Option<PathBuf>>),
    /// A path of a directory.
    Directory(Field<PathBuf>),
}

/// A word that a flag takes.
#[derive(Debug)]
pub(super) struct Choice {
    word: &'static str,
    set: fn(&mut Values),
}

impl Choice {
    pub(super) const fn new(word: &'static str, set: fn(&mut Values)) -> Self {
        Self { word, set }
    }
}

impl Kind {
    /// Reads a value from a text, and puts it where it goes. `None`: the text is no value.
    pub(super) fn read(&self, values: &mut Values, text: &str) -> Option<()> {
        match self {
            Self::Switch(field) => set(field(values), switch(text)),
            Self::Choice(choices) => {
                let choice = choices.iter().find(|choice| choice.word == text);
                choice.map(|choice| (choice.set)(values))
            }
            Self::Port(field) => set(field(values), text.parse().ok()),
            Self::Count(field) => {
                let (min, max) = COUNT;
                let count = text.parse().ok();
                set(
                    field(values),
                    count.filter(|count| (min..=max).contains(count)),
                )
            }
            Self::Size(field) => set(field(values), size(text)),
            Self::OptionalSize(field) => {
                set(field(values), or_none(text, |text| size(text).map(Some)))
            }
            Self::Duration(field) => set(field(values), duration(text)),
            Self::Timeout(field) => {
                let time = duration(text);
                set(field(values), time.filter(|time| !time.is_zero()))
            }
            Self::Host(field) => set(field(values), host(text)),
            Self::Endpoints(field) => {
                set(field(values), or_none(text, |text| endpoints(text).ok()))
            }
            Self::AllowedHosts(field) => set(field(values), AllowedHosts::parse(text)),
            Self::AllowedOrigins(field) => {
                let parse = |text: &str| AllowedOrigins::parse(text).ok();
                set(field(values), or_none(text, parse))
            }
            Self::TrustedProxies(field) => set(field(values), or_none(text, TrustedProxies::parse)),
            Self::OptionalFile(field) => {
                let path = |text: &str| (!text.is_empty()).then(|| Some(PathBuf::from(text)));
                set(field(values), or_none(text, path))
            }
            Self::Directory(field) => {
                let path = (!text.is_empty()).then(|| PathBuf::from(text));
                set(field(values), path)
            }
        }
    }

    /// The words that a value is one of, where it is not free.
    pub(super) fn words(&self) -> Vec<&'static str> {
        match self {
            Self::Switch(_) => vec!["true", "false"],
            Self::Choice(choices) => choices.iter().map(|choice| choice.word).collect(),
            _ => Vec::new(),
        }
    }

    /// What is wrong with a text that is no value, for the usual mistakes.
    pub(super) fn fault(&self, text: &str) -> Option<String> {
        match self {
            Self::Host(_) => host::fault(text),
            Self::Endpoints(_) => endpoints(text).err(),
            Self::AllowedOrigins(_) => AllowedOrigins::parse(text).err(),
            _ => None,
        }
    }

    /// What a value may be.
    pub(super) fn takes(&self) -> String {
        let (min, max) = COUNT;
        match self {
            Self::Switch(_) | Self::Choice(_) => self.words().join(" or "),
            Self::Port(_) => "a number from 0 to 65535".to_owned(),
            Self::Count(_) => format!("a number from {min} to {max}"),
            Self::Size(_) => "a number of bytes, as 500M or 10Gi".to_owned(),
            Self::OptionalSize(_) => format!("a number of bytes, as 500M or 10Gi, or {NONE}"),
            Self::Duration(_) => "a time in s, m or h, as 90s, of a year at most".to_owned(),
            Self::Timeout(_) => "a time above 0 in s, m or h, as 90s, of a year at most".to_owned(),
            Self::Host(_) => "an address or a name to listen on".to_owned(),
            Self::Endpoints(_) => format!("addresses as HOST:PORT,[::]:PORT,unix:/PATH, or {NONE}"),
            Self::AllowedHosts(_) => {
                "hosts without ports, as a,b,c, or * for any, or auto".to_owned()
            }
            Self::AllowedOrigins(_) => {
                format!("origins of pages, as https://a.example,http://b.example:8080, or {NONE}")
            }
            Self::TrustedProxies(_) => {
                format!("addresses and networks, as 10.0.0.0/8,::1, or unix, or {NONE}")
            }
            Self::OptionalFile(_) => format!("the path of a file, or {NONE}"),
            Self::Directory(_) => "the path of a folder".to_owned(),
        }
    }
}

/// Sets a field, if there is a value for it.
fn set<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

/// What a text stands for that may be `none`.
fn or_none<T: Default>(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    match text {
        NONE => Some(T::default()),
        _ => parse(text),
    }
}
