//! Runs the decoders of messages to groups.

use waxseal_reporting::recipient::{
    GroupCiphertext, OpenError, OpeningGroupChannel, open_any_in_group,
};
use waxseal_reporting::relay::{Delivery, DeliveryKey, GroupSlot, PostedGroup, StampedGroup};
use waxseal_reporting::sender::GroupFanout;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use zeroize::Zeroizing;

use super::Clear;
use crate::{NOW, Provider, address};

impl OpeningGroupChannel for Clear {
    type Error = std::convert::Infallible;

    fn decrypt(
        &mut self,
        ciphertext: GroupCiphertext<'_>,
        _: &[u8],
        _: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, Self::Error> {
        let (GroupCiphertext::Mac { body, .. }
        | GroupCiphertext::Key { body, .. }
        | GroupCiphertext::Pairwise(body)) = ciphertext;
        Ok(Zeroizing::new(body.to_vec()))
    }
}

/// Posts any stored message to a group as one of Alice's. Asserts that the relay reads what was
/// stored, and that each device gets its slot with the body.
pub(super) fn group(bytes: &[u8]) {
    let Ok(fanout) = GroupFanout::decode(bytes) else {
        return;
    };
    assert_eq!(fanout.encode(), bytes, "the value has a second encoding");
    let (alice, key) = (address("alice"), DeliveryKey::from_bytes([7; 32]));
    let posted = PostedGroup::decode(&fanout.post(&key, &alice, NOW));
    let posted = posted.expect("what is stored can be posted");
    let posted = posted.authenticate(&key, &alice, NOW);
    let posted = posted.expect("the device made the MAC");
    let bob = AccountId::new("bob").unwrap();
    let devices = (0..).take(fanout.slots().len());
    let targets = devices.map(|id| DeviceAddress::new(bob.clone(), DeviceId(id)));
    let targeted = posted.for_targets(targets.collect(), &fanout.stamp().targets_digest);
    let targeted = targeted.expect("there are as many devices as slots");
    let stamp_keys = Provider::new(1).stamp_keys;
    let claim = stamp_keys.stamp_group(&targeted, NOW).unwrap();
    let (kept, slots) = StampedGroup::fan_out(claim, targeted).unwrap();
    let kept = StampedGroup::decode(&kept.encode()).expect("the relay reads what it kept");
    // Many devices would make one input slow, and show nothing more.
    for ((device, slot), sent) in slots.iter().zip(fanout.slots()).take(16) {
        assert_eq!(slot, sent);
        assert_eq!(GroupSlot::decode(&slot.encode()).as_ref(), Ok(slot));
        let delivery = Delivery::decode(&kept.deliver(slot, &key).encode()).unwrap();
        let delivery = delivery.authenticate_in_groups(&key, device, |_| true);
        let delivery = delivery.expect("every device takes its delivery");
        assert_eq!(delivery.is_empty(), slot.is_empty());
        let body = match delivery.group_ciphertext() {
            Some(GroupCiphertext::Mac { body, .. } | GroupCiphertext::Key { body, .. }) => body,
            Some(GroupCiphertext::Pairwise(_)) => panic!("a body was taken for another form"),
            None => {
                assert!(slot.is_empty());
                continue;
            }
        };
        assert_eq!(body, fanout.body());
        let opened = open_any_in_group(&mut Clear, &delivery);
        let is_out_of_form = matches!(opened, Err(OpenError::MissingKey | OpenError::Malformed));
        assert!(!is_out_of_form);
    }
}
