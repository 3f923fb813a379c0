//! Scenarios of chains with slots.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal_core::{
    ChainClaims, ChainKeys, ChainMessage, ChainSlot, IdentityKey, IdentityKeyPair, OwnChain,
    PeerChains,
};
use waxseal_leaks::layout::{Fields, Kind};
use waxseal_leaks::taint;

use super::{SecretRng, all, all_but_header_keys, marked};

const CONTEXT: [u8; 32] = [7; 32];
const CLAIMS: ChainClaims = ChainClaims {
    version: 1,
    state_hash: [9; 32],
    roster: [5; 24],
};
const TEXT: [u8; 23] = *b"a text that is a secret";

/// A sender and one recipient of its chains. Nothing is marked until the `mark` methods export the
/// state and import it again.
struct Pair {
    chain: OwnChain,
    /// The stored recipients of the chain.
    recipients: Vec<u8>,
    peer: PeerChains,
    bob: IdentityKey,
    rng: ChaCha20Rng,
}

impl Pair {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(41);
        let mut identity = || *IdentityKeyPair::generate(&mut rng).public();
        let [alice, bob] = [identity(), identity()];
        Self {
            chain: OwnChain::start(&alice, &CONTEXT, 1, 0, &mut rng),
            recipients: Vec::new(),
            peer: PeerChains::new(&alice, &CONTEXT),
            bob,
            rng,
        }
    }

    /// A pair in which Bob has opened the first messages on as many chains.
    fn begun(chains: u32) -> Self {
        let mut pair = Self::new();
        for number in 1..=chains {
            if number > 1 {
                pair.chain = pair.chain.next(0, &mut pair.rng).expect("another chain");
            }
            let first = pair.seal();
            assert!(pair.open(&first));
        }
        pair
    }

    fn mark_sender(&mut self, is_marked: fn(Kind) -> bool) {
        let parts = self.chain.export();
        if let Some(recipients) = parts.recipients {
            self.recipients = recipients;
        }
        let state = marked(&parts.state, Fields::of_own_chain(&parts.state), is_marked);
        self.chain = OwnChain::import(&state, &self.recipients).expect("its own export");
    }

    fn mark_recipient(&mut self, is_marked: fn(Kind) -> bool) {
        let export = self.peer.export();
        taint::public(&export);
        let export = marked(&export, Fields::of_peer_chains(&export), is_marked);
        self.peer = PeerChains::import(&export).expect("its own export");
    }

    /// Seals a text that is marked as secret. Body and MAC slot are marked as public.
    fn seal(&mut self) -> ChainMessage {
        let mut text = TEXT;
        taint::secret(&mut text);
        let sealed = self.chain.seal(&CLAIMS, &text, b"ad", [&self.bob]);
        let message = sealed.expect("seals");
        taint::public(&message.body);
        if let [ChainSlot::Mac(mac)] = &message.slots[..] {
            taint::public(mac);
        }
        message
    }

    /// Opens a message with its slot and returns whether that succeeded. The keys of a key slot are
    /// marked as secret, except the header key.
    fn open(&mut self, message: &ChainMessage) -> bool {
        self.open_altered(message, |_, _| ())
    }

    /// Opens a message after `alter` has changed its body or its MAC slot.
    fn open_altered(
        &mut self,
        message: &ChainMessage,
        alter: impl FnOnce(&mut [u8], &mut [u8; 16]),
    ) -> bool {
        let mut body = message.body.clone();
        let opened = match &message.slots[..] {
            [ChainSlot::Mac(mac)] => {
                let mut mac = *mac;
                alter(&mut body, &mut mac);
                self.peer.open(&body, &mac, b"ad", 1)
            }
            [ChainSlot::Key(keys)] => {
                alter(&mut body, &mut [0; 16]);
                let slot = keys.encode();
                taint::public(&slot);
                let slot = marked(&slot, Fields::of_chain_keys(&slot), all_but_header_keys);
                let keys = ChainKeys::decode(&slot).expect("its own slot");
                self.peer.open_with_keys(&body, keys, b"ad", 1)
            }
            _ => unreachable!("there is one target"),
        };
        taint::answer(opened.is_ok())
    }
}

pub(super) fn sealed() {
    let mut pair = Pair::new();
    let mut rng = SecretRng::new(42);
    // Each chain begins with a key slot and goes on with MAC slots. Then one more device gets it.
    for _ in 0..2 {
        pair.chain = pair.chain.next(0, &mut rng).expect("another chain");
        let mut message = pair.seal();
        for _ in 0..2 {
            pair.mark_sender(all);
            message = pair.seal();
        }
        let other = IdentityKeyPair::generate(&mut pair.rng);
        let added = pair.chain.add_target(&message.pending, other.public());
        assert_eq!(added.expect("another target").encode().len(), 105);
    }
}

pub(super) fn opened() {
    let mut pair = Pair::new();
    for _ in 0..4 {
        let first = pair.seal();
        pair.mark_recipient(all_but_header_keys);
        assert!(pair.open(&first));
        // The key slot again: its keys are compared with those of the chain.
        pair.mark_recipient(all_but_header_keys);
        assert!(!pair.open(&first));
        let [late, message] = [pair.seal(), pair.seal()];
        for (message, opens) in [(&message, true), (&late, true), (&late, false)] {
            pair.mark_recipient(all_but_header_keys);
            assert_eq!(pair.open(message), opens);
        }
        pair.chain = pair.chain.next(0, &mut pair.rng).expect("another chain");
    }
}

pub(super) fn wrong_slot() {
    let mut pair = Pair::begun(2);
    for at in 0..16 {
        let message = pair.seal();
        pair.mark_recipient(all_but_header_keys);
        assert!(!pair.open_altered(&message, |_, mac| mac[at] ^= 1));
    }
}

pub(super) fn wrong_body() {
    let mut pair = Pair::begun(1);
    // With a MAC slot, the slot tells. With a key slot, the body's own tag does.
    for _ in 0..2 {
        let message = pair.seal();
        for at in [85, 90, 85 + TEXT.len() - 1] {
            pair.mark_recipient(all_but_header_keys);
            assert!(!pair.open_altered(&message, |body, _| body[at] ^= 0x10));
        }
        pair.chain = pair.chain.next(0, &mut pair.rng).expect("another chain");
    }
}

pub(super) fn wrong_header() {
    let mut pair = Pair::begun(3);
    let message = pair.seal();
    let tag = message.body.len() - 16;
    for at in [1, 30, 68, 69, 84, tag, tag + 15] {
        pair.mark_recipient(all);
        assert!(!pair.open_altered(&message, |body, _| body[at] ^= 1));
    }
}
