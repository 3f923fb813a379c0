//! The script of a repair: Bob loses his sessions with Alice while her messages are on their way.
//! He refuses them, and she seals them again on a new session.

use waxseal::errors::{ConfirmError, ReceiveError, StartError};
use waxseal::{Advice, Received, Status};
use waxseal_world::{NOW, Provider, account, address};

use crate::disk::Disk;
use crate::script::{NAMES, Script};

/// Runs the script; panics if a promise is broken.
pub(crate) fn run(disks: &[Disk; 2]) {
    let mut script = Script::new(disks);
    script.register(0);
    script.register(1);
    script.start();
    script.say(0, "first");
    script.say(1, "answer");
    let on_the_way = ["one", "two"].map(|text| script.seal(0, text));
    lose_sessions(&mut script);
    for (_, delivery) in &on_the_way {
        take(&mut script, 1, delivery);
    }
    for _ in 0..4 {
        attend(&mut script, 1);
        attend(&mut script, 0);
    }
    let texts = script.shown[1].iter().map(|(_, text)| text.as_str());
    assert_eq!(texts.collect::<Vec<_>>(), ["first", "one", "two"]);
    let alice = script.disks[0].client();
    for (id, _) in &on_the_way {
        let message = alice.message(&account("bob"), id).unwrap().unwrap();
        assert!(matches!(message.status(), Some(Status::Delivered { .. })));
    }
    for disk in script.disks {
        let client = disk.client();
        assert!(client.outbox(None, 10, NOW).unwrap().items.is_empty());
    }
}

/// Bob accepts another account key for Alice, and then her own again.
fn lose_sessions(script: &mut Script<'_>) {
    let mut elsewhere = Provider::new(8);
    elsewhere.register("other");
    let other = elsewhere.account_key(&account("other"));
    let own = script.world.account_key(&account("alice"));
    for key in [other, own] {
        let accept =
            |bob: &mut waxseal::Client<Disk>| bob.accept_identity(&account("alice"), &key).ok();
        script.disks[1].until_done(accept);
    }
    let roster = script.world.roster(&account("alice"));
    script.disks[1].until_done(|bob| bob.take_roster(&account("alice"), &roster, NOW).ok());
}

/// Does what a device's upkeep asks for, and sends what is in its outbox.
fn attend(script: &mut Script<'_>, who: usize) {
    let peer = account(NAMES[1 - who]);
    let disk = &script.disks[who];
    let rng = &mut script.world.rng;
    let upkeep = disk.until_done(|client| client.upkeep(NOW, rng).ok());
    assert!(upkeep.rosters.is_empty());
    if !upkeep.bundles.is_empty() {
        let bundles = script.world.bundles(&peer);
        let rng = &mut script.world.rng;
        disk.until_done(|client| {
            match client.restart(&peer, &bundles, NOW, rng) {
                // The session was stored before the stop.
                Ok(_) | Err(StartError::TooSoon { .. }) => Some(()),
                Err(StartError::State(_)) => None,
                Err(error) => panic!("{error}"),
            }
        });
        disk.until_done(|client| client.upkeep(NOW, rng).ok());
    }
    // After a stop, only the outbox knows what was sealed.
    let waiting = disk.client().outbox(None, 10, NOW).unwrap().items;
    for outgoing in waiting {
        let (sender, recipient) = (address(NAMES[who]), address(NAMES[1 - who]));
        let (delivery, receipt) = match outgoing.again_for.is_some() {
            true => {
                let accepted = script.world.post_again(&sender, &outgoing.envelope);
                let (stamped, receipt) = accepted.unwrap();
                let delivery = script.world.deliver(&recipient, &stamped.encode());
                (delivery, receipt)
            }
            false => script
                .world
                .relay_as(&sender, &recipient, &outgoing.envelope),
        };
        script.disks[who].until_done(|client| match client.confirm(&peer, &receipt) {
            // A refusal or receipts were taken out of the outbox before the stop.
            Ok(_) | Err(ConfirmError::NotSent) => Some(()),
            Err(ConfirmError::State(_)) => None,
            Err(error) => panic!("{error}"),
        });
        take(script, 1 - who, &delivery);
    }
}

/// Receives a delivery until it can be acknowledged, and asserts that a message is shown once.
fn take(script: &mut Script<'_>, who: usize, delivery: &[u8]) {
    let shown = &mut script.shown[who];
    script.disks[who].until_done(|client| match client.receive(delivery) {
        Ok(Received::Message { message, .. }) => {
            let is_new = shown.iter().all(|(id, _)| id != message.id());
            assert!(is_new, "a message was shown twice");
            shown.push((*message.id(), message.text().unwrap().to_owned()));
            Some(())
        }
        Ok(Received::Duplicate { conversation, id }) => {
            // A message that was stored before the stop and never shown is shown now. A refusal or
            // receipts have no text.
            if let Some(stored) = client.message(&conversation, &id).unwrap()
                && shown.iter().all(|(shown, _)| *shown != id)
            {
                shown.push((id, stored.text().unwrap().to_owned()));
            }
            Some(())
        }
        Ok(_) => Some(()),
        Err(ReceiveError::State(_)) => None,
        Err(error) => {
            assert_eq!(error.advice(), Advice::AskAgain, "{error}");
            Some(())
        }
    });
}
