//! Every commit stops the machine once, and every request and answer is lost once: promise,
//! receipts and appeals are the same as without.

use super::*;

/// Bob reports Alice, who is decided against and appeals. For a day, both phones are off.
fn script(town: &mut Town) {
    town.relay.open_desk(LOG);
    town.live(MINUTE_MS);
    report(town, "alice");
    town.live(HOUR_MS + MINUTE_MS);
    town.relay.log_report(0);
    town.wait(DAY_MS);
    town.live(HOUR_MS);
    let leaf = TreeHash::from_bytes(town.relay.decide(0, &account("alice"), 7));
    town.live(2 * HOUR_MS);
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
    town.live(2 * HOUR_MS);
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

/// What Alice and Bob are told: of appeals, and how many receipts with news.
fn told(town: &Town) -> [(Vec<AppealState>, usize); 2] {
    [ALICE, BOB].map(|who| (appeals_told(town, who), receipts(town, who).len()))
}

/// What they are told if nothing goes wrong: Bob also of the report's entry.
fn told_without() -> [(Vec<AppealState>, usize); 2] {
    let states = vec![AppealState::Taken, AppealState::Filed];
    let mut town = Town::quick(&["alice", "bob"]);
    script(&mut town);
    check(&town);
    let told = told(&town);
    assert_eq!(told.each_ref().map(|(states, _)| states), [&states; 2]);
    told
}

#[test]
fn a_device_that_stops_in_any_commit_keeps_promise_receipts_and_appeals() {
    for (who, way) in [(ALICE, 0), (ALICE, 1), (BOB, 0), (BOB, 1)] {
        for commits_before in 0.. {
            let mut town = Town::quick(&["alice", "bob"]);
            town.phones[who].stop_in(commits_before, way);
            script(&mut town);
            check(&town);
            // What was told when the machine stopped is lost, or told again.
            let (states, _) = &told(&town)[who];
            let is_right = match states.as_slice() {
                [before @ .., AppealState::Filed] | before => {
                    before.iter().all(|state| *state == AppealState::Taken)
                }
            };
            assert!(is_right && states.len() <= 3, "{states:?}");
            if town.phones[who].disk.stop.borrow().is_some() {
                assert!(commits_before > 20, "{commits_before}");
                break;
            }
        }
    }
}

#[test]
fn a_request_or_an_answer_that_is_lost_loses_no_promise_receipt_or_appeal() {
    let expected = told_without();
    for fault in [Fault::RequestLost, Fault::AnswerLost, Fault::WrongMac] {
        for number in 0.. {
            let mut town = Town::quick(&["alice", "bob"]);
            let fault = fault.clone();
            town.relay
                .fail(move |asked| (asked.number == number).then(|| fault.clone()));
            script(&mut town);
            check(&town);
            assert_eq!(told(&town), expected, "{number}");
            if town.relay.asked.len() <= number {
                assert!(number > 60, "{number}");
                break;
            }
        }
    }
}
