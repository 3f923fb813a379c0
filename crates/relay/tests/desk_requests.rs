//! Attacks on the desk's requests: replayed, altered, by keys that may not ask, malformed, huge and
//! slow ones.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use office::raw::{Raw, send};
use office::{ORIGIN, Office, SOON, code, now};
use waxseal_desk::case::Assignment;
use waxseal_desk::ids::CaseId;
use waxseal_desk::officer::{OfficerKey, Signed};
use waxseal_desk::request::BodyDigest;
use waxseal_log::entry::{Measure, Purpose};
use waxseal_relay::desk::{DeskCode, Hex};
use waxseal_reporting::Timestamp;

const NOT_SIGNED: (u16, Option<DeskCode>) = (401, Some(DeskCode::NotSigned));

#[test]
fn chk620_only_officers_of_the_policy_and_the_pinned_relay_may_ask() {
    let office = Office::new();
    let (alice, bob) = (&office.officers.alice, &office.officers.bob);
    let stranger = OfficerKey::generate(&mut rand::rng());
    assert_eq!(Raw::get(alice, "/v1/desk").send(&office).0, 200);
    assert_eq!(Raw::get(&office.relay, "/v1/log-keys").send(&office).0, 200);
    for path in ["/v1/desk", "/v1/queue", "/v1/log?from=0", "/v1/appeals"] {
        assert_eq!(Raw::get(&stranger, path).send(&office), NOT_SIGNED);
        assert_eq!(Raw::get(&office.relay, path).send(&office), NOT_SIGNED);
    }
    for path in ["/v1/log-keys", "/v1/notices"] {
        assert_eq!(Raw::get(alice, path).send(&office), NOT_SIGNED);
        let other = SigningKey::from_bytes(&rand::random());
        assert_eq!(Raw::get(&other, path).send(&office), NOT_SIGNED);
    }
    // Without any signature.
    for path in ["/v1/desk", "/v1/notices", "/v1/queue?limit=1"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: desk\r\nconnection: close\r\n\r\n");
        assert_eq!(send(&office, request.as_bytes()), NOT_SIGNED);
    }
    assert_eq!(Raw::get(bob, "/v1/nothing").send(&office).0, 404);
}

#[test]
fn chk624_an_officer_is_out_as_soon_as_a_new_policy_is_published() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    let (alice, bob) = (&office.officers.alice, &office.officers.bob);
    let grant = office.grant(alice, &case, Purpose::UserReport, None);
    office.ask(alice, &grant).unwrap();
    office.take(alice, case.case.id).unwrap();
    let decision = office.decision(case.case.id, Measure::Warning);
    let signed = Signed::sign(&decision, ORIGIN, alice, now()).unwrap();

    office.publish_policy(&[("bob", "ask,decide"), ("carol", "ask,decide")]);
    for path in ["/v1/desk", "/v1/queue", "/v1/grants?list=requested"] {
        assert_eq!(Raw::get(alice, path).send(&office), NOT_SIGNED);
        assert_eq!(Raw::get(bob, path).send(&office).0, 200);
    }
    let acted = office.post(alice, "/v1/acts", signed.encode());
    assert_eq!(code(acted), DeskCode::NotSigned);
    let opened = office.open(alice, &grant, case.reports[0].id);
    assert_eq!(code(opened), DeskCode::NotSigned);
    // Nor does another officer get her act through.
    let acted = office.post(bob, "/v1/acts", signed.encode());
    assert_eq!(code(acted), DeskCode::NotSigned);
    assert_eq!(office.case(case.case.id).decisions, []);
    // Her assignment lasts, and bob decides another case by the new policy at once.
    let reported = office.intake.report("trudy", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("trudy").case.id;
    let before = office.decision(case, Measure::Warning);
    office.publish_policy(&[("bob", "ask,decide"), ("carol", "ask")]);
    assert_eq!(code(office.act(bob, &before)), DeskCode::Refused);
    let decision = office.decision(case, Measure::Warning);
    office.act(bob, &decision).unwrap();
}

