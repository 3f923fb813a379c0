//! One connection to the database, set up, with the statements that it has prepared.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use postgres::config::TargetSessionAttrs;
use postgres::{Client, Config, NoTls, Statement};

use super::tls::Tls;
use super::{failed, schema};
use crate::store::error::StoreError;

/// How long a new connection may take.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a server may leave what was sent to it without an answer of its network, and after
/// which silence it is asked for one. Then the connection is lost.
const UNANSWERED: Duration = Duration::from_secs(30);

/// Settings of a connection. A call waits five seconds while another desk writes. A desk that
/// stands still within a transaction lets go of the lock after half a minute. Policies that hide
/// rows are errors. Each list has an index in its order, which is read without statistics.
const SETTINGS: &str = "
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '30s';
    SET default_transaction_isolation = 'read committed';
    SET default_transaction_read_only = off;
    SET row_security = off;
    SET search_path = waxseal_desk;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_sort = off;
    SET enable_incremental_sort = off;
    SET jit = off;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off';
";

/// Begins a transaction that writes. Each statement sees what was committed before it, so all of
/// them see what the transactions that had the lock before have done.
const BEGIN: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SELECT pg_advisory_xact_lock(1466005604, 0); -- `Waxd`
";

/// A connection.
pub(super) struct Session {
    /// Until it is closed.
    client: Option<Client>,
    statements: HashMap<String, Statement>,
}

/// What a URL asks for. Of several hosts, the first one that is no standby is used.
pub(super) fn configured(url: &str) -> Result<(Config, Option<Tls>), StoreError> {
    let mut config: Config = url.parse().map_err(failed)?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECTING);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNANSWERED);
    }
    if config.get_keepalives_idle() > UNANSWERED {
        config.keepalives_idle(UNANSWERED);
    }
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_application_name().is_none() {
        config.application_name("waxseal-desk");
    }
    let tls = Tls::asked_for(&mut config)?;
    Ok((config, tls))
}

impl Session {
    /// Connects, and makes the tables, or checks them. It waits for the transaction that writes, so
    /// whoever reads next sees what came of a commit whose connection was lost.
    pub(super) fn open(config: &Config, tls: Option<&Tls>) -> Result<Self, StoreError> {
        let client = match tls {
            Some(tls) => config.connect(tls.clone()),
            None => config.connect(NoTls),
        };
        let mut session = Self {
            client: Some(client.map_err(failed)?),
            statements: HashMap::new(),
        };
        session.run(SETTINGS)?;
        session.begin()?;
        schema::create_or_check(session.client()?)?;
        session.commit()?;
        Ok(session)
    }

    pub(super) fn client(&mut self) -> Result<&mut Client, StoreError> {
        self.client.as_mut().ok_or(StoreError::InUse)
    }

    /// Checks that the server answers within this time.
    pub(super) fn check(&mut self, patience: Duration) -> Result<(), StoreError> {
        self.client()?.is_valid(patience).map_err(failed)
    }

    /// Begins a transaction that writes, alone.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        let begun = self.run(BEGIN);
        if matches!(begun, Err(StoreError::InUse)) {
            self.roll_back()?;
        }
        begun
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT")
    }

    pub(super) fn roll_back(&mut self) -> Result<(), StoreError> {
        self.run("ROLLBACK")
    }

    /// Runs statements without parameters.
    pub(super) fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        self.client()?.batch_execute(sql).map_err(failed)
    }

    /// A statement. It is prepared once for each connection: this crate has a fixed number of them.
    pub(super) fn prepared(&mut self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client()?.prepare(&numbered(sql)).map_err(failed)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Drop for Session {
    /// Takes leave of the server in a thread: it waits for the network, which must not happen where
    /// an asynchronous task may drop the last owner.
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let _ = thread::Builder::new().spawn(move || drop(client));
        }
    }
}

/// Replaces the question marks of a statement by `$1`, `$2`, and so on.
pub(super) fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for (number, part) in (1..).zip(parts) {
        numbered.push_str(&format!("${number}{part}"));
    }
    numbered
}
