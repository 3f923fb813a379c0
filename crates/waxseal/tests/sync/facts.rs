//! What one device changes, the others know.

use waxseal::sync::{Fact, SettingName};
use waxseal::{MemoryStore, Notice, Received, Synced};
use waxseal_world::account;

use super::support::{Net, bob, shared, synced, texts};

fn name(name: &str) -> SettingName {
    SettingName::new(name).unwrap()
}

#[test]
fn a_verified_contact_a_block_and_a_setting_are_known_on_the_other_device() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.send(&mut phone, &bob(), "Hello!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    phone.mark_verified(&bob(), true).unwrap();
    phone.block(&account("mallory"), true).unwrap();
    laptop.set_setting(&name("theme"), b"dark").unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);

    assert!(laptop.peer_state(&bob()).unwrap().is_verified);
    assert!(laptop.peer_state(&account("mallory")).unwrap().is_blocked);
    assert_eq!(**phone.setting(&name("theme")).unwrap().unwrap(), *b"dark");
    assert_eq!(shared(&phone), shared(&laptop));

    phone.set_setting(&name("theme"), b"").unwrap();
    laptop.block(&account("mallory"), false).unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert!(laptop.setting(&name("theme")).unwrap().is_none());
    assert!(!phone.peer_state(&account("mallory")).unwrap().is_blocked);
    assert_eq!(shared(&phone), shared(&laptop));
    // Nobody else is told anything.
    assert!(shared(&other).is_empty());
}

#[test]
fn a_new_device_gets_all_contacts_and_settings() {
    let mut net = Net::new();
    let mut phone = net.provider.register("alice");
    let mut other = net.provider.register("bob");
    net.send(&mut phone, &bob(), "Hello!");
    net.settle(&mut [&mut phone, &mut other]);
    phone.mark_verified(&bob(), true).unwrap();
    for number in 0..120 {
        let value = vec![7; number * 8];
        phone
            .set_setting(&name(&format!("setting {number}")), &value)
            .unwrap();
        phone
            .block(&account(&format!("spammer {number}")), true)
            .unwrap();
    }
    net.settle(&mut [&mut phone, &mut other]);

    let mut laptop = net.link(&mut phone, MemoryStore::new());
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(shared(&laptop).len(), 120 + 120 + 2);
    assert_eq!(shared(&phone), shared(&laptop));
    assert!(laptop.peer_state(&bob()).unwrap().is_verified);
    assert_eq!(
        laptop.peer_account_key(&bob()).unwrap(),
        phone.peer_account_key(&bob()).unwrap()
    );
    // The first message goes to the account that is verified, without a warning.
    net.send(&mut laptop, &bob(), "From the laptop.");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(
        texts(&other, &account("alice")),
        ["Hello!", "From the laptop."]
    );
    assert!(laptop.peer_state(&bob()).unwrap().is_verified);
}

#[test]
fn what_was_read_and_deleted_is_so_on_the_other_device() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let alice = account("alice");
    let ids: Vec<_> = (0..4)
        .map(|number| net.send(&mut other, &alice, format!("Message {number}.").as_str()))
        .collect();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(texts(&laptop, &bob()).len(), 4);

    phone.mark_read(&bob(), &ids[2], net.now()).unwrap();
    net.pass(120_000);
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(laptop.read_up_to(&bob()).unwrap().unwrap().id(), ids[2]);
    // A message before that changes nothing.
    laptop.mark_read(&bob(), &ids[1], net.now()).unwrap();
    assert_eq!(laptop.read_up_to(&bob()).unwrap().unwrap().id(), ids[2]);

    laptop
        .delete_on_all_devices(&bob(), &ids[1], net.now())
        .unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(
        texts(&phone, &bob()),
        ["Message 0.", "Message 2.", "Message 3."]
    );

    phone.delete_conversation_on_all_devices(&bob()).unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert!(texts(&laptop, &bob()).is_empty());
    assert_eq!(texts(&other, &alice).len(), 4);
    assert_eq!(shared(&phone), shared(&laptop));
}

