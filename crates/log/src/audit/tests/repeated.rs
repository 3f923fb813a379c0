//! Entries about one report or one grant that repeat or contradict each other.

use super::*;

#[test]
fn chk159_grant_that_was_not_requested_is_found() {
    let purpose = Purpose::Emergency;
    let outcome = ReviewOutcome::Justified;
    let events = [
        Event::GrantApproved { purpose },
        Event::GrantDenied { purpose },
        Event::GrantExpired { purpose },
        Event::EmergencyReviewed { outcome },
        Event::EmergencyOverdue,
    ];
    for event in events {
        let (found, index) = found_after(NEW, DAY + 7, event);
        assert_eq!(found, [Finding::WithoutRequest { index }]);
        assert_eq!(after_request(purpose, &[event]), []);
    }
}

/// What is found after the request of a grant and these entries about it.
fn after_request(purpose: Purpose, events: &[Event]) -> Vec<Finding> {
    let (mut world, number) = (World::new(), Number::from_bytes(NEW));
    world.append(DAY, number, Event::GrantRequested { purpose }, b"");
    for event in events {
        world.append(DAY, number, *event, b"");
    }
    audited(&world, noon(DAY)).findings()
}

#[test]
fn chk159_grant_that_is_counted_twice_is_found() {
    let (purpose, other) = (Purpose::Emergency, Purpose::UserReport);
    let (approved, denied) = (
        Event::GrantApproved { purpose },
        Event::GrantDenied { purpose },
    );
    let expired = Event::GrantExpired { purpose };
    let review = |outcome| Event::EmergencyReviewed { outcome };
    let (good, bad) = (
        review(ReviewOutcome::Justified),
        review(ReviewOutcome::NotJustified),
    );
    let overdue = Event::EmergencyOverdue;
    let all = [approved, expired, overdue, good];
    assert_eq!(after_request(purpose, &all), []);
    // Both answers, both outcomes, or one of them twice.
    let found = |index| [Finding::GrantContradicts { index }];
    for [one, another] in [
        [approved, denied],
        [denied, approved],
        [approved, approved],
        [good, bad],
        [expired, expired],
        [overdue, overdue],
    ] {
        assert_eq!(after_request(purpose, &[one, another]), found(2));
    }
    // Another purpose than the one of the request.
    for event in [approved, denied, expired, good, overdue] {
        assert_eq!(after_request(other, &[event]), found(1));
    }
    let again = Event::GrantRequested { purpose };
    assert_eq!(after_request(other, &[again]), found(1));
}

#[test]
fn chk159_report_that_arrives_twice_is_found() {
    let number = *Story::new().promise.entry().number.as_bytes();
    let (found, index) = found_after(number, DAY + 7, Event::ReportReceived);
    assert_eq!(found, [Finding::ReceivedTwice { index }]);
    // Rejected, and yet received: the reporter was told the one, and the vault the other.
    let (received, rejected) = (Event::ReportReceived, Event::ReportRejected { check: 63 });
    for [one, another] in [
        [received, rejected],
        [rejected, received],
        [rejected, rejected],
    ] {
        let (mut world, number) = (World::new(), Number::from_bytes(NEW));
        world.append(DAY, number, one, b"");
        assert_eq!(audited(&world, noon(DAY)).findings(), []);
        world.append(DAY, number, another, b"");
        let found = audited(&world, noon(DAY)).findings();
        assert_eq!(found, [Finding::ReceivedTwice { index: 1 }]);
    }
}

#[test]
fn chk159_report_that_is_sorted_twice_is_found() {
    let number = *Story::new().promise.entry().number.as_bytes();
    let event = Event::ReportSorted { reason: reason(2) };
    let (found, index) = found_after(number, DAY + 7, event);
    assert_eq!(found, [Finding::SortedTwice { index }]);
}
