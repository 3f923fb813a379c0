mod erased;
mod killed;
mod place;
mod shared;
mod tables;
mod texts;
mod tls;

use std::sync::Arc;

use postgres::{Client, NoTls};
use waxseal_postgres::Server;

use super::PostgresStore;
use crate::store::Store as _;
use crate::store::tests::meta;

/// A new database of the server that these tests share.
fn database() -> Option<(Arc<Server>, String)> {
    let server = Server::shared()?;
    let url = server.database();
    Some((server, url))
}

/// A connection next to the store's.
fn admin(url: &str) -> Client {
    let mut admin = Client::connect(url, NoTls).unwrap();
    admin
        .batch_execute("SET search_path = waxseal_desk")
        .unwrap();
    admin
}

/// Number of acts in the store. Entry and row must agree.
fn acts(store: &PostgresStore) -> u64 {
    let size = store.log_size().unwrap();
    let value = store.meta("counter").unwrap();
    assert_eq!(
        value,
        (size > 0).then(|| meta(size)),
        "half of an act is in the store"
    );
    let mut entries = 0;
    while entries < size {
        let page = store.entries(entries, 1_000).unwrap();
        for row in page {
            assert_eq!(row.log_index, entries);
            entries += 1;
        }
    }
    size
}
