//! What the devices of one account share: facts, and the history.

use waxseal::Synced;
use waxseal::courier::{Event, Request};
use waxseal_interface::ErrorCode;
use waxseal_world::{Fault, account};

use crate::devices::said;
use crate::phone::{HOUR_MS, MINUTE_MS, Town};

/// Alice and Bob, who wrote this many times to each other, and a new laptop of Alice.
fn with_laptop(messages: usize) -> Town {
    let mut town = Town::of_two();
    for number in 0..messages {
        town.say(0, "bob", &format!("to bob {number}"));
        town.say(1, "alice", &format!("to alice {number}"));
    }
    town.live(10 * MINUTE_MS);
    town.link_new(0, 50);
    town.live(MINUTE_MS);
    town
}

/// The laptop asks for the history, and the user of the phone agrees when asked.
pub(crate) fn ask(town: &mut Town) {
    let (now, laptop) = (town.now(), &mut town.phones[2]);
    laptop.courier.ask_history(now, &mut laptop.rng).unwrap();
}

pub(crate) fn agree(town: &mut Town) -> bool {
    let now = town.now();
    let phone = &mut town.phones[0];
    let wanted = phone.events.iter().find_map(|event| match event {
        Event::Synced { changes, .. } => changes.iter().find_map(|change| match change {
            Synced::HistoryWanted { device, request } => Some((*device, *request)),
            _ => None,
        }),
        _ => None,
    });
    let Some((device, request)) = wanted else {
        return false;
    };
    phone.events.clear();
    let given = phone
        .courier
        .give_history(device, request, now, &mut phone.rng);
    given.is_ok()
}

fn has_all(town: &Town) -> bool {
    let [phone, _, laptop] = &town.phones[..] else {
        panic!()
    };
    phone.heard("bob") == laptop.heard("bob") && said(phone, "bob") == said(laptop, "bob")
}

fn done(town: &Town) -> usize {
    town.phones[2].count(|event| matches!(event, Event::History(progress) if progress.is_done))
}

#[test]
fn a_new_device_gets_the_history_and_can_report_it() {
    let mut town = with_laptop(60);
    assert!(town.phones[2].heard("bob").is_empty());
    ask(&mut town);
    town.live(MINUTE_MS);
    assert!(agree(&mut town));
    town.live(10 * MINUTE_MS);
    assert_eq!(done(&town), 1);
    assert!(has_all(&town));
    assert_eq!(town.phones[2].heard("bob").len(), 61);
    let relay = &town.relay;
    town.phones[2].assert_all_can_be_reported("bob", relay);
    // Nobody asks for anything any more.
    town.relay.asked.clear();
    town.live(HOUR_MS);
    let mails = town.relay.asked.iter();
    assert_eq!(
        mails.filter(|asked| asked.path.contains("mailbox")).count(),
        0
    );
}

#[test]
fn a_new_device_gets_the_title_of_a_group_with_the_history() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    let now = town.now();
    let bob = &mut town.phones[1];
    let titles = ["Hikes", "Walks"].map(|title| {
        let courier = &mut bob.courier;
        courier.set_group_profile(&group, title, b"picture", now, &mut bob.rng)
    });
    assert!(titles.iter().all(Result::is_ok));
    town.live(MINUTE_MS);
    town.link_new(0, 50);
    town.live(HOUR_MS);
    assert_eq!(town.phones[2].info(&group).title, "");
    ask(&mut town);
    town.live(MINUTE_MS);
    assert!(agree(&mut town));
    town.live(10 * MINUTE_MS);
    assert_eq!(done(&town), 1);
    let info = town.phones[2].info(&group);
    assert_eq!(
        (info.title.as_str(), info.picture.as_slice()),
        ("Walks", &b"picture"[..])
    );
}

#[test]
fn a_history_survives_lost_requests_lost_answers_and_restarts() {
    for fault in [
        Fault::RequestLost,
        Fault::AnswerLost,
        ErrorCode::Busy.into(),
    ] {
        for number in 0..12 {
            let mut town = with_laptop(3);
            let (fault, first) = (fault.clone(), town.relay.asked.len());
            town.relay
                .fail(move |asked| (asked.number == first + number).then(|| fault.clone()));
            ask(&mut town);
            town.live(10 * MINUTE_MS);
            assert!(agree(&mut town), "{number}");
            town.turn();
            town.phones[0].restart();
            town.turn();
            town.phones[2].restart();
            town.live(HOUR_MS);
            assert_eq!(done(&town), 1, "{number}");
            assert!(has_all(&town), "{number}");
        }
    }
}

#[test]
fn chunks_that_the_relay_dropped_are_asked_for_again() {
    let mut town = with_laptop(3);
    ask(&mut town);
    town.live(MINUTE_MS);
    // The laptop is away until the mailboxes are empty.
    town.relay.disconnect(town.phones[2].connection.unwrap());
    let mut laptop = town.phones.pop().unwrap();
    assert!(agree(&mut town));
    town.live(20 * MINUTE_MS);
    laptop.courier.disconnected();
    laptop.connection = None;
    town.phones.push(laptop);
    town.live(HOUR_MS);
    assert_eq!(done(&town), 1);
    assert!(has_all(&town));
}

