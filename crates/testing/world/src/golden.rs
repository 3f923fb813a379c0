//! Writes golden files: stored and sent bytes of every kind, as this version writes them.
//! `tests/golden.rs` says what later versions must be able to read of them.
//!
//! `cargo run -p waxseal-world --bin golden -- FOLDER` writes the files, and an `expected.json`
//! that describes what they contain. Each format has a folder in `golden/`, which is written once
//! and then never changed.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use waxseal::reporting::intake::{AcceptanceKey, ReportId, examine};
use waxseal::reporting::reporter::Report;
use waxseal::{
    AccountId, AttachmentKey, Client, Content, Direction, Disclosure, Draft, Message, Reason,
    SqliteStore, Store, StoreKey, WholeFile,
};
use waxseal_core::{PreKeys, SessionSet};

use crate::{Device, NOW, Provider, account, envelope_of, rng};

/// The key of the SQLite stores.
pub const STORE_KEY: [u8; 32] = [8; 32];
/// The acceptance key, with which the intake authenticates an accepted report for the reviewers.
pub const ACCEPTANCE_KEY: [u8; 32] = [9; 32];
/// The id under which the accepted report waits.
pub const REPORT_ID: [u8; 16] = [10; 16];

/// Number of Alice's messages that Bob does not receive. Their skipped keys fill more than a page.
const LOST: usize = 70;

/// Writes every golden file into a folder.
///
/// # Errors
/// An error of the file system.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut expected = json!({});
    core(folder, &mut expected)?;
    clients(folder, &mut expected)?;
    let text = serde_json::to_string_pretty(&expected)?;
    fs::write(folder.join("expected.json"), text + "\n")
}

/// Writes states and messages of `waxseal-core` as `core-*.bin`, and describes them in `expected`.
fn core(folder: &Path, expected: &mut Value) -> io::Result<()> {
    let rng = &mut rng(21);
    let file = |name: &str, bytes: &[u8]| fs::write(folder.join(format!("core-{name}.bin")), bytes);
    let (mut alice, mut bob) = (Device::new(3, rng), Device::new(3, rng));
    let bundle = bob.bundle();
    alice.start(bundle, rng);
    file("sessions-unanswered", &alice.sessions().export())?;
    let first = alice.encrypt(b"first", rng);
    file("message-initial", &first)?;
    file("prekeys-before", &bob.prekeys.export())?;
    bob.decrypt(&first).expect("the first message");
    let answer = bob.encrypt(b"answer", rng);
    alice.decrypt(&answer).expect("an answer");
    for _ in 0..LOST {
        alice.encrypt(b"lost", rng);
    }
    let late = alice.encrypt(b"late", rng);
    let ahead = alice.encrypt(b"ahead", rng);
    bob.decrypt(&ahead).expect("a message ahead of others");
    // Bob starts a second session. Alice does not receive that session's first message, "next".
    let bundle = alice.bundle();
    bob.start(bundle, rng);
    let next = bob.encrypt(b"next", rng);
    file("message-late", &late)?;
    file("message-next", &next)?;
    for (name, device) in [("alice", &alice), ("bob", &bob)] {
        file(&format!("identity-{name}"), &device.identity.export())?;
        file(&format!("prekeys-{name}"), &device.prekeys.export())?;
        let sessions = device.sessions.as_ref().expect("they talk").export();
        file(&format!("sessions-{name}"), &sessions)?;
        let parts = SessionSet::import(&sessions)
            .expect("its own")
            .export_parts();
        file(&format!("parts-{name}-state"), &parts.state)?;
        for (number, page) in parts.pages.iter().enumerate() {
            let bytes = page.bytes.as_ref().expect("all pages are new");
            file(&format!("parts-{name}-page-{number}"), bytes)?;
        }
        expected["core"][name] = json!({
            "identity": hex(&device.identity.public().to_bytes()),
            "pages": parts.pages.len(),
        });
    }
    let mut prekeys = PreKeys::import(&bob.prekeys.export()).expect("its own");
    let parts = prekeys.export_parts();
    file("prekeys-state", &parts.state.expect("it is new"))?;
    for (number, set) in parts.one_time.iter().enumerate() {
        let bytes = set.bytes.as_ref().expect("all sets are new");
        file(&format!("prekeys-set-{number}"), bytes)?;
    }
    expected["core"]["one_time_sets"] = json!(parts.one_time.len());
    // Eve begins on a last-resort key, so Frank remembers her.
    let (mut eve, mut frank) = (Device::new(0, rng), Device::new(0, rng));
    eve.start(frank.bundle(), rng);
    let first = eve.encrypt(b"first", rng);
    frank.decrypt(&first).expect("the first message");
    file("replay-memory", &frank.memory.export())?;
    let sender = hex(&eve.identity.public().to_bytes());
    expected["core"]["remembered"] = json!(sender);
    Ok(())
}

