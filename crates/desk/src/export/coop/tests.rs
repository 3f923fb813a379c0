use super::*;
use crate::export::tests::{assert_valid, facts, fields, problem, schema_of, settings, view};
use crate::export::{Form, invalid, missing};
use waxseal_log::tree::TreeHash;

use crate::vault::{Participant, Reference, ViewedContent};

fn coop() -> CoopSettings {
    settings().coop.unwrap()
}

fn reported(facts: &CaseFacts, pairs: &[(&str, &str)]) -> Result<Value, ExportError> {
    let body = report(facts, &coop(), &fields(pairs))?;
    assert_valid(Form::CoopReport, &body);
    Ok(serde_json::from_slice(&body).unwrap())
}

fn appealed(facts: &CaseFacts, settings: &CoopSettings) -> Result<Value, ExportError> {
    let named = fields(&[("appeal", &"a1".repeat(32))]);
    let body = appeal(facts, settings, &named)?;
    assert_valid(Form::CoopAppeal, &body);
    Ok(serde_json::from_slice(&body).unwrap())
}

#[test]
fn without_messages_the_account_is_the_reported_item() {
    let mut facts = facts(Reason::Scam);
    facts.reports[0].view = None;
    let body = reported(&facts, &[]).unwrap();
    assert_eq!(body["reportedItem"]["typeId"], "t-user");
    assert_eq!(body["reportedForReason"]["reason"], "scam");
    assert!(body.get("reportedItemThread").is_none());
    assert!(body.get("additionalItems").is_none());
    // Messages of others alone are context.
    let mut view = view(Reason::Scam);
    view.messages.remove(0);
    view.messages.truncate(1);
    view.note.clear();
    facts.reports[0].view = Some(view);
    let body = reported(&facts, &[]).unwrap();
    assert_eq!(body["reportedItem"]["id"], "mallory");
    assert_eq!(body["reportedForReason"]["reason"], "scam");
    assert_eq!(body["reportedItemThread"].as_array().unwrap().len(), 1);
    assert!(body.get("reportedItemsInThread").is_none());
}

#[test]
fn the_note_goes_along_only_if_the_officer_says_so() {
    let facts = facts(Reason::Scam);
    let reason = |pairs: &[(&str, &str)]| {
        let body = reported(&facts, pairs)?;
        Ok(body["reportedForReason"]["reason"].clone())
    };
    assert_eq!(reason(&[]), Ok(json!("scam")));
    assert_eq!(reason(&[("note", "no")]), Ok(json!("scam")));
    let with_note = json!("scam: He asks for my code.");
    assert_eq!(reason(&[("note", "yes")]), Ok(with_note));
    assert_eq!(reason(&[("note", "maybe")]), Err(invalid("note")));
}

/// Source: ROOST Coop, `submitReport.ts`: a report with another kind of item there gets 400.
#[test]
fn only_messages_are_items_besides_the_reported_one() {
    let facts = facts(Reason::Scam);
    let body = reported(&facts, &[]).unwrap();
    assert!(body.get("additionalItems").is_none());
    let thread = body["reportedItemThread"].as_array().unwrap();
    assert_eq!(thread.len(), 3);
    assert!(thread.iter().all(|item| item["typeId"] == "t-message"));
    // The schema refuses an account there.
    let schema = schema_of(Form::CoopReport);
    for place in ["additionalItems", "reportedItemThread"] {
        let mut bad = body.clone();
        bad[place] = json!([user(&facts.account.clone().unwrap(), &coop())]);
        assert!(problem(&schema, &bad).is_some(), "{place}");
    }
}

#[test]
fn a_case_with_several_reports_needs_the_name_of_one() {
    let mut facts = facts(Reason::Scam);
    let mut more = facts_of_other();
    facts.reports.append(&mut more);
    assert_eq!(reported(&facts, &[]), Err(missing("report")));
    let body = reported(&facts, &[("report", &"2d".repeat(16))]).unwrap();
    assert_eq!(body["reportedItem"]["typeId"], "t-user");
    let unknown = [("report", "2d")];
    assert_eq!(reported(&facts, &unknown), Err(invalid("report")));
}

