//! A chain of Alice's for Bob, Carol and Dave, and the checks of the sending side.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

mod attacks;
mod export;
mod membership;
mod property;
mod receive;
mod slot;
mod time;
// This file has one test vector per line.
#[rustfmt::skip]
pub(crate) mod vectors;

use super::*;
use crate::IdentityKeyPair;
use crate::message::MAX_ASSOCIATED_DATA_LEN;
use crate::tests::support::rng;

const CONTEXT: [u8; CHAIN_CONTEXT_LEN] = [7; CHAIN_CONTEXT_LEN];
const CLAIMS: ChainClaims = ChainClaims {
    version: 0x0102_0304_0506_0708,
    state_hash: [9; 32],
    roster: [5; 24],
};

fn identity(seed: u64) -> IdentityKey {
    *IdentityKeyPair::generate(&mut rng(seed)).public()
}

/// Alice's chain, and what the others have of it.
struct Group {
    alice: IdentityKey,
    chain: OwnChain,
    others: Vec<IdentityKey>,
    peers: Vec<PeerChains>,
}

impl Group {
    fn new() -> Self {
        let alice = identity(1);
        let others: Vec<_> = (2..5).map(identity).collect();
        let new = |_: &IdentityKey| PeerChains::new(&alice, &CONTEXT);
        Self {
            chain: OwnChain::start(&alice, &CONTEXT, 1, 0, &mut rng(10)),
            peers: others.iter().map(new).collect(),
            others,
            alice,
        }
    }

    /// A group in which everyone has opened the first message.
    fn begun() -> Self {
        let mut group = Self::new();
        let first = group.seal(b"first");
        for of in 0..3 {
            assert_eq!(text(group.open(of, &first)), b"first");
        }
        group
    }

    fn seal(&mut self, plaintext: &[u8]) -> ChainMessage {
        let sealed = self.chain.seal(&CLAIMS, plaintext, b"ad", &self.others);
        sealed.unwrap()
    }

    /// Goes on to the next chain.
    fn renew(&mut self) {
        let seed = 10 + u64::from(self.chain.number());
        self.chain = self.chain.next(0, &mut rng(seed)).unwrap();
    }

    /// Opens a message as the recipient `of`, with its slot.
    fn open(&mut self, of: usize, message: &ChainMessage) -> Opened {
        open(&mut self.peers[of], message, of, 1)
    }
}

type Opened = Result<OpenedChainMessage, ChainOpenError>;

/// Opens a message with the slot `at`, which was accepted at this time. Asserts that a refusal
/// leaves the state as it was.
fn open(peer: &mut PeerChains, message: &ChainMessage, at: usize, accepted_at_ms: u64) -> Opened {
    unchanged_by_refusal(peer, |peer| match &message.slots[at] {
        ChainSlot::Mac(mac) => peer.open(&message.body, mac, b"ad", accepted_at_ms),
        ChainSlot::Key(keys) => {
            peer.open_with_keys(&message.body, copy(keys), b"ad", accepted_at_ms)
        }
    })
}

fn unchanged_by_refusal(
    peer: &mut PeerChains,
    open: impl FnOnce(&mut PeerChains) -> Opened,
) -> Opened {
    let before = peer.export();
    let opened = open(peer);
    if opened.is_err() {
        assert_eq!(peer.export(), before, "the state has changed");
    }
    opened
}

/// The keys as they come out of a session.
fn copy(keys: &ChainKeys) -> ChainKeys {
    ChainKeys::decode(&keys.encode()).unwrap()
}

fn keys(message: &ChainMessage, at: usize) -> ChainKeys {
    match &message.slots[at] {
        ChainSlot::Key(keys) => copy(keys),
        ChainSlot::Mac(_) => panic!("the recipient has the chain"),
    }
}

fn mac(message: &ChainMessage, at: usize) -> [u8; CHAIN_MAC_LEN] {
    match &message.slots[at] {
        ChainSlot::Mac(mac) => *mac,
        ChainSlot::Key(_) => panic!("the recipient does not have the chain"),
    }
}

fn text(opened: Opened) -> Vec<u8> {
    opened.unwrap().plaintext.to_vec()
}

/// Everything that shows whether sealing changed the chain.
fn state(chain: &OwnChain) -> (Vec<u8>, Vec<([u8; 64], u32)>) {
    let fields = [chain.key.as_bytes().as_slice(), &chain.n.to_be_bytes()].concat();
    let recipients = chain.recipients.iter().map(|(device, n)| (*device, *n));
    (fields, recipients.collect())
}

fn not_sealed<T>(
    chain: &mut OwnChain,
    seal: impl FnOnce(&mut OwnChain) -> Result<T, ChainSealError>,
) -> ChainSealError {
    let before = state(chain);
    let error = seal(chain).err().expect("must not be sealed");
    assert_eq!(state(chain), before, "the state has changed");
    error
}

