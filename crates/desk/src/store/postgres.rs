//! A store in PostgreSQL.

mod database;
mod erasing;
mod failure;
mod one_server;
mod schema;
mod session;
mod tls;

use std::cell::RefCell;
use std::fmt;

use ::postgres::Config;

use self::database::Postgres;
use self::failure::failed;
pub use self::one_server::OneServer;
use self::session::{Session, configured};
pub use self::tls::Tls;
use super::calls::reads;
use super::sql::{Database, in_sql, write};
use super::*;

/// A [`Store`] in PostgreSQL 13 or later, which the desks on many machines may share.
///
/// The tables are in a schema of their own, `waxseal_desk`, and hold the same rows as those of
/// `SqliteStore`. They are documented in `store/postgres/schema.sql` of this crate. Each value of
/// this type is one connection.
///
/// Its calls wait for the network, each in a small runtime of its own. Make and call it on a thread
/// that may block, and not within an asynchronous task.
///
/// # Durability
/// [`apply`](Store::apply) is one transaction, and the server has synced it when `apply` returns.
/// The store refuses a standby and a server with `fsync` off, and turns `synchronous_commit` on for
/// itself. Where a standby takes over, only a synchronous one has every acknowledged change.
///
/// # Several desks
/// One transaction writes at a time: it holds an advisory lock of the database until its commit. So
/// calls are serialisable, and the log never forks. A call waits up to five seconds for another
/// one, and then fails with [`StoreError::InUse`]. Reads wait for nobody.
///
/// # Lost connections
/// A call that has only read is tried once more on a new connection, and so is the start of
/// [`apply`](Store::apply). Any other call whose connection is lost fails with
/// [`StoreError::Failed`], and the next call connects again.
///
/// # Erasing
/// PostgreSQL keeps old versions of rows. [`compact`](Store::compact) removes those of before the
/// call from tables and indexes, and makes sure that it did. It fails with [`StoreError::InUse`]
/// while anything can still see them: an older transaction (such as a dump), a prepared one, a
/// replication slot, or a standby that reports what it reads. Call it again then. The tables have
/// no statistics, which would be copies of values.
///
/// So after `Ok` no statement gives erased rows, neither here nor, once it has caught up, at a
/// standby. That is all. Their bytes stay on the server's disk until PostgreSQL writes over the
/// space, in the write-ahead log until it is recycled, and in archives and backups for as long as
/// those are kept. What the server logs of statements and their parameters is its operator's
/// choice. Keep the disk encrypted, and count the time of backups into what you promise.
///
/// # Security
/// The database holds accounts, statements of reasons and salts in the clear, and the content of
/// reports as the intake sealed it for the vault. Give it a role of its own. The connection to
/// another machine uses TLS, and checks the server's certificate, unless the URL says
/// `sslmode=disable`. Rows are checked when they are read, as those of a file are, but the server
/// can make this process allocate a gigabyte for a row.
pub struct PostgresStore {
    config: Config,
    tls: Option<Tls>,
    session: RefCell<Option<Session>>,
    /// What must be stored for any change.
    held: Option<Change>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects to the store in the database of this URL, or makes an empty one if the database has
    /// none: `postgres://user:password@host/database`.
    ///
    /// The URL may hold the parameters of the crate `postgres`, among them `sslmode`: `disable`
    /// asks for no TLS. Otherwise a host that is not this machine must have a certificate by one of
    /// the platform's authorities, or by those in the file that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// [`StoreError`]. A database that is not a store was not changed.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let (config, tls) = configured(url)?;
        let session = Session::open(&config, tls.as_ref())?;
        Ok(Self {
            config,
            tls,
            session: RefCell::new(Some(session)),
            held: None,
        })
    }

    /// Like [`open`](Self::open), for a server. Once the row that [`OneServer::take`] returned is
    /// another one, [`apply`](Store::apply) fails with [`StoreError::TakenOver`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_while(url: &str, row: MetaRow) -> Result<Self, StoreError> {
        let mut store = Self::open(url)?;
        store.held = Some(Change::unchanged(row));
        Ok(store)
    }

    /// Runs `call` on a connection, and again on a new one if the old one was lost meanwhile.
    fn with<T>(
        &self,
        call: impl Fn(&mut Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut kept = self.session.borrow_mut();
        let mut may_be_old = true;
        loop {
            let session = match &mut *kept {
                Some(session) => session,
                None => {
                    may_be_old = false;
                    kept.insert(Session::open(&self.config, self.tls.as_ref())?)
                }
            };
            let done = call(session);
            if !matches!(done, Err(StoreError::Failed(_))) {
                return done;
            }
            *kept = None;
            if !may_be_old {
                return done;
            }
        }
    }

    fn read<T>(
        &self,
        read: impl Fn(&dyn Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|session| read(&Postgres(RefCell::new(session))))
    }

    fn apply_all(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        bounds::check(changes)?;
        self.with(Session::begin)?;
        let Some(session) = self.session.get_mut() else {
            return Err(StoreError::InUse);
        };
        let db = &Postgres(RefCell::new(session));
        // CHK-717: a server whose place another one has taken changes nothing.
        let held = match self.held.iter().try_for_each(|row| write::apply(db, row)) {
            Err(StoreError::Conflict(_)) => Err(StoreError::TakenOver),
            held => held,
        };
        let mut changes = changes.iter();
        let done = held.and_then(|()| changes.try_for_each(|change| write::apply(db, change)));
        let ended = match &done {
            // Whether a commit without an answer was carried out is not known.
            Ok(()) => session.commit(),
            Err(_) => session.roll_back(),
        };
        if ended.is_err() || matches!(done, Err(StoreError::Failed(_))) {
            *self.session.get_mut() = None; // the server rolls back what is open
        }
        // A refusal stays one, also if the connection was lost after it.
        done.and(ended)
    }
}

reads!(in_sql PostgresStore);

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
