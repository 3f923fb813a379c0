use super::*;
use crate::export::tests::{assert_valid, at, facts};
use crate::export::{Form, ReportFacts};
use crate::vault::ViewedContent;
use serde_json::Value;
use waxseal_reporting::reporter::Reason;

fn lines(facts: &CaseFacts) -> Vec<Value> {
    let body = actions(facts, &BTreeMap::new(), at(48)).unwrap();
    assert_valid(Form::Osprey, &body);
    let text = String::from_utf8(body).unwrap();
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn chk690_no_text_of_a_report_is_in_an_action() {
    let mut facts = facts(Reason::Scam);
    let secret = "a text that someone wrote";
    let view = facts.reports[0].view.as_mut().unwrap();
    view.note = secret.to_owned().into();
    for message in &mut view.messages {
        message.content = Some(ViewedContent::Text(secret.to_owned().into()));
    }
    let decision = facts.decision.as_mut().unwrap();
    (decision.rule, decision.statement) = (secret.into(), secret.into());
    facts.appeals[0].text = Some(secret.into());
    let body = actions(&facts, &BTreeMap::new(), at(48)).unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(!text.contains(secret) && !text.contains("IMG_1"), "{text}");
}

#[test]
fn identifiers_are_integers_of_63_bits_that_stay_the_same() {
    let mut facts = facts(Reason::Scam);
    let more = (0..200).map(|n| ReportFacts {
        id: [[n; 8], [1; 8]].concat().try_into().unwrap(),
        received_at: at(6),
        reason: Reason::Scam,
        blobs: Vec::new(),
        fetched: Default::default(),
        reporter: None,
        view: None,
    });
    facts.reports.extend(more);
    let ids = |facts: &CaseFacts| {
        let ids = lines(facts).into_iter();
        ids.map(|line| line["data"]["action_id"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let first = ids(&facts);
    assert_eq!(first, ids(&facts));
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert_eq!(distinct.len(), 202);
    assert!(first.iter().all(|id| i64::try_from(*id).is_ok()));
}

#[test]
fn a_case_without_a_decision_has_no_line_for_one() {
    let mut facts = facts(Reason::Csam);
    facts.decision = None;
    facts.reports[0].reporter = None;
    let lines = lines(&facts);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["data"]["action_name"], "dm_report_verified");
    assert_eq!(lines[0]["data"]["data"]["severity"], 4);
    assert!(lines[0]["data"]["data"].get("reporter").is_none());
}
