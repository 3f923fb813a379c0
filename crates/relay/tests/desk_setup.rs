//! How a desk is set up, what it refuses at the start, and what it erases in the end.

#![allow(clippy::restriction, reason = "tests")]

mod office;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use office::{ORIGIN, Office, desk, wait_for};
use waxseal_desk::store::Store as _;
use waxseal_log::entry::Measure;

fn run(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
    command.args(arguments).current_dir(dir).output().unwrap()
}

/// A command that must fail, and say why.
fn refused(dir: &Path, arguments: &[&str], why: &str) {
    let output = run(dir, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains(why), "{said}");
}

#[test]
fn a_desk_is_set_up_once_and_its_secrets_are_its_owners() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let keygen = ["policy", "keygen", "--key", "policy.key"];
    desk(dir, &keygen);
    refused(dir, &keygen, "policy.key");
    let init = ["init", "--folder", "desk", "--origin", ORIGIN];
    let init = [&init[..], &["--policy-key", "policy.key.pub"]].concat();
    refused(
        dir,
        &[&init[..], &["--quorum", "1"]].concat(),
        "the quorum is larger",
    );
    assert!(!dir.join("desk").exists());
    desk(dir, &init);
    let read = |name: &str| fs::read(dir.join("desk").join(name)).unwrap();
    let before = (read("log.key"), read("keys"));
    refused(dir, &init, "log.key");
    assert_eq!((read("log.key"), read("keys")), before);
    let mode = |path: &str| dir.join(path).metadata().unwrap().permissions().mode() & 0o777;
    for (path, expected) in [
        ("policy.key", 0o600),
        ("desk", 0o700),
        ("desk/log.key", 0o600),
        ("desk/secret", 0o600),
        ("desk/reviewer.key", 0o600),
        ("desk/reviewer.key.pub", 0o644),
    ] {
        assert_eq!(mode(path), expected, "{path}");
    }
    // Without the line of the vault it does not run.
    let serve = [
        "serve",
        "--folder",
        "desk",
        "--vault",
        "v",
        "--relay",
        "http://127.0.0.1:1",
    ];
    refused(dir, &serve, "has no line `vault`");
    let bad = ["init", "--folder", "other", "--origin", "a+b"];
    let bad = [&bad[..], &["--policy-key", "policy.key.pub"]].concat();
    refused(dir, &bad, "");
    fs::write(dir.join("no.pub"), "hello").unwrap();
    let bad = [
        "init",
        "--folder",
        "other",
        "--origin",
        ORIGIN,
        "--policy-key",
        "no.pub",
    ];
    refused(dir, &bad, "was not made by `desk policy keygen`");
    assert!(!dir.join("other").exists());
}

#[test]
fn keys_and_policies_of_others_are_refused() {
    let mut office = Office::new();
    let _ = office.desk().stop();
    let dir = office.dir.path().to_owned();
    let dir = dir.as_path();
    // Keys of another log.
    let init = ["init", "--folder", "desk2", "--origin", ORIGIN];
    desk(
        dir,
        &[&init[..], &["--policy-key", "policy.key.pub"]].concat(),
    );
    let pin = ["pin", "--folder", "desk2", "--keys", "keys"];
    refused(dir, &pin, "names the key of another log");
    // A policy of another key, and one that is not newer.
    let publish = ["policy", "publish", "--folder", "desk", "--policy"];
    let publish = |file: &'static str| [&publish[..], &[file]].concat();
    refused(
        dir,
        &publish("policy-1.signed"),
        "not signed for this log or not newer",
    );
    desk(dir, &["policy", "keygen", "--key", "thief.key"]);
    let json = fs::read_to_string(dir.join("policy-1.json")).unwrap();
    let json = json.replace("\"version\": 1", "\"version\": 2");
    fs::write(dir.join("thief.json"), json).unwrap();
    let sign = [
        "policy",
        "sign",
        "--key",
        "thief.key",
        "--policy",
        "thief.json",
    ];
    desk(dir, &[&sign[..], &["--out", "thief.signed"]].concat());
    refused(
        dir,
        &publish("thief.signed"),
        "not signed for this log or not newer",
    );
    refused(dir, &publish("keys"), "keys");

    // The server: an address of the network without TLS, and a witness that is not pinned.
    let serve = ["serve", "--folder", "desk", "--vault", "vault.sock"];
    let serve = [&serve[..], &["--relay", "http://127.0.0.1:1"]].concat();
    let open = [&serve[..], &["--listen", "0.0.0.0:0"]].concat();
    refused(dir, &open, "give --tls-cert and --tls-key, or --plain-http");
    refused(dir, &serve, "at least as many witnesses as the quorum");
    let other = waxseal_log::note::Cosigner::generate("other", &mut rand::rng());
    let other = format!("{}=http://127.0.0.1:1", other.unwrap().verifier());
    let serve = [&serve[..], &["--witness", &other]].concat();
    refused(dir, &serve, "other is not among the pinned keys");
    // What was refused left no trace: the desk runs as before.
    office.start();
    office.settled();
}

