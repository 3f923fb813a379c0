//! Makes `documents.json`: policies, acts and grants.

use waxseal_log::entry::Purpose;
use waxseal_reporting::Timestamp;
use waxseal_vectors::harness::refused;

use super::*;
use crate::grant::{Grant, GrantDenial, GrantTerms, GrantedReport, SignedGrant};
use crate::ids::{AcceptedDigest, CaseId, GrantDigest, GrantId, OfficerId, VaultId};
use crate::officer::{Act as _, ActKind, OfficerKey, Signed};
use crate::policy::{Policy, PolicyTerms, Roles};
use crate::tests::world::{HOUR, NOON, ORIGIN, terms};

pub(super) fn policy(input: Input<'_>) -> Outcome {
    let policy = Policy::decode(&input.get("policy").bytes()).map_err(refused)?;
    let officers: Vec<_> = policy.terms().officers.iter().map(|officer| hex(officer.id.as_bytes())).collect();
    Ok(json!({ "version": policy.version(), "origin": policy.origin(), "digest": hex(policy.digest().as_bytes()), "officers": officers, "appeal_days": policy.terms().appeal_days, "text": policy.terms().text }))
}

pub(super) fn act(input: Input<'_>) -> Outcome {
    let policy = Policy::decode(&input.get("policy").bytes()).unwrap();
    let signed = Signed::<GrantDenial>::decode(&input.get("act").bytes()).map_err(refused)?;
    let denial = signed.verify(&policy).map_err(refused)?;
    Ok(json!({ "grant_digest": hex(denial.grant.as_bytes()), "reason": denial.reason, "at_ms": signed.at().as_millis(), "officer": hex(signed.officer().as_bytes()) }))
}

pub(super) fn grant(input: Input<'_>) -> Outcome {
    let signed = SignedGrant::decode(&input.get("grant").bytes()).map_err(refused)?;
    let terms = signed.grant().terms();
    Ok(json!({ "digest": hex(signed.grant().digest().as_bytes()), "purpose": terms.purpose.number(), "openings": terms.max_openings, "reports": terms.reports.len(), "expires_ms": terms.expires.as_millis() }))
}

pub(super) fn verify_grant(input: Input<'_>) -> Outcome {
    let policy = Policy::decode(&input.get("policy").bytes()).unwrap();
    let signed = SignedGrant::decode(&input.get("grant").bytes()).unwrap();
    let vault = VaultId::from_bytes(input.get("vault").array());
    let now = Timestamp::from_millis(input.get("now_ms").number());
    signed.verify(&policy, &vault, now).map_err(refused)?;
    Ok(json!({}))
}

fn officers() -> [OfficerKey; 4] {
    [0x51, 0x52, 0x53, 0x54].map(|seed| OfficerKey::from_seed(&[seed; 32]))
}

fn the_policy() -> Policy {
    Policy::new(terms(&officers())).unwrap()
}

fn grant_terms() -> GrantTerms {
    let officers = officers();
    let report = |byte| GrantedReport { digest: AcceptedDigest::from_bytes([byte; 32]), messages: 0b101 };
    GrantTerms {
        id: GrantId::from_bytes([0x1d; 16]), origin: ORIGIN.to_owned(), vault: VaultId::from_bytes([0x7a; 32]), case: CaseId::from_bytes([0xca; 16]),
        purpose: Purpose::LegalRequest, policy: the_policy().digest(), requester: officers[0].id(), approver: Some(officers[2].id()),
        requested: Timestamp::from_millis(NOON), expires: Timestamp::from_millis(NOON + 24 * HOUR), max_openings: 3, reports: vec![report(1), report(2)],
    }
}

fn sign(terms: GrantTerms) -> SignedGrant {
    let grant = Grant::new(terms).unwrap();
    let officers = officers();
    let key = |id: OfficerId| officers.iter().find(|key| key.id() == id).unwrap_or(&officers[0]);
    let requester = grant.sign_as_requester(key(grant.terms().requester));
    let approver = grant.terms().approver.map(|id| grant.sign_as_approver(key(id)));
    SignedGrant::new(grant, requester, approver).unwrap()
}

