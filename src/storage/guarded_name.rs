//! A name as it is asked for, and who decides about the links on its way.

use std::fmt;

/// Decides whether what a link leads to may be used for an operation. The name itself is the
/// caller's to decide about.
pub(crate) trait LinkGuard {
    /// Whether the entry of these components below the root may be used.
    fn permits(&self, components: &[&[u8]]) -> bool;
}

/// A name, and the guard of its links.
#[derive(Clone, Copy)]
pub(crate) struct GuardedName<'n> {
    pub(super) components: &'n [String],
    guard: Option<&'n dyn LinkGuard>,
}

impl<'n> GuardedName<'n> {
    /// With a guard.
    pub(crate) fn new(components: &'n [String], guard: &'n dyn LinkGuard) -> Self {
        Self {
            components,
            guard: Some(guard),
        }
    }

    /// Without one: links may lead wherever there is something below the root.
    pub(crate) fn unguarded(components: &'n [String]) -> Self {
        Self {
            components,
            guard: None,
        }
    }

    /// The same name without its guard, for what is only compared with something else.
    pub(super) fn without_guard(self) -> Self {
        Self::unguarded(self.components)
    }

    /// Whether links may lead to this entry.
    pub(super) fn permits(&self, components: &[&[u8]]) -> bool {
        self.guard.is_none_or(|guard| guard.permits(components))
    }
}

impl fmt::Display for GuardedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.components.join("/"))
    }
}
