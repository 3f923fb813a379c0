//! The preamble of each ciphertext: which rosters its sender knows.
//!
//! ```text
//! preamble = 01 || sender's own roster 24 || recipient's roster as the sender knows it 24
//! roster   = epoch be32 || version be32 || first half of the roster's hash 16
//! slot     = preamble 49 || message of the session, or refusal
//! associated data = that of the message || "waxseal/1/preamble" || preamble
//! ```
//!
//! Each device thus tells every other one which rosters it goes by, without the relay's help. The
//! preamble is sent in the clear, because the relay knows the rosters. The session authenticates
//! it.

use waxseal_roster::{Roster, RosterVersion};

use crate::labels;

/// Length of a preamble in bytes.
pub(crate) const PREAMBLE_LEN: usize = 1 + 2 * CLAIM_LEN;

const VERSION: u8 = 1;
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

    /// A stored claim. `None` if there is none.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preamble {
    /// The newest roster of the sender's own account.
    pub(crate) sender: Option<RosterClaim>,
    /// The newest roster of the recipient's account that the sender knows.
    pub(crate) recipient: Option<RosterClaim>,
}

impl Preamble {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PREAMBLE_LEN);
        out.push(VERSION);
        RosterClaim::put(self.sender.as_ref(), &mut out);
        RosterClaim::put(self.recipient.as_ref(), &mut out);
        out
    }

    /// Reads the preamble of a ciphertext. Returns it with its bytes, and the rest.
    ///
    /// `None` if there is none, or if it has another version. Nothing is authenticated yet.
    pub(crate) fn split(ciphertext: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        // CHK-310: a whole preamble of this version comes first.
        let (preamble, rest) = ciphertext.split_at_checked(PREAMBLE_LEN)?;
        let (&VERSION, claims) = preamble.split_first()? else {
            return None;
        };
        let (sender, recipient) = claims.split_first_chunk()?;
        let claims = Self {
            sender: RosterClaim::read(sender),
            recipient: RosterClaim::read(recipient.try_into().ok()?),
        };
        Some((claims, preamble, rest))
    }
}

/// The associated data of a ciphertext with a preamble.
pub(crate) fn associated_data(of_message: &[u8], preamble: &[u8]) -> Vec<u8> {
    // CHK-311: the session authenticates the preamble.
    [of_message, labels::PREAMBLE, preamble].concat()
}

#[cfg(test)]
mod tests;
