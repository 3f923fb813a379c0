//! The report: what a device shows the provider, chosen and previewed by its user.

use core::fmt;

use rand_core::CryptoRng;

use crate::address::DeviceAddress;
use crate::codec::{Reader, len32};
use crate::conversation::{Audience, ConversationId};
use crate::delivery::DeliveryKey;
use crate::labels;
use crate::mac;
use crate::moderation::{ENCAPSULATED_LEN, ModerationKeyId, ModerationPublicKey};
use crate::openings::{MAX_PADDED_OPENINGS_LEN, MAX_REPORTED};
use crate::stamp::{Claim, MAX_CONTEXT_LEN};
use crate::wire::{self, DecodeError};

/// Most bytes of the claims section.
const MAX_CLAIMS_LEN: usize = 1 + 128 + 4 + 1 + MAX_REPORTED * (32 + 2 + MAX_CONTEXT_LEN + 32);

/// Most bytes of the sealed section: padded openings and the AEAD's tag.
const MAX_SEALED_LEN: usize = MAX_PADDED_OPENINGS_LEN + 16;

/// Most bytes of an encoded report: 30 messages of full length shown whole, padded.
pub const MAX_REPORT_LEN: usize =
    1 + MAX_CLAIMS_LEN + 32 + ENCAPSULATED_LEN + MAX_SEALED_LEN + 32 + 32;

/// Whether the reporter sent or received the message; of a group, who its members are only the provider knows.
pub(crate) fn is_participant(reporter: &DeviceAddress, claim: &Claim) -> bool {
    match &claim.context.audience {
        Audience::Direct(recipient) => {
            reporter.account == *recipient || reporter.account == claim.context.sender.account
        }
        Audience::Group(_) => true,
    }
}

/// A report as sent to the provider's intake: claims in clear, everything else sealed.
///
/// Nothing in it is verified but its form; [`accept`](crate::accept) takes it from here.
///
/// | bytes | field |
/// |---|---|
/// | 1 | version `01` |
/// | 1 + varint + n | `0a`, length, claims: reporter (`len u8`, account, device be32), count u8, per claim tag 32, `len be16`, context, stamp 32 |
/// | 2 + 32 | `12 20`, fingerprint of the moderation key |
/// | 3 + 1,120 | `1a e008`, encapsulated key |
/// | 1 + varint + n | `22`, length, sealed openings |
/// | 2 + 32 | `2a 20`, reporter MAC |
#[derive(Clone)]
pub struct Report {
    reporter: DeviceAddress,
    claims: Vec<Claim>,
    moderation_key: ModerationKeyId,
    reporter_mac: [u8; 32],
    sections: wire::Report,
}

impl Report {
    /// Seals openings under claims and puts the reporter's MAC over all sections; `None` if the moderation
    /// key cannot be sealed to.
    pub(crate) fn seal(
        reporter: &DeviceAddress,
        claims: Vec<Claim>,
        openings: &[u8],
        delivery_key: &DeliveryKey,
        moderation_key: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Option<Self> {
        let claims_section = encode_claims(reporter, &claims);
        let (encapsulated_key, sealed_openings) =
            moderation_key.seal(openings, &claims_section, rng)?;
        let mut sections = wire::Report {
            claims: claims_section,
            moderation_key_fingerprint: moderation_key.id().as_bytes().to_vec(),
            encapsulated_key,
            sealed_openings,
            reporter_mac: Vec::new(),
        };
        let reporter_mac = reporter_mac(delivery_key, &sections);
        sections.reporter_mac = reporter_mac.to_vec();
        Some(Self {
            reporter: reporter.clone(),
            claims,
            moderation_key: *moderation_key.id(),
            reporter_mac,
            sections,
        })
    }

    /// The device that says it reports: its delivery key checks the report.
    pub fn reporter(&self) -> &DeviceAddress {
        &self.reporter
    }

    /// The claims, unverified.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// The conversation of the first claim; an accepted report has one conversation only.
    pub fn conversation(&self) -> Option<ConversationId> {
        self.claims.first().map(Claim::conversation)
    }

    /// The moderation key it is sealed to.
    pub fn moderation_key(&self) -> &ModerationKeyId {
        &self.moderation_key
    }

    pub(crate) fn is_from_reporter(&self, key: &DeliveryKey) -> bool {
        use subtle::ConstantTimeEq;
        reporter_mac(key, &self.sections)
            .ct_eq(&self.reporter_mac)
            .into()
    }

    /// The exact bytes of the claims section: the sealed section's associated data.
    pub(crate) fn claims_section(&self) -> &[u8] {
        &self.sections.claims
    }

    pub(crate) fn encapsulated_key(&self) -> &[u8] {
        &self.sections.encapsulated_key
    }

    pub(crate) fn sealed_openings(&self) -> &[u8] {
        &self.sections.sealed_openings
    }

    /// The report as bytes for the wire.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&self.sections)
    }

    /// Reads a report.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let sections: wire::Report = wire::decode(bytes, MAX_REPORT_LEN)?;
        if sections.encapsulated_key.len() != ENCAPSULATED_LEN
            || sections.sealed_openings.is_empty()
            || sections.sealed_openings.len() > MAX_SEALED_LEN
            || sections.claims.len() > MAX_CLAIMS_LEN
        {
            return Err(DecodeError::Malformed);
        }
        let (reporter, claims) = decode_claims(&sections.claims).ok_or(DecodeError::Malformed)?;
        Ok(Self {
            reporter,
            claims,
            moderation_key: ModerationKeyId::from_bytes(wire::array(
                &sections.moderation_key_fingerprint,
            )?),
            reporter_mac: wire::array(&sections.reporter_mac)?,
            sections,
        })
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("claims", &self.claims.len())
            .finish_non_exhaustive()
    }
}

/// `reporter || count u8 || count x claim`
fn encode_claims(reporter: &DeviceAddress, claims: &[Claim]) -> Vec<u8> {
    let mut out = Vec::new();
    reporter.put(&mut out);
    out.push(u8::try_from(claims.len()).unwrap_or(u8::MAX));
    for claim in claims {
        claim.put(&mut out);
    }
    out
}

fn decode_claims(bytes: &[u8]) -> Option<(DeviceAddress, Vec<Claim>)> {
    let mut reader = Reader::new(bytes);
    let reporter = DeviceAddress::read(&mut reader)?;
    let count = usize::from(reader.u8()?);
    // CHK-75: a report makes 1 to 30 claims.
    if !(1..=MAX_REPORTED).contains(&count) {
        return None;
    }
    let claims = (0..count)
        .map(|_| Claim::read(&mut reader))
        .collect::<Option<_>>()?;
    reader.finish()?;
    Some((reporter, claims))
}

/// `HMAC(K_delivery, label || 4 x (len be32 || section))`
fn reporter_mac(key: &DeliveryKey, sections: &wire::Report) -> [u8; 32] {
    let mut mac = mac::keyed(key.as_bytes());
    hmac::Mac::update(&mut mac, labels::REPORTER);
    for section in [
        &sections.claims,
        &sections.moderation_key_fingerprint,
        &sections.encapsulated_key,
        &sections.sealed_openings,
    ] {
        hmac::Mac::update(&mut mac, &len32(section).to_be_bytes());
        hmac::Mac::update(&mut mac, section);
    }
    mac::finish(mac, &[])
}

#[cfg(test)]
pub(crate) mod tests;
