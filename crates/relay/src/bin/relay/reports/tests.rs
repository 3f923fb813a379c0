use waxseal_relay::Rejected;
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::EPOCH_MS;
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};

use super::*;
use crate::extract::{JsonBody, Reviewer};
use crate::fixture::{World, caller, device, report, report_all, send};
use crate::reviewer;
use crate::store::values::values;

const NOW: u64 = 21_000 * EPOCH_MS;

const REVIEWER: Reviewer = Reviewer { expires_at_ms: 7 };

/// Number and bytes of the reports of one account, or of all (''), that wait for review.
async fn waiting(relay: &Relay, reporter: &'static str) -> (i64, i64) {
    let row = relay.store.run(move |db| {
        let waiting = "SELECT reports, bytes FROM waiting WHERE reporter = ?1";
        Ok(db.one(waiting, values![reporter])?.unwrap_or_default())
    });
    row.await.unwrap()
}

/// Sets how many bytes of all reports together wait for review.
async fn fill(relay: &Relay, bytes: i64) {
    let fill = move |db: &Connection| {
        let fill = "UPDATE waiting SET bytes = ?1 WHERE reporter = ''";
        db.execute(fill, values![bytes])
    };
    relay.store.run(fill).await.unwrap();
}

async fn reject(relay: &Arc<Relay>, report_id: &str, check: u8) {
    let (relay, id) = (State(relay.clone()), Path(report_id.to_owned()));
    let rejected = JsonBody(Rejected { check });
    reviewer::rejected(relay, REVIEWER, id, rejected)
        .await
        .unwrap();
}

async fn close(relay: &Arc<Relay>, report_id: &str) {
    let (relay, id) = (State(relay.clone()), Path(report_id.to_owned()));
    reviewer::closed(relay, REVIEWER, id).await.unwrap();
}

async fn content(relay: &Arc<Relay>, report_id: &str) -> Result<(), Refusal> {
    let (relay, id) = (State(relay.clone()), Path(report_id.to_owned()));
    reviewer::open(relay, REVIEWER, id).await.map(drop)
}

/// Makes reports of almost 2 MB. Each has the same 29 long messages, and one that was not reported
/// before, so none is a duplicate.
struct Noise {
    from: Arc<Device>,
    to: Arc<Device>,
    long: Vec<Evidence>,
}

impl Noise {
    async fn new(relay: &Arc<Relay>, from: &str, to: &Arc<Device>) -> Self {
        let (from, to) = (device(relay, from).await, to.clone());
        let mut long = Vec::new();
        for _ in 0..29 {
            let text = "n".repeat(60_000);
            long.push(send(relay, &from, &to, &text).await.unwrap());
        }
        Self { from, to, long }
    }

    async fn report(&self, relay: &Arc<Relay>) -> Result<ReportTaken, Refusal> {
        let new = send(relay, &self.from, &self.to, "new").await.unwrap();
        let all: Vec<&Evidence> = self.long.iter().chain([&new]).collect();
        report_all(relay, &self.from, &all).await
    }
}

#[tokio::test]
async fn noise_of_a_fresh_account_is_bounded_and_keeps_no_honest_report_out() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let noise = Noise::new(&relay, "noise", &bob).await;
    let mut accepted = Vec::new();
    let refusal = loop {
        match noise.report(&relay).await {
            Ok(taken) => accepted.push(taken.report_id),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.code, ErrorCode::TooManyReports);
    assert_eq!(accepted.len(), 4);
    assert!(waiting(&relay, "").await.1 <= MAX_REPORTS_BYTES_OF_ONE);
    let message = send(&relay, &alice, &bob, "honest").await.unwrap();
    let honest = report(&relay, &alice, &message).await.unwrap();

    // A rejected report gives its space back at once, to its account and to all.
    let (_, honest_bytes) = waiting(&relay, "alice").await;
    for report_id in &accepted {
        reject(&relay, report_id, 84).await;
    }
    assert_eq!(waiting(&relay, "noise").await, (0, 0));
    assert_eq!(waiting(&relay, "").await, (1, honest_bytes));
    assert!(content(&relay, &accepted[0]).await.is_err());
    noise.report(&relay).await.unwrap();
    content(&relay, &honest.report_id).await.unwrap();
}

