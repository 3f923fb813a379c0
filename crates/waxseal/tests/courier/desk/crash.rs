//! Every commit stops the machine once, and every request and answer is lost once: promise,
//! receipts and appeals are the same as without.

use super::*;

/// Bob reports Alice, who is decided against and appeals.
fn script(town: &mut Town) {
    town.relay.open_desk(LOG);
    town.live(MINUTE_MS);
    report(town, "alice");
    town.live(2 * HOUR_MS);
    town.relay.log_report(0);
    town.live(DAY_MS + HOUR_MS);
    let leaf = TreeHash::from_bytes(town.relay.decide(0, &account("alice"), 7));
    town.live(3 * HOUR_MS);
    for who in [ALICE, BOB] {
        while appeals(town, who).is_empty() {
            let now = town.now();
            if town.phones[who]
                .courier
                .appeal(&leaf, "Look again.", now)
                .is_err()
            {
                town.phones[who].failed();
            }
        }
    }
    town.live(DAY_MS + 3 * HOUR_MS);
}

fn check(town: &Town) {
    assert_eq!(town.relay.reports().len(), 1);
    let kept = promises(town);
    assert_eq!((kept.len(), kept[0].state()), (1, PromiseState::Included));
    assert_eq!(kept[0].receipt().unwrap().told().decisions.len(), 1);
    for who in [ALICE, BOB] {
        let appeals = appeals(town, who);
        assert_eq!(appeals.len(), 1);
        assert_eq!(appeals[0].state, AppealState::Filed, "{who}");
        assert_eq!(refused(town, who), Vec::<String>::new());
        let bad = |event: &Event| {
            matches!(
                event,
                Event::Damaged(_)
                    | Event::DamagedRows(_)
                    | Event::ReportGivenUp { .. }
                    | Event::PromiseOverdue(_)
                    | Event::LogKeysChanged { .. }
            )
        };
        assert_eq!(town.phones[who].count(bad), 0);
    }
    let client = town.phones[ALICE].courier.client();
    assert_eq!(client.account_receipts(None, 9).unwrap().items.len(), 1);
}

#[test]
fn a_device_that_stops_in_any_commit_keeps_promise_receipts_and_appeals() {
    for who in [ALICE, BOB] {
        for (turn, commits_before) in (0_u32..).zip((0..).step_by(3)) {
            let mut town = Town::quick(&["alice", "bob"]);
            town.phones[who].stop_in(commits_before, turn % 2);
            script(&mut town);
            check(&town);
            if town.phones[who].disk.stop.borrow().is_some() {
                assert!(commits_before > 10);
                break;
            }
        }
    }
}

#[test]
fn a_request_or_an_answer_that_is_lost_loses_no_promise_receipt_or_appeal() {
    let faults = [Fault::RequestLost, Fault::AnswerLost, Fault::WrongMac];
    for (first, fault) in (10..).step_by(2).zip(faults) {
        for number in (first..).step_by(6) {
            let mut town = Town::quick(&["alice", "bob"]);
            let fault = fault.clone();
            town.relay
                .fail(move |asked| (asked.number == number).then(|| fault.clone()));
            script(&mut town);
            check(&town);
            if town.relay.asked.len() <= number {
                break;
            }
        }
    }
}
