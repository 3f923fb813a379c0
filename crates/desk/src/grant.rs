//! A grant: the permission of officers to open chosen messages, for one purpose and for some time.

use core::fmt;

use waxseal_log::entry::{PolicyDigest, Purpose};
use waxseal_reporting::Timestamp;
use waxseal_reporting::limits::MAX_REPORTED;

use crate::codec::{Reader, count16, put_long, put_medium};
use crate::format::{self, DecodeError, VERSION};
use crate::ids::{AcceptedDigest, CaseId, GrantDigest, GrantId, OfficerId, VaultId};
use crate::officer::{Act, ActKind, OfficerKey};
use crate::policy::{MAX_OPENINGS, MAX_ORIGIN_LEN, read_origin};
use crate::{hash, labels};

mod check;

pub use check::GrantError;

/// Maximum number of reports that one grant names.
pub const MAX_GRANTED_REPORTS: usize = 64;
/// Maximum length of an encoded grant, in bytes: the sum of its fields.
pub const MAX_GRANT_LEN: usize = 1
    + 16
    + 2
    + MAX_ORIGIN_LEN
    + 32
    + 16
    + 1
    + 32
    + 32
    + 33
    + 8
    + 8
    + 2
    + 2
    + MAX_GRANTED_REPORTS * 36;
/// Maximum length of a signed grant, in bytes: the grant, its length and two signatures.
pub const MAX_SIGNED_GRANT_LEN: usize = 4 + MAX_GRANT_LEN + 2 * 64;
/// How far the time of a request may be ahead of the vault's clock: five minutes.
pub const MAX_REQUESTED_AHEAD_MS: u64 = 300_000;

impl AcceptedDigest {
    /// The digest of an encoded accepted report:
    /// `SHA-256("waxseal/desk/1/accepted" || accepted report)`.
    pub fn of(accepted: &[u8]) -> Self {
        Self::from_bytes(hash::digest(labels::ACCEPTED, &[accepted]))
    }
}

/// One report that a grant opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedReport {
    /// The encoded accepted report, by its digest.
    pub digest: AcceptedDigest,
    /// Bit i: show the message of claim i. At least one bit, or none for a report about an account.
    pub messages: u32,
}

/// What a [`Grant`] is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTerms {
    /// A random id.
    pub id: GrantId,
    /// Origin of the log in which the openings are entered.
    pub origin: String,
    /// The vault that may open.
    pub vault: VaultId,
    /// The case to which the reports belong.
    pub case: CaseId,
    /// What the content is opened for.
    pub purpose: Purpose,
    /// The policy under which the officers act.
    pub policy: PolicyDigest,
    /// The officer who asks.
    pub requester: OfficerId,
    /// The officer who approves, if the purpose needs one.
    pub approver: Option<OfficerId>,
    /// When the requester asked.
    pub requested: Timestamp,
    /// The time from which on nothing opens.
    pub expires: Timestamp,
    /// How many openings the grant allows: one opening shows one report once.
    pub max_openings: u16,
    /// The reports. [`Grant::new`] sorts them by their digests.
    pub reports: Vec<GrantedReport>,
}

/// A grant before its signatures.
///
/// ```text
/// 01 || id 16 || medium(origin) || vault 32 || case 16 || purpose u8 || policy digest 32
///   || requester 32 || 00, or 01 and approver 32 || requested be64 || expires be64
///   || openings be16 || reports: count be16, each digest 32 || messages be32
/// digest = SHA-256("waxseal/desk/1/grant-digest" || grant)
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    terms: GrantTerms,
    bytes: Vec<u8>,
    digest: GrantDigest,
}

impl Grant {
    /// Makes a grant.
    ///
    /// # Errors
    /// [`DecodeError`] if a field is out of bounds, or a report is named twice.
    pub fn new(mut terms: GrantTerms) -> Result<Self, DecodeError> {
        terms.reports.sort_by_key(|report| report.digest);
        let grant = Self::decode(&encode(&terms))?;
        // A field that is too long for its length prefix would be read as others.
        if grant.terms != terms {
            return Err(DecodeError::Malformed);
        }
        Ok(grant)
    }

