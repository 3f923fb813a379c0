//! Notices of decisions, receipts for accounts that were decided against, and appeals.

use axum::extract::Query;
use waxseal_interface::{Appeal, DecisionNotice, leaf_text};
use waxseal_relay::desk::{DeskCode, Hex, NoticeItem};

use super::*;
use crate::extract::JsonBody;

const DECISION: [u8; 32] = [5; 32];
const REPORT: [u8; 16] = [6; 16];

/// A notice to the reporters Bob and Carol, or to the account Alice.
fn notice(side: u8) -> NoticeItem {
    let of_reporters = side == 1;
    NoticeItem {
        decision: Hex(DECISION),
        side,
        accounts: match of_reporters {
            true => vec!["bob".to_owned(), "carol".to_owned()],
            false => vec!["alice".to_owned()],
        },
        reports: match of_reporters {
            true => vec![Hex(REPORT), Hex([7; 16])],
            false => Vec::new(),
        },
        next: None,
    }
}

async fn told(at: &AtDesk) -> [Arc<Device>; 3] {
    let devices = at.devices().await;
    at.small
        .with(|state| state.notices = vec![notice(1), notice(2)]);
    crate::desk::notices::fetch(&at.relay, at.relay.desk().unwrap()).await;
    devices
}

async fn listed(at: &AtDesk, device: &Arc<Device>, after: u64) -> Vec<DecisionNotice> {
    let uri = format!("/?after={after}").parse().unwrap();
    let query = Query::try_from_uri(&uri);
    let list = list(State(at.relay.clone()), caller(device), query);
    list.await.unwrap().0.notices
}

async fn appeal_of(
    at: &AtDesk,
    device: &Arc<Device>,
    side: u8,
    report: Option<&str>,
    text: &str,
) -> Result<[u8; 32], ErrorCode> {
    let body = Appeal {
        side,
        report_id: report.map(str::to_owned),
        text: text.to_owned(),
    };
    let path = Path(leaf_text(&DECISION));
    let filed = appeal(
        State(at.relay.clone()),
        caller(device),
        path,
        JsonBody(body),
    );
    filed
        .await
        .map(|(_, taken)| taken.0.appeal)
        .map_err(|refusal| refusal.code)
}

#[tokio::test]
async fn chk663_an_account_sees_the_notices_to_itself_alone() {
    let at = AtDesk::new().await;
    let [alice, bob, carol] = told(&at).await;
    let of_bob = listed(&at, &bob, 0).await;
    assert_eq!(of_bob.len(), 1);
    assert_eq!((of_bob[0].decision, of_bob[0].side), (DECISION, 1));
    assert_eq!(of_bob[0].report_id, Some("06".repeat(16)));
    assert_eq!(
        listed(&at, &carol, 0).await[0].report_id,
        Some("07".repeat(16))
    );
    let of_alice = listed(&at, &alice, 0).await;
    assert_eq!(of_alice.len(), 1);
    assert_eq!(
        (of_alice[0].side, of_alice[0].report_id.as_deref()),
        (2, None)
    );
    assert_eq!(listed(&at, &alice, of_alice[0].number).await, []);
    assert!(listed(&at, &alice, u64::MAX).await.is_empty());
}

#[tokio::test]
async fn chk664_a_notice_is_entered_as_sent_once_everyone_has_it_and_is_kept_once() {
    let at = AtDesk::new().await;
    let [_, bob, _] = at.devices().await;
    let mut incomplete = notice(1);
    incomplete.reports.pop();
    at.small.with(|state| state.notices = vec![incomplete]);
    crate::desk::notices::fetch(&at.relay, at.relay.desk().unwrap()).await;
    assert!(at.small.with(|state| state.sent.is_empty()));
    assert!(listed(&at, &bob, 0).await.is_empty());
    for sent in 1..3 {
        at.small.with(|state| state.notices = vec![notice(1)]);
        crate::desk::notices::fetch(&at.relay, at.relay.desk().unwrap()).await;
        assert_eq!(at.small.with(|state| state.sent.len()), sent);
        assert_eq!(listed(&at, &bob, 0).await.len(), 1);
    }
}

