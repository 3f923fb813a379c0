//! Calls: how a call starts over when another process committed meanwhile.

use std::sync::atomic::Ordering;

use super::Client;
use super::group::Groups;
use super::peers::Peers;
use crate::error::{OfStore, StateError};
use crate::store::Store;

/// How often a call starts over. Under two processes that do nothing but send and receive, a
/// quarter of the calls start over once.
const TRIES: usize = 16;

impl<S: Store> Client<S> {
    /// Makes a call that may change something.
    ///
    /// If another process commits before the call does, nothing of the call is committed. It is
    /// then made again, on what the other process left. Nothing that a call computed leaves it
    /// before its commit, so no message key of a lost attempt is ever used.
    pub(super) fn run<T, E>(
        &mut self,
        mut call: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: OfStore<S::Error> + From<StateError<S::Error>>,
    {
        let mut tries = TRIES;
        loop {
            self.take_notice()?;
            let done = match self.catch_up() {
                Ok(()) => call(self),
                Err(error) => Err(error.into()),
            };
            if !is_stale::<S, T, E>(&done) || tries == 0 {
                return done;
            }
            tries = tries.saturating_sub(1);
        }
    }

    /// Makes a call that only reads.
    pub(super) fn look<T, E>(&self, call: impl Fn(&Self) -> Result<T, E>) -> Result<T, E>
    where
        E: OfStore<S::Error> + From<StateError<S::Error>>,
    {
        let mut tries = TRIES;
        loop {
            self.take_notice()?;
            let done = call(self);
            if !is_stale::<S, T, E>(&done) || tries == 0 {
                return done;
            }
            tries = tries.saturating_sub(1);
        }
    }

    /// Forgets what is cached, and reads the delivery keys again, if another process committed.
    fn catch_up(&mut self) -> Result<(), StateError<S::Error>> {
        if *self.is_behind.get_mut() {
            self.peers = Peers::default();
            self.groups = Groups::default();
            self.prekeys = None;
            self.read_delivery_keys()?;
            *self.is_behind.get_mut() = false;
        }
        Ok(())
    }

    /// Takes notice of what other processes committed. What is cached is then out of date.
    fn take_notice(&self) -> Result<(), StateError<S::Error>> {
        let seen = self.store.refresh().map_err(StateError::Store)?;
        if self.seen.swap(seen, Ordering::Relaxed) != seen {
            self.is_behind.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn is_stale<S: Store, T, E: OfStore<S::Error>>(done: &Result<T, E>) -> bool {
    let error = done.as_ref().err().and_then(OfStore::of_store);
    error.is_some_and(S::is_stale)
}
