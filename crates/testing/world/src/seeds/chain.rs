//! Seeds of what a sender chain gives to a recipient, and of what both sides keep.

use waxseal::core::{ChainClaims, ChainSlot, IdentityKeyPair, OwnChain, PeerChains};

use crate::rng;

/// The seeds of a key slot, of pending keys and of a peer's chains with a skipped key: name, number
/// of the decoder, bytes.
pub(super) fn chain() -> [(&'static str, u8, Vec<u8>); 3] {
    let rng = &mut rng(3);
    let [alice, bob] = [0, 1].map(|_| IdentityKeyPair::generate(rng));
    let (group, targets) = ([7; 32], [*bob.public()]);
    let claims = ChainClaims {
        version: 1,
        state_hash: [8; 32],
        roster: [9; 24],
    };
    let mut chain = OwnChain::start(alice.public(), &group, 1, 0, rng);
    let mut seal = || chain.seal(&claims, b"text", b"ad", &targets).unwrap();
    let (first, _, third) = (seal(), seal(), seal());
    let [ChainSlot::Key(keys)] = <[_; 1]>::try_from(first.slots).ok().unwrap() else {
        unreachable!("the first message has a key slot");
    };
    let (slot, pending) = (keys.encode().to_vec(), first.pending.export().to_vec());
    let mut chains = PeerChains::new(alice.public(), &group);
    chains.open_with_keys(&first.body, keys, b"ad", 1).unwrap();
    let [ChainSlot::Mac(mac)] = <[_; 1]>::try_from(third.slots).ok().unwrap() else {
        unreachable!("later ones have a MAC slot");
    };
    chains.open(&third.body, &mac, b"ad", 2).unwrap();
    [
        ("chain-keys", 12, slot),
        ("chain-pending", 13, pending),
        ("chains", 14, chains.export().to_vec()),
    ]
}
