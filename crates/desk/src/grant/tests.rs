use super::*;
use crate::tests::world::World;

fn grant() -> GrantTerms {
    let mut world = World::empty();
    let (one, two) = (world.report(&["first"]), world.report(&["second"]));
    world.terms(Purpose::LegalRequest, &[(&one, 1), (&two, 1)])
}

fn malformed(change: impl Fn(&mut GrantTerms)) {
    let mut terms = grant();
    change(&mut terms);
    assert_eq!(Grant::new(terms), Err(DecodeError::Malformed));
}

#[test]
fn a_signed_grant_survives_its_encoding() {
    let world = World::empty();
    let signed = world.sign(grant());
    let read = SignedGrant::decode(&signed.encode()).unwrap();
    assert!(read == signed && read.grant().digest() == signed.grant().digest());
    let debug = format!("{signed:?}");
    assert_eq!(debug, "Grant { purpose: LegalRequest, reports: 2, .. }");
    let grant = signed.grant();
    assert!(grant.is_requested(&grant.sign_as_requester(&world.officers[0])));
    assert!(!grant.is_requested(&grant.sign_as_requester(&world.officers[1])));
    assert!(grant.report(&grant.terms().reports[1].digest).is_some());
}

#[test]
fn chk168_a_grant_out_of_form_is_refused() {
    let world = World::empty();
    let bytes = world.sign(grant()).encode();
    for len in 0..bytes.len() {
        assert!(SignedGrant::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    assert!(SignedGrant::decode(&[&bytes[..], &[0]].concat()).is_err());
    malformed(|terms| terms.reports.clear());
    malformed(|terms| terms.reports.push(terms.reports[0]));
    malformed(|terms| terms.reports[0].messages = 1 << 30);
    malformed(|terms| terms.max_openings = 0);
    malformed(|terms| terms.max_openings = 101);
    malformed(|terms| terms.expires = terms.requested);
    malformed(|terms| terms.origin.clear());
    malformed(|terms| {
        terms.reports = (0..65)
            .map(|number| GrantedReport {
                digest: AcceptedDigest::from_bytes([number; 32]),
                messages: 1,
            })
            .collect();
    });
    let mut unsorted = grant();
    unsorted
        .reports
        .sort_by_key(|report| core::cmp::Reverse(report.digest));
    assert!(Grant::decode(&encode(&unsorted)).is_err());
    // A signature is missing, or there is one too many.
    let two = Grant::new(grant()).unwrap();
    assert!(SignedGrant::new(two, [0; 64], None).is_err());
    let mut alone = grant();
    alone.approver = None;
    let alone = Grant::new(alone).unwrap();
    assert!(SignedGrant::new(alone, [0; 64], Some([0; 64])).is_err());
}

#[test]
fn the_longest_grant_has_the_maximum_length() {
    let mut terms = grant();
    terms.origin = "a".repeat(MAX_ORIGIN_LEN);
    terms.reports = (0..64)
        .map(|number| GrantedReport {
            digest: AcceptedDigest::from_bytes([number; 32]),
            messages: (1 << 30) - 1,
        })
        .collect();
    let grant = Grant::new(terms).unwrap();
    assert_eq!(grant.encode().len(), MAX_GRANT_LEN);
    let signed = SignedGrant::new(grant, [0; 64], Some([0; 64])).unwrap();
    assert_eq!(signed.encode().len(), MAX_SIGNED_GRANT_LEN);
    SignedGrant::decode(&signed.encode()).unwrap();
}