#[tokio::test]
async fn many_accounts_cannot_fill_the_space_for_reports() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let noise = Noise::new(&relay, "noise", &bob).await;
    noise.report(&relay).await.unwrap();
    // Of the last 256 MiB no account gets more than half a megabyte.
    fill(&relay, MAX_REPORTS_BYTES - (256 << 20)).await;
    let refusal = noise.report(&relay).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::TooManyReports);
    let message = send(&relay, &alice, &bob, "honest").await.unwrap();
    report(&relay, &alice, &message).await.unwrap();

    let message = send(&relay, &alice, &bob, "more").await.unwrap();
    fill(&relay, MAX_REPORTS_BYTES - 10).await;
    let refusal = report(&relay, &alice, &message).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::RelayFull);
    assert!(refusal.retry_after_secs.is_some());
}

#[tokio::test]
async fn an_account_has_a_number_of_waiting_reports_and_a_number_per_day() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let mut accepted = Vec::new();
    for _ in 0..MAX_REPORTS_A_DAY {
        let message = send(&relay, &alice, &bob, "x").await.unwrap();
        accepted.push(report(&relay, &alice, &message).await.unwrap().report_id);
        world.clocks.pass(1);
    }
    let message = send(&relay, &alice, &bob, "one more").await.unwrap();
    let refused = async |relay: &Arc<Relay>| {
        let refusal = report(relay, &alice, &message).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::TooManyReports);
    };
    // The number per day is reached even if none waits any more.
    for report_id in &accepted[1..] {
        close(&relay, report_id).await;
    }
    assert_eq!(waiting(&relay, "alice").await.0, 1);
    refused(&relay).await;
    world.clocks.pass(EPOCH_MS);
    let mut waiting_now = 1;
    while waiting_now < MAX_REPORTS_OF_ONE - 1 {
        let message = send(&relay, &alice, &bob, "y").await.unwrap();
        report(&relay, &alice, &message).await.unwrap();
        waiting_now += 1;
    }
    let last = send(&relay, &alice, &bob, "z").await.unwrap();
    report(&relay, &alice, &last).await.unwrap();
    // On a later day the number of those that wait counts.
    world.clocks.pass(EPOCH_MS);
    refused(&relay).await;
    close(&relay, &accepted[0]).await;
    report(&relay, &alice, &message).await.unwrap();
}

#[tokio::test]
async fn a_report_that_a_later_review_can_open_keeps_its_content() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    for (check, kept) in [
        (82, true),
        (97, true),
        (83, false),
        (81, false),
        (98, false),
    ] {
        let message = send(&relay, &alice, &bob, "x").await.unwrap();
        let taken = report(&relay, &alice, &message).await.unwrap();
        reject(&relay, &taken.report_id, check).await;
        assert_eq!(
            content(&relay, &taken.report_id).await.is_ok(),
            kept,
            "{check}"
        );
        // Its messages can be reported again in either case.
        assert!(!report(&relay, &alice, &message).await.unwrap().duplicate);
    }
    assert_eq!(waiting(&relay, "alice").await.0, 7);
}

#[tokio::test]
async fn a_closed_report_stays_reported_and_gives_its_space_back_once() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let message = send(&relay, &alice, &bob, "x").await.unwrap();
    let taken = report(&relay, &alice, &message).await.unwrap();
    let other = send(&relay, &alice, &bob, "y").await.unwrap();
    report(&relay, &alice, &other).await.unwrap();
    let (_, both) = waiting(&relay, "alice").await;
    for _ in 0..2 {
        close(&relay, &taken.report_id).await;
        reject(&relay, &taken.report_id, 84).await;
    }
    let (reports, bytes) = waiting(&relay, "alice").await;
    assert!(reports == 1 && bytes > 0 && bytes < both);
    let refusal = content(&relay, &taken.report_id).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NoSuchReport);
}

#[tokio::test]
async fn a_closed_report_counts_as_reported_before() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let message = send(&relay, &alice, &bob, "x").await.unwrap();
    let taken = report(&relay, &alice, &message).await.unwrap();
    close(&relay, &taken.report_id).await;
    let again = report(&relay, &alice, &message).await.unwrap();
    assert!(again.duplicate && again.report_id == taken.report_id);
}

#[tokio::test]
async fn reports_accepted_while_the_clock_was_ahead_do_not_count_for_today() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    world.clocks.set(NOW + 20 * EPOCH_MS);
    for _ in 0..MAX_REPORTS_A_DAY {
        let message = send(&relay, &alice, &bob, "x").await.unwrap();
        let taken = report(&relay, &alice, &message).await.unwrap();
        close(&relay, &taken.report_id).await;
    }
    world.clocks.set(NOW);
    let message = send(&relay, &alice, &bob, "y").await.unwrap();
    report(&relay, &alice, &message).await.unwrap();
}

