//! The Triple Ratchet: the Double Ratchet with header encryption, and the post-quantum ratchet in
//! step with it. (Double Ratchet, revision 4, “Double Ratchet with header encryption”, “The Triple
//! Ratchet”)
//!
//! ```text
//!            first send after a receiving step: new key pair, root step, new sending chain
//!          +---------------------------------------------------------------+
//!          v                                                               |
//!   [sending chain] --- message under the next header key: root step ---> [no sending chain]
//!          ^   |                 new receiving chain                          ^    |
//!          +---+ messages of existing chains                                  +----+
//! ```
//!
//! The initiator starts on the left without a receiving chain, the recipient on the right without
//! any chain. When a new key of the peer arrives, the receiving half of a step is taken at once;
//! the sending half waits for our next send. Receiving therefore needs no randomness, and a key
//! pair is never made earlier than it is needed.

use rand_core::CryptoRng;
use thiserror::Error;

use crate::dh::{DhKeyPair, DhPublicKey};
use crate::error::NonContributory;
use crate::header::{self, HEADER_LEN, Header};
use crate::header_key::HeaderKey;
use crate::kdf::{ChainKey, RootKey};
use crate::message::{MAX_ASSOCIATED_DATA_LEN, MAX_PLAINTEXT_LEN};
use crate::message_key::{BodyAd, MessageKey, TAG_LEN};
use crate::post_quantum::PostQuantum;
use crate::pqxdh::{AgreedSecrets, SessionAd};
use crate::secret::with_wiped_stack;
use crate::skipped::SkippedKeys;

mod export;
mod open;

pub(crate) use export::{MAX_RATCHET_EXPORT_LEN, MAX_RATCHET_STATE_LEN};
pub(crate) use open::{Located, OpenError, Opened};
pub use open::{MAX_GAP, MAX_SKIPPED_AT_ONCE};

