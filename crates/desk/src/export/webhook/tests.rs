use super::*;
use crate::export::Form;
use crate::export::tests::{assert_valid, at, facts};
use waxseal_reporting::reporter::Reason;

#[test]
fn chk691_a_changed_or_late_event_is_not_genuine() {
    let (key, export, body, at) = ([7; 32], [1; 16], b"{\"a\":1}", 1_800_000_000);
    let signature = sign(&key, &export, at, body);
    let is = |key: &[u8; 32], export: &[u8; 16], at, body: &[u8], signature: &str, now| {
        verify(key, export, at, body, signature, now)
    };
    assert!(is(&key, &export, at, body, &signature, at));
    assert!(is(&key, &export, at, body, &signature, at + 300));
    assert!(is(&key, &export, at, body, &signature, at - 300));
    assert!(!is(&key, &export, at, body, &signature, at + 301));
    assert!(!is(&key, &export, at, body, &signature, at - 301));
    assert!(!is(&[8; 32], &export, at, body, &signature, at));
    assert!(!is(&key, &[2; 16], at, body, &signature, at));
    assert!(!is(&key, &export, at + 1, body, &signature, at));
    assert!(!is(&key, &export, at, b"{\"a\":2}", &signature, at));
    let digits = signature.strip_prefix("v1=").unwrap();
    let upper = format!("v1={}", digits.to_uppercase());
    let (short, long) = (&signature[..66], format!("{signature}0"));
    for wrong in ["", "v1=", "v2=", digits, &upper, short, &long] {
        assert!(!is(&key, &export, at, body, wrong, at), "{wrong}");
    }
}

#[test]
fn an_undecided_case_has_no_decision() {
    let mut facts = facts(Reason::Hate);
    facts.decision = None;
    let body = event(&facts, &BTreeMap::new(), at(1)).unwrap();
    assert_valid(Form::Webhook, &body);
    assert!(!String::from_utf8(body).unwrap().contains("decision"));
}
