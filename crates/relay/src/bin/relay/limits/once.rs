//! Budgets of which a job takes.

use std::sync::{Mutex, PoisonError};

use crate::errors::Refusal;

/// What a job takes from a budget: once, however often it runs because others overtook it.
#[derive(Default)]
pub struct Once(Mutex<Option<Result<(), Refusal>>>);

impl Once {
    /// Takes with `take` the first time, and returns the same each time.
    pub fn take(&self, take: impl FnOnce() -> Result<(), Refusal>) -> Result<(), Refusal> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.get_or_insert_with(take).clone()
    }
}
