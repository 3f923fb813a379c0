//! Reads the golden files, which hold what earlier versions stored and sent, and compares their
//! contents with what was written.

#![allow(clippy::restriction, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use waxseal::errors::{ConfirmError, ReceiveError, SendError, StartError, TakeRosterError};
use waxseal::reporting::DecodeError as ReportingError;
use waxseal::reporting::intake::{AcceptanceKey, ReportId};
use waxseal::reporting::recipient::Evidence;
use waxseal::reporting::relay::{
    Delivery, DeliveryKey, Envelope, PostedFanout, Receipt, StampKeys,
};
use waxseal::reporting::reporter::{ModerationPublicKey, Report};
use waxseal::reporting::reviewer::review;
use waxseal::reporting::vault::{ModerationKeyPair, Unseal, Vault};
use waxseal::store::Table;
use waxseal::{Advice, Client, Direction, SqliteStore, Store, StoreKey, Timestamp};
use waxseal_core::errors::{DecodeError, DecryptError};
use waxseal_core::export::PageId;
use waxseal_core::{IdentityKeyPair, Message, PreKeyBundle, PreKeys, ReplayMemory, SessionSet};
use waxseal_world::golden::{ACCEPTANCE_KEY, REPORT_ID, STORE_KEY, describe};
use waxseal_world::{AD, Provider, account};

mod outbox;

/// The golden files of one format, and a description of what they contain.
struct Golden {
    folder: PathBuf,
    expected: Value,
}

impl Golden {
    fn of(format: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("golden")
            .join(format);
        let expected = fs::read_to_string(folder.join("expected.json")).unwrap();
        let expected = serde_json::from_str(&expected).unwrap();
        Self { folder, expected }
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(format!("{name}.bin"))).unwrap()
    }

    /// Copies a client's store into a temporary folder and opens the copy. Dropping the returned
    /// `TempDir` deletes the folder.
    fn client(&self, name: &str) -> (tempfile::TempDir, Client<SqliteStore>) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(name);
        fs::copy(self.folder.join(format!("{name}.sqlite")), &path).unwrap();
        let store = SqliteStore::open(&path, &StoreKey::from_bytes(STORE_KEY)).unwrap();
        (home, Client::open(store).unwrap())
    }

    fn delivery_key(&self, name: &str) -> DeliveryKey {
        let hex = self.expected["clients"][name]["delivery_key"]
            .as_str()
            .unwrap();
        DeliveryKey::from_bytes(unhex(hex).try_into().unwrap())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.expected["reporting"]["now_ms"].as_u64().unwrap())
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Removes from a description what formats up to 03 said otherwise: they pinned identities in place
/// of account keys, and had no rosters. A conversation goes on once the peer's roster is there.
fn without_accounts(mut described: Value) -> Value {
    let client = described.as_object_mut().unwrap();
    for field in ["devices", "delivery_key"] {
        client.remove(field);
    }
    for (_, peer) in client["peers"].as_object_mut().unwrap() {
        let peer = peer.as_object_mut().unwrap();
        let fields = ["identity", "account_key", "devices", "safety_number"];
        for field in fields.into_iter().chain(["has_session"]) {
            peer.remove(field);
        }
    }
    described
}

#[test]
fn stores_of_format_01_hold_everything_but_their_sessions() {
    let golden = Golden::of("01");
    for name in ["alice", "bob", "carol", "dave"] {
        let (_home, client) = golden.client(name);
        let described = describe(&client);
        let expected = without_accounts(golden.expected["clients"][name].clone());
        // Sessions of format 01 are not read: their peers derived other message keys.
        for (_, peer) in described["peers"].as_object().unwrap() {
            assert_eq!(peer["has_session"], false);
        }
        assert_eq!(without_accounts(described), expected, "{name}");
        assert_eq!(
            client.delivery_key().to_bytes(),
            golden.delivery_key(name).to_bytes()
        );
    }
}

