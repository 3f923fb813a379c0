use waxseal_log::entry::{Measure, ReasonCode};

use super::*;
use crate::decision::Decision;
use crate::grant::GrantDenial;
use crate::ids::{CaseId, GrantDigest};
use crate::tests::world::{ORIGIN, terms};

fn key(seed: u8) -> OfficerKey {
    OfficerKey::from_seed(&[seed; 32])
}

fn policy() -> Policy {
    Policy::new(terms(&[key(1), key(2), key(3), key(4)])).unwrap()
}

fn denial() -> GrantDenial {
    GrantDenial {
        grant: GrantDigest::from_bytes([5; 32]),
        reason: "The report is enough.".to_owned(),
    }
}

fn signed(seed: u8) -> Signed<GrantDenial> {
    Signed::sign(&denial(), ORIGIN, &key(seed), Timestamp::from_millis(7)).unwrap()
}

/// An act of another kind with the same body.
#[derive(Debug, PartialEq)]
struct Other;

impl Act for Other {
    const KIND: ActKind = ActKind::Decision;
    fn encode(&self) -> Vec<u8> {
        denial().encode()
    }
    fn decode(body: &[u8]) -> Option<Self> {
        GrantDenial::decode(body).map(|_| Self)
    }
}

#[test]
fn a_signed_act_survives_its_encoding() {
    let signed = signed(3);
    let read = Signed::<GrantDenial>::decode(&signed.encode()).unwrap();
    assert_eq!(read.verify(&policy()), Ok(denial()));
    assert_eq!(read.officer(), &key(3).id());
    assert_eq!(read.at().as_millis(), 7);
    for kind in ActKind::ALL {
        assert!(kind.role() != Roles::default());
    }
    let numbers = ActKind::ALL.map(ActKind::number);
    assert_eq!(numbers, [3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_key_shows_only_its_public_half() {
    let key = key(1);
    assert_eq!(OfficerKey::from_seed(key.seed()).id(), key.id());
    let debug = format!("{key:?} {:?}", signed(3));
    assert!(
        debug.starts_with("OfficerKey { id: OfficerId(..), .. } Signed {"),
        "{debug}"
    );
}

#[test]
fn chk165_an_act_of_another_kind_or_out_of_form_is_refused() {
    let bytes = signed(3).encode();
    assert!(Signed::<Other>::decode(&bytes).is_err());
    for len in 0..bytes.len() {
        assert!(Signed::<GrantDenial>::decode(&bytes[..len]).is_err());
    }
    assert!(Signed::<GrantDenial>::decode(&[&bytes[..], &[0]].concat()).is_err());
    // The reason is not UTF-8.
    let mut bad = bytes.clone();
    bad[1 + 1 + 32 + 8 + 2 + 32 + 2] = 0xff;
    assert!(Signed::<GrantDenial>::decode(&bad).is_err());
    let long = GrantDenial {
        reason: "a".repeat(MAX_ACT_BODY_LEN - 33),
        ..denial()
    };
    let at = Timestamp::from_millis(7);
    assert!(Signed::sign(&long, ORIGIN, &key(3), at).is_err());
    let fits = GrantDenial {
        reason: "a".repeat(MAX_ACT_BODY_LEN - 34),
        ..denial()
    };
    let fits = Signed::sign(&fits, ORIGIN, &key(3), at).unwrap();
    assert_eq!(fits.encode().len(), MAX_ACT_LEN);
}

#[test]
fn chk165_a_rule_that_is_too_long_does_not_become_the_statement() {
    let statement = "It is spam.".to_owned();
    // Read with a length of 255, the rule goes on with a statement that holds the real one.
    let len = char::from(u8::try_from("A threat.".len() + 2 + statement.len()).unwrap());
    let decision = Decision {
        case: CaseId::from_bytes([1; 16]),
        policy: policy().digest(),
        reason: ReasonCode::from_number(1).unwrap(),
        measure: Measure::from_number(1).unwrap(),
        rule: format!("{}\0{len}A threat.", "r".repeat(255)),
        statement,
    };
    let read = Decision::decode(&decision.encode()).unwrap();
    assert!(read.statement.starts_with("A threat."));
    let at = Timestamp::from_millis(7);
    let signed = Signed::sign(&decision, ORIGIN, &key(4), at);
    assert_eq!(signed, Err(DecodeError::Malformed));
}

#[test]
fn chk166_an_act_that_the_officer_did_not_sign_is_refused() {
    let good = signed(3);
    let not_signed = |bad: Signed<GrantDenial>| {
        assert_eq!(bad.verify(&policy()), Err(ActError::NotSigned));
    };
    let mut bad = good.clone();
    bad.signature[0] ^= 1;
    not_signed(bad);
    let mut bad = good.clone();
    bad.at = Timestamp::from_millis(8);
    not_signed(bad);
    let mut bad = good.clone();
    bad.body[0] ^= 1;
    not_signed(bad);
    let mut bad = good.clone();
    bad.officer = key(2).id();
    not_signed(bad);
    let at = Timestamp::from_millis(7);
    not_signed(Signed::sign(&denial(), "other.example", &key(3), at).unwrap());
    // A signature under another kind does not count.
    let other = Signed::sign(&Other, ORIGIN, &key(3), at).unwrap();
    let mut bad = good.clone();
    bad.signature = other.signature;
    not_signed(bad);
    assert_eq!(good.verify(&policy()), Ok(denial()));
}

#[test]
fn chk167_an_act_of_a_foreign_officer_or_of_one_without_the_role_is_refused() {
    for seed in [1, 4, 9] {
        let error = signed(seed).verify(&policy());
        assert_eq!(error, Err(ActError::OtherOfficer), "officer {seed}");
    }
    signed(2).verify(&policy()).unwrap();
}
