//! Encodes a report, with which a device shows the provider chosen messages, or names an account.

mod sections;

use core::fmt;

use rand_core::CryptoRng;

use crate::address::{AccountId, DeviceAddress};
use crate::blobs::{self, MAX_BLOBS_LEN, ReportedBlob};
use crate::codec::{Reader, put_short};
use crate::conversation::{Audience, ConversationId};
use crate::delivery::DeliveryKey;
use crate::moderation::{ENCAPSULATED_LEN, ModerationKeyId, ModerationPublicKey};
use crate::nullifier::Nullifier;
use crate::openings::{MAX_PADDED_OPENINGS_LEN, MAX_REPORTED};
use crate::stamp::{Claim, MAX_CONTEXT_LEN};
use crate::wire::{self, DecodeError, VERSION, VERSION_2, VERSION_3};
use sections::{Sections, decode_sections, encode, reporter_mac, seal_label};

/// Maximum length of the claims section, in bytes.
pub(crate) const MAX_CLAIMS_LEN: usize =
    1 + 128 + 4 + 1 + MAX_REPORTED * (32 + 2 + MAX_CONTEXT_LEN + 32);

/// Maximum length of the sealed section, in bytes: padded openings and the AEAD's tag.
const MAX_SEALED_LEN: usize = MAX_PADDED_OPENINGS_LEN + 16;

/// Maximum length of an encoded report, in bytes: 30 messages of full length, shown whole and
/// padded, with chunks and blobs. Field numbers and lengths count as 32 bytes, a round number above
/// what they take.
pub const MAX_REPORT_LEN: usize =
    1 + MAX_CLAIMS_LEN + 32 + ENCAPSULATED_LEN + MAX_SEALED_LEN + MAX_BLOBS_LEN + 32 + 32;

/// Whether the reporter sent or received the message. `true` for a group's message, since only the
/// provider knows the members.
pub(crate) fn is_participant(reporter: &DeviceAddress, claim: &Claim) -> bool {
    match &claim.context.audience {
        Audience::Direct(recipient) => {
            reporter.account == *recipient || reporter.account == claim.context.sender.account
        }
        Audience::Group(_) => true,
    }
}

/// What a report is about.
#[derive(Clone)]
pub(crate) enum Subject {
    /// The messages of 1 to 30 claims.
    Messages(Vec<Claim>),
    /// An account, such as one that poses as someone else. No message is shown.
    Account(AccountId),
}

impl Subject {
    /// The claims; none if the report is about an account.
    pub(crate) fn claims(&self) -> &[Claim] {
        match self {
            Self::Messages(claims) => claims,
            Self::Account(_) => &[],
        }
    }

    /// The account, if the report is about one.
    pub(crate) fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Messages(_) => None,
            Self::Account(account) => Some(account),
        }
    }
}

/// A report on its way from the reporter to the provider's intake. The reporter's address and the
/// claims, which name the messages, are in clear. A report about an account has that account in
/// clear instead, and no claims. Blobs of files are named in clear too, so that the provider keeps
/// them. The openings hold reason, note and what is shown of the messages, and are sealed for the
/// reviewer.
///
/// As long as it is a `Report`, only its form is checked. [`examine`](crate::intake::examine)
/// verifies its origin and its claims, on the way to an
/// [`AcceptedReport`](crate::intake::AcceptedReport).
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `02`, `03` if it names blobs, or `01` for a report that an older release sealed |
/// | 1 + varint + n | `0a`, length, claims |
/// | 2 + 32 | `12 20`, fingerprint of the moderation key |
/// | 3 + 1,120 | `1a e008`, encapsulated key |
/// | 1 + varint + n | `22`, length, sealed openings |
/// | 1 + varint + n | `2a`, length, blobs: in version `03` only |
/// | 2 + 32 | `2a 20`, in version `03` `32 20`, reporter MAC |
///
/// The claims field is the reporter (`len u8`, account, device be32), the number of claims (u8)
/// and each claim: tag (32), context (`len be16`, bytes), stamp (32). A report about an account has
/// the number 0 and then this account (`len u8`, bytes). Version `01` has no such reports.
#[derive(Clone)]
pub struct Report {
    version: u8,
    reporter: DeviceAddress,
    subject: Subject,
    moderation_key: ModerationKeyId,
    reporter_mac: [u8; 32],
    blobs: Vec<ReportedBlob>,
    sections: Sections,
}

