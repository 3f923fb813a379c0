//! The life of reports at a desk, with the real programs: desk, vault, and the outsiders' command.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use std::process::Command;

use office::raw::Raw;
use office::{Office, code, grant_id, on_appeal, wait_for, waxseal_desk};
use waxseal_desk::vault::{View, ViewedContent, digest_of};
use waxseal_log::entry::{AppealOutcome, Measure, Purpose};
use waxseal_log::promise::Promise;
use waxseal_log::receipt::{Expected, Receipt};
use waxseal_log::report::ReportDigest;
use waxseal_postgres::Server;
use waxseal_relay::desk::{
    AppealFiled, Appeals, CaseDetail, DeskCode, Entries, FileAppeal, Grants, Hex, NoticeSent,
    Notices, RefusedReport, Transparency, read_json,
};

fn texts(view: &View) -> Vec<String> {
    let content = view
        .messages
        .iter()
        .filter_map(|message| message.content.as_ref());
    let text = |content: &ViewedContent| match content {
        ViewedContent::Text(text) => text.to_string(),
        _ => String::new(),
    };
    content.map(text).collect()
}

#[test]
fn a_report_goes_from_the_intake_to_the_end_of_its_appeal() {
    life_of_a_report(Office::new());
}

#[test]
fn a_report_goes_from_the_intake_to_the_end_of_its_appeal_over_postgresql() {
    if let Some(server) = Server::shared() {
        life_of_a_report(Office::over(server.database()));
    }
}

