//! Small inputs for each fuzz target, made from genuine messages, reports and states.

use waxseal::core::{IdentityKeyPair, PreKeyBundle, SessionSet};
use waxseal::reporting::Audience;
use waxseal::reporting::intake::{AcceptanceKey, accept};
use waxseal::reporting::message::Payload;
use waxseal::reporting::reporter::Report;
use waxseal::reporting::sender::seal;
use waxseal::{Attachment, AttachmentKey, Content, Disclosure, FrankingTag, PayloadHeader, Reason};

use crate::targets::Clear;
use crate::{Device, NOW, Provider, account, address, rng};

/// All seeds: (target, name, bytes).
#[must_use]
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    core(&mut seeds);
    reporting(&mut seeds);
    scripts(&mut seeds);
    edits(&mut seeds);
    seeds
}

type Seeds = Vec<(&'static str, String, Vec<u8>)>;

fn core(seeds: &mut Seeds) {
    let rng = &mut rng(1);
    let mut decode = |name: &str, kind: u8, bytes: &[u8]| {
        seeds.push(("core_decode", name.to_owned(), [&[kind], bytes].concat()));
    };
    let (mut alice, mut bob) = (Device::new(1, rng), Device::new(1, rng));
    let one_time = bob.prekeys.replenish(&bob.identity, 1, rng).unwrap();
    let base = bob.prekeys.upload(&bob.identity).unwrap().base;
    let len = u16::try_from(base.len()).unwrap().to_be_bytes();
    decode("bundle-base", 1, &[&len[..], &base].concat());
    decode(
        "bundle-one-time",
        1,
        &[&len[..], &base, &one_time[0]].concat(),
    );
    alice.start(PreKeyBundle::decode(&base, None).unwrap(), rng);
    let first = alice.encrypt(b"hello", rng);
    decode("message-initial", 0, &first);
    decode("sessions-unanswered", 6, &alice.sessions().export());
    bob.decrypt(&first).unwrap();
    let second = bob.encrypt(b"hi", rng);
    alice.decrypt(&second).unwrap();
    decode("message", 0, &second);
    alice.encrypt(b"lost", rng);
    let third = alice.encrypt(b"and on", rng);
    bob.decrypt(&third).unwrap();
    decode("sessions-skipped", 6, &bob.sessions().export());
    let bundle = alice.bundle();
    bob.start(bundle, rng);
    decode("sessions-two", 6, &bob.sessions().export());
    decode("identity", 2, &alice.identity.public().to_bytes());
    decode("identity-pair", 3, &alice.identity.export());
    decode("prekeys", 4, &bob.prekeys.export());
    let session = bob.sessions().export();
    // The export of a single session has the same bytes as the export of a set with one session,
    // but without the 28 bytes after the version.
    let mut one = vec![session[0]];
    one.extend(&alice.sessions().export()[29..]);
    decode("session", 5, &one);
    let own = *IdentityKeyPair::generate(&mut crate::rng(1)).public();
    let ends = ((&own, &b"bob"[..]), (&own, &b"alice"[..]));
    let number = waxseal::SafetyNumber::new(ends.0, ends.1).unwrap();
    decode("scannable", 7, &number.scannable());
    for (name, lost) in [("parts", 0), ("parts-more", 70)] {
        for _ in 0..lost {
            alice.encrypt(b"lost", rng);
        }
        let ahead = alice.encrypt(b"ahead", rng);
        bob.decrypt(&ahead).unwrap();
        let export = bob.sessions().export();
        let parts = SessionSet::import(&export).unwrap().export_parts();
        let pages = parts.pages.iter().filter_map(|page| page.bytes.as_deref());
        let with_len = |part: &[u8]| {
            let len = u16::try_from(part.len()).unwrap().to_be_bytes();
            [&len[..], part].concat()
        };
        let parts = [parts.state.as_slice()]
            .into_iter()
            .chain(pages.map(Vec::as_slice));
        decode(name, 8, &parts.map(with_len).collect::<Vec<_>>().concat());
    }
}

fn reporting(seeds: &mut Seeds) {
    let mut decode = |name: &str, kind: u8, bytes: &[u8]| {
        let input = [&[kind], bytes].concat();
        seeds.push(("reporting_decode", name.to_owned(), input));
    };
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    let bob_id = account("bob");
    let id = provider.exchange(&mut alice, &mut bob, "hello");
    let sent = alice
        .send(&bob_id, "again", NOW, &mut provider.rng)
        .unwrap();
    let (delivery, receipt) = provider.relay(&alice, &bob, &sent.envelope);
    decode("envelope", 0, &sent.envelope);
    decode("delivery", 1, &delivery);
    decode("receipt", 2, &receipt);
    let whole = [(id, Disclosure::Whole)];
    let draft = bob
        .draft_report(&account("alice"), Reason::Scam, whole)
        .unwrap();
    let key = provider.moderation.public_key();
    let report = bob.report(&draft, key, &mut provider.rng).unwrap().report;
    decode("report", 3, &report);
    let message = bob.message(&account("alice"), &id).unwrap().unwrap();
    let evidence = message.evidence().unwrap();
    decode("evidence", 4, &evidence.encode());
    decode("moderation-public", 6, &key.encode());
    decode("moderation-pair", 7, &provider.moderation.export());
    decode("stamp-keys", 8, &provider.stamp_keys.export());
    let accepted = accept(
        Report::decode(&report).unwrap(),
        &provider.stamp_keys,
        &provider.key(bob.me()),
        NOW,
        &mut |_: &_| false,
    );
    let queue = AcceptanceKey::from_bytes([0; 32]);
    decode("accepted", 9, &accepted.unwrap().encode(&queue));
    decode("account", 10, "älice@example".as_bytes());
    for (name, content, files) in contents() {
        let conversation = Audience::Direct(bob_id.clone()).conversation(&account("alice"));
        let mut header = PayloadHeader::new(conversation, 7, NOW);
        header.last_seen = Some(id);
        header.expires_after_secs = 60;
        let payload = Payload::with_attachments(header, content, files).unwrap();
        let rng = &mut provider.rng;
        let sealed = seal(&mut Clear, &address("alice"), &payload, rng).unwrap();
        decode(&format!("sent-{name}"), 5, &sealed.sent.encode());
        decode(&format!("payload-{name}"), 11, sealed.envelope.ciphertext());
    }
}

fn contents() -> [(&'static str, Content, Vec<Attachment>); 6] {
    let tag = FrankingTag::from_bytes([9; 32]);
    let (text, reaction) = ("hi".to_owned(), "!".to_owned());
    let (kind, body) = ("poll".to_owned(), vec![0, 1]);
    let key = AttachmentKey::from_bytes([3; 32]);
    let file = Attachment::new(
        "image/png",
        b"plain",
        b"cipher",
        key,
        "https://files.example/1",
    );
    [
        ("text", Content::Text(text.clone()), vec![]),
        ("edit", Content::Edit { of: tag, text }, vec![]),
        ("deletion", Content::Deletion { of: tag }, vec![]),
        ("reaction", Content::Reaction { to: tag, reaction }, vec![]),
        ("application", Content::Application { kind, body }, vec![]),
        ("file", Content::Text(String::new()), vec![file.unwrap()]),
    ]
}

/// The kinds of actions in a script. Each constant is the lowest byte that selects its kind.
const SEND: u8 = 0;
const ARRIVE: u8 = 20;
const REPEAT: u8 = 44;
const LOSE: u8 = 47;
const ALTER: u8 = 49;
const BURST: u8 = 51;
const CUT: u8 = 52;
const START: u8 = 53;
const RESTART: u8 = 54;
const SAVE: u8 = 56;
const ROLL_BACK: u8 = 57;
const START_OVER: u8 = 58;
const PUBLISH: u8 = 59;
const RESEND: u8 = 60;
const REPORT: u8 = 62;

fn scripts(seeds: &mut Seeds) {
    let scripts: [(&str, &[[u8; 3]]); 11] = [
        (
            "overtaken",
            &[
                [SEND, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 1, 0],
                [ARRIVE, 0, 0],
                [REPEAT, 1, 0],
                [REPEAT, 0, 0],
            ],
        ),
        (
            "overtaken-at-relay",
            &[
                [SEND, 0, 0],
                [SEND, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 4, 0],
                [ARRIVE, 0, 0],
                [REPEAT, 3, 0],
                [REPORT, 1, 1],
            ],
        ),
        (
            "ping-pong",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [REPORT, 0, 0],
            ],
        ),
        (
            "both-start",
            &[
                [SEND, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 1, 0],
                [ARRIVE, 0, 0],
                [SEND, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 3, 0],
            ],
        ),
        (
            "late",
            &[
                [BURST, 0, 9],
                [ARRIVE, 0, 0],
                [BURST, 1, 3],
                [SEND, 0, 0],
                [ARRIVE, 1, 0],
                [ARRIVE, 0, 0],
                [REPEAT, 0, 0],
                [LOSE, 0, 0],
            ],
        ),
        (
            "altered",
            &[
                [SEND, 0, 0],
                [ALTER, 0, 9],
                [ALTER, 0, 20],
                [ARRIVE, 0, 0],
                [ALTER, 0, 200],
                [SEND, 1, 1],
                [ALTER, 1, 128],
                [PUBLISH, 0, 0],
                [ALTER, 2, 64],
            ],
        ),
        (
            "set-back",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [SAVE, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 1, 0],
            ],
        ),
        (
            "new-phone",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
                [START_OVER, 1, 0],
                [SEND, 0, 0],
                [SEND, 1, 1],
                [ARRIVE, 0, 0],
                [ARRIVE, 1, 0],
            ],
        ),
        (
            "set-back-then-answered",
            &[
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [SEND, 0, 0],
                [SAVE, 0, 0],
                [SEND, 0, 0],
                [ARRIVE, 0, 0],
                [ROLL_BACK, 0, 0],
                [SEND, 0, 59],
                [REPORT, 0, 0],
                [SEND, 10, 1],
            ],
        ),
        (
            "parted",
            &[
                [CUT, 0, 0],
                [SEND, 0, 0],
                [START, 1, 1],
                [SEND, 1, 1],
                [RESTART, 0, 0],
                [RESEND, 0, 0],
                [CUT, 0, 0],
                [ARRIVE, 0, 0],
                [ARRIVE, 0, 0],
            ],
        ),
        (
            "prekeys",
            &[
                [PUBLISH, 0, 1],
                [LOSE, 0, 0],
                [START, 1, 1],
                [START, 2, 0],
                [SEND, 1, 1],
                [PUBLISH, 0, 0],
                [ARRIVE, 0, 0],
                [PUBLISH, 0, 1],
                [ARRIVE, 0, 0],
            ],
        ),
    ];
    for (name, script) in scripts {
        for target in ["sessions", "world"] {
            seeds.push((target, name.to_owned(), script.concat()));
        }
    }
}