impl Report {
    /// Seals openings under a subject and adds the reporter's MAC over all sections; `None` if
    /// nothing can be sealed to the moderation key.
    pub(crate) fn seal(
        reporter: &DeviceAddress,
        subject: Subject,
        blobs: Vec<ReportedBlob>,
        openings: &[u8],
        delivery_key: &DeliveryKey,
        moderation_key: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Option<Self> {
        let version = if blobs.is_empty() {
            VERSION_2
        } else {
            VERSION_3
        };
        let claims = encode_claims(reporter, &subject);
        let blobs_section = blobs::encode(&blobs);
        let bound_to = [&claims[..], &blobs_section].concat();
        let (encapsulated_key, sealed_openings) =
            moderation_key.seal(seal_label(version), openings, &bound_to, rng)?;
        let mut sections = Sections {
            claims,
            moderation_key_fingerprint: moderation_key.id().as_bytes().to_vec(),
            encapsulated_key,
            sealed_openings,
            blobs: blobs_section,
            reporter_mac: Vec::new(),
        };
        let reporter_mac = reporter_mac(version, delivery_key, &sections);
        sections.reporter_mac = reporter_mac.to_vec();
        Some(Self {
            version,
            reporter: reporter.clone(),
            subject,
            moderation_key: *moderation_key.id(),
            reporter_mac,
            blobs,
            sections,
        })
    }

    /// The version under which the report was sealed: 2, 3 if it names blobs, or 1 if an older
    /// release sealed it.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The device that claims to report. Its delivery key verifies the report.
    pub fn reporter(&self) -> &DeviceAddress {
        &self.reporter
    }

    /// The claims, unverified. Empty if the report is about an account.
    pub fn claims(&self) -> &[Claim] {
        self.subject.claims()
    }

    /// The account that the report is about, if it shows no messages.
    pub fn about_account(&self) -> Option<&AccountId> {
        self.subject.account()
    }

    /// The nullifier of each claim, or the one of the account that the report is about.
    pub fn nullifiers(&self) -> Vec<Nullifier> {
        let reporter = &self.reporter.account;
        match &self.subject {
            Subject::Account(account) => vec![Nullifier::about_account(account, reporter)],
            Subject::Messages(claims) => {
                let claims = claims.iter();
                claims
                    .map(|claim| Nullifier::new(claim, reporter))
                    .collect()
            }
        }
    }

    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The conversation of the first claim. All claims of an accepted report are in it.
    pub fn conversation(&self) -> Option<ConversationId> {
        self.claims().first().map(Claim::conversation)
    }

    /// The blobs of files that the report names, as claimed by the reporter. Keep them until the
    /// report is closed.
    pub fn blobs(&self) -> &[ReportedBlob] {
        &self.blobs
    }

    /// The moderation key to which the report is sealed.
    pub fn moderation_key(&self) -> &ModerationKeyId {
        &self.moderation_key
    }

    pub(crate) fn is_from_reporter(&self, key: &DeliveryKey) -> bool {
        use subtle::ConstantTimeEq;
        reporter_mac(self.version, key, &self.sections)
            .ct_eq(&self.reporter_mac)
            .into()
    }

    /// The exact bytes of the claims section.
    pub(crate) fn claims_section(&self) -> &[u8] {
        &self.sections.claims
    }

    /// The exact bytes of the blobs section. Empty if no blob is named.
    pub(crate) fn blobs_section(&self) -> &[u8] {
        &self.sections.blobs
    }

    /// The associated data of the sealed openings: claims and blobs, the exact bytes of both.
    pub(crate) fn seal_associated_data(&self) -> Vec<u8> {
        [self.claims_section(), self.blobs_section()].concat()
    }

    /// The HPKE info under which the openings were sealed.
    pub(crate) fn seal_label(&self) -> &'static [u8] {
        seal_label(self.version)
    }

