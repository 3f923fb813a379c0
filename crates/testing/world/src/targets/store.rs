//! Opens a client on a store whose records a disk has damaged, or someone who can write to the
//! store has altered.
//!
//! Asserts that the client refuses the store or works with it, but never panics, and that for
//! genuine deliveries the client shows only texts that were sent.

use std::sync::LazyLock;

use waxseal::log::entry::Number;
use waxseal::log::keys::LogKeys;
use waxseal::log::promise::Promise;
use waxseal::log::receipt::Role;
use waxseal::{
    Advice, Bundles, Client, DamagedRow, Disclosure, Draft, FrankingTag, MemoryStore,
    OutgoingReport, Reason, Received, Store, Timestamp,
};

use super::edit::edit_once;
use crate::{Log, Provider, Records, account, rng, snapshot};

/// Bob's store, and what he can receive from his provider and his peers.
pub(super) struct Prepared {
    provider: Provider,
    /// A copy of Bob's store from before the last messages.
    pub(super) older: Records,
    /// Bob's store after all messages.
    pub(super) store: Records,
    /// Three deliveries: a message that was shown already, a late message, and the first message
    /// from a new peer.
    deliveries: [Vec<u8>; 3],
    receipt: Vec<u8>,
    /// Carol's roster and prekeys, as the provider hands them out.
    bundles: Bundles,
    ids: Vec<FrankingTag>,
    answers: Answers,
}

/// What the provider answers for: a promise about a report, a receipt of it, and receipts of two
/// cases about Bob's account. They are in Bob's store.
struct Answers {
    report: OutgoingReport,
    keys: LogKeys,
    promise: Promise,
    receipts: [Vec<u8>; 3],
}

impl Answers {
    fn new(provider: &mut Provider, bob: &mut Client<MemoryStore>, report: OutgoingReport) -> Self {
        let (mut log, now) = (Log::new("desk.example/log"), provider.now);
        let promise = log.promise(&report.report, None, now, &mut provider.rng);
        let index = log.append_promised(&promise);
        let day = promise.entry().day;
        let [one, two] = [1, 2].map(|case| log.decide(day, case, &account("bob"), b"another"));
        let shown = [
            (Role::Reporter, index),
            (Role::Account, one),
            (Role::Account, two),
        ];
        let answers = Self {
            keys: log.keys(),
            receipts: shown.map(|(role, index)| log.receipt(role, &[index], now)),
            report,
            promise,
        };
        answers.give(bob, now).unwrap();
        answers
    }

    /// Gives the promise and the receipts to a client. If a call fails, returns its advice.
    fn give<S: Store>(&self, bob: &mut Client<S>, now: Timestamp) -> Result<(), Advice> {
        let promise = self.promise.encode();
        bob.keep_promise(&self.report, &promise, &self.keys, now)
            .map_err(|error| error.advice())?;
        for receipt in &self.receipts {
            bob.verify_receipt(receipt, &self.keys)
                .map_err(|error| error.advice())?;
        }
        Ok(())
    }

    /// Uses what is kept, which may be damaged. What it shows is what the provider said, unless it
    /// says that something contradicts.
    fn use_kept<S: Store>(&self, bob: &mut Client<S>, now: Timestamp) {
        for kept in bob.promises(None, 100, now).unwrap_or_default().items {
            assert_eq!(kept.number(), self.promise.entry().number);
        }
        for last in bob.account_receipts(None, 100).unwrap_or_default().items {
            let index = usize::from(last.number().as_bytes()[0]);
            let is_whole = last.bytes() == self.receipts[index];
            assert!(is_whole || !last.told().contradictions.is_empty());
        }
        let _ = self.give(bob, now);
        // Once it is forgotten, it is kept again.
        for case in [1, 2] {
            let _ = bob.forget_account_receipt(&Number::from_bytes([case; 16]));
        }
        let _ = bob.forget_promise(&self.promise.entry().number);
        let kept = self.give(bob, now);
        assert!(matches!(kept, Ok(()) | Err(Advice::Retry)), "{kept:?}");
    }
}

pub(super) static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    let mut provider = Provider::new(1);
    let [mut alice, mut bob, mut carol] =
        ["alice", "bob", "carol"].map(|name| provider.register_with(name, 2));
    provider.start(&mut alice, &account("bob"));
    let mut ids = vec![provider.exchange(&mut alice, &mut bob, "shown")];
    ids.push(provider.exchange(&mut bob, &mut alice, "answered"));
    let older = snapshot(&bob);
    let seal = |provider: &mut Provider, client: &mut Client<MemoryStore>, text: &str| {
        let (now, rng) = (provider.now, &mut provider.rng);
        let draft = Draft::from(text).expires_after_secs(60);
        client.send(&account("bob"), draft, now, rng).unwrap()
    };
    // The message `late` has not arrived when the next one does, so the store holds its skipped
    // key.
    let late = seal(&mut provider, &mut alice, "genuine");
    let shown = seal(&mut provider, &mut alice, "shown too");
    ids.push(shown.id);
    let shown = provider.relay(&alice, &bob, &shown.envelope).0;
    bob.receive(&shown).unwrap();
    let late = provider.relay(&alice, &bob, &late.envelope).0;
    provider.start(&mut carol, &account("bob"));
    let first = seal(&mut provider, &mut carol, "genuine");
    let first = provider.relay(&carol, &bob, &first.envelope).0;
    // Bob's store holds a message that waits for its receipt, and a report and an upload of prekeys
    // that wait to be confirmed.
    let (now, own) = (provider.now, &mut provider.rng);
    let waiting = bob.send(&account("alice"), "waits", now, own).unwrap();
    ids.push(waiting.id);
    let receipt = provider.relay(&bob, &alice, &waiting.envelope).1;
    let whole = ids[..1].iter().map(|id| (*id, Disclosure::Whole));
    let draft = bob.draft_report(&account("alice"), Reason::Spam, whole);
    let key = provider.moderation.public_key();
    let report = bob.report(&draft.unwrap(), key, &mut provider.rng).unwrap();
    let answers = Answers::new(&mut provider, &mut bob, report);
    bob.publish_prekeys(99, &mut provider.rng).unwrap();
    let bundles = provider.bundles(&account("carol"));
    Prepared {
        older,
        store: snapshot(&bob),
        provider,
        deliveries: [shown, late, first],
        receipt,
        bundles,
        ids,
        answers,
    }
});

