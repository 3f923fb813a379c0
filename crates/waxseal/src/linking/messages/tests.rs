use super::{
    AnswerContent, LinkMessage, LinkSlot, MAX_LINK_MESSAGE_LEN, MAX_ROSTER_LEN, OfferContent,
    decode_reveal,
};
use crate::linking::LinkingError;
use waxseal_reporting::AccountId;

fn offer(roster_len: usize) -> OfferContent {
    OfferContent {
        account: AccountId::new("alice").unwrap(),
        device: 0x0102_0304,
        roster: vec![7; roster_len],
    }
}

#[test]
fn messages_and_contents_come_back() {
    let bytes = LinkMessage::encode(LinkSlot::Answer, &[5; 16], b"sealed");
    let message = LinkMessage::decode(&bytes, LinkSlot::Answer).unwrap();
    assert_eq!(
        (message.nonce, message.ciphertext),
        ([5; 16], &b"sealed"[..])
    );

    let content = OfferContent::decode(&offer(3).encode().unwrap()).unwrap();
    assert_eq!(content.account.as_str(), "alice");
    assert_eq!((content.device, content.roster), (0x0102_0304, vec![7; 3]));

    let answer = AnswerContent {
        last: 9_999,
        proof: [3; 64],
    };
    let answer = AnswerContent::decode(&answer.encode()).unwrap();
    assert_eq!((answer.last, answer.proof), (9_999, [3; 64]));
    assert_eq!(*decode_reveal(&[8; 16]).unwrap(), [8; 16]);
}

#[test]
fn chk349_length_version_slot_and_whole_contents_are_checked() {
    let slot = LinkSlot::Offer;
    let longest = [&[1, 1][..], &vec![0; MAX_LINK_MESSAGE_LEN - 2]].concat();
    assert!(LinkMessage::decode(&longest, slot).is_ok());
    let too_long = [longest.as_slice(), &[0]].concat();
    let refused = |bytes: &[u8]| LinkMessage::decode(bytes, slot).err().unwrap();
    assert_eq!(
        refused(&too_long),
        LinkingError::TooLong {
            len: MAX_LINK_MESSAGE_LEN + 1,
            max: MAX_LINK_MESSAGE_LEN
        }
    );
    assert_eq!(refused(&[]), LinkingError::Malformed);
    assert_eq!(
        refused(&[2; 20]),
        LinkingError::UnknownVersion { version: 2 }
    );
    assert_eq!(refused(&[1, 2]), LinkingError::WrongSlot);
    assert_eq!(refused(&[1; 17]), LinkingError::Malformed);

    let whole = offer(3).encode().unwrap();
    for len in 0..whole.len() {
        assert!(OfferContent::decode(&whole[..len]).is_err(), "{len}");
    }
    let trailing = [whole.as_slice(), &[0]].concat();
    assert!(OfferContent::decode(&trailing).is_err());
    let longest = offer(MAX_ROSTER_LEN).encode().unwrap();
    assert!(OfferContent::decode(&longest).is_ok());
    let too_long = offer(MAX_ROSTER_LEN + 1).encode().unwrap();
    assert!(OfferContent::decode(&too_long).is_err());

    for len in [0, 65, 67] {
        assert!(AnswerContent::decode(&vec![0; len]).is_err(), "{len}");
    }
    let digits = [10_000_u16.to_be_bytes().as_slice(), &[0; 64]].concat();
    assert!(AnswerContent::decode(&digits).is_err());
    for len in [0, 15, 17] {
        assert!(decode_reveal(&vec![0; len]).is_err(), "{len}");
    }
}
