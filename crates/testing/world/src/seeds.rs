//! Small inputs for each fuzz target, made from genuine messages, reports and states.

mod chain;
mod files;
mod groups;
mod household;
mod log;
mod roster;
mod scripts;
mod sync;

use waxseal::core::{PreKeyBundle, PreKeys, SessionSet};
use waxseal::reporting::intake::{AcceptanceKey, examine};
use waxseal::reporting::message::{Extensions, Payload};
use waxseal::reporting::recipient::Refusal;
use waxseal::reporting::relay::{DeliveryKey, Envelope};
use waxseal::reporting::reporter::Report;
use waxseal::reporting::sender::{Control, Fanout, RosterStamp, seal, seal_control};
use waxseal::reporting::vault::{ModerationKeyPair, Unseal, Vault};
use waxseal::reporting::{Audience, DeviceId};
use waxseal::{
    Attachment, AttachmentKey, Content, Disclosure, FrankingTag, PayloadHeader, Reason, WholeFile,
};
use zeroize::Zeroizing;

use crate::targets::{Clear, accepted_id, desk_seeds, files_seeds, fold_seeds, linking_seeds};
use crate::{Device, NOW, Provider, account, address, envelope_of, fanout_of, rng};

/// All seeds: (target, name, bytes).
#[must_use]
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    core(&mut seeds);
    reporting(&mut seeds);
    log::log(&mut seeds);
    sync::sync(&mut seeds);
    roster::roster(&mut seeds);
    scripts::scripts(&mut seeds);
    household::household(&mut seeds);
    scripts::edits(&mut seeds);
    let linking = linking_seeds().into_iter();
    seeds.extend(linking.map(|(name, bytes)| ("linking", name.to_owned(), bytes)));
    let desk = desk_seeds().into_iter();
    seeds.extend(desk.map(|(name, bytes)| ("desk", name.to_owned(), bytes)));
    let of_files = files_seeds().into_iter();
    seeds.extend(of_files.map(|(name, bytes)| ("files", name.to_owned(), bytes)));
    let of_fold = fold_seeds().into_iter();
    seeds.extend(of_fold.map(|(name, bytes)| ("fold", name.to_owned(), bytes)));
    seeds
}

/// A part after its length.
fn with_len(part: &[u8]) -> Vec<u8> {
    let len = u16::try_from(part.len()).unwrap().to_be_bytes();
    [&len[..], part].concat()
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
    bob.prekeys.rotate(&bob.identity, rng).unwrap();
    let parts = PreKeys::import(&bob.prekeys.export())
        .unwrap()
        .export_parts();
    let sets = parts.one_time.iter().filter_map(|set| set.bytes.as_deref());
    let parts = parts.state.iter().map(|state| &**state).chain(sets);
    decode(
        "prekeys-parts",
        9,
        &parts
            .map(|part| with_len(part))
            .collect::<Vec<_>>()
            .concat(),
    );
    decode("replay-memory", 10, &bob.memory.export());
    // The target opens refusals as Alice, whose identity is the first of the generator's values.
    let (to, rng_of_refusal) = (alice.identity.public(), &mut crate::rng(2));
    let refusal = bob
        .identity
        .seal_refusal(to, b"tags", b"ad", rng_of_refusal);
    decode("refusal", 11, &refusal.unwrap());
    for (name, kind, bytes) in chain::chain() {
        decode(name, kind, &bytes);
    }
    let session = bob.sessions().export();
    // The export of a single session has the same bytes as the export of a set with one session,
    // but without the 28 bytes after the version.
    let mut one = vec![session[0]];
    one.extend(&alice.sessions().export()[29..]);
    decode("session", 5, &one);
    let ends = ((&[2; 32], "bob"), (&[1; 32], "alice"));
    let number = waxseal::SafetyNumber::of_accounts(ends.0, ends.1).unwrap();
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
        .send(&bob_id, "again", provider.now, &mut provider.rng)
        .unwrap();
    let (delivery, receipt) = provider.relay(&alice, &bob, &sent.envelope);
    decode("envelope", 0, &envelope_of(&sent.envelope).encode());
    decode("posted", 12, &sent.envelope);
    decode("fanout-sent", 20, &fanout_of(&sent.envelope).encode());
    let (stamped, _) = provider
        .fan_out(alice.me(), &bob_id, &sent.envelope)
        .unwrap();
    let stamped = &stamped[0].1;
    decode("claim", 14, &stamped.claim().encode());
    let (key, target) = (provider.key(alice.me()), address("bob"));
    let envelope = envelope_of(&sent.envelope);
    let again = envelope.post_again(stamped.claim(), &key, alice.me(), &target, provider.now);
    decode("posted-again", 16, &again);
    decode("stamped", 13, &stamped.encode());
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
    let (key, now) = (provider.key(bob.me()), provider.now);
    let examined = examine(
        Report::decode(&report).unwrap(),
        &provider.stamp_keys,
        &key,
        now,
    );
    let accepted = examined.unwrap().accept(accepted_id(), &[false], &[]);
    let queue = AcceptanceKey::from_bytes([0; 32]);
    let accepted = accepted.unwrap().encode(&queue);
    decode("accepted", 9, &accepted);
    let moderation = ModerationKeyPair::import(&provider.moderation.export()).unwrap();
    let unsealed = Vault::new(moderation, queue).open(&accepted_id(), &accepted);
    decode("unsealed", 15, &unsealed.unwrap().encode());
    decode("account", 10, "älice@example".as_bytes());
    let conversation = Audience::Direct(bob_id.clone()).conversation(&account("alice"));
    let (delivered, roster) = (vec![id], Some(b"roster".to_vec()));
    let sync = Some(Zeroizing::new(b"sync".to_vec()));
    let control = Control {
        delivered: delivered.clone(),
        ..Control::default()
    };
    let all = Control {
        opened: delivered.clone(),
        roster,
        sync,
        delivered,
        ..Control::default()
    };
    let about_groups = groups::control();
    let controls = [
        ("control", control),
        ("controls", all),
        ("control-groups", about_groups),
    ];
    for (name, control) in controls {
        let rng = &mut rng(3);
        let sealed = seal_control(&mut Clear, &address("alice"), &conversation, &control, rng);
        decode(name, 18, sealed.unwrap().ciphertext());
    }
    let (mut fanout, note) = fanouts();
    decode("fanout", 20, &fanout.encode());
    decode("fanout-note", 20, &note.encode());
    fanout.retain(|slot| !slot.own);
    decode("fanout-peer", 20, &fanout.encode());
    let key = DeliveryKey::from_bytes([7; 32]);
    let posted = fanout.post(&key, &address("alice"), &Audience::Direct(bob_id), NOW);
    decode("posted-fanout", 19, &posted);
    for (name, kind, bytes) in groups::messages().into_iter().chain(files::report()) {
        decode(name, kind, &bytes);
    }
    let refusal = Refusal {
        messages: vec![(id, NOW), (FrankingTag::from_bytes([9; 32]), NOW)],
        sessions: vec![[5; 16]],
    };
    decode("refusal", 17, &refusal.encode().unwrap());
    for (name, content, files) in contents() {
        let mut header = PayloadHeader::new(7, NOW);
        header.last_seen = Some(id);
        header.expires_after_secs = 60;
        if name == "later" {
            header.extensions = Extensions::unassigned(&[(0x8001, b"later")]).unwrap();
        }
        if name == "extended" {
            let extensions: [(u16, &[u8]); 3] = [(1, b""), (2, b"later"), (0x7fff, &[7; 40])];
            header.extensions = Extensions::unassigned(&extensions).unwrap();
        }
        let payload = Payload::with_attachments(header, content, files).unwrap();
        let rng = &mut provider.rng;
        let sealed = seal(&mut Clear, &address("alice"), &conversation, &payload, rng).unwrap();
        decode(&format!("sent-{name}"), 5, &sealed.sent.encode());
        decode(&format!("payload-{name}"), 11, sealed.envelope.ciphertext());
        if name == "file" {
            // The attachment's part begins with its scheme. It comes after the franking key, the
            // count, the header of 54 bytes, an empty text, and the lengths of the three parts.
            let mut unknown = sealed.envelope.ciphertext().to_vec();
            unknown[32 + 1 + 54 + 1 + 3 * 4] = 7;
            decode("payload-scheme", 11, &unknown);
        }
    }
}