#[test]
fn one_body_opens_for_everyone_with_the_claims_of_the_sender() {
    let mut group = Group::begun();
    for n in 1..4 {
        let message = group.seal(b"hello");
        assert_eq!(message.body.len(), 5 + 101);
        for of in 0..3 {
            let opened = group.open(of, &message).unwrap();
            assert_eq!((opened.number, opened.n, message.n), (1, n, n));
            assert_eq!(*opened.plaintext, b"hello");
            assert_eq!(opened.claims, CLAIMS);
        }
    }
}

#[test]
fn a_new_recipient_opens_nothing_from_before() {
    let mut group = Group::new();
    let two = group.others[..2].to_vec();
    let before = group.chain.seal(&CLAIMS, b"before", b"ad", &two).unwrap();
    let joined = group.seal(b"joined");
    assert!(matches!(
        joined.slots[..],
        [ChainSlot::Mac(_), ChainSlot::Mac(_), ChainSlot::Key(_)]
    ));
    assert_eq!(group.chain.given_at(&group.others[0]), Some(0));
    assert_eq!(group.chain.given_at(&group.others[2]), Some(1));
    assert_eq!(group.chain.given_at(&group.alice), None);
    assert_eq!(text(group.open(2, &joined)), b"joined");
    let mac = group.chain.root.key_for(&group.others[2].to_bytes());
    let mac = slot_of(&mac, &before.body);
    let refused = group.peers[2].open(&before.body, &mac, b"ad", 1);
    assert_eq!(refused.err(), Some(ChainOpenError::AlreadyReceived));
}

/// The MAC slot that the holder of a key makes for a body.
fn slot_of(key: &AuthKey, body: &[u8]) -> [u8; CHAIN_MAC_LEN] {
    super::slot::MacInput::new(body, b"ad").slot(key.as_bytes())
}

#[test]
fn a_chain_is_due_by_messages_and_by_age() {
    let mut group = Group::new();
    assert!(!group.chain.is_due(3, RENEWAL_AGE_MS - 1));
    assert!(group.chain.is_due(3, RENEWAL_AGE_MS));
    group.seal(b"");
    assert!(group.chain.is_due(0, 0) && group.chain.is_due(31, 0));
    assert!(!group.chain.is_due(32, 0));
    group.chain.n = 99;
    assert!(!group.chain.is_due(10_000, 0));
    group.chain.n = 100;
    assert!(group.chain.is_due(10_000, 0));
    // The age of a chain counts from its own start.
    let next = group.chain.next(RENEWAL_AGE_MS, &mut rng(3)).unwrap();
    assert!(!next.is_due(0, 2 * RENEWAL_AGE_MS - 1));
    assert!(next.is_due(0, 2 * RENEWAL_AGE_MS));
}

#[test]
fn chk15_plaintext_and_associated_data_of_a_chain_have_limits() {
    let mut group = Group::new();
    let (text, ad) = (
        vec![1; MAX_PLAINTEXT_LEN + 1],
        vec![2; MAX_ASSOCIATED_DATA_LEN + 1],
    );
    let others = group.others.clone();
    let error = not_sealed(&mut group.chain, |chain| {
        chain.seal(&CLAIMS, &text, b"", &others)
    });
    assert!(matches!(error, ChainSealError::PlaintextTooLong { .. }));
    let error = not_sealed(&mut group.chain, |chain| {
        chain.seal(&CLAIMS, b"", &ad, &others)
    });
    assert!(matches!(
        error,
        ChainSealError::AssociatedDataTooLong { .. }
    ));
    let longest = group
        .chain
        .seal(&CLAIMS, &text[1..], &ad[1..], &others)
        .unwrap();
    assert_eq!(longest.body.len(), MAX_CHAIN_BODY_LEN);
    let opened = group.peers[0].open_with_keys(&longest.body, keys(&longest, 0), &ad[1..], 1);
    assert_eq!(opened.unwrap().plaintext.len(), MAX_PLAINTEXT_LEN);
    let peer = &mut group.peers[1];
    let refused = peer.open_with_keys(&longest.body, keys(&longest, 1), &ad, 1);
    assert!(matches!(
        refused,
        Err(ChainOpenError::AssociatedDataTooLong { .. })
    ));
    let refused = peer.open(&longest.body, &[0; 16], &ad, 1);
    assert!(matches!(
        refused,
        Err(ChainOpenError::AssociatedDataTooLong { .. })
    ));
}