#[test]
fn stores_of_formats_02_and_03_hold_everything_and_their_sessions_go_on() {
    for format in ["02", "03"] {
        let golden = Golden::of(format);
        let (alice_id, bob_id) = (account("alice"), account("bob"));
        for name in ["alice", "bob", "carol", "dave"] {
            let (home, client) = golden.client(name);
            let expected = without_accounts(golden.expected["clients"][name].clone());
            let described = without_accounts(describe(&client));
            assert_eq!(described, expected, "{format} {name}");
            assert!(client.own_roster().unwrap().is_none());
            // Opened once more, after a conversion, it holds the same.
            drop(client);
            let path = home.path().join(name);
            let store = SqliteStore::open(&path, &StoreKey::from_bytes(STORE_KEY)).unwrap();
            let again = describe(&Client::open(store).unwrap());
            assert_eq!(without_accounts(again), expected, "{format} {name}");
        }
        let (_home, mut alice) = golden.client("alice");
        let (_home, mut bob) = golden.client("bob");
        let receipt = golden.bytes("reporting-receipt");
        let id = alice.confirm(&bob_id, &receipt).unwrap();
        let waiting = golden.expected["reporting"]["waiting"].as_str().unwrap();
        assert_eq!(id.as_bytes().to_vec(), unhex(waiting));
        let mut provider = Provider::new(35);
        provider.now = golden.now();
        provider.adopt(&mut alice);
        provider.adopt(&mut bob);
        // The rosters list the identities that the stores had pinned. So their account keys are
        // pinned without a question, and the sessions go on.
        provider.show_roster(&mut alice, &bob_id);
        provider.show_roster(&mut bob, &alice_id);
        for (client, peer) in [(&alice, &bob_id), (&bob, &alice_id)] {
            let pinned = client.peer_account_key(peer).unwrap();
            assert_eq!(pinned, provider.account_key(peer));
            assert!(client.has_session(peer).unwrap());
        }
        let numbers = [(&alice, &bob_id), (&bob, &alice_id)];
        let [one, other] = numbers.map(|(client, peer)| client.safety_number(peer).unwrap());
        assert_eq!(one.digits(), other.digits());
        provider.exchange(&mut bob, &mut alice, "and on");
        provider.exchange(&mut alice, &mut bob, "and back");
    }
}

/// What an earlier version sealed has no preamble. It is asked for, and the author seals it again.
#[test]
fn a_message_of_formats_02_and_03_on_its_way_does_not_open() {
    for format in ["02", "03"] {
        let golden = Golden::of(format);
        let (_home, mut bob) = golden.client("bob");
        let before = describe(&bob);
        let received = bob.receive(&golden.bytes("reporting-delivery"));
        assert!(
            matches!(received, Err(ReceiveError::Preamble)),
            "{received:?}"
        );
        assert_eq!(describe(&bob), before);
    }
}

#[test]
fn what_formats_02_and_03_stored_and_sent_is_read() {
    for format in ["02", "03"] {
        is_read(&Golden::of(format));
    }
}

#[test]
fn prekeys_in_parts_and_replay_memories_of_format_03_are_read() {
    let golden = Golden::of("03");
    let core = |name: &str| golden.bytes(&format!("core-{name}"));
    let count = golden.expected["core"]["one_time_sets"].as_u64().unwrap();
    let sets = (0..count).map(|number| core(&format!("prekeys-set-{number}")));
    let prekeys = PreKeys::import_parts(&core("prekeys-state"), sets).unwrap();
    assert_eq!(prekeys.one_time_left() as u64, count);
    assert_eq!(*prekeys.export(), core("prekeys-bob"));
    let memory = ReplayMemory::import(&core("replay-memory")).unwrap();
    let sender = golden.expected["core"]["remembered"].as_str().unwrap();
    assert_eq!(memory.sender().unwrap().to_bytes().to_vec(), unhex(sender));
    assert_eq!(*memory.export(), core("replay-memory"));
}

