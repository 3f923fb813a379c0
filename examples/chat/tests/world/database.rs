//! Where the relay of a world keeps its rows: in SQLite or, if the test is run so, in PostgreSQL.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use postgres::types::ToSql;
use waxseal_postgres::Server;

use super::{RELAY, World};

/// The folders of two relays over one PostgreSQL. The relay that starts is each time the other one,
/// as with two machines behind one address.
const FOLDERS: [&str; 2] = ["relay-data", "other-relay"];

/// A PostgreSQL of the world's own.
pub struct Database {
    server: Server,
    url: String,
    /// How often a relay was started.
    starts: AtomicUsize,
}

impl Database {
    /// A server, if `WAXSEAL_TEST_DATABASE=postgres` asks for one.
    fn wanted() -> Option<Self> {
        let wanted = std::env::var("WAXSEAL_TEST_DATABASE");
        wanted
            .is_ok_and(|wanted| wanted == "postgres")
            .then_some(())?;
        let server = Server::start()?;
        Some(Self {
            url: server.database(),
            server,
            starts: AtomicUsize::new(0),
        })
    }
}

/// A parameter of a statement.
pub enum Param<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl World {
    /// A world whose relay may be killed with its database, which is PostgreSQL if
    /// `WAXSEAL_TEST_DATABASE=postgres` asks for it.
    pub fn with_database(name: &str, accounts: &[&'static str]) -> Self {
        let mut world = Self::new(name, accounts);
        world.database = Database::wanted();
        world
    }

    /// Whether the relay has PostgreSQL.
    pub fn is_on_postgres(&self) -> bool {
        self.database.is_some()
    }

    /// Kills PostgreSQL with all its processes, and starts it again. The relay runs on. Returns
    /// `false` if the relay has SQLite. Panics if PostgreSQL ended by itself.
    pub fn kill_database(&self) -> bool {
        let Some(database) = &self.database else {
            return false;
        };
        let server = &database.server;
        assert!(server.runs(), "PostgreSQL ended: {}", server.log());
        server.kill();
        server.restart();
        true
    }

    /// Starts the relay, or over PostgreSQL the one that did not run before.
    pub(super) fn start_next_relay(&self, database: &Database) {
        let starts = database.starts.fetch_add(1, Ordering::Relaxed);
        let folder = FOLDERS[starts % 2];
        let [first, other] = FOLDERS.map(|folder| self.folder.join(folder));
        if starts == 1 {
            DirBuilder::new().mode(0o700).create(&other).unwrap();
            fs::copy(first.join("root.key"), other.join("root.key")).unwrap();
        }
        let mut arguments = RELAY.map(|argument| match argument {
            "relay-data" => folder,
            argument => argument,
        });
        let arguments = [
            &mut arguments[..],
            &mut ["--database", &database.url, "--database-connections", "4"],
            &mut ["--blobs", "blobs"], // which both have
        ];
        self.serve("relay", &arguments.concat());
    }

    /// Runs statements on the relay's database while the relay is stopped. Each changes one row, or
    /// any number if it deletes.
    pub(super) fn change(&self, statements: &[(&str, &[Param<'_>])]) {
        let changed: Vec<u64> = match &self.database {
            Some(database) => {
                let mut client = postgres::Client::connect(&database.url, postgres::NoTls).unwrap();
                let changed = statements.iter().map(|(sql, params)| {
                    let params = params.iter().map(|param| match param {
                        Param::Text(text) => text as &(dyn ToSql + Sync),
                        Param::Bytes(bytes) => bytes as _,
                    });
                    let params: Vec<_> = params.collect();
                    client.execute(&sql.replace('?', "$"), &params).unwrap()
                });
                changed.collect()
            }
            None => {
                let path = self.folder.join("relay-data/relay.sqlite");
                let db = rusqlite::Connection::open(path).unwrap();
                let changed = statements.iter().map(|(sql, params)| {
                    let params = params.iter().map(|param| match param {
                        Param::Text(text) => text as &dyn rusqlite::ToSql,
                        Param::Bytes(bytes) => bytes as _,
                    });
                    let params: Vec<_> = params.collect();
                    db.execute(sql, &params[..]).unwrap() as u64
                });
                changed.collect()
            }
        };
        for ((sql, _), changed) in statements.iter().zip(changed) {
            assert!(
                changed == 1 || sql.starts_with("DELETE"),
                "{changed}: {sql}"
            );
        }
    }
}
