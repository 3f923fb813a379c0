//! Tests of `accepted.rs`.

use super::*;
use crate::report::tests::{reseal_as, sections};
use crate::tests::world::*;

fn report(world: &mut World) -> Report {
    let message = world.alice_says("one");
    world.report(&[message.opened.evidence()])
}

/// An accepted report as an older release wrote it.
fn version_1(world: &World, report: &Report) -> Vec<u8> {
    let report = reseal_as(VERSION, sections(report), &world.bob_key);
    let mut bytes = vec![1];
    bytes.extend_from_slice(&NOON.as_millis().to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 1]);
    put_long(&mut bytes, &report.encode());
    let key = world.acceptance_key.to_bytes();
    let mac = mac::hmac(&key, &[labels::ACCEPTANCE_1, &bytes]);
    [bytes.as_slice(), &mac].concat()
}

#[test]
fn chk81_report_not_accepted_by_the_intake_is_refused_by_the_queue() {
    let mut world = World::new(10);
    let report = report(&mut world);
    let key = &world.acceptance_key;
    let accepted = world.accept(report.clone()).unwrap().encode(key);
    for bytes in [accepted, version_1(&world, &report)] {
        for index in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 0x01;
            let refused = AcceptedReport::decode(&altered, key, &ID).unwrap_err();
            let unknown = AcceptedError::Decode(DecodeError::UnknownVersion {
                version: altered[0],
            });
            let expected = if index == 0 && altered[0] != 1 && altered[0] != 2 {
                unknown
            } else {
                AcceptedError::NotAccepted
            };
            assert_eq!(refused, expected, "{index}");
        }
        for cut in 0..bytes.len() {
            assert!(AcceptedReport::decode(&bytes[..cut], key, &ID).is_err());
        }
        let other = AcceptanceKey::from_bytes([0; 32]);
        let refused = AcceptedReport::decode(&bytes, &other, &ID).unwrap_err();
        assert_eq!(refused, AcceptedError::NotAccepted);
        assert!(AcceptedReport::decode(&bytes, key, &ID).is_ok());
    }
}

#[test]
fn the_report_inside_is_read_without_a_key() {
    let mut world = World::new(10);
    let report = report(&mut world);
    let accepted = world.accept(report.clone()).unwrap();
    let bytes = accepted.encode(&world.acceptance_key);
    let inside = AcceptedReport::report_of(&bytes).unwrap();
    assert_eq!(inside.encode(), report.encode());
    let old = AcceptedReport::report_of(&version_1(&world, &report)).unwrap();
    assert_eq!(old.version(), VERSION);
    assert_eq!(sections(&old).claims, sections(&report).claims);
    for cut in 0..bytes.len() {
        assert!(AcceptedReport::report_of(&bytes[..cut]).is_err(), "{cut}");
    }
    assert!(AcceptedReport::report_of(&[&bytes[..], &[0]].concat()).is_err());
}

/// Someone who can write to the queue cannot show a reviewer one report as another.
#[test]
fn chk113_accepted_report_under_another_id_is_refused() {
    let mut world = World::new(11);
    let report = report(&mut world);
    let key = &world.acceptance_key;
    let bytes = world.accept(report).unwrap().encode(key);
    for byte in [0, 15] {
        let mut id = *ID.as_bytes();
        id[byte] ^= 1;
        let refused = AcceptedReport::decode(&bytes, key, &ReportId::from_bytes(id));
        assert_eq!(refused.unwrap_err(), AcceptedError::OtherReport);
    }
}

#[test]
fn an_accepted_report_of_version_01_takes_the_id_under_which_it_was_found() {
    let mut world = World::new(12);
    let report = report(&mut world);
    let bytes = version_1(&world, &report);
    for id in [ID, ReportId::from_bytes([7; 16])] {
        let accepted = AcceptedReport::decode(&bytes, &world.acceptance_key, &id).unwrap();
        assert_eq!(*accepted.id(), id);
        assert_eq!(accepted.repeated(), [true]);
        assert_eq!(accepted.accepted_at(), NOON);
        assert_eq!(accepted.report().version(), 1);
    }
}

#[test]
fn debug_shows_no_key() {
    let key = AcceptanceKey::from_bytes([1; 32]);
    assert_eq!(format!("{key:?}"), "AcceptanceKey { .. }");
}
