//! Every decoder of `waxseal-core` on any bytes: no panic, and one encoding for each value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waxseal_core::{
    IdentityKey, IdentityKeyPair, Message, PreKeyBundle, PreKeys, Session, Sessions,
};

fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 7 {
        0 => drop(Message::peek(bytes)),
        1 => {
            let split = bytes
                .first()
                .map_or(0, |&cut| usize::from(cut) * 8)
                .min(bytes.len());
            let (base, one_time) = bytes.split_at(split);
            drop(PreKeyBundle::decode(
                base,
                (!one_time.is_empty()).then_some(one_time),
            ));
        }
        2 => {
            if let Ok(identity) = IdentityKey::from_bytes(bytes) {
                assert_eq!(identity.to_bytes(), bytes);
            }
        }
        3 => {
            if let Ok(identity) = IdentityKeyPair::import(bytes) {
                assert_eq!(*identity.export(), bytes);
            }
        }
        4 => {
            if let Ok(prekeys) = PreKeys::import(bytes) {
                assert_eq!(*prekeys.export(), bytes);
            }
        }
        5 => {
            if let Ok(session) = Session::import(bytes) {
                assert_eq!(*session.export(), bytes);
            }
        }
        _ => {
            if let Ok(sessions) = Sessions::import(bytes) {
                assert_eq!(*sessions.export(), bytes);
            }
        }
    }
});