#[test]
fn a_request_is_taken_once_and_none_after_a_restart() {
    let mut office = Office::new();
    let request = Raw::get(&office.officers.alice, "/v1/desk");
    assert_eq!(request.send(&office).0, 200);
    assert_eq!(request.send(&office), NOT_SIGNED);
    // A request that was never sent is refused too, if it was signed before the start.
    let before = Raw::get(&office.officers.alice, "/v1/desk");
    office.crash();
    assert_eq!(request.send(&office), NOT_SIGNED);
    assert_eq!(before.send(&office), NOT_SIGNED);
    assert_eq!(
        Raw::get(&office.officers.alice, "/v1/desk").send(&office).0,
        200
    );
}

#[test]
fn chk632_a_request_of_a_clock_that_is_ahead_is_not_taken_again_after_a_restart() {
    let mut office = Office::new();
    let ahead = |ms: u64| Timestamp::from_millis(now().as_millis() + ms);
    let get = |office: &Office, at| {
        let alice = &office.officers.alice;
        Raw::signed_at(alice, ("GET", "/v1/desk"), b"", ORIGIN, at)
    };
    let request = get(&office, ahead(20_000));
    assert_eq!(request.send(&office).0, 200);
    office.crash();
    assert_eq!(request.send(&office), NOT_SIGNED);
    // Her clock goes on, so her next requests are taken.
    assert_eq!(get(&office, ahead(25_000)).send(&office).0, 200);
    for (at, status) in [(ahead(50_000), 200), (ahead(70_000), 401)] {
        assert_eq!(get(&office, at).send(&office).0, status);
    }
}

#[test]
fn chk623_an_altered_request_is_refused() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory").case.id;
    let alice = &office.officers.alice;
    let assignment = |until: u64| {
        let assignment = Assignment {
            case: CaseId::from_bytes(case.0),
            officer: alice.id(),
            until: Timestamp::from_millis(now().as_millis() + until),
        };
        Signed::sign(&assignment, ORIGIN, alice, now())
            .unwrap()
            .encode()
    };
    let first = assignment(3_600_000);
    let signed = || Raw::signed_at(alice, ("POST", "/v1/acts"), &first, ORIGIN, now());
    let altered = |alter: &dyn Fn(&mut Raw)| {
        let mut request = signed();
        alter(&mut request);
        request.send(&office)
    };
    let other = assignment(7_200_000);
    let other_key = office.officers.bob.id();
    let other_digest = BodyDigest::of(&other);
    let all: [&dyn Fn(&mut Raw); 10] = [
        &|request| request.body = other.clone(),
        &|request| request.digest = other_digest,
        &|request| (request.body, request.digest) = (other.clone(), other_digest),
        &|request| request.body.push(0),
        &|request| request.path.push('?'),
        &|request| request.path = "/v1/grants".to_owned(),
        &|request| request.at = Timestamp::from_millis(request.at.as_millis() + 1),
        &|request| request.nonce[0] ^= 1,
        &|request| request.signature[0] ^= 1,
        &|request| request.key = *other_key.as_bytes(),
    ];
    for (number, alter) in all.iter().enumerate() {
        let answer = altered(*alter);
        assert_eq!(answer, NOT_SIGNED, "{number}");
    }
    let path = "/v1/grants?list=requested";
    let mut method = Raw::signed_at(alice, ("POST", path), b"", ORIGIN, now());
    method.method = "GET";
    assert_eq!(method.send(&office), NOT_SIGNED);
    let other_desk = Raw::signed_at(alice, ("POST", "/v1/acts"), &first, "other/desk", now());
    assert_eq!(other_desk.send(&office), NOT_SIGNED);
    assert_eq!(office.case(case).case.officer, None);
    assert_eq!(altered(&|_| {}).0, 200);
    assert_eq!(
        office.case(case).case.officer,
        Some(Hex(*alice.id().as_bytes()))
    );
}

