//! What fellow members, thieves and strangers make by hand and a relay delivers. The relay helps
//! them: it stamps whatever they made, for any device, at any time.

use waxseal::core::errors::ChainOpenError;
use waxseal::errors::ReceiveError;
use waxseal::reporting::relay::GroupSlot;
use waxseal::{DeviceAddress, Received, Timestamp};
use waxseal_world::{QueuedGroup, snapshot};

use super::fellow::Fellow;
use super::thief::{
    Committed, Stolen, claims, delivered, identity, mac_slot, own_chain, own_chain_of, stamped,
};
use crate::support::first;
use crate::talk::{Queued, Talk};

pub(super) const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// Takes what waits for a device first.
fn take(talk: &mut Talk, name: &str) -> QueuedGroup {
    match talk.queues.get_mut(&first(name)).unwrap().pop_front() {
        Some(Queued::Group(queued)) => queued,
        _ => panic!("nothing waits"),
    }
}

pub(super) fn receive(talk: &mut Talk, name: &str, queued: &QueuedGroup) -> Received {
    let delivery = talk.net.world.deliver_group(&first(name), queued);
    talk.client(&first(name)).receive(&delivery).unwrap()
}

/// The text of a message, and its sender.
pub(super) fn shown(received: &Received) -> String {
    crate::talk::shown_of(received).unwrap()
}

/// What a device keeps of chains, sessions, messages and the group.
pub(super) fn kept(talk: &mut Talk, device: &DeviceAddress) -> Vec<(waxseal::store::Key, Vec<u8>)> {
    let records = snapshot(talk.client(device)).into_iter();
    let kept = records
        .filter(|(key, _)| matches!(key.table.as_bytes()[0], b'N' | b'd' | b'm' | b'i' | b'6'));
    kept.collect()
}

/// Checks that a device refuses a delivery, and that chains, sessions and messages stay.
pub(super) fn refused(
    talk: &mut Talk,
    name: &str,
    queued: QueuedGroup,
) -> ReceiveError<std::convert::Infallible> {
    let device = first(name);
    let before = kept(talk, &device);
    let error = talk.refuses(&device, &Queued::Group(queued));
    assert!(kept(talk, &device) == before, "{error:?} changed something");
    error
}

pub(super) fn is_unauthenticated(error: &ReceiveError<std::convert::Infallible>) -> bool {
    matches!(error, ReceiveError::Chain(ChainOpenError::Unauthenticated))
}

/// Alice sends two messages on one chain. Returns both as they wait for Bob and for Carol.
fn two_of_alice(talk: &mut Talk) -> [[QueuedGroup; 2]; 2] {
    let alice = first("alice");
    talk.seal(&alice, "one");
    talk.seal(&alice, "two");
    let now = talk.net.world.now;
    let waiting = talk.client(&alice).outbox(None, 9, now).unwrap().items;
    for outgoing in waiting {
        talk.post(&alice, &outgoing);
    }
    let of_bob = [take(talk, "bob"), take(talk, "bob")];
    let of_carol = [take(talk, "carol"), take(talk, "carol")];
    assert!(matches!(of_bob[1].slot, GroupSlot::Mac(_)));
    [of_bob, of_carol]
}

/// Alice's chain, as a member has it.
fn chain_of_alice(talk: &Talk, by: &str) -> Stolen {
    Stolen::from(&talk.net.clients[&first(by)], &talk.group, &first("alice")).unwrap()
}

#[test]
fn row_30_a_member_does_not_forge_a_message_of_another() {
    let mut talk = Talk::of(&NAMES);
    let [of_bob, of_carol] = two_of_alice(&mut talk);
    receive(&mut talk, "bob", &of_bob[0]);
    receive(&mut talk, "carol", &of_carol[0]);
    // Carol knows the chain of Alice, so header and body are as Alice would make them.
    let (stolen, alice) = (chain_of_alice(&talk, "carol"), first("alice"));
    let chain = stolen.newest();
    let mut owned = chain.go_on(&talk.group, &identity(&talk, &alice), chain.n);
    let forged = Committed::new(&mut talk, &alice, "forged");
    let body = forged.seal(&mut owned, claims(&talk));
    let with_own = mac_slot(&chain.auth_key, &body, &forged.associated_data);
    let now = talk.net.world.now;
    for slot in [
        GroupSlot::Mac([0; 16]),
        GroupSlot::Mac(with_own),
        of_bob[1].slot.clone(),
    ] {
        let queued = stamped(&talk, (&alice, &forged.tag), &body, slot, now);
        let error = refused(&mut talk, "bob", queued);
        assert!(is_unauthenticated(&error), "{error:?}");
    }
    // The key slot of a real message is for its own body.
    let slot = of_bob[0].slot.clone();
    let queued = stamped(&talk, (&alice, &forged.tag), &body, slot, now);
    let error = refused(&mut talk, "bob", queued);
    assert!(matches!(error, ReceiveError::Session(_)), "{error:?}");
    let received = receive(&mut talk, "bob", &of_bob[1]);
    assert_eq!(shown(&received), "alice: two");
}