#[test]
fn chk370_targets_are_other_devices_named_once_and_not_too_many() {
    let mut group = Group::new();
    let (alice, bob) = (group.alice, group.others[0]);
    let refused = |chain: &mut OwnChain, targets: &[IdentityKey]| {
        not_sealed(chain, |chain| chain.seal(&CLAIMS, b"", b"", targets))
    };
    let error = refused(&mut group.chain, &[bob, alice]);
    assert_eq!(error, ChainSealError::OwnIdentity);
    let error = refused(&mut group.chain, &[bob, bob]);
    assert_eq!(error, ChainSealError::RepeatedTarget);
    let many = core::iter::repeat(&bob);
    let error = not_sealed(&mut group.chain, |chain| {
        chain.seal(&CLAIMS, b"", b"", many)
    });
    assert_eq!(
        error,
        ChainSealError::TooManyTargets { max: 4_096 },
        "an endless list ends"
    );

    // The fullest list of recipients takes no further target, in either way.
    let message = group.seal(b"");
    for i in 0..MAX_CHAIN_TARGETS - 4 {
        let mut device = [0; 64];
        device[..8].copy_from_slice(&i.to_be_bytes());
        group.chain.recipients.insert(device, 0);
    }
    let added = group.chain.add_target(&message.pending, &identity(20));
    assert!(added.is_ok(), "the last place");
    let error = not_sealed(&mut group.chain, |chain| {
        chain.add_target(&message.pending, &identity(21))
    });
    assert!(matches!(
        error,
        ChainSealError::TooManyTargets { max: 4_096 }
    ));
    let error = not_sealed(&mut group.chain, |chain| {
        chain.add_target(&message.pending, &alice)
    });
    assert_eq!(error, ChainSealError::OwnIdentity);
}

#[test]
fn chk370_four_thousand_and_ninety_six_targets_are_sealed_for_and_one_more_is_not() {
    let mut group = Group::new();
    let key = crate::dh::DhKeyPair::generate(&mut rng(30));
    let mut base = group.others[0].to_bytes();
    base[32..].copy_from_slice(key.public().as_bytes());
    let targets: Vec<_> = (0..6_000_u32)
        .filter_map(|i| {
            let mut device = base;
            device[32..36].copy_from_slice(&i.to_be_bytes());
            IdentityKey::from_bytes(&device).ok()
        })
        .take(MAX_CHAIN_TARGETS + 1)
        .collect();
    assert_eq!(targets.len(), MAX_CHAIN_TARGETS + 1);
    let error = not_sealed(&mut group.chain, |chain| {
        chain.seal(&CLAIMS, b"", b"", &targets)
    });
    assert!(matches!(
        error,
        ChainSealError::TooManyTargets { max: 4_096 }
    ));
    let message = group.chain.seal(&CLAIMS, b"", b"", &targets[1..]).unwrap();
    assert_eq!(message.slots.len(), MAX_CHAIN_TARGETS);
    let parts = group.chain.export();
    assert!(OwnChain::import(&parts.state, &parts.recipients.unwrap()).is_ok());
}

#[test]
fn chk371_a_recipient_that_left_ends_the_chain() {
    let mut group = Group::begun();
    let two = group.others[..2].to_vec();
    let seal = |chain: &mut OwnChain| chain.seal(&CLAIMS, b"", b"ad", &two);
    assert_eq!(
        not_sealed(&mut group.chain, seal),
        ChainSealError::RecipientLeft
    );
    // A replacement for the one that left does not help.
    let others = [two[0], two[1], identity(9)];
    let seal = |chain: &mut OwnChain| chain.seal(&CLAIMS, b"", b"ad", &others);
    assert_eq!(
        not_sealed(&mut group.chain, seal),
        ChainSealError::RecipientLeft
    );
    // On the next chain the message is sealed, and the one that left opens it with nothing it has.
    group.renew();
    assert_eq!(group.chain.number(), 2);
    let message = group.chain.seal(&CLAIMS, b"without", b"ad", &two).unwrap();
    assert_eq!(text(group.open(0, &message)), b"without");
    let left = &mut group.peers[2];
    let refused = left.open(&message.body, &[0; 16], b"ad", 1);
    assert_eq!(refused.err(), Some(ChainOpenError::UnknownChain));
}

#[test]
fn chk371_a_recipient_counts_from_the_moment_of_sealing() {
    let mut group = Group::new();
    drop(group.seal(b"never posted"));
    let two = group.others[..2].to_vec();
    let seal = |chain: &mut OwnChain| chain.seal(&CLAIMS, b"", b"ad", &two);
    assert_eq!(
        not_sealed(&mut group.chain, seal),
        ChainSealError::RecipientLeft
    );
}

#[test]
fn chk372_an_exhausted_chain_or_the_last_chain_ends() {
    let mut group = Group::begun();
    group.chain.n = u32::MAX - 1;
    group.seal(b"the last one");
    let others = group.others.clone();
    let seal = |chain: &mut OwnChain| chain.seal(&CLAIMS, b"", b"ad", &others);
    assert_eq!(
        not_sealed(&mut group.chain, seal),
        ChainSealError::ChainExhausted
    );
    let last = OwnChain::start(&group.alice, &CONTEXT, u32::MAX, 0, &mut rng(3));
    let next = last.next(0, &mut rng(4));
    assert_eq!(next.err(), Some(ChainSealError::ChainExhausted));
}