#[test]
fn a_device_that_gets_no_history_asks_a_few_times_and_not_without_end() {
    let mut town = with_laptop(3);
    ask(&mut town);
    town.live(MINUTE_MS);
    assert!(agree(&mut town));
    town.relay.fail(|asked| {
        let is_chunk = asked.is("PUT", "/v1/mailboxes");
        is_chunk.then(|| ErrorCode::MailboxFull.into())
    });
    town.live(6 * HOUR_MS);
    assert_eq!(done(&town), 0);
    town.relay.asked.clear();
    town.live(6 * HOUR_MS);
    let looks = town.relay.asked.iter();
    let looks = looks
        .filter(|asked| asked.is("GET", "/v1/mailboxes"))
        .count();
    assert_eq!(looks, 0);
    // The user asks again.
    town.relay.work();
    ask(&mut town);
    town.live(HOUR_MS);
    agree(&mut town);
    town.live(HOUR_MS);
    assert_eq!(done(&town), 1);
    assert!(has_all(&town));
}

#[test]
fn what_the_user_read_on_one_device_is_read_on_the_other() {
    let mut town = with_laptop(3);
    let bob = account("bob");
    town.say(1, "alice", "read me");
    town.live(MINUTE_MS);
    let last = town.phones[0].messages(&bob).last().unwrap().clone();
    let now = town.now();
    let client = town.phones[0].courier.client_mut();
    client.mark_read(&bob, last.id(), now).unwrap();
    town.live(10 * MINUTE_MS);
    let told =
        |event: &Event| matches!(event, Event::Synced { changes, .. } if !changes.is_empty());
    assert!(town.phones[2].count(told) > 0);
    let read = |who: usize| town.phones[who].courier.client().read_up_to(&bob).unwrap();
    assert_eq!(read(0), read(2));
    assert!(read(2).is_some());
}

/// A town whose history has several chunks, of which the phone is about to put the first.
fn with_long_history() -> Town {
    let mut town = Town::of_two();
    for number in 0..4 {
        town.say(0, "bob", &format!("{number} {}", "long ".repeat(8_000)));
        town.turn();
    }
    town.live(10 * MINUTE_MS);
    town.link_new(0, 50);
    town.live(MINUTE_MS);
    ask(&mut town);
    town.live(MINUTE_MS);
    town.relay.asked.clear();
    town
}

fn puts(town: &Town) -> usize {
    let asked = town.relay.asked.iter();
    asked
        .filter(|asked| asked.is("PUT", "/v1/mailboxes"))
        .count()
}

#[test]
fn a_device_that_gives_a_history_does_not_put_it_again_at_each_start() {
    let mut town = with_long_history();
    town.relay.disconnect(town.phones[2].connection.unwrap());
    town.phones.truncate(2); // the laptop is away
    assert!(agree(&mut town));
    town.live(20 * MINUTE_MS);
    let chunks = puts(&town);
    assert!(chunks > 1);
    for _ in 0..3 {
        town.phones[0].restart();
        town.live(11 * MINUTE_MS);
    }
    assert_eq!(
        puts(&town),
        chunks + 3,
        "the last one, of which it is not sure"
    );
}

#[test]
fn an_answer_about_an_earlier_round_skips_no_chunk_of_the_next_one() {
    let mut town = with_long_history();
    assert!(agree(&mut town));
    let export = |town: &Town| town.phones[0].courier.client().history_export().unwrap();
    let first = export(&town).unwrap();
    let now = town.now();
    let (late, http) = loop {
        let phone = &mut town.phones[0];
        match phone.courier.next(now, &mut phone.rng).unwrap() {
            Some(Request::Call { id, http, .. }) if http.path.contains("mailboxes") => {
                break (id, http);
            }
            Some(Request::Call { id, http, .. }) => {
                let answer = town.relay.send(&http);
                let phone = &mut town.phones[0];
                let answered = phone.courier.answer(id, answer, now, &mut phone.rng);
                answered.unwrap();
            }
            other => panic!("{other:?}"),
        }
    };
    // Meanwhile the user agrees once more.
    let phone = &mut town.phones[0];
    phone
        .courier
        .give_history(first.device, first.request, now, &mut phone.rng)
        .unwrap();
    let answer = town.relay.send(&http);
    let phone = &mut town.phones[0];
    phone
        .courier
        .answer(late, answer, now, &mut phone.rng)
        .unwrap();
    town.relay.asked.clear();
    town.phones[0].turn(&mut town.relay);
    let mut asked = town.relay.asked.iter();
    let put = asked.find(|asked| asked.is("PUT", "/v1/mailboxes"));
    assert!(put.unwrap().path.ends_with("/0"));
}
