use postgres::config::SslMode;

use super::*;
use crate::fixture::database;
use crate::store::postgres::{MORE_CONNECTIONS, Postgres};

#[test]
fn another_machine_is_asked_over_tls_unless_the_url_says_otherwise() {
    for (url, is_plain) in [
        ("postgres://relay@localhost/relay", true),
        ("postgres://relay@127.0.0.1,[::1]/relay", true),
        ("postgres:///relay?host=/run/postgresql", true),
        ("postgres://relay@10.0.0.1/relay?sslmode=disable", true),
        ("postgres://relay@localhost/relay?sslmode=require", false),
        ("postgres://relay@10.0.0.1/relay", false),
        ("postgres://relay@localhost,database.example/relay", false),
        ("postgres://relay@localhost/relay?hostaddr=10.0.0.1", false),
        ("postgres://relay@10.0.0.1/relay?sslmode=prefer", false),
    ] {
        // A machine without authorities refuses instead.
        let Ok(access) = Access::of(url) else {
            assert!(!is_plain, "{url}");
            continue;
        };
        let expected = match is_plain {
            true => (SslMode::Disable, false),
            false => (SslMode::Require, true),
        };
        let asked = (access.config.get_ssl_mode(), access.tls.is_some());
        assert_eq!(asked, expected, "{url}");
    }
}

#[test]
fn a_server_that_takes_no_changes_is_refused() {
    let (options, _server) = database();
    let Some(url) = options.database else {
        return;
    };
    let mut client = Access::of(&url).unwrap().connect().unwrap();
    let (_, name) = url.rsplit_once('/').unwrap();
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    client.batch_execute(&read_only).unwrap();
    let url = url.clone() + "?target_session_attrs=any";
    // Even if it only reads.
    assert!(Access::of(&url).unwrap().connect().is_err());
    assert!(Postgres::open(&url, 1).is_err());
    let back = format!(
        "SET default_transaction_read_only = off;
         ALTER DATABASE {name} RESET default_transaction_read_only"
    );
    client.batch_execute(&back).unwrap();
    assert!(Postgres::open(&url, 1).is_ok());
}

#[test]
fn a_relay_knows_how_many_connections_it_needs_and_how_many_the_server_takes() {
    let (options, _server) = database();
    let Some(url) = options.database else {
        return;
    };
    let postgres = Postgres::open(&url, 5).unwrap();
    // Each thread has one connection at most.
    assert_eq!(postgres.threads.len(), 5 + MORE_CONNECTIONS);
    let access = Access::of(&url).unwrap();
    let mut client = access.connect().unwrap();
    let most: String = client
        .query_one("SHOW max_connections", &[])
        .unwrap()
        .get(0);
    let room = room(&mut client).unwrap();
    assert!(room > 0 && room < most.parse().unwrap(), "{room} of {most}");
}

#[test]
fn the_server_ends_the_session_of_a_machine_that_is_gone() {
    let (options, _server) = database();
    let Some(url) = options.database else {
        return;
    };
    let mut client = Access::of(&url).unwrap().connect().unwrap();
    let settings = "SELECT current_setting('tcp_keepalives_idle'),
         current_setting('tcp_keepalives_interval'), current_setting('tcp_keepalives_count'),
         current_setting('tcp_user_timeout')";
    let row = client.query_one(settings, &[]).unwrap();
    let settings: Vec<String> = (0..4).map(|n| row.get(n)).collect();
    assert_eq!(settings, ["10", "2", "3", "10000"]);
}