/// Runs the target on an input. Each damage takes six bytes: the first chooses a record, and the
/// others edit the record's value. If the first byte's highest bit is set, the value is replaced
/// with another record's value.
pub fn store(input: &[u8]) {
    let prepared = &*PREPARED;
    let mut records = prepared.store.clone();
    for [which, edits @ ..] in input.as_chunks::<6>().0.iter().take(8) {
        let index = usize::from(which & 0x7f) % records.len();
        if which & 0x80 == 0 {
            edit_once(&mut records[index].1, *edits);
        } else {
            let other = usize::from(edits[1]) % records.len();
            records[index].1 = records[other].1.clone();
        }
    }
    let Ok(client) = Client::open(MemoryStore::from_records(records)) else {
        return;
    };
    use_client(client, prepared);
}

/// Receives, sends, reads, reports and makes prekeys with a client whose store may be damaged. The
/// calls may fail, but not panic.
pub(super) fn use_client<S: Store>(mut client: Client<S>, prepared: &Prepared) {
    let (alice, carol) = (account("alice"), account("carol"));
    let (now, rng) = (prepared.provider.now, &mut rng(3));
    for delivery in &prepared.deliveries {
        match client.receive(delivery) {
            Ok(Received::Message { message, .. }) => {
                let text = message.text();
                assert!(
                    matches!(text, Some("genuine" | "shown too")),
                    "a text was shown that was never sent"
                );
            }
            Ok(_) => {}
            Err(error) => assert_ne!(error.advice(), Advice::FixCall),
        }
    }
    let _ = client.confirm(&alice, &prepared.receipt);
    let _ = client.start(&carol, &prepared.bundles, now, rng);
    for peer in [&alice, &carol] {
        let _ = client.send(peer, "text", now, rng);
        let _ = client.messages(peer, None, 100);
        let _ = client.views(peer, None, 100, now);
        let _ = client.next_ordinal(peer);
        let _ = client.safety_number(peer);
        let _ = (client.conversation_health(peer), client.has_session(peer));
        for id in &prepared.ids {
            let _ = client.opened(peer, id, now);
            let _ = client.mark_read(peer, id, now);
            let _ = client.send(peer, Draft::edit(*id, "edited"), now, rng);
            let _ = client.send(peer, Draft::react(*id, "!"), now, rng);
            let _ = (client.edits(peer, id, now), client.timer(peer));
            let whole = [(*id, Disclosure::Whole)];
            if let Ok(draft) = client.draft_report(peer, Reason::Spam, whole) {
                let _ = draft.preview();
                let key = prepared.provider.moderation.public_key();
                let _ = client.report(&draft, key, rng);
            }
        }
    }
    let _ = client.pending_reports(None, 100);
    prepared.answers.use_kept(&mut client, now);
    let _ = (client.outbox(None, 100, now), client.waiting(None, 100));
    let _ = client.seal_waiting(&alice, now, rng);
    let _ = client.one_time_prekeys_left();
    let _ = client.publish_prekeys(98, rng);
    let _ = client.rotate_prekeys(rng);
    let _ = client.receive_many(prepared.deliveries.iter().map(Vec::as_slice));
    for row in damaged_rows(&client, now) {
        let _ = client.delete_damaged(&row);
    }
    let _ = client.damaged_peers();
    for id in &prepared.ids {
        let _ = client.send_again(&alice, id, now, rng);
        let _ = client.delete_message(&alice, id);
    }
    // After the resets, the client works.
    for peer in [&alice, &carol] {
        let _ = client.reset_peer(peer);
    }
    if client.reset_prekeys(rng).is_ok() {
        let _ = client.publish_prekeys(99, rng);
    }
    let later = Timestamp::from_millis(u64::MAX);
    let _ = client.expire(later, 100);
    let _ = client.delete_conversation(&alice);
    for peer in [&alice, &carol] {
        if client.forget_contact(peer).is_ok() {
            let left = client.messages(peer, None, 1);
            assert!(left.is_ok_and(|left| left.items.is_empty() && left.damaged.is_empty()));
        }
    }
    let _ = client.compact();
}

/// The rows that lists name as damaged.
fn damaged_rows<S: Store>(client: &Client<S>, now: Timestamp) -> Vec<DamagedRow> {
    let mut rows = Vec::new();
    if let Ok(page) = client.messages(&account("alice"), None, 100) {
        rows.extend(page.damaged);
    }
    if let Ok(page) = client.views(&account("alice"), None, 100, now) {
        rows.extend(page.damaged);
    }
    if let Ok(page) = client.outbox(None, 100, now) {
        rows.extend(page.damaged);
    }
    if let Ok(page) = client.pending_reports(None, 100) {
        rows.extend(page.damaged);
    }
    if let Ok(page) = client.promises(None, 100, now) {
        rows.extend(page.damaged);
    }
    if let Ok(page) = client.account_receipts(None, 100) {
        rows.extend(page.damaged);
    }
    if let Ok(page) = client.due(None, 100, Timestamp::from_millis(u64::MAX)) {
        rows.extend(page.damaged);
    }
    rows
}
