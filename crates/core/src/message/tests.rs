use super::*;
use crate::Session;
use crate::tests::support::{Device, edit, rng};

#[test]
fn peek_tells_the_kind_and_the_claimed_identity() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let mut rng = rng(3);
    let mut session = Session::initiate(&alice.identity, bob.bundle(None), &mut rng).unwrap();
    let first = session.encrypt(b"hello", b"", &mut rng).unwrap();
    let kind = MessageKind::Initial {
        identity: *alice.identity.public(),
    };
    assert_eq!(Message::peek(&first), Ok(kind));
    let ordinary = edit(&first, |message| message.handshake = None);
    assert_eq!(Message::peek(&ordinary), Ok(MessageKind::Ordinary));
    assert!(Message::peek(&first[1..]).is_err());
}
