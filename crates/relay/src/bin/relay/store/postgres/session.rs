//! Connections to PostgreSQL.

use std::error::Error;
use std::time::Duration;

use postgres::config::TargetSessionAttrs;
use postgres::{Client, Config, NoTls};
use waxseal_desk::store::Tls;

use super::failure::Said;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a machine that is connected may be gone before the connection ends.
const GONE: Duration = Duration::from_secs(5);

/// Settings of all connections. The server ends the session of a machine that is gone, too: it
/// would keep its place among all connections for hours.
const OF_ALL: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 2;
     SET tcp_keepalives_count = 3; SET tcp_user_timeout = '10s'";

/// Settings of the connections that change something. Each transaction says its isolation by
/// itself. Every statement that runs often finds its rows by an index. A plan that reads a whole
/// table may have been made while the table was empty, and then all serializable transactions meet.
pub const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s';
     SET idle_in_transaction_session_timeout = '15s';
     SET synchronous_commit = 'on'; SET enable_seqscan = off; SET enable_hashjoin = off;
     SET enable_mergejoin = off; SET jit = off";

/// How to connect.
pub struct Access {
    config: Config,
    tls: Option<Tls>,
}

impl Access {
    /// What a URL asks for. Another machine is asked over TLS, unless the URL says otherwise.
    pub fn of(url: &str) -> Result<Self, Box<dyn Error>> {
        let mut config: Config = url.parse()?;
        config.connect_timeout(CONNECT_TIMEOUT);
        // A machine that is gone without a word ends no connection by itself.
        config.tcp_user_timeout(GONE);
        config.keepalives_idle(GONE);
        config.keepalives_interval(GONE / 5);
        config.application_name("waxseal-relay");
        // A standby has the rows of a moment ago, and takes none.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
            config.password(password);
        }
        let tls = Tls::asked_for(&mut config)?;
        Ok(Self { config, tls })
    }

    pub fn connect(&self) -> Result<Client, postgres::Error> {
        let mut client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        }?;
        client.batch_execute(OF_ALL)?;
        Ok(client)
    }

    /// A connection with these settings.
    pub fn connect_with(&self, settings: &str) -> Result<Client, postgres::Error> {
        let mut client = self.connect()?;
        client.batch_execute(settings)?;
        Ok(client)
    }
}

/// Says so if the server has no room for this many more connections.
pub fn check_room(client: &mut Client, needed: usize) {
    match room(client) {
        Ok(room) if usize::try_from(room).unwrap_or_default() < needed => tracing::warn!(
            room,
            needed,
            "PostgreSQL has no room for the connections of this relay: raise max_connections, or \
             lower --database-connections"
        ),
        Ok(_) => {}
        Err(error) => {
            let error = Said(&error);
            tracing::warn!(%error, "the number of connections is not known");
        }
    }
}

/// How many more connections the server takes.
fn room(client: &mut Client) -> Result<i64, postgres::Error> {
    let room = "SELECT CAST(current_setting('max_connections') AS BIGINT)
             - CAST(current_setting('superuser_reserved_connections') AS BIGINT)
             - coalesce(CAST(current_setting('reserved_connections', true) AS BIGINT), 0)
             - count(*)
         FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    client.query_one(room, &[])?.try_get(0)
}

#[cfg(test)]
mod tests;
