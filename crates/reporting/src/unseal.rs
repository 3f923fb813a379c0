//! Unseals accepted reports for the reviewers, who hold no key.
//!
//! The moderation key opens reports, and the acceptance key tells which reports the intake
//! accepted. Someone who holds the acceptance key can invent a report, so no reviewer holds either.
//! They stay behind [`Unseal`]: in this process, in another one, or in a hardware security module.

use core::fmt;

use zeroize::Zeroizing;

use crate::accepted::{AcceptanceKey, AcceptedError, AcceptedReport, ReportId, bits, from_bits};
use crate::address::{AccountId, DeviceAddress};
use crate::blobs::{MAX_BLOBS_LEN, ReportedBlob};
use crate::codec::{Reader, put_long, put_medium};
use crate::moderation::{ModerationKeyPair, ModerationPublicKey};
use crate::openings::MAX_PADDED_OPENINGS_LEN;
use crate::rejection::Rejection;
use crate::report::{MAX_CLAIMS_LEN, Subject, decode_blobs, decode_claims};
use crate::stamp::Claim;
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION, VERSION_2, VERSION_3};

/// Maximum length of an encoded unsealed report, in bytes: the longest claims, blobs and openings,
/// and the fields before them. Longer input is refused before it is parsed.
pub const MAX_UNSEALED_LEN: usize =
    1 + 1 + 16 + 8 + 4 + 4 + MAX_CLAIMS_LEN + 2 + MAX_BLOBS_LEN + MAX_PADDED_OPENINGS_LEN;

/// Opens accepted reports. Implemented by whatever holds the keys.
///
/// [`Vault`] holds them in this process. Another implementation asks another process or a hardware
/// security module: it sends the id and the accepted report, and reads the answer with
/// [`UnsealedReport::decode`].
///
/// What holds the keys needs two secrets of 32 bytes each: X-Wing's decapsulation key
/// ([`ModerationKeyPair::export`], without its first byte) and the acceptance key
/// ([`AcceptanceKey::to_bytes`]). It checks an accepted report in this order, and gives out nothing
/// if a step fails. A reviewer passes the bytes on, so nothing in them is trusted before step 1.
///
/// 1. They are at most [`MAX_ACCEPTED_LEN`](crate::limits::MAX_ACCEPTED_LEN) bytes, and their MAC
///    under the acceptance key is right, compared in constant time (check 81).
/// 2. Their id is the one that was asked for (check 113).
/// 3. The report's fingerprint is that of a moderation key, present or old (check 82).
/// 4. The seal opens under this key, with claims and blobs as associated data (check 83).
///
/// Then it writes an [`UnsealedReport`], of at most [`MAX_UNSEALED_LEN`] bytes. Layouts and
/// derivations are in [`spec`](crate::spec).
///
/// # Security
/// Neither secret may leave the holder, and nothing may be opened without step 1. Anyone who has
/// the acceptance key can invent a report, and anyone who has a moderation key can read one.
pub trait Unseal {
    /// Why a report was not opened.
    ///
    /// Keep these causes apart, as [`UnsealError`] does. If step 1 or 2 failed, someone wrote to
    /// the queue, and the reporter is not at fault. If step 3 failed, keep the report until the key
    /// is there. Only if step 4 failed, reject the report. If the holder did not answer, try again.
    type Error: core::error::Error;

    /// The key to which apps seal new reports: the present one. Its encoding has 1,217 bytes.
    ///
    /// It is public, so keep it where it can be read without asking the holder of the keys.
    fn public_key(&self) -> &ModerationPublicKey;

    /// Checks that the intake accepted this report under this id, and opens its seal.
    ///
    /// `accepted` is what [`AcceptedReport::encode`] wrote. The same report can be opened again.
    ///
    /// # Errors
    /// The implementation's error. A report that was not opened has shown nothing.
    fn open(&self, id: &ReportId, accepted: &[u8]) -> Result<UnsealedReport, Self::Error>;
}

