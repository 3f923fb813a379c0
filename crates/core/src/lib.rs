//! End-to-end encrypted sessions between two devices: PQXDH handshake and Triple Ratchet, which is the
//! Double Ratchet with header encryption and a post-quantum ratchet in step with it.
//!
//! ```
//! use waxseal_core::{IdentityKeyPair, PreKeyBundle, PreKeys, SessionSet};
//! # use rand::SeedableRng as _;
//! # let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(7);
//!
//! // Bob publishes prekeys; the provider stores them and hands them out.
//! let bob = IdentityKeyPair::generate(&mut rng);
//! let mut bob_prekeys = PreKeys::generate(&bob, &mut rng);
//! let one_time = bob_prekeys.replenish(&bob, 10, &mut rng)?;
//! let base = bob_prekeys.upload(&bob)?.base;
//!
//! // Alice fetches a bundle and writes while Bob is offline.
//! let alice = IdentityKeyPair::generate(&mut rng);
//! let bundle = PreKeyBundle::decode(&base, Some(&one_time[0]))?;
//! let mut to_bob = SessionSet::initiate(&alice, bundle, &mut rng)?;
//! let message = to_bob.encrypt(b"hello", b"", &mut rng)?;
//!
//! // Bob opens the message, which starts the session on his side, and answers.
//! let (mut to_alice, plaintext) = SessionSet::accept(&bob, &mut bob_prekeys, &message, b"")?;
//! assert_eq!(*plaintext, b"hello");
//! let reply = to_alice.encrypt(b"hi", b"", &mut rng)?;
//! # let mut alice_prekeys = PreKeys::generate(&alice, &mut rng);
//! assert_eq!(*to_bob.decrypt(&alice, &mut alice_prekeys, &reply, b"")?, b"hi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One message's way through the files: [`PreKeys`] and [`PreKeyBundle`] (what is published), `pqxdh` (the handshake), `ratchet` and `post_quantum`
//! (keys of each message), [`Session`] (one handshake and its ratchet), [`SessionSet`] (all that two devices share; the type applications
//! use), [`SafetyNumber`] (what people compare). [`spec`] has every byte.
//!
//! Nothing here reads a clock, asks the system for randomness, or does I/O. Pass a generator seeded from the system, such as
//! `rand::rng()`: asking the system for each message costs several times as much. State is exported and imported as versioned bytes;
//! store it after each change, before a ciphertext leaves and before a delivery is acknowledged. [`SessionSet::export_parts`] gives what
//! a message changed, where the whole would grow with the messages that are missing.
//!
//! Every call either succeeds or leaves the state as it was. The errors say what to do next.

#[doc = include_str!("../SPEC.md")]
pub mod spec {}

mod bundle;
mod codec;
mod dh;
mod error;
mod header;
mod identity;
mod kdf;
mod kem;
mod labels;
#[cfg(test)]
mod limits;
mod message;
mod message_key;
mod post_quantum;
mod pqxdh;
mod prekeys;
mod ratchet;
mod safety_number;
mod secret;
mod session;
mod session_set;
mod skipped;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod vectors;
mod wire;

pub use bundle::{BundleError, MAX_BUNDLE_PART_LEN, PreKeyBundle};
pub use error::{DecodeError, KeyError, NonContributory};
pub use identity::{
    ACCOUNT_PROOF_LEN, IDENTITY_CERTIFICATE_LEN, IDENTITY_KEY_LEN, IdentityCertificate,
    IdentityKey, IdentityKeyPair, InvalidSignature,
};
pub use message::{
    MAX_ASSOCIATED_DATA_LEN, MAX_MESSAGE_LEN, MAX_PLAINTEXT_LEN, Message, MessageKind,
};
pub use post_quantum::PostQuantumStop;
pub use prekeys::{
    MAX_KEPT_ONE_TIME_PREKEYS, MAX_ONE_TIME_PREKEYS, MAX_REMEMBERED_BASE_KEYS, PreKeyError,
    PreKeyUpload, PreKeys, SpentPreKey,
};
pub use ratchet::{EncryptError, MAX_FORWARD_JUMP};
pub use safety_number::{InvalidAccountId, MAX_ACCOUNT_ID_LEN, SafetyNumber, Scan};
pub use session::{DecryptError, HandshakeError, Session};
pub use session_set::{MAX_LEFT_SESSION_AGE, MAX_SESSIONS, SessionSet, SessionSetParts};
pub use skipped::{
    MAX_SKIPPED_AGE, MAX_SKIPPED_CHAINS, MAX_SKIPPED_KEYS, PAGE_ID_LEN, PageChange, PageId,
};