#[tokio::test]
async fn a_rejected_report_releases_no_message_that_another_accepted_one_reports_too() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let one = send(&relay, &alice, &bob, "one").await.unwrap();
    let two = send(&relay, &alice, &bob, "two").await.unwrap();
    let first = report(&relay, &alice, &one).await.unwrap();
    let both = report_all(&relay, &alice, &[&one, &two]).await.unwrap();
    assert!(!both.duplicate);
    reject(&relay, &first.report_id, 83).await;
    let again = report(&relay, &alice, &one).await.unwrap();
    assert!(again.duplicate && again.report_id == both.report_id);
    // Once both are rejected, each message can be reported again, once.
    reject(&relay, &both.report_id, 82).await;
    for message in [&one, &two] {
        assert!(!report(&relay, &alice, message).await.unwrap().duplicate);
        assert!(report(&relay, &alice, message).await.unwrap().duplicate);
    }
}

#[tokio::test]
async fn a_refusal_names_the_message_that_is_too_old_and_the_rest_can_be_reported() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    // A relay keeps its first keys for longer.
    world.run(&relay, 40 * EPOCH_MS).await;
    let old = send(&relay, &alice, &bob, "old").await.unwrap();
    let days = relay.card.verify_days;
    let until = old.reportable_until(days).as_millis();
    world
        .run(&relay, until - relay.now().as_millis() - 3_600_000)
        .await;
    let new = send(&relay, &alice, &bob, "new").await.unwrap();
    let newest = send(&relay, &alice, &bob, "newest").await.unwrap();
    report_all(&relay, &alice, &[&old, &new]).await.unwrap();

    // An hour after the last moment of which its device knows.
    world.run(&relay, 3 * 3_600_000).await;
    assert!(relay.now().as_millis() > until);
    let refusal = report_all(&relay, &alice, &[&newest, &new, &old]).await;
    let refusal = refusal.unwrap_err();
    assert_eq!((refusal.check, refusal.claim), (Some(69), Some(0)));
    report_all(&relay, &alice, &[&newest, &new]).await.unwrap();
}

#[tokio::test]
async fn what_was_reviewed_to_its_end_stays_reported() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let message = send(&relay, &alice, &bob, "x").await.unwrap();
    let taken = report(&relay, &alice, &message).await.unwrap();
    close(&relay, &taken.report_id).await;
    for check in [82, 83] {
        reject(&relay, &taken.report_id, check).await;
        let (relay, id) = (State(relay.clone()), Path(taken.report_id.clone()));
        let state = state(relay, caller(&alice), id).await.unwrap().0;
        assert_eq!(state, ReportState::Ended, "{check}");
    }
    assert!(report(&relay, &alice, &message).await.unwrap().duplicate);
}

#[tokio::test]
async fn chk711_a_report_that_waited_while_a_key_was_destroyed_is_not_taken() {
    let world = World::at(NOW);
    let relay = world.open().await;
    if world.beside("second").is_none() {
        return; // a relay alone destroys what it no longer takes
    }
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let message = send(&relay, &alice, &bob, "x").await.unwrap();
    let mut draft = ReportDraft::new(alice.me.clone(), Reason::Scam);
    draft.add(&message, Disclosure::Whole).unwrap();
    let key = &alice.delivery_key;
    let sealed = draft.seal(key, &relay.moderation_key, &mut rand::rng());
    let examined = check(&relay, sealed.unwrap(), &alice);
    let oldest = examined.as_ref().unwrap().1;
    let try_to_take = async || {
        let (shared, examined, alice) = (relay.clone(), examined.clone(), alice.clone());
        let taken = relay
            .store
            .run(move |db| take(db, &shared, &examined, &alice, &[7; 32], &[]));
        taken.await.map(drop).map_err(|refusal| refusal.code)
    };
    let destroyed_before = async |epoch: u32| {
        let count = "UPDATE proven SET drop_before = ?1";
        let count = move |db: &Connection| db.execute(count, values![epoch]);
        relay.store.run(count).await.unwrap();
    };
    // Midnight comes while the report waits for the database.
    destroyed_before(oldest + 1).await;
    relay.keys.destroy_before(oldest + 1).unwrap();
    assert_eq!(try_to_take().await, Err(ErrorCode::Busy));
    destroyed_before(oldest).await;
    try_to_take().await.unwrap();
}
