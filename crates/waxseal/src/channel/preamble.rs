//! The preamble of each ciphertext: which rosters its sender knows.
//!
//! ```text
//! preamble = 01 || claims
//!          | 02 || claims || len be16 || the sender's own signed roster
//! claims   = sender's own roster 24 || recipient's roster as the sender knows it 24
//! roster   = epoch be32 || version be32 || first half of the roster's hash 16
//! slot     = preamble || message of the session, or refusal
//! associated data = that of the message || "waxseal/1/preamble" || 01 || claims
//!                 | that of the message || "waxseal/1/preamble" || 02 || claims
//!                       || SHA-256(len || roster)
//! ```
//!
//! Each device thus tells every other one which rosters it goes by, without the relay's help. The
//! preamble is sent in the clear, because the relay knows the rosters. The session authenticates
//! it.
//!
//! Any device but a manager can be removed. Such a device adds its signed roster to the messages
//! that begin a session. A recipient that gets them after the removal can still tell which device
//! sent them.

use sha2::{Digest, Sha256};
use waxseal_roster::limits::MAX_SIGNED_ROSTER_LEN;
use waxseal_roster::{Roster, RosterVersion};

use crate::labels;

/// Length of a preamble without a roster in bytes.
pub(crate) const PREAMBLE_LEN: usize = 1 + 2 * CLAIM_LEN;

const VERSION: u8 = 1;
const WITH_ROSTER: u8 = 2;
const CLAIM_LEN: usize = 4 + 4 + 16;

/// Which roster of an account a device goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RosterClaim {
    pub(crate) stamp: RosterVersion,
    pub(crate) hash: [u8; 16],
}

impl RosterClaim {
    pub(crate) fn of(roster: &Roster) -> Self {
        Self {
            stamp: roster.stamp(),
            hash: roster.short_hash(),
        }
    }

    /// The claim as it is stored.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(CLAIM_LEN);
        Self::put(Some(&self), &mut out);
        out
    }

    /// Reads a stored claim. Returns `None` if the bytes hold no claim.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes.try_into().ok()?)
    }

    fn put(claim: Option<&Self>, out: &mut Vec<u8>) {
        let Some(claim) = claim else {
            out.extend_from_slice(&[0; CLAIM_LEN]);
            return;
        };
        out.extend_from_slice(&claim.stamp.epoch.to_be_bytes());
        out.extend_from_slice(&claim.stamp.version.to_be_bytes());
        out.extend_from_slice(&claim.hash);
    }

    /// `None` if the bytes are zeros: the roster is not known.
    fn read(bytes: &[u8; CLAIM_LEN]) -> Option<Self> {
        let (epoch, rest) = bytes.split_first_chunk()?;
        let (version, hash) = rest.split_first_chunk()?;
        let stamp = RosterVersion {
            epoch: u32::from_be_bytes(*epoch),
            version: u32::from_be_bytes(*version),
        };
        let hash = hash.try_into().ok()?;
        (*bytes != [0; CLAIM_LEN]).then_some(Self { stamp, hash })
    }
}

/// Which rosters the sender of a ciphertext knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    /// The newest roster of the sender's own account.
    pub(crate) sender: Option<RosterClaim>,
    /// The newest roster of the recipient's account that the sender knows.
    pub(crate) recipient: Option<RosterClaim>,
    /// The signed roster of the sender's own account.
    pub(crate) roster: Option<Vec<u8>>,
}

impl Preamble {
    /// The roster that the device with this identity carries. `None` for a manager.
    pub(crate) fn carried(roster: &Roster, identity: &[u8; 64]) -> Option<Vec<u8>> {
        let signed = (!roster.is_manager(identity)).then(|| roster.signed().encode());
        signed.filter(|signed| signed.len() <= MAX_SIGNED_ROSTER_LEN)
    }

    /// `is_first` says whether the message is one of those that begin a session.
    pub(crate) fn encode(&self, is_first: bool) -> Vec<u8> {
        let roster = self.roster.as_deref().filter(|_| is_first);
        let roster = roster.and_then(|roster| Some((u16::try_from(roster.len()).ok()?, roster)));
        let mut out = Vec::with_capacity(PREAMBLE_LEN);
        out.push(if roster.is_some() {
            WITH_ROSTER
        } else {
            VERSION
        });
        RosterClaim::put(self.sender.as_ref(), &mut out);
        RosterClaim::put(self.recipient.as_ref(), &mut out);
        if let Some((len, roster)) = roster {
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(roster);
        }
        out
    }

    /// Reads the preamble of a ciphertext. Returns it with its bytes, and the rest.
    ///
    /// `None` if there is none, or if it has another version. Nothing is authenticated yet.
    pub(crate) fn split(ciphertext: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        // CHK-310: a whole preamble of a known version comes first.
        let (preamble, rest) = ciphertext.split_at_checked(PREAMBLE_LEN)?;
        let (version, claims) = preamble.split_first()?;
        let (sender, recipient) = claims.split_first_chunk()?;
        let roster = match *version {
            VERSION => None,
            WITH_ROSTER => {
                let (len, rest) = rest.split_first_chunk()?;
                let len = usize::from(u16::from_be_bytes(*len));
                let is_fit = (1..=MAX_SIGNED_ROSTER_LEN).contains(&len);
                Some(rest.get(..len).filter(|_| is_fit)?)
            }
            _ => return None,
        };
        let len = roster.map_or(0, |roster| roster.len().saturating_add(2));
        let (preamble, rest) = ciphertext.split_at_checked(PREAMBLE_LEN.saturating_add(len))?;
        let claims = Self {
            sender: RosterClaim::read(sender),
            recipient: RosterClaim::read(recipient.try_into().ok()?),
            roster: roster.map(<[u8]>::to_vec),
        };
        Some((claims, preamble, rest))
    }
}

/// The associated data of a ciphertext with a preamble.
pub(crate) fn associated_data(of_message: &[u8], preamble: &[u8]) -> Vec<u8> {
    // CHK-311: the session authenticates the preamble.
    let (claims, roster) = preamble
        .split_at_checked(PREAMBLE_LEN)
        .unwrap_or((preamble, &[]));
    let digest = (!roster.is_empty()).then(|| Sha256::digest(roster));
    let digest = digest.as_deref().unwrap_or_default();
    [of_message, labels::PREAMBLE, claims, digest].concat()
}

#[cfg(test)]
mod tests;