/// The moderation keys and the acceptance key, in this process.
///
/// Reports are sealed to the present key. Keys of before stay until no report that was sealed to
/// them can still arrive or wait.
///
/// ```
/// # use waxseal_reporting::{intake::AcceptanceKey, vault::{ModerationKeyPair, Unseal, Vault}};
/// # let mut rng = rand::rng();
/// # let present = ModerationKeyPair::generate(&mut rng);
/// # let before = ModerationKeyPair::generate(&mut rng);
/// # let acceptance_key = AcceptanceKey::generate(&mut rng);
/// let vault = Vault::new(present, acceptance_key).with_old_key(before);
/// let for_apps = vault.public_key().encode();
/// # assert_eq!(for_apps.len(), 1_217);
/// ```
pub struct Vault {
    present: ModerationKeyPair,
    old: Vec<ModerationKeyPair>,
    acceptance_key: AcceptanceKey,
    old_acceptance_key: Option<AcceptanceKey>,
}

impl Vault {
    /// A vault with one moderation key.
    pub fn new(present: ModerationKeyPair, acceptance_key: AcceptanceKey) -> Self {
        Self {
            present,
            old: Vec::new(),
            acceptance_key,
            old_acceptance_key: None,
        }
    }

    /// Adds a moderation key of before, which opens the reports that were sealed to it.
    #[must_use]
    pub fn with_old_key(mut self, key: ModerationKeyPair) -> Self {
        self.old.push(key);
        self
    }

    /// Adds the acceptance key of before version 02, which reviewers held. The vault then opens
    /// accepted reports of version 01 with this key alone, and no others with it.
    ///
    /// # Security
    /// Anyone who held that key can invent an accepted report of version 01. Leave it out once the
    /// reports of version 01 were reviewed.
    #[must_use]
    pub fn with_old_acceptance_key(mut self, key: AcceptanceKey) -> Self {
        self.old_acceptance_key = Some(key);
        self
    }
}

impl Unseal for Vault {
    type Error = UnsealError;

    fn public_key(&self) -> &ModerationPublicKey {
        self.present.public_key()
    }

