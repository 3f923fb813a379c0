//! Tests of the limits. The maximum length of an export is the sum of its fields in the
//! specification. The fullest states are read, and states with one entry more are not.

use crate::codec::{Reader, SESSION_VERSION, Writer};
use crate::error::DecodeError;
use crate::export::PageId;
use crate::header_key::HeaderKey;
use crate::message::{MAX_MESSAGE_LEN, SealedRefusal};
use crate::skipped::{EarlierChain, Form, Missing, Received, SkippedKeys};
use crate::tests::support::{Device, rng};
use crate::{IdentityKeyPair, Message, PreKeys, Session, SessionSet};

#[test]
fn exports_and_messages_longer_than_any_valid_one_are_not_examined() {
    let zeros = vec![0; 2_000_000];
    let refused = |read: &dyn Fn(&[u8]) -> DecodeError, max: usize| {
        let longer = &zeros[..max + 1];
        let too_long = DecodeError::TooLong { len: max + 1, max };
        assert_eq!(read(longer), too_long);
        // With one byte fewer the input is examined, and its first byte is not a version.
        let looked_at = DecodeError::UnknownVersion { version: 0 };
        assert_eq!(read(&zeros[..max]), looked_at);
    };
    refused(&|bytes| IdentityKeyPair::import(bytes).unwrap_err(), 65);
    // The longest export has version, identity, two signed sets of 136 bytes with 16,384 base keys
    // each, presence, number, count, and 200 one-time sets of 100 bytes.
    refused(&|bytes| PreKeys::import(bytes).unwrap_err(), 1_068_922);
    // The longest session has version, 161 bytes of fixed fields, handshake (1,705), ratchet (358),
    // post-quantum ratchet (1,557) and skipped keys (336,408).
    refused(&|bytes| Session::import(bytes).unwrap_err(), 340_190);
    // The longest set has version, 28 bytes of fixed fields, and five sessions.
    refused(&|bytes| SessionSet::import(bytes).unwrap_err(), 1_700_974);
    // In parts, each session lacks its 336,000 bytes of skipped keys. A page has an id of 44 bytes
    // and 64 keys of 76 bytes.
    let no_pages: [&[u8]; 0] = [];
    refused(
        &|bytes| SessionSet::import_parts(bytes, no_pages).unwrap_err(),
        20_974,
    );
    refused(&|bytes| PageId::of_page(bytes).unwrap_err(), 4_909);
    refused(&|bytes| Message::peek(bytes).unwrap_err(), 134_144);
    // A refusal has version, two fields of 66 bytes, one of 34, and one of 3 + 4,112.
    refused(&|bytes| SealedRefusal::decode(bytes).err().unwrap(), 4_282);
    assert_eq!(MAX_MESSAGE_LEN, 134_144);
}

#[test]
fn two_hundred_one_time_prekeys_are_read_and_one_more_is_not() {
    let mut device = Device::new(1);
    for _ in 0..3 {
        let made = device
            .prekeys
            .replenish(&device.identity, 100, &mut rng(2))
            .unwrap();
        assert_eq!(made.len(), 100);
    }
    let full = device.prekeys.export();
    assert_eq!(PreKeys::import(&full).unwrap().one_time_left(), 200);
    // Before the next number, 304, come version, identity, a signed set of 136 bytes, and the
    // presence byte of the previous set. The count follows.
    let next = 65 + 136 + 1;
    let mut more = full.to_vec();
    assert_eq!(more[next..next + 8], [0, 0, 1, 48, 0, 0, 0, 200]);
    more[next + 3] = 49;
    more[next + 7] = 201;
    more.extend_from_slice(&304_u32.to_be_bytes());
    more.extend_from_slice(&[1; 96]);
    assert_eq!(PreKeys::import(&more).err(), Some(DecodeError::Malformed));
}

#[test]
fn the_most_skipped_keys_and_chains_are_read_and_one_more_is_not() {
    let written = |chains: u32, keys: u32| {
        let mut skipped = SkippedKeys::new();
        for number in 1..=u64::from(chains) {
            let numbers = 0..if number == 1 { keys - chains + 1 } else { 1 };
            skipped.store(number, Missing::new(0, numbers, 0));
            let header_key = HeaderKey::from_bytes(&[8; 32]);
            skipped.close(EarlierChain { number, header_key });
        }
        let mut writer = Writer::new(SESSION_VERSION, skipped.export_len(Form::Whole));
        skipped.write(&mut writer, Form::Whole);
        let bytes = writer.finish();
        let mut reader = Reader::new(SESSION_VERSION, &bytes, bytes.len()).unwrap();
        let received = Received {
            chain: 12,
            n: 0,
            opened: 1,
        };
        SkippedKeys::read(&mut reader, Form::Whole, received).map(|skipped| skipped.len())
    };
    assert_eq!(written(10, 4_000), Ok((4_000, 10)));
    assert_eq!(written(10, 4_001), Err(DecodeError::Malformed));
    assert_eq!(written(11, 4_000), Err(DecodeError::Malformed));
}

#[test]
fn five_sessions_are_read_and_one_more_is_not() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let one = |seed: u8| {
        let rng = &mut rng(seed.into());
        let sessions = SessionSet::initiate(&alice.identity, bob.bundle(None), rng);
        sessions.unwrap().export()
    };
    let times = |count: u8| {
        let mut bytes = one(0)[..28].to_vec();
        bytes.push(count);
        (0..count).for_each(|seed| bytes.extend_from_slice(&one(seed)[29..]));
        SessionSet::import(&bytes).map(|sessions| sessions.count())
    };
    assert_eq!(times(5), Ok(5));
    assert_eq!(times(6).err(), Some(DecodeError::Malformed));
}
