use waxseal_desk::grant::{GrantTerms, GrantedReport};
use waxseal_desk::ids::{CaseId, GrantId, VaultId};
use waxseal_desk::vault::{Participant, Reference, ViewedMessage};
use waxseal_log::entry::{PolicyDigest, Purpose};
use waxseal_reporting::Timestamp;
use waxseal_reporting::reporter::Reason;
use zeroize::Zeroizing;

use super::*;

fn message(ordinal: usize, claim: u8) -> ViewedMessage {
    ViewedMessage {
        ordinal: u8::try_from(ordinal).unwrap(),
        claim,
        sender: Participant::Reported,
        accepted_at: Timestamp::from_millis(1),
        sent_at: Timestamp::from_millis(1),
        tag_names_sender: true,
        repeated: false,
        forward_count: 0,
        expires_after_secs: 0,
        reply_to: Reference::None,
        last_seen: Reference::None,
        gap_before: None,
        contradictions: vec![],
        content: None,
        parts: 2,
        attachments: vec![],
    }
}

/// What the desk shows: the messages of these claims.
fn shown(claims: &[u8]) -> Vec<u8> {
    let view = View {
        reported: None,
        about_account: claims.is_empty(),
        reason: Reason::Threat,
        note: Zeroizing::new(String::new()),
        accepted_at: Timestamp::from_millis(1),
        clock_stepped_back: false,
        messages_in_report: 30,
        messages: (0..)
            .zip(claims)
            .map(|(at, claim)| message(at, *claim))
            .collect(),
        names: None,
    };
    view.encode().to_vec()
}

fn grant(messages: u32) -> Grant {
    let report = |digest| GrantedReport {
        digest: AcceptedDigest::from_bytes([digest; 32]),
        messages: if digest == 7 { messages } else { 0x3fff_ffff },
    };
    Grant::new(GrantTerms {
        id: GrantId::from_bytes([1; 16]),
        origin: "provider.example/desk".to_owned(),
        vault: VaultId::from_bytes([2; 32]),
        case: CaseId::from_bytes([3; 16]),
        purpose: Purpose::UserReport,
        policy: PolicyDigest::from_bytes([4; 32]),
        requester: OfficerId::from_bytes([5; 32]),
        approver: None,
        requested: Timestamp::from_millis(1_000),
        expires: Timestamp::from_millis(2_000),
        max_openings: 1,
        reports: vec![report(7), report(8)],
    })
    .unwrap()
}

#[test]
fn chk655_a_view_shows_only_messages_that_the_grant_names_and_each_once() {
    let of = |messages, claims: &[u8]| {
        let digest = AcceptedDigest::from_bytes([7; 32]);
        view(&shown(claims), &grant(messages), &digest).map(|view| view.messages.len())
    };
    assert_eq!(of(0b101, &[0, 2]), Ok(2));
    assert_eq!(of(0b101, &[2]), Ok(1));
    assert_eq!(of(0x3fff_ffff, &[0, 29]), Ok(2));
    assert_eq!(of(0, &[]), Ok(0));
    for (messages, claims) in [
        (0b101, &[1_u8][..]),
        (0b101, &[0, 1, 2]),
        (0, &[0]),
        (1, &[0, 0]),
    ] {
        assert_eq!(of(messages, claims), Err(Problem::NotGranted));
    }
    // A report that the grant does not name.
    let other = AcceptedDigest::from_bytes([9; 32]);
    let other = view(&shown(&[0]), &grant(1), &other);
    assert_eq!(other, Err(Problem::NotGranted));
}