fn is_read(golden: &Golden) {
    let bytes = |name: &str| golden.bytes(&format!("reporting-{name}"));
    let tags = golden.expected["reporting"]["evidence"].as_array().unwrap();
    for (number, tag) in tags.iter().enumerate() {
        let evidence = Evidence::decode(&bytes(&format!("evidence-{number}"))).unwrap();
        let tag = unhex(tag.as_str().unwrap());
        assert_eq!(evidence.tag().as_bytes().to_vec(), tag);
        assert!(evidence.tag_names_sender());
    }
    let moderation = ModerationKeyPair::import(&bytes("moderation-pair")).unwrap();
    let vault = Vault::new(moderation, AcceptanceKey::from_bytes(ACCEPTANCE_KEY));
    let unsealed = vault.open(&ReportId::from_bytes(REPORT_ID), &bytes("accepted"));
    let verified = review(unsealed.unwrap()).unwrap();
    assert_eq!(verified.note(), "He means it.");
    assert!(verified.messages().iter().all(|m| m.tag_names_sender()));
    assert_eq!(Report::decode(&bytes("report")).unwrap().version(), 2);
    Envelope::decode(&bytes("envelope")).unwrap();
    // A message posted for one device is not taken any more.
    let posted = PostedFanout::decode(&bytes("posted"));
    let unknown = ReportingError::UnknownVersion { version: 2 };
    assert_eq!(posted.unwrap_err(), unknown);
    for name in ["alice", "bob", "unanswered"] {
        let sessions = golden.bytes(&format!("core-sessions-{name}"));
        assert_eq!(*SessionSet::import(&sessions).unwrap().export(), sessions);
    }
}

#[test]
fn reports_that_waited_in_format_01_go_on() {
    let golden = Golden::of("01");
    let (_home, mut bob) = golden.client("bob");
    let pending = bob.pending_reports(None, 10).unwrap().items;
    assert_eq!(pending[0].report, golden.bytes("reporting-report"));
    bob.confirm_report(pending[0].id).unwrap();
}

/// Counts the stored pages of skipped keys for a peer's messages.
fn pages(path: &Path, peer: &str) -> usize {
    let store = SqliteStore::open(path, &StoreKey::from_bytes(STORE_KEY)).unwrap();
    let len = u8::try_from(peer.len()).unwrap();
    let table = Table::new([&[b's', len], peer.as_bytes()].concat());
    store.list(&table, None, 100).unwrap().len()
}

#[test]
fn conversations_of_format_01_go_on_after_a_new_handshake() {
    let golden = Golden::of("01");
    let (alice_id, bob_id) = (account("alice"), account("bob"));
    let mut provider = Provider::new(31);
    provider.now = golden.now();
    let (_home, mut alice) = golden.client("alice");
    let (home, mut bob) = golden.client("bob");
    let path = home.path().join("bob");
    provider.adopt(&mut alice);
    provider.adopt(&mut bob);

    let kept =
        |bob: &Client<SqliteStore>| bob.messages(&alice_id, None, 1_000).unwrap().items.len();
    let before = kept(&bob);
    let refused = bob.send(&alice_id, "hello?", provider.now, &mut provider.rng);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, SendError::NoSession));
    assert_eq!(refused.advice(), Advice::FetchBundle);
    let stored = home.path().join("stored");
    fs::copy(golden.folder.join("bob.sqlite"), &stored).unwrap();
    assert_eq!(pages(&stored, "alice"), 2);
    // Opening the store deleted the old session and its pages of skipped keys. Since then, one call
    // failed and the others only read.
    assert!(!bob.has_session(&alice_id).unwrap());
    drop(bob);
    assert_eq!(pages(&path, "alice"), 0);
    let store = SqliteStore::open(&path, &StoreKey::from_bytes(STORE_KEY)).unwrap();
    let mut bob = Client::open(store).unwrap();

    provider.start(&mut bob, &alice_id);
    assert!(bob.has_session(&alice_id).unwrap());
    drop(bob);
    let store = SqliteStore::open(&path, &StoreKey::from_bytes(STORE_KEY)).unwrap();
    let mut bob = Client::open(store).unwrap();

    // After the store is opened once more, messages arrive in both directions. History is kept, and
    // sequence numbers go on from where they were.
    provider.exchange(&mut bob, &mut alice, "again");
    provider.exchange(&mut alice, &mut bob, "welcome back");
    assert_eq!(kept(&bob), before + 2);
    let sent = |client: &Client<SqliteStore>, peer| {
        let messages = client.messages(peer, None, 1_000).unwrap().items;
        let sent = messages.iter().filter(|m| m.direction() == Direction::Sent);
        let numbers: Vec<_> = sent.map(|message| message.header().sequence).collect();
        numbers
    };
    for (client, peer) in [(&alice, &bob_id), (&bob, &alice_id)] {
        let numbers = sent(client, peer);
        let first = numbers[0];
        let counted = numbers.iter().zip(first..);
        assert!(counted.into_iter().all(|(a, b)| *a == b), "{numbers:?}");
    }
}

