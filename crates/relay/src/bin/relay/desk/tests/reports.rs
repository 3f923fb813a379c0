//! Reports on their way to the desk, and what reporters get of it.

use axum::extract::Query;
use waxseal_interface::{ReportState, leaf_text, parse_report_id};
use waxseal_log::promise::Promise;
use waxseal_log::report::ReportDigest;
use waxseal_relay::desk::Hex;
use waxseal_reporting::reporter::{Disclosure, Reason, Report, ReportDraft};

use super::small::receipt_path;
use super::*;
use crate::extract::{BinaryBody, JsonBody, Reviewer};
use crate::store::values::values;
use crate::{reports, reviewer};

const REVIEWER: Reviewer = Reviewer { expires_at_ms: 7 };

/// Submits these bytes.
async fn submit(
    relay: &Arc<Relay>,
    reporter: &Arc<Device>,
    bytes: &[u8],
) -> Result<waxseal_interface::ReportTaken, Refusal> {
    let body = BinaryBody(bytes.to_vec().into());
    let taken = reports::submit(State(relay.clone()), caller(reporter), body);
    Ok(taken.await?.1.0)
}

#[tokio::test]
async fn a_report_is_answered_with_the_desks_promise_and_so_is_the_same_report_again() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let mut draft = ReportDraft::new(bob.me.clone(), Reason::Scam);
    draft.add(&message, Disclosure::Whole).unwrap();
    let key = &at.relay.moderation_key;
    let sealed = draft
        .seal(&bob.delivery_key, key, &mut rand::rng())
        .unwrap();
    let (digest, bytes) = (ReportDigest::of(&sealed.without_mac()), sealed.encode());

    let taken = submit(&at.relay, &bob, &bytes).await.unwrap();
    let promise = taken.promise.clone().unwrap();
    let log = at.small.with(|state| state.keys.log().clone());
    let promised = Promise::decode(&promise)
        .unwrap()
        .verify(&log, &digest, NOW);
    assert_eq!(promised.unwrap().rejected(), None);
    let again = submit(&at.relay, &bob, &bytes).await.unwrap();
    assert!(again.duplicate && again.promise.as_ref() == Some(&promise));
    assert_eq!(
        promise_for(&at.relay, &bob, &taken.report_id)
            .await
            .unwrap(),
        promise
    );
    assert_eq!(at.small.with(|state| state.handed), 1);
    // Another report of the same message is reported already, and has no promise of its own.
    let other = draft
        .seal(&bob.delivery_key, key, &mut rand::rng())
        .unwrap();
    let other = submit(&at.relay, &bob, &other.encode()).await.unwrap();
    assert!(other.duplicate && other.promise.is_none());
}

/// The content of the report with the highest number.
async fn accepted_of(relay: &Arc<Relay>) -> Vec<u8> {
    let read = relay.store.run(|db| {
        let sql = "SELECT accepted FROM report ORDER BY id DESC LIMIT 1";
        db.only::<Vec<u8>>(sql, &[])
    });
    read.await.unwrap()
}

#[tokio::test]
async fn a_report_takes_space_until_the_desk_has_it() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    let waiting = async || {
        let read = at.relay.store.run(|db| {
            let sql =
                "SELECT count(*), coalesce(max(bytes), 0) FROM waiting WHERE reporter = 'bob'";
            db.only::<(u32, u64)>(sql, &[])
        });
        read.await.unwrap()
    };
    at.small.with(|state| state.is_away = true);
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let id = report(&at.relay, &bob, &message).await.unwrap().report_id;
    let (reports, bytes) = waiting().await;
    assert!(reports == 1 && bytes > 0 && !accepted_of(&at.relay).await.is_empty());
    at.small.with(|state| state.is_away = false);
    handing::hand_on_all(&at.relay, at.relay.desk().unwrap()).await;
    assert_eq!(waiting().await, (0, 0));
    assert!(accepted_of(&at.relay).await.is_empty());
    // It waits at the desk, and cannot be reported again.
    let state = async || {
        let path = Path(id.clone());
        let state = reports::state(State(at.relay.clone()), caller(&bob), path);
        state.await.unwrap().0
    };
    assert_eq!(state().await, ReportState::Waiting);
    assert!(report(&at.relay, &bob, &message).await.unwrap().duplicate);
    let rejected = JsonBody(waxseal_relay::Rejected { check: 84 });
    reviewer::rejected(
        State(at.relay.clone()),
        REVIEWER,
        Path(id.clone()),
        rejected,
    )
    .await
    .unwrap();
    assert_eq!(state().await, ReportState::Ended);
}