fn life_of_a_report(mut office: Office) {
    let officers = &office.officers;
    let (alice, bob, carol) = (&officers.alice, &officers.bob, &officers.carol);

    // Intake: a promise, and the same one again.
    let reported = office
        .intake
        .report("mallory", "victim", &["your code?", "now!"]);
    let promise = office.bring(&reported.encoded).unwrap();
    assert_eq!(office.bring(&reported.encoded).unwrap(), promise);
    let digest = digest_of(reported.accepted.report());
    let promised = Promise::decode(&promise).unwrap();
    let promised = promised.verify(office.keys.log(), &digest, office::now().as_millis());
    let promised = promised.unwrap();
    let refused = RefusedReport {
        digest: Hex([9; 32]),
        check: 74,
    };
    let refused = office.relay_post("/v1/intake/refused", &refused).unwrap();
    assert!(Promise::decode(&refused).is_ok());

    // Sorted into a case, which alice takes. Bob cannot take it then.
    let case = office.case_about("mallory");
    let (id, report) = (case.case.id, case.reports[0].id);
    assert_eq!(report, Hex(*reported.accepted.id().as_bytes()));
    assert_eq!((case.case.reports, case.reports[0].messages), (1, 2));
    office.take(alice, id).unwrap();
    assert_eq!(code(office.take(bob, id)), DeskCode::Conflict);

    // One person opens what was reported. The witness and the vault have the entry before.
    let grant = office.grant(alice, &case, Purpose::UserReport, None);
    office.ask(alice, &grant).unwrap();
    let view = office.open(alice, &grant, report).unwrap();
    assert_eq!(texts(&view), ["your code?", "now!"]);
    assert_eq!(view.reported.as_ref().unwrap().as_str(), "mallory");

    // Two persons identify.
    let grant = office.grant(bob, &case, Purpose::Identify, Some(carol));
    office.ask(bob, &grant).unwrap();
    let waiting: Grants = office.get(alice, "/v1/grants?list=requested");
    assert_eq!(waiting.grants[0].id, grant_id(&grant));
    assert_eq!(
        waiting.grants[0].approver,
        Some(Hex(*carol.id().as_bytes()))
    );
    assert_eq!(code(office.open(bob, &grant, report)), DeskCode::Refused);
    assert_eq!(code(office.approve(bob, &grant)), DeskCode::Refused);
    assert_eq!(code(office.approve(alice, &grant)), DeskCode::Refused);
    office.approve(carol, &grant).unwrap();
    let view = office.open(bob, &grant, report).unwrap();
    assert!(view.names.is_some());

    // Decided by alice, who has the case.
    let decision = office.decision(id, Measure::Suspended);
    assert_eq!(code(office.act(bob, &decision)), DeskCode::Conflict);
    let decided = office.act(alice, &decision).unwrap().leaf.unwrap();
    assert_eq!(code(office.act(alice, &decision)), DeskCode::Conflict);

    // Both sides are told, by the relay.
    let notices: Notices = read_json(&office.relay_get("/v1/notices").unwrap()).unwrap();
    let told: Vec<_> = notices
        .notices
        .iter()
        .map(|notice| notice.accounts.clone())
        .collect();
    assert_eq!(told, [["victim"], ["mallory"]]);
    assert_eq!(notices.notices[0].reports, [report]);
    for side in [1, 2, 2] {
        let sent = NoticeSent {
            decision: decided,
            side,
        };
        office.relay_post("/v1/notices/sent", &sent).unwrap();
    }
    let notices: Notices = read_json(&office.relay_get("/v1/notices").unwrap()).unwrap();
    assert_eq!(notices.notices, []);

    // The account appeals, and carol, who approved a grant, cannot decide it. Bob can.
    let appeals = format!("/v1/decisions/{decided}/appeals");
    let appeal = |account: &str, side, report| FileAppeal {
        side,
        account: account.to_owned(),
        report,
        text: "It was a joke.".to_owned(),
    };
    for (account, side, report) in [
        ("victim", 2, None),
        ("mallory", 1, Some(report)),
        ("victim", 1, Some(Hex([0; 16]))),
    ] {
        let refused = office.relay_post(&appeals, &appeal(account, side, report));
        assert_eq!(code(refused), DeskCode::NotFound, "{account}");
    }
    let filed = office
        .relay_post(&appeals, &appeal("mallory", 2, None))
        .unwrap();
    let filed: AppealFiled = read_json(&filed).unwrap();
    // The same one again has the same answer, and another one is refused.
    let again = office
        .relay_post(&appeals, &appeal("mallory", 2, None))
        .unwrap();
    assert_eq!(read_json::<AppealFiled>(&again).unwrap(), filed);
    let mut another = appeal("mallory", 2, None);
    another.text.push('!');
    let another = office.relay_post(&appeals, &another);
    assert_eq!(code(another), DeskCode::Refused);
    let waiting: Appeals = office.get(alice, "/v1/appeals");
    assert_eq!(waiting.appeals[0].leaf, filed.leaf);
    assert_eq!(waiting.appeals[0].text.as_deref(), Some("It was a joke."));
    let upheld = on_appeal(filed.leaf, AppealOutcome::Upheld);
    assert_eq!(code(office.act(carol, &upheld)), DeskCode::Refused);
    office.act(bob, &upheld).unwrap();
    assert_eq!(code(office.act(bob, &upheld)), DeskCode::Conflict);

    // Receipts for both sides.
    office.settled();
    let receipt = office
        .relay_get(&format!("/v1/reports/{report}/receipt"))
        .unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let told = receipt.verify(&office.keys, Expected::Report { promise: &promised });
    let told = told.unwrap();
    assert_eq!((told.openings.len(), told.decisions.len()), (2, 1));
    assert_eq!(told.contradictions, []);
    let path = format!("/v1/decisions/{decided}/receipt?account=mallory");
    let receipt = office.relay_get(&path).unwrap();
    let receipt = Receipt::decode(&receipt).unwrap();
    let expected = Expected::Account {
        account: b"mallory",
    };
    let told = receipt.verify(&office.keys, expected).unwrap();
    // The appeal, and its decision.
    assert_eq!((told.decisions.len(), told.appeals.len()), (1, 2));

    // What officers see of the log, and the numbers of the day.
    let entries: Entries = office.get(alice, &format!("/v1/log?number={id}"));
    let kinds: Vec<_> = entries
        .entries
        .iter()
        .map(|entry| entry.kind.as_str())
        .collect();
    let expected = [
        "decision",
        "notice_sent",
        "notice_sent",
        "appeal_filed",
        "appeal_decided",
    ];
    assert_eq!(kinds, expected);
    let today = office::now().as_millis() / 86_400_000;
    let path = format!("/v1/transparency?from={today}&to={today}");
    let report: Transparency = office.get(alice, &path);
    assert_eq!(report.series[0].openings, 2);
    assert_eq!(report.series[0].decisions, 1);
    assert!(report.csv.contains("identify"), "{}", report.csv);

    // Everyone can check the published log. The server adds to it when it starts.
    let size = office.settled().log_size;
    assert!(office.desk().stop());
    office.start();
    let folder = office.dir.path().join("desk/public");
    wait_for(|| {
        let newest = std::fs::read_to_string(folder.join("checkpoint")).ok()?;
        let published: u64 = newest.lines().nth(1)?.parse().ok()?;
        (published >= size).then_some(())
    });
    let mut verify = Command::new(waxseal_desk());
    verify.args(["verify-log", "desk/public", "--keys", "keys"]);
    let said = office::good(&mut verify, office.dir.path());
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("nothing is wrong"), "{said}");
    assert_eq!(
        office.plain_get("/log/keys").body,
        office.keys.to_string().into_bytes()
    );
    let metrics = office.metrics();
    assert!(metrics.contains("waxseal_desk_log_entries"));
    // Those who reach the desk do not get them.
    assert_eq!(office.plain_get("/metrics").status, 404);
    for secret in ["mallory", "victim", &id.to_string(), &decided.to_string()] {
        assert!(!metrics.contains(secret), "{metrics}");
    }
    wait_for(|| (office.plain_get("/readyz").status == 200).then_some(()));
    office.stop_vault();
    wait_for(|| (office.plain_get("/readyz").status == 503).then_some(()));
    assert_eq!(office.plain_get("/healthz").status, 200);
}

