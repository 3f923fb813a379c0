//! The server keeps what it has committed, and is killed and cut off when a test asks for it.
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use postgres::{Client, NoTls};
use waxseal_postgres::Server;

fn number(client: &mut Client) -> i64 {
    let row = client.query_one("SELECT count(*) FROM kept", &[]).unwrap();
    row.get(0)
}

#[test]
fn what_was_committed_outlives_a_kill() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let mut client = Client::connect(&url, NoTls).unwrap();
    let sql = "CREATE TABLE kept (value BIGINT); INSERT INTO kept VALUES (1), (2)";
    client.batch_execute(sql).unwrap();
    for _ in 0..3 {
        assert!(server.processes().len() > 1, "it has a backend");
        server.kill();
        assert!(server.processes().is_empty());
        assert!(client.query("SELECT 1", &[]).is_err());
        assert!(Client::connect(&url, NoTls).is_err());
        server.restart();
        client = Client::connect(&url, NoTls).unwrap();
        assert_eq!(number(&mut client), 2);
    }
    let another = server.database();
    assert_ne!(another, url);
    let mut other = Client::connect(&another, NoTls).unwrap();
    assert!(other.query("SELECT * FROM kept", &[]).is_err());
}

#[test]
fn a_server_that_ended_by_itself_does_not_run() {
    let Some(server) = Server::start() else {
        return;
    };
    assert!(server.runs());
    let own = server.processes().pop().unwrap();
    let killed = Command::new("kill").args(["-9", &own.to_string()]).status();
    assert!(killed.unwrap().success());
    while server.runs() {
        sleep(Duration::from_millis(10));
    }
    server.kill();
    server.restart();
    assert!(server.runs());
}

#[test]
fn connections_are_cut_and_the_server_goes_on() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.database();
    let mut clients = [(); 2].map(|()| Client::connect(&url, NoTls).unwrap());
    assert_eq!(server.cut_connections(), 2);
    for client in &mut clients {
        assert!(client.query("SELECT 1", &[]).is_err());
    }
    let (folder, port) = (server.socket_folder().display(), server.port());
    let by_socket = format!("host={folder} port={port} user=waxseal dbname=postgres");
    let mut client = Client::connect(&by_socket, NoTls).unwrap();
    client.query("SELECT 1", &[]).unwrap();
}

#[test]
fn tests_share_a_server_while_one_of_them_holds_it() {
    let Some(server) = Server::shared() else {
        return;
    };
    assert!(Arc::ptr_eq(&server, &Server::shared().unwrap()));
    let url = server.database();
    drop(server);
    assert!(Client::connect(&url, NoTls).is_err());
}
