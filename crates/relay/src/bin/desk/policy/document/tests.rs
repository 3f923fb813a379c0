use super::*;

const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn document() -> Document {
    let officer = format!("Alice:{KEY}:ask,decide").parse().unwrap();
    Document::sensible("provider.example/desk", &[officer])
}

#[test]
fn a_new_policy_is_one_and_says_what_was_asked_for() {
    let policy = document().policy().unwrap();
    let officer = &policy.terms().officers[0];
    assert_eq!(officer.name, "Alice");
    assert_eq!(officer.roles, Roles::ASK.and(Roles::DECIDE));
    assert!(policy.rule(Purpose::LegalRequest).two_persons);
    assert!(!policy.rule(Purpose::UserReport).two_persons);
}

#[test]
fn a_document_that_is_read_again_is_the_same_policy() {
    let text = serde_json::to_string(&document()).unwrap();
    let read: Document = serde_json::from_str(&text).unwrap();
    let digest = |document: &Document| document.policy().unwrap().digest();
    assert_eq!(digest(&read), digest(&document()));
}

#[test]
fn a_document_with_other_rules_or_roles_is_refused() {
    let mut without = document();
    without.rules.remove("appeal").unwrap();
    assert!(without.policy().is_err());
    let mut unknown = document();
    let rule = unknown.rules.remove("appeal").unwrap();
    unknown.rules.insert("appeals".to_owned(), rule);
    assert!(unknown.policy().is_err());
    let mut role = document();
    role.officers[0].roles.push("king".to_owned());
    assert!(role.policy().is_err());
    for text in ["Alice", "Alice:12:ask", &format!("Alice:{KEY}:king")] {
        assert!(text.parse::<OfficerArgument>().is_err(), "{text}");
    }
}