#[tokio::test]
async fn a_report_is_taken_without_the_desk_and_handed_on_until_the_desk_has_answered() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    at.small.with(|state| state.is_away = true);
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let taken = report(&at.relay, &bob, &message).await.unwrap();
    assert!(!taken.duplicate && taken.promise.is_none());
    let id = taken.report_id;
    let waits = promise_for(&at.relay, &bob, &id).await;
    assert_eq!(waits.unwrap_err(), ErrorCode::NoReceipt);
    assert_eq!(
        receipt_for(&at.relay, &bob, &id).await.unwrap_err(),
        ErrorCode::NoReceipt
    );
    handing::hand_on_all(&at.relay, at.relay.desk().unwrap()).await;

    let accepted = accepted_of(&at.relay).await;
    at.small.with(|state| state.is_away = false);
    handing::hand_on_all(&at.relay, at.relay.desk().unwrap()).await;
    let promise = promise_for(&at.relay, &bob, &id).await.unwrap();
    // The relay lost the answer in a crash.
    let forget = at.relay.store.run(move |db| {
        let forget = "UPDATE report SET promise = NULL, accepted = ?1";
        db.execute(forget, values![accepted])
    });
    forget.await.unwrap();
    handing::hand_on_all(&at.relay, at.relay.desk().unwrap()).await;
    assert_eq!(promise_for(&at.relay, &bob, &id).await.unwrap(), promise);
    assert_eq!(at.small.with(|state| state.handed), 2);
    handing::hand_on_all(&at.relay, at.relay.desk().unwrap()).await;
    assert_eq!(at.small.with(|state| state.handed), 2);
}

#[tokio::test]
async fn a_refused_report_has_a_promise_too_and_gets_the_same_one_again() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    // Another relay stamped the message.
    let other = World::at(NOW).open().await;
    let (from, to) = (device(&other, "alice").await, device(&other, "bob").await);
    let message = send(&other, &from, &to, "bad").await.unwrap();
    let mut draft = ReportDraft::new(bob.me.clone(), Reason::Scam);
    draft.add(&message, Disclosure::Whole).unwrap();
    let key = &at.relay.moderation_key;
    let sealed = draft
        .seal(&bob.delivery_key, key, &mut rand::rng())
        .unwrap();
    let digest = ReportDigest::of(&sealed.without_mac());
    let refusal = submit(&at.relay, &bob, &sealed.encode()).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::ReportRefused);
    let promise = refusal.promise.unwrap();
    let log = at.small.with(|state| state.keys.log().clone());
    let promised = Promise::decode(&promise)
        .unwrap()
        .verify(&log, &digest, NOW);
    assert_eq!(promised.unwrap().rejected(), refusal.check);
    let again = submit(&at.relay, &bob, &sealed.encode()).await.unwrap_err();
    assert_eq!(again.promise, Some(promise));
    // Without a check, nothing was decided about the report.
    let foreign = submit(&at.relay, &alice, &sealed.encode())
        .await
        .unwrap_err();
    assert_eq!(
        (foreign.code, foreign.promise),
        (ErrorCode::NotYourReport, None)
    );
    // If the desk does not answer, the reporter is told all the same.
    at.small.with(|state| state.is_away = true);
    let late = submit(&at.relay, &bob, &sealed.encode()).await.unwrap_err();
    assert_eq!((late.code, late.promise), (ErrorCode::ReportRefused, None));
}

