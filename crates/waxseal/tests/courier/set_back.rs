//! Stores that are set back: the courier notices it at its sign-in, whatever was written before.

use waxseal::courier::Event;
use waxseal_world::account;

use crate::copied::Copied;
use crate::disk::Disk;
use crate::phone::{HOUR_MS, MINUTE_MS, Phone, Town};

fn set_backs(phone: &Phone) -> usize {
    phone.count(|event| matches!(event, Event::SetBack(_)))
}

#[test]
fn a_restored_store_is_noticed_however_much_is_written_before_the_sign_in() {
    let disk = Copied::default();
    let mut town = Town::quick(&["bob"]);
    town.phones
        .insert(0, Phone::on(Disk::new(disk.clone()), "alice", 4));
    town.live(MINUTE_MS);
    town.say(0, "bob", "before");
    town.live(MINUTE_MS);
    town.accept(1, "alice");
    town.say(1, "alice", "hello");
    town.live(MINUTE_MS);
    let backup = disk.backup();
    town.say(0, "bob", "lost here, and not there");
    town.say(1, "alice", "to the lost line");
    town.live(MINUTE_MS);

    let mut said = vec!["before".to_owned(), "lost here, and not there".to_owned()];
    // Restored twice: to the first backup, and to what was there after it was noticed.
    for (round, copy) in [backup.backup(), backup].into_iter().enumerate() {
        town.phones[0] = Phone::on(Disk::new(copy), "alice", 10 + round as u64);
        for number in 0..5 {
            let text = format!("round {round}, number {number}");
            town.say(0, "bob", &text);
            said.push(text);
        }
        town.live(2 * HOUR_MS);
        assert!(set_backs(&town.phones[0]) >= 1, "round {round}");
        let text = format!("round {round}, and on");
        town.say(0, "bob", &text);
        said.push(text);
        town.say(1, "alice", &format!("answer {round}"));
        town.live(2 * HOUR_MS);
        assert_eq!(town.phones[1].heard("alice"), said);
        let heard = town.phones[0].heard("bob");
        assert!(heard.contains(&format!("answer {round}")), "{heard:?}");
        let mut numbers: Vec<_> = town.phones[1]
            .messages(&account("alice"))
            .iter()
            .filter(|message| message.direction() == waxseal::Direction::Received)
            .map(|message| message.header().sequence)
            .collect();
        let count = numbers.len();
        numbers.dedup();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count, "a number was used twice");
        let relay = &town.relay;
        town.phones[1].assert_all_can_be_reported("alice", relay);
    }
}