#[test]
fn a_peer_whose_identity_changed_since_format_01_is_still_noticed() {
    let golden = Golden::of("01");
    let mut provider = Provider::new(32);
    provider.now = golden.now();
    let (_home, mut bob) = golden.client("bob");
    let alice_id = account("alice");
    let mut other = provider.register("alice");
    provider.adopt(&mut bob);
    let bundles = provider.bundles(&alice_id);
    let started = bob.start(&alice_id, &bundles, provider.now, &mut provider.rng);
    assert!(matches!(started, Err(StartError::IdentityChanged { .. })));
    provider.start(&mut other, &account("bob"));
    let sent = other.send(&account("bob"), "hi", provider.now, &mut provider.rng);
    let (delivery, _) = provider.relay(&other, &bob, &sent.unwrap().envelope);
    let received = bob.receive(&delivery);
    assert!(matches!(received, Err(ReceiveError::UnknownDevice { .. })));
    let roster = provider.roster(&alice_id);
    let taken = bob.take_roster(&alice_id, &roster, provider.now);
    assert!(matches!(
        taken,
        Err(TakeRosterError::IdentityChanged { .. })
    ));
    let received = bob.receive(&delivery);
    assert!(matches!(received, Err(ReceiveError::UnknownDevice { .. })));
    assert!(!bob.has_session(&alice_id).unwrap());
}

#[test]
fn sessions_and_messages_of_format_01_are_an_unknown_version() {
    let golden = Golden::of("01");
    let state = |kind: &str, name: &str| golden.bytes(&format!("core-{kind}-{name}"));
    let unknown = DecodeError::UnknownVersion { version: 1 };
    for name in ["alice", "bob", "unanswered"] {
        let whole = SessionSet::import(&state("sessions", name));
        assert_eq!(whole.unwrap_err(), unknown, "{name}");
    }
    for name in ["alice", "bob"] {
        let pages = golden.expected["core"][name]["pages"].as_u64().unwrap();
        let pages = (0..pages).map(|page| state("parts", &format!("{name}-page-{page}")));
        let pages: Vec<_> = pages.collect();
        for page in &pages {
            PageId::of_page(page).unwrap();
        }
        let read = SessionSet::import_parts(&state("parts", &format!("{name}-state")), &pages);
        assert_eq!(read.unwrap_err(), unknown, "{name}");
    }
    for name in ["initial", "late", "next"] {
        let message = state("message", name);
        assert_eq!(Message::peek(&message), Err(unknown));
    }
    let bob = IdentityKeyPair::import(&state("identity", "bob")).unwrap();
    let mut prekeys = PreKeys::import(&state("prekeys", "before")).unwrap();
    let (first, memory) = (state("message", "initial"), &mut ReplayMemory::new());
    let first = SessionSet::accept(&bob, &mut prekeys, memory, &first, AD);
    assert_eq!(first.unwrap_err(), DecryptError::Malformed(unknown));
}

