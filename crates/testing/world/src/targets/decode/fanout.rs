//! Runs the decoders of messages for several devices.

use waxseal_reporting::Audience;
use waxseal_reporting::recipient::{OpenError, open_any};
use waxseal_reporting::relay::{Delivery, DeliveryKey, PostedFanout, StampedEnvelope};
use waxseal_reporting::sender::Fanout;

use super::Clear;
use crate::{NOW, Provider, address};

/// Posts any stored fanout as a message of Alice's for Bob and for herself. Asserts that the relay
/// reads what was stored, and that each device can authenticate what it gets.
pub(super) fn fanout(bytes: &[u8]) {
    let Ok(fanout) = Fanout::decode(bytes) else {
        return;
    };
    assert_eq!(fanout.encode(), bytes, "the value has a second encoding");
    let (alice, key) = (address("alice"), DeliveryKey::from_bytes([7; 32]));
    for peer in ["alice", "bob"] {
        let audience = Audience::Direct(address(peer).account);
        let posted = PostedFanout::decode(&fanout.post(&key, &alice, &audience, NOW));
        let posted = posted.expect("what is stored can be posted");
        let Ok(posted) = posted.authenticate(&key, &alice, &audience, NOW) else {
            continue;
        };
        let targets = posted.targets();
        assert_eq!(targets.len(), fanout.slots().len());
        let claim = Provider::new(1).stamp_keys.stamp(&posted, NOW).unwrap();
        let fanned_out = StampedEnvelope::fan_out(claim, posted).unwrap();
        for ((device, stamped), (target, empty)) in fanned_out.into_iter().zip(targets) {
            assert_eq!(device, target);
            let delivery = Delivery::decode(&stamped.deliver(&key).encode()).unwrap();
            let delivery = delivery.authenticate(&key, &device);
            let delivery = delivery.expect("every target takes its delivery");
            assert_eq!(delivery.is_own_copy(), device.account == alice.account);
            assert_eq!(delivery.is_empty(), empty);
            let opened = open_any(&mut Clear, &delivery);
            assert_eq!(matches!(opened, Err(OpenError::MissingKey)), empty);
        }
    }
}
