//! A device that stops in any commit of what expires, and goes on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::view::REPORT_GRACE_MS;
use waxseal::{Client, Draft, MemoryStore, Store, Timestamp};
use waxseal_world::{Provider, account, snapshot};
use zeroize::Zeroizing;

use crate::support::{after, shown};

/// A store whose commits fail once `left` were made, before or after they are applied.
struct Stops {
    inner: MemoryStore,
    left: Rc<Cell<usize>>,
    applies: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

impl Store for Stops {
    type Error = Stopped;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Stopped> {
        Ok(self.inner.get(key).unwrap())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Stopped> {
        Ok(self.inner.list(table, after, limit).unwrap())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Stopped> {
        let Some(left) = self.left.get().checked_sub(1) else {
            if self.applies {
                self.inner.commit(transaction).unwrap();
            }
            return Err(Stopped);
        };
        self.left.set(left);
        self.inner.commit(transaction).unwrap();
        Ok(())
    }

    fn is_damage(_: &Stopped) -> bool {
        false
    }
}

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
            }
        }
        client.expire(wiped, 10).ok()?;
        Some(())
    };
    let mut stops = 0;
    for applies in [false, true] {
        for left in 0.. {
            let counter = Rc::new(Cell::new(left));
            let store = Stops {
                inner: MemoryStore::from_records(records.clone()),
                left: counter.clone(),
                applies,
            };
            let mut client = Client::open(store).unwrap();
            let is_done = live(&mut client).is_some();
            counter.set(usize::MAX);
            let mut client = Client::open(client.into_store()).unwrap();
            live(&mut client).unwrap();
            assert_eq!(shown(&client, "alice", wiped), ["stays"]);
            let left: Vec<_> = client
                .into_store()
                .inner
                .records()
                .map(|(key, value)| {
                    let is_secret = value.windows(6).any(|window| window == b"SECRET");
                    (key.table.as_bytes()[0], is_secret)
                })
                .collect();
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
    let open = |store: MemoryStore, left: usize, applies: bool| {
        let left = Rc::new(Cell::new(left));
        let (opened, rest) = {
            let store = Shared(Rc::new(RefCell::new(store)), left, applies);
            (Client::open(store.clone()).is_ok(), store)
        };
        (opened, rest.0.take())
    };
    let (_, whole) = open(
        MemoryStore::from_records(records.clone()),
        usize::MAX,
        false,
    );
    let all = |store: &MemoryStore| -> Vec<_> {
        let records = store.records();
        records
            .map(|(key, value)| (key.clone(), value.to_vec()))
            .collect()
    };
    let mut stops = 0;
    for applies in [false, true] {
        for left in 0.. {
            let store = MemoryStore::from_records(records.clone());
            let (is_done, store) = open(store, left, applies);
            let (is_done_then, store) = open(store, usize::MAX, applies);
            assert!(is_done_then);
            assert!(all(&store) == all(&whole), "{left}");
            if is_done {
                break;
            }
            stops += 1;
        }
    }
    assert!(stops >= 10, "{stops}");

    let mut bob = Client::open(whole).unwrap();
    assert_eq!(shown(&bob, "alice", now), before);
    // What is written under the present key counts for what was stored without one, as does what
    // this account writes.
    world.exchange(&mut alice, &mut bob, Draft::edit(ids[4], "later"));
    world.exchange(&mut bob, &mut alice, Draft::delete(ids[5]));
    let lines = shown(&bob, "alice", world.now);
    assert_eq!(lines[4..6], ["later (1 edits)", "- deleted by bob"]);
    assert_eq!(bob.views(&a, None, 100, now).unwrap().items.len(), 6);
}

/// As [`Stops`], of which what was stored is there after the client could not be opened.
#[derive(Clone)]
struct Shared(Rc<RefCell<MemoryStore>>, Rc<Cell<usize>>, bool);

impl Store for Shared {
    type Error = Stopped;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Stopped> {
        Ok(self.0.borrow().get(key).unwrap())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Stopped> {
        Ok(self.0.borrow().list(table, after, limit).unwrap())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Stopped> {
        let left = self.1.get().checked_sub(1);
        if left.is_some() || self.2 {
            self.0.borrow_mut().commit(transaction).unwrap();
        }
        self.1.set(left.ok_or(Stopped)?);
        Ok(())
    }

    fn is_damage(_: &Stopped) -> bool {
        false
    }
}
