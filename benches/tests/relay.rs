//! Loads a relay for a few seconds, and checks what the command says of it.
#![cfg(unix)]

use serde_json::Value;
use waxseal_benches::relay::{self, RelayOptions, Sent, Shown, Verdict};
use waxseal_reporting::FrankingTag;

fn options() -> RelayOptions {
    RelayOptions {
        postgres: false,
        relays: 1,
        seconds: 3,
        senders: 16,
        kill: false,
        store: false,
        json: true,
    }
}

#[test]
fn a_relay_over_sqlite_delivers_all_that_it_accepts_even_if_it_is_killed() {
    for kill in [false, true] {
        let outcome = relay::run(&RelayOptions { kill, ..options() }).expect("a run");
        let json = outcome.to_json();
        assert!(outcome.is_clean(), "{json:#}");
        assert_eq!(json["engine"], "sqlite");
        let number = |field: &str| json[field].as_f64().expect(field);
        assert_eq!(number("relays"), 1.0);
        assert!(number("accepted") > 100.0, "{json:#}");
        assert_eq!(number("delivered"), number("accepted"));
        assert_eq!(number("lost") + number("out_of_order"), 0.0);
        assert_eq!(number("unacknowledged"), 0.0);
        assert_eq!(number("kills_database"), 0.0, "SQLite is in the relay");
        for field in ["messages_per_s", "p50_ms", "p99_ms", "cpu_us_per_message"] {
            assert!(number(field) > 0.0, "{field}");
        }
        if kill {
            assert_eq!(number("kills_relay"), 3.0);
            assert!(number("broken_connections") >= 16.0, "{json:#}");
        } else {
            assert_eq!(number("kills_relay"), 0.0);
            assert_eq!(number("delivered_twice"), 0.0, "{json:#}");
            assert_eq!(number("broken_connections"), 0.0, "{json:#}");
            assert_eq!(json["refused"], Value::Object(serde_json::Map::new()));
        }
        let text = outcome.to_text();
        assert!(text.starts_with("1 relay of sqlite, 16 senders"), "{text}");
    }
}

#[test]
fn two_relays_over_postgresql_deliver_all_that_they_accept_while_all_servers_are_killed() {
    if waxseal_postgres::Server::shared().is_none() {
        return;
    }
    let outcome = relay::run(&RelayOptions {
        postgres: true,
        relays: 2,
        seconds: 6,
        kill: true,
        ..options()
    });
    let outcome = outcome.expect("a run");
    let json = outcome.to_json();
    assert!(outcome.is_clean(), "{json:#}");
    assert_eq!(json["engine"], "postgres");
    assert_eq!(json["delivered"], json["accepted"]);
    assert!(json["accepted"].as_f64() > Some(50.0), "{json:#}");
    assert_eq!(
        (&json["kills_relay"], &json["kills_database"]),
        (&7.into(), &1.into())
    );
}

#[test]
fn several_relays_need_a_database_that_they_can_share() {
    let several = RelayOptions {
        relays: 2,
        ..options()
    };
    assert!(relay::run(&several).is_err());
}

fn sent(name: u8, to: usize, posted_at: u64, accepted_at: u64) -> Sent {
    let tag = FrankingTag::from_bytes([name; 32]);
    Sent {
        tag,
        to,
        posted_at,
        accepted_at,
    }
}

fn shown(names: &[u8]) -> Vec<Shown> {
    let at = |name: &u8| Shown {
        tag: FrankingTag::from_bytes([*name; 32]),
        at: 100 * u64::from(*name),
    };
    names.iter().map(at).collect()
}

#[test]
fn a_message_is_out_of_order_only_if_it_was_accepted_before_another_was_posted() {
    let all = [
        sent(1, 0, 10, 20),
        sent(2, 0, 15, 30), // at the same time as the one before
        sent(3, 0, 31, 40),
        sent(4, 1, 35, 50),
    ];
    let order = |of_0: &[u8], of_1: &[u8]| Verdict::new(&all, &[shown(of_0), shown(of_1)], 250);
    for in_order in [&[1, 2, 3], &[2, 1, 3]] {
        let verdict = order(in_order, &[4]);
        assert_eq!((verdict.lost, verdict.out_of_order), (0, 0));
        assert_eq!((verdict.accepted, verdict.delivered), (4, 4));
        assert_eq!(verdict.delivered_in_time, 2, "after 100 and 200");
        assert_eq!(verdict.until_accepted, [9, 10, 15, 15]);
    }
    assert_eq!(order(&[3, 1, 2], &[4]).out_of_order, 2);
    assert_eq!(order(&[1, 3, 2], &[4]).out_of_order, 1);
}

#[test]
fn what_its_recipient_does_not_see_is_lost() {
    let all = [sent(1, 0, 10, 20), sent(2, 1, 10, 20)];
    let verdict = Verdict::new(&all, &[shown(&[1, 9]), shown(&[])], 1_000);
    assert_eq!((verdict.delivered, verdict.lost), (1, 1));
    // Another one than its recipient does not count.
    let verdict = Verdict::new(&all, &[shown(&[1, 2]), shown(&[])], 1_000);
    assert_eq!((verdict.delivered, verdict.lost), (1, 1));
}
