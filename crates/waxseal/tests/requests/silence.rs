//! What strangers are told: nothing of itself, and few of them are asked for anything.

use std::cell::Cell;
use std::rc::Rc;

use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::Envelope;
use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Client, Content, MemoryStore, Store};
use waxseal_world::{account, snapshot};
use zeroize::Zeroizing;

use crate::support::{DAY_MS, Stranger, hear, wait, world};

#[test]
fn chk598_strangers_and_blocked_accounts_are_not_told_the_own_roster() {
    for is_blocked in [false, true] {
        let (mut world, mut bob) = world();
        let mut mallory = Stranger::new(&mut world, "mallory");
        mallory.write(&mut world, &mut bob, "hello");
        if is_blocked {
            bob.accept_contact(&account("mallory")).unwrap();
            bob.block(&account("mallory"), true).unwrap();
        }
        for _ in 0..3 {
            wait(&mut world, 2 * 3_600_000);
            let envelope = mallory.seal_with_old_roster(&mut world);
            mallory.deliver(&mut world, &mut bob, &envelope);
            let upkeep = bob.upkeep(world.now, &mut world.rng).unwrap();
            assert!(upkeep.outgoing.is_empty());
        }
        // An accepted one is told.
        match is_blocked {
            true => bob.block(&account("mallory"), false).unwrap(),
            false => bob.accept_contact(&account("mallory")).unwrap(),
        }
        wait(&mut world, 2 * 3_600_000);
        let envelope = mallory.seal_with_old_roster(&mut world);
        mallory.deliver(&mut world, &mut bob, &envelope);
        let upkeep = bob.upkeep(world.now, &mut world.rng).unwrap();
        assert_eq!(upkeep.outgoing.len(), 1);
    }
}

/// What was to be told when the account was blocked is not told any more.
#[test]
fn chk598_an_account_that_is_blocked_before_it_is_told_is_not_told() {
    let (mut world, mut bob) = world();
    let mut mallory = Stranger::new(&mut world, "mallory");
    mallory.write(&mut world, &mut bob, "hello");
    bob.accept_contact(&account("mallory")).unwrap();
    let control = mallory.seal_with_old_roster(&mut world);
    mallory.deliver(&mut world, &mut bob, &control);
    let told = bob.upkeep(world.now, &mut world.rng).unwrap();
    assert_eq!(told.outgoing.len(), 1);
    // Within the hour it is not told again, and waits.
    let control = mallory.seal_with_old_roster(&mut world);
    mallory.deliver(&mut world, &mut bob, &control);
    let upkeep = bob.upkeep(world.now, &mut world.rng).unwrap();
    assert!(upkeep.again_at.is_some());
    bob.block(&account("mallory"), true).unwrap();
    wait(&mut world, 2 * 3_600_000);
    let upkeep = bob.upkeep(world.now, &mut world.rng).unwrap();
    assert!(upkeep.outgoing.is_empty());
}

