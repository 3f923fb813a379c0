//! Reads the golden files, which hold what earlier versions stored and sent, and compares their
//! contents with what was written.

#![allow(clippy::restriction, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use waxseal::reporting::intake::{AcceptanceKey, AcceptedReport};
use waxseal::reporting::recipient::Evidence;
use waxseal::reporting::relay::{Delivery, DeliveryKey, Envelope, Receipt, StampKeys};
use waxseal::reporting::reporter::{ModerationPublicKey, Report};
use waxseal::reporting::reviewer::{ModerationKeyPair, review};
use waxseal::{Client, SqliteStore, StoreKey, Timestamp};
use waxseal_core::{IdentityKeyPair, PreKeys, SessionSet};
use waxseal_world::golden::{ACCEPTANCE_KEY, STORE_KEY, describe};
use waxseal_world::{AD, account};

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

#[test]
fn stores_of_format_01_hold_what_they_held() {
    let golden = Golden::of("01");
    for name in ["alice", "bob", "carol", "dave"] {
        let (_home, client) = golden.client(name);
        let mut described = describe(&client);
        let expected = &golden.expected["clients"][name];
        described["delivery_key"] = expected["delivery_key"].clone();
        assert_eq!(&described, expected, "{name}");
        assert_eq!(
            client.delivery_key().to_bytes(),
            golden.delivery_key(name).to_bytes()
        );
    }
}

#[test]
fn what_waited_for_the_relay_in_format_01_goes_on() {
    let golden = Golden::of("01");
    let (_home, mut alice) = golden.client("alice");
    let waiting = &golden.expected["reporting"]["waiting"];
    let id = alice
        .confirm(&account("bob"), &golden.bytes("reporting-receipt"))
        .unwrap();
    assert_eq!(id.as_bytes().to_vec(), unhex(waiting.as_str().unwrap()));
    let (_home, mut bob) = golden.client("bob");
    let pending = bob.pending_reports(10).unwrap();
    assert_eq!(pending[0].report, golden.bytes("reporting-report"));
    bob.confirm_report(pending[0].id).unwrap();
    bob.receive(&golden.bytes("reporting-delivery")).unwrap();
}

#[test]
fn sessions_of_format_01_open_what_was_under_way() {
    let golden = Golden::of("01");
    let state = |kind: &str, name: &str| golden.bytes(&format!("core-{kind}-{name}"));
    for (name, message, plaintext) in [("alice", "next", "next"), ("bob", "late", "late")] {
        let identity = IdentityKeyPair::import(&state("identity", name)).unwrap();
        let expected = &golden.expected["core"][name];
        let hex = expected["identity"].as_str().unwrap();
        assert_eq!(identity.public().to_bytes().to_vec(), unhex(hex));
        let mut prekeys = PreKeys::import(&state("prekeys", name)).unwrap();
        let mut whole = SessionSet::import(&state("sessions", name)).unwrap();
        let pages = expected["pages"].as_u64().unwrap();
        let pages = (0..pages).map(|page| state("parts", &format!("{name}-page-{page}")));
        let parts = state("parts", &format!("{name}-state"));
        let read = SessionSet::import_parts(&parts, pages).unwrap();
        assert!(read.export() == whole.export(), "{name}: in parts");
        let message = state("message", message);
        let opened = whole
            .decrypt(&identity, &mut prekeys, &message, AD)
            .unwrap();
        assert_eq!(*opened, plaintext.as_bytes());
    }
    let bob = IdentityKeyPair::import(&state("identity", "bob")).unwrap();
    let mut prekeys = PreKeys::import(&state("prekeys", "before")).unwrap();
    let first = state("message", "initial");
    let (_, opened) = SessionSet::accept(&bob, &mut prekeys, &first, AD).unwrap();
    assert_eq!(*opened, b"first");
    SessionSet::import(&state("sessions", "unanswered")).unwrap();
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
    let accepted = bytes("accepted");
    let accepted = AcceptedReport::decode(&accepted, &AcceptanceKey::from_bytes(ACCEPTANCE_KEY));
    let verified = review(accepted.unwrap(), &moderation).unwrap();
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

    let key = golden.delivery_key("bob");
    let delivery = Delivery::decode(&bytes("delivery")).unwrap();
    delivery.authenticate(&key, &account("bob")).unwrap();
    Envelope::decode(&bytes("envelope")).unwrap();
    Receipt::decode(&bytes("receipt")).unwrap();
    Report::decode(&bytes("report")).unwrap();
}
