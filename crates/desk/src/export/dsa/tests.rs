use super::*;
use crate::export::tests::{assert_valid, dsa_fields, facts, fields};
use crate::export::{Form, invalid, missing};
use serde_json::Value;
use waxseal_reporting::Timestamp;
use waxseal_reporting::reporter::Reason;

fn made(change: impl Fn(&mut CaseFacts), pairs: &[(&str, &str)]) -> Result<Value, ExportError> {
    let mut facts = facts(Reason::Scam);
    change(&mut facts);
    let mut all = dsa_fields();
    all.extend(fields(pairs));
    all.retain(|_, value| value != "-");
    let body = statement(&facts, &all)?;
    assert_valid(Form::Dsa, &body);
    Ok(serde_json::from_slice(&body).unwrap())
}

fn with(pairs: &[(&str, &str)]) -> Result<Value, ExportError> {
    made(|_| {}, pairs)
}

#[test]
fn each_required_field_is_missed() {
    for field in ["ground", "decision_facts", "content_type", "source_type"] {
        let error = with(&[(field, "-")]).unwrap_err();
        assert_eq!(error, ExportError::Missing { field: find(field) });
        let error = with(&[(field, "  ")]).unwrap_err();
        assert_eq!(error, ExportError::Missing { field: find(field) });
    }
    let error = with(&[("ground", "illegal")]).unwrap_err();
    assert_eq!(error, missing("legal_ground"));
    let error = with(&[("content_type", "OTHER")]).unwrap_err();
    assert_eq!(error, missing("content_type_other"));
    let without = |facts: &mut CaseFacts| facts.reports[0].view = None;
    assert_eq!(made(without, &[]), Err(missing("content_date")));
    let date = made(without, &[("content_date", "2027-01-02")]).unwrap();
    assert_eq!(date["content_date"], "2027-01-02");
}

fn find(field: &str) -> &'static str {
    FIELDS.into_iter().find(|known| *known == field).unwrap()
}

#[test]
fn measures_are_sent_as_what_they_restrict() {
    let sent = |measure, end: &[(&str, &str)]| {
        made(
            |facts| facts.decision.as_mut().unwrap().measure = measure,
            end,
        )
    };
    let end = [("end_date", "2027-07-01")];
    let removed = sent(Measure::ContentRemoved, &end).unwrap();
    let visibility = json!(["DECISION_VISIBILITY_CONTENT_REMOVED"]);
    assert_eq!(removed["decision_visibility"], visibility);
    assert_eq!(removed["end_date_visibility_restriction"], "2027-07-01");
    let restricted = sent(Measure::FeatureRestricted, &end).unwrap();
    let provision = "DECISION_PROVISION_PARTIAL_SUSPENSION";
    assert_eq!(restricted["decision_provision"], provision);
    assert_eq!(restricted["end_date_service_restriction"], "2027-07-01");
    let suspended = sent(Measure::Suspended, &end).unwrap();
    assert_eq!(suspended["decision_account"], "DECISION_ACCOUNT_SUSPENDED");
    assert_eq!(suspended["end_date_account_restriction"], "2027-07-01");
    let terminated = sent(Measure::Terminated, &[]).unwrap();
    assert_eq!(
        terminated["decision_account"],
        "DECISION_ACCOUNT_TERMINATED"
    );
    for measure in [Measure::None, Measure::Warning, Measure::Referred] {
        assert_eq!(sent(measure, &[]), Err(missing("restriction")));
    }
}

#[test]
fn each_reason_has_a_category_of_the_database() {
    for reason in Reason::ALL {
        let body = made(
            |facts| facts.decision.as_mut().unwrap().reason = reason,
            &[],
        );
        let body = body.unwrap();
        let is_other = body["category_specification"] == json!(["KEYWORD_OTHER"]);
        let other = body.get("category_specification_other");
        assert_eq!(is_other, other.is_some(), "{reason}");
    }
    let minor = [("minor", "yes")];
    let unwanted = |facts: &mut CaseFacts| {
        facts.decision.as_mut().unwrap().reason = Reason::UnwantedSexual;
    };
    let body = made(unwanted, &minor).unwrap();
    assert_eq!(body["category"], "STATEMENT_CATEGORY_PROTECTION_OF_MINORS");
    assert_eq!(with(&minor), Err(invalid("minor")));
    // A scam need not be phishing, but an officer can say that it is.
    let body = with(&[]).unwrap();
    assert!(body.get("category_specification").is_none());
    let body = with(&[("keywords", "KEYWORD_PHISHING,KEYWORD_PYRAMID_SCHEMES")]).unwrap();
    assert_eq!(body["category_specification"].as_array().unwrap().len(), 2);
    assert_eq!(
        with(&[("keywords", "KEYWORD_FUN")]),
        Err(invalid("keywords"))
    );
}

