//! Exports with the real programs: an officer opens a report, decides, and has the case exported; a
//! target of this machine gets it, also after a crash.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use office::{Office, code, wait_for};
use serde_json::Value;
use waxseal_desk::export::{ShownReport, encode_content};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::vault::View;
use waxseal_log::entry::{Measure, Purpose, Target};
use waxseal_relay::desk::{AskExport, DeskCode, DeskError, Exported, Exports, Hex, read_json};
use waxseal_reporting::intake::ReportId;

/// A target that answers with this status. Returns its URL and the requests that it gets.
fn target(statuses: &'static [u16]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (got, requests) = channel();
    thread::spawn(move || {
        let statuses = statuses.iter().chain(std::iter::repeat(&201));
        for (stream, status) in listener.incoming().zip(statuses) {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            loop {
                let mut buffer = [0; 4_096];
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let head = text.split_once("\r\n\r\n");
                let len = head.and_then(|(head, _)| {
                    let line = head.lines().find_map(|line| {
                        let line = line.to_lowercase();
                        Some(line.strip_prefix("content-length: ")?.to_owned())
                    });
                    line?.parse::<usize>().ok()
                });
                let is_whole = head
                    .zip(len)
                    .is_some_and(|((_, body), len)| body.len() >= len);
                if read == 0 || is_whole {
                    let _ = got.send(text);
                    break;
                }
            }
            let _ = write!(
                stream,
                "HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
            );
        }
    });
    (url, requests)
}

/// Sets targets up, and starts the desk again.
fn set_up(office: &mut Office, targets: &str) {
    let folder = office.dir.path().join("desk");
    let private = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("coop.key", b"the-api-key");
    private("webhook.key", &[5; 32]);
    std::fs::write(folder.join("targets.json"), targets).unwrap();
    office.crash();
}

fn export(
    office: &Office,
    officer: &OfficerKey,
    case: Hex<16>,
    target: Target,
    shown: Option<(Hex<16>, &View)>,
) -> Result<Exported, DeskError> {
    let shown: Vec<_> = shown
        .into_iter()
        .map(|(report, view)| ShownReport {
            report: ReportId::from_bytes(report.0),
            view: view.clone(),
        })
        .collect();
    let ask = AskExport {
        target: target.number(),
        fields: BTreeMap::new(),
        content: encode_content(&shown).to_vec(),
    };
    let path = format!("/v1/cases/{case}/exports");
    let (client, rng) = (office.client(), &mut rand::rng());
    read_json(&client.post_json(officer, &path, &ask, office::now(), rng)?)
}

fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
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
