//! Seeds of messages to groups, and of control messages about groups.

use rand_core::CryptoRng;
use waxseal_reporting::message::{Content, Payload, PayloadHeader};
use waxseal_reporting::relay::{GroupSlot, PostedGroup, StampedGroup};
use waxseal_reporting::sender::{
    AuthorityRecord, Control, GroupFanout, GroupStamp, SealedForGroup, SealingGroupChannel,
    SentMessage, StateWanted, WelcomeRecord,
};
use waxseal_reporting::{ConversationId, DeviceAddress};
use zeroize::Zeroizing;

use crate::{NOW, Provider, address, rng};

/// The group of all seeds.
pub(super) fn group() -> ConversationId {
    ConversationId::group(b"authority")
}

/// A control message with all records about groups.
pub(super) fn control() -> Control {
    let group = group();
    Control {
        authority: Some(Box::new(AuthorityRecord {
            seed: Zeroizing::new([5; 32]),
            group,
            version: 3,
        })),
        welcome: Some(Box::new(WelcomeRecord {
            group,
            version: 3,
            state_hash: [6; 32],
        })),
        state_wanted: Some(StateWanted { group, version: 2 }),
        ..Control::default()
    }
}

/// Seals nothing, and makes one slot of each kind.
struct Clear;

impl SealingGroupChannel for Clear {
    type Error = std::convert::Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<SealedForGroup, Self::Error> {
        let slots = vec![
            GroupSlot::Key(vec![1; 120]),
            GroupSlot::Mac([2; 16]),
            GroupSlot::Empty,
            GroupSlot::Mac([3; 16]),
            GroupSlot::Key(vec![4; 120]),
        ];
        let body = plaintext.to_vec();
        Ok(SealedForGroup { body, slots })
    }
}

fn fanout() -> GroupFanout {
    let (alice, group, rng) = (address("alice"), group(), &mut rng(4));
    let header = PayloadHeader::new(7, NOW);
    let payload = Payload::new(header, Content::GroupLeave).unwrap();
    let sent = SentMessage::commit(&alice, &group, &payload, rng);
    let stamp = GroupStamp::new(3, [6; 32], [7; 32]);
    sent.seal_for_group(&mut Clear, stamp, rng).unwrap()
}

/// Name, decoder and bytes of each form of a message to a group.
pub(super) fn messages() -> Vec<(&'static str, u8, Vec<u8>)> {
    let (provider, alice, fanout) = (Provider::new(1), address("alice"), fanout());
    let key = waxseal_reporting::relay::DeliveryKey::from_bytes([7; 32]);
    let posted = fanout.post(&key, &alice, NOW);
    let authentic = PostedGroup::decode(&posted).unwrap();
    let authentic = authentic.authenticate(&key, &alice, NOW).unwrap();
    let targets =
        (2..7).map(|id| DeviceAddress::new(alice.account.clone(), waxseal_reporting::DeviceId(id)));
    let targeted = authentic.for_targets(targets.collect(), &[7; 32]).unwrap();
    let claim = provider.stamp_keys.stamp_group(&targeted, NOW).unwrap();
    let (kept, slots) = StampedGroup::fan_out(claim, targeted).unwrap();
    vec![
        ("group-fanout", 24, fanout.encode()),
        ("posted-group", 21, posted),
        ("stamped-group", 22, kept.encode()),
        ("group-slot-key", 23, slots[0].1.encode()),
        ("group-slot-mac", 23, slots[1].1.encode()),
        ("group-slot-empty", 23, slots[2].1.encode()),
    ]
}
