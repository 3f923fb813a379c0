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
use crate::secret::with_wiped_stack;
use crate::skipped::{EarlierChain, Missing};

/// Maximum number of messages that may be missing before one message: in its chain, and at the end
/// of the chain before it, together. A message after a longer gap is refused, and so are all that
/// follow it.
///
/// Bounds the work that one message can cause: two chain steps per missing message, measured at 20
/// milliseconds for all on a server core with SHA instructions. Headers are encrypted, so only the
/// peer can make a header that skips messages. Anyone else can at most hold back such a message,
/// alter its body and deliver it. The limit is below 65,535, so that a post-quantum counter tells
/// exactly where in a gap its epoch began.
pub const MAX_GAP: u32 = 50_000;

/// Maximum number of keys that one message makes us keep per chain: those of the last messages that
/// are missing. The messages before them are given up. They are lost if they arrive later.
///
/// Bounds the memory that one message can claim.
/// (Double Ratchet, “External functions”: `MAX_SKIP`)
pub const MAX_SKIPPED_AT_ONCE: u32 = 2_000;

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
}

/// Checks how many messages are missing before a message.
fn check_gap(missing: u32) -> Result<(), OpenError> {
    // CHK-22: a message after too long a gap is refused before any key is derived.
    if missing > MAX_GAP {
        return Err(OpenError::JumpTooFar { ahead: missing });
    }
    Ok(())
}

/// Advances a copy of a chain from message `n` over `missing` messages, and derives the seeds of
/// the last of them.
fn advance(key: &ChainKey, n: u32, missing: u32, opened: u64) -> ChainAhead {
    let given_up = missing.saturating_sub(MAX_SKIPPED_AT_ONCE);
    let kept = n.saturating_add(given_up)..n.saturating_add(missing);
    let mut key = ChainKey::from_bytes(key.as_bytes());
    let mut skipped = Missing::new(given_up, kept, opened);
    for seed in skipped.seeds() {
        key.advance(seed);
    }
    ChainAhead { skipped, key }
}

impl Ratchet {
    /// Finds the chain whose header key opens the header, if there is one. Does the work of
    /// `TrySkippedMessageKeysHE` and of the two header trials in `RatchetDecryptHE`.
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
        let gap = header
            .n
            .checked_sub(chain.n)
            .ok_or(OpenError::AlreadyReceived)?;
        check_gap(gap)?;
        let next_n = number_after(header)?;
        // Steps over the missing messages before this one, then derives its seed. In the
        // specification: SkipMessageKeysHE(n); CKr, mk = KDF_CK(CKr)
        let mut advanced = advance(&chain.key, chain.n, gap, self.opened);
        let (seed, next_key) = advanced.key.step();
        let missing = advanced.skipped.post_quantum();
        let ahead = self
            .post_quantum
            .next_to_receive(&header.post_quantum, gap, missing)?;
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
        // A `pn` below the number of messages that have come says that none is missing.
        let ended = self.receiving.as_ref();
        let ended_gap = ended.map_or(0, |chain| header.pn.saturating_sub(chain.n));
        let gap = ended_gap.saturating_add(header.n);
        check_gap(gap)?;
        let next_n = number_after(header)?;
        // CHK-23: the new ratchet key can contribute to the key agreement.
        let peer_dh = DhPublicKey::from_bytes(&header.dh).map_err(OpenError::InvalidRatchetKey)?;
        // Takes a root step with the peer's new key, which gives the new receiving chain. In the
        // specification, the receiving half of DHRatchetHE:
        // RK, CKr, NHKr = KDF_RK_HE(RK, DH(DHs, DHr))
        let step = self.root.step(&self.dh.diffie_hellman(&peer_dh)?);
        // Derives the seeds of all messages still missing from the chain that ends here. In the
        // specification: SkipMessageKeysHE(pn)
        let closed = ended.map(|chain| advance(&chain.key, chain.n, ended_gap, self.opened));
        let mut closed = closed.map(|advanced| advanced.skipped).unwrap_or_default();
        // Steps over the messages missing before this one in its chain, then derives its seed. In
        // the specification: SkipMessageKeysHE(n); CKr, mk = KDF_CK(CKr)
        let mut advanced = advance(&step.chain, 0, header.n, self.opened);
        let (seed, next_key) = advanced.key.step();
        // Missing messages in the order in which they were sent: first those of the previous chain,
        // then those of this chain.
        let missing = closed.post_quantum().chain(advanced.skipped.post_quantum());
        let ahead = self
            .post_quantum
            .next_to_receive(&header.post_quantum, gap, missing)?;
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

/// The number of the message after this one in its chain.
fn number_after(header: &Header) -> Result<u32, OpenError> {
    let ahead = u32::MAX;
    header
        .n
        .checked_add(1)
        .ok_or(OpenError::JumpTooFar { ahead })
}

fn open_body(
    seed: &MessageSeed,
    post_quantum: &PqMessageKey,
    body: Vec<u8>,
    ad: &BodyAd,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut body = Zeroizing::new(body);
    // CHK-24: the body authenticates with its header, the session and the caller's associated data.
    let opened = with_wiped_stack(|| MessageKey::derive(seed, post_quantum, ad).open(&mut body));
    opened.map_err(|_| OpenError::Unauthenticated)?;
    Ok(body)
}
