//! Numbers for tests.

#![allow(unreachable_pub, reason = "what a module has for others is pub")]

/// Marsaglia's xorshift64: the same numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
