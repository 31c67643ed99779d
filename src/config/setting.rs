//! A flag with its value, wherever that comes from.
//!
//! Responsible for: which source counts where two flags exclude each other, and setting the value.
//! Not for: reading the sources.

use super::flags::Flag;
use super::{Config, is_it_meant};

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
    pub(super) value: String,
    pub(super) source: Source,
    /// What the log is to say if it counts.
    pub(super) note: Option<String>,
}

impl Setting {
    /// Whether somebody has said something else than the default.
    pub(super) fn is_given(&self) -> bool {
        self.source != Source::Default && self.value != self.flag.default
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

    /// Sets what the flag stands for.
    ///
    /// # Errors
    /// One line, where it does not take the value.
    pub(super) fn apply(&self, config: &mut Config) -> Result<(), String> {
        let flag = self.flag;
        if self.source == Source::SharedVariable && flag.is_where() {
            config.shared_variable = Some(flag.variable);
        }
        if (flag.set)(config, &self.value).is_some() {
            return Ok(());
        }
        let (help, default) = (flag.help, flag.default);
        let takes = match flag.fault(&self.value) {
            Some(fault) => fault,
            None => format!("it takes {help} (default {default})"),
        };
        let hint = match self.source {
            Source::SharedVariable => is_it_meant(flag.variable),
            Source::Flag | Source::OwnVariable | Source::Default => String::new(),
        };
        let (shown, value) = (self.shown(), &self.value);
        Err(format!("{shown} cannot be {value:?}; {takes}{hint}"))
    }
}

/// Leaves out the flags in whose place a stronger one stands, as `--listen` stands in place of
/// `--host` and `--port`. Where that is a variable, the log is to say so.
///
/// # Errors
/// One line, where one of them comes from the same source or from a stronger one.
pub(super) fn exclude(settings: &mut Vec<Setting>) -> Result<Option<String>, String> {
    let stands_for_others = |it: &&Setting| !it.flag.stands_for().is_empty() && it.is_given();
    let Some(strong) = settings.iter().find(stands_for_others).cloned() else {
        return Ok(None);
    };
    let is_replaced = |it: &Setting| strong.flag.stands_for().contains(&it.flag.name);
    let mut replaced = Vec::new();
    for it in settings.iter().filter(|it| is_replaced(it)) {
        if it.source <= strong.source {
            return Err(both(&strong, it));
        }
        replaced.extend((it.source != Source::Default).then(|| it.shown()));
    }
    settings.retain(|it| !is_replaced(it));
    // A flag wins over a variable without a word.
    let is_noted = strong.source != Source::Flag && !replaced.is_empty();
    let (shown, replaced) = (strong.shown(), replaced.join(" and "));
    Ok(is_noted.then(|| format!("{shown} counts, in place of {replaced}")))
}

/// What to say of two settings that exclude each other.
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
