//! Tests of what the relay keeps of a group message, and delivers.

use super::*;

pub(super) fn stamped() -> (StampedGroup, Vec<(DeviceAddress, GroupSlot)>, Claim) {
    let keys = StampKeys::new(&[1; 32], 20_000, "eu").unwrap();
    let claim = keys.stamp_group(&targeted(), NOON).unwrap();
    let (stamped, slots) = StampedGroup::fan_out(claim.clone(), targeted()).unwrap();
    (stamped, slots, claim)
}

#[test]
fn the_relay_keeps_the_body_once_and_a_slot_for_each_device() {
    let (kept, of_devices, claim) = stamped();
    assert_eq!(claim.context().audience, Audience::Group(club()));
    assert_eq!(kept.body(), b"body");
    let expected: Vec<_> = targets().into_iter().zip(slots()).collect();
    assert_eq!(of_devices, expected);
    let read = StampedGroup::decode(&kept.encode()).unwrap();
    assert_eq!(read.claim().encode(), claim.encode());
    for (target, slot) in of_devices {
        let key = DeliveryKey::from_bytes([7; 32]);
        let delivery = read.deliver(&GroupSlot::decode(&slot.encode()).unwrap(), &key);
        let delivery = crate::delivery::Delivery::decode(&delivery.encode()).unwrap();
        let delivery = delivery
            .authenticate_in_groups(&key, &target, |group| *group == club())
            .unwrap();
        assert_eq!(delivery.is_empty(), slot.is_empty());
        assert_eq!(delivery.is_own_copy(), target.account.as_str() == "alice");
        match (delivery.group_ciphertext(), &slot) {
            (None, GroupSlot::Empty) => {}
            (Some(GroupCiphertext::Mac { mac, body }), GroupSlot::Mac(sent)) => {
                assert_eq!((mac, body), (sent, &b"body"[..]));
            }
            (Some(GroupCiphertext::Key { keys, body }), GroupSlot::Key(sent)) => {
                assert_eq!((keys, body), (&sent[..], &b"body"[..]));
            }
            _ => panic!("{slot:?}"),
        }
    }
}

#[test]
fn a_claim_for_another_group_message_is_not_fanned_out() {
    let (_, _, claim) = stamped();
    type Change = fn(&mut Claim);
    let changes: [Change; 3] = [
        |claim| claim.tag = FrankingTag::from_bytes([1; 32]),
        |claim| claim.context.sender = device("alice", 2),
        |claim| claim.context.audience = Audience::Group(ConversationId::group(b"other")),
    ];
    for change in changes {
        let mut other = claim.clone();
        change(&mut other);
        let refused = StampedGroup::fan_out(other, targeted()).map(|_| ());
        assert_eq!(refused, Err(DeliveryError::OtherMessage));
    }
}

#[test]
fn chk414_stored_stamped_group_message_out_of_form_is_refused() {
    let (kept, _, claim) = stamped();
    let stored = kept.encode();
    let body_at = stored.len() - 4;
    for cut in 1..=body_at {
        let refused = StampedGroup::decode(&stored[..cut]).unwrap_err();
        assert_eq!(refused, DecodeError::Malformed, "{cut}");
    }
    assert!(StampedGroup::decode(&stored[..=body_at]).is_ok());
    assert_eq!(
        StampedGroup::decode(&[]).unwrap_err(),
        DecodeError::Malformed
    );
    // A claim to one account.
    let context = StampContext {
        audience: Audience::Direct(AccountId::new("bob").unwrap()),
        ..claim.context().clone()
    };
    let direct = Claim::new(*claim.tag(), context, Stamp::new([1; 32])).encode();
    let direct = [&[4], &direct[1..], b"body"].concat();
    assert_eq!(
        StampedGroup::decode(&direct).unwrap_err(),
        DecodeError::Malformed
    );
    for version in [2, 3, 5] {
        let mut other = stored.clone();
        other[0] = version;
        let refused = StampedGroup::decode(&other).unwrap_err();
        assert_eq!(refused, DecodeError::UnknownVersion { version });
    }
}
