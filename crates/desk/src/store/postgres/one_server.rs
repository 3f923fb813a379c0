//! The lock of the one server that works over a database.

use std::fmt;
use std::time::Duration;

use super::failed;
use super::session::{Session, configured};
use crate::store::error::StoreError;

/// The lock of the database, on a connection of its own.
const LOCK: &str = "SELECT pg_try_advisory_lock(1466005604, 1)";

/// Holds the one place of a server over a database, until it is dropped or its connection is lost.
///
/// Rows and log need no such lock: any number of desks may use them. It is for what a server has
/// outside them and must not do twice: which requests it has taken, and what it sends.
///
/// After a lost connection another server can have the place at once. So ask
/// [`is_held`](Self::is_held) often, end the program when it is not, and begin to work only after
/// [`PAUSE`](Self::PAUSE). Then no two servers work at one time.
pub struct OneServer(Session);

impl fmt::Debug for OneServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneServer").finish_non_exhaustive()
    }
}

impl OneServer {
    /// How often to ask whether the place is still held.
    pub const TICK: Duration = Duration::from_millis(500);
    /// How long an answer may take.
    const PATIENCE: Duration = Duration::from_secs(3);
    /// How long to wait before the work begins. A server that has lost the place has ended by then.
    pub const PAUSE: Duration = Duration::from_secs(5);

    /// Takes the place. `None` if another server has it.
    ///
    /// # Errors
    /// [`StoreError`], as [`PostgresStore::open`](super::PostgresStore::open).
    pub fn take(url: &str) -> Result<Option<Self>, StoreError> {
        let (config, tls) = configured(url)?;
        let mut session = Session::open(&config, tls.as_ref())?;
        let row = session.client()?.query_one(LOCK, &[]).map_err(failed)?;
        let is_taken: bool = row.try_get(0).map_err(failed)?;
        Ok(is_taken.then_some(Self(session)))
    }

    /// Whether the connection still answers, and so the place is held.
    pub fn is_held(&mut self) -> bool {
        let client = self.0.client();
        client.is_ok_and(|client| client.is_valid(Self::PATIENCE).is_ok())
    }
}
