//! The receiving side of the ratchet.
//!
//! Opening a message takes four steps. Find the chain whose header key opens the header. Derive the
//! message's keys on a copy of the chain. Authenticate the body. Only then change the state.

use zeroize::Zeroizing;

use super::{Ratchet, ReceivingChain, body_ad};
use crate::dh::DhPublicKey;
use crate::error::{KeyError, NonContributory};
use crate::header::{Header, SealedHeader};
use crate::kdf::{ChainKey, MessageSeed};
use crate::message_key::{BodyAd, MessageKey};
use crate::post_quantum::{Misplaced, PqMessageKey};
use crate::pqxdh::SessionAd;
use crate::skipped::{EarlierChain, Missing};

/// Maximum number of messages that one message may skip in its chain. The same limit holds for the
/// messages that it may declare missing at the end of the chain before.
///
/// Bounds the work that one message can cause to a few milliseconds. Headers are encrypted, so only
/// the peer can make a header that skips messages. Anyone else can at most hold back such a
/// message, alter its body and deliver it. (Double Ratchet, “External functions”: `MAX_SKIP`)
pub const MAX_FORWARD_JUMP: u32 = 2_000;

/// The decrypted header of a message, and the chain whose header key opened it.
pub(crate) struct Located {
    pub(super) header: Header,
    pub(super) matched: HeaderMatch,
}

/// Which header key opened a header.
pub(super) enum HeaderMatch {
    /// The key of the receiving chain.
    Current,
    /// The key that the peer's next chain will have: the message starts that chain.
    Next,
    /// The key of an earlier chain that still lacks messages, with the ordinal of that chain.
    Earlier(u64),
}

/// An opened message: its plaintext, and the selection from its header.
pub(crate) struct Opened {
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
    pub(crate) selection: u32,
}

/// Why a message was not opened although its header was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    Unauthenticated,
    AlreadyReceived,
    JumpTooFar { ahead: u32 },
    InvalidRatchetKey(KeyError),
    NonContributory,
    Misplaced,
}

impl From<Misplaced> for OpenError {
    fn from(_: Misplaced) -> Self {
        Self::Misplaced
    }
}

impl From<NonContributory> for OpenError {
    fn from(_: NonContributory) -> Self {
        Self::NonContributory
    }
}

/// A copy of a chain, advanced to one message. The state keeps the original until the body is
/// authentic.
struct ChainAhead {
    /// Keys of the messages passed over. The seeds are filled in, the post-quantum keys not yet.
    skipped: Missing,
    key: ChainKey,
    n: u32,
}

/// Advances a copy of a chain from message `n` to message `until`, and derives the seeds of the
/// messages in between, `until` excluded. Returns `None` if the chain is already past `until`.
fn advance(
    key: &ChainKey,
    n: u32,
    until: u32,
    opened: u64,
) -> Result<Option<ChainAhead>, OpenError> {
    let Some(ahead) = until.checked_sub(n) else {
        return Ok(None);
    };
    // CHK-22: a message too far ahead is refused before anything is derived.
    if ahead > MAX_FORWARD_JUMP {
        return Err(OpenError::JumpTooFar { ahead });
    }
    let mut key = ChainKey::from_bytes(key.as_bytes());
    let mut skipped = Missing::new(n..until, opened);
    for seed in skipped.seeds() {
        key.advance(seed);
    }
    Ok(Some(ChainAhead {
        skipped,
        key,
        n: until,
    }))
}

impl Ratchet {
    /// Finds the chain whose header key opens the header, if there is one.
    /// `TrySkippedMessageKeysHE` and the two header trials of `RatchetDecryptHE`.
    pub(crate) fn locate(&self, sealed: &SealedHeader<'_>) -> Option<Located> {
        let try_key = |key| sealed.open(key);
        // CHK-19: the peer starts its next chain only in answer to ours. The next header key is
        // therefore not tried before our chain has begun. Once it has, an answer is the likeliest
        // message to arrive, so this key is tried first.
        if (self.sending.is_some() || self.receiving.is_none())
            && let Some(header) = try_key(&self.next_receiving_header)
        {
            return Some(Located {
                header,
                matched: HeaderMatch::Next,
            });
        }
        if let Some(chain) = &self.receiving
            && let Some(header) = try_key(&chain.header_key)
        {
            return Some(Located {
                header,
                matched: HeaderMatch::Current,
            });
        }
        self.skipped.chains().find_map(|chain| {
            let header = try_key(&chain.header_key)?;
            Some(Located {
                header,
                matched: HeaderMatch::Earlier(chain.number),
            })
        })
    }

    /// Opens the body of a located message. A failure leaves the state unchanged.
    pub(crate) fn open(
        &mut self,
        ad: &SessionAd,
        located: Located,
        body: Vec<u8>,
        caller_ad: &[u8],
    ) -> Result<Opened, OpenError> {
        let Located { header, matched } = located;
        let body_ad = body_ad(ad, &header.to_bytes(), caller_ad);
        let plaintext = match (matched, &self.receiving) {
            (HeaderMatch::Earlier(chain), _) => {
                self.open_skipped(chain, header.n, body, &body_ad)?
            }
            (HeaderMatch::Current, Some(chain)) if header.n < chain.n => {
                let number = chain.number;
                self.open_skipped(number, header.n, body, &body_ad)?
            }
            (HeaderMatch::Current, Some(_)) => self.open_current(&header, body, &body_ad)?,
            // CHK-20: without a receiving chain, no message opens on that chain. Only `Next` begins
            // one.
            (HeaderMatch::Current, None) => return Err(OpenError::Unauthenticated),
            (HeaderMatch::Next, _) => self.open_next(&header, body, &body_ad)?,
        };
        // The message is authentic from here on.
        self.post_quantum.take_in(&header.post_quantum);
        self.opened = self.opened.saturating_add(1);
        self.skipped.prune(self.opened);
        Ok(Opened {
            plaintext,
            selection: header.selection,
        })
    }

