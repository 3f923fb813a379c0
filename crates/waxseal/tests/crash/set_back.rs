//! The script of a set-back: Alice's store is older than the mark that the provider kept.

use waxseal::core::IdentityKeyPair;
use waxseal::errors::SendError;
use waxseal::store::{Key, Row, Table};
use waxseal::{Client, Direction, SetBack, Store};
use waxseal_world::{NOW, account, address};

use crate::disk::Disk;
use crate::script::{AT_PROVIDER, Script};

/// Runs the script; panics if a promise is broken.
pub(crate) fn run(disks: &[Disk; 2]) {
    let mut script = Script::new(disks);
    script.register(0);
    script.register(1);
    script.start();
    script.say(0, "first");
    script.say(1, "answer");
    remember_a_first_message(&mut script);
    let mark = mark_after(&script.disks[0].client());
    for times in [1, 2] {
        notice(&mut script, &mark(times), times);
        script.start();
        script.say(0, "after");
        script.say(1, "answer");
    }
    let texts = |who: usize| script.shown[who].iter().map(|(_, text)| text.as_str());
    assert_eq!(
        texts(0).collect::<Vec<_>>(),
        ["answer", "remembered", "answer", "answer"]
    );
    assert_eq!(texts(1).collect::<Vec<_>>(), ["first", "after", "after"]);
    for disk in disks {
        let client = disk.client();
        assert!(client.outbox(None, 10, NOW).unwrap().items.is_empty());
    }
    let alice = disks[1].client().messages(&account("alice"), None, 9);
    let numbers = alice.unwrap().items.into_iter().filter_map(|message| {
        let is_received = message.direction() == Direction::Received;
        is_received.then_some(message.header().sequence)
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [0, 1 << 32, 2 << 32]);
}

/// Alice gets a first message without a one-time prekey, so that a set-back has a memory to delete.
fn remember_a_first_message(script: &mut Script<'_>) {
    let mut carol = script.world.register("carol");
    let mut bundles = script.world.bundles(&account("alice"));
    bundles.devices[0].one_time = None;
    let rng = &mut script.world.rng;
    carol.start(&account("alice"), &bundles, NOW, rng).unwrap();
    let sent = carol.send(&account("alice"), "remembered", NOW, rng);
    let envelope = sent.unwrap().envelope;
    let (delivery, _) = script
        .world
        .relay_as(carol.me(), &address("alice"), &envelope);
    script.receive(0, &delivery);
}

/// Makes the marks that the provider would have after another line of the store had posted more.
fn mark_after(alice: &Client<Disk>) -> impl Fn(u64) -> [u8; 40] + use<> {
    let account = alice.store().get(&Key::new(Table::new(b"a"), Row::Only));
    let account = account.unwrap().unwrap();
    let at = account.windows(2).position(|field| field == [0x1a, 65]);
    let identity = IdentityKeyPair::import(&account[at.unwrap() + 2..][..65]).unwrap();
    move |times| identity.mark(((times - 1) << 32) + 100)
}

/// Notices the set-back, and publishes the new prekeys. Each step is made until it is done.
fn notice(script: &mut Script<'_>, mark: &[u8; 40], times: u64) {
    let check = |client: &mut Client<Disk>, rng: &mut _| -> Option<Option<SetBack>> {
        client.check_mark(mark, NOW, rng).ok()
    };
    let rng = &mut script.world.rng;
    for _ in 0..2 {
        let noticed = script.disks[0].until_done(|client| check(client, rng));
        assert_eq!(noticed.unwrap().times, times);
    }
    script.disks[0].until_done(|client| {
        assert!(!client.has_session(&account("bob")).unwrap());
        let refused = client.send(&account("bob"), "on a session that was left", NOW, rng);
        assert!(matches!(refused, Err(SendError::NoSession)));
        Some(())
    });
    let upload = script.disks[0].until_done(|client| client.publish_prekeys(AT_PROVIDER, rng).ok());
    script.upload(0, upload);
    let rng = &mut script.world.rng;
    let noticed = script.disks[0].until_done(|client| check(client, rng));
    assert_eq!(noticed, None);
}
