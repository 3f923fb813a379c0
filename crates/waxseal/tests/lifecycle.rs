//! What happens to conversations and records over time: lost sessions, deleted messages, sizes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "support/lose.rs"]
mod lose;

use lose::lose_sessions;
use waxseal::core::errors::DecryptError;
use waxseal::core::limits::MAX_SESSIONS;
use waxseal::errors::{
    ConfirmError, Damage, OpenAccountError, PeerError, PublishError, ReceiveError, ReportError,
    SendError, StartError, StateError,
};
use waxseal::reporting::limits::{
    MAX_ACCOUNT_LEN, MAX_ENVELOPE_LEN, MAX_EVIDENCE_LEN, MAX_REPORT_LEN,
};
use waxseal::store::{Key, MAX_NAME_LEN, MAX_TABLE_LEN, MAX_VALUE_LEN, Row, Table};
use waxseal::{
    Advice, AttachmentKey, Client, Disclosure, Draft, MemoryStore, Reason, Received, Store,
    WholeFile,
};
use waxseal_world::{NOW, Provider, account, snapshot, text_of};

/// The key of an entry of the outbox.
fn envelope(number: u64) -> Key {
    Key::new(Table::new(b"o"), Row::Number(number))
}

#[test]
fn a_peer_out_of_step_comes_back_with_a_new_session_and_a_message_on_it() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    world.exchange(&mut bob, &mut alice, "hello yourself");
    // Bob loses his sessions with Alice: he accepts another identity for her, then her own again.
    // Her messages no longer open until he starts a new session.
    lose_sessions(&mut world, &mut bob, &account("alice"));
    let mut fails = |world: &mut Provider, bob: &mut _| {
        let sent = alice
            .send(&account("bob"), "lost", NOW, &mut world.rng)
            .unwrap();
        let (delivery, _) = world.relay(&alice, bob, &sent.envelope);
        let error = Client::receive(bob, &delivery).unwrap_err();
        assert_eq!(error.advice(), Advice::AskAgain, "{error}");
    };
    fails(&mut world, &mut bob);
    world.start(&mut bob, &account("alice"));
    // Bob's new session has not reached Alice yet. She sends on the old one again, so Bob is again
    // advised to fetch her bundle.
    fails(&mut world, &mut bob);
    world.exchange(&mut bob, &mut alice, "");
    world.exchange(&mut alice, &mut bob, "there you are");
}

#[test]
fn a_peer_that_was_set_back_comes_back_with_a_new_session() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (alice_id, bob_id) = (account("alice"), account("bob"));
    world.exchange(&mut alice, &mut bob, "hello");
    let old = snapshot(&alice);
    world.exchange(&mut alice, &mut bob, "is anyone there?");
    // Alice's store goes back to an older copy. Her next message follows an answer of Bob's, but
    // has an old counter. So Bob cannot open it, and is advised to start over.
    let mut alice = Client::open(MemoryStore::from_records(old)).unwrap();
    world.exchange(&mut bob, &mut alice, "yes");
    let sent = alice.send(&bob_id, "lost", NOW, &mut world.rng).unwrap();
    let (delivery, _) = world.relay(&alice, &bob, &sent.envelope);
    let error = bob.receive(&delivery).unwrap_err();
    assert!(
        matches!(error, ReceiveError::Session(DecryptError::Misplaced)),
        "{error:?}"
    );
    assert_eq!(error.advice(), Advice::AskAgain);

    world.start(&mut bob, &alice_id);
    world.exchange(&mut bob, &mut alice, "a new session");
    world.exchange(&mut alice, &mut bob, "there you are");
}

#[test]
fn a_damaged_number_in_the_outbox_costs_its_entry_and_the_list_ends() {
    let (mut world, mut alice, _) = Provider::of_two();
    for text in ["first", "second"] {
        let sent = alice.send(&account("bob"), text, NOW, &mut world.rng);
        sent.unwrap();
    }
    let mut records = snapshot(&alice);
    let second = envelope(1);
    let (_, record) = records.iter_mut().find(|(key, _)| *key == second).unwrap();
    assert_eq!(record[..3], [1, 0x08, 1], "version, field 1, the number");
    record[2] = 0;
    let alice = Client::open(MemoryStore::from_records(records)).unwrap();
    assert_eq!(alice.outbox(None, 1, NOW).unwrap().items.len(), 1);
    let page = alice.outbox(None, 10, NOW).unwrap();
    assert_eq!(
        (page.items.len(), page.damaged.len(), page.next),
        (1, 1, None)
    );
    assert_eq!(page.damaged[0].number(), Some(1));
}