#[tokio::test]
async fn a_notice_that_comes_in_parts_is_sent_with_the_last_one_and_keeps_no_other_back() {
    let at = AtDesk::new().await;
    let [alice, bob, carol] = at.devices().await;
    let [mut first, mut last] = [notice(1), notice(1)];
    first.accounts.pop();
    first.reports.pop();
    last.accounts.remove(0);
    last.reports.remove(0);
    first.next = Some(Hex(REPORT));
    let fetch = async || crate::desk::notices::fetch(&at.relay, at.relay.desk().unwrap()).await;
    at.small
        .with(|state| state.notices = vec![first, notice(2)]);
    fetch().await;
    // Of the reporters, the desk has told one alone.
    assert_eq!(listed(&at, &bob, 0).await.len(), 1);
    assert_eq!(listed(&at, &alice, 0).await.len(), 1);
    let sides = |state: &mut small::State| {
        let sent = state.sent.iter();
        sent.map(|sent| sent.side).collect::<Vec<_>>()
    };
    assert_eq!(at.small.with(sides), [2]);
    at.small.with(|state| state.parts = vec![last]);
    fetch().await;
    assert_eq!(at.small.with(sides), [2, 1]);
    assert_eq!(listed(&at, &bob, 0).await.len(), 1);
    assert_eq!(listed(&at, &carol, 0).await.len(), 1);
}

#[tokio::test]
async fn chk661_an_account_gets_receipts_of_decisions_against_itself_alone() {
    let at = AtDesk::new().await;
    let [alice, bob, carol] = told(&at).await;
    let path = format!(
        "/v1/decisions/{}/receipt?account=alice",
        leaf_text(&DECISION)
    );
    at.small
        .with(|state| state.receipts.insert(path, b"receipt".to_vec()));
    let get = async |device: &Arc<Device>, leaf: &str| {
        let path = Path(leaf.to_owned());
        body_of(decision_receipt(State(at.relay.clone()), caller(device), path).await).await
    };
    let leaf = leaf_text(&DECISION);
    assert_eq!(get(&alice, &leaf).await.unwrap(), b"receipt");
    for reporter in [&bob, &carol] {
        assert_eq!(
            get(reporter, &leaf).await.unwrap_err(),
            ErrorCode::NoSuchDecision
        );
    }
    for other in [leaf_text(&[4; 32]), "..".to_owned(), leaf.to_uppercase()] {
        let receipt = get(&alice, &other).await;
        let expected = match other == leaf {
            true => Ok(b"receipt".to_vec()),
            false => Err(ErrorCode::NoSuchDecision),
        };
        assert_eq!(receipt, expected);
    }
}

#[tokio::test]
async fn chk662_an_account_appeals_only_where_it_was_told_of_the_decision() {
    let at = AtDesk::new().await;
    let [alice, bob, carol] = told(&at).await;
    let of_bob = "06".repeat(16);
    let of_carol = "07".repeat(16);
    let no = Err(ErrorCode::NoSuchDecision);
    assert_eq!(appeal_of(&at, &bob, 2, None, "text").await, no);
    assert_eq!(appeal_of(&at, &carol, 1, Some(&of_bob), "text").await, no);
    assert_eq!(appeal_of(&at, &alice, 1, Some(&of_bob), "text").await, no);
    assert_eq!(appeal_of(&at, &bob, 1, Some("06"), "text").await, no);
    let malformed = Err(ErrorCode::Malformed);
    assert_eq!(appeal_of(&at, &bob, 1, None, "text").await, malformed);
    assert_eq!(
        appeal_of(&at, &alice, 2, Some(&of_bob), "text").await,
        malformed
    );
    assert_eq!(appeal_of(&at, &alice, 2, None, "").await, malformed);
    let long = "a".repeat(16_385);
    assert_eq!(appeal_of(&at, &alice, 2, None, &long).await, malformed);
    assert!(at.small.with(|state| state.appeals.is_empty()));

    assert_eq!(
        appeal_of(&at, &alice, 2, None, &long[1..]).await,
        Ok([8; 32])
    );
    assert_eq!(
        appeal_of(&at, &carol, 1, Some(&of_carol), "text").await,
        Ok([8; 32])
    );
    let filed = at.small.with(|state| std::mem::take(&mut state.appeals));
    assert_eq!((filed[0].account.as_str(), filed[0].side), ("alice", 2));
    assert_eq!(
        (filed[1].account.as_str(), filed[1].report),
        ("carol", Some(Hex([7; 16])))
    );
}

