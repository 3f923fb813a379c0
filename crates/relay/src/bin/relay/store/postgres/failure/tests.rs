use postgres::{Client, NoTls};

use super::*;
use crate::fixture::database;

/// A connection to a database of its own. `None` without PostgreSQL.
fn client() -> Option<(Client, std::sync::Arc<waxseal_postgres::Server>)> {
    let (options, server) = database();
    let client = Client::connect(&options.database?, NoTls).unwrap();
    Some((client, server?))
}

#[test]
fn what_the_server_says_tells_whether_a_job_may_run_again_and_whether_the_connection_is_of_use() {
    let Some((mut client, server)) = client() else {
        return;
    };
    let mut of = |code: &str| {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'why' USING ERRCODE = '{code}'; END $$");
        Failure::of(&client.batch_execute(&raise).unwrap_err())
    };
    for code in ["23503", "40001", "40P01", "55P03", "57014"] {
        assert_eq!(of(code), Failure::Overtaken, "{code}");
    }
    for code in [
        "08006", "25006", "25P03", "53300", "57P01", "57P03", "58030",
    ] {
        assert_eq!(of(code), Failure::Lost, "{code}");
    }
    for code in ["23505", "25P02", "42P01", "22003", "XX000"] {
        assert_eq!(of(code), Failure::Other, "{code}");
    }
    let slow = client.batch_execute("SET statement_timeout = 10; SELECT pg_sleep(1)");
    assert_eq!(Failure::of(&slow.unwrap_err()), Failure::Overtaken);

    // A value that does not fit says nothing of the connection.
    let unfit = client.query_one("SELECT $1::bigint", &[&"text"]);
    assert_eq!(Failure::of(&unfit.unwrap_err()), Failure::Other);
    let row = client.query_one("SELECT $1::bigint", &[&7_i64]).unwrap();
    let unfit = row.try_get::<_, String>(0).unwrap_err();
    assert_eq!(Failure::of(&unfit), Failure::Other);

    let end = "SELECT pg_terminate_backend(pg_backend_pid())";
    assert_eq!(
        Failure::of(&client.batch_execute(end).unwrap_err()),
        Failure::Lost
    );
    assert_eq!(
        Failure::of(&client.batch_execute("").unwrap_err()),
        Failure::Lost
    );
    drop(server);
}

#[test]
fn the_log_has_the_servers_message_and_code_and_no_row() {
    let Some((mut client, _server)) = client() else {
        return;
    };
    let table = "CREATE TEMPORARY TABLE t (name TEXT PRIMARY KEY); INSERT INTO t VALUES ('alice')";
    client.batch_execute(table).unwrap();
    let error = client
        .batch_execute("INSERT INTO t VALUES ('alice')")
        .unwrap_err();
    let detail = error.as_db_error().unwrap().detail();
    assert!(detail.unwrap().contains("alice"));
    let said = Said(&error).to_string();
    assert_eq!(
        said,
        "duplicate key value violates unique constraint \"t_pkey\" (23505)"
    );

    let error = Client::connect("postgres://relay@127.0.0.1:1/relay", NoTls)
        .err()
        .unwrap();
    let said = Said(&error).to_string();
    assert!(said.starts_with("error connecting to server: "), "{said}");
}
