//! A device that was linked later gets what was written in the account's groups.

use waxseal::{Direction, Disclosure, Reason};

use crate::support::first;
use crate::talk::Talk;

#[test]
fn a_new_device_has_the_history_of_the_groups_and_can_report_it() {
    let mut talk = Talk::of(&["alice", "bob"]);
    talk.say_all("alice", "one");
    talk.say_all("bob", "two");
    let (phone, group) = (first("alice"), talk.group);
    let laptop = talk.net.link("alice");
    talk.run();

    let now = talk.net.world.now;
    let request = talk
        .client(&laptop)
        .ask_history(now, &mut rand::rng())
        .unwrap();
    talk.run();
    talk.client(&phone)
        .offer_history(laptop.device, request, now, &mut rand::rng())
        .unwrap();
    talk.run();
    let chunk = talk
        .client(&phone)
        .history_chunk(0, &mut rand::rng())
        .unwrap();
    assert!(chunk.is_last);
    // The provider cannot alter it.
    let mut altered = chunk.bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(talk.client(&laptop).import_history(&altered).is_err());
    let taken = talk.client(&laptop).import_history(&chunk.bytes).unwrap();
    assert!(taken.is_done);
    assert_eq!(taken.refused, 0);

    let [on_phone, on_laptop] = [&phone, &laptop].map(|device| {
        let messages = talk.net.clients[device].messages(group, None, 10).unwrap();
        let texts = messages.items.iter().map(|one| {
            let text = one.text().unwrap().to_owned();
            (*one.id(), one.direction(), text)
        });
        texts.collect::<Vec<_>>()
    });
    assert_eq!(on_laptop, on_phone);
    let directions = on_laptop.iter().map(|(_, direction, _)| *direction);
    assert!(directions.eq([Direction::Sent, Direction::Received]));
    // What both get from now on comes after it, and what was taken can be reported.
    talk.say_all("bob", "three");
    let messages = talk.net.clients[&laptop].messages(group, None, 10).unwrap();
    let texts: Vec<_> = messages.items.iter().map(|one| one.text()).collect();
    assert_eq!(texts, [Some("one"), Some("two"), Some("three")]);
    let reported = messages.items.iter();
    let reported = reported.map(|one| (*one.id(), Disclosure::Whole));
    let draft = talk.net.clients[&laptop].draft_report(group, Reason::Spam, reported);
    let (world, clients) = (&mut talk.net.world, &mut talk.net.clients);
    let key = world.moderation.public_key();
    let client = clients.get_mut(&laptop).unwrap();
    let report = client.report(&draft.unwrap(), key, &mut world.rng).unwrap();
    let verified = world.verify(&report.report).unwrap();
    assert_eq!(verified.messages().len(), 3);
}
