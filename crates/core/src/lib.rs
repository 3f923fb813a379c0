//! End-to-end encrypted sessions between two devices. The main type is [`SessionSet`]: it holds all
//! sessions with one peer device, encrypts messages to that device and opens messages from it.
//!
//! ```
//! use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
//! # let mut rng = rand::rng();
//! # let (alice, bob) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
//! # let mut bob_prekeys = PreKeys::generate(&bob, &mut rng);
//! # let published = bob_prekeys.upload(&bob)?.base;
//! # let mut alice_prekeys = PreKeys::generate(&alice, &mut rng);
//!
//! let bundle = PreKeyBundle::decode(&published, None)?; // Bob's prekeys, from the provider
//! let mut to_bob = SessionSet::initiate(&alice, bundle, &mut rng)?;
//! let message = to_bob.encrypt(b"hello", b"", &mut rng)?;
//!
//! let memory = &mut ReplayMemory::new(); // of this sender: none so far
//! let (mut to_alice, text) = SessionSet::accept(&bob, &mut bob_prekeys, memory, &message, b"")?;
//! assert_eq!(*text, b"hello");
//! let reply = to_alice.encrypt(b"hi", b"", &mut rng)?;
//! let memory = &mut ReplayMemory::new();
//! assert_eq!(*to_bob.decrypt(&alice, &mut alice_prekeys, memory, &reply, b"")?, b"hi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each session begins with a PQXDH handshake and continues with the Triple Ratchet: the Double
//! Ratchet with header encryption, and a post-quantum ratchet in step with it. [`spec`] describes
//! every byte.
//!
//! # What to know
//!
//! - **Nothing here reads a clock, asks the system for randomness, or does I/O.** Pass a generator
//!   that is seeded from the system, such as `rand::rng()`. A generator that asks the system for
//!   each message costs several times as much.
//! - **State is exported and imported as versioned bytes.** Store it after each change: before a
//!   ciphertext leaves, and before a delivery is acknowledged.
//! - **Every call either succeeds or leaves the state as it was.** The errors say what to do next.
//!
//! # Recipes
//!
//! ## Publish prekeys
//!
//! A device publishes prekeys so that others can start sessions while it is offline. The provider
//! hands out `base` to everyone, and each entry of `one_time` once.
//!
//! ```
//! use waxseal_core::{IdentityKeyPair, PreKeys};
//! # let mut rng = rand::rng();
//! let bob = IdentityKeyPair::generate(&mut rng);
//! let mut prekeys = PreKeys::generate(&bob, &mut rng);
//! prekeys.replenish(&bob, 100, &mut rng)?;
//! let stored = (bob.export(), prekeys.export()); // secret: store before uploading
//! let upload = prekeys.upload(&bob)?; // public: `base` and `one_time`
//!
//! // About once a week, and whenever few one-time prekeys are left. Then store and upload again.
//! prekeys.rotate(&bob, &mut rng)?;
//! if prekeys.one_time_left() < 20 {
//!     prekeys.replenish(&bob, 100, &mut rng)?;
//! }
//! # assert_eq!((upload.one_time.len(), prekeys.one_time_left()), (100, 100));
//! # assert_eq!(PreKeys::import(&stored.1)?.identity(), bob.public());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Send a first message and answer it
//!
//! The sender's messages repeat the handshake until the sender opens a reply. The recipient
//! recognises such messages with [`Message::peek`], and passes the sender's [`ReplayMemory`]. Both
//! sides may bind associated data to a message, which is authenticated but not sent.
//!
//! ```
//! # use waxseal_core::{IdentityKeyPair, Message, MessageKind, PreKeyBundle, PreKeys, SessionSet};
//! # use waxseal_core::ReplayMemory;
//! # let mut rng = rand::rng();
//! # let (alice, bob) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
//! # let mut bob_prekeys = PreKeys::generate(&bob, &mut rng);
//! # let one_time = bob_prekeys.replenish(&bob, 10, &mut rng)?;
//! # let base = bob_prekeys.upload(&bob)?.base;
//! # let mut alice_prekeys = PreKeys::generate(&alice, &mut rng);
//! let bundle = PreKeyBundle::decode(&base, Some(&one_time[0]))?;
//! let mut to_bob = SessionSet::initiate(&alice, bundle, &mut rng)?;
//! let first = to_bob.encrypt(b"hello", b"context", &mut rng)?;
//!
//! // Bob has no session with this identity, so the message must start one.
//! let from = MessageKind::Initial { identity: *alice.public() };
//! assert_eq!(Message::peek(&first)?, from);
//! let mut memory = ReplayMemory::new(); // or the stored one of this identity
//! let keys = &mut bob_prekeys;
//! let (mut to_alice, text) = SessionSet::accept(&bob, keys, &mut memory, &first, b"context")?;
//! assert!(!memory.is_changed()); // store it only if it is
//! let reply = to_alice.encrypt(b"hi", b"", &mut rng)?;
//!
//! let memory = &mut ReplayMemory::new(); // not used, as a reply starts no session
//! let answer = to_bob.decrypt(&alice, &mut alice_prekeys, memory, &reply, b"")?;
//! assert_eq!((&**text, &**answer), (&b"hello"[..], &b"hi"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Start again with a peer
//!
//! Start another session when the peer does not answer, or when its messages do not open. After one
//! exchange, both sides send on the new session. Messages of the earlier one still open.
//!
//! ```
//! # use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
//! # let mut rng = rand::rng();
//! # let (alice, bob) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
//! # let mut bob_prekeys = PreKeys::generate(&bob, &mut rng);
//! # let mut memory = ReplayMemory::new();
//! # let base = bob_prekeys.upload(&bob)?.base;
//! # let mut to_bob = SessionSet::initiate(&alice, PreKeyBundle::decode(&base, None)?, &mut rng)?;
//! # let first = to_bob.encrypt(b"hello", b"", &mut rng)?;
//! # let keys = &mut bob_prekeys;
//! # let (mut to_alice, _) = SessionSet::accept(&bob, keys, &mut memory, &first, b"")?;
//! let fresh = PreKeyBundle::decode(&base, None)?; // fetched again from the provider
//! to_bob.add_initiated(&alice, fresh, &mut rng)?;
//! let message = to_bob.encrypt(b"hello again", b"", &mut rng)?;
//!
//! let text = to_alice.decrypt(&bob, &mut bob_prekeys, &mut memory, &message, b"")?;
//! assert_eq!(*text, b"hello again");
//! assert_eq!(to_alice.count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Store after each message
//!
//! [`SessionSet::export_parts`] returns only what a message changed. The result of
//! [`SessionSet::export`] grows with the number of skipped messages. After receiving, also store
//! [`PreKeys::export_parts`], which are empty unless a one-time prekey was spent, and the sender's
//! [`ReplayMemory`] if it [changed](ReplayMemory::is_changed). Store all of it in one transaction.
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, SessionSet};
//! # let mut rng = rand::rng();
//! # let (alice, bob) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
//! # let base = PreKeys::generate(&bob, &mut rng).upload(&bob)?.base;
//! # let mut to_bob = SessionSet::initiate(&alice, PreKeyBundle::decode(&base, None)?, &mut rng)?;
//! # let mut stored_pages = BTreeMap::new();
//! let message = to_bob.encrypt(b"hello", b"", &mut rng)?;
//! let parts = to_bob.export_parts();
//! let stored_state = parts.state.to_vec(); // in one transaction with the pages
//! for page in parts.pages {
//!     match page.bytes {
//!         Some(bytes) => stored_pages.insert(page.id, bytes.to_vec()),
//!         None => stored_pages.remove(&page.id),
//!     };
//! }
//! // Send `message` only now. After a restart:
//! let to_bob = SessionSet::import_parts(&stored_state, stored_pages.values())?;
//! # assert_eq!((to_bob.peer(), message.len() > 1_000), (bob.public(), true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Send one message to many devices
//!
//! An [`OwnChain`] seals one body for all devices of a group. A device without the chain gets it in
//! a key slot, which travels in the session with that device. The others get a MAC of 16 bytes.
//!
//! ```
//! # use waxseal_core::{ChainClaims, ChainKeys, ChainSlot, IdentityKeyPair, OwnChain, PeerChains};
//! # let mut rng = rand::rng();
//! # let (alice, bob) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
//! # let (group, now_ms) = ([7; 32], 0);
//! # let claims = ChainClaims { version: 1, state_hash: [0; 32], roster: [0; 24] };
//! let mut chain = OwnChain::start(alice.public(), &group, 1, now_ms, &mut rng);
//! let mut from_alice = PeerChains::new(alice.public(), &group); // on Bob's device
//! for text in [b"one", b"two"] {
//!     let message = chain.seal(&claims, text, b"context", [bob.public()])?;
//!     let (body, accepted_at_ms) = (&message.body, 1); // the time comes from the provider
//!     let opened = match &message.slots[0] {
//!         ChainSlot::Mac(mac) => from_alice.open(body, mac, b"context", accepted_at_ms)?,
//!         ChainSlot::Key(keys) => {
//!             let keys = ChainKeys::decode(&keys.encode())?; // in between: in the session
//!             from_alice.open_with_keys(body, keys, b"context", accepted_at_ms)?
//!         }
//!     };
//!     assert_eq!(*opened.plaintext, text);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Say that messages do not open
//!
//! A device that lost a session tells the author so in a refusal. This takes no session, only the
//! author's identity. [`SessionSet::ids`] names the sessions that the device does hold.
//!
//! ```
//! # use waxseal_core::{IdentityKeyPair, Message, MessageKind};
//! # let mut rng = rand::rng();
//! # let (alice, bob) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
//! let refusal = bob.seal_refusal(alice.public(), b"which messages", b"context", &mut rng)?;
//!
//! let from = *bob.public(); // unverified until the refusal opens
//! assert_eq!(Message::peek(&refusal)?, MessageKind::Refusal { identity: from });
//! let opened = alice.open_refusal(&refusal, b"context")?;
//! assert_eq!((opened.from, &**opened.content), (from, &b"which messages"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Compare safety numbers
//!
//! Two people compare the number over a channel on which they recognise each other. It is computed
//! from the account key of each, and differs if someone gave them another one. `waxseal-roster`
//! makes account keys, and says which devices belong to them.
//!
//! ```
//! use waxseal_core::{SafetyNumber, Scan};
//! # let (alices_key, bobs_key) = ([1; 32], [2; 32]);
//! let on_alices = SafetyNumber::of_accounts((&alices_key, "alice"), (&bobs_key, "bob"))?;
//! let on_bobs = SafetyNumber::of_accounts((&bobs_key, "bob"), (&alices_key, "alice"))?;
//!
//! assert_eq!(on_alices.digits(), on_bobs.digits()); // sixty digits to read aloud
//! assert_eq!(on_alices.compare_scanned(&on_bobs.scannable())?, Scan::Match); // or a code to scan
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a message passes through the crate
//!
//! | part | step |
//! |---|---|
//! | [`PreKeys`], [`PreKeyBundle`] | what a device publishes, and what a peer fetches |
//! | `pqxdh` | the handshake |
//! | [`ReplayMemory`] | which of a sender's handshakes must not be accepted again |
//! | `ratchet`, `post_quantum` | the keys of each message |
//! | [`Session`] | one handshake and its ratchet |
//! | [`SessionSet`] | all sessions that two devices share: the type that applications use |
//! | [`OwnChain`], [`PeerChains`] | one body for many devices |
//! | [`OpenedRefusal`] | what a device says that cannot open messages |
//! | [`IdentityKeyPair::mark`] | how a device learns that its state was set back |
//! | [`SafetyNumber`] | what people compare |

