//! How long pages take with 50 officers on a queue of 100,000 cases, whose reports have their
//! content: a page of a case reads and decodes it. Prints figures:
//!
//! ```text
//! cargo test --release -p waxseal-relay --test desk_load -- --ignored --nocapture
//! ```
//!
//! It fills a store of about a gigabyte in the folder for temporary files. `WAXSEAL_CASES=1000`
//! takes fewer cases, and `WAXSEAL_SECONDS=5` measures for less time than 20 seconds.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use office::intake::Intake;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use waxseal_desk::case::Assignment;
use waxseal_desk::ids::{AcceptedDigest, CaseId};
use waxseal_desk::officer::{OfficerKey, Signed};
use waxseal_desk::store::{CaseRow, CaseStatus, Change, ContentRow, ReportRow, SqliteStore, Store};
use waxseal_interface::http::Link;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::Cosigner;
use waxseal_relay::desk::{CaseDetail, DeskClient, QueuePage, read_json};
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::vault::ModerationKeyPair;

const ORIGIN: &str = "provider.example/desk";
const OFFICERS: usize = 50;
const CASES: u64 = 100_000;
/// Number of different contents. Each report has one of them, with its own identifier in it.
const CONTENTS: usize = 64;
/// How often each officer asks for a page.
const EVERY: Duration = Duration::from_millis(500);
const SECONDS: u64 = 20;

/// A number of the environment, or else this one.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |number| number.parse().unwrap())
}

/// A desk that runs until it is dropped.
struct Desk(Child);

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_millis(since.unwrap().as_millis() as u64)
}

