//! Catching panics of code that serves a request, so that they end only that request.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code, and returns a panic in it as its message. The panic hook has logged it already.
///
/// What the code shares with other threads stays usable: it is behind locks that outlive a panic
/// (`sync.rs`).
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        text.unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_its_message() {
        for (run, expected) in [
            (
                (|| panic!("on purpose")) as fn() -> u8,
                Err("on purpose".to_owned()),
            ),
            (
                || panic!("{}", "formatted".to_owned()),
                Err("formatted".to_owned()),
            ),
            (|| 7, Ok(7)),
        ] {
            assert_eq!(catch(run), expected);
        }
    }
}