#[doc = include_str!("../SPEC.md")]
pub mod spec {}

mod bundle;
mod chain;
mod codec;
mod dh;
mod error;
mod header;
mod header_key;
mod identity;
mod kdf;
mod kem;
mod labels;
mod mark;
mod message;
mod message_key;
mod post_quantum;
mod pqxdh;
mod prekeys;
mod ratchet;
mod refusal;
mod replay_memory;
mod safety_number;
mod secret;
mod session;
mod session_id;
mod session_set;
mod skipped;
#[cfg(test)]
mod tests;
mod wire;

pub use bundle::PreKeyBundle;
pub use chain::{
    ChainClaims, ChainKeys, ChainMessage, ChainSlot, OpenedChainMessage, OwnChain, PeerChains,
    PendingKeys,
};
pub use identity::{IdentityCertificate, IdentityKey, IdentityKeyPair};
pub use message::{Message, MessageKind};
pub use post_quantum::PostQuantumStop;
pub use prekeys::{PreKeyUpload, PreKeys};
pub use refusal::OpenedRefusal;
pub use replay_memory::ReplayMemory;
pub use safety_number::{SafetyNumber, Scan};
pub use session::Session;
pub use session_id::SessionId;
pub use session_set::SessionSet;

/// The error types that the crate's operations return.
pub mod errors {
    pub use crate::bundle::BundleError;
    pub use crate::chain::{ChainOpenError, ChainSealError};
    pub use crate::error::{DecodeError, KeyError, NonContributory};
    pub use crate::identity::InvalidSignature;
    pub use crate::prekeys::PreKeyError;
    pub use crate::ratchet::EncryptError;
    pub use crate::refusal::RefusalError;
    pub use crate::safety_number::InvalidAccountId;
    pub use crate::session::{DecryptError, HandshakeError};
}

