//! A device that stops in any commit of what expires, and goes on.

use std::cell::Cell;
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
