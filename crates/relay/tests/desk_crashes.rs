//! Two officers at once, restarts in the middle of an opening, and a server that is killed at
//! random points.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use std::collections::HashMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use office::raw::Raw;
use office::{ORIGIN, Office, code, grant_id, now, wait_for};
use waxseal_desk::officer::Signed;
use waxseal_desk::vault::digest_of;
use waxseal_log::entry::{Measure, PolicyDigest, Purpose};
use waxseal_log::promise::Promise;
use waxseal_log::receipt::{Expected, Receipt};
use waxseal_postgres::Server;
use waxseal_relay::desk::{DeskCode, DeskError, Done, Hex, Open, QueuePage, read_json};

#[test]
fn of_two_officers_who_decide_at_once_one_wins() {
    let office = Office::new();
    for round in 0..5 {
        let accused = format!("mallory-{round}");
        let reported = office.intake.report(&accused, "victim", &["now"]);
        office.bring(&reported.encoded).unwrap();
        let case = office.case_about(&accused).case.id;
        let officers = [
            &office.officers.alice,
            &office.officers.bob,
            &office.officers.carol,
        ];
        let decision = office.decision(case, Measure::Warning);
        let ended: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = officers
                .iter()
                .map(|officer| scope.spawn(|| office.act(officer, &decision)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 2));
        for lost in lost {
            assert_eq!(code(lost), DeskCode::Conflict);
        }
        assert_eq!(office.case(case).decisions.len(), 1);
    }
}

/// Asks for an opening, and does not wait for the answer.
fn ask_to_open(office: &Office, open: &Open) {
    let client = office.client();
    let alice = office.officers.alice.clone();
    let open = open.clone();
    std::thread::spawn(move || {
        let _ = client.post_json(&alice, "/v1/openings", &open, now(), &mut rand::rng());
    });
}

#[test]
fn an_opening_waits_for_the_witness_and_blocks_no_one() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    let (alice, report) = (&office.officers.alice, case.reports[0].id);
    let grant = office.grant(alice, &case, Purpose::UserReport, None);
    office.ask(alice, &grant).unwrap();
    office.settled();
    office.witness.be_silent(true);
    let open = Open {
        grant: grant_id(&grant),
        report,
    };
    ask_to_open(&office, &open);
    wait_for(|| (office.case(case.case.id).openings.len() == 1).then_some(()));
    // Others are answered meanwhile, and acts go on.
    let began = Instant::now();
    office.take(&office.officers.bob, case.case.id).unwrap();
    assert!(began.elapsed() < Duration::from_secs(4));
    assert_eq!(office.case(case.case.id).openings[0].shown_at_ms, None);
    // Without the witness nothing is shown, and the log says that it was opened.
    let again = wait_for(|| match office.open(alice, &grant, report) {
        Err(DeskError::Refused {
            code: DeskCode::Conflict,
            ..
        }) => None,
        ended => Some(ended),
    });
    assert_eq!(code(again), DeskCode::NotCosigned);
    office.witness.be_silent(false);
    // The same opening is shown, so the grant loses no other one.
    let view = office.open(alice, &grant, report).unwrap();
    assert_eq!(view.messages.len(), 1);
    let openings = office.case(case.case.id).openings;
    assert_eq!(openings.len(), 1);
    assert!(openings[0].shown_at_ms.is_some());
}

#[test]
fn an_opening_whose_caller_hangs_up_while_the_vault_is_slow_is_logged_once() {
    let office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    let (alice, report) = (&office.officers.alice, case.reports[0].id);
    let grant = office.grant(alice, &case, Purpose::UserReport, None);
    office.ask(alice, &grant).unwrap();
    office.settled();
    office.freeze_vault(true);
    let open = Open {
        grant: grant_id(&grant),
        report,
    };
    let body = serde_json::to_vec(&open).unwrap();
    let request = Raw::signed_at(alice, ("POST", "/v1/openings"), &body, ORIGIN, now());
    let head = format!("{}content-length: {}\r\n\r\n", request.head(), body.len());
    let mut caller = TcpStream::connect(office.address()).unwrap();
    caller
        .write_all(&[head.as_bytes(), &body].concat())
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(caller);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(code(office.open(alice, &grant, report)), DeskCode::Conflict);
    office.freeze_vault(false);
    let view = wait_for(|| match office.open(alice, &grant, report) {
        Err(DeskError::Refused {
            code: DeskCode::Conflict,
            ..
        }) => None,
        ended => Some(ended),
    });
    assert_eq!(view.unwrap().messages.len(), 1);
    assert_eq!(office.case(case.case.id).openings.len(), 1);
}

