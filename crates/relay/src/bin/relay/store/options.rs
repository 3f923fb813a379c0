//! Where the relay keeps what it has.

use clap::Args;

/// Options for the database.
#[derive(Args, Clone, Default)]
pub struct StoreOptions {
    /// A PostgreSQL database that several relays share, as `postgres://USER@HOST/NAME`, instead of
    /// the file DIR/relay.sqlite. The relay makes its tables. A password can be in the environment
    /// variable PGPASSWORD, where other users of the machine do not see it. Another machine is
    /// asked over TLS, and must have a certificate by one of the platform's authorities, or by
    /// those in the file that SSL_CERT_FILE names, unless the URL says `sslmode=disable`
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// How many jobs run in PostgreSQL at once, each on a connection of its own. The relay holds
    /// twelve more connections
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub database_connections: u8,
    /// The space for undelivered messages of all accounts together, in GiB, 8 without the option
    #[arg(long, value_name = "GIB", requires = "database", value_parser = clap::value_parser!(u16).range(1..))]
    pub queue_gib: Option<u16>,
    /// The number of this relay among those of the database.
    #[arg(skip)]
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "a file has one relay")
    )]
    pub own: Option<u64>,
}

impl StoreOptions {
    /// Whether several relays may use the database.
    pub fn is_shared(&self) -> bool {
        self.database.is_some()
    }
}