fn facts_of_other() -> Vec<ReportFacts> {
    let mut other = facts(Reason::Hate).reports;
    other[0].id = [0x2d; 16];
    other[0].view = None;
    other
}

#[test]
fn each_kind_of_content_is_told() {
    let mut facts = facts(Reason::Scam);
    let (of, text) = (Reference::NotInReport, || "new".to_owned().into());
    let kinds = [
        ("edit", Some(ViewedContent::Edit { of, text: text() }), true),
        ("deletion", Some(ViewedContent::Deletion { of }), false),
        (
            "reaction",
            Some(ViewedContent::Reaction {
                to: of,
                reaction: text(),
            }),
            true,
        ),
        (
            "application",
            Some(ViewedContent::Application {
                kind: "a/b".into(),
                body: vec![1].into(),
            }),
            false,
        ),
        (
            "unknown",
            Some(ViewedContent::Unknown {
                kind: 9,
                body: vec![1].into(),
            }),
            false,
        ),
        ("withheld", None, false),
    ];
    for (kind, content, has_text) in kinds {
        facts.reports[0].view.as_mut().unwrap().messages[2].content = content;
        let body = reported(&facts, &[]).unwrap();
        let data = &body["reportedItem"]["data"];
        assert_eq!(data["kind"], kind);
        assert_eq!(data.get("text").is_some(), has_text, "{kind}");
    }
}

#[test]
fn only_what_is_about_children_goes_to_the_queue_for_it() {
    for reason in Reason::ALL {
        let facts = facts(reason);
        let plain = reported(&facts, &[]).unwrap();
        let always = matches!(reason, Reason::Csam | Reason::Grooming);
        let csam = plain["reportedForReason"].get("csam");
        assert_eq!(csam, always.then_some(&json!(true)), "{reason}");
        let sometimes = matches!(
            reason,
            Reason::Sextortion | Reason::UnwantedSexual | Reason::Trafficking
        );
        match reported(&facts, &[("minor", "yes")]) {
            Ok(body) => {
                assert!(always || sometimes, "{reason}");
                assert_eq!(body["reportedForReason"]["csam"], true);
            }
            Err(error) => {
                assert!(!always && !sometimes, "{reason}");
                assert_eq!(error, invalid("minor"));
            }
        }
    }
}

#[test]
fn an_appeal_is_of_the_account_and_against_the_decision_that_stands() {
    let mut facts = facts(Reason::Scam);
    let settings = coop();
    appealed(&facts, &settings).unwrap();
    facts.appeals[0].text = None;
    facts.decision.as_mut().unwrap().reason = Reason::Hate;
    let body = appealed(&facts, &settings).unwrap();
    assert!(body.get("appealReason").is_none() && body.get("violatingPolicies").is_none());
    facts.decision.as_mut().unwrap().measure = Measure::Warning;
    let error = appealed(&facts, &settings).unwrap_err();
    assert_eq!(error, missing("actionsTaken"));
    facts.decision.as_mut().unwrap().measure = Measure::None;
    let body = appealed(&facts, &settings).unwrap();
    assert_eq!(body["actionsTaken"], json!([]));
    facts.decision.as_mut().unwrap().leaf_hash = [1; 32];
    assert_eq!(appealed(&facts, &settings), Err(missing("decision")));
    facts.appeals[0].by_account = false;
    assert_eq!(appealed(&facts, &settings), Err(missing("appealedBy")));
    facts.appeals.clear();
    assert_eq!(appealed(&facts, &settings), Err(invalid("appeal")));
    let none = appeal(&facts, &settings, &BTreeMap::new());
    assert_eq!(none, Err(missing("appeal")));
}

