//! Mailboxes: slots that are filled once, for ten minutes, and not without bounds.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use rusqlite::Connection;
use waxseal_interface::{ErrorCode, MAX_MAILBOX_LEN};
use world::{World, code, request};

const MAILBOX: [u8; 16] = [0xab; 16];

#[test]
fn chk309_a_slot_is_filled_once_by_anyone_and_read_by_anyone() {
    let mut world = World::new();
    let alice = world.device("alice");
    let client = world.client();
    let relay_key = client.card().unwrap().relay_key;
    assert_eq!(client.mailbox(&relay_key, MAILBOX, 0).unwrap(), None);
    client
        .put_mailbox(&relay_key, MAILBOX, 0, b"bundle")
        .unwrap();
    let longest = vec![7; MAX_MAILBOX_LEN];
    let session = alice.session();
    client.put_mailbox(session, MAILBOX, 255, &longest).unwrap();
    for restarted in [false, true] {
        if restarted {
            world.relay.take().unwrap().kill();
            world.start();
        }
        let client = world.client();
        let read = |slot| client.mailbox(&relay_key, MAILBOX, slot).unwrap();
        assert_eq!(read(0).unwrap(), b"bundle");
        assert_eq!(read(255).unwrap(), longest);
        let by_device = client.mailbox(session, MAILBOX, 0).unwrap();
        assert_eq!(by_device.unwrap(), b"bundle");
        assert_eq!(read(1), None);
        assert_eq!(client.mailbox(&relay_key, [0; 16], 0).unwrap(), None);
        // The answer may have been lost: the same bytes can be put again. Other bytes replace
        // nothing, whoever puts them.
        client
            .put_mailbox(&relay_key, MAILBOX, 0, b"bundle")
            .unwrap();
        let other = client.put_mailbox(&relay_key, MAILBOX, 0, b"other");
        assert_eq!(code(other), ErrorCode::SlotTaken);
        let other = client.put_mailbox(session, MAILBOX, 0, b"");
        assert_eq!(code(other), ErrorCode::SlotTaken);
        assert_eq!(read(0).unwrap(), b"bundle");
    }
}

#[test]
fn paths_that_name_no_slot_and_content_that_is_too_long_are_refused() {
    let world = World::new();
    let octets = "application/octet-stream";
    let hex = "ab".repeat(16);
    let long = vec![0; MAX_MAILBOX_LEN + 1];
    for (path, body, status, error) in [
        (format!("{hex}/256"), &long[..1], 404, "not_found"),
        (format!("{hex}/00"), &long[..1], 404, "not_found"),
        (format!("{hex}/+1"), &long[..1], 404, "not_found"),
        (format!("{hex}/"), &long[..1], 404, "not_found"),
        (format!("{}/0", &hex[1..]), &long[..1], 404, "not_found"),
        (
            format!("{}/0", hex.to_uppercase()),
            &long[..1],
            404,
            "not_found",
        ),
        (format!("{hex}/0"), &long[..], 413, "too_large"),
    ] {
        let path = format!("/v1/mailboxes/{path}");
        let answer = request(&world, "PUT", &path, "", octets, body);
        assert_eq!(answer, (status, error.to_owned()), "{path}");
    }
    let path = format!("/v1/mailboxes/{hex}/0");
    let answer = request(&world, "PUT", &path, "x", octets, b"x");
    assert_eq!(answer, (401, "unauthorized".to_owned()));
    let answer = request(&world, "GET", &path, "", "", b"");
    assert_eq!(answer, (404, "no_such_mailbox".to_owned()));
}

#[test]
fn content_is_gone_after_ten_minutes_and_its_room_is_free_again() {
    let world = World::new();
    let client = world.client();
    let relay_key = client.card().unwrap().relay_key;
    client
        .put_mailbox(&relay_key, MAILBOX, 0, b"early")
        .unwrap();
    let age = |ms: i64| {
        let db = Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap();
        let age = "UPDATE mailbox SET put_at_ms = put_at_ms - ?";
        assert_eq!(db.execute(age, [ms]).unwrap(), 1);
    };
    age(590_000);
    assert!(client.mailbox(&relay_key, MAILBOX, 0).unwrap().is_some());
    age(10_000);
    assert_eq!(client.mailbox(&relay_key, MAILBOX, 0).unwrap(), None);
    let db = Connection::open(world.dir.path().join("data/relay.sqlite")).unwrap();
    let rest: (i64, i64) = db
        .query_row("SELECT sum(slots), sum(bytes) FROM lodged", [], |row| {
            row.try_into()
        })
        .unwrap();
    assert_eq!(rest, (0, 0));
    client
        .put_mailbox(&relay_key, MAILBOX, 0, b"later")
        .unwrap();
}

#[test]
fn an_address_fills_its_room_and_no_accounts() {
    let world = World::new();
    let alice = world.device("alice");
    let client = world.client();
    let relay_key = client.card().unwrap().relay_key;
    // By number: 64 slots of one address.
    for slot in 0..64 {
        client.put_mailbox(&relay_key, MAILBOX, slot, b"x").unwrap();
    }
    let full = client.put_mailbox(&relay_key, MAILBOX, 64, b"x");
    let full = full.unwrap_err();
    assert_eq!(full.code(), Some(ErrorCode::MailboxFull));
    assert!(full.is_transient() && full.retry_after_secs().is_some());
    // What is there can be put again, and accounts have room of their own.
    client.put_mailbox(&relay_key, MAILBOX, 63, b"x").unwrap();
    for slot in 64..=255 {
        let session = alice.session();
        client.put_mailbox(session, MAILBOX, slot, b"x").unwrap();
    }
}
