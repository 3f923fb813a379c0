use waxseal_desk::grant::{GrantTerms, GrantedReport};
use waxseal_desk::ids::{AcceptedDigest, CaseId, GrantId, OfficerId, VaultId};
use waxseal_log::entry::{PolicyDigest, Purpose};
use waxseal_reporting::Timestamp;

use super::*;

#[test]
fn chk653_a_grant_is_shown_only_if_its_bytes_say_what_the_desk_says() {
    let grant = Grant::new(GrantTerms {
        id: GrantId::from_bytes([1; 16]),
        origin: "provider.example/desk".to_owned(),
        vault: VaultId::from_bytes([2; 32]),
        case: CaseId::from_bytes([3; 16]),
        purpose: Purpose::Identify,
        policy: PolicyDigest::from_bytes([4; 32]),
        requester: OfficerId::from_bytes([5; 32]),
        approver: Some(OfficerId::from_bytes([6; 32])),
        requested: Timestamp::from_millis(1_000),
        expires: Timestamp::from_millis(2_000),
        max_openings: 3,
        reports: vec![GrantedReport {
            digest: AcceptedDigest::from_bytes([7; 32]),
            messages: 1,
        }],
    })
    .unwrap();
    let item = GrantItem {
        id: Hex([1; 16]),
        digest: Hex(*grant.digest().as_bytes()),
        grant: grant.encode().to_vec(),
        case: Hex([3; 16]),
        purpose: Purpose::Identify.number(),
        state: "requested".to_owned(),
        requester: Hex([5; 32]),
        approver: Some(Hex([6; 32])),
        requested_at_ms: 1_000,
        expires_at_ms: 2_000,
        max_openings: 3,
        openings: 0,
        review_until_ms: None,
        review: None,
    };
    assert!(grant_of(&item).is_some());
    let lies: [fn(&mut GrantItem); 7] = [
        |item| item.id = Hex([9; 16]),
        |item| item.digest = Hex([9; 32]),
        |item| item.case = Hex([9; 16]),
        |item| item.purpose = 1,
        |item| item.requester = Hex([9; 32]),
        |item| item.expires_at_ms = 9,
        |item| item.max_openings = 9,
    ];
    for lie in lies {
        let mut item = item.clone();
        lie(&mut item);
        assert!(grant_of(&item).is_none());
    }
}
