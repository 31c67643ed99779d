//! Numbers in decimal, as they are in extended records and in the maps of sparse files.

use super::fault::Fault;

/// A number in decimal, digit by digit.
#[derive(Default)]
pub(super) struct Decimal(Option<u64>);

impl Decimal {
    /// Takes a digit.
    ///
    /// # Errors
    /// [`Fault::Records`]: it is none, or the number is too large.
    pub(super) fn push(&mut self, byte: u8) -> Result<(), Fault> {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
        let number = self.0.unwrap_or(0).checked_mul(10);
        let sum = number.and_then(|number| number.checked_add(digit?));
        self.0 = Some(sum.ok_or(Fault::Records)?);
        Ok(())
    }

    /// The number.
    ///
    /// # Errors
    /// [`Fault::Records`]: it has no digit, or is longer than a file can be.
    pub(super) fn end(&self) -> Result<u64, Fault> {
        let number = self.0.filter(|number| i64::try_from(*number).is_ok());
        number.ok_or(Fault::Records)
    }
}
