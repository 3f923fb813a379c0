//! Reports: kept without a network, sealed to the key on the card, and sealed again.

use waxseal::courier::Event;
use waxseal::{Disclosure, FrankingTag, Reason};
use waxseal_interface::{ErrorBody, ErrorCode};
use waxseal_world::{Asked, Fault, account};

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

/// Bob has messages of Alice, one of each day.
fn with_messages(texts: &[&str]) -> (Town, Vec<FrankingTag>) {
    let mut town = Town::of_two();
    let mut ids = Vec::new();
    for text in texts {
        ids.push(town.say(0, "bob", text));
        town.live(DAY_MS);
    }
    (town, ids)
}

fn report(town: &mut Town, ids: &[FrankingTag]) {
    let phone = &mut town.phones[1];
    let shown = ids.iter().map(|id| (*id, Disclosure::Whole));
    let client = phone.courier.client();
    let draft = client.draft_report(&account("alice"), Reason::Spam, shown);
    phone
        .courier
        .report(&draft.unwrap(), &mut phone.rng)
        .unwrap();
}

fn submits(town: &Town) -> usize {
    let is_submit = |asked: &&Asked| asked.is("POST", "/v1/reports");
    town.relay.asked.iter().filter(is_submit).count()
}

fn pending(town: &Town) -> usize {
    let client = town.phones[1].courier.client();
    client.pending_reports(None, 10).unwrap().items.len()
}

fn taken(town: &Town) -> usize {
    town.phones[1].count(|event| matches!(event, Event::ReportTaken { .. }))
}

#[test]
fn a_report_made_without_a_network_is_submitted_later_and_followed() {
    let (mut town, ids) = with_messages(&["bad", "worse"]);
    town.relay.fail(|_| Some(Fault::RequestLost));
    report(&mut town, &ids);
    town.turn();
    town.phones[1].restart();
    town.relay.work();
    town.relay.asked.clear();
    town.live(10 * MINUTE_MS);
    assert_eq!(town.relay.reports().len(), 1);
    assert_eq!(town.relay.reports()[0].verified.messages().len(), 2);
    assert_eq!((taken(&town), pending(&town)), (1, 1));
    town.live(3 * DAY_MS);
    assert_eq!((submits(&town), pending(&town)), (1, 1));
    town.relay.end_review(0);
    town.live(2 * DAY_MS);
    assert_eq!((submits(&town), pending(&town)), (1, 0));
}

#[test]
fn a_report_is_sealed_again_when_the_moderation_key_changed() {
    let (mut town, ids) = with_messages(&["bad"]);
    town.relay.rotate_moderation_key(); // Bob's card is the earlier one
    report(&mut town, &ids);
    town.live(HOUR_MS);
    assert_eq!(town.relay.reports().len(), 1);
    assert_eq!((submits(&town), taken(&town)), (2, 1));
    let changed = |event: &Event| matches!(event, Event::ModerationKeyChanged(_));
    assert_eq!(town.phones[1].count(changed), 1);
}

#[test]
fn a_report_that_cannot_be_read_is_sealed_again() {
    let (mut town, ids) = with_messages(&["bad"]);
    report(&mut town, &ids);
    town.live(HOUR_MS);
    town.relay.rotate_moderation_key();
    town.relay.lose_report_key(0);
    town.live(2 * DAY_MS);
    let again = |event: &Event| matches!(event, Event::ReportSealedAgain { .. });
    assert_eq!(town.phones[1].count(again), 1);
    assert_eq!(town.relay.reports().len(), 2);
    town.relay.end_review(1);
    town.live(2 * DAY_MS);
    assert_eq!(pending(&town), 0);
}

#[test]
fn a_report_is_followed_although_the_clock_was_set_back() {
    let (mut town, ids) = with_messages(&["bad"]);
    town.phones[1].ahead_ms = 10 * DAY_MS as i64;
    town.live(HOUR_MS);
    report(&mut town, &ids);
    town.live(HOUR_MS);
    assert_eq!(taken(&town), 1);
    town.phones[1].ahead_ms = 0;
    town.relay.end_review(0);
    town.live(3 * DAY_MS);
    assert_eq!(pending(&town), 0);
}