#[test]
fn chk625_only_the_officer_who_asked_opens_under_a_grant() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    let (alice, bob) = (&office.officers.alice, &office.officers.bob);
    let grant = office.grant(alice, &case, Purpose::UserReport, None);
    office.ask(alice, &grant).unwrap();
    let report = case.reports[0].id;
    assert_eq!(code(office.open(bob, &grant, report)), DeskCode::Refused);
    let other = office.grant(alice, &case, Purpose::UserReport, None);
    assert_eq!(code(office.open(alice, &other, report)), DeskCode::NotFound);
    let unknown = office.open(alice, &grant, Hex([7; 16]));
    assert_eq!(code(unknown), DeskCode::NotFound);
    let elsewhere = office.intake.report("trudy", "victim", &["now"]);
    office.bring(&elsewhere.encoded).unwrap();
    let elsewhere = office.case_about("trudy").reports[0].id;
    assert_eq!(
        code(office.open(alice, &grant, elsewhere)),
        DeskCode::Refused
    );
    assert_eq!(office.case(case.case.id).openings, []);
    office.open(alice, &grant, report).unwrap();
    assert_eq!(office.case(case.case.id).openings.len(), 1);
}

#[test]
fn chk630_an_act_is_that_of_the_officer_who_asks() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    let (alice, bob) = (&office.officers.alice, &office.officers.bob);
    let decision = office.decision(case.case.id, Measure::Warning);
    let stolen = Signed::sign(&decision, ORIGIN, alice, now()).unwrap();
    let acted = office.post(bob, "/v1/acts", stolen.encode());
    assert_eq!(code(acted), DeskCode::NotSigned);
    let grant = office.grant(alice, &case, Purpose::UserReport, None);
    let asked = {
        let mut body = (grant.encode().len() as u32).to_be_bytes().to_vec();
        body.extend_from_slice(grant.encode());
        body.extend_from_slice(&grant.sign_as_requester(alice));
        office.post(bob, "/v1/grants", body)
    };
    assert_eq!(code(asked), DeskCode::NotSigned);
    let case = office.case(case.case.id);
    assert!(case.decisions.is_empty() && case.grants.is_empty());
}