/// Writes the stores of four clients as SQLite files. Also writes the messages and reports that the
/// clients and the provider exchange, and the provider's keys.
fn clients(folder: &Path, expected: &mut Value) -> io::Result<()> {
    let mut provider = Provider::new(22);
    let [mut alice, mut bob, mut carol, mut dave] = ["alice", "bob", "carol", "dave"].map(|name| {
        let path = folder.join(format!("{name}.sqlite"));
        let store = SqliteStore::open(path, &StoreKey::from_bytes(STORE_KEY)).expect("a new file");
        provider.register_in(store, name)
    });
    let (alice_id, bob_id) = (account("alice"), account("bob"));
    provider.start(&mut alice, &bob_id);
    let hello = provider.exchange(&mut alice, &mut bob, "Is your bike still for sale?");
    let answer = provider.exchange(&mut bob, &mut alice, "It is.");

    // Alice sends every kind of content, each kind of reference to another message, and an
    // attachment.
    let file = WholeFile::new(
        "image/png",
        b"plain",
        b"cipher",
        AttachmentKey::from_bytes([3; 32]),
        "https://files.example/1",
    );
    let file = file.expect("a short one");
    let (kind, body) = ("poll".to_owned(), vec![0, 1]);
    let edited = "Is your bicycle still for sale?".to_owned();
    let reaction = "👍".to_owned();
    let drafts = [
        Draft::from("A reply.").reply_to(answer),
        Draft::from(Content::Edit {
            of: hello,
            text: edited,
        }),
        Draft::from(Content::Reaction {
            to: answer,
            reaction,
        }),
        Draft::from(Content::Application { kind, body }),
        Draft::from("With a picture.").attach(file),
        Draft::from("Gone in a minute.").expires_after_secs(60),
        Draft::from("Forwarded.").forwarded(2),
    ];
    let mut ids = vec![hello];
    for draft in drafts {
        ids.push(provider.exchange(&mut alice, &mut bob, draft));
    }
    let unsent = provider.exchange(&mut alice, &mut bob, "Never mind.");
    provider.exchange(&mut alice, &mut bob, Content::Deletion { of: unsent });
    bob.delete_message(&alice_id, &unsent).expect("deletes");

    // The relay accepts the messages of this loop and Alice confirms them, but Bob never receives
    // them. He receives `after`. Then Alice seals `waiting`, which stays unconfirmed.
    for _ in 0..LOST {
        let sent = alice.send(&bob_id, "lost", provider.now, &mut provider.rng);
        let sent = sent.expect("sends");
        let (_, receipt) = provider.relay(&alice, &bob, &sent.envelope);
        alice.confirm(&bob_id, &receipt).expect("confirms");
    }
    let after = provider.exchange(&mut alice, &mut bob, "Are you there?");
    let waiting = alice.send(&bob_id, "waits", provider.now, &mut provider.rng);
    let waiting = waiting.expect("sends");
    let (delivery, receipt) = provider.relay(&alice, &bob, &waiting.envelope);

    // Alice has a session with Carol that is unanswered, and an unconfirmed message to her. Alice
    // also accepts a new account key for Dave; Carol's serves as the new one.
    provider.start(&mut alice, &account("carol"));
    let sent = alice.send(
        &account("carol"),
        "hi carol",
        provider.now,
        &mut provider.rng,
    );
    sent.expect("sends");
    provider.start(&mut dave, &alice_id);
    provider.exchange(&mut dave, &mut alice, "hi alice");
    let new = provider.account_key(&account("carol"));
    alice
        .accept_identity(&account("dave"), &new)
        .expect("accepts");
    let upload = carol.publish_prekeys(90, &mut provider.rng);
    upload.expect("more prekeys, whose upload was not confirmed");

    // Bob makes a report. His store keeps it as unconfirmed, while the intake has accepted it.
    let shown = [
        (ids[0], Disclosure::Whole),
        (ids[5], Disclosure::Parts(vec![1])),
    ];
    let mut draft = bob
        .draft_report(&alice_id, Reason::Threat, shown)
        .expect("two messages");
    draft.note("He means it.").expect("a short note");
    let key = provider.moderation.public_key();
    let report = bob.report(&draft, key, &mut provider.rng).expect("reports");
    let examined = examine(
        Report::decode(&report.report).expect("a report"),
        &provider.stamp_keys,
        &provider.key(bob.me()),
        provider.now,
    );
    let examined = examined.expect("genuine");
    let accepted = examined.accept(ReportId::from_bytes(REPORT_ID), &[false, false], &[]);
    let accepted = accepted.expect("not reported before");
    let accepted = accepted.encode(&AcceptanceKey::from_bytes(ACCEPTANCE_KEY));

    let bin =
        |name: &str, bytes: &[u8]| fs::write(folder.join(format!("reporting-{name}.bin")), bytes);
    let evidence = |client: &Client<SqliteStore>, peer: &AccountId, id| {
        let message = client.message(peer, id).expect("reads").expect("kept");
        message.evidence().expect("stamped").encode()
    };
    bin("envelope", &envelope_of(&waiting.envelope).encode())?;
    bin("posted", &waiting.envelope)?;
    bin("delivery", &delivery)?;
    bin("receipt", &receipt)?;
    bin("report", &report.report)?;
    bin("accepted", &accepted)?;
    bin("stamp-keys", &provider.stamp_keys.export())?;
    bin("moderation-pair", &provider.moderation.export())?;
    bin(
        "moderation-public",
        &provider.moderation.public_key().encode(),
    )?;
    for (number, id) in ids.iter().enumerate() {
        bin(
            &format!("evidence-{number}"),
            &evidence(&bob, &alice_id, id),
        )?;
    }
    bin("evidence-own", &evidence(&alice, &bob_id, &hello))?;
    expected["reporting"] = json!({
        "now_ms": provider.now.as_millis(),
        "evidence": ids.iter().map(|id| hex(id.as_bytes())).collect::<Vec<_>>(),
        "waiting": hex(waiting.id.as_bytes()),
        "after": hex(after.as_bytes()),
    });
    for (name, client) in [
        ("alice", &alice),
        ("bob", &bob),
        ("carol", &carol),
        ("dave", &dave),
    ] {
        expected["clients"][name] = describe(client);
        let key = provider.key(client.me()).to_bytes();
        expected["clients"][name]["delivery_key"] = hex(&*key).into();
    }
    assert!(provider.now > NOW);
    Ok(())
}