fn policies(file: &mut Vectors) {
    let bytes = the_policy().encode().to_vec();
    let good = json!({ "policy": hex(&bytes) });
    file.passes("policy", "four officers and seven rules", "policy", good.clone());
    // Offsets of the first officer and of the first rule.
    let officer = 1 + 4 + 2 + ORIGIN.len() + 2;
    let rule = officer + the_policy().terms().officers.iter().map(|one| 34 + one.name.len()).sum::<usize>();
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "policy", changed(&good, "policy", change), check);
    };
    fails("policy-long", "65,537 bytes", &|bytes| bytes.resize(65_537, 0), 160);
    fails("policy-version-2", "version 02", &|bytes| bytes[0] = 2, 161);
    fails("policy-cut", "the last byte is missing", &|bytes| { bytes.pop(); }, 162);
    fails("policy-extended", "a byte after the text", &|bytes| bytes.push(0), 162);
    fails("policy-origin-space", "the origin has a space", &|bytes| bytes[7] = b' ', 162);
    fails("policy-origin-plus", "the origin has a plus", &|bytes| bytes[7] = b'+', 162);
    fails("policy-no-officers", "a count of 0 officers", &|bytes| bytes[officer - 1] = 0, 162);
    fails("policy-officers-unsorted", "the first officer's key is larger than the second's", &|bytes| bytes[officer] = 0xff, 162);
    fails("policy-name-control", "a control character in a name", &|bytes| bytes[officer + 33] = 7, 162);
    let role = officer + 33 + the_policy().terms().officers[0].name.len();
    fails("policy-role-unknown", "a role bit that is not defined", &|bytes| bytes[role] |= 0x20, 162);
    fails("policy-rule-flag", "the first rule's flag is 2", &|bytes| bytes[rule] = 2, 162);
    fails("policy-rule-openings-0", "a rule with 0 openings", &|bytes| bytes[rule + 3] = 0, 162);
    fails("policy-rule-openings-101", "a rule with 101 openings", &|bytes| bytes[rule + 3] = 101, 162);
    fails("policy-rule-hours-721", "a rule with 721 hours", &|bytes| bytes[rule + 4..rule + 6].copy_from_slice(&721u16.to_be_bytes()), 162);
    let key = |key: [u8; 32]| move |bytes: &mut Vec<u8>| bytes[officer..officer + 32].copy_from_slice(&key);
    let mut small = [0; 32];
    fails("policy-key-small-order", "an officer's key of small order, y = 0", &key(small), 163);
    small[0] = 2;
    fails("policy-key-no-point", "an officer's key that is no point, y = 2", &key(small), 163);
    let last = rule - 34 - the_policy().terms().officers[3].name.len();
    let mut twice = [0xff; 32];
    (twice[0], twice[31]) = (0xf0, 0x7f);
    fails("policy-key-not-canonical", "an officer's key with y = 3 as p + 3", &|bytes| bytes[last..last + 32].copy_from_slice(&twice), 163);
    let lax = |place: usize, flag: u8, review: u8| move |bytes: &mut Vec<u8>| { bytes[rule + 8 * place + 1] = flag; bytes[rule + 8 * place + 7] = review; };
    fails("policy-legal-alone", "one person for a legal request", &lax(2, 0, 0), 164);
    fails("policy-audit-alone", "one person for an audit", &lax(4, 0, 0), 164);
    fails("policy-identify-alone", "one person for a name", &lax(6, 0, 0), 164);
    fails("policy-emergency-unreviewed", "one person in an emergency, and no review", &lax(5, 0, 0), 164);
    fails("policy-emergency-late", "a review after 73 hours", &lax(5, 0, 73), 164);
    fails("policy-user-report-review", "a review of something that is no emergency", &lax(0, 0, 1), 164);
}

