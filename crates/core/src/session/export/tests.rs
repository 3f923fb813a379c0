use super::*;
use crate::tests::support::{Device, established, rng};

/// Offset of the origin, after version, peer, associated data, base key and digest.
const ORIGIN: usize = 1 + 64 + 32 + 32 + 32;
/// Length of root key, key pair and peer's key.
const RATCHET_KEYS: usize = 32 + 64 + 32;

fn unanswered() -> Vec<u8> {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let session = Session::initiate(&alice.identity, bob.bundle(Some(0)), &mut rng(3)).unwrap();
    session.export().to_vec()
}

#[test]
fn states_that_no_session_has_are_refused() {
    let read = |bytes: &[u8]| Session::import(bytes).err();
    let good = unanswered();
    assert_eq!(read(&good), None);

    let mut answered_by_nothing = good.clone();
    answered_by_nothing[ORIGIN] = 1;
    answered_by_nothing.drain(ORIGIN + 1..=ORIGIN + HANDSHAKE_LEN);
    assert_eq!(read(&answered_by_nothing), Some(DecodeError::Malformed));

    let sending = ORIGIN + 1 + HANDSHAKE_LEN + RATCHET_KEYS;
    let mut neither_sends_nor_receives = good.clone();
    neither_sends_nor_receives[sending] = 0;
    neither_sends_nor_receives.drain(sending + 1..=sending + 68);
    assert_eq!(
        read(&neither_sends_nor_receives),
        Some(DecodeError::Malformed)
    );

    let mut presence = good;
    presence[sending] = 2;
    assert_eq!(read(&presence), Some(DecodeError::NotCanonical));

    let (.., session) = established();
    let mut origin = session.export().to_vec();
    origin[ORIGIN] = 3;
    assert_eq!(read(&origin), Some(DecodeError::Malformed));
}

#[test]
fn chk02_sessions_of_other_versions_are_refused() {
    let good = unanswered();
    let read = |version: u8| {
        let mut bytes = good.clone();
        bytes[0] = version;
        Session::import(&bytes).err()
    };
    assert_eq!(read(2), None);
    // Version 01 had the same fields. Its peers derived other message keys.
    for version in [0, 1, 3, 255] {
        assert_eq!(read(version), Some(DecodeError::UnknownVersion { version }));
    }
}
