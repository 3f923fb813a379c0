//! A real PostgreSQL server for tests, in a temporary folder.
//!
//! ```
//! let Some(server) = waxseal_postgres::Server::shared() else {
//!     return; // there is no PostgreSQL on this machine
//! };
//! let url = server.database();
//! let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
//! let row = client.query_one("SELECT 1 + 1", &[]).unwrap();
//! assert_eq!(row.get::<_, i32>(0), 2);
//! ```
//!
//! Debian's package `postgresql` is enough, and `.ci/postgres` installs it. No service needs to
//! run. Where there is no PostgreSQL, tests say so and pass, unless `WAXSEAL_POSTGRES=1` or
//! `WAXSEAL_TEST_DATABASE=postgres` demands one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail by a panic, and says what it skips"
)]

mod copies;
mod programs;
mod server;

pub use self::copies::Backup;
pub use self::server::Server;