/// Sends only the head of a request, and says that a body of this length follows.
fn begun(office: &Office, request: &Raw, len: usize) -> TcpStream {
    let mut stream = TcpStream::connect(office.address()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!("{}content-length: {len}\r\n\r\n", request.head());
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn chk634_no_body_is_read_before_the_signature_was_checked() {
    let office = Office::new();
    let (alice, relay) = (&office.officers.alice, &office.relay);
    // The keys are public. Whoever has no key gets an answer without a byte of the body.
    let stranger = OfficerKey::generate(&mut rand::rng());
    let accepted = ("POST", "/v1/intake/accepted");
    let mut of_relay = Raw::signed_at(relay, accepted, b"body", ORIGIN, now());
    of_relay.signature = [0; 64];
    let mut of_officer = Raw::signed_at(alice, ("POST", "/v1/acts"), b"body", ORIGIN, now());
    of_officer.signature = [0; 64];
    let unknown = Raw::signed_at(&stranger, ("POST", "/v1/acts"), b"body", ORIGIN, now());
    for request in [of_relay, of_officer, unknown] {
        let began = Instant::now();
        let mut answer = String::new();
        let mut stream = begun(&office, &request, 60_000);
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
    // Bodies that the relay announces fill the relay's room, and no officer's.
    let request = || Raw::signed_at(relay, accepted, b"body", ORIGIN, now());
    let len = 2 << 20;
    let waiting: Vec<_> = (0..40).map(|_| begun(&office, &request(), len)).collect();
    let path = "/v1/acts";
    let act = Raw::signed_at(alice, ("POST", path), &[1; 300], ORIGIN, now());
    let began = Instant::now();
    assert_eq!(act.send(&office), (400, Some(DeskCode::Malformed)));
    assert!(began.elapsed() < Duration::from_secs(5));
    let busy = |mut stream: TcpStream| {
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 503")
    };
    assert!(waiting.into_iter().any(busy));
    // The room is free again.
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
}

#[test]
fn malformed_huge_and_slow_requests_are_refused_and_harm_no_other() {
    let office = Office::new();
    let alice = &office.officers.alice;
    let post = |path: &str, body: &[u8]| {
        let request = Raw::signed_at(alice, ("POST", path), body, ORIGIN, now());
        request.send(&office)
    };
    for path in ["/v1/acts", "/v1/grants", "/v1/openings"] {
        for body in [&b""[..], b"{}", &[1; 300], &[0xff; 3], b"\x01\x04"] {
            let (status, code) = post(path, body);
            assert!(
                (status, code) == (400, Some(DeskCode::Malformed)),
                "{path} {status}"
            );
        }
    }
    for path in [
        "/v1/queue?order=name",
        "/v1/queue?limit=0",
        "/v1/queue?limit=101",
        "/v1/queue?after=00",
        "/v1/queue?reason=x",
        "/v1/grants?list=all",
        "/v1/grants",
        "/v1/log",
        "/v1/log?from=0&number=00000000000000000000000000000000",
        "/v1/transparency?from=2&to=1",
        "/v1/cases/xyz",
    ] {
        let (status, _) = Raw::get(alice, path).send(&office);
        assert!((400..405).contains(&status), "{path} {status}");
    }
    assert_eq!(
        Raw::get(alice, "/v1/log?from=18446744073709551615")
            .send(&office)
            .0,
        200
    );

    // Headers that are missing, twice there, too long, or in another form.
    let good = Raw::get(alice, "/v1/desk");
    for (find, put) in [
        ("waxseal-at: ", "waxseal-at: 0"),
        ("waxseal-at: ", "waxseal-at: +"),
        ("waxseal-key: ", "waxseal-other: "),
        ("waxseal-nonce: ", "waxseal-nonce: 00\r\nwaxseal-nonce: "),
        ("waxseal-signature: ", "waxseal-signature: 00"),
    ] {
        let head = good.head().replace(find, put);
        assert_eq!(
            send(&office, format!("{head}\r\n").as_bytes()),
            NOT_SIGNED,
            "{put}"
        );
    }
    let upper = good.head().replace(
        &Hex(good.key).to_string(),
        &Hex(good.key).to_string().to_uppercase(),
    );
    assert_eq!(send(&office, format!("{upper}\r\n").as_bytes()), NOT_SIGNED);
    let long = format!("{}x-long: {}\r\n\r\n", good.head(), "a".repeat(64 << 10));
    assert!(matches!(send(&office, long.as_bytes()).0, 0 | 400..=431));

    // A body longer than any officer's. The server says no before it has all of it, also if it is
    // signed, and does not read it at all if it is not.
    let huge = vec![0; 70 << 10];
    let (status, code) = post("/v1/acts", &huge);
    assert!(
        status == 0 || (status, code) == (400, Some(DeskCode::Malformed)),
        "{status}"
    );
    let longer = Raw::signed_at(alice, ("POST", "/v1/acts"), b"", ORIGIN, now());
    let head = format!("{}content-length: 4000000000\r\n\r\n", longer.head());
    let malformed = (400, Some(DeskCode::Malformed));
    assert_eq!(send(&office, head.as_bytes()), malformed);

    // A body that comes too slowly, and a head that does not end: others are answered meanwhile.
    let mut slow = TcpStream::connect(office.address()).unwrap();
    let request = Raw::signed_at(alice, ("POST", "/v1/acts"), b"late", ORIGIN, now());
    let head = format!("{}content-length: 4\r\n\r\nl", request.head());
    slow.write_all(head.as_bytes()).unwrap();
    let mut endless = TcpStream::connect(office.address()).unwrap();
    endless.write_all(b"GET /v1/desk HTTP/1.1\r\n").unwrap();
    let began = Instant::now();
    assert_eq!(Raw::get(alice, "/v1/desk").send(&office).0, 200);
    assert!(began.elapsed() < Duration::from_secs(5));
    let mut answer = String::new();
    slow.set_read_timeout(Some(SOON)).unwrap();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[test]
fn intake_takes_only_accepted_reports() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    for bad in [
        &b""[..],
        &[2; 100],
        &reported.encoded[1..],
        &vec![2; 1 << 20],
    ] {
        assert_eq!(code(office.bring(bad)), DeskCode::Refused);
    }
    let mut longer = reported.encoded.clone();
    longer.push(0);
    assert_eq!(code(office.bring(&longer)), DeskCode::Refused);
    // A report that this intake did not accept gets a promise, as the desk cannot tell. The vault
    // tells: no officer sees it in the queue, and others are sorted all the same.
    let forged = office.intake.forged("mallory", "eve");
    office.bring(&forged.encoded).unwrap();
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    assert_eq!(case.case.reports, 1);
    assert_eq!(case.reports[0].id, Hex(*reported.accepted.id().as_bytes()));
}