#[test]
fn chk628_only_the_account_that_was_decided_against_gets_its_receipt() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory").case.id;
    let decision = office.decision(case, Measure::Warning);
    let decided = office.act(&office.officers.bob, &decision).unwrap();
    let decided = decided.leaf.unwrap();
    office.settled();
    let receipt = |leaf: Hex<32>, account: &str| {
        office.relay_get(&format!("/v1/decisions/{leaf}/receipt?account={account}"))
    };
    for account in ["victim", "mallor", "mallory2"] {
        assert_eq!(code(receipt(decided, account)), DeskCode::NotFound);
    }
    assert_eq!(code(receipt(Hex([1; 32]), "mallory")), DeskCode::NotFound);
    for account in ["", "%", "%zz", "%ff"] {
        assert_eq!(code(receipt(decided, account)), DeskCode::Malformed);
    }
    let receipt = receipt(decided, "mall%6Fry").unwrap();
    assert!(Receipt::decode(&receipt).is_ok());
}

#[test]
fn chk667_the_desk_shows_by_a_digest_only_what_the_intake_refused() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let digest = ReportDigest::of(b"a report that the intake refuses");
    let refused = RefusedReport {
        digest: Hex(*digest.as_bytes()),
        check: 74,
    };
    let promise = office.relay_post("/v1/intake/refused", &refused).unwrap();
    office.case_about("mallory");
    office.settled();
    let receipt = |digest: &ReportDigest| {
        let digest = Hex(*digest.as_bytes());
        office.relay_get(&format!("/v1/refused/{digest}/receipt"))
    };
    let shown = Receipt::decode(&receipt(&digest).unwrap()).unwrap();
    let promised = Promise::decode(&promise).unwrap();
    let now = office::now().as_millis();
    let promised = promised.verify(office.keys.log(), &digest, now).unwrap();
    assert_eq!(promised.rejected(), Some(74));
    let expected = Expected::Report { promise: &promised };
    // The entry comes after the end of the day.
    let told = shown.verify(&office.keys, expected).unwrap();
    assert_eq!((told.rejected, told.contradictions), (None, vec![]));
    // Neither the number, which the log tells, nor the digest of a report that was taken.
    let number = Hex(*digest.number().as_bytes());
    let by_number = office.relay_get(&format!("/v1/reports/{number}/receipt"));
    assert_eq!(code(by_number), DeskCode::NotFound);
    let taken = digest_of(reported.accepted.report());
    for other in [taken, ReportDigest::of(b"another report")] {
        assert_eq!(code(receipt(&other)), DeskCode::NotFound);
    }
}

