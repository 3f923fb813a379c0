//! A case to export.

use std::collections::{BTreeMap, BTreeSet};

use waxseal_log::entry::Measure;
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::{AccountId, BlobId, Timestamp};

use crate::export::coop::CoopSettings;
use crate::export::ncmec::NcmecSettings;
use crate::export::{
    AppealFacts, CaseFacts, DecisionFacts, NamedBlob, Pseudonyms, ReportFacts, Settings,
};
use crate::ids::CaseId;
use crate::vault::{
    ChunkedFile, FileAccess, Participant, Reference, View, ViewedAttachment, ViewedContent,
    ViewedMessage,
};

pub(in crate::export) const HOUR: u64 = 3_600_000;
/// 2027-01-15T08:00:00Z.
pub(in crate::export) const START: u64 = 1_800_000_000_000;

pub(in crate::export) fn at(hours: u64) -> Timestamp {
    Timestamp::from_millis(START + hours * HOUR)
}

/// The blob of the file in the first message.
pub(in crate::export) fn blob() -> BlobId {
    BlobId::from_bytes([0xb1; 32])
}

pub(in crate::export) fn message(ordinal: u8, sender: Participant, text: &str) -> ViewedMessage {
    ViewedMessage {
        ordinal,
        claim: ordinal,
        sender,
        accepted_at: at(u64::from(ordinal)),
        sent_at: at(u64::from(ordinal)),
        tag_names_sender: true,
        repeated: false,
        forward_count: 0,
        expires_after_secs: 0,
        reply_to: Reference::None,
        last_seen: Reference::None,
        gap_before: None,
        contradictions: Vec::new(),
        content: Some(ViewedContent::Text(text.to_owned().into())),
        parts: 2,
        attachments: Vec::new(),
    }
}

fn attached() -> ViewedAttachment {
    ViewedAttachment::Chunked(ChunkedFile {
        size_bytes: 70_000,
        root: [0xf0; 32],
        media_type: "image/jpeg".into(),
        name: "IMG_1.jpg".to_owned().into(),
        location: format!("blob:{}", blob().to_text()),
        named: true,
        access: FileAccess::Whole([7; 32].into()),
        preview: None,
    })
}

pub(in crate::export) fn view(reason: Reason) -> View {
    let mut first = message(0, Participant::Reported, "You have won!");
    first.parts = 4;
    first.attachments.push((2, attached()));
    View {
        reported: Some(account()),
        about_account: false,
        reason,
        note: "He asks for my code.".to_owned().into(),
        accepted_at: at(5),
        clock_stepped_back: false,
        messages_in_report: 3,
        messages: vec![
            first,
            message(1, Participant::Number(0x0102_0304), "Who are you?"),
            message(2, Participant::Reported, "Send me your code."),
        ],
        names: None,
    }
}

pub(in crate::export) fn account() -> AccountId {
    AccountId::new("mallory").unwrap()
}

/// A case with one report that goes along, a decision, and an appeal of the account.
pub(in crate::export) fn facts(reason: Reason) -> CaseFacts {
    CaseFacts {
        case: CaseId::from_bytes([0xca; 16]),
        account: Some(account()),
        reason,
        first_report_at: at(5),
        reports: vec![ReportFacts {
            id: [0x1d; 16],
            received_at: at(5),
            reason,
            blobs: vec![NamedBlob {
                claim: 0,
                part: 2,
                blob: blob(),
            }],
            fetched: BTreeMap::from([(blob(), 1 << 20)]),
            reporter: Some([0x0b; 32]),
            view: Some(view(reason)),
        }],
        openings: 2,
        decision: Some(DecisionFacts {
            leaf_hash: [0x1e; 32],
            reason,
            measure: Measure::Suspended,
            rule: "2.1 Fraud".into(),
            statement: "The messages ask for a code.".into(),
            openings: 2,
            decided_at: at(30),
        }),
        appeals: vec![AppealFacts {
            leaf_hash: [0xa1; 32],
            decision: [0x1e; 32],
            by_account: true,
            text: Some("It was a joke.".into()),
            filed_at: at(40),
        }],
        accounts: BTreeSet::from(["mallory".to_owned(), "bob".to_owned()]),
        pseudonyms: Pseudonyms::new([9; 32]),
    }
}

pub(in crate::export) fn settings() -> Settings {
    let named = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, id)| ((*name).to_owned(), (*id).to_owned()))
            .collect()
    };
    Settings {
        coop: Some(CoopSettings {
            user_type: "t-user".into(),
            conversation_type: "t-conversation".into(),
            message_type: "t-message".into(),
            policies: named(&[("scam", "p-fraud")]),
            actions: named(&[("suspended", "a-suspend")]),
        }),
        ncmec: Some(NcmecSettings {
            first_name: "Ada".into(),
            last_name: "Example".into(),
            email: "safety@provider.example".into(),
            company_template: "Provider".into(),
            terms_of_service: String::new(),
            legal_url: "https://provider.example/legal".into(),
            esp_service: "Provider Messages".into(),
        }),
    }
}

pub(in crate::export) fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The fields that a statement of reasons needs.
pub(in crate::export) fn dsa_fields() -> BTreeMap<String, String> {
    fields(&[
        ("ground", "incompatible"),
        (
            "decision_facts",
            "A user reported two messages that ask for a code.",
        ),
        ("content_type", "TEXT"),
        ("source_type", "SOURCE_TYPE_OTHER_NOTIFICATION"),
    ])
}

/// Texts that try to break out of what holds them.
pub(in crate::export) fn hostile() -> Vec<String> {
    let controls: String = (0..0x20).chain([0x7f]).map(char::from).collect();
    vec![
        controls,
        "]]> <!-- --> <![CDATA[ &amp; &#0; <?x ?> </content></report>".into(),
        "\"}],\"reporter\":{\"kind\":\"rule\"} \\u0000 \\".into(),
        "\u{202e}\u{200b}\u{feff}\u{fffe}\u{ffff}\u{1fffe}\u{e000}".into(),
        "👩‍👩‍👧‍👦".repeat(500),
        "\r\n\r\nHost: elsewhere\n{\"a\":1}\n".into(),
        "x".repeat(60_000),
        " ".into(),
    ]
}