#[test]
fn row_31_a_body_altered_under_the_shared_key_of_a_message_opens_for_nobody() {
    let mut talk = Talk::of(&NAMES);
    let [of_bob, of_carol] = two_of_alice(&mut talk);
    receive(&mut talk, "bob", &of_bob[0]);
    receive(&mut talk, "carol", &of_carol[0]);
    // Carol has the key of the second message before she opens it. Its tag stays.
    let (stolen, alice) = (chain_of_alice(&talk, "carol"), first("alice"));
    let chain = stolen.newest();
    let mut owned = chain.go_on(&talk.group, &identity(&talk, &alice), chain.n);
    let mut altered = Committed::new(&mut talk, &alice, "altered");
    let genuine = delivered(&talk, &first("bob"), &of_bob[1]);
    let tag = *genuine.claim().tag();
    let in_data = altered.associated_data.windows(32);
    let at = in_data
        .clone()
        .position(|window| window == altered.tag.as_bytes());
    altered.associated_data[at.unwrap()..][..32].copy_from_slice(tag.as_bytes());
    let body = altered.seal(&mut owned, claims(&talk));
    let (slot, now) = (of_bob[1].slot.clone(), talk.net.world.now);
    let queued = stamped(&talk, (&alice, &tag), &body, slot, now);
    let error = refused(&mut talk, "bob", queued);
    assert!(is_unauthenticated(&error), "{error:?}");
    // Even if Bob had no more than Carol, he would not show it: the tag does not commit to it.
    let with_own = mac_slot(&chain.auth_key, &body, &altered.associated_data);
    let slot = GroupSlot::Mac(with_own);
    let queued = stamped(&talk, (&alice, &tag), &body, slot, now);
    let mut copy = talk.copy(&first("carol"));
    let error = copy.receive(&talk.net.world.deliver_group(&first("carol"), &queued));
    assert!(matches!(error, Err(ReceiveError::Withheld)), "{error:?}");
    let received = receive(&mut talk, "bob", &of_bob[1]);
    assert_eq!(shown(&received), "alice: two");
}

#[test]
fn row_32_the_text_of_another_under_a_later_number_of_its_chain_does_not_open() {
    let mut talk = Talk::of(&NAMES);
    let [of_bob, of_carol] = two_of_alice(&mut talk);
    for at in 0..2 {
        receive(&mut talk, "bob", &of_bob[at]);
        receive(&mut talk, "carol", &of_carol[at]);
    }
    let (stolen, alice) = (chain_of_alice(&talk, "carol"), first("alice"));
    let chain = stolen.newest();
    assert_eq!(chain.n, 2);
    let mut owned = chain.go_on(&talk.group, &identity(&talk, &alice), 2);
    // It has a tag of its own, or it would count as a duplicate.
    let again = Committed::new(&mut talk, &alice, "two");
    let body = again.seal(&mut owned, claims(&talk));
    let (slot, now) = (of_bob[1].slot.clone(), talk.net.world.now);
    let queued = stamped(&talk, (&alice, &again.tag), &body, slot, now);
    let error = refused(&mut talk, "bob", queued);
    assert!(is_unauthenticated(&error), "{error:?}");
}

