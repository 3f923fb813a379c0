//! Tests of the limits: exports end where the specification's fields add up to.

use crate::error::DecodeError;
use crate::message::MAX_MESSAGE_LEN;
use crate::{IdentityKeyPair, Message, PreKeys, Session, Sessions};

#[test]
fn exports_and_messages_longer_than_any_valid_one_are_not_looked_at() {
    let zeros = vec![0; 2_000_000];
    let refused = |read: &dyn Fn(&[u8]) -> DecodeError, max: usize| {
        let longer = &zeros[..max + 1];
        let too_long = DecodeError::TooLong { len: max + 1, max };
        assert_eq!(read(longer), too_long);
        // One byte fewer is looked at, and is no version.
        let looked_at = DecodeError::UnknownVersion { version: 0 };
        assert_eq!(read(&zeros[..max]), looked_at);
    };
    refused(&|bytes| IdentityKeyPair::import(bytes).unwrap_err(), 65);
    // Version, identity, two signed sets of 136 and 16,384 base keys, presence, number, count, 200 one-time sets of 100.
    refused(&|bytes| PreKeys::import(bytes).unwrap_err(), 1_068_922);
    // Version, 161, handshake 1,705, ratchet 358, its post-quantum part 1,557, skipped keys 336,408.
    refused(&|bytes| Session::import(bytes).unwrap_err(), 340_190);
    // Version, 28, five sessions.
    refused(&|bytes| Sessions::import(bytes).unwrap_err(), 1_700_974);
    refused(&|bytes| Message::peek(bytes).unwrap_err(), 134_144);
    assert_eq!(MAX_MESSAGE_LEN, 134_144);
}