#[test]
fn chk686_each_limit_of_a_statement_holds_at_and_one_past() {
    let illegal = ("ground", "illegal");
    let law = ("legal_ground", "§ 1");
    let url = |len: usize| format!("https://{}", "a".repeat(len - 8));
    let none: &[(&str, &str)] = &[];
    let limits = [
        ("decision_facts", 5_000, none),
        ("explanation", 2_000, none),
        ("explanation", 2_000, &[illegal, law]),
        ("legal_ground", 500, &[illegal]),
        ("content_type_other", 500, &[("content_type", "OTHER,TEXT")]),
    ];
    for (field, max, more) in limits {
        for len in [max, max + 1] {
            let text = "é".repeat(len);
            let pairs = [more, &[(field, text.as_str())]].concat();
            let field = find(field);
            let error = ExportError::TooLong { field, max };
            assert_eq!(with(&pairs).err(), (len > max).then_some(error), "{field}");
        }
    }
    for len in [500, 501] {
        let url = url(len);
        let error = ExportError::TooLong {
            field: "reference_url",
            max: 500,
        };
        let made = with(&[("reference_url", &url)]);
        assert_eq!(made.err(), (len > 500).then_some(error));
    }
    // The statement of the decision is longer than the database takes, and nobody cut it.
    for len in [2_000, 2_001] {
        let made = made(
            |facts| facts.decision.as_mut().unwrap().statement = "é".repeat(len),
            &[],
        );
        let error = ExportError::TooLong {
            field: "statement",
            max: 2_000,
        };
        assert_eq!(made.err(), (len > 2_000).then_some(error));
    }
}

#[test]
fn values_that_the_database_does_not_know_are_refused() {
    let wrong = [
        ("ground", "maybe"),
        ("content_type", "TEXT,TEXT"),
        ("content_type", "PAPER"),
        ("content_type_other", "a scent"),
        ("source_type", "source_voluntary"),
        ("source_type", "SOURCE_VOLUNTARY"),
        ("legal_ground", "§ 1"),
        ("also_illegal", "yes"),
        ("content_date", "2027-02-29"),
        ("content_date", "1999-12-31"),
        ("end_date", "tomorrow"),
        ("account_type", "ACCOUNT_TYPE_OTHER"),
        ("territorial_scope", "DE,US"),
        ("content_language", "en"),
        ("content_language", "É"),
        ("content_language", "ZZ"),
        ("content_language", "E"),
        ("reference_url", "http://rules.example"),
        ("reference_url", "https://"),
        ("reference_url", "https:///rules"),
        ("reference_url", "https://rules.example/a b"),
        ("reference_url", "javascript:alert(1)"),
        ("minor", "maybe"),
    ];
    for (field, value) in wrong {
        let field = find(field);
        let error = ExportError::Invalid { field };
        assert_eq!(with(&[(field, value)]), Err(error), "{field} {value}");
    }
    let illegal = [
        ("ground", "illegal"),
        ("legal_ground", "§ 1"),
        ("also_illegal", "Yes"),
    ];
    assert_eq!(with(&illegal), Err(invalid("also_illegal")));
}