#[tokio::test]
async fn a_report_with_a_wrong_mac_has_no_promise_and_reaches_the_desk_with_the_right_one() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let mut draft = ReportDraft::new(bob.me.clone(), Reason::Scam);
    draft.add(&message, Disclosure::Whole).unwrap();
    let key = &at.relay.moderation_key;
    let sealed = draft
        .seal(&bob.delivery_key, key, &mut rand::rng())
        .unwrap();
    let right = sealed.encode();
    let mut wrong = right.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let digest = ReportDigest::of(&sealed.without_mac());
    let other = Report::decode(&wrong).unwrap();
    assert_eq!(ReportDigest::of(&other.without_mac()), digest);
    let refusal = submit(&at.relay, &bob, &wrong).await.unwrap_err();
    assert_eq!((refusal.check, refusal.promise), (Some(74), None));
    let taken = submit(&at.relay, &bob, &right).await.unwrap();
    assert!(taken.promise.is_some());
    assert_eq!(at.small.with(|state| state.handed), 1);
}

#[tokio::test]
async fn reports_that_the_desk_refuses_keep_no_others_back_and_are_not_posted_each_turn() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    at.small.with(|state| state.refuses_reports = usize::MAX);
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let refused = report(&at.relay, &bob, &message).await.unwrap().report_id;
    // More reports than a turn hands on, none of which can be.
    let many = at.relay.store.run(|db| {
        for n in 2..150_u8 {
            db.execute(
                "INSERT INTO report
                     (public_id, digest, reporter, accepted_at_ms, messages, accepted)
                 SELECT ?1, ?2, 'crowd', accepted_at_ms, messages, accepted
                 FROM report WHERE id = 1",
                values![format!("{n:032x}"), [n; 32]],
            )?;
        }
        Ok(())
    });
    many.await.unwrap();
    let message = send(&at.relay, &alice, &bob, "worse").await.unwrap();
    let last = report(&at.relay, &bob, &message).await.unwrap().report_id;
    at.small
        .with(|state| (state.handed, state.refuses_reports) = (0, 1));
    let turn = async || handing::hand_on_all(&at.relay, at.relay.desk().unwrap()).await;
    turn().await;
    let waits = promise_for(&at.relay, &bob, &last).await;
    assert_eq!(waits.unwrap_err(), ErrorCode::NoReceipt);
    turn().await;
    assert!(promise_for(&at.relay, &bob, &last).await.is_ok());
    let waits = promise_for(&at.relay, &bob, &refused).await;
    assert_eq!(waits.unwrap_err(), ErrorCode::NoReceipt);
    let handed = at.small.with(|state| state.handed);
    assert_eq!(handed, 2);
    turn().await;
    turn().await;
    assert_eq!(at.small.with(|state| state.handed), handed);
}

#[tokio::test]
async fn reports_of_the_time_before_the_desk_are_handed_on_for_its_vault() {
    let mut world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let message = send(&relay, &alice, &bob, "bad").await.unwrap();
    let before = report(&relay, &bob, &message).await.unwrap();
    assert!(before.promise.is_none());
    let closed = send(&relay, &alice, &bob, "worse").await.unwrap();
    let closed = report(&relay, &bob, &closed).await.unwrap();
    let path = Path(closed.report_id);
    reviewer::closed(State(relay.clone()), REVIEWER, path)
        .await
        .unwrap();
    drop(relay);

    let (small, setup) = SmallDesk::start().await;
    world.desk = Some(setup);
    let relay = world.open().await;
    small.with(|state| state.relay_key = relay.card.relay_key);
    // The small desk decodes it with the vault's acceptance key.
    handing::hand_on_all(&relay, relay.desk().unwrap()).await;
    assert_eq!(small.with(|state| state.handed), 1);
    promise_for(&relay, &bob, &before.report_id).await.unwrap();
}

#[tokio::test]
async fn chk660_an_account_gets_promise_and_receipt_of_its_own_reports_alone() {
    let at = AtDesk::new().await;
    let [alice, bob, carol] = at.devices().await;
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let id = report(&at.relay, &bob, &message).await.unwrap().report_id;
    let waits = receipt_for(&at.relay, &bob, &id).await;
    assert_eq!(waits.unwrap_err(), ErrorCode::NoReceipt);
    let path = receipt_path(&parse_report_id(&id).unwrap());
    at.small
        .with(|state| state.receipts.insert(path, b"receipt".to_vec()));
    assert_eq!(receipt_for(&at.relay, &bob, &id).await.unwrap(), b"receipt");
    for other in [&alice, &carol] {
        let promise = promise_for(&at.relay, other, &id).await;
        assert_eq!(promise.unwrap_err(), ErrorCode::NoSuchReport);
        let receipt = receipt_for(&at.relay, other, &id).await;
        assert_eq!(receipt.unwrap_err(), ErrorCode::NoSuchReport);
    }
    let unknown = receipt_for(&at.relay, &bob, "../appeals").await;
    assert_eq!(unknown.unwrap_err(), ErrorCode::NoSuchReport);
}

