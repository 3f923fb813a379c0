//! Tests of `report.rs`.

use super::*;
use crate::tests::all::*;
use crate::tests::world::*;

/// Seals any openings under any claims, as a malicious reporter can.
pub(crate) fn forge(
    reporter: &DeviceAddress,
    key: &DeliveryKey,
    claims: &[Claim],
    openings: &[u8],
    moderation: &ModerationPublicKey,
    rng: &mut impl CryptoRng,
) -> Report {
    let section = encode_claims(reporter, claims);
    let (encapsulated_key, sealed_openings) = moderation
        .seal(labels::REPORT_OPENINGS, openings, &section, rng)
        .unwrap();
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

/// Makes a report of this version.
pub(crate) fn reseal_as(version: u8, mut sections: wire::Report, key: &DeliveryKey) -> Report {
    sections.reporter_mac = reporter_mac(version, key, &sections).to_vec();
    Report::decode(&wire::encode_as(version, &sections)).unwrap()
}

pub(crate) fn sections(report: &Report) -> wire::Report {
    report.sections.clone()
}

#[test]
fn chk75_report_without_claims_or_with_31_is_malformed() {
    let mut world = World::new(4);
    let message = world.alice_says("hi");
    let report = world.report(&[message.opened.evidence()]);
    for count in [0, 31] {
        let mut sections = sections(&report);
        sections.claims = encode_claims(&world.bob, &vec![message.claim.clone(); count]);
        assert_eq!(
            Report::decode(&wire::encode(&sections)).unwrap_err(),
            DecodeError::Malformed
        );
    }
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
        assert_eq!(read.under_key(&world.bob_key).encode(), report.encode());
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
