//! Desk and relay as they run together: reports with files, and reports that the vault rejects; and
//! a desk that speaks TLS.

#![allow(clippy::restriction, reason = "tests")]

mod office;
mod world;

use std::process::Command;

use office::{Hex, ORIGIN, Office, Process, code, wait_for};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::vault::digest_of;
use waxseal_interface::http::Link;
use waxseal_interface::parse_report_id;
use waxseal_log::entry::Purpose;
use waxseal_log::promise::Promise;
use waxseal_relay::RelayClient;
use waxseal_relay::desk::{DeskClient, DeskCode, DeskError, Entries, EntryItem};
use waxseal_reporting::file::{FileDescriptor, FileKey, FileShape, seal as seal_file};
use waxseal_reporting::message::{Attachment, Content, FileAttachment, Payload, PayloadHeader};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::reporter::{ModerationPublicKey, Report};
use waxseal_reporting::sender::seal;
use waxseal_reporting::{Audience, BlobId};
use world::junk::with_junk_openings;
use world::tls::Authority;
use world::{Device, NoChannel, now};

/// A relay with a desk, and two devices.
struct Provider {
    office: Office,
    _relay: Process,
    alice: Device,
    bob: Device,
    moderation: ModerationPublicKey,
}

impl Provider {
    fn new() -> Self {
        // A port that is free now.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let office = Office::of_relay(&format!("http://{address}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        command
            .args(["--data", "relay-data", "--listen", &address])
            .args(["--desk", office.url(), "--desk-origin", ORIGIN])
            .args(["--moderation-key", "moderation.pub"])
            .args(["--acceptance-key", "acceptance.key", "--desk-interval", "1"])
            .args(["--reviewer-key", "desk/reviewer.key.pub"])
            .env("RUST_LOG", "error")
            .current_dir(office.dir.path());
        let (_relay, url) = Process::start(&mut command, "listening on ");
        let pinned = office.dir.path().join("desk/relay.pinned");
        wait_for(|| pinned.exists().then_some(()));
        let device = |name: &str| {
            let mut device = Device::new(name, RelayClient::new(&url).unwrap());
            device.register().unwrap();
            device
        };
        let moderation = std::fs::read(office.dir.path().join("moderation.pub")).unwrap();
        Self {
            moderation: ModerationPublicKey::decode(&moderation).unwrap(),
            alice: device("alice"),
            bob: device("bob"),
            office,
            _relay,
        }
    }

    /// Alice sends a file to bob, and uploads it. Returns its sealed bytes.
    fn send_file(&self) -> (BlobId, Vec<u8>, Evidence) {
        let rng = &mut rand::rng();
        let content = [7; 70_000];
        let (blob, key) = (BlobId::generate(rng), FileKey::generate(rng));
        let (mut sealed, size) = (Vec::new(), content.len() as u64);
        let root = seal_file(&mut &content[..], size, &key, &mut sealed).unwrap();
        let shape = FileShape::new(size).unwrap();
        let location = FileDescriptor::blob_location(&blob);
        let descriptor = FileDescriptor::new(shape, root, "image/png", "a", &location).unwrap();
        let file = Attachment::from(FileAttachment::new(descriptor, key, None));
        let header = PayloadHeader::new(0, now());
        let text = Content::Text("look".to_owned());
        let payload = Payload::with_attachments(header, text, vec![file]).unwrap();
        let (alice, bob) = (&self.alice, &self.bob);
        let conversation = Audience::Direct(bob.me.account.clone());
        let conversation = conversation.conversation(&alice.me.account);
        let message = seal(&mut NoChannel, &alice.me, &conversation, &payload, rng).unwrap();
        let posted = alice.post(&message.envelope, &bob.me.account);
        let (client, session) = (&alice.client, alice.session());
        client.send(session, &bob.me.account, &posted).unwrap();
        let len = sealed.len() as u64;
        client.put_blob(session, &blob, 0, len, &sealed).unwrap();
        (blob, sealed, bob.receive().remove(0).1)
    }

    fn blob(
        &self,
        officer: &OfficerKey,
        report: Hex<16>,
        blob: &BlobId,
        len: usize,
    ) -> Result<Vec<u8>, DeskError> {
        let path = format!(
            "/v1/reports/{report}/blobs/{}?at=0&len={len}",
            blob.to_text()
        );
        let client = self.office.client();
        client.get(officer, &path, office::now(), &mut rand::rng())
    }

    fn fetches(&self) -> usize {
        let entries: Entries = self.office.get(&self.office.officers.bob, "/v1/log?from=0");
        let fetched = |entry: &&EntryItem| entry.kind == "file_fetched";
        entries.entries.iter().filter(fetched).count()
    }
}

