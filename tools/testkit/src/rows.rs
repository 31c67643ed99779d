//! Tables of which every row is tried, so that one fault does not hide the next.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Checks each of the rows, and fails at the end if one of them has; what was wrong has been
/// printed by then.
pub fn each<Row>(rows: impl IntoIterator<Item = Row>, mut check: impl FnMut(Row)) {
    let (mut tried, mut failed) = (0, 0);
    for row in rows {
        tried += 1;
        // A check leaves nothing that the next one builds on but connections, and these fail
        // loudly.
        failed += usize::from(catch_unwind(AssertUnwindSafe(|| check(row))).is_err());
    }
    assert!(tried > 0, "a table without rows");
    assert!(
        failed == 0,
        "{failed} of {tried} rows failed, as said above"
    );
}
