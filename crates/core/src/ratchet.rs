//! The Triple Ratchet: the Double Ratchet with header encryption, and the post-quantum ratchet in step with it. (Double Ratchet,
//! revision 4, “Double Ratchet with header encryption”, “The Triple Ratchet”)
//!
//! ```text
//!            first send after a receiving step: new key pair, root step, new sending chain
//!          +---------------------------------------------------------------+
//!          v                                                               |
//!   [sending chain] --- message under the next header key: root step ---> [no sending chain]
//!          ^   |                 new receiving chain                          ^    |
//!          +---+ messages of the chains there are                             +----+
//! ```
//!
//! The initiator starts on the left without a receiving chain, the recipient on the right without any chain. The sending half of a
//! step waits for the first send, so that receiving needs no randomness and a key pair is not older than it must be.

use rand_core::CryptoRng;
use thiserror::Error;

use crate::dh::{DhKeyPair, DhPublicKey};
use crate::error::NonContributory;
use crate::header::{self, HEADER_LEN, Header, HeaderAd, SEALED_HEADER_LEN};
use crate::kdf::{ChainKey, HeaderKey, RootKey};
use crate::message::{MAX_ASSOCIATED_DATA_LEN, MAX_PLAINTEXT_LEN};
use crate::message_key::{MessageKey, NONCE_LEN, TAG_LEN};
use crate::post_quantum::PostQuantum;
use crate::pqxdh::{Secret, SessionAd};
use crate::skipped::SkippedKeys;

mod export;
mod open;

pub(crate) use export::{MAX_RATCHET_EXPORT_LEN, MAX_RATCHET_STATE_LEN};
pub use open::MAX_FORWARD_JUMP;
pub(crate) use open::{Located, OpenError, Opened};

/// Why a message was not encrypted. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The plaintext is longer than [`MAX_PLAINTEXT_LEN`]: a mistake of the caller.
    #[error("plaintext of {len} bytes is longer than the {max} allowed")]
    PlaintextTooLong {
        /// Length of the plaintext in bytes.
        len: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// The associated data is longer than [`MAX_ASSOCIATED_DATA_LEN`]: a mistake of the caller.
    #[error("associated data of {len} bytes is longer than the {max} allowed")]
    AssociatedDataTooLong {
        /// Length of the associated data in bytes.
        len: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// All 2^32 - 1 messages of one chain were sent without a reply. Start a new session.
    #[error("the sending chain is exhausted")]
    ChainExhausted,
    /// The peer's ratchet key contributed nothing to the next step. Start a new session.
    #[error("{0}")]
    NonContributory(#[from] NonContributory),
}

/// State of the Double Ratchet; names of its specification in brackets.
pub(crate) struct Ratchet {
    /// \[RK]
    root: RootKey,
    /// Our newest key pair \[DHs]; of the initiator's first chain, then of each sending step.
    dh: DhKeyPair,
    /// The peer's newest key \[DHr].
    peer_dh: DhPublicKey,
    /// Absent between a receiving step and the next send.
    sending: Option<SendingChain>,
    /// Absent until the first message of the peer opens.
    receiving: Option<ReceivingChain>,
    /// \[NHKs]
    next_sending_header: HeaderKey,
    /// \[NHKr]
    next_receiving_header: HeaderKey,
    /// Length of the sending chain before the current one \[PN].
    previous_sent: u32,
    /// \[MKSKIPPED]
    skipped: SkippedKeys,
    /// Messages opened.
    opened: u64,
    /// Root steps taken, sending and receiving.
    steps: u64,
    /// Steps once with each message, as the chains above do.
    post_quantum: PostQuantum,
}

/// \[CKs, HKs, Ns]
struct SendingChain {
    key: ChainKey,
    header_key: HeaderKey,
    n: u32,
}

/// \[CKr, HKr, Nr]
struct ReceivingChain {
    key: ChainKey,
    header_key: HeaderKey,
    n: u32,
    /// The how manieth receiving chain this is, from 1.
    number: u64,
}

/// A sending step that has not been taken yet.
struct SendingStep {
    root: RootKey,
    dh: DhKeyPair,
    next_header: HeaderKey,
    chain: SendingChain,
}

/// A message's ratchet part.
pub(crate) struct Sealed {
    pub(crate) header: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Ratchet {
    /// `RatchetInitAliceHE`: the recipient's signed prekey is its first ratchet key.
    pub(crate) fn new_initiator(
        secret: Secret,
        peer_dh: DhPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, NonContributory> {
        // RK, CKs, NHKs = KDF_RK_HE(SK, DH(DHs, DHr)); HKs and NHKr are the handshake's.
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

    /// `RatchetInitBobHE`. Opens the initiator's first message next; until then there is nothing to send on.
    pub(crate) fn new_recipient(secret: Secret, signed_prekey: DhKeyPair) -> Self {
        Self {
            root: secret.root,
            // Replaced by the first receiving step; nothing is sent before.
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

    /// Root steps taken.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The ratchet beside this one.
    pub(crate) fn post_quantum(&self) -> &PostQuantum {
        &self.post_quantum
    }

    /// Whether a message of the peer has been opened.
    pub(crate) fn has_received(&self) -> bool {
        self.receiving.is_some()
    }

    /// `RatchetEncryptHE`.
    pub(crate) fn seal(
        &mut self,
        ad: &SessionAd,
        selection: u32,
        plaintext: &[u8],
        caller_ad: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, EncryptError> {
        // CHK-15: plaintext and associated data within their limits.
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
        // CHK-16: the number after this message's exists.
        let next_n = chain.n.checked_add(1).ok_or(EncryptError::ChainExhausted)?;

        // CKs, mk = KDF_CK(CKs); header = HEADER(DHs, PN, Ns); enc_header = HENCRYPT(HKs, header)
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
        MessageKey::derive(&seed, &post_quantum_key)
            .seal(&body_ad(ad, &header, caller_ad), &mut body)
            .map_err(|_| too_long)?;
        let nonce = header::nonce_of(&body).ok_or(too_long)?;
        let header =
            header::seal(&chain.header_key, &nonce, &HeaderAd::new(ad), &header).ok_or(too_long)?;

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

    /// The half of `DHRatchetHE` that makes a sending chain.
    fn sending_step(&self, rng: &mut impl CryptoRng) -> Result<SendingStep, NonContributory> {
        // HKs = NHKs; DHs = GENERATE_DH(); RK, CKs, NHKs = KDF_RK_HE(RK, DH(DHs, DHr))
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

/// session associated data || header || caller's associated data: the first two are of fixed length.
pub(crate) fn body_ad(ad: &SessionAd, header: &[u8; HEADER_LEN], caller_ad: &[u8]) -> Vec<u8> {
    [ad.as_bytes().as_slice(), header, caller_ad].concat()
}

/// A received message's ratchet part: encrypted header, and the nonce that its body gives it.
pub(crate) struct SealedHeader<'a> {
    pub(crate) bytes: &'a [u8; SEALED_HEADER_LEN],
    pub(crate) nonce: [u8; NONCE_LEN],
}

#[cfg(test)]
pub(crate) mod tests;