#[test]
fn a_deleted_message_is_gone_from_this_device_and_not_shown_again() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (bob_id, alice_id) = (account("bob"), account("alice"));
    world.exchange(&mut alice, &mut bob, "stays");
    let sent = alice.send(&bob_id, "goes", NOW, &mut world.rng).unwrap();
    let (delivery, receipt) = world.relay(&alice, &bob, &sent.envelope);
    assert_eq!(text_of(bob.receive(&delivery).unwrap()), "goes");
    world.exchange(&mut alice, &mut bob, "stays too");
    bob.delete_message(&alice_id, &sent.id).unwrap();
    assert!(bob.message(&alice_id, &sent.id).unwrap().is_none());
    assert!(matches!(
        bob.receive(&delivery).unwrap(),
        Received::Duplicate { .. }
    ));
    let report = bob.draft_report(&alice_id, Reason::Spam, [(sent.id, Disclosure::Whole)]);
    assert!(matches!(report, Err(ReportError::NoSuchMessage)));
    let texts = bob.messages(&alice_id, None, 10).unwrap().items;
    let texts: Vec<_> = texts.iter().map(|message| message.text()).collect();
    assert_eq!(texts, [Some("stays"), Some("stays too")]);

    // The sender gives the message up. The message leaves the outbox, and its receipt comes too
    // late.
    assert_eq!(alice.outbox(None, 10, NOW).unwrap().items.len(), 1);
    alice.delete_message(&bob_id, &sent.id).unwrap();
    assert!(alice.outbox(None, 10, NOW).unwrap().items.is_empty());
    assert!(matches!(
        alice.confirm(&bob_id, &receipt),
        Err(ConfirmError::NotSent)
    ));
    alice.delete_message(&bob_id, &sent.id).unwrap();
    world.exchange(&mut alice, &mut bob, "and on");
}

#[test]
fn the_newest_messages_are_read_without_the_earlier_ones() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    assert_eq!(bob.next_ordinal(&account("alice")).unwrap(), 0);
    for number in 0..5 {
        world.exchange(&mut alice, &mut bob, format!("{number}").as_str());
    }
    let next = bob.next_ordinal(&account("alice")).unwrap();
    let newest = bob
        .messages(&account("alice"), next.checked_sub(3), 2)
        .unwrap()
        .items;
    let newest: Vec<_> = newest.iter().filter_map(|message| message.text()).collect();
    assert_eq!(newest, ["3", "4"]);
}

#[test]
fn every_peer_is_listed_however_the_contact_began() {
    let mut world = Provider::new(7);
    let mut alice = world.register("alice");
    assert!(alice.peers(None, 9).unwrap().items.is_empty());
    let (mut bob, mut eve) = (world.register("bob"), world.register("eve"));
    world.start(&mut alice, &account("bob"));
    world.start(&mut eve, &account("alice"));
    world.exchange(&mut eve, &mut alice, "hello");
    world.register("carol");
    let carol = world.account_key(&account("carol"));
    alice.accept_identity(&account("carol"), &carol).unwrap();
    world.start(&mut bob, &account("alice"));
    let mut peers = Vec::new();
    let mut after = None;
    loop {
        let page = alice.peers(after.as_ref(), 1).unwrap();
        peers.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    peers.sort();
    assert_eq!(peers, ["bob", "carol", "eve"].map(account));
}

#[test]
fn outbox_numbers_go_up_even_when_earlier_ones_were_confirmed() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "confirmed");
    let mut alice = Client::open(alice.into_store()).unwrap();
    let sent = alice
        .send(&account("bob"), "second", NOW, &mut world.rng)
        .unwrap();
    assert_eq!(alice.outbox(None, 10, NOW).unwrap().items, [sent]);
    let second = alice.store().get(&envelope(1)).unwrap();
    assert!(second.is_some(), "an outbox number is used once");
}

