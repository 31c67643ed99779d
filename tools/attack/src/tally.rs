//! What the well-behaved client has met with.

use std::time::Duration;

/// What the client met with.
#[derive(Debug, Default)]
pub struct Tally {
    pub requests: u64,
    pub slowest: Duration,
    pub slowest_name: String,
    /// How often it was told to come again (503 with Retry-After), and did.
    pub told_to_wait: u64,
    pub errors: u64,
    /// The first few of them in words.
    pub first_errors: Vec<String>,
}

impl Tally {
    pub fn fail(&mut self, text: String) {
        self.errors += 1;
        if self.first_errors.len() < 3 {
            self.first_errors.push(text);
        }
    }

    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.told_to_wait += other.told_to_wait;
        self.errors += other.errors;
        self.first_errors.extend(other.first_errors);
        if other.slowest > self.slowest {
            self.slowest = other.slowest;
            self.slowest_name = other.slowest_name;
        }
    }
}