#[test]
fn a_conversation_is_deleted_up_to_what_the_other_device_had() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let alice = account("alice");
    net.send(&mut other, &alice, "Old.");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    phone.delete_conversation_on_all_devices(&bob()).unwrap();
    net.upkeep(&mut phone);
    net.send(&mut other, &alice, "New.");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(texts(&laptop, &bob()), ["New."]);
    assert_eq!(texts(&phone, &bob()), ["New."]);
}

#[test]
fn a_message_that_was_deleted_elsewhere_before_it_arrived_is_not_shown() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let alice = account("alice");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let id = net.send(&mut other, &alice, "Soon gone.");
    // The relay delivers it to the laptop later than the note of the phone.
    let late = net.next(&laptop.me().clone()).unwrap();
    net.settle(&mut [&mut phone]);
    phone.delete_on_all_devices(&bob(), &id, net.now()).unwrap();
    net.settle(&mut [&mut phone, &mut laptop]);
    let received = net.provider.receive(&mut laptop, &late).unwrap();
    assert!(matches!(received, Received::Duplicate { .. }));
    assert!(texts(&laptop, &bob()).is_empty());
}

#[test]
fn read_messages_alone_are_told_once_a_minute() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let alice = account("alice");
    let ids: Vec<_> = (0..3)
        .map(|number| net.send(&mut other, &alice, format!("{number}").as_str()))
        .collect();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    phone.mark_read(&bob(), &ids[0], net.now()).unwrap();
    assert_eq!(net.upkeep(&mut phone), 1);
    phone.mark_read(&bob(), &ids[1], net.now()).unwrap();
    assert_eq!(net.upkeep(&mut phone), 0);
    let again_at = phone
        .upkeep(net.now(), &mut net.provider.fork_rng())
        .unwrap()
        .again_at;
    assert!(again_at.is_some_and(|at| at > net.now()));
    // Together with something else it goes at once.
    phone.set_setting(&name("theme"), b"dark").unwrap();
    assert_eq!(net.upkeep(&mut phone), 1);
    phone.mark_read(&bob(), &ids[2], net.now()).unwrap();
    assert_eq!(net.upkeep(&mut phone), 0);
    net.pass(60_000);
    assert_eq!(net.upkeep(&mut phone), 1);
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(laptop.read_up_to(&bob()).unwrap().unwrap().id(), ids[2]);
}

#[test]
fn two_devices_that_change_the_same_at_once_agree() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.send(&mut phone, &bob(), "Hello!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    phone.set_setting(&name("theme"), b"dark").unwrap();
    laptop.set_setting(&name("theme"), b"light").unwrap();
    phone.mark_verified(&bob(), true).unwrap();
    laptop.block(&bob(), true).unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(shared(&phone), shared(&laptop));
    for device in [&phone, &laptop] {
        let state = device.peer_state(&bob()).unwrap();
        assert!(state.is_verified && state.is_blocked);
    }
    // Whoever writes next, knowing both, has the last word.
    phone.set_setting(&name("theme"), b"blue").unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(**laptop.setting(&name("theme")).unwrap().unwrap(), *b"blue");
}

#[test]
fn nothing_is_lost_while_a_device_is_off_or_its_queue_is_dropped() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    net.off.push(laptop.me().clone());
    for number in 0..30 {
        phone
            .set_setting(&name(&format!("setting {number}")), b"on")
            .unwrap();
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    }
    assert!(net.drop_queue(&laptop.me().clone()) > 0);
    net.off.clear();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_ne!(shared(&phone), shared(&laptop));
    // The relay says that it dropped deliveries.
    laptop.want_shared().unwrap();
    net.pass(3_600_000);
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(shared(&phone), shared(&laptop));
    assert_eq!(shared(&laptop).len(), 30);
}

