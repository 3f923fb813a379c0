//! Either device is killed at each of its writes, and in the end both share everything.

use std::cell::RefCell;
use std::rc::Rc;

use waxseal::errors::ConfirmError;
use waxseal::store::{Cursor, Key, Listed, Table, Transaction};
use waxseal::sync::SettingName;
use waxseal::{Client, MemoryStore, Store};
use waxseal_world::account;
use zeroize::Zeroizing;

use super::history::Mailboxes;
use super::support::{Net, bob, shared, texts};

/// A store in memory that crashes at a commit: before it, or after it.
#[derive(Clone, Default)]
pub(crate) struct Crashing {
    shared: Rc<RefCell<Shared>>,
}

#[derive(Default)]
struct Shared {
    store: MemoryStore,
    commits: usize,
    /// The commit that crashes, and whether it is done before that.
    crash: Option<(usize, bool)>,
}

#[derive(Debug, thiserror::Error)]
#[error("the process was killed")]
pub(crate) struct Killed;

impl Store for Crashing {
    type Error = Killed;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Killed> {
        Ok(self.shared.borrow().store.get(key).unwrap())
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Killed> {
        let shared = self.shared.borrow();
        Ok(shared.store.list(table, after, limit).unwrap())
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Killed> {
        let mut shared = self.shared.borrow_mut();
        shared.commits += 1;
        let crash = shared.crash.filter(|(at, _)| *at == shared.commits);
        if crash.is_none_or(|(_, is_done)| is_done) {
            shared.store.commit(transaction).unwrap();
        }
        match crash {
            Some(_) => Err(Killed),
            None => Ok(()),
        }
    }

    fn is_damage(_: &Killed) -> bool {
        false
    }
}

/// A device that is killed once, and started again.
struct Mortal {
    store: Crashing,
    client: Client<Crashing>,
}

impl Mortal {
    fn new(client: Client<Crashing>) -> Self {
        let store = client.store().clone();
        Self { store, client }
    }

    fn crash_at(&mut self, commit: usize, is_done: bool) {
        let mut shared = self.store.shared.borrow_mut();
        shared.crash = Some((shared.commits + commit, is_done));
    }

    fn has_crashed(&self) -> bool {
        let shared = self.store.shared.borrow();
        shared.crash.is_some_and(|(at, _)| at <= shared.commits)
    }

    /// Makes a call until it is done.
    fn done<T, E: std::fmt::Debug>(
        &mut self,
        mut call: impl FnMut(&mut Client<Crashing>) -> Result<T, E>,
    ) -> T {
        loop {
            let crashed = self.has_crashed();
            match call(&mut self.client) {
                Ok(done) => return done,
                // The store crashes once.
                Err(error) if crashed => panic!("{error:?}"),
                Err(_) => self.client = Client::open(self.store.clone()).unwrap(),
            }
        }
    }

    /// Upkeep, and everything that waits in the outbox, whoever put it there. Returns how much was
    /// posted.
    fn upkeep(&mut self, net: &mut Net) -> usize {
        let (now, me) = (net.now(), self.client.me().clone());
        let upkeep = self.done(|client| client.upkeep(now, &mut rand::rng()));
        for wanted in &upkeep.bundles {
            let bundles = net
                .provider
                .bundles_for(Some(&me), &wanted.account, &wanted.devices);
            self.done(|client| client.start(&wanted.account, &bundles, now, &mut rand::rng()));
        }
        let mut posted = upkeep.bundles.len();
        loop {
            let page = self.client.outbox(None, 16, now).unwrap();
            let Some(outgoing) = page.items.into_iter().next() else {
                return posted;
            };
            posted += 1;
            match net.relay(&me, &outgoing) {
                Ok(receipt) => {
                    // After a crash at the commit, it is out of the outbox.
                    let to = &outgoing.to;
                    self.done(|client| match client.confirm(to, &receipt) {
                        Err(ConfirmError::NotSent) => Ok(()),
                        confirmed => confirmed.map(drop),
                    });
                }
                Err(mismatch) => {
                    let (to, id) = (&outgoing.to, &outgoing.id);
                    let rng = &mut rand::rng();
                    // The entry may have another tag after a crash, and is then posted again.
                    let _ = self.client.retarget(to, id, &mismatch, now, rng);
                    if self.has_crashed() {
                        self.client = Client::open(self.store.clone()).unwrap();
                    }
                }
            }
        }
    }

    /// Takes everything that waits. A delivery is acknowledged only after it was received.
    fn deliver(&mut self, net: &mut Net) -> usize {
        let mut count = 0;
        while let Some(delivery) = net.next(&self.client.me().clone()) {
            count += 1;
            let provider = &mut net.provider;
            loop {
                let crashed = self.has_crashed();
                match provider.receive(&mut self.client, &delivery) {
                    Ok(_) => break,
                    Err(error) if error.advice() == waxseal::Advice::AskAgain => break,
                    Err(error) if crashed => panic!("{error:?}"),
                    Err(_) => self.client = Client::open(self.store.clone()).unwrap(),
                }
            }
        }
        count
    }
}

fn settle(net: &mut Net, devices: &mut [&mut Mortal]) {
    for _ in 0..60 {
        let mut is_quiet = true;
        for device in devices.iter_mut() {
            let received = device.deliver(net);
            is_quiet &= device.upkeep(net) == 0 && received == 0;
        }
        if is_quiet {
            return;
        }
    }
    panic!("the devices never stop talking");
}

fn name(number: usize) -> SettingName {
    SettingName::new(&format!("setting {number}")).unwrap()
}

/// Runs the whole of it, with a crash of the phone or of the laptop. Returns whether it came to the
/// crash.
fn run(commit: usize, is_done: bool, is_phone: bool) -> bool {
    let mut net = Net::new();
    let alice = account("alice");
    let mut phone = net.provider.register_in(Crashing::default(), "alice");
    let mut other = net.provider.register("bob");
    for number in 0..4 {
        net.send(&mut phone, &bob(), format!("To Bob, {number}.").as_str());
        net.deliver(&mut other);
        net.send(&mut other, &alice, format!("To Alice, {number}.").as_str());
        net.deliver(&mut phone);
    }
    let mut phone = Mortal::new(phone);
    // The account has one device so far.
    phone.done(|phone| phone.mark_verified(&bob(), true));
    phone.done(|phone| phone.set_setting(&name(0), &[7; 1_000]));
    let laptop = net.link(&mut phone.client, Crashing::default());
    let mut laptop = Mortal::new(laptop);
    match is_phone {
        true => phone.crash_at(commit, is_done),
        false => laptop.crash_at(commit, is_done),
    }
    settle(&mut net, &mut [&mut phone, &mut laptop]);
    let ids: Vec<_> = {
        let page = phone.client.messages(&bob(), None, 100).unwrap();
        page.items.iter().map(|message| *message.id()).collect()
    };
    let now = net.now();
    phone.done(|phone| phone.set_setting(&name(1), &[7; 1_000]));
    phone.done(|phone| phone.mark_read(&bob(), &ids[2], now));
    phone.done(|phone| phone.block(&account("mallory"), true));
    settle(&mut net, &mut [&mut phone, &mut laptop]);
    laptop.done(|laptop| laptop.set_setting(&name(1), &[8; 1_000]));
    laptop.done(|laptop| laptop.block(&bob(), true));

    // The history, and a message of it that is deleted meanwhile.
    let request = laptop.done(|laptop| laptop.ask_history(now, &mut rand::rng()));
    settle(&mut net, &mut [&mut phone, &mut laptop]);
    let device = laptop.client.me().device;
    phone.done(|phone| phone.offer_history(device, request, now, &mut rand::rng()));
    settle(&mut net, &mut [&mut phone, &mut laptop]);
    let mut mailboxes = Mailboxes::default();
    let chunk = phone.done(|phone| phone.history_chunk(0, &mut rand::rng()));
    mailboxes.put(&chunk);
    phone.done(|phone| phone.delete_on_all_devices(&bob(), &ids[3], now));
    let next = mailboxes.next(&laptop.client).unwrap();
    // After a crash at the commit of the chunk, it was taken.
    laptop.done(|laptop| match laptop.history_import()? {
        None => Ok(()),
        Some(_) => match laptop.import_history(&next) {
            Err(waxseal::errors::HistoryError::State(error)) => Err(error),
            taken => {
                taken.unwrap();
                Ok(())
            }
        },
    });
    net.pass(3_600_000);
    settle(&mut net, &mut [&mut phone, &mut laptop]);
    net.pass(3_600_000);
    settle(&mut net, &mut [&mut phone, &mut laptop]);

    let (phone_, laptop_) = (&phone.client, &laptop.client);
    assert_eq!(shared(phone_), shared(laptop_));
    assert_eq!(shared(phone_).len(), 8, "{:?}", shared(phone_));
    assert_eq!(texts(phone_, &bob()).len(), 7);
    assert_eq!(texts(phone_, &bob()), texts(laptop_, &bob()));
    for device in [phone_, laptop_] {
        let state = device.peer_state(&bob()).unwrap();
        assert!(state.is_verified && state.is_blocked);
        assert!(device.peer_state(&account("mallory")).unwrap().is_blocked);
        assert!(device.history_import().unwrap().is_none());
        assert!(device.history_export().unwrap().is_none());
    }
    match is_phone {
        true => phone.has_crashed(),
        false => laptop.has_crashed(),
    }
}

#[test]
fn a_phone_that_is_killed_at_any_write_loses_nothing() {
    let mut commit = 0;
    loop {
        commit += 1;
        if !run(commit, false, true) || !run(commit, true, true) {
            break;
        }
    }
    assert!(commit > 20, "{commit}");
}

#[test]
fn a_laptop_that_is_killed_at_any_write_loses_nothing() {
    let mut commit = 0;
    loop {
        commit += 1;
        if !run(commit, false, false) || !run(commit, true, false) {
            break;
        }
    }
    assert!(commit > 20, "{commit}");
}
