//! What is left of erased rows.

use std::fs;
use std::path::Path;

use rand::Rng as _;
use waxseal_postgres::Server;

use super::super::PostgresStore;
use super::admin;
use crate::store::{Change, ContentRow, Key, Store as _};

/// Whether a file of the tables has these bytes.
fn is_found(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            is_found(&path, bytes)
        } else {
            let file = fs::read(path).unwrap_or_default();
            file.windows(bytes.len()).any(|window| window == bytes)
        }
    })
}

#[test]
fn erased_content_can_be_read_by_no_statement_after_compacting_and_its_space_is_given_back() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let mut store = PostgresStore::open(&url).unwrap();
    let mut accepted = vec![0; 100_000];
    rand::rng().fill_bytes(&mut accepted);
    let marker = accepted[..64].to_vec();
    let report_id = [1; 16];
    store
        .apply(&[Change::add(ContentRow {
            report_id,
            accepted,
        })])
        .unwrap();
    let mut admin = admin(&url);
    let mut on_disk = || {
        admin.batch_execute("CHECKPOINT").unwrap();
        let size = "SELECT pg_table_size('contents') - pg_table_size('outbox')";
        let size: i64 = admin.query_one(size, &[]).unwrap().get(0);
        (
            is_found(&server.socket_folder().join("data/base"), &marker),
            size > 100_000,
        )
    };
    assert_eq!(on_disk(), (true, true));
    store
        .apply(&[Change::Remove(Key::Content(report_id))])
        .unwrap();
    assert_eq!(
        on_disk(),
        (true, true),
        "the old version is there until it is compacted"
    );
    store.compact().unwrap();
    assert_eq!(on_disk(), (false, false));
}
