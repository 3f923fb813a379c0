//! Stores that earlier versions wrote: they get an account key, and conversations go on.

use std::fs;
use std::path::PathBuf;

use waxseal::courier::Event;
use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::{Notice, SqliteStore, Store, StoreKey};
use waxseal_world::account;
use waxseal_world::golden::STORE_KEY;
use zeroize::Zeroizing;

use crate::disk::{Disk, Medium};
use crate::phone::{HOUR_MS, Phone, Town};

/// A copy of a store that an earlier version wrote, in a folder of its own.
struct Sqlite(
    SqliteStore,
    #[allow(dead_code, reason = "dropped last")] tempfile::TempDir,
);

impl Sqlite {
    fn of(format: &str, name: &str) -> Self {
        let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../testing/world/golden")
            .join(format)
            .join(format!("{name}.sqlite"));
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(name);
        fs::copy(golden, &path).unwrap();
        let store = SqliteStore::open(&path, &StoreKey::from_bytes(STORE_KEY)).unwrap();
        Self(store, home)
    }
}

impl Medium for Sqlite {
    fn get(&self, key: &Key) -> Option<Zeroizing<Vec<u8>>> {
        Store::get(&self.0, key).unwrap()
    }

    fn list(&self, table: &Table, after: Option<&Cursor>, limit: usize) -> Vec<Listed> {
        Store::list(&self.0, table, after, limit).unwrap()
    }

    fn commit(&mut self, transaction: Transaction) {
        Store::commit(&mut self.0, transaction).unwrap();
    }

    fn stop_in(&mut self, _: Transaction, _: u32) {}
}

#[test]
fn stores_of_earlier_versions_get_an_account_key_and_go_on() {
    for format in ["01", "02", "03"] {
        let mut town = Town::quick(&[]);
        for (name, seed) in ["alice", "bob", "carol", "dave"].into_iter().zip(1..) {
            let disk = Disk::new(Sqlite::of(format, name));
            town.phones.push(Phone::on(disk, name, seed));
        }
        town.live(HOUR_MS);
        for phone in &town.phones {
            let own = phone.courier.client().own_roster().unwrap().unwrap();
            let name = phone.name();
            assert_eq!(
                town.relay.provider.account_key(&account(name)),
                *own.account_key()
            );
            assert!(
                phone.troubles().is_empty(),
                "{name}: {:?}",
                phone.troubles()
            );
        }
        town.say(0, "bob", "with several devices");
        town.say(1, "alice", "me too");
        town.live(3 * HOUR_MS);
        let heard = |who: usize, peer| town.phones[who].heard(peer);
        assert_eq!(heard(1, "alice").last().unwrap(), "with several devices");
        assert_eq!(heard(0, "bob").last().unwrap(), "me too");
        for phone in &town.phones {
            let warned =
                phone.count(|event| matches!(event, Event::Notice(Notice::IdentityChanged { .. })));
            assert_eq!(warned, 0, "{format} {}", phone.name());
        }
        // A restart makes no other key.
        let before = town.phones[0].courier.client().own_roster().unwrap();
        town.phones[0].restart();
        town.live(HOUR_MS);
        let after = town.phones[0].courier.client().own_roster().unwrap();
        assert_eq!(before.unwrap().hash(), after.unwrap().hash());
        // And the account can have a second device.
        let laptop = town.link_new(0, 50);
        town.say(1, "alice", "to both");
        town.live(3 * HOUR_MS);
        for who in [0, laptop] {
            assert_eq!(town.phones[who].heard("bob").last().unwrap(), "to both");
        }
    }
}
