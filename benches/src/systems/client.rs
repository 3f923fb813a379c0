//! The variant "client": `Client` with a store in memory. Every call reads the records that it
//! needs and commits the records that it changed.

use waxseal::store::Key;
use waxseal::{Bundles, Client, MemoryStore, Received};
use waxseal_world::{NOW, Provider, account, address};

use super::franked::text;
use super::ratchet::altered;
use super::{Pair, Strangers, exchange};

const NAMES: [&str; 2] = ["alice", "bob"];

pub(super) fn strangers() -> Box<dyn Strangers> {
    Box::new(unmet(7))
}

fn unmet(seed: u64) -> Unmet {
    let mut provider = Provider::new(seed);
    let mut clients = NAMES.map(|name| provider.register_with(name, 1));
    let bundles = provider.bundles(&account(NAMES[1]));
    provider.show_roster(&mut clients[1], &account(NAMES[0]));
    Unmet {
        clients: Clients { clients, provider },
        bundles,
    }
}

struct Unmet {
    clients: Clients,
    bundles: Bundles,
}

impl Unmet {
    fn start(&mut self) {
        let Clients { clients, provider } = &mut self.clients;
        let client = &mut clients[0];
        client
            .start(&account(NAMES[1]), &self.bundles, NOW, &mut provider.rng)
            .expect("a good bundle");
    }
}

impl Strangers for Unmet {
    fn meet(mut self: Box<Self>, plaintext: &[u8]) -> Box<dyn Pair> {
        self.start();
        let sealed = self.clients.seal(0, plaintext);
        let arrived = self.clients.relay(0, sealed);
        assert!(self.clients.open(1, &arrived), "the first message opens");
        Box::new(self.clients)
    }

    fn first_message(mut self: Box<Self>, plaintext: &[u8]) -> (usize, usize) {
        self.start();
        let first = self.clients.seal(0, plaintext).len();
        (first, bundle_len(&self.bundles))
    }
}

/// Two clients and their provider.
///
/// New clients have no session. Each call of a client changes its store. `import` replaces a
/// client's store with an earlier copy.
pub struct Clients {
    clients: [Client<MemoryStore>; 2],
    provider: Provider,
}

impl Clients {
    /// Two clients in the middle of a conversation.
    #[must_use]
    pub fn talking() -> Self {
        let mut unmet = unmet(7);
        unmet.start();
        let mut clients = unmet.clients;
        for from in [0, 1, 0, 1] {
            exchange(&mut clients, from, b"hello");
        }
        clients
    }

    /// Lets one of the clients start sessions with `count` other peers and seal one message to
    /// each. The peers never answer.
    pub fn befriend(&mut self, side: usize, count: usize) {
        let Self { clients, provider } = self;
        let client = &mut clients[side];
        for other in 0..count {
            let name = format!("peer {other}");
            provider.register_with(&name, 0);
            let peer = account(&name);
            provider.start(client, &peer);
            client
                .send(&peer, "hello", NOW, &mut provider.rng)
                .expect("seals");
        }
    }
}

impl Pair for Clients {
    fn seal(&mut self, from: usize, plaintext: &[u8]) -> Vec<u8> {
        let (to, text) = (account(NAMES[1 - from]), text(plaintext.len()));
        let client = &mut self.clients[from];
        let sent = client.send(&to, text.as_str(), NOW, &mut self.provider.rng);
        sent.expect("seals").envelope
    }

    fn relay(&mut self, from: usize, sealed: Vec<u8>) -> Vec<u8> {
        let (from, to) = (address(NAMES[from]), address(NAMES[1 - from]));
        self.provider.relay_as(&from, &to, &sealed).0
    }

    fn open(&mut self, to: usize, arrived: &[u8]) -> bool {
        let client = &mut self.clients[to];
        matches!(client.receive(arrived), Ok(Received::Message { .. }))
    }

    /// Exports all records of the store, to restore the state later. Not measured.
    fn export(&self, side: usize) -> Vec<u8> {
        let client = &self.clients[side];
        let mut bytes = Vec::new();
        for (key, value) in client.store().records() {
            for field in [&key.to_bytes(), value] {
                bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
                bytes.extend_from_slice(field);
            }
        }
        bytes
    }

    fn import(&mut self, side: usize, mut state: &[u8]) {
        let mut field = || {
            let (len, rest) = state.split_first_chunk()?;
            let (field, rest) = rest.split_at(usize::try_from(u64::from_be_bytes(*len)).ok()?);
            state = rest;
            Some(field.to_vec())
        };
        let records = std::iter::from_fn(|| Some((Key::from_bytes(&field()?)?, field()?)));
        let store = MemoryStore::from_records(records);
        self.clients[side] = Client::open(store).expect("a client's records");
    }

    fn forge(&mut self, genuine: &[u8], _: u64) -> Vec<u8> {
        altered(genuine, genuine.len() / 2)
    }
}

/// Length of what a provider hands out to start a conversation: the roster, and the prekeys of each
/// device.
fn bundle_len(bundles: &Bundles) -> usize {
    let devices = bundles.devices.iter();
    let prekeys = devices.map(|one| one.base.len() + one.one_time.as_ref().map_or(0, Vec::len));
    bundles.roster.len() + prekeys.sum::<usize>()
}
