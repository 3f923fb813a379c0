//! Reads what version 0.1 stored and sent: all of it in format 01.
//!
//! The files in `tests/golden/01` are copies of those in `crates/testing/world/golden/01`, a crate
//! that is not published. Neither is ever changed.

use waxseal_vectors::harness::unhex;

use crate::tests::all::*;
use crate::tests::world::*;

/// Evidence of eight messages of Alice to Bob, as Bob stored it.
pub(super) const EVIDENCE: [&[u8]; 8] = [
    include_bytes!("../../tests/golden/01/evidence-0.bin"),
    include_bytes!("../../tests/golden/01/evidence-1.bin"),
    include_bytes!("../../tests/golden/01/evidence-2.bin"),
    include_bytes!("../../tests/golden/01/evidence-3.bin"),
    include_bytes!("../../tests/golden/01/evidence-4.bin"),
    include_bytes!("../../tests/golden/01/evidence-5.bin"),
    include_bytes!("../../tests/golden/01/evidence-6.bin"),
    include_bytes!("../../tests/golden/01/evidence-7.bin"),
];
/// Evidence of the first of these messages, as Alice stored it.
const EVIDENCE_OWN: &[u8] = include_bytes!("../../tests/golden/01/evidence-own.bin");
/// A report of Bob's, as it waits for the reviewers. It shows message 0, and message 5 without its
/// attachment.
const ACCEPTED: &[u8] = include_bytes!("../../tests/golden/01/accepted.bin");
const STAMP_KEYS: &[u8] = include_bytes!("../../tests/golden/01/stamp-keys.bin");
const MODERATION_PAIR: &[u8] = include_bytes!("../../tests/golden/01/moderation-pair.bin");

/// The clock when the files were written.
const WRITTEN: Timestamp = Timestamp::from_millis(1_795_000_013_000);

fn acceptance_key() -> AcceptanceKey {
    AcceptanceKey::from_bytes([9; 32])
}

fn bob_key() -> DeliveryKey {
    let key = unhex("f95533c4f3f538c90a326fb668428475ba6df212671caaa4d50d5fe49b8e058d");
    DeliveryKey::from_bytes(key.try_into().unwrap())
}

fn stamp_keys() -> StampKeys {
    StampKeys::import(STAMP_KEYS).unwrap()
}

fn vault() -> Vault {
    let pair = ModerationKeyPair::import(MODERATION_PAIR).unwrap();
    Vault::new(pair, acceptance_key())
}

/// The report in the accepted report: version, time, bits and length come before it, a MAC after.
fn report() -> &'static [u8] {
    &ACCEPTED[1 + 8 + 4 + 4..ACCEPTED.len() - 32]
}

/// Checks what a reviewer sees of Bob's report, whichever way it took.
fn assert_shows_both_messages(unsealed: &UnsealedReport) {
    assert_eq!(unsealed.report_version(), 1);
    let unsealed = UnsealedReport::decode(&unsealed.encode()).unwrap();
    let verified = review(unsealed).unwrap();
    assert_eq!(verified.id(), &ID);
    assert_eq!(verified.reporter(), &device("bob", 1));
    assert_eq!(verified.accepted_at(), WRITTEN);
    assert_eq!(verified.reason(), Reason::Threat);
    assert_eq!(verified.note(), "He means it.");
    assert!(!verified.clock_stepped_back());
    let [bike, picture] = verified.messages() else {
        panic!()
    };
    for (message, text, sequence) in [
        (bike, "Is your bike still for sale?", 0),
        (picture, "With a picture.", 5),
    ] {
        assert_eq!(message.content().and_then(Content::as_text), Some(text));
        assert_eq!(message.sender(), &device("alice", 1));
        assert_eq!(message.sequence(), sequence);
        assert!(message.contradictions().is_empty());
        assert!(!message.tag_names_sender());
        assert!(!message.repeated());
    }
    assert_eq!(picture.gap_before(), Some(4));
    assert_eq!(picture.last_seen(), LastSeen::NotInReport);
    assert_eq!(picture.parts().len(), 3);
    assert_eq!(picture.parts()[2], VerifiedPart::Withheld);
}