#[test]
fn a_message_that_is_too_old_is_left_out() {
    // The courier knows it by itself, or the relay says so.
    for is_known in [true, false] {
        let (mut town, ids) = with_messages(&["old", "new"]);
        town.wait(29 * DAY_MS);
        if !is_known {
            town.phones[1].ahead_ms = -10 * DAY_MS as i64;
        }
        report(&mut town, &[ids[1], ids[0]]);
        town.live(2 * HOUR_MS);
        let left_out: Vec<_> = town.phones[1]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::LeftOut { message, .. } => Some(*message),
                _ => None,
            })
            .collect();
        assert_eq!(left_out, [ids[0]], "{is_known}");
        assert_eq!(town.relay.reports()[0].verified.messages().len(), 1);
    }
}

#[test]
fn a_report_whose_messages_are_all_too_old_is_given_up() {
    let (mut town, ids) = with_messages(&["old"]);
    town.wait(40 * DAY_MS);
    report(&mut town, &ids);
    town.live(2 * HOUR_MS);
    let given_up = |event: &Event| matches!(event, Event::ReportGivenUp { code: None, .. });
    assert_eq!(town.phones[1].count(given_up), 1);
    // Only the relay knows that it is too old: the clock could be wrong.
    assert_eq!((pending(&town), submits(&town)), (0, 1));
}

#[test]
fn a_report_that_is_refused_for_good_is_given_up_and_any_other_waits() {
    for (code, claim, is_final) in [
        (ErrorCode::ReportRefused, None, true),
        (ErrorCode::ReportRefused, Some(0), true),
        (ErrorCode::ReportRefused, Some(9), true),
        (ErrorCode::NotYourReport, None, true),
        (ErrorCode::ReportTooEarly, None, false),
        (ErrorCode::TooManyReports, None, false),
        (ErrorCode::TooLarge, None, false),
        (ErrorCode::Busy, None, false),
        (ErrorCode::OtherModerationKey, None, false),
    ] {
        let (mut town, ids) = with_messages(&["bad"]);
        town.relay.fail(move |asked| {
            let body = ErrorBody {
                claim,
                ..ErrorBody::of_code(code)
            };
            asked
                .is("POST", "/v1/reports")
                .then_some(Fault::Refused(body))
        });
        report(&mut town, &ids);
        town.live(HOUR_MS / 2);
        assert!(submits(&town) < 20, "{code:?}: {}", submits(&town));
        let given_up = town.phones[1].count(|event| matches!(event, Event::ReportGivenUp { .. }));
        assert_eq!(given_up, usize::from(is_final), "{code:?} {claim:?}");
        assert_eq!(pending(&town), usize::from(!is_final), "{code:?} {claim:?}");
        // Nothing else waits for it.
        town.say(0, "bob", "and on");
        town.live(10 * MINUTE_MS);
        assert_eq!(town.phones[1].heard("alice").last().unwrap(), "and on");
        town.relay.work();
        town.live(2 * HOUR_MS);
        assert_eq!(taken(&town), usize::from(!is_final), "{code:?}");
    }
}

#[test]
fn an_account_is_blocked_and_reported_in_one_call_and_what_it_sent_is_gone() {
    let mut town = Town::registered(&["alice", "bob"]);
    let id = town.say(0, "bob", "bad");
    town.live(MINUTE_MS);
    town.relay.rotate_moderation_key(); // Bob's card is the earlier one
    let phone = &mut town.phones[1];
    let shown = [(id, Disclosure::Whole)];
    let client = phone.courier.client();
    let draft = client.draft_report(&account("alice"), Reason::Spam, shown);
    let (draft, rng) = (draft.unwrap(), &mut phone.rng);
    phone.courier.block_and_report(&draft, rng).unwrap();
    phone.restart();
    let client = phone.courier.client();
    assert!(client.peer_state(&account("alice")).unwrap().is_blocked);
    let left = client.messages(account("alice"), None, 9).unwrap();
    assert!(left.items.is_empty());
    town.live(HOUR_MS);
    assert_eq!(town.relay.reports().len(), 1);
    let reported = town.relay.reports()[0].verified.messages()[0].content();
    assert_eq!(reported.unwrap().as_text(), Some("bad"));
    town.relay.end_review(0);
    town.live(2 * DAY_MS);
    assert_eq!(pending(&town), 0);
}
