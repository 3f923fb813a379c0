//! The receiving side of the ratchet: find the chain whose header key fits, derive on the side, authenticate the body, and only
//! then change state.

use zeroize::Zeroizing;

use super::{Ratchet, ReceivingChain, SealedHeader, body_ad};
use crate::dh::DhPublicKey;
use crate::error::{KeyError, NonContributory};
use crate::header::{self, Header, HeaderAd};
use crate::kdf::{ChainKey, MessageSeed};
use crate::message_key::MessageKey;
use crate::post_quantum::{Misplaced, PqMessageKey};
use crate::pqxdh::SessionAd;
use crate::skipped::{EarlierChain, Missing};

/// Most messages that one message may skip in its chain, and most that it may declare missing at the end of the chain before.
///
/// Bounds the work that one message can cause, a few milliseconds for each. Headers are encrypted, so that only a peer makes one that causes
/// any; others can at most alter the body of one they held back, and deliver that. (Double Ratchet, “External functions”: `MAX_SKIP`)
pub const MAX_FORWARD_JUMP: u32 = 2_000;

/// A message whose header has been authenticated: which chain it belongs to, and what the header says.
pub(crate) struct Located {
    pub(super) header: Header,
    pub(super) matched: HeaderMatch,
}

pub(super) enum HeaderMatch {
    /// The receiving chain.
    Current,
    /// A new chain.
    Next,
    /// An earlier chain that lacks messages.
    Earlier(u64),
}

/// An opened message.
pub(crate) struct Opened {
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
    pub(crate) selection: u32,
}

/// Why an authenticated header's message was not opened.
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

/// A chain that was advanced on the side.
struct ChainAhead {
    /// So far with their seeds.
    skipped: Missing,
    key: ChainKey,
    n: u32,
}

/// Derives the seeds of all messages from the chain's next one up to `until`, without it.
fn advance(
    key: &ChainKey,
    n: u32,
    until: u32,
    opened: u64,
) -> Result<Option<ChainAhead>, OpenError> {
    let Some(ahead) = until.checked_sub(n) else {
        return Ok(None);
    };
    // CHK-22: nothing is derived for a message too far ahead.
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
    /// `TrySkippedMessageKeysHE` and the two header trials of `RatchetDecryptHE`: which chain the header opens under, if any.
    pub(crate) fn locate(&self, ad: &SessionAd, sealed: &SealedHeader<'_>) -> Option<Located> {
        let ad = HeaderAd::new(ad);
        let try_key = |key| header::open(key, &sealed.nonce, &ad, sealed.bytes);
        // CHK-19: a peer starts its next chain in answer to ours; while ours has not begun there is none. Once it has, an answer is
        // the likeliest to come.
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

    /// Opens the body of a located message. After a failure the state is what it was.
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
            // CHK-20: nothing opens on a chain that does not exist; only `Next` makes one.
            (HeaderMatch::Current, None) => return Err(OpenError::Unauthenticated),
            (HeaderMatch::Next, _) => self.open_next(&header, body, &body_ad)?,
        };
        // Authentic from here on.
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
        ad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        // CHK-21: a seed is used once; without one the message was received before, or given up.
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
        ad: &[u8],
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
        ad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        // SkipMessageKeysHE(pn)
        let closed = match &self.receiving {
            Some(chain) => advance(&chain.key, chain.n, header.pn, self.opened)?,
            None => None,
        };
        let mut closed = closed.map(|advanced| advanced.skipped).unwrap_or_default();
        // CHK-23: the new ratchet key is one that can contribute.
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
        // Missing messages in the order in which they were sent: of the chain before, then of this one.
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
    ad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut body = Zeroizing::new(body);
    // CHK-24: the body, its header, the session and the caller's associated data belong together.
    MessageKey::derive(seed, post_quantum)
        .open(ad, &mut body)
        .map_err(|_| OpenError::Unauthenticated)?;
    Ok(body)
}
