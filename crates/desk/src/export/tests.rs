mod case;
mod schema;

use std::fs;
use std::path::Path;

use serde_json::Value;
use waxseal_reporting::reporter::Reason;

use super::*;
pub(super) use case::*;
pub(super) use schema::problem;

fn schema(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/export/schemas");
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

/// The schema of a form.
pub(super) fn schema_of(form: Form) -> Value {
    schema(match form {
        Form::CoopReport => "coop_report.json",
        Form::CoopAppeal => "coop_appeal.json",
        Form::Osprey => "osprey_action.json",
        Form::CyberTip => "cybertip_package.json",
        Form::Dsa => "dsa_statement.json",
        Form::Webhook => "webhook_event.json",
    })
}

/// Asserts that an export has the form of its schema.
pub(super) fn assert_valid(form: Form, body: &[u8]) {
    let schema = schema_of(form);
    let text = std::str::from_utf8(body).unwrap();
    let values: Vec<Value> = match form {
        Form::Osprey => text
            .split_terminator('\n')
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        _ => vec![serde_json::from_str(text).unwrap()],
    };
    assert!(!values.is_empty());
    for value in values {
        assert_eq!(problem(&schema, &value), None, "{value}");
    }
}

/// What an officer adds to each form.
fn fields_of(form: Form) -> BTreeMap<String, String> {
    match form {
        Form::CoopAppeal => fields(&[("appeal", &"a1".repeat(32))]),
        Form::CyberTip => fields(&[("viewed", &blob().to_text())]),
        Form::Dsa => dsa_fields(),
        _ => BTreeMap::new(),
    }
}

fn reason_of(form: Form) -> Reason {
    match form {
        Form::CyberTip => Reason::Grooming,
        _ => Reason::Scam,
    }
}

fn make_one(form: Form) -> Vec<u8> {
    let facts = facts(reason_of(form));
    make(form, &facts, &settings(), &fields_of(form), at(48)).unwrap()
}

/// Compares with the worked example, or writes it if `WAXSEAL_REGENERATE` is set.
fn assert_example(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/export/examples");
    let path = folder.join(name);
    if std::env::var_os("WAXSEAL_REGENERATE").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "{name}");
}

fn pretty(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap();
    format!("{value:#}\n")
}

#[test]
fn each_form_makes_its_worked_example() {
    for form in Form::ALL {
        assert_valid(form, &make_one(form));
    }
    assert_example("coop_report.json", &pretty(&make_one(Form::CoopReport)));
    assert_example("coop_appeal.json", &pretty(&make_one(Form::CoopAppeal)));
    let lines = String::from_utf8(make_one(Form::Osprey)).unwrap();
    assert_example("osprey.jsonl", &lines);
    let package = make_one(Form::CyberTip);
    assert_example("cybertip.xml", &ncmec::report_of(&package).unwrap());
    let files = ncmec::files_of(&package).unwrap();
    assert_example(
        "file_details.xml",
        &files[0].xml(4_564_654, "b0754af7").unwrap(),
    );
    assert_example("dsa.json", &pretty(&make_one(Form::Dsa)));
    assert_example("webhook.json", &pretty(&make_one(Form::Webhook)));
}

#[test]
fn the_same_facts_make_the_same_bytes() {
    for form in Form::ALL {
        assert_eq!(make_one(form), make_one(form));
    }
}

#[test]
fn forms_have_numbers_and_targets() {
    for (number, form) in (1..).zip(Form::ALL) {
        assert_eq!(
            (form.number(), Form::from_number(number)),
            (number, Some(form))
        );
        let names_appeal = form == Form::CoopAppeal;
        assert_eq!(Form::of_target(form.target(), names_appeal), form);
    }
    assert_eq!((Form::from_number(0), Form::from_number(7)), (None, None));
}

#[test]
fn no_form_names_a_reporter_a_participant_or_a_key() {
    for form in Form::ALL {
        let mut facts = facts(reason_of(form));
        let view = facts.reports[0].view.as_mut().unwrap();
        let (reporter, other) = ("bob-the-reporter", "carol-the-other");
        view.names = Some(crate::vault::Names {
            reporter: waxseal_reporting::AccountId::new(reporter).unwrap(),
            participants: vec![(1, waxseal_reporting::AccountId::new(other).unwrap())],
        });
        view.note = format!("I am {reporter}, and {other} saw it.").into();
        let body = make(form, &facts, &settings(), &fields_of(form), at(48)).unwrap();
        let text = String::from_utf8(body).unwrap();
        let key = "07".repeat(16);
        for secret in [
            reporter, other, &key, "0b0b0b0b", "cacacaca", "01020304", "16909060",
        ] {
            assert!(!text.contains(secret), "{form:?} {secret}");
        }
    }
}

