//! Two processes of one device: one carries out what another device decided, while the user decides
//! something else in the other one.

use std::path::Path;

use waxseal::{Client, MemoryStore};
use waxseal_world::account;

use super::shared::Shared;
use super::support::{Net, bob, shared, texts};

const DAY_MS: u64 = 24 * 3_600_000;

/// Alice's phone, whose store is in a file, and her laptop, to both of which Bob wrote.
struct Town {
    net: Net,
    phone: Client<Shared>,
    laptop: Client<MemoryStore>,
    other: Client<MemoryStore>,
}

impl Town {
    fn new(folder: &Path) -> Self {
        let mut net = Net::new();
        let mut phone = net.provider.register_in(Shared::open(folder), "alice");
        let laptop = net.link(&mut phone, MemoryStore::new());
        let mut other = net.provider.register("bob");
        net.send(&mut other, &account("alice"), "Hello!");
        let mut town = Self {
            net,
            phone,
            laptop,
            other,
        };
        town.settle();
        assert_eq!(texts(&town.phone, &bob()), ["Hello!"]);
        assert_eq!(texts(&town.laptop, &bob()), ["Hello!"]);
        town
    }

    fn settle(&mut self) {
        for _ in 0..9 {
            self.net.deliver(&mut self.phone);
            self.net.upkeep(&mut self.phone);
            self.net.settle(&mut [&mut self.laptop, &mut self.other]);
        }
    }

    /// The laptop told the phone something. Before the phone begins to delete the request, the user
    /// does something in another process.
    fn deliver(&mut self, folder: &Path, does: fn(&mut Client<Shared>)) {
        self.net.upkeep(&mut self.laptop);
        assert_eq!(self.net.waiting(self.phone.me()), 1);
        let mut process = Client::open(Shared::open(folder)).unwrap();
        *self.phone.store().then.borrow_mut() = Some(Box::new(move || does(&mut process)));
        self.net.deliver(&mut self.phone);
        assert!(self.phone.store().then.borrow().is_none());
    }

    /// That both devices know the same decisions.
    fn assert_agree(&self) {
        let decided = |all: Vec<String>| {
            let mut all = all;
            all.retain(|one| !one.starts_with("trust"));
            all
        };
        let here = decided(shared(&self.phone));
        assert!(here.contains(&"decided bob true".to_owned()), "{here:?}");
        assert_eq!(here, decided(shared(&self.laptop)));
    }

    fn assert_heard(&self) {
        assert_eq!(texts(&self.phone, &bob()), ["Hello!"]);
        assert!(self.phone.has_session(&bob()).unwrap());
        let requests = self.phone.requests(None, 9).unwrap().items;
        assert!(requests.iter().all(|request| request.account != bob()));
        let (here, there) = (
            self.phone.peer_state(&bob()),
            self.laptop.peer_state(&bob()),
        );
        for state in [here.unwrap(), there.unwrap()] {
            assert!(state.is_accepted && !state.is_blocked, "{state:?}");
        }
        self.assert_agree();
    }
}

#[test]
fn chk597_an_account_that_is_accepted_while_another_devices_decline_is_carried_out_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path());
    town.laptop.decline(&bob(), town.net.now()).unwrap();
    town.deliver(folder.path(), |phone| phone.accept_contact(&bob()).unwrap());
    assert!(town.phone.peer_state(&bob()).unwrap().is_accepted);
    town.settle();
    assert_eq!(texts(&town.phone, &bob()), ["Hello!"]);
    assert!(town.phone.has_session(&bob()).unwrap());
    town.assert_agree();
}

#[test]
fn chk597_a_block_that_is_lifted_while_it_is_carried_out_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path());
    town.laptop.block(&bob(), true).unwrap();
    town.deliver(folder.path(), |phone| {
        phone.accept_contact(&bob()).unwrap();
        phone.block(&bob(), true).unwrap();
        phone.block(&bob(), false).unwrap();
    });
    assert!(!town.phone.peer_state(&bob()).unwrap().is_blocked);
    town.settle();
    town.assert_heard();
}

/// The process stops after it stored that the request is accepted, and goes on a month later.
#[test]
fn chk587_a_request_that_another_device_accepted_is_not_old() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path());
    let mut carol = town.net.provider.register("carol");
    town.laptop.accept_contact(&bob()).unwrap();
    town.net.upkeep(&mut town.laptop);
    assert_eq!(town.net.waiting(town.phone.me()), 1);
    town.phone.store().left.set(1);
    town.net.deliver(&mut town.phone);
    town.phone.store().left.set(usize::MAX);
    assert_eq!(town.phone.requests(None, 9).unwrap().items.len(), 1);
    town.net.pass(31 * DAY_MS);
    town.net.send(&mut carol, &account("alice"), "Hello!");
    town.net.deliver(&mut town.phone);
    town.settle();
    town.assert_heard();
}