#[test]
fn keys_and_values_stay_within_what_a_store_is_promised() {
    let mut world = Provider::new(7);
    let mut alice = world.register("alice");
    let peer = account(&"x".repeat(MAX_ACCOUNT_LEN));
    let mut other = world.register(peer.as_str());
    world.start(&mut alice, &peer);
    world.exchange(&mut alice, &mut other, "hello");
    for (key, _) in alice.store().records() {
        let name = match &key.row {
            Row::Name(name) => name.len(),
            _ => 0,
        };
        assert!(key.table.as_bytes().len() <= MAX_TABLE_LEN && name <= MAX_NAME_LEN);
        assert_eq!(Key::from_bytes(&key.to_bytes()).as_ref(), Some(key));
    }
    // An earlier version remembered up to 16,384 base keys per signed set.
    let prekeys = 2 * 32 * 16_384 + 1_000;
    let sessions = MAX_SESSIONS * 4_200;
    let page = 45 + 64 * 76;
    let record = 64;
    for len in [
        MAX_REPORT_LEN + record,
        MAX_ENVELOPE_LEN + 256,
        MAX_EVIDENCE_LEN + record,
        prekeys,
        sessions + 256,
        page,
    ] {
        assert!(len <= MAX_VALUE_LEN, "{len}");
    }
}

#[test]
fn a_device_registers_again_with_the_same_key_and_identity() {
    let mut world = Provider::new(7);
    let alice = world.register("alice");
    let key = world.key(alice.me());
    let proof = alice.prove_account(b"register, challenge 1");
    let alice = Client::open(alice.into_store()).unwrap();
    assert_eq!(alice.delivery_key().to_bytes(), key.to_bytes());
    let verify = |context: &[u8]| alice.identity().verify_account_proof(context, &proof);
    assert!(verify(b"register, challenge 1").is_ok());
    assert!(verify(b"register, challenge 2").is_err());
}

#[test]
fn a_failing_store_and_a_damaged_record_have_the_same_advice_in_every_error() {
    type Io = std::io::Error;
    fn states() -> [(StateError<Io>, Advice); 5] {
        let failure = StateError::Store(Io::other("full"));
        [
            (failure, Advice::Retry),
            (StateError::Damaged(Damage::Account), Advice::Damaged),
            (StateError::Damaged(Damage::PreKeys), Advice::ResetPreKeys),
            (
                StateError::Damaged(Damage::Peer(account("a"))),
                Advice::ResetPeer,
            ),
            (
                StateError::Damaged(Damage::Message(account("a").into())),
                Advice::DeleteMessage,
            ),
        ]
    }
    for (state, advice) in states() {
        assert_eq!(state.advice(), advice);
    }
    let states_of = |advice_of: &dyn Fn(StateError<Io>) -> Advice| {
        for (state, advice) in states() {
            assert_eq!(advice_of(state), advice);
        }
    };
    states_of(&|state| OpenAccountError::from(state).advice());
    states_of(&|state| PublishError::from(state).advice());
    states_of(&|state| PeerError::from(state).advice());
    states_of(&|state| StartError::from(state).advice());
    states_of(&|state| SendError::from(state).advice());
    states_of(&|state| ConfirmError::from(state).advice());
    states_of(&|state| ReceiveError::from(state).advice());
    states_of(&|state| ReportError::from(state).advice());
}

#[test]
fn an_account_that_is_created_or_opened_wrongly_is_a_mistake_of_the_application() {
    let error = OpenAccountError::<std::io::Error>::NoAccount;
    assert_eq!(error.advice(), Advice::FixCall);
    let error = OpenAccountError::<std::io::Error>::AlreadyExists;
    assert_eq!(error.advice(), Advice::FixCall);
}