/// Describes what a client reads from its store: its identity and account key, its peers with their
/// devices and messages, its outbox, and the number of its unconfirmed reports.
///
/// # Panics
/// If something in the store cannot be read.
#[must_use]
pub fn describe<S: Store>(client: &Client<S>) -> Value {
    let peers = client.peers(None, 100).expect("reads").items;
    let peers = peers.iter().map(|peer| {
        let messages = client.messages(peer, None, 1_000).expect("reads").items;
        let described = json!({
            "account_key": client.peer_account_key(peer).ok().map(|key| hex(&key.to_bytes())),
            "devices": devices(client, peer),
            "safety_number": client.safety_number(peer).ok().map(|number| number.digits()),
            "has_session": client.has_session(peer).expect("reads"),
            "next_ordinal": client.next_ordinal(peer).expect("reads"),
            "messages": messages.iter().map(message).collect::<Vec<_>>(),
        });
        (peer.as_str().to_owned(), described)
    });
    let outbox = client.outbox(None, 1_000, NOW).expect("reads").items;
    let waiting = client.waiting(None, 1_000).expect("reads").items;
    let outbox = outbox.iter();
    let outbox = outbox.map(|sent| (sent.id, sent.to.account().expect("a direct message")));
    let waiting = waiting.iter().map(|sent| (sent.id, &sent.recipient));
    let reports = client.pending_reports(None, 100).expect("reads").items;
    json!({
        "account": client.me().account.as_str(),
        "device": client.me().device.0,
        "identity": hex(&client.identity().to_bytes()),
        "devices": devices(client, &client.me().account),
        "peers": peers.collect::<serde_json::Map<_, _>>(),
        "outbox": waiting.chain(outbox).map(|(id, recipient)| json!({
            "id": hex(id.as_bytes()),
            "recipient": recipient.as_str(),
        })).collect::<Vec<_>>(),
        "reports": reports.len(),
    })
}

/// The devices that a client knows of an account: their numbers and identities.
fn devices<S: Store>(client: &Client<S>, account: &AccountId) -> Value {
    let devices = client.devices(account).expect("reads").into_iter();
    let devices = devices.map(|(id, identity)| json!([id.0, hex(&identity.to_bytes())]));
    devices.collect()
}

fn message(message: &Message) -> Value {
    let header = message.header();
    let evidence = message.evidence();
    json!({
        "id": hex(message.id().as_bytes()),
        "ordinal": message.ordinal(),
        "sent": message.direction() == Direction::Sent,
        "accepted_at_ms": message.accepted_at().map(|at| at.as_millis()),
        "sequence": header.sequence,
        "sent_at_ms": header.sent_at.as_millis(),
        "last_seen": header.last_seen.map(|tag| hex(tag.as_bytes())),
        "reply_to": header.reply_to.map(|tag| hex(tag.as_bytes())),
        "forward_count": header.forward_count,
        "expires_after_secs": header.expires_after_secs,
        "content": content(message.content()),
        "stamped": evidence.is_some(),
    })
}

fn content(content: &Content) -> Value {
    match content {
        Content::Text(text) => json!({ "text": text }),
        Content::Edit { of, text } => json!({ "edit": text, "of": hex(of.as_bytes()) }),
        Content::Deletion { of } => json!({ "deletion": hex(of.as_bytes()) }),
        Content::Reaction { to, reaction } => {
            json!({ "reaction": reaction, "to": hex(to.as_bytes()) })
        }
        Content::Application { kind, body } => json!({ "application": kind, "body": hex(body) }),
        other => panic!("a kind that is not described here: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
