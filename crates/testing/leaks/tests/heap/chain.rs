//! A device sends on chains with slots to two others, and no key may stay in memory once it was
//! used, given up or dropped. That covers renewal, late messages, refusals and restarts.

use waxseal_core::{
    ChainClaims, ChainKeys, ChainMessage, ChainSlot, IdentityKey, IdentityKeyPair, OwnChain,
    PeerChains, PendingKeys,
};
use waxseal_leaks::layout::{Fields, Kind};
use waxseal_leaks::secrets::{Recorder, Secrets};
use zeroize::Zeroizing;

use super::derived::{add_chain_message, add_mac_states};
use super::{HEAP, add_fields, assert_gone};

const CONTEXT: [u8; 32] = [7; 32];
const CLAIMS: ChainClaims = ChainClaims {
    version: 1,
    state_hash: [9; 32],
    roster: [5; 24],
};

/// The text of every message. It is made on the stack, so that the heap holds only the library's
/// copies.
fn text() -> [u8; 64] {
    core::array::from_fn(|i| (i as u8).wrapping_mul(83) ^ 0x59)
}

/// Alice, who sends, Bob and Carol, who receive, and every secret that any of them has held.
///
/// The secrets of all three are added to `all` before and after each message. A secret that nobody
/// holds any more must be gone from memory.
struct Group {
    rng: Recorder,
    alice: IdentityKey,
    others: [IdentityKey; 2],
    chain: Box<OwnChain>,
    /// The stored recipients of the chain.
    recipients: Vec<u8>,
    peers: [Box<PeerChains>; 2],
    all: Secrets,
    from: usize,
}

/// A message whose key slots were encrypted in sessions, or were sent to nobody.
struct Posted {
    body: Vec<u8>,
    macs: [Option<[u8; 16]>; 2],
}

impl Group {
    fn new(seed: u64) -> Self {
        let mut identities = Recorder::new("identity", seed);
        let mut identity = || *IdentityKeyPair::generate(&mut identities).public();
        let (alice, others) = (identity(), [identity(), identity()]);
        let from = HEAP.used();
        let mut rng = Recorder::new("seed of a chain", seed + 1);
        let mut all = Secrets::new();
        all.add("text", &text());
        Self {
            chain: Box::new(OwnChain::start(&alice, &CONTEXT, 1, 0, &mut rng)),
            recipients: Vec::new(),
            peers: [(); 2].map(|()| Box::new(PeerChains::new(&alice, &CONTEXT))),
            alice,
            others,
            rng,
            all,
            from,
        }
    }

    /// The secrets that the three devices hold now.
    fn held(&mut self) -> Secrets {
        let mut secrets = Secrets::new();
        let parts = self.chain.export();
        if let Some(recipients) = parts.recipients {
            self.recipients = recipients;
        }
        let mut add = |whose: &str, export: &[u8], fields: Vec<(Kind, _)>| {
            add_fields(&mut secrets, whose, export, fields);
        };
        add("Alice", &parts.state, Fields::of_own_chain(&parts.state));
        for (whose, peer) in ["Bob", "Carol"].into_iter().zip(&self.peers) {
            let export = peer.export();
            add(whose, &export, Fields::of_peer_chains(&export));
        }
        // Alice keeps what makes the MACs for those who have her present chain.
        for peer in &self.peers {
            let export = peer.export();
            let mut fields = Fields::of_peer_chains(&export).into_iter().rev();
            let newest = fields.find(|(kind, _)| *kind == Kind::ChainAuthKey);
            let has_present = peer.numbers().last() == Some(self.chain.number());
            if let Some((_, range)) = newest.filter(|_| has_present) {
                let key = export[range].try_into().unwrap();
                add_mac_states(&mut secrets, "a recipient's key", key);
            }
        }
        secrets
    }

    fn note(&mut self) {
        let held = self.held();
        self.all.extend(&held);
    }

    /// Seals a message for both, and notes the keys that it takes and gives.
    fn seal(&mut self) -> ChainMessage {
        self.note();
        let before = self.chain.export().state;
        let (targets, text) = (self.others, text());
        let message = self.chain.seal(&CLAIMS, &text, b"ad", &targets).unwrap();
        let name = [&CONTEXT[..], &self.alice.to_bytes(), &before[97..101]].concat();
        let fields = Fields::of_own_chain(&before);
        let key = |kind| {
            let field = fields.iter().find(|(of, _)| *of == kind);
            &before[field.unwrap().1.clone()]
        };
        let (chain_key, header_key) = (key(Kind::ChainKey), key(Kind::HeaderKey));
        let (all, body) = (&mut self.all, &message.body);
        add_chain_message(all, &name, chain_key, header_key, body, &text);
        let root = key(Kind::ChainAuthKey).try_into().unwrap();
        add_mac_states(&mut self.all, "root of recipients' keys", root);
        for slot in &message.slots {
            if let ChainSlot::Key(keys) = slot {
                let slot = keys.encode();
                add_fields(&mut self.all, "slot", &slot, Fields::of_chain_keys(&slot));
                let auth_key = slot[73..].try_into().unwrap();
                add_mac_states(&mut self.all, "a recipient's key", auth_key);
            }
        }
        self.note();
        message
    }

    /// Gives the key slots of a message to their recipients. What is left of it is public.
    fn post(&mut self, message: ChainMessage) -> Posted {
        let ChainMessage { body, slots, .. } = message;
        let mut macs = [None; 2];
        for (at, slot) in slots.into_iter().enumerate() {
            match slot {
                ChainSlot::Mac(mac) => macs[at] = Some(mac),
                ChainSlot::Key(keys) => {
                    let keys = ChainKeys::decode(&keys.encode()).unwrap();
                    let opened = self.peers[at].open_with_keys(&body, keys, b"ad", 1);
                    assert_eq!(*opened.unwrap().plaintext, text());
                }
            }
        }
        self.note();
        Posted { body, macs }
    }

