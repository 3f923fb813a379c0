//! What a program does with a desk that lies: it signs what it showed, and shows what was granted.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use tempfile::TempDir;
use waxseal_desk::policy::{Policy, PolicyTerms};

use crate::evil_desk::{ASKED, CASE, EMERGENCY, EvilDesk, GRANT, REPORT};
use crate::program::{Program, key_file, keygen};
use crate::visit::{OWN, Visit, hidden};

#[test]
fn chk641_another_desk_is_refused_after_the_first_one_was_pinned() {
    let folder = TempDir::new().unwrap();
    let path = key_file(&folder, "alice");
    let key = keygen(&path);
    let first = EvilDesk::start(&key, "127.0.0.1:9");
    drop(Program::start(&path, &first.url));
    let other = EvilDesk::start(&key, "127.0.0.1:9");
    let mut process = Command::new(env!("CARGO_BIN_EXE_officer"))
        .arg("--key")
        .arg(&path)
        .args(["--desk", &other.url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that accepts the desk prints a link, and runs on.
    let mut line = String::new();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    process.kill().unwrap();
    let said = process.wait_with_output().unwrap().stderr;
    let said = String::from_utf8(said).unwrap();
    assert!(
        line.is_empty() && said.contains("ANOTHER DESK"),
        "{line}{said}"
    );
    drop(Program::start(&path, &first.url));
}

#[test]
fn what_was_opened_is_kept_also_if_the_browser_leaves_before_it_is_shown() {
    let visit = Visit::new();
    let (shown, token) = (visit.opening(), visit.token());
    let path = format!("{}/sign", visit.base);
    let headers = [
        ("host", visit.program.host.as_str()),
        ("cookie", &visit.cookie),
        OWN[0],
    ];
    let body = format!("token={token}&act={}", hidden(&shown.body, "act"));
    let stream = visit.program.send("POST", &path, &headers, &body);
    // The desk was asked, and did not answer yet.
    while visit.desk.world.acts.lock().unwrap().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(stream);
    std::thread::sleep(std::time::Duration::from_millis(1_000));
    let view = visit.page(&format!("/view/{GRANT}/{REPORT}"));
    assert_eq!(view.status, 200);
}

#[test]
fn chk652_a_policy_that_the_policy_key_did_not_sign_or_an_older_one_is_refused() {
    let visit = Visit::new();
    let evil = &visit.desk.world;
    let path = format!("/case/{CASE}/ask");
    assert_eq!(visit.page(&path).status, 200);
    let with = |change: &dyn Fn(&mut PolicyTerms)| {
        let mut terms = evil.policy.terms().clone();
        change(&mut terms);
        Policy::new(terms).unwrap()
    };
    let show = |policy: &Policy, signature| {
        let shown = (policy.encode().to_vec(), signature);
        *evil.other_policy.lock().unwrap() = Some(shown);
        let answer = visit.page(&path);
        (answer.status, answer.body.contains("Another policy"))
    };
    // The names of two officers are swapped, and the signature is that on the true policy.
    let swapped = with(&|terms| {
        terms.version = 4;
        terms.officers[1].name = "alice".to_owned();
    });
    assert_eq!(show(&swapped, evil.signed(&evil.policy)), (502, true));
    assert_eq!(show(&swapped, [0; 64]), (502, true));
    let older = with(&|terms| terms.version = 2);
    assert_eq!(show(&older, evil.signed(&older)), (502, true));
    let same = with(&|terms| terms.version = 3);
    assert_eq!(show(&same, evil.signed(&same)), (200, false));
    let other = with(&|terms| terms.appeal_days = 15);
    assert_eq!(show(&other, evil.signed(&other)), (502, true));
    assert_eq!(show(&swapped, evil.signed(&swapped)), (200, false));
    assert_eq!(show(&same, evil.signed(&same)), (502, true));
}

#[test]
fn messages_that_the_grant_does_not_name_are_not_shown() {
    let visit = Visit::new();
    visit.desk.world.granted.store(7, Ordering::SeqCst);
    let signed = visit.sign(&visit.opening());
    assert_eq!(signed.status, 502);
    let said = "messages that the grant does not name";
    assert!(signed.body.contains(said), "{}", signed.body);
    let view = visit.page(&format!("/view/{GRANT}/{REPORT}"));
    assert_eq!(view.status, 410);
}

#[test]
fn an_act_still_waits_if_the_desk_does_not_say_who_it_is() {
    let visit = Visit::new();
    let shown = visit.opening();
    visit.desk.world.is_silent.store(true, Ordering::SeqCst);
    assert_eq!(visit.sign(&shown).status, 502);
    visit.desk.world.is_silent.store(false, Ordering::SeqCst);
    assert_eq!(visit.sign(&shown).status, 303);
}

#[test]
fn acts_under_another_policy_than_the_one_in_force_are_refused() {
    let visit = Visit::new();
    let evil = &visit.desk.world;
    let newer = |version| {
        let mut terms = evil.policy.terms().clone();
        terms.version = version;
        let policy = Policy::new(terms).unwrap();
        let shown = (policy.encode().to_vec(), evil.signed(&policy));
        *evil.other_policy.lock().unwrap() = Some(shown);
    };
    // A policy comes into force after the act was shown.
    let shown = visit.opening();
    assert_eq!(shown.status, 200);
    let approval = visit.send(&format!("/grants/{ASKED}/approve"), "");
    assert_eq!(approval.status, 200);
    newer(4);
    for shown in [&shown, &approval] {
        let refused = visit.sign(shown);
        assert_eq!(refused.status, 409);
        assert!(
            refused
                .body
                .contains("another policy than the one in force")
        );
    }
    // It came into force before: the act is not shown.
    let approval = format!("/grants/{ASKED}/approve");
    for refused in [visit.opening(), visit.send(&approval, "")] {
        assert_eq!(refused.status, 409);
        assert!(!refused.body.contains("Sign and send"));
    }
    assert!(evil.acts.lock().unwrap().is_empty());
    // What was done under an earlier policy can be judged, and the page says that it was.
    let (denial, review) = (
        visit.send(&format!("/grants/{ASKED}/deny"), "why=no"),
        visit.send(
            &format!("/grants/{EMERGENCY}/review"),
            "outcome=1&statement=yes",
        ),
    );
    for shown in [denial, review] {
        let said = "This grant is of another policy than the one in force.";
        assert!(shown.body.contains(said), "{}", shown.body);
        assert_eq!(visit.sign(&shown).status, 303);
    }
    assert_eq!(evil.acts.lock().unwrap().len(), 2);
}