fn desk(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
    let output = command.current_dir(folder).args(arguments).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Sets up a desk whose officers have these keys.
fn set_up(folder: &Path, officers: &[OfficerKey]) {
    let rng = &mut rand::rng();
    desk(folder, &["policy", "keygen", "--key", "policy.key"]);
    let init = "init --folder desk --origin provider.example/desk --policy-key policy.key.pub";
    desk(folder, &init.split(' ').collect::<Vec<_>>());
    let vault = Cosigner::generate("provider.example/vault", rng).unwrap();
    let keys = fs::read_to_string(folder.join("desk/keys")).unwrap();
    let (log, rest) = keys.split_once('\n').unwrap();
    let keys = format!("{log}\nvault {}\n{rest}", vault.verifier());
    let keys: LogKeys = keys.parse().unwrap();
    fs::write(folder.join("keys"), keys.to_string()).unwrap();
    desk(folder, &["pin", "--folder", "desk", "--keys", "keys"]);
    let officers = officers.iter().enumerate().flat_map(|(n, key)| {
        let key = waxseal_relay::desk::Hex(*key.id().as_bytes());
        [
            "--officer".to_owned(),
            format!("officer {n}:{key}:ask,decide"),
        ]
    });
    let officers: Vec<String> = officers.collect();
    let new = ["policy", "new", "--out", "policy.json", "--origin", ORIGIN];
    let officers = officers.iter().map(String::as_str);
    desk(folder, &new.into_iter().chain(officers).collect::<Vec<_>>());
    let sign = "policy sign --key policy.key --policy policy.json --out policy.signed";
    desk(folder, &sign.split(' ').collect::<Vec<_>>());
    let publish = "policy publish --folder desk --policy policy.signed";
    desk(folder, &publish.split(' ').collect::<Vec<_>>());
}

/// Accepted reports of one to four messages, as the intake encodes them.
fn contents(folder: &Path) -> Vec<Vec<u8>> {
    let rng = &mut rand::rng();
    let acceptance = AcceptanceKey::generate(rng);
    fs::write(folder.join("acceptance.key"), acceptance.to_bytes()).unwrap();
    let moderation = ModerationKeyPair::generate(rng);
    let moderation = moderation.public_key().encode();
    fs::write(folder.join("moderation.pub"), moderation).unwrap();
    let intake = Intake::new(folder);
    let texts = ["your code?", "now!", "I know where you live", "last chance"];
    let report = |n: usize| intake.report("mallory", &format!("victim-{n}"), &texts[..=n % 4]);
    (0..CONTENTS).map(|n| report(n).encoded).collect()
}

/// Fills the queue: most cases are open, and each has one to four reports.
fn fill(folder: &Path) {
    let contents = contents(folder);
    let rng = &mut StdRng::seed_from_u64(20);
    let mut store = SqliteStore::open(folder.join("desk/desk.sqlite")).unwrap();
    let now = now().as_millis();
    let mut changes = Vec::new();
    for n in 0..number("WAXSEAL_CASES", CASES) {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let (reports, first) = (
            rng.random_range(1..5),
            now - rng.random_range(0..10_000_000_000),
        );
        let reason = rng.random_range(1..=16);
        changes.push(Change::add(CaseRow {
            id,
            number: id,
            account: Some(format!("account-{n}")),
            reason,
            severity: rng.random_range(1..5),
            first_report_at_ms: first,
            last_report_at_ms: first + 1_000,
            reports,
            reporters: reports,
            status: match n % 20 {
                0 => CaseStatus::Waiting,
                1 => CaseStatus::Decided,
                _ => CaseStatus::Open,
            },
            officer: None,
            assigned_until_ms: None,
            is_held: false,
        }));
        for report in 0..reports {
            let mut bytes = || {
                let mut bytes = [0; 32];
                rng.fill_bytes(&mut bytes);
                bytes
            };
            let report_id: [u8; 16] = bytes()[..16].try_into().unwrap();
            let mut accepted = contents[usize::from(bytes()[0]) % CONTENTS].clone();
            accepted[1..17].copy_from_slice(&report_id);
            let accepted_digest = *AcceptedDigest::of(&accepted).as_bytes();
            changes.push(Change::add(ContentRow {
                report_id,
                accepted,
            }));
            changes.push(Change::add(ReportRow {
                id: report_id,
                digest: bytes(),
                accepted_digest: Some(accepted_digest),
                number: bytes()[..16].try_into().unwrap(),
                promise: vec![1; 300],
                reason: Some(reason),
                rejected: None,
                received_day: (first / 86_400_000) as u32,
                received_at_ms: first + u64::from(report),
                case_id: Some(id),
                reporter: Some(bytes()),
                reporter_account: Some("victim".into()),
                is_erased: false,
            }));
        }
        if changes.len() > 900 {
            store.apply(&changes).unwrap();
            changes.clear();
        }
    }
    store.apply(&changes).unwrap();
}

fn start(folder: &Path) -> (Desk, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
    command.current_dir(folder).env("RUST_LOG", "error").args([
        "serve",
        "--folder",
        "desk",
        "--vault",
        "vault.sock",
        "--relay",
        "http://127.0.0.1:1",
        "--listen",
        "127.0.0.1:0",
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let url = line
        .trim()
        .strip_prefix("listening on ")
        .unwrap()
        .to_owned();
    (Desk(child), url)
}

/// One officer: reads the queue page by page, reads cases, and takes every tenth.
fn work(url: &str, key: &OfficerKey, n: u64, every: Duration) -> Vec<(&'static str, Duration)> {
    let rng = &mut rand::rng();
    let client = DeskClient::new(Link::new(url).unwrap(), ORIGIN);
    let mut times = Vec::new();
    let end = Instant::now() + Duration::from_secs(number("WAXSEAL_SECONDS", SECONDS));
    thread::sleep(every.mul_f64(n as f64 / OFFICERS as f64));
    let mut after = None;
    let mut turn = 0;
    while Instant::now() < end {
        let begun = Instant::now();
        let order = ["severity", "age", "reporters"][rng.random_range(0..3)];
        let mut path = format!("/v1/queue?order={order}&limit=50");
        match rng.random_range(0..4) {
            0 => path += &format!("&reason={}", rng.random_range(1..=16)),
            1 => path += "&assigned=free",
            2 => path += "&assigned=me",
            _ => path = after.take().unwrap_or(path),
        }
        let page = client.get(key, &path, now(), rng).unwrap();
        times.push(("queue", begun.elapsed()));
        let page: QueuePage = read_json(&page).unwrap();
        after = page
            .next
            .map(|next| format!("/v1/queue?order={order}&limit=50&after={next}"));
        thread::sleep(every.saturating_sub(begun.elapsed()));
        let Some(case) = page.cases.get(rng.random_range(0..page.cases.len().max(1))) else {
            continue;
        };
        let begun = Instant::now();
        let detail = client.get(key, &format!("/v1/cases/{}", case.id), now(), rng);
        times.push(("case", begun.elapsed()));
        let detail: CaseDetail = read_json(&detail.unwrap()).unwrap();
        assert_eq!(detail.reports.len(), 50.min(detail.case.reports as usize));
        // What a page shows of the content was read.
        assert!(
            detail
                .reports
                .iter()
                .all(|report| (1..=4).contains(&report.messages))
        );
        turn += 1;
        if turn % 10 == 0 && case.status == "open" && case.officer.is_none() {
            let act = Assignment {
                case: CaseId::from_bytes(case.id.0),
                officer: key.id(),
                until: Timestamp::from_millis(now().as_millis() + 3_600_000),
            };
            let act = Signed::sign(&act, ORIGIN, key, now()).unwrap();
            let begun = Instant::now();
            // Another officer may have been faster.
            let _ = client.post(key, "/v1/acts", act.encode(), now(), rng);
            times.push(("take a case", begun.elapsed()));
        }
        thread::sleep(every.saturating_sub(begun.elapsed()));
    }
    times
}

fn percentile(times: &[Duration], part: f64) -> f64 {
    let at = ((times.len() as f64 * part).ceil() as usize).clamp(1, times.len());
    times[at - 1].as_secs_f64() * 1_000.0
}

#[test]
#[ignore = "takes a minute, and measures"]
fn fifty_officers_on_a_hundred_thousand_cases() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let keys: Vec<_> = (0..OFFICERS)
        .map(|_| OfficerKey::generate(&mut rand::rng()))
        .collect();
    set_up(folder, &keys);
    fill(folder);
    let (_desk, url) = start(folder);
    for (title, every) in [
        ("one page every 500 ms each", EVERY),
        ("no pause", Duration::ZERO),
    ] {
        let times: Vec<_> = thread::scope(|scope| {
            let url = url.as_str();
            let works = keys.iter().enumerate();
            let works = works.map(|(n, key)| scope.spawn(move || work(url, key, n as u64, every)));
            let works: Vec<_> = works.collect();
            works
                .into_iter()
                .flat_map(|work| work.join().unwrap())
                .collect()
        });
        let cases = number("WAXSEAL_CASES", CASES);
        println!("{OFFICERS} officers, {cases} cases, {title}:");
        for kind in ["queue", "case", "take a case"] {
            let of_kind = times.iter().filter(|(of, _)| *of == kind);
            let mut of_kind: Vec<_> = of_kind.map(|(_, time)| *time).collect();
            of_kind.sort_unstable();
            if of_kind.is_empty() {
                continue;
            }
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|part| percentile(&of_kind, part));
            let seconds = number("WAXSEAL_SECONDS", SECONDS);
            let each_second = of_kind.len() as f64 / seconds as f64;
            println!(
                "  {kind}: {each_second:.0}/s, p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"
            );
        }
    }
}