    /// Whether `earlier` comes before `later` in the order of the claims.
    pub(crate) fn ascends(&self, earlier: &Claim, later: &Claim) -> bool {
        if self.version == VERSION {
            earlier.order_1() < later.order_1()
        } else {
            earlier.order() < later.order()
        }
    }

    pub(crate) fn encapsulated_key(&self) -> &[u8] {
        &self.sections.encapsulated_key
    }

    pub(crate) fn sealed_openings(&self) -> &[u8] {
        &self.sections.sealed_openings
    }

    /// The reporter's step, for a report that waited while its device and the provider agreed on
    /// another delivery key: makes the reporter MAC again, under that key.
    #[must_use]
    pub fn under_key(mut self, key: &DeliveryKey) -> Self {
        self.reporter_mac = reporter_mac(self.version, key, &self.sections);
        self.sections.reporter_mac = self.reporter_mac.to_vec();
        self
    }

    /// The report as bytes for the wire.
    pub fn encode(&self) -> Vec<u8> {
        encode(self.version, self.sections.clone())
    }

    /// The encoded report without its reporter MAC, the last 34 bytes.
    ///
    /// [`under_key`](Self::under_key) changes nothing of it. A transparency log names a report by
    /// a digest of these bytes.
    pub fn without_mac(&self) -> Vec<u8> {
        let mut sections = self.sections.clone();
        sections.reporter_mac = Vec::new();
        encode(self.version, sections)
    }

    /// Reads a report.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a report.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, sections) = decode_sections(bytes)?;
        if sections.encapsulated_key.len() != ENCAPSULATED_LEN
            || sections.sealed_openings.is_empty()
            || sections.sealed_openings.len() > MAX_SEALED_LEN
            || sections.claims.len() > MAX_CLAIMS_LEN
        {
            return Err(DecodeError::Malformed);
        }
        let (reporter, subject) =
            decode_claims(version, &sections.claims).ok_or(DecodeError::Malformed)?;
        let blobs = decode_blobs(version, &sections.blobs, &subject);
        Ok(Self {
            version,
            reporter,
            moderation_key: ModerationKeyId::from_bytes(wire::array(
                &sections.moderation_key_fingerprint,
            )?),
            reporter_mac: wire::array(&sections.reporter_mac)?,
            blobs: blobs.ok_or(DecodeError::Malformed)?,
            subject,
            sections,
        })
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("claims", &self.claims().len())
            .finish_non_exhaustive()
    }
}

/// Encodes the claims section: `reporter || count u8 || count x claim`, or, about an account,
/// `reporter || 00 || len u8 || account`.
fn encode_claims(reporter: &DeviceAddress, subject: &Subject) -> Vec<u8> {
    let mut out = Vec::new();
    reporter.put(&mut out);
    out.push(u8::try_from(subject.claims().len()).unwrap_or(u8::MAX));
    match subject {
        Subject::Messages(claims) => claims.iter().for_each(|claim| claim.put(&mut out)),
        Subject::Account(account) => put_short(&mut out, account.as_bytes()),
    }
    out
}

/// Reads the claims section of a report of this version. The contexts are checked too.
pub(crate) fn decode_claims(version: u8, bytes: &[u8]) -> Option<(DeviceAddress, Subject)> {
    let mut reader = Reader::new(bytes);
    let reporter = DeviceAddress::read(&mut reader)?;
    let count = usize::from(reader.u8()?);
    // CHK-75: a report has 1 to 30 claims, or in version 02 none and the account it is about.
    let subject = match count {
        0 if version == VERSION_2 => Subject::Account(AccountId::read(&mut reader)?),
        1..=MAX_REPORTED => {
            let claims = (0..count).map(|_| Claim::read(&mut reader));
            Subject::Messages(claims.collect::<Option<_>>()?)
        }
        _ => return None,
    };
    reader.finish()?;
    Some((reporter, subject))
}

/// Reads the blobs section of a report of this version, which only version 03 has.
pub(crate) fn decode_blobs(
    version: u8,
    bytes: &[u8],
    subject: &Subject,
) -> Option<Vec<ReportedBlob>> {
    if version == VERSION_3 {
        blobs::decode(bytes, subject.claims().len())
    } else {
        bytes.is_empty().then(Vec::new)
    }
}

#[cfg(test)]
pub(crate) mod tests;