/// The parts that [`SessionSet::export_parts`](crate::SessionSet::export_parts) and
/// [`PreKeys::export_parts`](crate::PreKeys::export_parts) write.
pub mod export {
    pub use crate::chain::OwnChainParts;
    pub use crate::prekeys::{OneTimeChange, OneTimeId, PreKeysParts};
    pub use crate::session_set::SessionSetParts;
    pub use crate::skipped::{PageChange, PageId};
}

/// The public limits and lengths of the crate. A limit says what it bounds, a length what it
/// consists of.
pub mod limits {
    pub use crate::bundle::MAX_BUNDLE_PART_LEN;
    pub use crate::chain::{
        CHAIN_CONTEXT_LEN, CHAIN_KEYS_LEN, CHAIN_MAC_LEN, MAX_CHAIN_AGE_MS, MAX_CHAIN_BODY_LEN,
        MAX_CHAIN_GAP, MAX_CHAIN_MESSAGES, MAX_CHAIN_SKIPPED_KEYS, MAX_CHAIN_TARGETS,
        MAX_PEER_CHAINS, RENEWAL_AGE_MS,
    };
    pub use crate::identity::{
        ACCOUNT_PROOF_LEN, IDENTITY_CERTIFICATE_LEN, IDENTITY_KEY_LEN, ROSTER_SIGNATURE_LEN,
    };
    pub use crate::mark::MARK_LEN;
    pub use crate::message::MAX_REFUSAL_LEN;
    pub use crate::message::{MAX_ASSOCIATED_DATA_LEN, MAX_MESSAGE_LEN, MAX_PLAINTEXT_LEN};
    pub use crate::prekeys::{MAX_KEPT_ONE_TIME_PREKEYS, MAX_ONE_TIME_PREKEYS};
    pub use crate::ratchet::{MAX_GAP, MAX_SKIPPED_AT_ONCE};
    pub use crate::replay_memory::MAX_REMEMBERED_BASE_KEYS;
    pub use crate::safety_number::MAX_ACCOUNT_ID_LEN;
    pub use crate::session_id::SESSION_ID_LEN;
    pub use crate::session_set::{MAX_LEFT_SESSION_AGE, MAX_SESSIONS};
    pub use crate::skipped::{MAX_SKIPPED_AGE, MAX_SKIPPED_CHAINS, MAX_SKIPPED_KEYS, PAGE_ID_LEN};
}

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