/// A message of Alice's for Bob's devices and another one of hers, and a note to her own.
fn fanouts() -> (Fanout, Fanout) {
    let tag = FrankingTag::from_bytes([9; 32]);
    let envelope = || Envelope::of_refusal(tag, b"ciphertext".to_vec()).ok();
    let (own, peer) = (RosterStamp::new(1, 7), RosterStamp::new(2, 3));
    let mut message = Fanout::new(tag, own, peer);
    let mut note = Fanout::new(tag, own, RosterStamp::default());
    for (number, envelope) in [(2, envelope()), (3, None)] {
        message
            .insert(false, DeviceId(number), envelope.clone())
            .unwrap();
        message
            .insert(true, DeviceId(number), envelope.clone())
            .unwrap();
        note.insert(true, DeviceId(number), envelope).unwrap();
    }
    (message, note)
}

fn contents() -> [(&'static str, Content, Vec<Attachment>); 15] {
    let tag = FrankingTag::from_bytes([9; 32]);
    let (text, reaction) = ("hi".to_owned(), "!".to_owned());
    let (kind, body) = ("poll".to_owned(), vec![0, 1]);
    let unknown = Content::Unknown {
        kind: 11,
        body: b"later".to_vec(),
    };
    let (group, title) = (groups::group(), "Chess".to_owned());
    let profile = Content::GroupProfile {
        title: title.clone(),
        picture: b"PNG".to_vec(),
    };
    let invitation = Content::Invitation { group, title };
    let key = AttachmentKey::from_bytes([3; 32]);
    let file = WholeFile::new(
        "image/png",
        b"plain",
        b"cipher",
        key,
        "https://files.example/1",
    );
    [
        ("text", Content::Text(text.clone()), vec![]),
        ("later", Content::Text(text.clone()), vec![]),
        ("edit", Content::Edit { of: tag, text }, vec![]),
        ("deletion", Content::Deletion { of: tag }, vec![]),
        ("reaction", Content::Reaction { to: tag, reaction }, vec![]),
        ("application", Content::Application { kind, body }, vec![]),
        (
            "file",
            Content::Text(String::new()),
            vec![file.unwrap().into()],
        ),
        ("extended", Content::Text("hi".to_owned()), vec![]),
        ("unknown", unknown, vec![]),
        ("invitation", invitation, vec![]),
        ("acceptance", Content::Acceptance { group }, vec![]),
        ("leave", Content::GroupLeave, vec![]),
        ("profile", profile, vec![]),
        (
            "files",
            Content::Text(String::new()),
            vec![files::attachment(), files::attachment()],
        ),
        ("timer", Content::Timer { after_secs: 86_400 }, vec![]),
    ]
}