fn edits(seeds: &mut Seeds) {
    let all: [(&'static str, &str, &[u8]); 25] = [
        // Two bytes say at which point of the first two epochs the run begins. Then each action (a
        // burst of messages, messages in turn, a restart, or damage) takes three bytes.
        ("braid", "turns", &[0x80, 0, 1, 0, 47, 0, 7, 0x55, 1, 1, 47]),
        (
            "braid",
            "loss",
            &[0, 60, 0, 15, 0xaa, 0, 14, 0xf0, 2, 0, 0, 2, 1, 0],
        ),
        ("braid", "hostile", &[0, 30, 3, 0xf0, 0, 0, 8, 0, 1, 0, 20]),
        (
            "braid",
            "hostile-late",
            &[0, 120, 1, 0, 9, 3, 0x81, 3, 1, 1, 40],
        ),
        // One byte says which message is altered, and by whom. Then each edit takes five bytes.
        ("client", "genuine-first", &[0]),
        ("client", "genuine-second", &[3]),
        ("client", "bit", &[0, 0, 0, 60, 3, 0]),
        ("client", "relay-bit", &[2, 0, 6, 60, 3, 0]),
        // Two bytes say which messages are reported, and by whom. Then each change takes six bytes.
        ("report", "other-context", &[0b101, 0x40, 4, 0, 2, 0, 0, 0]),
        ("report", "moved-tag", &[0b101, 0x40, 3, 0, 5, 0, 0, 0]),
        (
            "report",
            "never-sent",
            &[0b101, 0x40, 19, 0, 0, 0, 1, 2, 24, 0, 0, 0, 0, 7],
        ),
        ("report", "other-opening", &[0b101, 0x40, 7, 0, 2, 0, 0, 0]),
        ("report", "honest", &[0b0010_0111, 1]),
        ("report", "other-stamp", &[0b0010_0111, 1, 5, 1, 2, 0, 0, 0]),
        (
            "report",
            "sorted-part",
            &[0b0010_0101, 0x40, 19, 0, 0, 0, 9, 1, 20, 1, 5, 0, 1, 1],
        ),
        // Each damage to a record of the store takes six bytes.
        ("store", "whole", &[]),
        ("store", "bit", &[3, 0, 0, 40, 2, 0]),
        (
            "store",
            "swapped",
            &[0x84, 0, 7, 0, 0, 0, 9, 4, 0, 20, 0, 0],
        ),
        // One byte says whether there is a write-ahead log. Then each damage takes eight bytes.
        ("sqlite", "whole", &[0]),
        ("sqlite", "log", &[1]),
        ("sqlite", "swapped", &[0, 0, 3, 4, 0, 0, 0, 0, 0]),
        ("sqlite", "put-back", &[1, 3, 5, 0, 0, 0, 0, 0, 0]),
        ("sqlite", "trigger", &[0, 6, 9, 0, 0, 0, 0, 0, 0]),
        ("sqlite", "page", &[1, 8, 2, 0, 0, 0, 3, 1, 0]),
        (
            "sqlite",
            "frames",
            &[1, 12, 1, 2, 0, 0, 0, 0, 0, 11, 3, 0, 0, 0, 0, 0, 0],
        ),
    ];
    for (target, name, bytes) in all {
        seeds.push((target, name.to_owned(), bytes.to_vec()));
    }
}