#[test]
fn chk599_ten_strangers_get_a_refusal_in_a_day() {
    let (mut world, mut bob) = world();
    let fail = |world: &mut waxseal_world::Provider, bob: &mut Client<_>, number: u64| {
        let mut stranger = Stranger::new(world, &format!("stranger {number}"));
        world.show_roster(bob, &stranger.device.me.account);
        let mut bytes = stranger.seal(Content::Text("x".into()), world).encode();
        *bytes.last_mut().unwrap() ^= 1;
        let envelope = Envelope::decode(&bytes).unwrap();
        let (delivery, _) = world.stamp_as(&stranger.device.me, bob.me(), &envelope);
        bob.receive(&delivery).unwrap_err();
    };
    for number in 0..60 {
        fail(&mut world, &mut bob, number);
    }
    let mut refusals = 0;
    for _ in 0..26 {
        refusals += bob
            .upkeep(world.now, &mut world.rng)
            .unwrap()
            .outgoing
            .len();
        wait(&mut world, 30 * 60_000);
    }
    assert_eq!(refusals, 10);
    // The others wait, and are asked on the next days, after some minutes.
    let next = |world: &waxseal_world::Provider, bob: &mut Client<_>| {
        let upkeep = bob.upkeep(world.now, &mut rand::rng()).unwrap();
        (upkeep.outgoing.len(), upkeep.again_at)
    };
    for day in 0..2 {
        let (asked, again_at) = next(&world, &mut bob);
        assert_eq!(asked, 0);
        let again_at = again_at.unwrap();
        assert!(again_at > world.now, "{day}");
        world.now = again_at;
        assert_eq!(next(&world, &mut bob).0, 0);
        let mut asked = 0;
        for _ in 0..11 {
            wait(&mut world, 60_000);
            asked += next(&world, &mut bob).0;
        }
        assert_eq!(asked, 10, "{day}");
    }
    let unopened = |bob: &Client<_>| {
        let records = snapshot(bob).into_iter();
        let unopened = records.filter(|(key, _)| key.table.as_bytes().first() == Some(&b'q'));
        unopened.count()
    };
    assert_eq!(unopened(&bob), 60);
    // What did not open is asked for within a week, and then forgotten.
    wait(&mut world, 7 * DAY_MS);
    hear(&mut world, &mut bob);
    for _ in 0..15 {
        next(&world, &mut bob);
        wait(&mut world, 60_000);
    }
    assert_eq!(unopened(&bob), 0);
    // Others are asked then.
    wait(&mut world, 2 * DAY_MS);
    fail(&mut world, &mut bob, 70);
    next(&world, &mut bob);
    wait(&mut world, 11 * 60_000);
    assert_eq!(next(&world, &mut bob).0, 1);
}

/// A store that counts how often groups are listed.
struct Counting {
    inner: MemoryStore,
    groups: Rc<Cell<usize>>,
    upkeeps: Rc<Cell<usize>>,
}

impl Store for Counting {
    type Error = <MemoryStore as Store>::Error;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Self::Error> {
        self.inner.get(key)
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Self::Error> {
        match table.as_bytes() {
            b"6" => self.groups.set(self.groups.get() + 1),
            b"z" => self.upkeeps.set(self.upkeeps.get() + 1),
            _ => {}
        }
        self.inner.list(table, after, limit)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Self::Error> {
        self.inner.commit(transaction)
    }

    fn is_damage(error: &Self::Error) -> bool {
        MemoryStore::is_damage(error)
    }
}

#[test]
fn deliveries_of_many_strangers_read_the_groups_and_the_notes_once() {
    let (mut world, mut bob) = world();
    let (mut withheld, mut spoiled) = (Vec::new(), Vec::new());
    for number in 0..30 {
        let mut stranger = Stranger::new(&mut world, &format!("stranger {number}"));
        stranger.write(&mut world, &mut bob, "hello");
        let nothing = stranger.seal_withheld(&mut world);
        withheld.push(world.stamp_as(&stranger.device.me, bob.me(), &nothing).0);
        let mut other = Stranger::new(&mut world, &format!("other {number}"));
        let envelope = other.seal(Content::Text("x".into()), &mut world);
        let mut bytes = envelope.encode();
        *bytes.last_mut().unwrap() ^= 1;
        let envelope = Envelope::decode(&bytes).unwrap();
        spoiled.push(world.stamp_as(&other.device.me, bob.me(), &envelope).0);
    }
    let store = Counting {
        inner: bob.into_store(),
        groups: Rc::default(),
        upkeeps: Rc::default(),
    };
    let (groups, upkeeps) = (store.groups.clone(), store.upkeeps.clone());
    let mut bob = Client::open(store).unwrap();
    groups.set(0);
    upkeeps.set(0);
    let all = withheld.iter().map(Vec::as_slice);
    let received = bob.receive_many(all).unwrap();
    assert_eq!(received.len(), 30);
    let is_withheld = |one: &Result<_, _>| matches!(one, Err(ReceiveError::Withheld));
    assert!(received.iter().all(is_withheld));
    assert!(groups.take() <= 1);
    let all = spoiled.iter().map(Vec::as_slice);
    assert_eq!(bob.receive_many(all).unwrap().len(), 30);
    assert!(upkeeps.take() <= 1);
}