    /// Reads a grant.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a grant.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = format::versioned(bytes, MAX_GRANT_LEN)?;
        let terms = read(body).ok_or(DecodeError::Malformed)?;
        Ok(Self {
            terms,
            digest: GrantDigest::from_bytes(hash::digest(labels::GRANT, &[bytes])),
            bytes: bytes.to_vec(),
        })
    }

    /// The grant as bytes.
    pub fn encode(&self) -> &[u8] {
        &self.bytes
    }

    /// What the grant says.
    pub fn terms(&self) -> &GrantTerms {
        &self.terms
    }

    /// The digest, which both officers sign and every opening names.
    pub fn digest(&self) -> GrantDigest {
        self.digest
    }

    /// The report with this digest, if the grant names it.
    pub fn report(&self, digest: &AcceptedDigest) -> Option<&GrantedReport> {
        let reports = &self.terms.reports;
        let place = reports.binary_search_by_key(digest, |report| report.digest);
        reports.get(place.ok()?)
    }

    /// The requester's step: signs the grant.
    pub fn sign_as_requester(&self, key: &OfficerKey) -> [u8; 64] {
        key.sign(&self.message(REQUESTER))
    }

    /// The approver's step: signs the grant.
    pub fn sign_as_approver(&self, key: &OfficerKey) -> [u8; 64] {
        key.sign(&self.message(APPROVER))
    }

    /// Whether the requester signed the grant.
    pub fn is_requested(&self, signature: &[u8; 64]) -> bool {
        let requester = self.terms.requester.as_bytes();
        hash::is_signed(requester, &self.message(REQUESTER), signature)
    }

    /// Whether the approver whom the grant names signed it.
    pub fn is_approved(&self, signature: &[u8; 64]) -> bool {
        let message = self.message(APPROVER);
        let approver = self.terms.approver.as_ref();
        approver.is_some_and(|id| hash::is_signed(id.as_bytes(), &message, signature))
    }

    fn message(&self, role: u8) -> Vec<u8> {
        let mut message = labels::GRANT_SIGNATURE.to_vec();
        message.push(role);
        message.extend_from_slice(self.digest.as_bytes());
        message
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("purpose", &self.terms.purpose)
            .field("reports", &self.terms.reports.len())
            .finish_non_exhaustive()
    }
}

const REQUESTER: u8 = 1;
const APPROVER: u8 = 2;

fn encode(terms: &GrantTerms) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(terms.id.as_bytes());
    put_medium(&mut out, terms.origin.as_bytes());
    out.extend_from_slice(terms.vault.as_bytes());
    out.extend_from_slice(terms.case.as_bytes());
    out.push(terms.purpose.number());
    out.extend_from_slice(terms.policy.as_bytes());
    out.extend_from_slice(terms.requester.as_bytes());
    out.push(u8::from(terms.approver.is_some()));
    if let Some(approver) = &terms.approver {
        out.extend_from_slice(approver.as_bytes());
    }
    out.extend_from_slice(&terms.requested.as_millis().to_be_bytes());
    out.extend_from_slice(&terms.expires.as_millis().to_be_bytes());
    out.extend_from_slice(&terms.max_openings.to_be_bytes());
    out.extend_from_slice(&count16(&terms.reports).to_be_bytes());
    for report in &terms.reports {
        out.extend_from_slice(report.digest.as_bytes());
        out.extend_from_slice(&report.messages.to_be_bytes());
    }
    out
}

