use rand_core::SeedableRng;

use super::*;
use crate::officer::OfficerKey;
use crate::tests::world::terms;

fn officers() -> [OfficerKey; 4] {
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    [(); 4].map(|()| OfficerKey::generate(&mut rng))
}

fn policy() -> Policy {
    Policy::new(terms(&officers())).unwrap()
}

fn malformed(change: impl Fn(&mut PolicyTerms)) {
    let mut terms = terms(&officers());
    change(&mut terms);
    let error = Policy::new(terms).unwrap_err();
    assert_eq!(error, PolicyError::Decode(DecodeError::Malformed));
}

#[test]
fn a_policy_survives_its_encoding_and_knows_its_officers() {
    let policy = policy();
    let read = Policy::decode(policy.encode()).unwrap();
    assert!(read == policy && read.digest() == policy.digest());
    let [asks, both, approves, decides] = officers().map(|key| key.id());
    assert!(policy.has_roles(&asks, Roles::ASK) && !policy.has_roles(&asks, Roles::APPROVE));
    assert!(policy.has_roles(&both, Roles::ASK.and(Roles::APPROVE)));
    assert!(policy.has_roles(&approves, Roles::APPROVE));
    assert!(policy.officer(&decides).is_some());
    assert!(policy.officer(&OfficerId::from_bytes([0; 32])).is_none());
    assert!(!policy.rule(Purpose::QualityAudit).allowed);
    assert_eq!(policy.rule(Purpose::Emergency).review_hours, 24);
    let debug = format!("{policy:?}");
    assert_eq!(debug, "Policy { version: 1, officers: 4, .. }");
}

#[test]
fn chk160_chk161_length_and_version_come_first() {
    let mut bytes = policy().encode().to_vec();
    bytes[0] = 2;
    let error = Policy::decode(&bytes).unwrap_err();
    let version = DecodeError::UnknownVersion { version: 2 };
    assert_eq!(error, PolicyError::Decode(version));
    bytes.resize(MAX_POLICY_LEN + 1, 0);
    let (len, max) = (MAX_POLICY_LEN + 1, MAX_POLICY_LEN);
    let error = Policy::decode(&bytes).unwrap_err();
    assert_eq!(
        error,
        PolicyError::Decode(DecodeError::TooLong { len, max })
    );
    let empty = Policy::decode(&[]).unwrap_err();
    assert_eq!(empty, PolicyError::Decode(DecodeError::Malformed));
}

