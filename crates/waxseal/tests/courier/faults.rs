//! Every request of every flow fails once: the request is lost, or its answer is. Then everything
//! works, and the result is the same as without.

use waxseal::courier::Event;
use waxseal::{Disclosure, Reason, Status};
use waxseal_world::{Fault, account};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

/// Two phones register, write to each other, tell what arrived, report, and renew their keys.
pub(crate) fn script(town: &mut Town) {
    // Bob's name must be registered before someone writes to it.
    town.live(MINUTE_MS);
    let first = town.say(0, "bob", "first");
    town.live(HOUR_MS);
    town.accept(1, "alice");
    town.live(1);
    town.say(1, "alice", "answer");
    town.live(MINUTE_MS);
    town.say(0, "bob", "second");
    town.say(0, "bob", "third");
    town.live(HOUR_MS);
    let phone = &mut town.phones[1];
    let shown = [(first, Disclosure::Whole)];
    let client = phone.courier.client_mut();
    let draft = client.draft_report(&account("alice"), Reason::Spam, shown);
    while phone
        .courier
        .report(draft.as_ref().unwrap(), &mut phone.rng)
        .is_err()
    {
        phone.restart();
    }
    town.live(HOUR_MS);
    // The signed prekeys are replaced.
    town.wait(8 * DAY_MS);
    town.live(HOUR_MS);
    // The delivery keys are due.
    town.wait(23 * DAY_MS);
    town.live(HOUR_MS);
    town.say(0, "bob", "last");
    town.say(1, "alice", "last answer");
    town.live(2 * HOUR_MS);
}

/// Nothing is lost and nothing came twice.
pub(crate) fn check(town: &mut Town) {
    let [alice, bob] = &mut town.phones[..] else {
        panic!()
    };
    assert_eq!(bob.heard("alice"), ["first", "second", "third", "last"]);
    assert_eq!(alice.heard("bob"), ["answer", "last answer"]);
    for (phone, peer) in [(&*alice, "bob"), (&*bob, "alice")] {
        assert_eq!(phone.outbox(), 0);
        assert_eq!(town.relay.queued(&phone.account()), 0);
        let bad = |event: &Event| {
            matches!(
                event,
                Event::Dropped { .. }
                    | Event::GivenUp { .. }
                    | Event::NotDelivered { .. }
                    | Event::Damaged(_)
                    | Event::DamagedRows(_)
                    | Event::Notice(_)
                    | Event::ReportGivenUp { .. }
            )
        };
        assert_eq!(phone.count(bad), 0, "{:?}", phone.events);
        for message in phone.messages(&account(peer)) {
            assert_ne!(message.status(), Some(Status::Waiting));
        }
    }
    assert_eq!(town.relay.reports().len(), 1);
    // A message key that was used twice would make its second message fail to open.
    let again = town.relay.asked.iter();
    assert_eq!(
        again
            .filter(|asked| asked.is("POST", "/v1/reseals"))
            .count(),
        0
    );
}

/// Runs the script, with the n-th request failing, for each n in these steps. Returns how many
/// requests there were.
fn every_request_fails(fault: &Fault, step: usize) -> usize {
    for number in (0..).step_by(step) {
        let mut town = Town::quick(&["alice", "bob"]);
        let fault = fault.clone();
        town.relay
            .fail(move |asked| (asked.number == number).then(|| fault.clone()));
        script(&mut town);
        check(&mut town);
        if town.relay.asked.len() <= number {
            return number;
        }
    }
    unreachable!()
}

#[test]
fn the_script_without_faults_tells_each_thing_once() {
    let mut town = Town::quick(&["alice", "bob"]);
    script(&mut town);
    check(&mut town);
    let [alice, bob] = &mut town.phones[..] else {
        panic!()
    };
    assert_eq!(
        alice.count(|event| matches!(event, Event::Message { .. })),
        2
    );
    assert_eq!(bob.count(|event| matches!(event, Event::Message { .. })), 4);
    assert_eq!(
        alice.count(|event| matches!(event, Event::Accepted { .. })),
        4
    );
    assert_eq!(
        bob.count(|event| matches!(event, Event::Accepted { .. })),
        2
    );
    assert_eq!(
        bob.count(|event| matches!(event, Event::ReportTaken { .. })),
        1
    );
    for phone in [alice, bob] {
        // Once at first, and once when its delivery key was due.
        assert_eq!(phone.count(|event| matches!(event, Event::Registered)), 2);
        assert!(phone.troubles().is_empty(), "{:?}", phone.troubles());
    }
}

#[test]
fn any_lost_request_changes_nothing() {
    assert!(every_request_fails(&Fault::RequestLost, 1) > 40);
}

#[test]
fn any_lost_answer_changes_nothing() {
    assert!(every_request_fails(&Fault::AnswerLost, 1) > 40);
}

#[test]
fn any_altered_answer_changes_nothing() {
    assert!(every_request_fails(&Fault::AnswerAltered, 4) > 40);
}
