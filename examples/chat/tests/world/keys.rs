//! Loses keys and accounts, and lets time pass, in a world.

use std::fs;

use waxseal::roster::Pinned;
use waxseal::store::{Key, Row, Table, Transaction};
use waxseal::{Client, SqliteStore, Store, StoreKey};

use super::World;
use super::database::Param;

impl World {
    /// Makes new keys for the vault. Those before are lost.
    pub fn lose_vault_key(&self) {
        self.relay.kill();
        self.vault.kill();
        for file in [
            "vault.key",
            "vault.key.pub",
            "vault.key.relay",
            "vault.sock",
        ] {
            fs::remove_file(self.folder.join(file)).unwrap();
        }
        let vault = ["--key", "vault.key", "keygen"];
        self.run_program("vault", &vault).output();
        self.start_relay();
        self.start_vault();
    }

    /// Makes the relay forget every account, and deletes the home folder of the account
    /// `loses_home`.
    pub fn forget_accounts(&self, loses_home: usize) {
        self.relay.kill();
        for suffix in ["", "-wal", "-shm"] {
            drop(fs::remove_file(
                self.folder.join(format!("relay-data/relay.sqlite{suffix}")),
            ));
        }
        fs::remove_dir_all(self.folder.join(self.clients[loses_home].0)).unwrap();
        self.start_relay();
    }

    /// Deletes the home of an account, and registers the account again with another identity, which
    /// its provider allows.
    pub fn change_identity(&self, account: usize) {
        let (name, _) = &self.clients[account];
        fs::remove_dir_all(self.home(account)).unwrap();
        // The relay refuses the identity, which is in the new home by then.
        let taken = self.chat(account, &["register", name]);
        assert!(taken.stderr.contains("taken"), "{}", taken.stderr);
        let client = self.client(account);
        let identity = client.identity().to_bytes();
        let pinned = Pinned::first(client.own_roster().unwrap().unwrap()).encode();
        drop(client);
        self.relay.kill();
        let devices = "WHERE account = (SELECT id FROM account WHERE name = ?1)";
        let identity_sql = format!(
            "UPDATE device SET identity = ?2, delivery_key = NULL, base = NULL, mark = NULL {devices}"
        );
        self.change(&[
            (
                "UPDATE account SET pinned = ?2 WHERE name = ?1",
                &[Param::Text(name), Param::Bytes(&pinned)],
            ),
            (
                &format!("DELETE FROM one_time WHERE device IN (SELECT id FROM device {devices})"),
                &[Param::Text(name)],
            ),
            (&identity_sql, &[Param::Text(name), Param::Bytes(&identity)]),
        ]);
        self.start_relay();
        self.chat(account, &["register", name]).output();
    }

    /// Makes it look as if the relay had dropped messages for an account's devices.
    pub fn lose_queue(&self, account: &str) {
        self.relay.kill();
        let db = rusqlite::Connection::open(self.folder.join("relay-data/relay.sqlite")).unwrap();
        let lost = "UPDATE device SET lost_from_ms = 1, lost_to_ms = 2
            WHERE account = (SELECT id FROM account WHERE name = ?)";
        assert!(db.execute(lost, [account]).unwrap() > 0);
        drop(db);
        self.start_relay();
    }

    /// Makes it look as if the account had not asked about its reports for long.
    pub fn let_a_day_pass(&self, account: usize) {
        // Field 6 of the record is when it asked last. The last value of a field counts.
        const NEVER_ASKED: [u8; 2] = [6 << 3, 0];
        let client = self.client(account);
        let reports = client.pending_reports(None, 100).unwrap().items;
        let mut store = client.into_store();
        let mut transaction = Transaction::default();
        for report in reports {
            let name = Row::Name(report.id.as_bytes().to_vec());
            let key = Key::new(Table::new(b"r"), name);
            let mut record = store.get(&key).unwrap().unwrap();
            record.extend(NEVER_ASKED);
            transaction.put(key, record);
        }
        store.commit(transaction).unwrap();
    }

    /// Number of reports that the account keeps.
    pub fn submitted(&self, account: usize) -> usize {
        let client = self.client(account);
        client.pending_reports(None, 100).unwrap().items.len()
    }

    /// Opens the account of a chat that does not run.
    pub fn client(&self, account: usize) -> Client<SqliteStore> {
        Client::open(self.store(account)).unwrap()
    }

    /// Opens the store of a chat that does not run.
    pub fn store(&self, account: usize) -> SqliteStore {
        let home = self.home(account);
        let key = fs::read(home.join("store.key")).unwrap();
        let key = StoreKey::from_bytes(key.try_into().unwrap());
        SqliteStore::open(home.join("store.sqlite"), &key).unwrap()
    }
}