fn read(body: &[u8]) -> Option<GrantTerms> {
    // CHK-168: the grant is complete and nothing follows: a known purpose, 1 to 100 openings, an
    // end after its beginning, 1 to 64 reports in strict order, no bit beyond the 30th message.
    let mut reader = Reader::new(body);
    let terms = GrantTerms {
        id: GrantId::from_bytes(reader.array()?),
        origin: read_origin(&mut reader)?,
        vault: VaultId::from_bytes(reader.array()?),
        case: CaseId::from_bytes(reader.array()?),
        purpose: Purpose::from_number(reader.u8()?)?,
        policy: PolicyDigest::from_bytes(reader.array()?),
        requester: OfficerId::from_bytes(reader.array()?),
        approver: match reader.flag()? {
            true => Some(OfficerId::from_bytes(reader.array()?)),
            false => None,
        },
        requested: Timestamp::from_millis(reader.u64()?),
        expires: Timestamp::from_millis(reader.u64()?),
        max_openings: reader.u16()?,
        reports: read_reports(&mut reader)?,
    };
    reader.finish()?;
    ((1..=MAX_OPENINGS).contains(&terms.max_openings) && terms.requested < terms.expires)
        .then_some(terms)
}

fn read_reports(reader: &mut Reader<'_>) -> Option<Vec<GrantedReport>> {
    let count = usize::from(reader.u16()?);
    if !(1..=MAX_GRANTED_REPORTS).contains(&count) {
        return None;
    }
    let mut reports: Vec<GrantedReport> = Vec::with_capacity(count);
    for _ in 0..count {
        let report = GrantedReport {
            digest: AcceptedDigest::from_bytes(reader.array()?),
            messages: reader.u32()?,
        };
        let ascends = reports
            .last()
            .is_none_or(|last| last.digest < report.digest);
        if !ascends || report.messages >> MAX_REPORTED != 0 {
            return None;
        }
        reports.push(report);
    }
    Some(reports)
}

/// A grant with its signatures, which are not verified yet.
///
/// Encoded `long(grant) || signature of the requester 64 || [signature of the approver 64]`. The
/// second signature is there if the grant names an approver.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedGrant {
    grant: Grant,
    requester: [u8; 64],
    approver: Option<[u8; 64]>,
}

impl SignedGrant {
    /// Joins a grant and its signatures.
    ///
    /// # Errors
    /// [`DecodeError`] if the approver's signature is missing, or the grant names no approver.
    pub fn new(
        grant: Grant,
        requester: [u8; 64],
        approver: Option<[u8; 64]>,
    ) -> Result<Self, DecodeError> {
        if grant.terms.approver.is_some() != approver.is_some() {
            return Err(DecodeError::Malformed);
        }
        Ok(Self {
            grant,
            requester,
            approver,
        })
    }

    /// The grant.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The signed grant as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_long(&mut out, &self.grant.bytes);
        out.extend_from_slice(&self.requester);
        if let Some(approver) = &self.approver {
            out.extend_from_slice(approver);
        }
        out
    }

    /// Reads a signed grant.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        format::within(bytes, MAX_SIGNED_GRANT_LEN)?;
        let mut reader = Reader::new(bytes);
        let grant = Grant::decode(reader.long().ok_or(DecodeError::Malformed)?)?;
        Self::read_signatures(grant, reader).ok_or(DecodeError::Malformed)
    }

    fn read_signatures(grant: Grant, mut reader: Reader<'_>) -> Option<Self> {
        // CHK-168: a signature for each officer that the grant names, and nothing more.
        let signed = Self {
            requester: reader.array()?,
            approver: match grant.terms.approver {
                Some(_) => Some(reader.array()?),
                None => None,
            },
            grant,
        };
        reader.finish()?;
        Some(signed)
    }
}

impl fmt::Debug for SignedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.grant.fmt(f)
    }
}

/// An officer denies a grant. The body of the act is `grant digest 32 || medium(reason)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantDenial {
    /// The grant that was asked for.
    pub grant: GrantDigest,
    /// Why it is denied, in words.
    pub reason: String,
}

impl Act for GrantDenial {
    const KIND: ActKind = ActKind::GrantDenial;

    fn encode(&self) -> Vec<u8> {
        let mut out = self.grant.as_bytes().to_vec();
        put_medium(&mut out, self.reason.as_bytes());
        out
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let denial = Self {
            grant: GrantDigest::from_bytes(reader.array()?),
            reason: core::str::from_utf8(reader.medium()?).ok()?.to_owned(),
        };
        reader.finish()?;
        Some(denial)
    }
}

#[cfg(test)]
mod tests;
