//! A view with hostile text in each of its fields.

use waxseal_desk::vault::{
    AttachedFile, ChunkedFile, FileAccess, Participant, Reference, View, ViewedAttachment,
    ViewedContent, ViewedMessage, ViewedPreview,
};
use waxseal_reporting::file::FileDescriptor;
use waxseal_reporting::reporter::Reason;
use waxseal_reporting::{AccountId, Timestamp};
use zeroize::Zeroizing;

use crate::evil_desk::{Evil, now_ms};
use crate::hostile::{name, polyglot};

impl Evil {
    /// A view with hostile text in each of its fields, in as many messages as a report can have.
    pub fn view(&self, from: usize) -> View {
        let text = |place: usize| Zeroizing::new(self.text(from + place));
        let account = |place: usize| AccountId::new(&name(&self.text(from + place), 128)).unwrap();
        let (blob, _, root, key) = &self.blob;
        let messages = (0_u8..30).map(|ordinal| {
            let place = usize::from(ordinal);
            let content = match ordinal % 10 {
                6 => ViewedContent::Edit { of: Reference::InReport(0), text: text(place) },
                7 => ViewedContent::Reaction { to: Reference::NotInReport,
                    reaction: Zeroizing::new(name(&text(place), 255)) },
                8 => ViewedContent::Application { kind: name(&text(place), 255),
                    body: Zeroizing::new(text(place).as_bytes().to_vec()) },
                9 => ViewedContent::Unknown { kind: 0x0a, body: Zeroizing::new(vec![0, 1, 81, 128]) },
                _ => ViewedContent::Text(text(place)),
            };
            let file = ViewedAttachment::Chunked(ChunkedFile {
                size_bytes: u64::try_from(polyglot().len()).unwrap(),
                root: *root,
                media_type: "image/png".to_owned(),
                name: Zeroizing::new("photo.png".to_owned()),
                location: FileDescriptor::blob_location(blob),
                named: true,
                access: FileAccess::Whole(Zeroizing::new(*key)),
                preview: Some(ViewedPreview {
                    media_type: name(&text(place), 100),
                    picture: Zeroizing::new(polyglot()),
                }),
            });
            let claimed = ViewedAttachment::Chunked(ChunkedFile {
                size_bytes: 10,
                root: [1; 32],
                media_type: name(&text(place + 1), 100),
                name: Zeroizing::new(name(&format!("../../{}", text(place + 2).as_str()), 200)),
                location: name(&text(place + 3), 200),
                named: false,
                access: FileAccess::Descriptor,
                preview: Some(ViewedPreview {
                    media_type: "image/svg+xml".to_owned(),
                    picture: Zeroizing::new(b"<svg xmlns='http://www.w3.org/2000/svg'><script>top.pwned=1</script></svg>".to_vec()),
                }),
            });
            let whole = ViewedAttachment::File(AttachedFile {
                size_bytes: 1,
                ciphertext_digest: [1; 32],
                plaintext_digest: [2; 32],
                key: Zeroizing::new([3; 32]),
                media_type: name(&text(place + 4), 100),
                location: name(&text(place + 5), 200),
            });
            ViewedMessage {
                ordinal,
                claim: ordinal,
                sender: match ordinal % 3 {
                    0 => Participant::Number(0x1f3a),
                    _ => Participant::Reported,
                },
                accepted_at: Timestamp::from_millis(now_ms()),
                sent_at: Timestamp::from_millis(u64::MAX),
                tag_names_sender: ordinal % 2 == 0,
                repeated: true,
                forward_count: 3,
                expires_after_secs: 60,
                reply_to: Reference::InReport(29 - ordinal),
                last_seen: Reference::InReport(0),
                gap_before: Some(u64::from(ordinal)),
                contradictions: vec![],
                content: Some(content),
                parts: 12,
                attachments: match ordinal {
                    0 => vec![(2, file), (5, claimed), (8, whole)],
                    place if place % 4 == 0 => vec![(5, claimed), (8, whole)],
                    _ => vec![],
                },
            }
        });
        View {
            reported: Some(account(3)),
            about_account: false,
            reason: Reason::Threat,
            note: Zeroizing::new(text(8).chars().take(500).collect()),
            accepted_at: Timestamp::from_millis(now_ms()),
            clock_stepped_back: true,
            messages_in_report: 30,
            messages: messages.collect(),
            names: None,
        }
    }
}