#[test]
fn chk162_a_policy_out_of_form_is_refused() {
    let bytes = policy().encode().to_vec();
    for len in 1..bytes.len() {
        assert!(Policy::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    assert!(Policy::decode(&[&bytes[..], &[0]].concat()).is_err());
    malformed(|terms| terms.officers.clear());
    malformed(|terms| terms.officers.push(terms.officers[0].clone()));
    malformed(|terms| terms.officers[0].name.clear());
    malformed(|terms| terms.officers[0].name.push('\n'));
    malformed(|terms| terms.origin.clear());
    malformed(|terms| terms.origin.push(' '));
    malformed(|terms| terms.origin.push('+'));
    malformed(|terms| terms.origin = "a".repeat(256));
    malformed(|terms| terms.rules[0].max_openings = 0);
    malformed(|terms| terms.rules[0].max_openings = 101);
    malformed(|terms| terms.rules[0].max_hours = 0);
    malformed(|terms| terms.rules[0].max_hours = 721);
    malformed(|terms| terms.text = "a".repeat(MAX_POLICY_TEXT_LEN + 1));
    malformed(|terms| terms.officers[0].roles = Roles(32));
    // The officers are not in order.
    let officers = terms(&officers()).officers;
    let mut unsorted = policy().terms().clone();
    unsorted.officers.reverse();
    assert!(Policy::decode(&encode(&unsorted)).is_err());
    let mut at_limit = policy().terms().clone();
    at_limit.text = "a".repeat(MAX_POLICY_TEXT_LEN);
    at_limit.rules[0].max_openings = MAX_OPENINGS;
    at_limit.rules[0].max_hours = MAX_HOURS;
    at_limit.officers = officers;
    Policy::new(at_limit).unwrap();
}

#[test]
fn chk162_a_name_that_is_too_long_does_not_become_other_fields() {
    let mut terms = terms(&officers());
    terms.appeal_days = 100;
    terms.officers.truncate(1);
    terms.rules[5].review_hours = 24;
    // Read with a length of 255, the name goes on with roles, rules, days, and a text that holds
    // what follows the name.
    let rest = encode(&terms).len() - (1 + 4 + 2 + terms.origin.len() + 2 + 32 + 1);
    let rest = rest - terms.officers[0].name.len();
    let mut name = "a".repeat(255);
    name.push('\x1f');
    for two in ["\0", "\0", "\x01", "\0", "\x01", "\x01", "\x01"] {
        name += &format!("\x01{two}\0\x64\0\x64\0\0");
    }
    name += &format!("\0\0\0\0\0{}", char::from(u8::try_from(rest).unwrap()));
    terms.officers[0].name = name;
    let read = Policy::decode(&encode(&terms)).unwrap();
    assert_eq!(read.rule(Purpose::UserReport).max_openings, 100);
    let error = Policy::new(terms).unwrap_err();
    assert_eq!(error, PolicyError::Decode(DecodeError::Malformed));
}

#[test]
fn at_most_a_thousand_officers() {
    let mut terms = terms(&officers());
    terms.officers = (1..=1_001)
        .map(|number: u32| {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&number.to_be_bytes());
            Officer {
                id: OfficerKey::from_seed(&seed).id(),
                name: "o".to_owned(),
                roles: Roles::ASK,
            }
        })
        .collect();
    assert!(Policy::new(terms.clone()).is_err());
    terms.officers.pop();
    Policy::new(terms).unwrap();
}

#[test]
fn chk163_an_officers_key_that_is_no_key_or_of_small_order_is_refused() {
    let mut small = [0; 32];
    small[0] = 1;
    // No point has y = 2.
    let mut none = [0; 32];
    none[0] = 2;
    // y = 0 has order 4. y = 3 is a key, but not if it is written as p + 3.
    let mut twice = [0xff; 32];
    (twice[0], twice[31]) = (0xf0, 0x7f);
    for key in [small, none, [0; 32], twice] {
        let mut terms = terms(&officers());
        terms.officers[0].id = OfficerId::from_bytes(key);
        assert_eq!(Policy::new(terms), Err(PolicyError::OfficerKey));
    }
}

#[test]
fn chk164_rules_that_are_too_lax_are_refused() {
    let too_lax = |place: usize, purpose, change: &dyn Fn(&mut Rule)| {
        let mut terms = terms(&officers());
        change(&mut terms.rules[place]);
        assert_eq!(Policy::new(terms), Err(PolicyError::Rule { purpose }));
    };
    let alone = |rule: &mut Rule| rule.two_persons = false;
    let review = |rule: &mut Rule| rule.review_hours = 1;
    too_lax(2, Purpose::LegalRequest, &alone);
    too_lax(4, Purpose::QualityAudit, &alone);
    too_lax(6, Purpose::Identify, &alone);
    for (place, purpose) in Purpose::ALL.iter().enumerate() {
        if *purpose != Purpose::Emergency {
            too_lax(place, *purpose, &review);
        }
    }
    too_lax(5, Purpose::Emergency, &|rule| rule.review_hours = 0);
    too_lax(5, Purpose::Emergency, &|rule| rule.review_hours = 73);
    let mut two = terms(&officers());
    (two.rules[5].two_persons, two.rules[5].review_hours) = (true, 0);
    Policy::new(two).unwrap();
}