/// Why a message was not encrypted. No state has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The plaintext is longer than [`MAX_PLAINTEXT_LEN`]. Split it or refuse it before this call.
    #[error("plaintext of {len} bytes is longer than the {max} allowed")]
    PlaintextTooLong {
        /// Length of the plaintext in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// The associated data is longer than [`MAX_ASSOCIATED_DATA_LEN`]. Fix the call.
    #[error("associated data of {len} bytes is longer than the {max} allowed")]
    AssociatedDataTooLong {
        /// Length of the associated data in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// All 2^32 - 1 messages of one chain were sent without a reply. Start a new session.
    #[error("the sending chain is exhausted")]
    ChainExhausted,
    /// The peer's ratchet key contributed nothing to the next Diffie–Hellman step. Start a new
    /// session.
    #[error("{0}")]
    NonContributory(#[from] NonContributory),
}

/// State of the Triple Ratchet on one side of a session. It holds the keys that messages not yet
/// sent or opened need, and none of those that sealed or opened earlier ones.
///
/// Each message sent advances the sending chain by one step. A message received ahead of all others
/// advances the receiving chain past it; a late one uses a stored key. The first message under the
/// peer's next header key also takes a root step and begins a receiving chain. The next send then
/// takes another root step, with a new key pair, and begins a sending chain. Names of the
/// specification are in brackets.
pub(crate) struct Ratchet {
    /// Root key \[RK]. Each root step replaces it.
    root: RootKey,
    /// Our newest key pair \[DHs]. An initiator starts with a fresh one, a recipient with its
    /// signed prekey; each sending step replaces it.
    dh: DhKeyPair,
    /// The peer's newest ratchet public key \[DHr]. A recipient has a placeholder here until it
    /// opens the first message.
    peer_dh: DhPublicKey,
    /// Absent between a receiving step and the next send.
    sending: Option<SendingChain>,
    /// Absent until the peer's first message is opened.
    receiving: Option<ReceivingChain>,
    /// Key of the headers in our next sending chain \[NHKs].
    next_sending_header: HeaderKey,
    /// Key of the headers in the peer's next chain \[NHKr].
    next_receiving_header: HeaderKey,
    /// Number of messages in our sending chain before the current one \[PN].
    previous_sent: u32,
    /// Keys of messages that were skipped and may still arrive \[MKSKIPPED].
    skipped: SkippedKeys,
    /// Number of messages opened.
    opened: u64,
    /// Number of root steps taken, sending and receiving.
    steps: u64,
    /// The post-quantum ratchet. It takes one step per message, as the chains above do.
    post_quantum: PostQuantum,
}

/// The chain that we send on: its key, the key of its headers and the number of the next message
/// (CKs, HKs and Ns in the specification). It begins with our sending step and ends when the peer's
/// next chain begins. Each message sent advances `key` and `n`; `header_key` stays.
struct SendingChain {
    key: ChainKey,
    header_key: HeaderKey,
    n: u32,
}

/// The peer's newest chain that we know of \[CKr, HKr, Nr]. It begins with the first message under
/// the peer's next header key and ends when the next chain begins. `key` and `n` advance past the
/// highest message opened; keys of the messages in between go to [`SkippedKeys`].
struct ReceivingChain {
    key: ChainKey,
    header_key: HeaderKey,
    n: u32,
    /// Ordinal of this receiving chain, starting at 1.
    number: u64,
}

/// A sending step that was computed but not yet committed to the state.
struct SendingStep {
    root: RootKey,
    dh: DhKeyPair,
    next_header: HeaderKey,
    chain: SendingChain,
}

/// The encrypted header and body of one message.
pub(crate) struct Sealed {
    pub(crate) header: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Ratchet {
    /// Makes the initiator's ratchet and its first sending chain: `RatchetInitAliceHE`. `peer_dh`
    /// is the recipient's signed prekey, which serves as its first ratchet key.
    pub(crate) fn new_initiator(
        secret: AgreedSecrets,
        peer_dh: DhPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, NonContributory> {
        // Takes a root step with a fresh key pair. The header keys of both first chains come from
        // the handshake. In the specification: RK, CKs, NHKs = KDF_RK_HE(SK, DH(DHs, DHr))
        let dh = DhKeyPair::generate(rng);
        let step = secret.root.step(&dh.diffie_hellman(&peer_dh)?);
        Ok(Self {
            root: step.root,
            dh,
            peer_dh,
            sending: Some(SendingChain {
                key: step.chain,
                header_key: secret.initiator_header,
                n: 0,
            }),
            receiving: None,
            next_sending_header: step.next_header,
            next_receiving_header: secret.recipient_header,
            previous_sent: 0,
            skipped: SkippedKeys::new(),
            opened: 0,
            steps: 1,
            post_quantum: PostQuantum::new_initiator(&secret.post_quantum),
        })
    }

    /// Makes the recipient's ratchet: `RatchetInitBobHE`. There is no chain to send on until the
    /// initiator's first message is opened.
    pub(crate) fn new_recipient(secret: AgreedSecrets, signed_prekey: DhKeyPair) -> Self {
        Self {
            root: secret.root,
            // A placeholder: nothing is sent before the first receiving step replaces it.
            peer_dh: *signed_prekey.public(),
            dh: signed_prekey,
            sending: None,
            receiving: None,
            next_sending_header: secret.recipient_header,
            next_receiving_header: secret.initiator_header,
            previous_sent: 0,
            skipped: SkippedKeys::new(),
            opened: 0,
            steps: 0,
            post_quantum: PostQuantum::new_recipient(&secret.post_quantum),
        }
    }

    /// Number of root steps taken.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The post-quantum half of the ratchet.
    pub(crate) fn post_quantum(&self) -> &PostQuantum {
        &self.post_quantum
    }

    /// Whether any message of the peer has been opened.
    pub(crate) fn has_received(&self) -> bool {
        self.receiving.is_some()
    }

    /// Encrypts one message: `RatchetEncryptHE`.
    pub(crate) fn seal(
        &mut self,
        ad: &SessionAd,
        selection: u32,
        plaintext: &[u8],
        caller_ad: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, EncryptError> {
        // CHK-15: plaintext and associated data are within their limits.
        if plaintext.len() > MAX_PLAINTEXT_LEN {
            return Err(EncryptError::PlaintextTooLong {
                len: plaintext.len(),
                max: MAX_PLAINTEXT_LEN,
            });
        }
        if caller_ad.len() > MAX_ASSOCIATED_DATA_LEN {
            return Err(EncryptError::AssociatedDataTooLong {
                len: caller_ad.len(),
                max: MAX_ASSOCIATED_DATA_LEN,
            });
        }
        let mut step = None;
        let (dh, chain) = match &self.sending {
            Some(chain) => (self.dh.public(), chain),
            None => {
                let step = step.insert(self.sending_step(rng)?);
                (step.dh.public(), &step.chain)
            }
        };
        // CHK-16: there is a number left for the message after this one.
        let next_n = chain.n.checked_add(1).ok_or(EncryptError::ChainExhausted)?;

        // Takes a message seed from the sending chain, then makes the header, which is encrypted
        // only after the body.
        // In the specification: CKs, mk = KDF_CK(CKs); header = HEADER(DHs, PN, Ns);
        // enc_header = HENCRYPT(HKs, header)
        let (seed, next_key) = chain.key.step();
        let (part, post_quantum_key, outgoing, post_quantum_chain) =
            self.post_quantum.next_to_send(rng).into_parts();
        let header = Header {
            dh: *dh.as_bytes(),
            pn: self.previous_sent,
            n: chain.n,
            selection,
            post_quantum: part,
        }
        .to_bytes();
        let mut body = Vec::with_capacity(plaintext.len().saturating_add(TAG_LEN));
        body.extend_from_slice(plaintext);
        let too_long = EncryptError::PlaintextTooLong {
            len: plaintext.len(),
            max: MAX_PLAINTEXT_LEN,
        };
        // The order leaves no circle: header and associated data give the body's key, the body's
        // tag gives the header's nonce.
        let body_ad = body_ad(ad, &header, caller_ad);
        with_wiped_stack(|| MessageKey::derive(&seed, &post_quantum_key, &body_ad).seal(&mut body))
            .map_err(|_| too_long)?;
        let tag = header::tag_of(&body).ok_or(too_long)?;
        let header = header::seal(&chain.header_key, ad, tag, &header);

        if let Some(step) = step {
            self.root = step.root;
            self.dh = step.dh;
            self.next_sending_header = step.next_header;
            self.sending = Some(step.chain);
            self.steps = self.steps.saturating_add(1);
        }
        if let Some(chain) = &mut self.sending {
            chain.key = next_key;
            chain.n = next_n;
        }
        self.post_quantum.commit_sent(outgoing, post_quantum_chain);
        Ok(Sealed { header, body })
    }

    /// Computes the sending half of `DHRatchetHE`, which makes a new sending chain.
    fn sending_step(&self, rng: &mut impl CryptoRng) -> Result<SendingStep, NonContributory> {
        // Makes a key pair and derives root key, sending chain and next header key from it and the
        // peer's key. In the specification: HKs = NHKs; DHs = GENERATE_DH();
        // RK, CKs, NHKs = KDF_RK_HE(RK, DH(DHs, DHr))
        let dh = DhKeyPair::generate(rng);
        let step = self.root.step(&dh.diffie_hellman(&self.peer_dh)?);
        let header_key = self.next_sending_header.duplicate();
        Ok(SendingStep {
            root: step.root,
            dh,
            next_header: step.next_header,
            chain: SendingChain {
                key: step.chain,
                header_key,
                n: 0,
            },
        })
    }
}

/// Associated data of a body: `session associated data || header || caller's associated data`. The
/// first two have fixed lengths.
pub(crate) fn body_ad(ad: &SessionAd, header: &[u8; HEADER_LEN], caller_ad: &[u8]) -> BodyAd {
    BodyAd::new([ad.as_bytes().as_slice(), header, caller_ad].concat())
}

#[cfg(test)]
pub(crate) mod tests;