#[tokio::test]
async fn an_appeal_that_the_desk_refuses_is_refused_and_one_that_it_cannot_take_yet_waits() {
    let at = AtDesk::new().await;
    let [alice, ..] = told(&at).await;
    for (code, expected) in [
        (DeskCode::Refused, ErrorCode::AppealRefused),
        (DeskCode::Conflict, ErrorCode::AppealRefused),
        (DeskCode::NotFound, ErrorCode::NoReceipt),
        (DeskCode::Busy, ErrorCode::NoReceipt),
        (DeskCode::NotSigned, ErrorCode::NoReceipt),
    ] {
        at.small.with(|state| state.refuses = Some(code));
        assert_eq!(appeal_of(&at, &alice, 2, None, "text").await, Err(expected));
    }
}

#[tokio::test]
async fn notices_are_kept_for_400_days_of_proven_time() {
    const DAY_MS: i64 = 86_400_000;
    let at = AtDesk::new().await;
    let [alice, ..] = told(&at).await;
    let told_ms = proven_ms(&at.relay);
    for (later_ms, left) in [(400 * DAY_MS, 1), (400 * DAY_MS + 1, 0)] {
        let expired = at
            .relay
            .store
            .run(move |db| expiry::expire(db, told_ms + later_ms));
        assert!(!expired.await.unwrap());
        assert_eq!(listed(&at, &alice, 0).await.len(), left);
    }
    // The relay's own work deletes by its proven time.
    at.small.with(|state| state.notices = vec![notice(2)]);
    crate::desk::notices::fetch(&at.relay, at.relay.desk().unwrap()).await;
    let age = at
        .relay
        .store
        .run(|db| db.execute("UPDATE notice SET at_ms = 1", &[]));
    age.await.unwrap();
    at.relay.clean_up().await.unwrap();
    assert!(listed(&at, &alice, 0).await.is_empty());
}

#[tokio::test]
async fn without_a_desk_there_is_none_to_ask() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let code = promise_for(&relay, &alice, &"0".repeat(32)).await;
    assert_eq!(code.unwrap_err(), ErrorCode::NoDesk);
    let code = receipt_for(&relay, &alice, &"0".repeat(32)).await;
    assert_eq!(code.unwrap_err(), ErrorCode::NoDesk);
    let code = body_of(keys(State(relay.clone()), caller(&alice)).await).await;
    assert_eq!(code.unwrap_err(), ErrorCode::NoDesk);
}

#[tokio::test]
async fn the_keys_of_the_log_are_asked_for_once_and_again_with_the_notices() {
    let at = AtDesk::new().await;
    let [alice, ..] = at.devices().await;
    let ask = async || body_of(keys(State(at.relay.clone()), caller(&alice)).await).await;
    let first = at.small.with(|state| state.keys.to_string());
    assert_eq!(ask().await.unwrap(), first.as_bytes());
    let other = SmallDesk::start().await.0.with(|state| state.keys.clone());
    at.small.with(|state| state.keys = other.clone());
    assert_eq!(ask().await.unwrap(), first.as_bytes());
    crate::desk::notices::fetch(&at.relay, at.relay.desk().unwrap()).await;
    assert_eq!(ask().await.unwrap(), other.to_string().as_bytes());
    // An account name with a plus sign stays one in a query.
    let plus = waxseal_reporting::AccountId::new("a+b@c").unwrap();
    assert_eq!(routes::in_query(&plus), "a%2Bb%40c");
}
