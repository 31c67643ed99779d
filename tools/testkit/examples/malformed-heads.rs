//! Writes each malformed head into a file of a folder, as a corpus for libFuzzer: see scripts/fuzz.
//!
//! `cargo run -p testkit --example malformed-heads -- FOLDER`

use std::io::{Error, Result};
use std::path::Path;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1);
    let folder = folder.ok_or_else(|| Error::other("usage: malformed-heads FOLDER"))?;
    for (number, head) in testkit::malformed::heads().iter().enumerate() {
        let file = Path::new(&folder).join(format!("malformed-{number}"));
        std::fs::write(file, &head.bytes)?;
    }
    Ok(())
}
