//! An outbox of format 01 under this version: nothing in it is lost, and all of it is sealed again.

use waxseal::errors::SendError;
use waxseal::reporting::recipient::Evidence;
use waxseal::reporting::relay::{Claim, Receipt};
use waxseal::{Client, Disclosure, Message, Reason, SqliteStore};
use waxseal_world::{Provider, account, text_of};

use super::{Golden, unhex};

/// Alice's store of format 01, whose outbox holds a message to Bob and one to Carol, and Bob's.
struct Upgraded {
    golden: Golden,
    provider: Provider,
    _homes: [tempfile::TempDir; 2],
    alice: Client<SqliteStore>,
    bob: Client<SqliteStore>,
}

impl Upgraded {
    fn new() -> Self {
        Self::of("01")
    }

    fn of(format: &str) -> Self {
        let golden = Golden::of(format);
        let mut provider = Provider::new(34);
        provider.now = golden.now();
        let (home, mut alice) = golden.client("alice");
        let (other_home, mut bob) = golden.client("bob");
        provider.adopt(&mut alice);
        provider.adopt(&mut bob);
        let _homes = [home, other_home];
        Self {
            golden,
            provider,
            _homes,
            alice,
            bob,
        }
    }

    fn old_id(&self) -> Vec<u8> {
        unhex(
            self.golden.expected["reporting"]["waiting"]
                .as_str()
                .unwrap(),
        )
    }

    /// Asserts that the message to Bob was sealed again, and lets it arrive. A message of format 01
    /// has another tag now.
    fn assert_sealed_again(mut self, before: &Message) {
        let (alice_id, bob_id) = (account("alice"), account("bob"));
        let now = self.provider.now;
        let outbox = self.alice.outbox(None, 10, now).unwrap().items;
        let sent = outbox.iter().find(|sent| sent.to == bob_id);
        let sent = sent.unwrap().clone();
        let is_01 = self.golden.folder.ends_with("01");
        assert_eq!(sent.id.as_bytes().to_vec() != self.old_id(), is_01);
        let waiting = self.alice.waiting(None, 10).unwrap().items;
        assert_eq!(waiting.len(), 1, "Carol's waits for a session with her");
        assert_eq!(waiting[0].recipient, account("carol"));

        // The index follows, and the message keeps its place.
        let old = self.alice.message(&bob_id, before.id()).unwrap();
        assert_eq!(old.is_none(), is_01);
        let after = self.alice.message(&bob_id, &sent.id).unwrap().unwrap();
        assert_eq!(after.ordinal(), before.ordinal());
        assert_eq!(after.header(), before.header());
        assert_eq!(after.content(), before.content());

        let (delivery, receipt) = self.provider.relay(&self.alice, &self.bob, &sent.envelope);
        let received = self.provider.receive(&mut self.bob, &delivery).unwrap();
        assert_eq!(text_of(received), "waits");
        assert_eq!(self.alice.confirm(&bob_id, &receipt).unwrap(), sent.id);
        let outbox = self.alice.outbox(None, 10, now).unwrap().items;
        assert!(outbox.iter().all(|left| left.id != sent.id));
        for (client, peer) in [(&mut self.alice, &bob_id), (&mut self.bob, &alice_id)] {
            let draft = client.draft_report(peer, Reason::Spam, [(sent.id, Disclosure::Whole)]);
            let key = self.provider.moderation.public_key();
            let report = client.report(&draft.unwrap(), key, &mut self.provider.rng);
            let verified = self.provider.verify(&report.unwrap().report).unwrap();
            assert!(verified.messages()[0].tag_names_sender());
        }
    }

    fn before(&self) -> Message {
        let messages = self
            .alice
            .messages(&account("bob"), None, 1_000)
            .unwrap()
            .items;
        let old = self.old_id();
        let mut found = messages
            .into_iter()
            .filter(|m| m.id().as_bytes()[..] == old);
        found.next().unwrap()
    }
}

#[test]
fn an_outbox_of_format_01_waits_for_a_session_and_loses_nothing() {
    let mut world = Upgraded::new();
    let (now, bob_id) = (world.provider.now, account("bob"));
    let rng = &mut world.provider.rng;
    for _ in 0..2 {
        let waiting = world.alice.waiting(None, 10).unwrap().items;
        let recipients: Vec<_> = waiting.iter().map(|sent| sent.recipient.as_str()).collect();
        assert_eq!(recipients, ["bob", "carol"]);
        assert_eq!(world.alice.waiting(None, 1).unwrap().items, waiting[..1]);
        assert!(world.alice.outbox(None, 10, now).unwrap().items.is_empty());
        assert_eq!(world.alice.seal_waiting(&bob_id, now, rng).unwrap(), 0);
        let refused = world.alice.send(&bob_id, "new", now, rng);
        assert!(matches!(refused, Err(SendError::NoSession)));
    }
    // Giving up works too.
    let before = world.before();
    world.alice.delete_message(&bob_id, before.id()).unwrap();
    assert_eq!(world.alice.waiting(None, 10).unwrap().items.len(), 1);
    world.provider.start(&mut world.alice, &bob_id);
    assert!(world.alice.outbox(None, 10, now).unwrap().items.is_empty());
}

