//! A device that stops in any commit of what expires, and goes on.

use std::cell::Cell;

use waxseal::store::Key;
use waxseal::view::REPORT_GRACE_MS;
use waxseal::{Client, Draft, MemoryStore, Timestamp};
use waxseal_world::{Provider, account, snapshot};

use crate::stops::Stops;
use crate::support::{after, shown};

#[test]
fn a_device_that_stops_in_any_commit_shows_and_wipes_the_same() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let mut ids = Vec::new();
    for text in ["SECRET one", "SECRET two"] {
        let draft = Draft::from(text).expires_after_secs(600);
        ids.push(world.exchange(&mut alice, &mut bob, draft));
        bob.accept_contact(&account("alice")).unwrap();
    }
    for number in 0..70 {
        let edit = Draft::edit(ids[0], format!("SECRET {number}"));
        world.exchange(&mut alice, &mut bob, edit);
    }
    world.exchange(&mut alice, &mut bob, "stays");
    let deleted = world.exchange(&mut alice, &mut bob, "SECRET three");
    let deletion = alice
        .send(
            &account("bob"),
            Draft::delete(deleted),
            world.now,
            &mut world.rng,
        )
        .unwrap();
    let deletion = world.relay(&alice, &bob, &deletion.envelope).0;
    let (records, now) = (snapshot(&bob), world.now);
    let end = after(now, 601_000);
    let wiped = after(end, REPORT_GRACE_MS);

    // How often the messages were looked at while they had expired and were not wiped.
    let looked = Cell::new(0);
    // What an application does, again and again until all of it is done.
    let live = |client: &mut Client<Stops>| -> Option<()> {
        client.receive(&deletion).ok()?;
        client.mark_read(&a, &ids[1], now).ok()?;
        client.expire(end, 10).ok()?;
        let lines = ["- expired", "- expired", "stays", "- deleted by alice"];
        if client.messages(&a, None, 1_000).unwrap().items.len() > 2 {
            let all = client
                .due(None, 9, Timestamp::from_millis(u64::MAX))
                .unwrap();
            if all.items.iter().any(|due| due.at > end) {
                assert_eq!(shown(client, "alice", end), lines);
                looked.set(looked.get() + 1);
            }
        }
        client.expire(wiped, 10).ok()?;
        Some(())
    };
    let mut stops = 0;
    for applies in [false, true] {
        for left in 0.. {
            let store = Stops::new(records.clone());
            store.stop_after(left, applies);
            let mut client = Client::open(store.clone()).unwrap();
            let is_done = live(&mut client).is_some();
            store.go_on();
            let mut client = Client::open(store.clone()).unwrap();
            live(&mut client).unwrap();
            assert_eq!(shown(&client, "alice", wiped), ["stays"]);
            let rows = store.records().into_iter().map(|(key, value)| {
                let is_secret = value.windows(6).any(|window| window == b"SECRET");
                (key.table.as_bytes()[0], is_secret)
            });
            let left: Vec<_> = rows.collect();
            assert!(left.iter().all(|(_, is_secret)| !is_secret));
            let of_views = left.iter().filter(|(family, _)| b"meQPM".contains(family));
            assert_eq!(of_views.count(), 1);
            if is_done {
                break;
            }
            stops += 1;
        }
    }
    assert!(stops >= 10, "{stops}");
    assert!(looked.get() >= 2, "{}", looked.get());
}

/// A store as the version before had it: messages without account keys, and nothing folded.
fn as_of_layout_3(client: &Client<MemoryStore>) -> Vec<(Key, Vec<u8>)> {
    let mut records = Vec::new();
    for (key, mut value) in snapshot(client) {
        match key.table.as_bytes()[0] {
            b'Q' | b'P' | b'M' => continue,
            b'f' => value = vec![1, 8, 3],
            b'm' => {
                // The key is the last field: number 9, 32 bytes.
                let at = value.len() - 34;
                assert_eq!(value[at..at + 2], [0x4a, 0x20]);
                value.truncate(at);
            }
            _ => {}
        }
        records.push((key, value));
    }
    records
}

#[test]
fn chk578_a_conversion_that_stops_in_any_commit_folds_the_same_under_the_present_keys() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let a = account("alice");
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(world.exchange(&mut alice, &mut bob, format!("text {number}").as_str()));
        ids.push(world.exchange(&mut bob, &mut alice, format!("reply {number}").as_str()));
    }
    for number in 0..70 {
        world.exchange(
            &mut alice,
            &mut bob,
            Draft::edit(ids[0], format!("edit {number}")),
        );
    }
    world.exchange(&mut bob, &mut alice, Draft::edit(ids[1], "edited reply"));
    world.exchange(&mut alice, &mut bob, Draft::delete(ids[2]));
    world.exchange(&mut alice, &mut bob, Draft::react(ids[3], "!"));
    let (now, before) = (world.now, shown(&bob, "alice", world.now));
    let records = as_of_layout_3(&bob);
    let opens = |store: &Stops| Client::open(store.clone()).is_ok();
    let whole = Stops::new(records.clone());
    assert!(opens(&whole));
    let mut stops = 0;
    for applies in [false, true] {
        for left in 0.. {
            let store = Stops::new(records.clone());
            store.stop_after(left, applies);
            let is_done = opens(&store);
            store.go_on();
            assert!(opens(&store));
            assert!(store.records() == whole.records(), "{left}");
            if is_done {
                break;
            }
            stops += 1;
        }
    }
    assert!(stops >= 10, "{stops}");

    let mut bob = Client::open(MemoryStore::from_records(whole.records())).unwrap();
    assert_eq!(shown(&bob, "alice", now), before);
    // What is written under the present key counts for what was stored without one, as does what
    // this account writes.
    world.exchange(&mut alice, &mut bob, Draft::edit(ids[4], "later"));
    world.exchange(&mut bob, &mut alice, Draft::delete(ids[5]));
    let lines = shown(&bob, "alice", world.now);
    assert_eq!(lines[4..6], ["later (1 edits)", "- deleted by bob"]);
    assert_eq!(bob.views(&a, None, 100, now).unwrap().items.len(), 6);
}