#[test]
fn chk631_no_path_leaves_the_public_folder() {
    let office = Office::new();
    wait_for(|| (office.plain_get("/log/keys").status == 200).then_some(()));
    let public = office.dir.path().join("desk/public");
    std::fs::write(public.join("checkpoint.part"), "half").unwrap();
    std::fs::write(public.join(".hidden"), "mine").unwrap();
    for path in [
        "/log/../log.key",
        "/log/..%2flog.key",
        "/log/%2e%2e/log.key",
        "/log/%2e%2e%2flog.key",
        "/log/tile/..%2f..%2f..%2flog.key",
        "/log//etc/passwd",
        "/log/%2fetc/passwd",
        "/log/keys%00",
        "/log/.",
        "/log/",
        "/log/.hidden",
        "/log/checkpoint.part",
        "/log/tile",
        "/log/tile/entries/999",
    ] {
        assert_eq!(office.plain_get(path).status, 404, "{path}");
    }
}

#[test]
fn a_case_shows_all_of_its_reports_page_by_page() {
    let office = Office::new();
    for number in 0..52 {
        let reporter = format!("victim-{number}");
        let reported = office.intake.report("mallory", &reporter, &["now"]);
        office.bring(&reported.encoded).unwrap();
    }
    let first = wait_for(|| {
        let case = office.case_about("mallory");
        (case.case.reports == 52).then_some(case)
    });
    let (alice, id) = (&office.officers.alice, first.case.id);
    let path = |after| format!("/v1/cases/{id}?reports_after={after}");
    let second: CaseDetail = office.get(alice, &path(first.reports_next.unwrap()));
    assert_eq!((first.reports.len(), second.reports.len()), (50, 2));
    assert_eq!(second.reports_next, None);
    let all = first.reports.iter().chain(&second.reports);
    let all: std::collections::BTreeSet<_> = all.map(|report| report.id.0).collect();
    assert_eq!(all.len(), 52);
    // What a grant names is on each page.
    let grant = office.grant(alice, &second, Purpose::UserReport, None);
    office.ask(alice, &grant).unwrap();
    assert_eq!(office.case(id).granted, second.reports);
    let again: CaseDetail = office.get(alice, &path(first.reports_next.unwrap()));
    assert_eq!(again.granted, []);
    let bad = format!("/v1/cases/{id}?reports_after=00");
    assert_eq!(Raw::get(alice, &bad).send(&office).0, 400);
}

#[test]
fn the_log_is_counted_once_until_it_has_further_entries() {
    let office = Office::new();
    let alice = &office.officers.alice;
    let today = office::now().as_millis() / 86_400_000;
    let path = |from: u64| format!("/v1/transparency?from={from}&to={}", today + 1);
    let counted = || office.get::<Transparency>(alice, &path(today));
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory").case.id;
    let size = office.settled().log_size;
    let first = counted();
    assert_eq!(first.log_size, size);
    let decisions =
        |counted: &Transparency| -> u32 { counted.series.iter().map(|day| day.decisions).sum() };
    assert_eq!(decisions(&first), 0);

    // An entry that cannot be read shows whether the log is read.
    let store = rusqlite::Connection::open(office.dir.path().join("desk/desk.sqlite")).unwrap();
    let entry = "SELECT entry FROM entries WHERE log_index = 0";
    let entry: Vec<u8> = store.query_row(entry, [], |row| row.get(0)).unwrap();
    let put = |bytes: &[u8]| {
        let put = "UPDATE entries SET entry = ? WHERE log_index = 0";
        assert_eq!(store.execute(put, [bytes]).unwrap(), 1);
    };
    put(b"damaged");
    assert_eq!(counted(), first);
    let client = office.client();
    let other = client.get(alice, &path(today - 1), office::now(), &mut rand::rng());
    assert_eq!(code(other), DeskCode::Busy);
    put(&entry);
    let before: Transparency = office.get(alice, &path(today - 1));
    assert_eq!((before.from, before.log_size), (today as u32 - 1, size));
    assert_eq!(counted(), first);

    // What is counted follows the log.
    let decision = office.decision(case, Measure::Warning);
    office.act(alice, &decision).unwrap();
    let grown = office.settled().log_size;
    assert!(grown > size);
    let second = counted();
    assert_eq!((second.log_size, decisions(&second)), (grown, 1));
}
