//! A desk's rows in PostgreSQL, and the one server that works over them.

use waxseal_desk::store::Store;

/// A store, in the folder or in the database that the folder names.
pub type AnyStore = Box<dyn Store + Send>;

/// The error is in words, for the operator.
type Result<T> = std::result::Result<T, String>;

/// Where the rows are.
#[derive(clap::Args)]
pub struct DatabaseOptions {
    /// Keep the rows in this PostgreSQL database: postgres://user:password@host/name. The folder
    /// remembers it
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

#[cfg(not(feature = "postgres"))]
pub fn open(_: &str) -> Result<AnyStore> {
    Err("this program was built without its feature `postgres`".to_owned())
}

#[cfg(feature = "postgres")]
pub use with_postgres::{Place, open};

#[cfg(feature = "postgres")]
mod with_postgres {
    use std::error::Error as _;
    use std::thread;

    use waxseal_desk::store::{OneServer, PostgresStore, StoreError};

    use super::{AnyStore, Result};

    /// A connection to the store in the database of this URL.
    pub fn open(url: &str) -> Result<AnyStore> {
        let store = PostgresStore::open(url).map_err(failed)?;
        Ok(Box::new(store))
    }

    /// The place of the one server over a database.
    pub struct Place(OneServer);

    impl Place {
        /// Waits until no other server works over the database.
        pub fn wait(url: &str) -> Result<Self> {
            let mut is_told = false;
            let place = loop {
                // CHK-635: one server works over a database, so each request is taken by one
                // server, and each export is sent by one.
                if let Some(place) = OneServer::take(url).map_err(failed)? {
                    break place;
                }
                if !is_told {
                    tracing::info!("waiting: another server works over the database");
                    is_told = true;
                }
                thread::sleep(OneServer::TICK);
            };
            thread::sleep(OneServer::PAUSE);
            Ok(Self(place))
        }

        /// Ends the program as soon as another server could have the place. A crash at any moment
        /// loses nothing.
        pub fn keep(mut self) -> std::io::Result<()> {
            let watch = move || {
                while self.0.is_held() {
                    thread::sleep(OneServer::TICK);
                }
                tracing::error!("the connection that keeps other servers away was lost; ending");
                std::process::exit(1);
            };
            let thread = thread::Builder::new().name("place".to_owned());
            thread.spawn(watch).map(drop)
        }
    }

    /// What the operator is told. The URL is not in it: it has a password.
    fn failed(error: StoreError) -> String {
        match error.source() {
            Some(source) => format!("the database: {error}: {source}"),
            None => format!("the database: {error}"),
        }
    }
}
