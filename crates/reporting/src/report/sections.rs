//! Encodes the sections of a report and authenticates them, as the report's version demands.

use super::MAX_REPORT_LEN;
use crate::codec::len32;
use crate::delivery::DeliveryKey;
use crate::wire::{self, DecodeError, VERSION, VERSION_2, VERSION_3};
use crate::{labels, mac};

/// The sections of a report as exact bytes, in the order of the fields.
pub(super) type Sections = wire::ReportWithBlobs;

/// Encodes a report of this version.
pub(super) fn encode(version: u8, sections: Sections) -> Vec<u8> {
    if version == VERSION_3 {
        return wire::encode_as(version, &sections);
    }
    let sections = wire::Report {
        claims: sections.claims,
        moderation_key_fingerprint: sections.moderation_key_fingerprint,
        encapsulated_key: sections.encapsulated_key,
        sealed_openings: sections.sealed_openings,
        reporter_mac: sections.reporter_mac,
    };
    wire::encode_as(version, &sections)
}

/// Reads the sections of a report, whose version decides how they are encoded.
pub(super) fn decode_sections(bytes: &[u8]) -> Result<(u8, Sections), DecodeError> {
    if bytes.first() == Some(&VERSION_3) {
        return wire::decode_as(bytes, MAX_REPORT_LEN, &[VERSION_3]);
    }
    let known = [VERSION, VERSION_2];
    let (version, sections): (_, wire::Report) = wire::decode_as(bytes, MAX_REPORT_LEN, &known)?;
    let sections = Sections {
        claims: sections.claims,
        moderation_key_fingerprint: sections.moderation_key_fingerprint,
        encapsulated_key: sections.encapsulated_key,
        sealed_openings: sections.sealed_openings,
        blobs: Vec::new(),
        reporter_mac: sections.reporter_mac,
    };
    Ok((version, sections))
}

/// The HPKE info under which the openings of a report of this version are sealed.
pub(super) fn seal_label(version: u8) -> &'static [u8] {
    match version {
        VERSION => labels::REPORT_OPENINGS_1,
        VERSION_3 => labels::REPORT_OPENINGS_3,
        _ => labels::REPORT_OPENINGS,
    }
}

/// `HMAC(K_delivery, label || 4 x (len be32 || section))`, with the label of the report's version.
/// In version 03 there is a fifth section, that of the blobs.
pub(super) fn reporter_mac(version: u8, key: &DeliveryKey, sections: &Sections) -> [u8; 32] {
    let label = match version {
        VERSION => labels::REPORTER_1,
        VERSION_3 => labels::REPORTER_3,
        _ => labels::REPORTER,
    };
    let mut mac = mac::keyed(key.as_bytes());
    hmac::Mac::update(&mut mac, label);
    let known = [
        &sections.claims,
        &sections.moderation_key_fingerprint,
        &sections.encapsulated_key,
        &sections.sealed_openings,
    ];
    let blobs = (version == VERSION_3).then_some(&sections.blobs);
    for section in known.into_iter().chain(blobs) {
        hmac::Mac::update(&mut mac, &len32(section).to_be_bytes());
        hmac::Mac::update(&mut mac, section);
    }
    mac::finish(mac, &[])
}
