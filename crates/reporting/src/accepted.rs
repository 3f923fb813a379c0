//! Carries a report that the intake accepted to the vault, bound to its id.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::codec::{Reader, put_long};
use crate::labels;
use crate::mac;
use crate::openings::MAX_REPORTED;
use crate::report::{MAX_REPORT_LEN, Report};
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION, VERSION_2};

/// Maximum length of an encoded accepted report, in bytes: the longest report and the fields around
/// it. Longer input is refused before it is parsed.
pub const MAX_ACCEPTED_LEN: usize = 1 + 16 + 8 + 4 + 4 + MAX_REPORT_LEN + 32;

/// The id of an accepted report, under which the queue keeps it. 16 bytes.
///
/// The provider chooses it and never gives it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId([u8; 16]);

impl ReportId {
    /// Draws an id.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A report whose origin and claims the intake verified. Its openings are still sealed.
///
/// [`Examined::accept`](crate::intake::Examined::accept) makes it. It waits in a queue, encoded
/// under the [`AcceptanceKey`], until the [`Vault`](crate::vault::Vault) opens it for the
/// reviewers. The vault needs no stamp keys.
///
/// ```text
/// 02 || id 16 || accepted be64 || repeated be32 (bit i: claim i) || len be32 || report || MAC 32
/// MAC = HMAC-SHA-256(K_acceptance, "waxseal/2/acceptance-mac" || all before it)
/// ```
pub struct AcceptedReport {
    id: ReportId,
    report: Report,
    accepted_at: Timestamp,
    repeated: Vec<bool>,
}

impl AcceptedReport {
    pub(crate) fn new(
        id: ReportId,
        report: Report,
        accepted_at: Timestamp,
        repeated: Vec<bool>,
    ) -> Self {
        Self {
            id,
            report,
            accepted_at,
            repeated,
        }
    }

    /// The id under which it waits.
    pub fn id(&self) -> &ReportId {
        &self.id
    }

    /// The report.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// When the intake accepted it.
    pub fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }

    /// For each claim, whether this reporter reported its message before.
    pub fn repeated(&self) -> &[bool] {
        &self.repeated
    }

    /// The report as bytes for the queue.
    pub fn encode(&self, key: &AcceptanceKey) -> Vec<u8> {
        let report = self.report.encode();
        let mut out = Vec::with_capacity(report.len().saturating_add(1 + 16 + 8 + 4 + 4 + 32));
        out.push(VERSION_2);
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.accepted_at.as_millis().to_be_bytes());
        out.extend_from_slice(&bits(&self.repeated).to_be_bytes());
        put_long(&mut out, &report);
        let mac = mac::hmac(key.0.as_bytes(), &[labels::ACCEPTANCE, &out]);
        out.extend_from_slice(&mac);
        out
    }

    /// Reads the accepted report that waits under this id.
    ///
    /// An accepted report of version 01 names no id. It takes the one under which it was found.
    ///
    /// # Errors
    /// [`AcceptedError`] if the bytes are not an accepted report, if the intake did not accept
    /// them, or if they are another report than `id`.
    pub fn decode(bytes: &[u8], key: &AcceptanceKey, id: &ReportId) -> Result<Self, AcceptedError> {
        let (version, _) = wire::versioned_as(bytes, MAX_ACCEPTED_LEN, &[VERSION, VERSION_2])?;
        let label = if version == VERSION {
            labels::ACCEPTANCE_1
        } else {
            labels::ACCEPTANCE
        };
        let (accepted, mac) = bytes
            .split_last_chunk::<32>()
            .ok_or(AcceptedError::NotAccepted)?;
        // CHK-81: the intake accepted exactly these bytes.
        if !mac::verify(key.0.as_bytes(), &[label, accepted], mac) {
            return Err(AcceptedError::NotAccepted);
        }
        let (named, accepted_at, repeated, report) =
            Self::read(version, accepted).ok_or(DecodeError::Malformed)?;
        // CHK-113: the accepted report is the one that was asked for.
        if named.is_some_and(|named| named != *id) {
            return Err(AcceptedError::OtherReport);
        }
        let report = Report::decode(report)?;
        let repeated = from_bits(repeated, report.claims().len());
        Ok(Self::new(*id, report, accepted_at, repeated))
    }

    /// Reads the report inside an encoded accepted report. Does not check that an intake accepted
    /// it.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes do not have the form of an accepted report.
    pub fn report_of(bytes: &[u8]) -> Result<Report, DecodeError> {
        let (version, _) = wire::versioned_as(bytes, MAX_ACCEPTED_LEN, &[VERSION, VERSION_2])?;
        let accepted = bytes.split_last_chunk::<32>();
        let (accepted, _) = accepted.ok_or(DecodeError::Malformed)?;
        let (_, _, _, report) = Self::read(version, accepted).ok_or(DecodeError::Malformed)?;
        Report::decode(report)
    }

    /// Reads the fields before the MAC: id, time, repeated claims and report.
    fn read(version: u8, bytes: &[u8]) -> Option<(Option<ReportId>, Timestamp, u32, &[u8])> {
        let mut reader = Reader::new(bytes);
        reader.u8()?;
        let id = if version == VERSION {
            None
        } else {
            Some(ReportId(reader.array()?))
        };
        let accepted_at = Timestamp::from_millis(reader.u64()?);
        let (repeated, report) = (reader.u32()?, reader.long()?);
        reader.finish()?;
        Some((id, accepted_at, repeated, report))
    }
}

impl fmt::Debug for AcceptedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedReport")
            .field("accepted_at", &self.accepted_at)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

/// Bit i for claim i.
pub(crate) fn bits(repeated: &[bool]) -> u32 {
    repeated
        .iter()
        .rev()
        .fold(0u32, |bits, bit| (bits << 1) | u32::from(*bit))
}

/// The inverse of [`bits`], for this many claims.
pub(crate) fn from_bits(bits: u32, claims: usize) -> Vec<bool> {
    (0..claims.min(MAX_REPORTED))
        .map(|claim| (bits >> claim) & 1 == 1)
        .collect()
}

/// Why the entry of a queue was not taken as an accepted report. Leave it where it is, and look for
/// who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptedError {
    /// The bytes do not have the form of an accepted report.
    #[error("not an accepted report")]
    Decode(#[from] DecodeError),
    /// The MAC was not made by an intake with this key.
    #[error("the intake did not accept this report")]
    NotAccepted,
    /// The intake accepted it under another id.
    #[error("the intake accepted this report under another id")]
    OtherReport,
}

/// The key that the intake shares with the vault, and with no reviewer. 32 bytes.
///
/// A holder of the key can invent accepted reports, and with the moderation key's public half also
/// what they show. It makes a MAC rather than a signature, so that a leaked queue proves nothing to
/// outsiders.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AcceptanceKey(Secret);

impl AcceptanceKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// The key with these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(&Zeroizing::new(bytes)))
    }

    /// The 32 bytes, for storage.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.0.as_bytes())
    }
}

impl fmt::Debug for AcceptanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptanceKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