/// How much of the one file that was fetched the desk handed out.
fn handed_out(office: &Office) -> usize {
    let store = rusqlite::Connection::open(office.dir.path().join("desk/desk.sqlite")).unwrap();
    let sql = "SELECT handed_out FROM fetches";
    store.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn chk633_a_file_goes_out_once_the_log_says_who_fetches_it() {
    let provider = Provider::new();
    let (office, bob) = (&provider.office, &provider.bob);
    let (blob, sealed, evidence) = provider.send_file();
    let report = bob.report(&provider.moderation, &[&evidence]);
    let taken = bob.client.report(bob.session(), &report).unwrap();
    let digest = digest_of(&Report::decode(&report).unwrap());
    let promise = Promise::decode(&taken.promise.unwrap()).unwrap();
    let promised = promise.verify(office.keys.log(), &digest, office::now().as_millis());
    assert!(promised.is_ok());

    let case = office.case_about("alice");
    let id = case.reports[0].id;
    let expected = parse_report_id(&taken.report_id).unwrap();
    assert_eq!(id, Hex(*expected.as_bytes()));
    assert_eq!(case.reports[0].blobs, [blob.to_text()]);
    let (alice, carol) = (&office.officers.alice, &office.officers.carol);
    let grant = office.grant(alice, &case, Purpose::UserReport, None);
    office.ask(alice, &grant).unwrap();
    let fetch = |officer, blob, len| provider.blob(officer, id, blob, len);
    assert_eq!(code(fetch(alice, &blob, 100)), DeskCode::Refused);
    office.open(alice, &grant, id).unwrap();
    assert_eq!(provider.fetches(), 0);
    // The first bytes, then all of them.
    assert_eq!(fetch(alice, &blob, 100).unwrap(), sealed[..100]);
    assert_eq!(handed_out(office), 100);
    assert_eq!(fetch(alice, &blob, sealed.len()).unwrap(), sealed);
    assert_eq!(handed_out(office), sealed.len());
    assert_eq!(provider.fetches(), 1);
    assert_eq!(fetch(alice, &blob, 100).unwrap(), sealed[..100]);
    assert_eq!(provider.fetches(), 1);
    // Nobody else, and nothing else.
    assert_eq!(code(fetch(carol, &blob, 100)), DeskCode::Refused);
    let other = BlobId::from_bytes([9; 32]);
    assert_eq!(code(fetch(alice, &other, 100)), DeskCode::Refused);
    assert_eq!(code(fetch(alice, &blob, 0)), DeskCode::Malformed);
    let beyond = fetch(alice, &blob, sealed.len() + 1);
    assert_eq!(code(beyond), DeskCode::Refused);
    assert_eq!(handed_out(office), sealed.len());
    assert_eq!(provider.fetches(), 1);
}

#[test]
fn a_report_that_the_vault_rejects_no_longer_counts_at_the_relay() {
    let mut provider = Provider::new();
    let bob_address = provider.bob.me.clone();
    provider.alice.send(&bob_address, "your code?").unwrap();
    let evidence = provider.bob.receive().remove(0).1;
    let (office, bob) = (&provider.office, &provider.bob);
    let good = bob.report(&provider.moderation, &[&evidence]);
    let junk = with_junk_openings(bob, &good);
    bob.client.report(bob.session(), &junk).unwrap();
    // Its message can be reported again once the desk has told the relay.
    let taken = wait_for(|| {
        let taken = bob.client.report(bob.session(), &good).ok();
        taken.filter(|taken| !taken.duplicate)
    });
    let case = office.case_about("alice");
    assert_eq!(case.reports.len(), 1);
    let id = parse_report_id(&taken.report_id).unwrap();
    assert_eq!(case.reports[0].id, Hex(*id.as_bytes()));
    let waiting = office.dir.path().join("desk/to-relay");
    wait_for(|| (std::fs::read_dir(&waiting).unwrap().count() == 0).then_some(()));
}

#[test]
fn a_desk_that_speaks_tls_is_reached_by_those_who_trust_its_authority() {
    let mut office = Office::new();
    let authority = Authority::new();
    authority.certify(office.dir.path(), &["127.0.0.1"], |_| {});
    assert!(office.desk().stop());
    office.start_with(&["--tls-cert", "tls.cert", "--tls-key", "tls.key"]);
    assert!(office.url().starts_with("https://"));
    let ask = |authority: &Authority| {
        let link = Link::with_ca(office.url(), &authority.pem).unwrap();
        let client = DeskClient::new(link, ORIGIN);
        let alice = &office.officers.alice;
        client.get(alice, "/v1/desk", office::now(), &mut rand::rng())
    };
    assert!(ask(&authority).is_ok());
    assert!(matches!(ask(&Authority::new()), Err(DeskError::Link(_))));
}
