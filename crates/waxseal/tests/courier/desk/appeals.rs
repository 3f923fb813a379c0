//! Appeals of both sides.

use waxseal::errors::AppealError;
use waxseal::log::entry::Day;
use waxseal_interface::MAX_APPEAL_LEN;

use super::*;

/// Alice was decided against, after a report of Bob. Both know it from receipts.
pub(super) fn decided() -> (Town, TreeHash) {
    let mut town = with_desk();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    let leaf = town.relay.decide(0, &account("alice"), 7);
    town.live(HOUR_MS + MINUTE_MS);
    (town, TreeHash::from_bytes(leaf))
}

fn appeal(town: &mut Town, who: usize, decision: &TreeHash, text: &str) -> &'static str {
    let now = town.now();
    match town.phones[who].courier.appeal(decision, text, now) {
        Ok(()) => "made",
        Err(AppealError::Length) => "length",
        Err(AppealError::NoDecision) => "no decision",
        Err(AppealError::TooLate) => "too late",
        Err(AppealError::Already) => "already",
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn both_sides_appeal_and_a_receipt_shows_what_they_wrote() {
    for (who, side) in [(ALICE, Side::Account), (BOB, Side::Reporter)] {
        let (mut town, leaf) = decided();
        town.relay.desk().is_away = true;
        assert_eq!(appeal(&mut town, who, &leaf, "Look again."), "made");
        assert_eq!(appeal(&mut town, who, &leaf, "Once more."), "already");
        town.live(HOUR_MS / 2);
        assert_eq!(appeals(&town, who)[0].state, AppealState::Waiting);
        town.phones[who].restart();
        town.relay.desk().is_away = false;
        town.live(2 * HOUR_MS);
        let kept = appeals(&town, who).remove(0);
        assert_eq!((kept.side, kept.text.as_str()), (side, "Look again."));
        assert_eq!((kept.decision, kept.state), (leaf, AppealState::Filed));
        assert_eq!(
            appeals_told(&town, who),
            [AppealState::Taken, AppealState::Filed]
        );
        let (by, filed) = &town.relay.desk().appeals[0];
        assert_eq!(
            (by, filed.text.as_str()),
            (&town.phones[who].account(), "Look again.")
        );
        assert_eq!(town.relay.desk().appeals.len(), 1);
        assert_eq!(receipts(&town, who).last().unwrap().told.appeals.len(), 1);
    }
}

#[test]
fn chk672_an_appeal_is_against_a_decision_that_a_receipt_has_shown_and_in_time() {
    let (mut town, leaf) = decided();
    let long = "a".repeat(MAX_APPEAL_LEN + 1);
    assert_eq!(appeal(&mut town, ALICE, &leaf, ""), "length");
    assert_eq!(appeal(&mut town, ALICE, &leaf, &long), "length");
    // The relay tells of a decision of which there is no receipt.
    let unknown = TreeHash::from_bytes([9; 32]);
    town.relay.tell_of(&account("alice"), [9; 32], None);
    town.live(2 * HOUR_MS);
    assert_eq!(appeal(&mut town, ALICE, &unknown, "No."), "no decision");
    town.wait(182 * DAY_MS);
    assert_eq!(appeal(&mut town, ALICE, &leaf, "Too late."), "too late");
    assert!(appeals(&town, ALICE).is_empty());
    town.live(HOUR_MS);
    assert!(town.relay.desk().appeals.is_empty());
}

#[test]
fn an_appeal_that_is_refused_can_be_made_again() {
    let (mut town, leaf) = decided();
    town.relay.desk().refuses_appeals = true;
    assert_eq!(appeal(&mut town, ALICE, &leaf, "Look again."), "made");
    town.live(MINUTE_MS);
    assert_eq!(appeals_told(&town, ALICE), [AppealState::Refused]);
    town.relay.desk().refuses_appeals = false;
    assert_eq!(appeal(&mut town, ALICE, &leaf, "Please."), "made");
    town.live(HOUR_MS);
    assert_eq!(appeals(&town, ALICE)[0].state, AppealState::Filed);
    assert_eq!(appeals(&town, ALICE)[0].text, "Please.");
}

#[test]
fn an_appeal_whose_answer_is_lost_is_known_by_the_receipt() {
    for who in [ALICE, BOB] {
        let (mut town, leaf) = decided();
        town.relay.fail(|asked| {
            let is_appeal = asked.is("POST", "/v1/decisions");
            is_appeal.then_some(Fault::AnswerLost)
        });
        assert_eq!(appeal(&mut town, who, &leaf, "Look again."), "made");
        town.turn();
        town.relay.work();
        town.live(2 * HOUR_MS);
        assert_eq!(
            appeals_told(&town, who),
            [AppealState::Taken, AppealState::Filed]
        );
        assert_eq!(appeals(&town, who)[0].text, "Look again.");
        assert_eq!(town.relay.desk().appeals.len(), 1);
    }
}

#[test]
fn an_appeal_against_a_decision_that_the_relay_does_not_know_yet_waits() {
    let (mut town, leaf) = decided();
    town.relay.fail(|asked| {
        let is_appeal = asked.is("POST", "/v1/decisions");
        is_appeal.then(|| Fault::from(ErrorCode::NoSuchDecision))
    });
    assert_eq!(appeal(&mut town, ALICE, &leaf, "Look again."), "made");
    town.live(2 * HOUR_MS);
    assert_eq!(appeals_told(&town, ALICE), []);
    assert_eq!(appeals(&town, ALICE)[0].state, AppealState::Waiting);
    town.relay.work();
    town.live(2 * HOUR_MS);
    assert_eq!(appeals(&town, ALICE)[0].state, AppealState::Filed);
}

#[test]
fn chk674_a_notice_takes_back_no_appeal_that_is_kept() {
    // Bob's appeal is altered on its way, and then the relay says that the decision is against him.
    let (mut town, leaf) = decided();
    town.relay.desk().alters_appeals = Some("I confess.".to_owned());
    town.relay.fail(|asked| {
        let is_receipt = asked.is("GET", "/v1/reports/");
        is_receipt.then(|| Fault::from(ErrorCode::NoReceipt))
    });
    assert_eq!(appeal(&mut town, BOB, &leaf, "Look again."), "made");
    town.live(MINUTE_MS);
    assert_eq!(appeals_told(&town, BOB), [AppealState::Taken]);
    let bob = account("bob");
    town.relay.tell_of(&bob, *leaf.as_bytes(), None);
    town.live(2 * HOUR_MS);
    town.relay.work();
    town.live(2 * DAY_MS);
    assert_eq!(
        appeals_told(&town, BOB),
        [AppealState::Taken, AppealState::Altered]
    );
    assert_eq!(appeals(&town, BOB)[0].side, Side::Reporter);

    // Alice's receipt shows a second decision before its notice comes.
    let (mut town, first) = decided();
    town.wait(DAY_MS);
    let second = TreeHash::from_bytes(town.relay.decide(0, &account("alice"), 7));
    assert_ne!(first, second);
    let now = town.now();
    let log = &town.relay.desk().log;
    let receipt = log.receipt(waxseal::log::receipt::Role::Account, &[1, 2], now);
    let path = waxseal_interface::leaf_text(first.as_bytes());
    let path = format!("/v1/decisions/{path}/receipt");
    town.relay.fail(move |asked| {
        if asked.is("GET", "/v1/notices") || asked.is("POST", "/v1/decisions") {
            return Some(Fault::from(ErrorCode::NoReceipt));
        }
        asked.is("GET", &path).then(|| Fault::Answered {
            status: 200,
            body: receipt.clone(),
            headers: Vec::new(),
        })
    });
    town.live(DAY_MS + HOUR_MS);
    assert_eq!(appeal(&mut town, ALICE, &second, "Look again."), "made");
    town.relay.fail(|asked| {
        let is_appeal = asked.is("POST", "/v1/decisions");
        is_appeal.then(|| Fault::from(ErrorCode::NoReceipt))
    });
    town.live(2 * HOUR_MS);
    let kept = appeals(&town, ALICE);
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].text.as_str(), kept[0].state),
        ("Look again.", AppealState::Waiting)
    );
    town.relay.work();
    town.live(2 * HOUR_MS);
    assert_eq!(appeals_told(&town, ALICE)[0], AppealState::Taken);
}

#[test]
fn chk673_an_appeal_with_another_text_in_the_log_is_told_as_altered() {
    let (mut town, leaf) = decided();
    town.relay.desk().alters_appeals = Some("I confess.".to_owned());
    assert_eq!(appeal(&mut town, ALICE, &leaf, "Look again."), "made");
    town.live(2 * HOUR_MS);
    assert_eq!(
        appeals_told(&town, ALICE),
        [AppealState::Taken, AppealState::Altered]
    );
    // An appeal of another reporter is no lie about this one.
    let (mut town, leaf) = decided();
    town.relay.desk().refuses_appeals = true;
    assert_eq!(appeal(&mut town, BOB, &leaf, "Look again."), "made");
    town.live(MINUTE_MS);
    let today = Day::of_ms(town.now().as_millis());
    town.relay
        .desk()
        .log
        .appeal(today, 1, Side::Reporter, "Mine.");
    town.live(DAY_MS + HOUR_MS);
    assert_eq!(appeals_told(&town, BOB), [AppealState::Refused]);
}