#[test]
fn an_outbox_of_formats_02_and_03_is_sealed_again_once_the_roster_is_there() {
    for format in ["02", "03"] {
        let mut world = Upgraded::of(format);
        let (now, bob_id) = (world.provider.now, account("bob"));
        assert!(world.alice.outbox(None, 10, now).unwrap().items.is_empty());
        assert_eq!(world.alice.waiting(None, 10).unwrap().items.len(), 2);
        let before = world.before();
        world.provider.show_roster(&mut world.alice, &bob_id);
        let rng = &mut world.provider.rng;
        let sealed = world.alice.seal_waiting(&bob_id, now, rng).unwrap();
        assert_eq!(sealed, 1);
        world.assert_sealed_again(&before);
    }
}

#[test]
fn an_outbox_of_format_01_is_sealed_again_when_a_session_starts() {
    let mut world = Upgraded::new();
    let before = world.before();
    world.provider.start(&mut world.alice, &account("bob"));
    world.assert_sealed_again(&before);
}

#[test]
fn an_outbox_of_format_01_is_sealed_again_after_the_peer_wrote() {
    for sends in [false, true] {
        let mut world = Upgraded::new();
        let before = world.before();
        world.provider.start(&mut world.bob, &account("alice"));
        let provider = &mut world.provider;
        provider.exchange(&mut world.bob, &mut world.alice, "hello again");
        assert_eq!(world.alice.waiting(None, 10).unwrap().items.len(), 2);
        let (now, bob_id) = (provider.now, account("bob"));
        if sends {
            let sent = world.alice.send(&bob_id, "new", now, &mut provider.rng);
            let outbox = world.alice.outbox(None, 10, now).unwrap().items;
            assert_eq!(outbox.len(), 2);
            assert_eq!(outbox[1], sent.unwrap(), "the older message goes first");
            assert_eq!(world.alice.outbox(None, 1, now).unwrap().items, outbox[..1]);
        } else {
            let sealed = world.alice.seal_waiting(&bob_id, now, &mut provider.rng);
            assert_eq!(sealed.unwrap(), 1);
            let again = world.alice.seal_waiting(&bob_id, now, &mut provider.rng);
            assert_eq!(again.unwrap(), 0);
        }
        world.assert_sealed_again(&before);
    }
}

#[test]
fn a_message_of_format_01_that_the_relay_had_taken_is_confirmed_by_a_new_receipt() {
    let mut world = Upgraded::new();
    let before = world.before();
    // The relay had stamped the message under format 01, and hands the receipt out again.
    let stored = Evidence::decode(&world.golden.bytes("reporting-evidence-own")).unwrap();
    let other = Receipt::new(stored.claim(), &world.provider.key(world.alice.me())).encode();
    world.alice.confirm(&account("bob"), &other).unwrap();
    assert_eq!(
        world.alice.waiting(None, 10).unwrap().items.len(),
        2,
        "another message"
    );
    let old = world.golden.bytes("reporting-receipt");
    let claim = claim_of(&old);
    let receipt = Receipt::new(&claim, &world.provider.key(world.alice.me())).encode();
    let id = world.alice.confirm(&account("bob"), &receipt).unwrap();
    assert_eq!(&id, before.id());
    assert_eq!(world.alice.waiting(None, 10).unwrap().items.len(), 1);
    let confirmed = world.alice.message(&account("bob"), &id).unwrap().unwrap();
    assert!(!confirmed.evidence().unwrap().tag_names_sender());
}

/// The claim of a receipt of format 01: `01 0a 20 tag 12 len context 1a 20 stamp ..`. A stored
/// claim is `02 || tag || len be16 || context || stamp`.
fn claim_of(receipt: &[u8]) -> Claim {
    let len = usize::from(receipt[36]);
    assert!(len < 128);
    let (tag, context) = (&receipt[3..35], &receipt[37..37 + len]);
    let stamp = &receipt[37 + len + 2..][..32];
    let be16 = u16::try_from(len).unwrap().to_be_bytes();
    Claim::decode(&[&[2], tag, &be16, context, stamp].concat()).unwrap()
}