    fn open(&self, id: &ReportId, accepted: &[u8]) -> Result<UnsealedReport, UnsealError> {
        let acceptance_key = match &self.old_acceptance_key {
            Some(old) if accepted.first() == Some(&VERSION) => old,
            _ => &self.acceptance_key,
        };
        let accepted = AcceptedReport::decode(accepted, acceptance_key, id)?;
        let report = accepted.report();
        // CHK-82: the report is sealed to a moderation key of this vault.
        let mut keys = core::iter::once(&self.present).chain(&self.old);
        let key = keys
            .find(|key| key.public_key().id() == report.moderation_key())
            .ok_or(Rejection::OtherModerationKey)?;
        // CHK-83: the openings were sealed under exactly these claims and blobs, under this
        // version.
        let openings = key
            .open(
                report.seal_label(),
                report.encapsulated_key(),
                report.sealed_openings(),
                &report.seal_associated_data(),
            )
            .ok_or(Rejection::SealBroken)?;
        Ok(UnsealedReport {
            version: report.version(),
            id: *accepted.id(),
            accepted_at: accepted.accepted_at(),
            repeated: accepted.repeated().to_vec(),
            reporter: report.reporter().clone(),
            subject: report.subject().clone(),
            section: report.claims_section().to_vec(),
            blobs: report.blobs().to_vec(),
            blobs_section: report.blobs_section().to_vec(),
            openings,
        })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// Why the vault did not open a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The entry of the queue is not the accepted report with this id.
    #[error(transparent)]
    Accepted(#[from] AcceptedError),
    /// The vault holds no key for the report, or its seal is broken.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// An accepted report without its seal, on its way from the vault to a reviewer.
///
/// [`Unseal::open`] makes it, and [`review`](crate::reviewer::review) turns it into a
/// [`VerifiedReport`](crate::reviewer::VerifiedReport). What it shows is not verified yet: the
/// reviewer's side does that itself.
///
/// [`encode`](Self::encode) makes a form for a way between processes:
///
/// ```text
/// 02 || version of the report u8 || id 16 || accepted be64 || repeated be32
///   || len be32 || claims || [len be16 || blobs] || openings, padded
/// ```
///
/// Blobs are there if the version of the report is 3.
///
/// # Security
/// It holds the reported content in clear, and no MAC. Send it over a channel that is encrypted and
/// authenticated: someone who can write to it can invent a report.
pub struct UnsealedReport {
    version: u8,
    id: ReportId,
    accepted_at: Timestamp,
    repeated: Vec<bool>,
    reporter: DeviceAddress,
    subject: Subject,
    /// The exact bytes of reporter and claims.
    section: Vec<u8>,
    blobs: Vec<ReportedBlob>,
    /// The exact bytes of the blobs. Empty if the report names none.
    blobs_section: Vec<u8>,
    openings: Zeroizing<Vec<u8>>,
}

impl UnsealedReport {
    /// The version under which the report was sealed: 2, or 3 if it names blobs, or 1 if an older
    /// release sealed it.
    pub fn report_version(&self) -> u8 {
        self.version
    }

    /// The id under which the intake accepted the report.
    pub fn id(&self) -> &ReportId {
        &self.id
    }

    /// When the intake accepted it.
    pub fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }

    /// For each claim, whether this reporter reported its message before.
    pub fn repeated(&self) -> &[bool] {
        &self.repeated
    }

    /// The reporting device.
    pub fn reporter(&self) -> &DeviceAddress {
        &self.reporter
    }

    /// The claims, whose stamps the intake verified. Empty if the report is about an account.
    pub fn claims(&self) -> &[Claim] {
        self.subject.claims()
    }

    /// The account that the report is about, if it shows no messages.
    pub fn about_account(&self) -> Option<&AccountId> {
        self.subject.account()
    }

    /// The blobs that the report names, not verified yet.
    pub fn blobs(&self) -> &[ReportedBlob] {
        &self.blobs
    }

    /// The padded openings.
    pub(crate) fn openings(&self) -> &[u8] {
        &self.openings
    }

    /// The unsealed report as bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let lens = [
            self.section.len(),
            self.blobs_section.len(),
            self.openings.len(),
            64,
        ];
        let len = lens.into_iter().fold(0, usize::saturating_add);
        let mut out = Zeroizing::new(Vec::with_capacity(len));
        out.extend_from_slice(&[VERSION_2, self.version]);
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.accepted_at.as_millis().to_be_bytes());
        out.extend_from_slice(&bits(&self.repeated).to_be_bytes());
        put_long(&mut out, &self.section);
        if self.version == VERSION_3 {
            put_medium(&mut out, &self.blobs_section);
        }
        out.extend_from_slice(&self.openings);
        out
    }

    /// Reads an unsealed report.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an unsealed report.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (_, body) = wire::versioned_as(bytes, MAX_UNSEALED_LEN, &[VERSION_2])?;
        Self::read(body).ok_or(DecodeError::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let version = reader.u8()?;
        let id = ReportId::from_bytes(reader.array()?);
        let accepted_at = Timestamp::from_millis(reader.u64()?);
        let repeated = reader.u32()?;
        let section = reader.long()?;
        let (reporter, subject) = decode_claims(version, section)?;
        let blobs_section = if version == VERSION_3 {
            reader.medium()?
        } else {
            &[]
        };
        let blobs = decode_blobs(version, blobs_section, &subject)?;
        let openings = reader.rest();
        let repeated_bits = from_bits(repeated, subject.claims().len());
        // CHK-116: an unsealed report is complete: a known version of the report, claims or an
        // account, the blobs of version 3, openings within their limit, and no bit for a claim that
        // is not there.
        if ![VERSION, VERSION_2, VERSION_3].contains(&version)
            || openings.len() > MAX_PADDED_OPENINGS_LEN
            || bits(&repeated_bits) != repeated
        {
            return None;
        }
        Some(Self {
            version,
            id,
            accepted_at,
            repeated: repeated_bits,
            reporter,
            subject,
            section: section.to_vec(),
            blobs,
            blobs_section: blobs_section.to_vec(),
            openings: Zeroizing::new(openings.to_vec()),
        })
    }
}

impl fmt::Debug for UnsealedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsealedReport")
            .field("id", &self.id)
            .field("claims", &self.claims().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
