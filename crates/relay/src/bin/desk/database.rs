//! A desk's rows in PostgreSQL, and the one server that works over them.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(not(feature = "postgres"))]
use waxseal_desk::store::MetaRow;
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

/// Whether another server has taken over.
static TAKEN_OVER: AtomicBool = AtomicBool::new(false);

/// Notes that another server has taken over. The program ends soon; until then it is refused
/// whatever it tries.
pub fn taken_over() {
    if !TAKEN_OVER.swap(true, Ordering::SeqCst) {
        tracing::error!("another server has taken over");
    }
}

#[cfg(not(feature = "postgres"))]
pub fn open(_: &str, _: Option<MetaRow>) -> Result<AnyStore> {
    Err("this program was built without its feature `postgres`".to_owned())
}

#[cfg(feature = "postgres")]
pub use with_postgres::{Place, open};

#[cfg(feature = "postgres")]
mod with_postgres {
    use std::error::Error as _;
    use std::sync::atomic::Ordering;
    use std::thread;
    use std::time::{Duration, Instant};

    use waxseal_desk::store::{MetaRow, OneServer, PostgresStore, StoreError};

    use super::{AnyStore, Result, TAKEN_OVER};

    /// The longest pause between tries while the database does not answer.
    const MAX_PAUSE: Duration = Duration::from_secs(8);

    /// A connection to the store in the database of this URL: of the server with this place, or of
    /// a command.
    pub fn open(url: &str, place: Option<MetaRow>) -> Result<AnyStore> {
        let store = match place {
            Some(row) => PostgresStore::open_while(url, row),
            None => PostgresStore::open(url),
        };
        Ok(Box::new(store.map_err(failed)?))
    }

    /// The place of the one server over a database.
    pub struct Place {
        server: OneServer,
        row: MetaRow,
    }

    impl Place {
        /// Waits until no other server works over the database. One that does not answer is waited
        /// for too: its standby may be about to take over.
        pub fn wait(url: &str) -> Result<Self> {
            let mut server = OneServer::at(url).map_err(failed)?;
            let (mut said, mut pause) = (String::new(), OneServer::TICK);
            loop {
                // CHK-635: one server works over a database, so each request is taken by one
                // server, and each export is sent by one.
                let why = match server.take() {
                    Ok(Some(row)) if is_kept(&mut server) => return Ok(Self { server, row }),
                    Ok(Some(_)) => "the place was lost before the work began".to_owned(),
                    Ok(None) => {
                        pause = OneServer::TICK;
                        "another server works over the database".to_owned()
                    }
                    Err(error @ (StoreError::Failed(_) | StoreError::InUse)) => {
                        pause = pause.saturating_mul(2).min(MAX_PAUSE);
                        failed(error)
                    }
                    Err(error) => return Err(failed(error)),
                };
                if said != why {
                    tracing::warn!(why, "waiting");
                    said = why;
                }
                thread::sleep(pause);
            }
        }

        /// What is stored while this server has the place.
        pub fn row(&self) -> MetaRow {
            self.row.clone()
        }

        /// Ends the program as soon as another server could have the place. A crash at any moment
        /// loses nothing.
        pub fn keep(mut self) -> std::io::Result<()> {
            let watch = move || {
                while self.server.is_held() && !TAKEN_OVER.load(Ordering::SeqCst) {
                    thread::sleep(OneServer::TICK);
                }
                tracing::error!("the place of the one server over the database was lost; ending");
                std::process::exit(1);
            };
            let thread = thread::Builder::new().name("place".to_owned());
            thread.spawn(watch).map(drop)
        }
    }

    /// Whether the place is held until the server before has ended.
    fn is_kept(server: &mut OneServer) -> bool {
        let began = Instant::now();
        while began.elapsed() < OneServer::PAUSE {
            if !server.is_held() {
                return false;
            }
            thread::sleep(OneServer::TICK);
        }
        server.is_held()
    }

    /// What the operator is told. The URL is not in it: it has a password.
    fn failed(error: StoreError) -> String {
        match error.source() {
            Some(source) => format!("the database: {error}: {source}"),
            None => format!("the database: {error}"),
        }
    }
}