#[test]
fn chk685_each_missing_part_is_named() {
    let refused = |form, change: &dyn Fn(&mut CaseFacts, &mut Settings, &mut BTreeMap<_, _>)| {
        let (mut facts, mut settings) = (facts(reason_of(form)), settings());
        let mut fields = fields_of(form);
        change(&mut facts, &mut settings, &mut fields);
        make(form, &facts, &settings, &fields, at(48)).unwrap_err()
    };
    let missing = |field| ExportError::Missing { field };
    for form in [
        Form::CoopReport,
        Form::CoopAppeal,
        Form::Osprey,
        Form::Webhook,
    ] {
        let error = refused(form, &|facts, _, _| facts.account = None);
        assert_eq!(error, missing("account"));
    }
    for form in [Form::CoopReport, Form::CoopAppeal] {
        let error = refused(form, &|_, settings, _| settings.coop = None);
        assert_eq!(error, missing("settings of coop"));
        let error = refused(form, &|_, settings, _| {
            settings.coop.as_mut().unwrap().user_type.clear();
        });
        assert_eq!(error, missing("user type"));
        let error = refused(form, &|_, settings, _| {
            settings.coop.as_mut().unwrap().message_type.clear();
        });
        assert_eq!(error, missing("message type"));
        let error = refused(form, &|_, settings, _| {
            settings.coop.as_mut().unwrap().conversation_type.clear();
        });
        assert_eq!(error, missing("conversation type"));
    }
    let error = refused(Form::CyberTip, &|_, settings, _| settings.ncmec = None);
    assert_eq!(error, missing("settings of ncmec"));
    let error = refused(Form::CoopReport, &|facts, _, _| {
        facts.reports[0].reporter = None
    });
    assert_eq!(error, missing("reporter"));
    let error = refused(Form::CoopReport, &|facts, _, _| facts.reports.clear());
    assert_eq!(error, missing("report"));
    let error = refused(Form::Osprey, &|facts, _, _| facts.reports.clear());
    assert_eq!(error, missing("reports"));
    for form in [Form::CoopAppeal, Form::Dsa] {
        let error = refused(form, &|facts, _, _| facts.decision = None);
        assert_eq!(error, missing("decision"));
    }
    for form in Form::ALL {
        let error = refused(form, &|_, _, fields| {
            fields.insert("typo".into(), "x".into());
        });
        assert_eq!(error, ExportError::UnknownField);
    }
}

#[test]
fn chk686_what_leaves_fits_the_outbox() {
    let mut facts = facts(Reason::Scam);
    let mut decision = facts.decision.take().unwrap();
    let max = crate::store::limits::MAX_EXPORT_LEN;
    let body = |decision, facts: &mut CaseFacts| {
        facts.decision = Some(decision);
        make(Form::Webhook, facts, &settings(), &BTreeMap::new(), at(1))
    };
    decision.statement = "x".into();
    let len = body(decision, &mut facts).unwrap().len();
    for more in [0, 1] {
        let mut decision = facts.decision.take().unwrap();
        decision.statement = "x".repeat(max - len + 1 + more);
        match body(decision, &mut facts) {
            Ok(body) => assert_eq!((more, body.len()), (0, max)),
            Err(error) => {
                assert_eq!(more, 1);
                assert_eq!(error, ExportError::TooLong { field: "body", max });
            }
        }
    }
}

#[test]
fn hostile_texts_stay_texts_in_every_form() {
    for text in hostile() {
        for form in Form::ALL {
            let mut facts = facts(reason_of(form));
            let view = facts.reports[0].view.as_mut().unwrap();
            view.note = text.clone().into();
            for message in &mut view.messages {
                message.content = Some(crate::vault::ViewedContent::Text(text.clone().into()));
            }
            let decision = facts.decision.as_mut().unwrap();
            if text.len() < 3_600 {
                decision.statement = text.chars().take(1_000).collect();
                decision.rule = text.chars().take(250).collect();
            }
            facts.appeals[0].text = Some(text.clone());
            let body = make(form, &facts, &settings(), &fields_of(form), at(48)).unwrap();
            assert_valid(form, &body);
            let lines = body.iter().filter(|byte| **byte == b'\n').count();
            let expected = if form == Form::Osprey { 2 } else { 0 };
            assert_eq!(lines, expected, "{form:?}");
        }
    }
}

#[test]
fn content_is_read_as_it_was_written() {
    let shown = |id| ShownReport {
        report: waxseal_reporting::intake::ReportId::from_bytes([id; 16]),
        view: view(Reason::Scam),
    };
    assert!(decode_content(&encode_content(&[])).unwrap().is_empty());
    let bytes = encode_content(&[shown(1), shown(2)]);
    let read = decode_content(&bytes).unwrap();
    assert_eq!(read.len(), 2);
    assert!(read.iter().all(|one| one.view == view(Reason::Scam)));
    for len in 1..bytes.len() {
        assert!(decode_content(&bytes[..len]).is_err(), "{len}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(decode_content(&longer).is_err());
    assert!(decode_content(&[1, 0]).is_err());
    assert!(decode_content(&encode_content(&[shown(1), shown(1)])).is_err());
    assert!(decode_content(&vec![1; MAX_CONTENT_LEN + 1]).is_err());
}

#[test]
fn a_schema_refuses_what_lacks_a_part_or_has_another_one() {
    for form in Form::ALL {
        let schema = schema_of(form);
        let body = make_one(form);
        let line = body.split(|byte| *byte == b'\n').next().unwrap();
        let good: Value = serde_json::from_slice(line).unwrap();
        for name in schema["required"].as_array().unwrap() {
            let mut bad = good.clone();
            bad.as_object_mut().unwrap().remove(name.as_str().unwrap());
            assert!(problem(&schema, &bad).is_some(), "{form:?} {name}");
        }
        let mut bad = good.clone();
        bad["more"] = Value::Null;
        assert!(problem(&schema, &bad).is_some());
    }
}