#[test]
fn a_message_shows_its_attachments_on_both_sides_with_and_without_a_receipt() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    let (bob_id, alice_id) = (account("bob"), account("alice"));
    let key = AttachmentKey::from_bytes([7; 32]);
    let photo = WholeFile::new("image/jpeg", b"a bicycle", b"sealed", key, "blob/1").unwrap();
    let draft = Draft::from("Look:").attach(photo.clone());
    let sent = alice.send(&bob_id, draft, NOW, &mut world.rng).unwrap();
    let (delivery, receipt) = world.relay(&alice, &bob, &sent.envelope);
    let Received::Message { message, .. } = bob.receive(&delivery).unwrap() else {
        panic!("a duplicate")
    };
    let waiting = alice.message(&bob_id, &sent.id).unwrap().unwrap();
    alice.confirm(&bob_id, &receipt).unwrap();
    let confirmed = alice.message(&bob_id, &sent.id).unwrap().unwrap();
    let stored = bob.message(&alice_id, &sent.id).unwrap().unwrap();
    assert!(waiting.evidence().is_none() && confirmed.evidence().is_some());
    for message in [*message, waiting, confirmed, stored] {
        assert_eq!(message.text(), Some("Look:"));
        assert_eq!(message.content().as_text(), Some("Look:"));
        let [attachment] = message.attachments() else {
            panic!("one attachment was sent")
        };
        let file = attachment.whole_file().unwrap();
        assert_eq!(file.location(), photo.location());
        assert_eq!(file.key().as_bytes(), photo.key().as_bytes());
    }
}

#[test]
fn the_health_of_a_conversation_can_be_watched() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    for _ in 0..50 {
        world.exchange(&mut alice, &mut bob, "ping");
        world.exchange(&mut bob, &mut alice, "pong");
    }
    let health = alice.conversation_health(&account("bob")).unwrap();
    assert!(health.pq_epochs > 0 && health.dh_ratchet_steps > 0);
    assert_eq!(health.pq_stopped, None);
    assert!(matches!(
        alice.conversation_health(&account("stranger")),
        Err(PeerError::UnknownPeer)
    ));
}

#[test]
fn skipped_keys_are_stored_in_pages_and_all_of_them_are_read_again() {
    let (mut world, mut alice, mut bob) = Provider::of_two();
    world.exchange(&mut alice, &mut bob, "hello");
    bob.accept_contact(&account("alice")).unwrap();
    let mut seal = |alice: &mut Client<MemoryStore>, bob: &Client<MemoryStore>| {
        let (now, rng) = (NOW, &mut world.rng);
        let sent = alice.send(&account("bob"), "text", now, rng).unwrap();
        world.relay(alice, bob, &sent.envelope).0
    };
    let pages = |bob: &Client<MemoryStore>| {
        let table = Table::new(b"s\x05alice\0\0\0\x01");
        bob.store().list(&table, None, usize::MAX).unwrap()
    };
    // Twice, 2,000 messages are skipped, the most that are allowed at once. Their keys fill more
    // pages than one call to the store reads.
    let mut late = Vec::new();
    for _ in 0..2 {
        late.extend((0..2_000).map(|_| seal(&mut alice, &bob)));
        let ahead = seal(&mut alice, &bob);
        bob.receive(&ahead).unwrap();
    }
    let stored = pages(&bob);
    assert_eq!(stored.len(), 63);
    let len: usize = stored
        .iter()
        .map(|page| page.value.as_ref().unwrap().len())
        .sum();
    assert_eq!(len, stored.len() * 45 + 4_000 * 76);
    // The record that each message writes does not contain the pages.
    let peer = bob
        .store()
        .get(&Key::new(Table::new(b"d\x05alice"), Row::Number(1)))
        .unwrap();
    assert!(peer.unwrap().len() < 3_000);

    let records = snapshot(&bob);
    for late in late.iter().step_by(800) {
        bob = Client::open(bob.into_store()).unwrap();
        assert_eq!(text_of(bob.receive(late).unwrap()), "text");
    }
    assert_eq!(pages(&bob).len(), stored.len());
    // Deletes one page of skipped keys at a time. The state that lacks it cannot be read.
    let is_page = |(key, _): &(Key, Vec<u8>)| key.table.as_bytes().first() == Some(&b's');
    let first = records.iter().position(is_page).unwrap();
    for gone in first..first + stored.len() {
        let mut records = records.clone();
        records.remove(gone);
        let bob = Client::open(MemoryStore::from_records(records)).unwrap();
        let error = bob.has_session(&account("alice")).unwrap_err();
        assert!(matches!(error, StateError::Damaged(Damage::Peer(_))));
    }
}