fn acts(file: &mut Vectors) {
    let [.., approves, decides] = officers();
    let denial = GrantDenial { grant: GrantDigest::from_bytes([0x6d; 32]), reason: "Ask for one message.".to_owned() };
    let at = Timestamp::from_millis(NOON);
    let signed = |origin: &str, key: &OfficerKey| hex(Signed::sign(&denial, origin, key, at).unwrap().encode());
    let good = json!({ "act": signed(ORIGIN, &approves), "policy": hex(the_policy().encode()) });
    file.passes("denial", "an officer denies a grant", "act", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value, check| file.fails(id, comment, "act", input, check);
    let edit = |change: &dyn Fn(&mut Vec<u8>)| changed(&good, "act", change);
    fails("act-long", "one byte more than the longest act", edit(&|bytes| bytes.resize(8_301, 0)), 160);
    fails("act-version-2", "version 02", edit(&|bytes| bytes[0] = 2), 161);
    fails("act-other-kind", "a decision in place of a denial", edit(&|bytes| bytes[1] = ActKind::Decision.number()), 165);
    fails("act-cut", "the last byte of the signature is missing", edit(&|bytes| { bytes.pop(); }), 165);
    fails("act-extended", "a byte after the signature", edit(&|bytes| bytes.push(0)), 165);
    fails("act-body-not-utf-8", "the reason is not UTF-8", edit(&|bytes| bytes[78] = 0xff), 165);
    fails("act-body-cut", "the reason is shorter than its length", edit(&|bytes| bytes[77] += 1), 165);
    fails("act-later", "the time is changed", flipped(&good, "act", 41, 1), 166);
    fails("act-other-text", "the reason is changed", flipped(&good, "act", 78, 1), 166);
    fails("act-signature", "the signature is changed", flipped(&good, "act", -1, 1), 166);
    fails("act-other-log", "signed for another log", with(&good, "act", signed("other.example", &approves)), 166);
    fails("act-without-role", "signed by an officer who may not approve", with(&good, "act", signed(ORIGIN, &decides)), 167);
    let stranger = OfficerKey::from_seed(&[0x59; 32]);
    fails("act-of-a-stranger", "signed by someone who is no officer", with(&good, "act", signed(ORIGIN, &stranger)), 167);
    assert_eq!(denial.encode().len(), 54);
}

fn grants(file: &mut Vectors) {
    let good = json!({ "grant": hex(sign(grant_terms()).encode()) });
    file.passes("grant", "two reports, with an approver", "grant", good.clone());
    let mut alone = grant_terms();
    alone.approver = None;
    file.passes("grant-alone", "without an approver", "grant", json!({ "grant": hex(sign(alone).encode()) }));
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "grant", changed(&good, "grant", change), check);
    };
    // Offsets after `long`: id, origin, vault, case; then purpose.
    let purpose = 4 + 1 + 16 + 2 + ORIGIN.len() + 32 + 16;
    let approver = purpose + 1 + 32 + 32;
    let openings = approver + 33 + 16;
    fails("grant-long", "one byte more than the longest signed grant", &|bytes| bytes.resize(2_877, 0), 160);
    fails("grant-version-2", "version 02", &|bytes| bytes[4] = 2, 161);
    fails("grant-cut", "the last byte is missing", &|bytes| { bytes.pop(); }, 168);
    fails("grant-extended", "a byte after the signatures", &|bytes| bytes.push(0), 168);
    fails("grant-purpose-0", "purpose 0", &|bytes| bytes[purpose] = 0, 168);
    fails("grant-purpose-8", "purpose 8", &|bytes| bytes[purpose] = 8, 168);
    fails("grant-approver-2", "the approver's flag is 2", &|bytes| bytes[approver] = 2, 168);
    fails("grant-openings-0", "0 openings", &|bytes| bytes[openings + 1] = 0, 168);
    fails("grant-openings-101", "101 openings", &|bytes| bytes[openings + 1] = 101, 168);
    fails("grant-expired-at-once", "it expires when it is requested", &|bytes| { let at = openings - 16; bytes.copy_within(at..at + 8, at + 8); }, 168);
    fails("grant-reports-unsorted", "the second report comes first", &|bytes| bytes[openings + 4] = 9, 168);
    fails("grant-reports-twice", "one report twice", &|bytes| { let at = openings + 4; bytes.copy_within(at..at + 32, at + 36); }, 168);
    fails("grant-message-31", "a bit beyond the 30th message", &|bytes| bytes[openings + 4 + 32] |= 0x40, 168);
    fails("grant-one-signature", "the approver's signature is missing", &|bytes| bytes.truncate(bytes.len() - 64), 168);

    let good = json!({ "grant": good["grant"], "policy": hex(the_policy().encode()), "vault": hex([0x7a; 32]), "now_ms": NOON });
    file.passes("verify-grant", "it holds at noon", "verify_grant", good.clone());
    file.passes("verify-grant-last", "it holds in its last millisecond", "verify_grant", with(&good, "now_ms", NOON + 24 * HOUR - 1));
    file.passes("verify-grant-first", "it holds five minutes before it was requested", "verify_grant", with(&good, "now_ms", NOON - 300_000));
    let mut fails = |id: &str, comment: &str, input: Value, check| file.fails(id, comment, "verify_grant", input, check);
    let of = |change: &dyn Fn(&mut GrantTerms)| { let mut terms = grant_terms(); change(&mut terms); with(&good, "grant", hex(sign(terms).encode())) };
    let [asks, both, _, decides] = officers().map(|key| key.id());
    let stranger = OfficerKey::from_seed(&[0x59; 32]).id();
    fails("verify-other-log", "it names another log", of(&|terms| terms.origin = "other.example".to_owned()), 169);
    fails("verify-other-vault", "it names another vault", with(&good, "vault", hex([0x7b; 32])), 170);
    let mut next: PolicyTerms = terms(&officers());
    next.version = 2;
    fails("verify-other-policy", "another policy is in force", with(&good, "policy", hex(Policy::new(next).unwrap().encode())), 171);
    fails("verify-stranger-asks", "the requester is no officer", of(&|terms| terms.requester = stranger), 172);
    fails("verify-asks-without-role", "the requester may not ask", of(&|terms| terms.requester = decides), 172);
    fails("verify-purpose", "the policy does not allow audits", of(&|terms| terms.purpose = Purpose::QualityAudit), 173);
    fails("verify-alone", "the approver is missing", of(&|terms| terms.approver = None), 174);
    fails("verify-same-person", "the requester approves", of(&|terms| { terms.requester = both; terms.approver = Some(both); }), 175);
    fails("verify-approves-without-role", "the approver may not approve", of(&|terms| { terms.requester = both; terms.approver = Some(asks); }), 176);
    fails("verify-too-long", "a millisecond longer than 48 hours", of(&|terms| terms.expires = Timestamp::from_millis(NOON + 48 * HOUR + 1)), 177);
    fails("verify-too-often", "one opening more than the policy allows", of(&|terms| terms.max_openings = 4), 177);
    fails("verify-signature", "the approver's signature is changed", flipped(&good, "grant", -1, 1), 178);
    fails("verify-signature-requester", "the requester's signature is changed", flipped(&good, "grant", -65, 1), 178);
    fails("verify-signatures-swapped", "the signatures change places", changed(&good, "grant", |bytes| { let at = bytes.len() - 128; bytes[at..].rotate_left(64); }), 178);
    fails("verify-too-early", "more than five minutes before it was requested", with(&good, "now_ms", NOON - 300_001), 179);
    fails("verify-expired", "it expires in this millisecond", with(&good, "now_ms", NOON + 24 * HOUR), 179);
    assert!(the_policy().has_roles(&asks, Roles::ASK));
}

#[test]
fn documents() {
    let mut file = Vectors::new(CRATE, "documents.json", "Policies, acts and grants. SPEC.md, “Policy”, “Acts”, “Grant”.", "officers with the seeds 32 x 51 to 32 x 54");
    policies(&mut file);
    acts(&mut file);
    grants(&mut file);
    file.finish();
}