#[test]
fn participants_have_one_name_in_all_reports_of_a_case() {
    let mut facts = facts(Reason::Scam);
    facts.reports.extend(facts_of_other());
    let mut second = view(Reason::Hate);
    second.messages[0].sender = Participant::Number(0x0102_0304);
    facts.reports[1].view = Some(second);
    let one = reported(&facts, &[("report", &"1d".repeat(16))]).unwrap();
    let other = reported(&facts, &[("report", &"2d".repeat(16))]).unwrap();
    let sender = |body: &Value, at: usize| body["reportedItemThread"][at]["data"]["sender"].clone();
    assert_eq!(sender(&one, 1), sender(&other, 0));
    assert_ne!(sender(&one, 0), sender(&one, 1));
    let conversation = |body: &Value| body["reportedItem"]["data"]["conversation"].clone();
    assert_ne!(conversation(&one), conversation(&other));
}

fn action(change: impl Fn(&mut Value)) -> Result<Callback, CallbackError> {
    let mut body = json!({
        "item": { "id": format!("{}-2", "1d".repeat(16)), "typeId": "t-message", "typeName": "DM" },
        "action": { "id": "a-suspend" },
        "policies": [{ "id": "p", "name": "Fraud", "penalty": "HIGH" }],
        "rules": [],
        "custom": { "reason": "x" },
        "actorEmail": "moderator@provider.example",
    });
    change(&mut body);
    Callback::decode(body.to_string().as_bytes())
}

fn decided(change: impl Fn(&mut Value)) -> Result<Callback, CallbackError> {
    let mut body = json!({
        "appealId": "a1".repeat(32),
        "item": { "id": "mallory", "typeId": "t-user" },
        "appealedBy": { "id": "mallory", "typeId": "t-user" },
        "appealDecision": "ACCEPT",
        "custom": {},
    });
    change(&mut body);
    Callback::decode(body.to_string().as_bytes())
}

#[test]
fn chk692_only_callbacks_are_read() {
    let item = NamedItem::Message {
        report: [0x1d; 16],
        id: format!("{}-2", "1d".repeat(16)),
    };
    let expected = Callback::Action {
        item,
        action: "a-suspend".into(),
    };
    assert_eq!(action(|_| {}), Ok(expected));
    for id in [
        "mallory",
        "1d1d-2",
        "-",
        "",
        "1D1D1D1D1D1D1D1D1D1D1D1D1D1D1D1D-2",
    ] {
        let item = NamedItem::Other(id.to_owned());
        let read = action(|body| body["item"]["id"] = json!(id));
        assert!(matches!(read, Ok(Callback::Action { item: is, .. }) if is == item));
    }
    for name in ["item", "action", "policies"] {
        let read = action(|body| drop(body.as_object_mut().unwrap().remove(name)));
        assert_eq!(read, Err(CallbackError), "{name}");
        assert_eq!(action(|body| body[name] = json!(7)), Err(CallbackError));
    }
    let appeal = TreeHash::from_bytes([0xa1; 32]);
    for (word, granted) in [("ACCEPT", true), ("REJECT", false)] {
        let read = decided(|body| body["appealDecision"] = json!(word));
        assert_eq!(read, Ok(Callback::Appeal { appeal, granted }));
    }
    for name in ["item", "appealedBy", "appealDecision"] {
        let read = decided(|body| drop(body.as_object_mut().unwrap().remove(name)));
        assert_eq!(read, Err(CallbackError), "{name}");
    }
    let read = decided(|body| body["appealDecision"] = json!("accept"));
    assert_eq!(read, Err(CallbackError));
    assert_eq!(
        decided(|body| body["appealId"] = json!("a1")),
        Err(CallbackError)
    );
    for wrong in [&b""[..], b"[]", b"{}", b"{", b"\xff", b"null"] {
        assert_eq!(Callback::decode(wrong), Err(CallbackError));
    }
    let deep = "[".repeat(60_000);
    assert_eq!(Callback::decode(deep.as_bytes()), Err(CallbackError));
    let len = action_len();
    for more in [MAX_CALLBACK_LEN - len, MAX_CALLBACK_LEN - len + 1] {
        let read = action(|body| body["custom"]["reason"] = json!("x".repeat(1 + more)));
        assert_eq!(read.is_ok(), more == MAX_CALLBACK_LEN - len);
    }
}

fn action_len() -> usize {
    let len = std::cell::Cell::new(0);
    let _ = action(|body| len.set(body.to_string().len()));
    len.get()
}
