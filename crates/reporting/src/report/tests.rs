//! Tests of `report.rs`.

use super::*;
use crate::tests::all::*;
use crate::tests::world::*;
use crate::{blobs, labels};

/// Seals any openings under any claims, as a malicious reporter can.
pub(crate) fn forge(
    reporter: &DeviceAddress,
    key: &DeliveryKey,
    claims: &[Claim],
    openings: &[u8],
    moderation: &ModerationPublicKey,
    rng: &mut impl CryptoRng,
) -> Report {
    forge_about(
        reporter,
        key,
        &Subject::Messages(claims.to_vec()),
        openings,
        moderation,
        rng,
    )
}

/// Seals any openings under any subject.
pub(crate) fn forge_about(
    reporter: &DeviceAddress,
    key: &DeliveryKey,
    subject: &Subject,
    openings: &[u8],
    moderation: &ModerationPublicKey,
    rng: &mut impl CryptoRng,
) -> Report {
    let section = encode_claims(reporter, subject);
    let label = labels::REPORT_OPENINGS;
    let sealed = moderation.seal(label, openings, &section, rng);
    let (encapsulated_key, sealed_openings) = sealed.unwrap();
    reseal(
        wire::Report {
            claims: section,
            moderation_key_fingerprint: moderation.id().as_bytes().to_vec(),
            encapsulated_key,
            sealed_openings,
            reporter_mac: vec![],
        },
        key,
    )
}

/// Makes a report of sections by adding a valid reporter MAC.
pub(crate) fn reseal(sections: wire::Report, key: &DeliveryKey) -> Report {
    reseal_as(VERSION_2, sections, key)
}

/// Seals any openings under any claims and names any blobs.
pub(crate) fn forge_naming(
    reporter: &DeviceAddress,
    key: &DeliveryKey,
    claims: &[Claim],
    blobs: &[ReportedBlob],
    openings: &[u8],
    moderation: &ModerationPublicKey,
    rng: &mut impl CryptoRng,
) -> Report {
    if blobs.is_empty() {
        return forge(reporter, key, claims, openings, moderation, rng);
    }
    let claims = encode_claims(reporter, &Subject::Messages(claims.to_vec()));
    let blobs = blobs::encode(blobs);
    let bound_to = [&claims[..], &blobs].concat();
    let sealed = moderation.seal(labels::REPORT_OPENINGS_3, openings, &bound_to, rng);
    let (encapsulated_key, sealed_openings) = sealed.unwrap();
    let mut sections = Sections {
        claims,
        moderation_key_fingerprint: moderation.id().as_bytes().to_vec(),
        encapsulated_key,
        sealed_openings,
        blobs,
        reporter_mac: vec![],
    };
    sections.reporter_mac = reporter_mac(VERSION_3, key, &sections).to_vec();
    Report::decode(&wire::encode_as(VERSION_3, &sections)).unwrap()
}

/// Makes a report of this version, which names no blobs.
pub(crate) fn reseal_as(version: u8, sections: wire::Report, key: &DeliveryKey) -> Report {
    let mut sections = Sections {
        claims: sections.claims,
        moderation_key_fingerprint: sections.moderation_key_fingerprint,
        encapsulated_key: sections.encapsulated_key,
        sealed_openings: sections.sealed_openings,
        blobs: vec![],
        reporter_mac: vec![],
    };
    sections.reporter_mac = reporter_mac(version, key, &sections).to_vec();
    Report::decode(&encode(version, sections)).unwrap()
}

/// The sections of a report that names no blobs.
pub(crate) fn sections(report: &Report) -> wire::Report {
    let sections = report.sections.clone();
    assert!(sections.blobs.is_empty());
    wire::Report {
        claims: sections.claims,
        moderation_key_fingerprint: sections.moderation_key_fingerprint,
        encapsulated_key: sections.encapsulated_key,
        sealed_openings: sections.sealed_openings,
        reporter_mac: sections.reporter_mac,
    }
}