    fn send(&mut self) -> Posted {
        let message = self.seal();
        self.post(message)
    }

    fn receive(&mut self, of: usize, message: &Posted) {
        let mac = message.macs[of].unwrap();
        let opened = self.peers[of].open(&message.body, &mac, b"ad", 1);
        assert_eq!(*opened.unwrap().plaintext, text());
        self.note();
    }

    fn renew(&mut self) {
        self.note();
        *self.chain = self.chain.next(0, &mut self.rng).unwrap();
        self.note();
    }

    /// Reads everything back from storage.
    fn restart(&mut self) {
        let state = self.chain.export().state;
        *self.chain = OwnChain::import(&state, &self.recipients).unwrap();
        for peer in &mut self.peers {
            **peer = PeerChains::import(&peer.export()).unwrap();
        }
        self.note();
    }

    /// Asserts that the secrets that no device holds any more are gone from memory.
    fn assert_past_is_gone(&mut self) {
        self.all.extend(&self.rng.drawn());
        let now = self.held();
        assert!(
            !now.sweep(&HEAP, self.from).is_empty(),
            "the sweep does not find keys in use"
        );
        assert_gone(&self.all.except(&now), self.from);
    }

    fn drop_and_assert_gone(mut self) {
        self.assert_past_is_gone();
        drop((self.chain, self.peers));
        assert_gone(&self.all, self.from);
    }
}

#[test]
fn keys_of_a_chain_are_gone_once_used_while_the_chain_lives() {
    let mut group = Group::new(51);
    for _ in 0..3 {
        let first = group.send();
        assert_eq!(first.macs, [None; 2]);
        for _ in 0..3 {
            let message = group.send();
            group.receive(0, &message);
            group.receive(1, &message);
        }
        group.assert_past_is_gone();
        group.restart();
        group.renew();
    }
    group.drop_and_assert_gone();
}

#[test]
fn skipped_keys_are_kept_until_their_message_opens_or_their_chain_is_given_up() {
    let mut group = Group::new(53);
    group.send();
    let mut late: Vec<_> = (0..9).map(|_| group.send()).collect();
    let message = group.send();
    group.receive(0, &message);
    let skipped = group.held();
    let names = |found: Vec<(String, usize)>| {
        let skipped = found.iter().filter(|(name, _)| name.contains("SkippedKey"));
        skipped.count()
    };
    assert_eq!(names(skipped.sweep(&HEAP, group.from)), 1, "one name");
    // Five of nine keys are used, one of them twice; then three newer chains begin.
    for message in late.drain(..5).rev() {
        group.receive(0, &message);
        let again = group.peers[0].open(&message.body, &message.macs[0].unwrap(), b"ad", 1);
        assert!(again.is_err());
    }
    group.assert_past_is_gone();
    group.restart();
    for _ in 0..3 {
        group.renew();
        group.send();
    }
    assert!(group.peers[0].numbers().eq([2, 3, 4]));
    group.assert_past_is_gone();
    assert_gone(&skipped, group.from);
    group.drop_and_assert_gone();
}

#[test]
fn refused_messages_leave_no_keys() {
    let mut group = Group::new(55);
    group.send();
    for _ in 0..4 {
        let _lost = group.send();
    }
    let message = group.send();
    let mac = message.macs[0].unwrap();
    let mut refuse = |body: &[u8], mac: &[u8; 16], ad: &[u8]| {
        group.peers[0].open(body, mac, ad, 1).err().unwrap();
    };
    let mut other_mac = mac;
    other_mac[3] ^= 1;
    refuse(&message.body, &other_mac, b"ad");
    for at in [5, 84, 90] {
        let mut body = message.body.clone();
        body[at] ^= 1;
        refuse(&body, &mac, b"ad");
    }
    // Past its slot, a body is refused only after the skipped keys and its own were derived. A slot
    // for another body shows nothing of that, so this one comes with keys.
    let message = group.seal();
    let slot = message.pending.export();
    let bobs = group.peers[0].export();
    let keys = [&[1, 0, 0, 0, 1], &slot[33..69], &bobs[137..201]].concat();
    let keys = Zeroizing::new(keys);
    add_fields(&mut group.all, "slot", &keys, Fields::of_chain_keys(&keys));
    let mut body = message.body.clone();
    body[90] ^= 1;
    for body in [&body, &message.body] {
        let keys = ChainKeys::decode(&keys).unwrap();
        let opened = group.peers[0].open_with_keys(body, keys, b"ad", 1);
        assert_eq!(opened.is_ok(), *body == message.body);
    }
    drop((slot, bobs, keys));
    group.post(message);
    group.drop_and_assert_gone();
}

#[test]
fn keys_of_a_pending_message_are_kept_with_it_and_not_after() {
    let mut group = Group::new(57);
    let identity = IdentityKeyPair::generate(&mut Recorder::new("identity", 59));
    let message = group.seal();
    let exported = message.pending.export();
    let mut pending = Secrets::new();
    pending.add("pending key", &exported[37..]);
    group.all.extend(&pending);
    let imported = PendingKeys::import(&exported).unwrap();
    let keys = group
        .chain
        .add_target(&imported, identity.public())
        .unwrap();
    group.post(message);
    assert!(!pending.sweep(&HEAP, group.from).is_empty());
    drop((exported, imported, keys));
    assert_gone(&pending, group.from);
    // The device that was added is a target from now on, so that the chain seals for all three.
    group.renew();
    group.send();
    group.drop_and_assert_gone();
}
