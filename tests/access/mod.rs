//! Who may do what: tokens, rights, paths, and the file that holds the rules.
//!
//! Expectations come from docs/api.md and docs/security.md. Not here: what operations do once they
//! are allowed (`api`), pages of other origins where there are no tokens (`api/cross_origin.rs`).

mod credentials;
mod links;
mod model;
mod moves;
mod pages;
mod places;
mod refusals;
mod rules_file;
mod sequences;
mod table;
