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
        Needs::OnName(rights) | Needs::OnBoth { name: rights, .. } => name
            .filter(|name| !caller.rights_on(name.components()).contain(rights))
            .map(|name| Error::Missing(rights, Some(name.clone()))),
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
    /// Rights that the caller must not have.
    excluded: Rights,
    /// The rights on the name, and on whatever links on its way have led to so far.
    held: Cell<Rights>,
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
            excluded: Rights::NONE,
            held: Cell::new(caller.rights_on(name.components())),
        }
    }

    /// For the name in the body of the request, which this one leads to as its destination.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] and [`Error::Missing`].
    pub(super) fn destination<'d>(&self, name: &'d Name) -> Result<Grant<'d>, Error>
    where
        'r: 'd,
    {
        let (needed, shows) = match self.needs {
            Needs::OnBoth {
                destination, shows, ..
            } => (destination, shows),
            _ => (Rights::NONE, false),
        };
        let is_hidden = shows && !self.held.get().contain(Right::Read);
        let held = self.caller.rights_on(name.components());
        let grant = Grant {
            name,
            caller: self.caller,
            needs: self.needs,
            needed,
            excluded: match is_hidden {
                true => Right::Read.into(),
                false => Rights::NONE,
            },
            held: Cell::new(held),
        };
        let missing = match (held.contain(needed), grant.suits(held)) {
            (true, true) => return Ok(grant),
            (false, _) => Error::Missing(needed, Some(name.clone())),
            (true, false) => Error::Missing(Right::Read.into(), Some(self.name.clone())),
        };
        Err(missing.of_caller(self.caller))
    }

    /// The name for the storage.
    pub(super) fn guarded(&self) -> GuardedName<'_> {
        GuardedName::new(self.name.components(), self)
    }

    /// Whether something may be put where nothing is.
    pub(super) fn may_create(&self) -> bool {
        self.held.get().contain(Right::Create)
    }

    /// Whether what is there may be replaced.
    pub(super) fn may_replace(&self) -> bool {
        self.held.get().contain(Right::Write)
    }

    /// Refuses to replace what is there, if the caller may only create.
    pub(super) fn check_replaced(&self, current: Option<&Current>) -> Result<(), storage::Error> {
        match current.is_some() && !self.may_replace() {
            true => Err(storage::Error::MayNotReplace),
            false => Ok(()),
        }
    }

    fn suits(&self, rights: Rights) -> bool {
        rights.contain(self.needed) && (rights & self.excluded).is_empty()
    }
}

impl LinkGuard for Grant<'_> {
    fn permits(&self, components: &[&[u8]]) -> bool {
        let rights = self.caller.rights_on(components);
        self.held.set(self.held.get() & rights);
        self.suits(rights)
    }
}