#[test]
fn identities_and_prekeys_of_format_01_open_and_start_sessions() {
    let golden = Golden::of("01");
    let state = |kind: &str, name: &str| golden.bytes(&format!("core-{kind}-{name}"));
    let rng = &mut waxseal_world::rng(33);
    let mut keys = ["alice", "bob"].map(|name| {
        let identity = IdentityKeyPair::import(&state("identity", name)).unwrap();
        let hex = golden.expected["core"][name]["identity"].as_str().unwrap();
        assert_eq!(identity.public().to_bytes().to_vec(), unhex(hex));
        let exported = state("prekeys", name);
        let prekeys = PreKeys::import(&exported).unwrap();
        assert_eq!(*prekeys.export(), exported);
        (identity, prekeys)
    });
    PreKeys::import(&state("prekeys", "before")).unwrap();
    let [(alice, _), (bob, prekeys)] = &mut keys;
    let upload = prekeys.upload(bob).unwrap();
    let bundle = PreKeyBundle::decode(&upload.base, upload.one_time.first().map(Vec::as_slice));
    let mut to_bob = SessionSet::initiate(alice, bundle.unwrap(), rng).unwrap();
    let first = to_bob.encrypt(b"first", AD, rng).unwrap();
    let memory = &mut ReplayMemory::new();
    let (_, opened) = SessionSet::accept(bob, prekeys, memory, &first, AD).unwrap();
    assert_eq!(*opened, b"first");
}

#[test]
fn evidence_and_reports_of_format_01_verify() {
    let golden = Golden::of("01");
    let bytes = |name: &str| golden.bytes(&format!("reporting-{name}"));
    let stamp_keys = StampKeys::import(&bytes("stamp-keys")).unwrap();
    let tags = golden.expected["reporting"]["evidence"].as_array().unwrap();
    for (number, tag) in tags.iter().enumerate() {
        let evidence = Evidence::decode(&bytes(&format!("evidence-{number}"))).unwrap();
        assert_eq!(
            evidence.tag().as_bytes().to_vec(),
            unhex(tag.as_str().unwrap())
        );
        stamp_keys.verify(evidence.claim(), golden.now()).unwrap();
    }
    let own = Evidence::decode(&bytes("evidence-own")).unwrap();
    assert_eq!(
        own.tag().as_bytes().to_vec(),
        unhex(tags[0].as_str().unwrap())
    );

    let moderation = ModerationKeyPair::import(&bytes("moderation-pair")).unwrap();
    let public = ModerationPublicKey::decode(&bytes("moderation-public")).unwrap();
    assert_eq!(public.id(), moderation.public_key().id());
    let vault = Vault::new(moderation, AcceptanceKey::from_bytes(ACCEPTANCE_KEY));
    let unsealed = vault.open(&ReportId::from_bytes([1; 16]), &bytes("accepted"));
    let verified = review(unsealed.unwrap()).unwrap();
    assert_eq!(verified.note(), "He means it.");
    let texts = verified.messages().iter().map(|message| {
        let content = message.content();
        content
            .and_then(|content| content.as_text())
            .map(str::to_owned)
    });
    let texts = texts.collect::<Vec<_>>();
    let shown = ["Is your bike still for sale?", "With a picture."];
    assert_eq!(texts, shown.map(|text| Some(text.to_owned())));

    assert!(verified.messages().iter().all(|m| !m.tag_names_sender()));
    assert_eq!(Report::decode(&bytes("report")).unwrap().version(), 1);
}

#[test]
fn what_is_on_its_way_in_format_01_is_an_unknown_version() {
    let golden = Golden::of("01");
    let bytes = |name: &str| golden.bytes(&format!("reporting-{name}"));
    let unknown = ReportingError::UnknownVersion { version: 1 };
    assert_eq!(Delivery::decode(&bytes("delivery")).unwrap_err(), unknown);
    assert_eq!(Receipt::decode(&bytes("receipt")).unwrap_err(), unknown);
    assert_eq!(Envelope::decode(&bytes("envelope")).unwrap_err(), unknown);
    let posted = PostedFanout::decode(&bytes("envelope"));
    assert_eq!(posted.unwrap_err(), unknown);
    let (_home, mut alice) = golden.client("alice");
    let refused = alice.confirm(&account("bob"), &bytes("receipt"));
    assert!(matches!(refused, Err(ConfirmError::Malformed(error)) if error == unknown));
    let (_home, mut bob) = golden.client("bob");
    let refused = bob.receive(&bytes("delivery"));
    assert!(matches!(refused, Err(ReceiveError::Malformed(error)) if error == unknown));
}
