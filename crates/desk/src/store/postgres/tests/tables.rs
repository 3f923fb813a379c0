//! What a database must be like, and which rows a store reads.

use super::super::PostgresStore;
use super::super::schema::VERSION;
use super::{admin, database};
use crate::store::tests::case;
use crate::store::{Change, Store as _, StoreError};

fn refused(url: &str) -> StoreError {
    PostgresStore::open(url).unwrap_err()
}

#[test]
fn a_schema_that_others_made_is_refused_and_not_changed() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut admin = admin(&url);
    let sql = "CREATE SCHEMA waxseal_desk; CREATE TABLE waxseal_desk.letters (text TEXT)";
    admin.batch_execute(sql).unwrap();
    assert!(matches!(refused(&url), StoreError::NotAStore));
    let sql = "SELECT count(*) FROM pg_class WHERE relnamespace = 'waxseal_desk'::regnamespace
        AND relkind = 'r'";
    let tables: i64 = admin.query_one(sql, &[]).unwrap().get(0);
    assert_eq!(tables, 1);
}

#[test]
fn other_tables_of_the_database_and_an_empty_schema_are_no_obstacle() {
    let Some((_server, url)) = database() else {
        return;
    };
    let sql = "CREATE TABLE public.cases (text TEXT); CREATE SCHEMA waxseal_desk";
    admin(&url).batch_execute(sql).unwrap();
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&[Change::add(case("mallory"))]).unwrap();
    assert!(
        PostgresStore::open(&url)
            .unwrap()
            .case(&[1; 16])
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let Some((_server, url)) = database() else {
        return;
    };
    drop(PostgresStore::open(&url).unwrap());
    let sql = "UPDATE format SET version = version + 1";
    admin(&url).batch_execute(sql).unwrap();
    assert!(matches!(refused(&url), StoreError::Newer { version } if version == VERSION + 1));
}

#[test]
fn tables_that_the_desk_does_not_make_are_damage() {
    let Some(server) = waxseal_postgres::Server::shared() else {
        return;
    };
    for sql in [
        "CREATE TABLE more (text TEXT)",
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER spy BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION spy()",
        "CREATE RULE spy AS ON INSERT TO entries DO INSTEAD NOTHING",
        "CREATE VIEW shown AS SELECT * FROM cases",
        "DROP INDEX queue_by_age",
        "ALTER TABLE reports DROP CONSTRAINT reports_digest_key",
        "ALTER TABLE cases ADD COLUMN more TEXT",
        "ALTER TABLE cases ALTER COLUMN reason TYPE INTEGER",
        "ALTER TABLE cases ALTER COLUMN reason DROP NOT NULL",
        "ALTER TABLE cases ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE cases ALTER COLUMN account SET STATISTICS 100",
        "CREATE STATISTICS pairs ON account, status FROM cases",
        "ALTER TABLE contents SET UNLOGGED",
        "DROP TABLE meta",
        "DELETE FROM format",
    ] {
        let url = server.database();
        drop(PostgresStore::open(&url).unwrap());
        admin(&url).batch_execute(sql).unwrap();
        assert!(matches!(refused(&url), StoreError::Damaged), "{sql}");
    }
}

#[test]
fn tables_that_are_altered_while_a_store_is_open_are_damage() {
    let Some((_server, url)) = database() else {
        return;
    };
    let store = PostgresStore::open(&url).unwrap();
    let sql = "ALTER TABLE cases RENAME COLUMN reason TO why; DROP TABLE meta";
    admin(&url).batch_execute(sql).unwrap();
    for error in [
        store.case(&[1; 16]).unwrap_err(),
        store.meta("x").unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Damaged), "{error:?}");
    }
}

