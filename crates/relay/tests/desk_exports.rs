//! Exports with the real programs: an officer opens a report, decides, and has the case exported; a
//! target of this machine gets it, also after a crash.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use office::targets::{export, export_with, set_up, target};
use office::{Office, code, wait_for};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::store::{EntryRow, Store as _};
use waxseal_log::entry::{Detail, Entry, Event, Kind, Measure, Purpose, ReasonCode, Target};
use waxseal_relay::desk::{DeskCode, DeskError, Exported, Exports, Hex};
use waxseal_reporting::reporter::Reason;

fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    body_of(body.as_bytes())
}

fn body_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn what_was_opened_is_exported_once_the_log_says_so() {
    let mut office = Office::new();
    let (url, requests) = target(&[201]);
    let coop = format!(
        "{{\"coop\": {{ \"url\": \"{url}\", \"key\": \"coop.key\", \"user_type\": \"u\", \
         \"conversation_type\": \"c\", \"message_type\": \"m\" }}, \"osprey\": {{}} }}"
    );
    set_up(&mut office, &coop);
    let reported = office
        .intake
        .report("mallory", "victim", &["your code?", "now!"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    let (id, report) = (case.case.id, case.reports[0].id);
    let officers = &office.officers;
    let (alice, bob) = (&officers.alice, &officers.bob);
    let grant = office.grant(bob, &case, Purpose::UserReport, None);
    office.ask(bob, &grant).unwrap();
    let view = office.open(bob, &grant, report).unwrap();
    // Alice was not shown the report, so she cannot let it go along.
    let foreign = export(&office, alice, id, Target::Coop, Some((report, &view)));
    assert_eq!(code(foreign), DeskCode::Refused);
    let unset = export(&office, bob, id, Target::Dsa, None);
    assert_eq!(code(unset), DeskCode::Incomplete);
    let made = export(&office, bob, id, Target::Coop, Some((report, &view))).unwrap();
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("POST /api/v1/report HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request
            .to_lowercase()
            .contains("x-api-key: the-api-key\r\n")
    );
    assert!(request.ends_with(std::str::from_utf8(&made.sent).unwrap()));
    let coop = body(&request);
    assert_eq!(coop["reportedItem"]["data"]["text"], "now!");
    assert!(!request.contains("victim"), "{request}");
    export(&office, bob, id, Target::Osprey, None).unwrap();
    let path = format!("/v1/exports?case={id}");
    let exports = wait_for(|| {
        let exports: Exports = office.get(bob, &path);
        let mut all = exports.exports.iter();
        all.all(|one| one.taken_at_ms.is_some()).then_some(exports)
    });
    assert_eq!(exports.exports.len(), 2);
    assert_eq!(exports.exports[1].id, made.id);
    assert_eq!(exports.exports[1].officer, Hex(*bob.id().as_bytes()));
    office.desk().stop();
    office.audit();
}

/// Asserts that the newest entry of this kind is about exactly these bytes.
fn is_logged(office: &Office, sent: &[u8], target: Target) {
    let store = office.desk_store();
    let entries = store.entries(0, 1_000).unwrap();
    let row = entries
        .iter()
        .rfind(|row| row.kind == Kind::Exported.number())
        .unwrap();
    let entry = Entry::decode(&row.entry).unwrap();
    assert_eq!(entry.event, Event::Exported { target });
    let digest = Sha256::new()
        .chain_update("waxseal/desk/1/export")
        .chain_update(sent)
        .finalize();
    assert_eq!(row.detail.as_deref(), Some(digest.as_slice()));
    let detail = Detail::from_parts(row.salt.unwrap(), digest.to_vec()).unwrap();
    assert!(entry.is_about(&detail));
}

/// How many exports the log has.
fn logged(office: &Office) -> usize {
    let entries = office.desk_store().entries(0, 1_000).unwrap();
    let exported = |row: &&EntryRow| row.kind == Kind::Exported.number();
    entries.iter().filter(exported).count()
}

/// An export that something required is missing for: nothing leaves, and nothing is logged.
fn is_incomplete(office: &Office, refused: Result<Exported, DeskError>, missing: &str) {
    let error = refused.unwrap_err();
    let said = error.to_string();
    assert!(said.contains(missing), "{said}");
    assert_eq!(code::<()>(Err(error)), DeskCode::Incomplete);
    assert_eq!(logged(office), 0);
}

#[test]
fn a_cybertip_is_refused_without_what_it_needs_and_is_written_as_it_was_logged() {
    let mut office = Office::new();
    let ncmec =
        r#"{"ncmec": { "esp_service": "Example Messages", "email": "s@provider.example" }}"#;
    set_up(&mut office, ncmec);
    let texts = ["how old are you?", "send me a photo"];
    let reported = office.intake.report("mallory", "victim", &texts);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    let (id, report) = (case.case.id, case.reports[0].id);
    let bob = &office.officers.bob;
    let grant = office.grant(bob, &case, Purpose::UserReport, None);
    office.ask(bob, &grant).unwrap();
    let view = office.open(bob, &grant, report).unwrap();
    let ask = |fields: &[_], shown| export_with(&office, bob, (id, Target::Ncmec), fields, shown);
    let shown = Some((report, &view));
    // The reason that the vault told is not about children, and no messages go along.
    is_incomplete(&office, ask(&[], shown), "reason");
    let mut decision = office.decision(id, Measure::Terminated);
    decision.reason = ReasonCode::from_number(Reason::Grooming.number()).unwrap();
    office.act(bob, &decision).unwrap();
    is_incomplete(&office, ask(&[], None), "content");
    is_incomplete(&office, ask(&[("ip_event", "Login")], shown), "ip_address");
    is_incomplete(&office, ask(&[("ip_address", "here")], shown), "ip_address");
    // Messages that were not shown do not go along either.
    let alice = &office.officers.alice;
    let foreign = export(&office, alice, id, Target::Ncmec, shown);
    assert_eq!(code(foreign), DeskCode::Refused);
    let folder = office.dir.path().join("desk/outbox");
    assert!(!folder.exists());

    let made = ask(
        &[("screen_name", "mal"), ("ip_address", "192.0.2.7")],
        shown,
    )
    .unwrap();
    is_logged(&office, &made.sent, Target::Ncmec);
    wait_for(|| {
        let exports: Exports = office.get(bob, "/v1/exports");
        exports.exports[0].taken_at_ms
    });
    let read = |end: &str| std::fs::read(folder.join(format!("cybertip-{}.{end}", made.id)));
    assert_eq!(read("json").unwrap(), *made.sent);
    let xml = String::from_utf8(read("xml").unwrap()).unwrap();
    assert_eq!(body_of(&made.sent)["report"], xml);
    for text in [
        "<incidentType>Online Enticement of Children for Sexual Acts</incidentType>",
        "send me a photo",
        "<espIdentifier>mallory</espIdentifier>",
        "<ipAddress>192.0.2.7</ipAddress>",
        "<accountPermanentlyDisabled>true</accountPermanentlyDisabled>",
    ] {
        assert!(xml.contains(text), "{text} is not in {xml}");
    }
    assert!(!xml.contains("victim"), "{xml}");
    let names = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!((names, logged(&office)), (2, 1));
    assert!(office.desk().stop());
    office.audit();
}

#[test]
fn a_statement_of_reasons_is_refused_without_what_it_needs_and_is_sent_as_it_was_logged() {
    let mut office = Office::new();
    let (url, requests) = target(&[201]);
    let dsa = format!("{{\"dsa\": {{ \"url\": \"{url}\", \"key\": \"dsa.key\" }} }}");
    set_up(&mut office, &dsa);
    let reported = office.intake.report("mallory", "victim", &["your code?"]);
    office.bring(&reported.encoded).unwrap();
    let id = office.case_about("mallory").case.id;
    let alice = OfficerKey::from_seed(office.officers.alice.seed());
    let complete = [
        ("ground", "incompatible"),
        ("decision_facts", "The account asked others for codes."),
        ("content_type", "TEXT"),
        ("source_type", "SOURCE_ARTICLE_16"),
        ("content_date", "2027-01-15"),
    ];
    let ask = |fields: &[_]| export_with(&office, &alice, (id, Target::Dsa), fields, None);
    is_incomplete(&office, ask(&complete), "decision");
    office
        .act(&alice, &office.decision(id, Measure::Suspended))
        .unwrap();
    for (without, (name, _)) in complete.iter().enumerate() {
        let mut fields = complete.to_vec();
        fields.remove(without);
        is_incomplete(&office, ask(&fields), name);
    }
    let mut named = complete;
    named[1].1 = "Mallory asked others for codes.";
    is_incomplete(&office, ask(&named), "decision_facts");
    assert!(requests.try_recv().is_err());

    let made = ask(&complete).unwrap();
    is_logged(&office, &made.sent, Target::Dsa);
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("POST /api/v1/statement HTTP/1.1\r\n"),
        "{request}"
    );
    let lower = request.to_lowercase();
    assert!(
        lower.contains("authorization: bearer the-token\r\n"),
        "{request}"
    );
    assert!(lower.contains(&format!("idempotency-key: {}\r\n", made.id)));
    let (_, sent) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(sent.as_bytes(), made.sent);
    assert_eq!(
        body(&request)["decision_account"],
        "DECISION_ACCOUNT_SUSPENDED"
    );
    for name in ["mallory", "victim"] {
        assert!(!lower.contains(name), "{request}");
    }
    // The database takes one for a decision.
    let again = ask(&complete).unwrap_err().to_string();
    assert!(
        again.contains("a statement of reasons for this decision"),
        "{again}"
    );
    assert_eq!(logged(&office), 1);
    assert!(office.desk().stop());
    office.audit();
}

#[test]
fn an_export_that_was_not_taken_survives_a_crash() {
    let mut office = Office::new();
    let (url, requests) = target(&[503]);
    let webhook = format!("{{\"webhook\": {{ \"url\": \"{url}/a\", \"key\": \"webhook.key\" }} }}");
    set_up(&mut office, &webhook);
    let reported = office.intake.report("mallory", "victim", &["your code?"]);
    office.bring(&reported.encoded).unwrap();
    let id = office.case_about("mallory").case.id;
    let decision = office.decision(id, Measure::Suspended);
    office.act(&office.officers.alice, &decision).unwrap();
    let alice = OfficerKey::from_seed(office.officers.alice.seed());
    let made = export(&office, &alice, id, Target::Webhook, None).unwrap();
    let first = requests.recv().unwrap();
    wait_for(|| {
        let exports: Exports = office.get(&alice, "/v1/exports");
        (exports.exports[0].tries == 1).then_some(())
    });
    office.desk().kill();
    // The pause of a minute is over.
    let store = rusqlite::Connection::open(office.dir.path().join("desk/desk.sqlite")).unwrap();
    let due = "UPDATE exports SET next_try_at_ms = 0";
    assert_eq!(store.execute(due, []).unwrap(), 1);
    drop(store);
    office.start();
    let second = requests.recv().unwrap();
    assert_eq!(body(&first), body(&second));
    assert!(second.ends_with(std::str::from_utf8(&made.sent).unwrap()));
    let key = format!("idempotency-key: {}\r\n", made.id);
    assert!(first.to_lowercase().contains(&key) && second.to_lowercase().contains(&key));
    let taken = wait_for(|| {
        let exports: Exports = office.get(&alice, "/v1/exports");
        exports.exports[0].taken_at_ms
    });
    assert!(taken > 0);
    assert_eq!(body(&second)["decision"]["measure"], "suspended");
    office.desk().stop();
    office.audit();
}
