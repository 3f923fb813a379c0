//! A device leaves its account by itself, whatever is lost on the way.

use waxseal::courier::Event;
use waxseal::errors::LeaveError;
use waxseal::{Leaving, Notice};
use waxseal_interface::ErrorCode;
use waxseal_world::{Fault, account};

use crate::devices::of_three;
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

const PHONE: usize = 0;
const BOB: usize = 1;
const LAPTOP: usize = 2;

/// Alice's phone and laptop, and Bob, who knows both.
fn of_three_who_talk() -> Town {
    let mut town = of_three();
    town.say(LAPTOP, "bob", "from the laptop");
    town.live(MINUTE_MS);
    town.say(BOB, "alice", "to both");
    town.live(HOUR_MS);
    town
}

/// The device leaves, and calls again after its store failed.
fn leave(town: &mut Town, who: usize) {
    let now = town.now();
    for _ in 0..3 {
        let phone = &mut town.phones[who];
        match phone.courier.leave(now, &mut phone.rng) {
            Ok(()) => return,
            Err(LeaveError::State(_)) => phone.failed(),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store works now");
}

fn is_removed(event: &Event) -> bool {
    matches!(event, Event::Removed)
}

fn own_devices(town: &Town) -> usize {
    let own = town.phones[PHONE].courier.client().own_roster().unwrap();
    own.unwrap().devices().len()
}

/// The laptop is out, nobody lost a message, and the others go on.
fn check_left(town: &mut Town) {
    town.live(2 * HOUR_MS);
    assert_eq!(own_devices(town), 1);
    assert_eq!(town.relay.provider.devices(&account("alice")).len(), 1);
    assert!(town.phones[LAPTOP].count(is_removed) >= 1);
    let pending = town.phones[PHONE].courier.client().pending_roster();
    assert_eq!(pending.unwrap(), None);
    town.say(BOB, "alice", "only to the phone");
    town.say(PHONE, "bob", "from the phone");
    town.live(HOUR_MS);
    let heard = |who: usize, peer: &str| town.phones[who].heard(peer);
    assert_eq!(heard(PHONE, "bob").last().unwrap(), "only to the phone");
    assert_eq!(heard(BOB, "alice").last().unwrap(), "from the phone");
    assert!(!heard(LAPTOP, "bob").contains(&"only to the phone".to_owned()));
}

#[test]
fn a_device_that_leaves_is_stopped_and_a_manager_signs_the_roster() {
    let mut town = of_three_who_talk();
    let laptop = town.device(LAPTOP);
    // What it wrote before still goes out.
    town.say(LAPTOP, "bob", "goodbye");
    leave(&mut town, LAPTOP);
    check_left(&mut town);
    assert_eq!(town.phones[LAPTOP].count(is_removed), 1);
    assert!(
        town.phones[BOB]
            .heard("alice")
            .contains(&"goodbye".to_owned())
    );
    for who in [PHONE, BOB] {
        let told = town.phones[who].count(|event| {
            matches!(event, Event::Notice(Notice::DevicesChanged { removed, added, .. })
                if removed[..] == [laptop] && added.is_empty())
        });
        assert_eq!(told, 1, "{:?}", town.phones[who].events);
    }
    // It is quiet, and after a restart it is told again.
    let mut left = town.phones.pop().unwrap();
    assert_eq!(left.turn(&mut town.relay), 0);
    left.restart();
    left.turn(&mut town.relay);
    assert_eq!(left.count(is_removed), 2);
}

#[test]
fn while_the_manager_is_away_a_device_that_left_holds_nobody_up() {
    let mut town = of_three_who_talk();
    let address = town.phones[LAPTOP].courier.client().me().clone();
    town.relay
        .disconnect(town.phones[PHONE].connection.unwrap());
    let mut phone = town.phones.remove(PHONE);
    let (bob, laptop) = (0, 1);
    leave(&mut town, laptop);
    town.live(MINUTE_MS);
    assert_eq!(town.phones[laptop].count(is_removed), 1);
    assert!(town.relay.provider.has_left(&address));
    // Bob's slot for the laptop is dropped. The relay asks him for nothing.
    town.relay.asked.clear();
    town.say(bob, "alice", "who is there?");
    town.live(MINUTE_MS);
    let posts = town.relay.asked.iter();
    let posts = posts.filter(|asked| asked.is("POST", "/v1/messages/alice"));
    assert_eq!(posts.count(), 1);
    assert_eq!(town.relay.queued_of(&address), 0);
    phone.restart();
    town.phones.insert(PHONE, phone);
    check_left(&mut town);
    let heard = town.phones[PHONE].heard("bob");
    assert!(heard.contains(&"who is there?".to_owned()));
    assert!(!town.relay.provider.has_left(&address));
}

#[test]
fn a_leave_goes_on_after_a_stop_in_any_commit() {
    for who in [LAPTOP, PHONE] {
        let mut stopped = 0;
        for (turn, commits_before) in (0_u32..).zip(0..) {
            let mut town = of_three();
            town.phones[who].stop_in(commits_before, turn % 2);
            leave(&mut town, LAPTOP);
            check_left(&mut town);
            if town.phones[who].disk.stop.borrow().is_some() {
                stopped = commits_before;
                break;
            }
        }
        assert!(stopped > 4, "{stopped}");
    }
}

#[test]
fn a_leave_goes_on_after_the_process_ended_between_a_request_and_its_answer() {
    for asked in 0.. {
        let mut town = of_three();
        town.phones[LAPTOP].ends_after = Some(asked);
        leave(&mut town, LAPTOP);
        check_left(&mut town);
        if town.phones[LAPTOP].ends_after.is_some() {
            assert!(asked >= 3, "{asked}");
            break;
        }
    }
}

#[test]
fn a_leave_is_posted_until_the_relay_has_it() {
    for path in ["/v1/leave", "/v1/messages/alice", "/v1/challenges"] {
        for fault in [
            Fault::RequestLost,
            Fault::AnswerLost,
            ErrorCode::Busy.into(),
        ] {
            let mut town = of_three();
            let mut left = 3;
            town.relay.fail(move |asked| {
                let is_it = asked.is("POST", path) && left > 0;
                left -= i32::from(is_it);
                is_it.then(|| fault.clone())
            });
            leave(&mut town, LAPTOP);
            town.turn_of(LAPTOP);
            let told = town.phones[LAPTOP].courier.client().leaving().unwrap();
            assert_ne!(told, Leaving::No);
            town.phones[LAPTOP].restart();
            check_left(&mut town);
        }
    }
}

#[test]
fn a_device_that_leaves_before_its_first_sign_in_of_a_process_leaves_after_it() {
    let mut town = of_three();
    town.phones[LAPTOP].restart();
    leave(&mut town, LAPTOP);
    assert_eq!(town.phones[LAPTOP].outbox(), 0);
    check_left(&mut town);
}

#[test]
fn two_managers_that_hear_it_make_one_change() {
    let mut town = of_three();
    let tablet = town.link_new(PHONE, 52);
    let secret = town.phones[PHONE].courier.client().account_secret();
    let secret = secret.unwrap().unwrap();
    town.phones[LAPTOP].courier.ask_roster(&account("alice"));
    town.live(MINUTE_MS);
    let now = town.now();
    let taken = town.phones[LAPTOP].courier.take_over(&secret, &[], now);
    taken.unwrap();
    town.live(MINUTE_MS);
    leave(&mut town, tablet);
    town.live(DAY_MS);
    assert_eq!(town.relay.provider.devices(&account("alice")).len(), 2);
    for who in [PHONE, LAPTOP] {
        let client = town.phones[who].courier.client();
        assert_eq!(client.pending_roster().unwrap(), None);
        assert_eq!(client.own_roster().unwrap().unwrap().devices().len(), 2);
        let is_refused =
            |event: &Event| matches!(event, Event::NotChanged(_) | Event::RosterRefused(_));
        assert_eq!(town.phones[who].count(is_refused), 0);
    }
}