    fn open_skipped(
        &mut self,
        chain: u64,
        n: u32,
        body: Vec<u8>,
        ad: &BodyAd,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        // CHK-21: each key is used once. If it is gone, the message was received before or given
        // up.
        let keys = self
            .skipped
            .get(chain, n)
            .ok_or(OpenError::AlreadyReceived)?;
        let plaintext = open_body(&keys.seed, &keys.post_quantum, body, ad)?;
        self.skipped.remove(chain, n);
        Ok(plaintext)
    }

    fn open_current(
        &mut self,
        header: &Header,
        body: Vec<u8>,
        ad: &BodyAd,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let Some(chain) = &mut self.receiving else {
            return Err(OpenError::Unauthenticated);
        };
        // SkipMessageKeysHE(n); CKr, mk = KDF_CK(CKr)
        let mut advanced = advance(&chain.key, chain.n, header.n, self.opened)?
            .ok_or(OpenError::AlreadyReceived)?;
        let next_n = advanced
            .n
            .checked_add(1)
            .ok_or(OpenError::JumpTooFar { ahead: u32::MAX })?;
        let (seed, next_key) = advanced.key.step();
        let mut missing: Vec<_> = advanced.skipped.post_quantum().collect();
        let ahead = self
            .post_quantum
            .next_to_receive(&header.post_quantum, &mut missing)?;
        let plaintext = open_body(&seed, &ahead.key, body, ad)?;

        self.skipped.store(chain.number, advanced.skipped);
        chain.key = next_key;
        chain.n = next_n;
        self.post_quantum.commit_received(ahead.chain);
        Ok(plaintext)
    }

    fn open_next(
        &mut self,
        header: &Header,
        body: Vec<u8>,
        ad: &BodyAd,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        // SkipMessageKeysHE(pn)
        let closed = match &self.receiving {
            Some(chain) => advance(&chain.key, chain.n, header.pn, self.opened)?,
            None => None,
        };
        let mut closed = closed.map(|advanced| advanced.skipped).unwrap_or_default();
        // CHK-23: the new ratchet key can contribute to the key agreement.
        let peer_dh = DhPublicKey::from_bytes(&header.dh).map_err(OpenError::InvalidRatchetKey)?;
        // DHRatchetHE, receiving half: RK, CKr, NHKr = KDF_RK_HE(RK, DH(DHs, DHr))
        let step = self.root.step(&self.dh.diffie_hellman(&peer_dh)?);
        // SkipMessageKeysHE(n); CKr, mk = KDF_CK(CKr)
        let mut advanced =
            advance(&step.chain, 0, header.n, self.opened)?.ok_or(OpenError::AlreadyReceived)?;
        let next_n = advanced
            .n
            .checked_add(1)
            .ok_or(OpenError::JumpTooFar { ahead: u32::MAX })?;
        let (seed, next_key) = advanced.key.step();
        // Missing messages in the order in which they were sent: first those of the previous chain,
        // then those of this chain.
        let mut missing: Vec<_> = closed
            .post_quantum()
            .chain(advanced.skipped.post_quantum())
            .collect();
        let ahead = self
            .post_quantum
            .next_to_receive(&header.post_quantum, &mut missing)?;
        let plaintext = open_body(&seed, &ahead.key, body, ad)?;

        let header_key = core::mem::replace(&mut self.next_receiving_header, step.next_header);
        let number = self
            .receiving
            .as_ref()
            .map_or(1, |chain| chain.number.saturating_add(1));
        let chain = ReceivingChain {
            key: next_key,
            header_key,
            n: next_n,
            number,
        };
        if let Some(ended) = self.receiving.replace(chain) {
            self.skipped.store(ended.number, closed);
            self.skipped.close(EarlierChain {
                number: ended.number,
                header_key: ended.header_key,
            });
        }
        self.skipped.store(number, advanced.skipped);
        self.post_quantum.commit_received(ahead.chain);
        self.root = step.root;
        self.peer_dh = peer_dh;
        if let Some(chain) = self.sending.take() {
            self.previous_sent = chain.n;
        }
        self.steps = self.steps.saturating_add(1);
        Ok(plaintext)
    }
}

fn open_body(
    seed: &MessageSeed,
    post_quantum: &PqMessageKey,
    body: Vec<u8>,
    ad: &BodyAd,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut body = Zeroizing::new(body);
    // CHK-24: the body authenticates with its header, the session and the caller's associated data.
    MessageKey::derive(seed, post_quantum, ad)
        .open(&mut body)
        .map_err(|_| OpenError::Unauthenticated)?;
    Ok(body)
}