#[test]
fn row_33_a_chain_that_a_member_passes_on_as_its_own_shows_nothing_of_its_owner() {
    let mut talk = Talk::of(&NAMES);
    let mut mallory = Fellow::member(&mut talk);
    let [of_bob, of_carol] = two_of_alice(&mut talk);
    receive(&mut talk, "bob", &of_bob[0]);
    let before = chain_of_alice(&talk, "bob");
    receive(&mut talk, "carol", &of_carol[0]);
    // Carol hands Mallory the chain of Alice, who gives it to Bob in her session.
    let (stolen, alice) = (chain_of_alice(&talk, "carol"), first("alice"));
    let chain = stolen.newest();
    let (number, n) = (chain.number.to_be_bytes(), chain.n.to_be_bytes());
    let keys = [
        &[1],
        &number[..],
        &n,
        &chain.key,
        &chain.header_key,
        &chain.auth_key,
    ]
    .concat();
    let body = of_bob[1].stamped.body().to_vec();
    let own = Committed::new(&mut talk, mallory.me(), "mine");
    let slot = mallory.key_slot(&mut talk, "bob", &keys, (&body, &own.associated_data));
    let now = talk.net.world.now;
    let queued = stamped(&talk, (mallory.me(), &own.tag), &body, slot, now);
    let error = refused(&mut talk, "bob", queued);
    assert!(is_unauthenticated(&error), "{error:?}");
    // With the keys she can make a body of her own, which is shown as hers.
    let me = *mallory.device.identity.public();
    let mut owned = own_chain(chain, &[1; 32], (&talk.group, &me), chain.n, &[]);
    let body = own.seal(&mut owned, claims(&talk));
    let slot = mallory.key_slot(&mut talk, "bob", &keys, (&body, &own.associated_data));
    let queued = stamped(&talk, (mallory.me(), &own.tag), &body, slot, now);
    assert_eq!(shown(&receive(&mut talk, "bob", &queued)), "mallory: mine");
    // Alice's chain is not touched by it.
    assert_eq!(
        chain_of_alice(&talk, "bob").newest().key,
        before.newest().key
    );
    let received = receive(&mut talk, "bob", &of_bob[1]);
    assert_eq!(shown(&received), "alice: two");
    let of_mallory = Stolen::from(&talk.net.clients[&first("bob")], &talk.group, mallory.me());
    assert_eq!(of_mallory.unwrap().newest().number, chain.number);
    assert_ne!(alice, *mallory.me());
}

#[test]
fn row_40_a_thief_makes_no_earlier_message_for_a_member_who_was_off_line() {
    let mut talk = Talk::of(&NAMES);
    let [of_bob, _] = two_of_alice(&mut talk);
    receive(&mut talk, "bob", &of_bob[0]);
    // The thief copies Alice's device, which sent the second message that Bob does not have yet.
    let (alice, bob) = (first("alice"), first("bob"));
    let owner = identity(&talk, &alice);
    let (chain, root) = own_chain_of(&talk.net.clients[&alice], &talk.group, &owner);
    assert_eq!(chain.n, 2);
    let forged = Committed::new(&mut talk, &alice, "forged");
    let bobs = identity(&talk, &bob);
    let made = |talk: &Talk, n: u32| {
        let of = (&talk.group, &owner);
        let mut owned = own_chain(&chain, &root, of, n, std::slice::from_ref(&bobs));
        let (text, data) = (&forged.plaintext, &forged.associated_data);
        let sealed = owned.seal(&claims(talk), text, data, [&bobs]).unwrap();
        match sealed.slots[0] {
            waxseal::core::ChainSlot::Mac(mac) => (sealed.body, GroupSlot::Mac(mac)),
            waxseal::core::ChainSlot::Key(_) => panic!("Bob has the chain"),
        }
    };
    let at = of_bob[1].stamped.claim().context().accepted_at;
    let (body, slot) = made(&talk, 1);
    let queued = stamped(&talk, (&alice, &forged.tag), &body, slot, at);
    let error = refused(&mut talk, "bob", queued);
    assert!(is_unauthenticated(&error), "{error:?}");
    let received = receive(&mut talk, "bob", &of_bob[1]);
    assert_eq!(shown(&received), "alice: two");
    // What was stolen is the present state: until Alice renews the chain, the thief is Alice.
    let (body, slot) = made(&talk, 2);
    let queued = stamped(&talk, (&alice, &forged.tag), &body, slot, at);
    let received = receive(&mut talk, "bob", &queued);
    assert_eq!(shown(&received), "alice: forged");
}

#[test]
fn row_54_one_recipient_alone_makes_a_message_of_another_that_its_own_device_takes() {
    let mut talk = Talk::of(&NAMES);
    talk.say_all("alice", "one");
    // Carol has Alice's chain and the key for her own slots. No key of Alice or of the relay: the
    // delivery key is the one that Carol's device shares with the relay.
    let (stolen, alice, carol) = (
        chain_of_alice(&talk, "carol"),
        first("alice"),
        first("carol"),
    );
    let chain = stolen.newest();
    let mut owned = chain.go_on(&talk.group, &identity(&talk, &alice), chain.n);
    let forged = Committed::new(&mut talk, &alice, "I never said that");
    let body = forged.seal(&mut owned, claims(&talk));
    let slot = GroupSlot::Mac(mac_slot(&chain.auth_key, &body, &forged.associated_data));
    let at = Timestamp::from_millis(talk.net.world.now.as_millis());
    let queued = stamped(&talk, (&alice, &forged.tag), &body, slot, at);
    let received = receive(&mut talk, "carol", &queued);
    assert_eq!(shown(&received), "alice: I never said that");
    let group = talk.group;
    let message = talk.client(&carol).message(group, &forged.tag).unwrap();
    assert!(message.is_some(), "it is stored like any other");
}