#[tokio::test]
async fn chk666_the_receipt_of_a_refused_report_is_for_whoever_knows_its_digest() {
    let at = AtDesk::new().await;
    let [_, bob, _] = at.devices().await;
    let digest = ReportDigest::of(b"what Bob sealed");
    let get = async |digest: &str| {
        let path = Path(digest.to_owned());
        body_of(refused_receipt(State(at.relay.clone()), caller(&bob), path).await).await
    };
    let name = leaf_text(digest.as_bytes());
    assert_eq!(get(&name).await.unwrap_err(), ErrorCode::NoReceipt);
    let path = format!("/v1/refused/{name}/receipt");
    at.small
        .with(|state| state.receipts.insert(path, b"receipt".to_vec()));
    assert_eq!(get(&name).await.unwrap(), b"receipt");
    // The log tells the number of the report to everyone.
    let number = Hex(*digest.number().as_bytes()).to_string();
    for other in [&number, &number.repeat(2)[..63], "..", &name.to_uppercase()] {
        let receipt = get(other).await;
        assert_eq!(receipt.unwrap_err(), ErrorCode::NoSuchReport);
    }
}

#[tokio::test]
async fn chk665_with_a_desk_the_reviewer_gets_no_report_and_no_key_but_ends_reviews() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let id = report(&at.relay, &bob, &message).await.unwrap().report_id;
    let state = || State(at.relay.clone());
    let key = reviewer::acceptance_keys(state(), REVIEWER).await;
    assert_eq!(key.err().unwrap().code, ErrorCode::AtDesk);
    let list = reviewer::list(
        state(),
        REVIEWER,
        Query::try_from_uri(&"/".parse().unwrap()),
    );
    assert_eq!(list.await.err().unwrap().code, ErrorCode::AtDesk);
    let opened = reviewer::open(state(), REVIEWER, Path(id.clone())).await;
    assert_eq!(opened.err().unwrap().code, ErrorCode::AtDesk);
    // The desk's server tells the relay what became of a report.
    let rejected = JsonBody(waxseal_relay::Rejected { check: 84 });
    reviewer::rejected(state(), REVIEWER, Path(id), rejected)
        .await
        .unwrap();
    let again = report(&at.relay, &bob, &message).await.unwrap();
    assert!(!again.duplicate);
}

#[tokio::test]
async fn a_promise_about_another_report_is_kept_for_none() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let taken = report(&at.relay, &bob, &message).await.unwrap();
    let own = Promise::decode(taken.promise.as_ref().unwrap()).unwrap();
    let own = own.entry().number;
    let other = ReportDigest::of(b"another report").number();
    assert_eq!(promise(&at.relay, 1, &other).await, None);
    assert_eq!(promise(&at.relay, 1, &own).await, taken.promise);
}

#[tokio::test]
async fn devices_that_ask_for_receipts_keep_no_report_from_the_desk() {
    let at = AtDesk::new().await;
    let [alice, bob, _] = at.devices().await;
    let message = send(&at.relay, &alice, &bob, "bad").await.unwrap();
    let id = report(&at.relay, &bob, &message).await.unwrap().report_id;
    at.small.with(|state| state.slow = Some("receipt"));
    let asked: Vec<_> = (0..40)
        .map(|_| {
            let (relay, bob, id) = (at.relay.clone(), bob.clone(), id.clone());
            tokio::spawn(async move { receipt_for(&relay, &bob, &id).await.is_ok() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let message = send(&at.relay, &alice, &bob, "worse").await.unwrap();
    let taken = report(&at.relay, &bob, &message).await.unwrap();
    assert!(taken.promise.is_some());
    asked.into_iter().for_each(|asked| asked.abort());
}