#[test]
fn a_device_without_usable_prekeys_gets_everything_once_it_has_some() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    // A third device, which has registered and published nothing yet.
    let mut tablet = net.link(&mut phone, MemoryStore::new());
    let hidden = net.provider.hide_prekeys(tablet.me());
    phone.set_setting(&name("theme"), b"dark").unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(shared(&phone), shared(&laptop)); // it stops nobody
    assert!(net.waiting(&tablet.me().clone()) > 0); // empty slots
    net.provider.show_prekeys(tablet.me(), hidden);
    net.pass(3_600_000);
    net.settle(&mut [&mut phone, &mut laptop, &mut tablet, &mut other]);
    net.pass(3_600_000);
    net.settle(&mut [&mut phone, &mut laptop, &mut tablet, &mut other]);
    assert_eq!(shared(&phone), shared(&tablet));
}

#[test]
fn chk344_another_account_key_than_the_pinned_one_is_not_taken_and_the_user_is_told() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.send(&mut phone, &bob(), "Hello!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let known = laptop.peer_account_key(&bob()).unwrap();
    // The phone's user accepts another key for Bob, who started anew.
    let stranger = net.provider.register("bob");
    let new = *stranger.own_roster().unwrap().unwrap().account_key();
    phone.accept_identity(&bob(), &new).unwrap();
    net.settle(&mut [&mut phone, &mut laptop]);
    assert_eq!(laptop.peer_account_key(&bob()).unwrap(), known);
    let notices = laptop.notices(None, 10).unwrap().items;
    let told = Notice::IdentityChanged {
        account: bob(),
        new,
    };
    assert!(notices.contains(&told));
    // The user accepts it here, too.
    laptop.accept_identity(&bob(), &new).unwrap();
    net.settle(&mut [&mut phone, &mut laptop]);
    assert_eq!(laptop.peer_account_key(&bob()).unwrap(), new);
    assert_eq!(shared(&phone), shared(&laptop));
}

#[test]
fn a_contact_that_one_device_pins_is_pinned_on_the_other() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    net.off.push(laptop.me().clone());
    net.send(&mut phone, &bob(), "Hello!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    net.off.clear();
    // The laptop gets only the phone's notes, not the copy of the message.
    let mut told = Vec::new();
    while let Some(delivery) = net.next(&laptop.me().clone()) {
        if let Ok(Received::Synced { changes, .. }) = laptop.receive(&delivery) {
            told.extend(changes);
        }
    }
    let is_pin = |one: &Synced| matches!(one, Synced::Fact(Fact::Trust { account, .. }) if *account == bob());
    assert!(told.iter().any(is_pin), "{told:?}");
    assert_eq!(
        laptop.peer_account_key(&bob()).unwrap(),
        phone.peer_account_key(&bob()).unwrap()
    );
    // Another roster than that of the pinned key is refused.
    let stranger = net.provider.register("bob");
    let roster = stranger.own_roster().unwrap().unwrap().signed().encode();
    assert!(laptop.take_roster(&bob(), &roster, net.now()).is_err());
}

#[test]
fn what_is_shared_of_a_contact_is_forgotten_with_it() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    net.send(&mut phone, &bob(), "Hello!");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    phone.mark_verified(&bob(), true).unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert!(!shared(&phone).is_empty());
    phone.forget_contact(&bob()).unwrap();
    assert!(shared(&phone).is_empty());
    assert!(!shared(&laptop).is_empty());
}

#[test]
fn an_account_with_one_device_writes_nothing_for_others() {
    let mut net = Net::new();
    let mut phone = net.provider.register("alice");
    let mut other = net.provider.register("bob");
    net.send(&mut phone, &bob(), "Hello!");
    phone.mark_verified(&bob(), true).unwrap();
    let received = net.settle(&mut [&mut phone, &mut other]);
    assert!(synced(&received.concat()).is_empty());
    assert_eq!(net.upkeep(&mut phone), 0);
}
