//! Adds to `review.json`: messages of format 01, and what a later version wrote.

use super::review::{Message, claims, input, section};
use super::*;
use crate::format::Format;
use crate::tests::world::account;

/// Reports of what a later version wrote, which a reviewer keeps and shows as unknown.
pub(super) fn later_versions(file: &mut Vectors) {
    let mut passes = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut parts = franking::text("Hello, world");
        change(&mut parts);
        let message = Message::new(0x4b, parts);
        let opening = message.opening((1 << message.parts.len()) - 1);
        file.passes(id, comment, "review_openings", input(&[message], &[opening]));
    };
    passes("review-unknown-kind", "content of an unknown kind", &|p| p[1][0] = 11);
    passes("review-timer", "a timer", &|p| p[1] = vec![10, 0, 1, 0x51, 0x80]);
    passes("review-timer-unknown", "content of kind 10 that is no timer, as an earlier version showed it", &|p| p[1][0] = 10);
    passes("review-invitation", "an invitation to a group", &|p| p[1] = [&[6], &[0x21; 32][..], b"Chess"].concat());
    passes("review-profile", "title and picture of a group", &|p| p[1] = b"\x09\x05ChessPNG".to_vec());
    passes("review-unknown-scheme", "an attachment of an unknown scheme", &|p| p.push(vec![4, 2, 3]));
    passes("review-extension", "an extension that is not critical", &|p| p[0].extend([0, 1, 0, 1, 7]));
    passes("review-critical", "an unknown critical extension", &|p| p[0].extend([0x80, 1, 0, 1, 7]));
}

/// Messages of format 01, in reports of both versions.
pub(super) fn format_1(file: &mut Vectors) {
    let old = |conversation| Message::of(Format::V1, 0x4b, franking::text_1("Hello, world", conversation));
    let all = [old(franking::conversation()), Message::new(0x4c, franking::text("again"))];
    let both = [all[0].opening(0b11), all[1].opening(0b11)];
    file.passes("review-both-formats", "a message of format 01 and one of format 02", "review_openings", input(&all, &both));
    let mut fails = |id: &str, comment: &str, first: Vec<u8>, check| {
        let input = input(&all, &[first, both[1].clone()]);
        file.fails(id, comment, "review_openings", input, check);
    };
    let edit = |at: usize| { let mut opening = both[0].clone(); opening[at] ^= 1; opening };
    fails("opening-1-root-key", "one bit of the root key, in format 01", edit(2), 86);
    fails("opening-1-header-bit", "one bit of the header's conversation, in format 01", edit(102 + 32 + 4 + 1), 87);
    fails("opening-1-other-version", "a message of format 01 under version 2", { let mut o = both[0].clone(); o[0] = 2; o }, 86);
    let elsewhere = [old(ConversationId::group(b"chess club"))];
    let opening = elsewhere[0].opening(0b11);
    file.fails("written-for-another-1", "a header of format 01 that was written for another conversation", "review_openings", input(&elsewhere, &[opening]), 89);
    // A report that was sealed in version 01 and waits.
    let one = [old(franking::conversation())];
    let report_1 = |opening: Vec<u8>| with(&with(&input(&one, &[]), "report_version", 1), "openings", hex(section(1, b"a note", &[opening])));
    file.passes("review-report-1", "a report of version 01: no version before an opening", "review_openings", report_1(one[0].opening_1(0b11)));
    file.fails("review-report-1-versions", "an opening with a version in a report of version 01", "review_openings", report_1(one[0].opening(0b11)), 84);
    let new = [Message::new(0x4b, franking::text("Hello, world"))];
    let input = with(&report_1(new[0].opening_1(0b11)), "claims", claims(&new, &Audience::Direct(account("bob"))));
    file.fails("review-report-1-format-2", "a message of format 02 in a report of version 01", "review_openings", input, 86);
}

/// What a message says, as vectors have it.
pub(super) fn content_json(content: &Content) -> Value {
    match content {
        Content::Text(text) => json!({ "kind": "text", "text": text }),
        Content::Edit { of, text } => {
            json!({ "kind": "edit", "of": hex(of.as_bytes()), "text": text })
        }
        Content::Deletion { of } => json!({ "kind": "deletion", "of": hex(of.as_bytes()) }),
        Content::Reaction { to, reaction } => {
            json!({ "kind": "reaction", "to": hex(to.as_bytes()), "reaction": reaction })
        }
        Content::Application { kind, body } => {
            json!({ "kind": "application", "type": kind, "body": hex(body) })
        }
        Content::Invitation { group, title } => json!({ "kind": "invitation", "group": hex(group.as_bytes()), "text": title }),
        Content::Acceptance { group } => json!({ "kind": "acceptance", "group": hex(group.as_bytes()) }),
        Content::GroupLeave => json!({ "kind": "leave" }),
        Content::GroupProfile { title, picture } => json!({ "kind": "profile", "text": title, "picture": hex(picture) }),
        Content::Timer { after_secs } => json!({ "kind": "timer", "after_secs": after_secs }),
        Content::Unknown { kind, body } => {
            json!({ "kind": "unknown", "number": kind, "body": hex(body) })
        }
    }
}