#[test]
fn chk75_report_without_claims_or_with_31_is_malformed() {
    let mut world = World::new(4);
    let message = world.alice_says("hi");
    let report = world.report(&[message.opened.evidence()]);
    for count in [0, 31] {
        let mut sections = sections(&report);
        let claims = Subject::Messages(vec![message.claim.clone(); count]);
        sections.claims = encode_claims(&world.bob, &claims);
        assert_eq!(
            Report::decode(&wire::encode(&sections)).unwrap_err(),
            DecodeError::Malformed
        );
    }
}

#[test]
fn chk75_report_about_an_account_has_one_encoding_and_version_02() {
    let mut world = World::new(6);
    let report = world.report_account("mallory");
    assert_eq!(report.about_account(), Some(&account("mallory")));
    assert!(report.claims().is_empty() && report.conversation().is_none());
    let good = sections(&report);
    let message = world.alice_says("hi");
    let claim = bytes_of(|out| message.claim.put(out));
    let of = |claims: &[u8]| wire::Report {
        claims: [&good.claims[..8], claims].concat(),
        ..good.clone()
    };
    let name = b"\x07mallory".as_slice();
    assert_eq!(of(&[&[0], name].concat()).claims, good.claims);
    let malformed = [
        of(&[0]),
        of(&[0, 0]),
        of(&[&[0], &name[..7]].concat()),
        of(&[&[0], name, &[0]].concat()),
        of(&[&[0], name, &claim].concat()),
        of(&[&[0], claim.as_slice()].concat()),
        of(&[&[1], claim.as_slice(), name].concat()),
        of(&[&[1], name].concat()),
    ];
    for sections in malformed {
        let refused = Report::decode(&wire::encode(&sections)).unwrap_err();
        assert_eq!(refused, DecodeError::Malformed);
    }
    let version_1 = Report::decode(&wire::encode_as(VERSION, &good));
    assert_eq!(version_1.unwrap_err(), DecodeError::Malformed);
    assert!(Report::decode(&wire::encode(&good)).is_ok());
}

#[test]
fn a_report_goes_under_another_key_and_changes_nothing_but_its_mac() {
    let mut world = World::new(4);
    let message = world.alice_says("hi");
    let report = world.report(&[message.opened.evidence()]);
    let other = DeliveryKey::from_bytes([9; 32]);
    for version in [VERSION, VERSION_2] {
        let report = reseal_as(version, sections(&report), &world.bob_key);
        let moved = report.clone().under_key(&other);
        assert!(moved.is_from_reporter(&other) && !moved.is_from_reporter(&world.bob_key));
        let read = Report::decode(&moved.encode()).unwrap();
        assert!(read.is_from_reporter(&other));
        assert_eq!(read.without_mac(), report.without_mac());
        let bytes = report.encode();
        assert_eq!(report.without_mac(), bytes[..bytes.len() - 34]);
        assert_eq!(read.under_key(&world.bob_key).encode(), bytes);
    }
}

#[test]
fn largest_possible_report_is_within_the_bound() {
    let mut world = World::new(5);
    // Every message has the full length and is shown whole.
    let header = world.header(true);
    let room = MAX_PAYLOAD_LEN - 1 - 4 - 22 - 4 - 1;
    assert_eq!(
        Payload::text(header.clone(), "x".repeat(room + 1)).unwrap_err(),
        PayloadError::TooLong
    );
    let payload = Payload::text(header, "x".repeat(room)).unwrap();
    let messages: Vec<Evidence> = (0..30)
        .map(|_| world.send(true, &payload).opened.evidence().clone())
        .collect();
    let report = world.report(&messages.iter().collect::<Vec<_>>());
    assert!(report.encode().len() <= MAX_REPORT_LEN);
    assert_eq!(world.verify(report).unwrap().messages().len(), 30);
}
