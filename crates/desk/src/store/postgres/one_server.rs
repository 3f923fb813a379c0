//! The place of the one server that works over a database.

use std::fmt;
use std::time::Duration;

use postgres::Config;

use super::failed;
use super::session::{Session, configured};
use super::tls::Tls;
use crate::store::error::StoreError;
use crate::store::rows::MetaRow;

/// The lock of the place, on a connection of its own.
const LOCK: &str = "SELECT pg_try_advisory_lock(1466005604, 1)";

/// Makes the lock a lease. PostgreSQL ends a connection on which nothing is asked any more, and one
/// whose machine is gone, and lets go of its lock. Version 13 knows only the second of these.
const LEASE: &str = "
    SET tcp_keepalives_idle = 2;
    SET tcp_keepalives_interval = 1;
    SET tcp_keepalives_count = 2;
    SET tcp_user_timeout = '5s';
    SELECT set_config('idle_session_timeout', '5s', false)
        WHERE current_setting('idle_session_timeout', true) IS NOT NULL;
";

/// Says that a server has taken the place. What it says before is not said again, whatever was lost
/// of the rows meanwhile.
const TAKEN: &str = "
    INSERT INTO meta (name, value) VALUES ('server', uuid_send(gen_random_uuid()))
        ON CONFLICT (name) DO UPDATE SET value = excluded.value
        RETURNING name, value
";

/// The one place of a server over a database. It is held until this is dropped, or its connection
/// is lost.
///
/// Rows and log need no such place: any number of desks may use them. It is for what a server has
/// outside them and must not do twice: which requests it has taken, and what it sends.
///
/// The place is a lease. Another server can have it as soon as the connection of this one is lost,
/// and a few seconds after this one or its machine stands still. So ask [`is_held`](Self::is_held)
/// often, end the program when it is not, and begin to work only after [`PAUSE`](Self::PAUSE). A
/// server that stood still does not know yet, when it goes on, that it has lost the place. So it
/// writes through [`PostgresStore::open_while`](super::PostgresStore::open_while) with the row that
/// [`take`](Self::take) returned, and reads that row before it sends anything.
pub struct OneServer {
    config: Config,
    tls: Option<Tls>,
    session: Option<Session>,
}

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
    /// How long to wait before the work begins. A server that has lost its connection has ended by
    /// then.
    pub const PAUSE: Duration = Duration::from_secs(5);

    /// The place over the database of this URL. Nothing is asked of the database yet.
    ///
    /// # Errors
    /// [`StoreError`], if the URL is none.
    pub fn at(url: &str) -> Result<Self, StoreError> {
        let (config, tls) = configured(url)?;
        let session = None;
        Ok(Self {
            config,
            tls,
            session,
        })
    }

    /// Takes the place. `None` if another server has it; then the connection is kept for the next
    /// try. The row is stored, and is another one as soon as another server has the place.
    ///
    /// # Errors
    /// [`StoreError`], as [`PostgresStore::open`](super::PostgresStore::open). The place is not
    /// held then, and the next try connects again.
    pub fn take(&mut self) -> Result<Option<MetaRow>, StoreError> {
        let taken = self.try_to_take();
        if taken.is_err() {
            self.session = None;
        }
        taken
    }

    fn try_to_take(&mut self) -> Result<Option<MetaRow>, StoreError> {
        let session = match &mut self.session {
            Some(session) => session,
            None => {
                let mut session = Session::open(&self.config, self.tls.as_ref())?;
                session.run(LEASE)?;
                self.session.insert(session)
            }
        };
        // A database that stands still would keep this one waiting after another has its place.
        session.check(Self::PATIENCE)?;
        let row = session.client()?.query_one(LOCK, &[]).map_err(failed)?;
        if !row.try_get::<_, bool>(0).map_err(failed)? {
            return Ok(None);
        }
        // A change that another server has begun is stored before, or refused.
        session.begin()?;
        let row = session.client()?.query_one(TAKEN, &[]).map_err(failed)?;
        session.commit()?;
        let (name, value) = (row.try_get(0), row.try_get(1));
        Ok(Some(MetaRow {
            name: name.map_err(failed)?,
            value: value.map_err(failed)?,
        }))
    }

    /// Whether the connection still answers, and so the place is held. If not, it is let go.
    pub fn is_held(&mut self) -> bool {
        let session = self.session.as_mut();
        let answers = session.is_some_and(|session| session.check(Self::PATIENCE).is_ok());
        if !answers {
            self.session = None;
        }
        answers
    }
}