#[test]
fn all_evidence_of_format_01_is_genuine_and_has_its_content() {
    let keys = stamp_keys();
    let mut kinds = Vec::new();
    for bytes in EVIDENCE.into_iter().chain([EVIDENCE_OWN]) {
        let evidence = Evidence::decode(bytes).unwrap();
        assert_eq!(*evidence.encode(), bytes);
        keys.verify(evidence.claim(), WRITTEN).unwrap();
        assert_eq!(evidence.sender(), &device("alice", 1));
        assert_eq!(evidence.audience(), &Audience::Direct(account("bob")));
        assert!(!evidence.tag_names_sender());
        kinds.push(match evidence.content().unwrap() {
            Content::Text(text) => text,
            Content::Edit { text, .. } => format!("edit: {text}"),
            Content::Reaction { reaction, .. } => format!("reaction: {reaction}"),
            Content::Application { kind, body } => format!("application: {kind} {body:?}"),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(
        kinds,
        [
            "Is your bike still for sale?",
            "A reply.",
            "edit: Is your bicycle still for sale?",
            "reaction: 👍",
            "application: poll [0, 1]",
            "With a picture.",
            "Gone in a minute.",
            "Forwarded.",
            "Is your bike still for sale?",
        ]
    );
}

#[test]
fn an_accepted_report_of_format_01_opens_under_the_id_that_it_gets_now() {
    let unsealed = vault().open(&ID, ACCEPTED).unwrap();
    assert_shows_both_messages(&unsealed);
}

#[test]
fn a_report_of_format_01_that_waited_at_the_client_is_accepted_and_reviewed() {
    let read = Report::decode(report()).unwrap();
    assert_eq!(read.version(), 1);
    assert_eq!(read.encode(), report());
    let accepted = accept(read, &stamp_keys(), &bob_key(), WRITTEN).unwrap();
    let queued = accepted.encode(&acceptance_key());
    assert_eq!(queued[0], 2);
    assert_shows_both_messages(&vault().open(&ID, &queued).unwrap());
}

/// Neither artefact passes under the version byte that is written now.
#[test]
fn a_report_of_format_01_is_refused_under_version_02() {
    let as_2 = |bytes: &[u8]| [&[2], &bytes[1..]].concat();
    let renamed = Report::decode(&as_2(report())).unwrap();
    let refused = accept(renamed, &stamp_keys(), &bob_key(), WRITTEN).unwrap_err();
    assert_eq!(refused, Rejection::NotFromReporter);
    let refused = vault().open(&ID, &as_2(ACCEPTED)).unwrap_err();
    assert_eq!(refused, UnsealError::Accepted(AcceptedError::NotAccepted));
}

#[test]
fn evidence_of_format_01_is_reported_in_a_report_of_version_02() {
    let vault = vault();
    let mut draft = ReportDraft::new(device("bob", 1), Reason::Harassment);
    for bytes in EVIDENCE {
        let evidence = Evidence::decode(bytes).unwrap();
        draft.add(&evidence, Disclosure::Whole).unwrap();
    }
    let report = draft.seal(&bob_key(), vault.public_key(), &mut rng(1));
    let report = Report::decode(&report.unwrap().encode()).unwrap();
    assert_eq!(report.version(), 2);
    let accepted = accept(report, &stamp_keys(), &bob_key(), WRITTEN).unwrap();
    let queued = accepted.encode(&acceptance_key());
    let verified = review(vault.open(&ID, &queued).unwrap()).unwrap();
    let sequences = verified.messages().iter().map(VerifiedMessage::sequence);
    assert_eq!(sequences.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
    for (message, bytes) in verified.messages().iter().zip(EVIDENCE) {
        let evidence = Evidence::decode(bytes).unwrap();
        assert_eq!(message.tag(), evidence.tag());
        assert_eq!(message.header(), evidence.header());
        assert_eq!(message.content(), evidence.content().as_ref());
        assert!(!message.tag_names_sender());
        assert!(message.contradictions().is_empty());
    }
    let (_, attachment) = verified.messages()[5].attachments().next().unwrap();
    let file = attachment.whole_file().unwrap();
    assert_eq!(file.check_plaintext(b"plain"), Ok(()));
}

/// A relay of the present version hands these out and takes them in version 02 only. The message is
/// sealed again.
#[test]
fn what_was_on_its_way_in_format_01_is_an_unknown_version() {
    let unknown = Some(DecodeError::UnknownVersion { version: 1 });
    let envelope = include_bytes!("../../tests/golden/01/envelope.bin");
    let delivery = include_bytes!("../../tests/golden/01/delivery.bin");
    let receipt = include_bytes!("../../tests/golden/01/receipt.bin");
    assert_eq!(Envelope::decode(envelope).err(), unknown);
    assert_eq!(PostedFanout::decode(envelope).err(), unknown);
    assert_eq!(Delivery::decode(delivery).err(), unknown);
    assert_eq!(Receipt::decode(receipt).err(), unknown);
}
