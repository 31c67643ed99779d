//! What the caller may do with the names of a request.
//!
//! Responsible for: the decision on a name before anything is known of the storage, and on what is
//! found there. Not for: which rights an operation needs (`http/rights.rs`), who has them
//! (`http/policy.rs`).

use std::cell::Cell;

use super::error::Error;
use crate::http::name::Name;
use crate::http::policy::Caller;
use crate::http::rights::{Needs, Right, Rights, needs};
use crate::http::route::Operation;
use crate::storage::{self, Current, GuardedName, LinkGuard};

/// Refuses a caller who may not carry an operation out, by what the head of the request says.
///
/// # Errors
/// [`Error::Unauthorized`] and [`Error::Missing`], the same whether a name exists or not.
pub(crate) fn authorize(caller: &Caller, operation: &Operation) -> Result<(), Error> {
    let needs = needs(operation);
    let name = operation.name();
    let missing = match needs {
        Needs::Nothing => return Ok(()),
        Needs::Anything => {
            let has_none = caller.rights_anywhere().is_empty();
            has_none.then_some(Error::Missing(Rights::NONE, None))
        }
        Needs::Anywhere(right) => {
            let is_missing = !caller.rights_anywhere().contain(right);
            is_missing.then_some(Error::Missing(right.into(), None))
        }
        Needs::OnName(rights) | Needs::OnBoth { name: rights, .. } => {
            let holds = |name: &Name| caller.rights_on(name.components()).contain(rights);
            let is_missing = !name.is_some_and(holds);
            is_missing.then(|| Error::Missing(rights, name.cloned()))
        }
    };
    missing.map_or(Ok(()), |error| Err(error.of_caller(caller)))
}

/// A name, and what the caller may do with what it leads to.
pub(super) struct Grant<'r> {
    pub(super) name: &'r Name,
    caller: &'r Caller,
    needs: Needs,
    /// The rights that are needed.
    needed: Rights,
    /// The rights on the name, and on whatever links on its way have led to so far.
    held: Cell<Rights>,
    /// What is moved here, where the caller could read it here.
    moved: Option<Moved<'r>>,
}

/// What a name is the destination of.
struct Moved<'r> {
    source: &'r Grant<'r>,
    /// Whether the caller may read something at or below the name, or at or below what links on
    /// its way have led to.
    is_shown: Cell<bool>,
}

impl<'r> Grant<'r> {
    /// For the name in the target of a request that was authorized.
    pub(super) fn new(caller: &'r Caller, operation: &Operation, name: &'r Name) -> Self {
        let needs = needs(operation);
        Self {
            name,
            caller,
            needs,
            needed: match needs {
                Needs::OnName(rights) | Needs::OnBoth { name: rights, .. } => rights,
                Needs::Nothing | Needs::Anything | Needs::Anywhere(_) => Rights::NONE,
            },
            held: Cell::new(caller.rights_on(name.components())),
            moved: None,
        }
    }

    /// For the name in the body of the request, to which this one is moved or copied.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] and [`Error::Missing`].
    pub(super) fn destination<'d>(&'d self, name: &'d Name) -> Result<Grant<'d>, Error> {
        let (needed, shows) = match self.needs {
            Needs::OnBoth {
                destination, shows, ..
            } => (destination, shows),
            _ => (Rights::ALL, true),
        };
        let components = name.components();
        let grant = Grant {
            name,
            caller: self.caller,
            needs: self.needs,
            needed,
            held: Cell::new(self.caller.rights_on(components)),
            moved: shows.then(|| Moved {
                source: self,
                is_shown: Cell::new(self.caller.may_reach(Right::Read, components)),
            }),
        };
        let missing = if !grant.held.get().contain(needed) {
            Error::Missing(needed, Some(name.clone()))
        } else if grant.shows_unreadable() {
            Error::Missing(Right::Read.into(), Some(self.name.clone()))
        } else {
            return Ok(grant);
        };
        Err(missing.of_caller(self.caller))
    }

    /// The name for the storage.
    pub(super) fn guarded(&self) -> GuardedName<'_> {
        GuardedName::new(self.name.components(), self)
    }

    /// A name below this one, for the storage: the rights on a name are those on all below it, too.
    pub(super) fn guarded_below<'b>(&'b self, below: &'b Name) -> GuardedName<'b> {
        GuardedName::new(below.components(), self)
    }

    /// Whether what is there may be replaced, by what is known so far.
    pub(super) fn may_replace(&self) -> bool {
        self.held.get().contain(Right::Write)
    }

    /// Whether something may be put where nothing is, by what is known so far.
    pub(super) fn may_create(&self) -> bool {
        self.held.get().contain(Right::Create)
    }

    /// Refuses to put something at the name, by what it has led to at this moment, if the caller
    /// may only create and would replace something, or could read there what it must not read.
    pub(super) fn check_put(&self, current: Option<&Current>) -> Result<(), storage::Error> {
        if self.shows_unreadable() {
            return Err(storage::Error::Forbidden);
        }
        match current.is_some() && !self.may_replace() {
            true => Err(storage::Error::MayNotReplace),
            false => Ok(()),
        }
    }

    /// Refuses to make the file that is to be appended to, by what the name has led to at this
    /// moment, if the caller may only append.
    pub(super) fn check_appended(&self, current: Option<&Current>) -> Result<(), storage::Error> {
        match current.is_none() && !self.may_create() {
            true => Err(storage::Error::MayNotCreate),
            false => Ok(()),
        }
    }

    /// Whether the caller could read here what is moved here, and must not read. The rights on the
    /// old name are looked at each time: a link on its way may have been replaced.
    fn shows_unreadable(&self) -> bool {
        let moved = self.moved.as_ref();
        moved.is_some_and(|moved| {
            moved.is_shown.get() && !moved.source.held.get().contain(Right::Read)
        })
    }
}

impl LinkGuard for Grant<'_> {
    fn permits(&self, components: &[&[u8]]) -> bool {
        let rights = self.caller.rights_on(components);
        self.held.set(self.held.get() & rights);
        if let Some(moved) = &self.moved
            && self.caller.may_reach(Right::Read, components)
        {
            moved.is_shown.set(true);
        }
        rights.contain(self.needed)
    }
}