#[test]
fn a_restart_during_an_opening_shows_nothing_and_the_officer_opens_again() {
    let mut office = Office::new();
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let case = office.case_about("mallory");
    let report = case.reports[0].id;
    let grant = office.grant(&office.officers.alice, &case, Purpose::UserReport, None);
    office.ask(&office.officers.alice, &grant).unwrap();
    office.settled();
    for restart in 1..=3 {
        office.witness.be_silent(true);
        let open = Open {
            grant: grant_id(&grant),
            report,
        };
        ask_to_open(&office, &open);
        wait_for(|| (office.case(case.case.id).openings.len() == restart).then_some(()));
        match restart {
            1 => office.crash(),
            2 => {
                office.stop_vault();
                office.start_vault();
            }
            _ => {
                assert!(office.desk().stop());
                office.start();
            }
        }
        office.witness.be_silent(false);
        if restart == 2 {
            // The vault has forgotten the challenge.
            wait_for(
                || match office.open(&office.officers.alice, &grant, report) {
                    Err(DeskError::Refused {
                        code: DeskCode::Vault,
                        ..
                    }) => Some(()),
                    Err(_) => None,
                    Ok(_) => panic!("a challenge of before opened something"),
                },
            );
        }
        office.settled();
        let openings = office.case(case.case.id).openings;
        assert!(openings.iter().all(|opening| opening.shown_at_ms.is_none()));
        assert_eq!(openings.len(), restart);
    }
    let view = office.open(&office.officers.alice, &grant, report).unwrap();
    assert_eq!(view.messages.len(), 1);
    let openings = office.case(case.case.id).openings;
    assert_eq!(
        (openings.len(), openings[3].shown_at_ms.is_some()),
        (4, true)
    );
}

/// Kills the server again and again while reports come in and are decided. Everything that was
/// answered is there at the end, once.
#[test]
fn kills_at_random_points_lose_nothing() {
    killed_at_random_points(Office::new(), None);
}

/// Every other time, the database is killed too.
#[test]
fn kills_of_desk_and_postgresql_at_random_points_lose_nothing() {
    if let Some(server) = Server::start() {
        killed_at_random_points(Office::over(server.database()), Some(&server));
    }
}

fn killed_at_random_points(mut office: Office, database: Option<&Server>) {
    let reports: Vec<_> = (0..24)
        .map(|number| {
            let accused = format!("mallory-{number}");
            office.intake.report(&accused, "victim", &["now"])
        })
        .collect();
    let policy = office.policy();
    let mut promises = HashMap::new();
    let mut decided = HashMap::new();
    let seed = std::env::var("DESK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let mut pause: u64 = seed.unwrap_or_else(|| u64::from(rand::random::<u16>()));
    println!("DESK_SEED={pause}");
    // A server over a database begins after a pause.
    let kills = if database.is_some() { 4 } else { 8 };
    for kill in 0..kills {
        pause = pause
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let wait = Duration::from_millis(100 + (pause >> 33) % 900);
        let server = office.desk();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(wait);
                if let Some(database) = database.filter(|_| kill % 2 == 1) {
                    database.kill();
                    database.restart();
                }
                server.kill();
                is_over.store(true, Ordering::SeqCst);
            });
            let mut turn = 0;
            while !is_over.load(Ordering::SeqCst) {
                let number = (turn + kill * 3) % reports.len();
                turn += 1;
                let reported = &reports[number];
                if let Ok(promise) = office.bring(&reported.encoded) {
                    // A report that was answered before gets the same promise, after any crash.
                    let first = promises.entry(number).or_insert_with(|| promise.clone());
                    assert_eq!(*first, promise, "report {number}");
                }
                try_to_decide(&office, policy, &mut decided);
            }
        });
        office.start();
    }
    for (number, reported) in reports.iter().enumerate() {
        let promise = office.bring(&reported.encoded).unwrap();
        assert_eq!(*promises.entry(number).or_insert(promise.clone()), promise);
    }
    wait_for(|| {
        let metrics = office.metrics();
        let sorted = metrics.contains("\nwaxseal_desk_reports_unsorted 0\n");
        sorted.then_some(())
    });
    for (case, leaf) in &decided {
        let decisions = office.case(*case).decisions;
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0].leaf, *leaf);
    }
    office.settled();
    // Each report is in one case, whether or not its sorting was interrupted.
    for (number, reported) in reports.iter().enumerate() {
        let id = Hex(*reported.accepted.id().as_bytes());
        let digest = digest_of(reported.accepted.report());
        let promised = Promise::decode(&promises[&number]).unwrap();
        let promised = promised.verify(office.keys.log(), &digest, now().as_millis());
        let promised = promised.unwrap();
        office.settled();
        let receipt = office
            .relay_get(&format!("/v1/reports/{id}/receipt"))
            .unwrap();
        let receipt = Receipt::decode(&receipt).unwrap();
        let expected = Expected::Report { promise: &promised };
        let told = receipt.verify(&office.keys, expected).unwrap();
        assert_eq!(told.contradictions, [], "report {number}");
    }
    // The library's own audit of rows, entries and signatures.
    assert!(office.desk().stop());
    office.audit();
}

fn try_to_decide(office: &Office, policy: PolicyDigest, decided: &mut HashMap<Hex<16>, Hex<32>>) {
    let alice = &office.officers.alice;
    let client = office.client();
    let rng = &mut rand::rng();
    let Ok(page) = client.get(alice, "/v1/queue?limit=3", now(), rng) else {
        return;
    };
    let page: QueuePage = read_json(&page).unwrap();
    for case in page.cases {
        let decision = office.decision_by(case.id, Measure::Warning, policy);
        let signed = Signed::sign(&decision, ORIGIN, alice, now()).unwrap();
        let done = client.post(alice, "/v1/acts", signed.encode(), now(), rng);
        let done = done.and_then(|done| read_json(&done));
        if let Ok(Done {
            leaf: Some(leaf), ..
        }) = done
        {
            assert_eq!(decided.insert(case.id, leaf), None);
            return;
        }
    }
}