#[test]
fn values_that_the_desk_does_not_write_are_damage() {
    let Some((_server, url)) = database() else {
        return;
    };
    let (mut store, mallory) = (PostgresStore::open(&url).unwrap(), case("mallory"));
    store.apply(&[Change::add(mallory.clone())]).unwrap();
    let mut admin = admin(&url);
    for sql in [
        "UPDATE cases SET account = repeat('x', 129)",
        "UPDATE cases SET account = 'half of an escape: \\'",
        "UPDATE cases SET reason = 256",
        "UPDATE cases SET severity = -1",
        "UPDATE cases SET is_held = 2",
        "UPDATE cases SET officer = '\\x00'",
        "UPDATE cases SET assigned_until_ms = 9, officer = NULL",
    ] {
        admin
            .batch_execute("CREATE TABLE public.kept AS SELECT * FROM cases")
            .unwrap();
        admin.batch_execute(sql).unwrap();
        let error = store.case(&[1; 16]).unwrap_err();
        assert!(matches!(error, StoreError::Damaged), "{sql}: {error:?}");
        let again = "UPDATE cases SET (account, reason, severity, is_held, officer,
                assigned_until_ms) = (SELECT account, reason, severity, is_held, officer,
                assigned_until_ms FROM public.kept);
            DROP TABLE public.kept";
        admin.batch_execute(again).unwrap();
        assert_eq!(store.case(&[1; 16]).unwrap().as_ref(), Some(&mallory));
    }
}

#[test]
fn a_server_that_does_not_sync_is_refused() {
    let Some(server) = waxseal_postgres::Server::start() else {
        return;
    };
    let url = server.database();
    let mut admin = admin(&url);
    for (setting, is_refused) in [("off", true), ("on", false)] {
        let sql = format!("ALTER SYSTEM SET fsync = {setting}");
        admin.batch_execute(&sql).unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").unwrap();
        let is_set = || -> bool {
            let mut other = super::admin(&url);
            let row = other.query_one("SHOW fsync", &[]).unwrap();
            row.get::<_, String>(0) == setting
        };
        while !is_set() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let opened = PostgresStore::open(&url);
        assert_eq!(opened.is_err(), is_refused, "{opened:?}");
    }
}

#[test]
fn a_server_that_acknowledges_before_it_syncs_is_told_to_wait() {
    let Some((_server, url)) = database() else {
        return;
    };
    let sql = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off',
        current_database()); END $$";
    admin(&url).batch_execute(sql).unwrap();
    let store = PostgresStore::open(&url).unwrap();
    let set = store.with(|session| {
        let row = session.client()?.query_one("SHOW synchronous_commit", &[]);
        Ok(row.unwrap().get::<_, String>(0))
    });
    assert_eq!(set.unwrap(), "on");
}

#[test]
fn a_database_that_cannot_hold_every_text_is_refused() {
    let Some((_server, url)) = database() else {
        return;
    };
    let (server, name) = url.rsplit_once('/').unwrap();
    let sql =
        format!("CREATE DATABASE {name}_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    admin(&url).batch_execute(&sql).unwrap();
    assert!(matches!(
        refused(&format!("{server}/{name}_latin")),
        StoreError::Failed(_)
    ));
}

#[test]
fn an_auditor_reads_the_tables_while_the_desk_has_them_open() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut store = PostgresStore::open(&url).unwrap();
    store.apply(&[Change::add(case("mallory"))]).unwrap();
    let sql = "SELECT account || ' ' || status FROM cases";
    let told: String = admin(&url).query_one(sql, &[]).unwrap().get(0);
    assert_eq!(told, "mallory open");
}

#[test]
fn failures_do_not_quote_rows() {
    let Some((_server, url)) = database() else {
        return;
    };
    let mut store = PostgresStore::open(&url).unwrap();
    let sql = "ALTER TABLE cases ADD CONSTRAINT few CHECK (reports < 0)";
    admin(&url).batch_execute(sql).unwrap();
    let error = store.apply(&[Change::add(case("mallory"))]).unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)));
    let said = format!("{error:?}");
    assert!(
        said.contains("23514") && !said.contains("mallory"),
        "{said}"
    );
}