#[test]
fn all_fields_are_sent() {
    let body = with(&[
        ("ground", "incompatible"),
        ("content_type", "IMAGE, OTHER"),
        ("content_type_other", "a sticker"),
        ("explanation", "It asks for a code."),
        ("also_illegal", "No"),
        ("content_date", "2027-01-10"),
        ("end_date", "2027-07-01"),
        ("account_type", "ACCOUNT_TYPE_PRIVATE"),
        ("territorial_scope", "DE, FR"),
        ("content_language", "EN"),
        ("reference_url", "https://provider.example/rules"),
    ]);
    let body = body.unwrap();
    assert_eq!(body["incompatible_content_illegal"], "No");
    assert_eq!(
        body["incompatible_content_explanation"],
        "It asks for a code."
    );
    assert_eq!(body["territorial_scope"], json!(["DE", "FR"]));
    assert_eq!(
        body["content_type"],
        json!(["CONTENT_TYPE_IMAGE", "CONTENT_TYPE_OTHER"])
    );
    let illegal = with(&[("ground", "illegal"), ("legal_ground", "§ 263 StGB")]).unwrap();
    assert_eq!(
        illegal["illegal_content_explanation"],
        "The messages ask for a code."
    );
    assert!(illegal.get("incompatible_content_ground").is_none());
}

#[test]
fn chk693_a_statement_that_names_an_account_is_refused() {
    let named = [
        "The user Mallory asks for a code.",
        "mallory",
        "(MALLORY)",
        "@mallory's code",
        "He asks bob.",
        "mallory_the_first",
    ];
    for text in named {
        let field = "decision_facts";
        let error = ExportError::NamesAccount { field };
        assert_eq!(with(&[(field, text)]), Err(error), "{text}");
    }
    // Parts of longer words are no names.
    for text in ["He bobs up and down.", "kabob", "mallory2", "bob2"] {
        with(&[("decision_facts", text)]).unwrap();
    }
    let in_statement = |facts: &mut CaseFacts| {
        facts.decision.as_mut().unwrap().statement = "bob was asked.".into();
    };
    let error = ExportError::NamesAccount {
        field: "incompatible_content_explanation",
    };
    assert_eq!(made(in_statement, &[]), Err(error));
    let in_rule = |facts: &mut CaseFacts| facts.decision.as_mut().unwrap().rule = "bob".into();
    let error = ExportError::NamesAccount {
        field: "incompatible_content_ground",
    };
    assert_eq!(made(in_rule, &[]), Err(error));
    let fields = [
        ("content_type_other", "content_type", "OTHER"),
        ("legal_ground", "ground", "illegal"),
    ];
    for (field, other, value) in fields {
        let error = with(&[(other, value), (field, "of bob")]).unwrap_err();
        assert!(matches!(error, ExportError::NamesAccount { .. }), "{field}");
    }
    let url = with(&[("reference_url", "https://a.example/u/bob")]);
    assert!(matches!(url, Err(ExportError::NamesAccount { .. })));
    // The local part of an address is a name.
    let address = |facts: &mut CaseFacts| {
        facts.accounts.insert("carol@provider.example".to_owned());
    };
    let named = made(address, &[("decision_facts", "The user Carol asks.")]);
    assert!(matches!(named, Err(ExportError::NamesAccount { .. })));
    made(address, &[]).unwrap();
    // What nobody wrote is not tested: an account can have the name of a reason.
    for (reason, name) in [(Reason::Spam, "spam"), (Reason::Other, "other")] {
        let called = |facts: &mut CaseFacts| {
            facts.decision.as_mut().unwrap().reason = reason;
            facts.accounts.insert(name.to_owned());
        };
        let body = made(called, &[]).unwrap();
        assert_eq!(body["category_specification_other"], name);
    }
    // Names in other writing have no spaces around them.
    let other = |facts: &mut CaseFacts| facts.accounts.extend(["太郎".to_owned()]);
    let error = made(other, &[("decision_facts", "彼は太郎です。")]).unwrap_err();
    assert!(matches!(error, ExportError::NamesAccount { .. }));
}

#[test]
fn the_identifier_stays_the_same_and_tells_nothing() {
    let one = with(&[]).unwrap();
    let later = made(
        |facts| facts.decision.as_mut().unwrap().decided_at = Timestamp::from_millis(1),
        &[],
    );
    assert_eq!(one["puid"], later.unwrap()["puid"]);
    let other = made(
        |facts| facts.decision.as_mut().unwrap().leaf_hash[0] ^= 1,
        &[],
    );
    assert_ne!(one["puid"], other.unwrap()["puid"]);
    assert!(!one["puid"].as_str().unwrap().contains("1e1e"));
}