#[test]
fn chk635_a_second_server_of_a_folder_does_not_start() {
    let mut office = Office::new();
    let serve = ["serve", "--folder", "desk", "--vault", "vault.sock"];
    let more = ["--relay", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"];
    let witness = format!("{}={}", office.witness.key, office.witness.url);
    let second = [&serve[..], &more, &["--witness", &witness]].concat();
    refused(office.dir.path(), &second, "another server is using desk");
    office.settled();
    // A server that crashed has no lock.
    office.crash();
    office.settled();
}

#[test]
fn a_case_whose_time_is_over_is_erased_and_the_relay_is_to_be_told() {
    let mut office = Office::new();
    let all = "ask,approve,decide,appeals,review";
    office.publish_edited(&[("alice", "ask,decide"), ("bob", all)], |text| {
        text.replace("\"appeal_days\": 30", "\"appeal_days\": 0")
    });
    let reported = office.intake.report("mallory", "victim", &["now"]);
    office.bring(&reported.encoded).unwrap();
    let second = office.intake.report("mallory", "another", &["now"]);
    office.bring(&second.encoded).unwrap();
    let kept = office.intake.report("trudy", "victim", &["now"]);
    office.bring(&kept.encoded).unwrap();
    let case = wait_for(|| {
        let case = office.case_about("mallory").case;
        (case.reports == 2).then_some(case.id)
    });
    let other = office.case_about("trudy").case.id;
    let decision = office.decision(case, Measure::Warning);
    office.act(&office.officers.alice, &decision).unwrap();
    assert!(office.desk().stop());
    office.start_with(&["--keep-days", "0"]);
    wait_for(|| (office.case(case).case.status == "closed").then_some(()));
    let erased = office.case(case);
    assert_eq!(erased.case.account, None);
    assert!(erased.reports[0].is_erased && erased.reports[0].accepted_digest.is_none());
    assert_eq!(erased.decisions[0].statement, "");
    // The relay does not run. It will be told.
    for reported in [&reported, &second] {
        let id = office::Hex(*reported.accepted.id().as_bytes());
        let waiting = office.dir.path().join(format!("desk/to-relay/{id}.closed"));
        wait_for(|| waiting.exists().then_some(()));
    }
    // What is not decided stays.
    let other = office.case(other);
    assert_eq!(
        (other.case.status.as_str(), other.reports[0].is_erased),
        ("open", false)
    );
    assert!(office.desk().stop());
    office.audit();
}

#[test]
fn a_report_that_the_vault_cannot_sort_is_erased_once_its_time_is_over() {
    let mut office = Office::new();
    let unknown = office.intake.report_to_another_vault("mallory", "victim");
    office.bring(&unknown.encoded).unwrap();
    let known = office.intake.report("trudy", "victim", &["now"]);
    office.bring(&known.encoded).unwrap();
    let id = *unknown.accepted.id().as_bytes();
    let file = |end: &str| {
        let name = format!("desk/to-relay/{}.{end}", office::Hex(id));
        office.dir.path().join(name)
    };
    let (waits, closed) = (file("rejected-82"), file("closed"));
    wait_for(|| waits.exists().then_some(()));
    let sorted = office.case_about("trudy").case.id;
    let content = |office: &Office| {
        let store = office.desk_store();
        let row = store.report(&id).unwrap().unwrap();
        (store.content(&id).unwrap().is_some(), row.is_erased)
    };
    assert_eq!(content(&office), (true, false));
    // Its time is not over for a while.
    assert!(office.desk().stop());
    office.start();
    office.settled();
    assert_eq!(content(&office), (true, false));
    assert!(office.desk().stop());
    office.start_with(&["--keep-days", "0"]);
    wait_for(|| (content(&office) == (false, true)).then_some(()));
    wait_for(|| closed.exists().then_some(()));
    // A report with a case has its time after the decision.
    assert_eq!(office.case(sorted).case.status, "open");
    assert!(office.desk().stop());
    let store = fs::read(office.dir.path().join("desk/desk.sqlite")).unwrap();
    let sealed = &unknown.encoded[unknown.encoded.len() / 2..][..64];
    assert!(!store.windows(64).any(|bytes| bytes == sealed));
    office.audit();
}
