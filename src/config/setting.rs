//! A flag with the text of its value, from whichever source.
//!
//! Responsible for: which source counts where two flags exclude each other, and what to say of a
//! text that is no value. Not for: reading the sources.

use std::ffi::OsString;

use super::flag::Flag;
use super::values::Values;

/// Where the value of a flag comes from, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Flag,
    /// The variable of http-nas alone, `HTTP_NAS_PORT` and the like.
    OwnVariable,
    /// The short variable, `PORT` and the like.
    SharedVariable,
    Default,
}

/// A flag and its value.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) flag: &'static Flag,
    pub(super) value: OsString,
    pub(super) source: Source,
    /// A line for the log, if the setting counts.
    pub(super) note: Option<String>,
}

impl Setting {
    /// Whether its value is another than the default.
    pub(super) fn is_given(&self) -> bool {
        self.value != self.flag.default
    }

    /// The variable that it comes from, where other programs may have it, too, and where its value
    /// may turn out to be wrong only when it is used.
    pub(super) fn shared_variable(&self) -> Option<&'static str> {
        let is_shared = self.source == Source::SharedVariable && self.flag.names_host();
        is_shared.then_some(self.flag.variable)
    }

    /// What it is called where it comes from.
    fn shown(&self) -> String {
        match self.source {
            Source::Flag => format!("--{}", self.flag.name),
            Source::OwnVariable => self.flag.own_variable(),
            Source::SharedVariable => self.flag.variable.to_owned(),
            Source::Default => self.flag.name.to_owned(),
        }
    }

    /// Reads its value, and gives the text of it.
    ///
    /// # Errors
    /// One line, where the flag does not take the value.
    pub(super) fn read(&self, values: &mut Values) -> Result<&str, String> {
        let shown = self.shown();
        let text = self.value.to_str();
        let text = text.ok_or_else(|| format!("the value of {shown} is not UTF-8"))?;
        match self.flag.kind.read(values, text) {
            Some(()) => Ok(text),
            None => Err(format!("{shown} cannot be {text:?}; {}", self.advice(text))),
        }
    }

    /// What to do about a text that is no value.
    fn advice(&self, text: &str) -> String {
        let Flag { kind, default, .. } = self.flag;
        let advice = kind.fault(text);
        let advice =
            advice.unwrap_or_else(|| format!("it takes {} (default {default})", kind.takes()));
        match self.source {
            Source::SharedVariable => advice + &is_it_meant(self.flag.variable),
            Source::Flag | Source::OwnVariable | Source::Default => advice,
        }
    }
}

/// Removes the settings that a stronger one replaces, as `--listen` replaces `--host` and `--port`.
/// Returns a line for the log where the stronger one is a variable.
///
/// # Errors
/// One line, where a setting to be replaced comes from the same source or from a stronger one.
pub(super) fn exclude(settings: &mut Vec<Setting>) -> Result<Option<String>, String> {
    let replaces_others = |it: &&Setting| !it.flag.replaces.is_empty() && it.is_given();
    let Some(strong) = settings.iter().find(replaces_others).cloned() else {
        return Ok(None);
    };
    let is_replaced = |it: &Setting| strong.flag.replaces.contains(&it.flag.name);
    let mut replaced = Vec::new();
    for it in settings.iter().filter(|it| is_replaced(it)) {
        if it.source <= strong.source {
            return Err(both(&strong, it));
        }
        replaced.extend((it.source != Source::Default).then(|| it.shown()));
    }
    settings.retain(|it| !is_replaced(it));
    // That a flag wins over a variable is not worth a line.
    let is_noted = strong.source != Source::Flag && !replaced.is_empty();
    let (shown, replaced) = (strong.shown(), replaced.join(" and "));
    Ok(is_noted.then(|| format!("{shown} counts, in place of {replaced}")))
}

/// The error for two settings that exclude each other.
fn both(strong: &Setting, other: &Setting) -> String {
    let (one, own) = (strong.flag.name, strong.flag.own_variable());
    let (shown, other_shown) = (strong.shown(), other.shown());
    let hint = match other.source {
        Source::SharedVariable => format!("; {own} and --{one} win over {other_shown}"),
        Source::OwnVariable => format!("; --{one} wins over {other_shown}"),
        Source::Flag | Source::Default => String::new(),
    };
    format!("it is either {shown} or {other_shown}, and both are given{hint}")
}

/// A hint for a short variable with a wrong value, which may be meant for another program: conda,
/// for example, sets `HOST` to `x86_64-conda-linux-gnu`.
#[must_use]
pub(crate) fn is_it_meant(variable: &str) -> String {
    format!(" (is {variable} meant for http-nas? set HTTP_NAS_{variable}, which wins)")
}
