//! Whoever has a part of a session has nothing: tests with requests that no page would send.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use tempfile::TempDir;
use waxseal_desk::policy::{Policy, PolicyTerms};

use crate::evil_desk::{CASE, EvilDesk, GRANT, REPORT};
use crate::program::{Answer, Program, key_file, keygen};

/// A program in front of a desk, with a session.
struct Officer {
    _folder: TempDir,
    desk: EvilDesk,
    program: Program,
    base: String,
    cookie: String,
}

impl Officer {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = key_file(&folder, "alice");
        let desk = EvilDesk::start(&keygen(&path), "127.0.0.1:9");
        let program = Program::start(&path, &desk.url);
        let (base, cookie) = program.enter();
        Self {
            _folder: folder,
            desk,
            program,
            base,
            cookie,
        }
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("{}{path}", self.base);
        self.program.ask("GET", &path, headers, "")
    }

    /// A page as the browser of the session asks for it.
    fn page(&self, path: &str) -> Answer {
        let headers = [
            ("host", self.program.host.as_str()),
            ("cookie", &self.cookie),
            ("sec-fetch-site", "same-origin"),
        ];
        self.get(path, &headers)
    }

    fn token(&self) -> String {
        let page = self.page("/queue").body;
        let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let path = format!("{}{path}", self.base);
        let mut all = vec![
            ("host", self.program.host.as_str()),
            ("cookie", &self.cookie),
        ];
        all.extend_from_slice(headers);
        self.program.ask("POST", &path, &all, body)
    }
}

#[test]
fn chk644_a_request_under_another_name_is_refused_whatever_else_it_has() {
    let officer = Officer::new();
    let host = officer.program.host.clone();
    let port = host.split(':').nth(1).unwrap();
    assert_eq!(officer.page("/queue").status, 200);
    // A name that someone else lets point to this machine, and the cookie that it got thereby.
    let others = [
        format!("evil.example:{port}"),
        format!("localhost:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("127.0.0.1:{port}@evil.example"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{port} "),
        String::new(),
    ];
    for other in others.iter().filter(|other| !other.ends_with(' ')) {
        for path in ["/queue", "/case/x"] {
            let headers = [("host", other.as_str()), ("cookie", &officer.cookie)];
            assert_eq!(officer.get(path, &headers).status, 403, "{other}");
        }
        let link = officer.program.enter_path();
        let entered = officer.program.ask("GET", &link, &[("host", other)], "");
        assert_eq!(entered.status, 403, "{other}");
        assert!(entered.header("set-cookie").is_none());
    }
    let twice = [("host", host.as_str()), ("host", "evil.example")];
    assert!(officer.get("/queue", &twice).status >= 400);
}

#[test]
fn chk645_a_request_that_another_page_sends_is_refused() {
    let officer = Officer::new();
    let host = officer.program.host.clone();
    let token = officer.token();
    let body = format!("token={token}&officer={}&days=1", "0".repeat(64));
    let path = format!("/case/{CASE}/assign");
    // What browsers send with a form of a page of this program.
    let own = format!("http://{host}");
    let good: [&[(&str, &str)]; 3] = [
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        &[("sec-fetch-site", "same-origin"), ("origin", &own)],
        &[("origin", &own)],
    ];
    for headers in good {
        let answer = officer.post(&path, headers, &body);
        assert!(
            answer.body.contains("Sign and send"),
            "{headers:?}: {}",
            answer.status
        );
    }
    let bad: [&[(&str, &str)]; 10] = [
        &[],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "http://127.0.0.1:9"),
        ],
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://evil.example"),
        ],
        &[("origin", "null")],
        &[("origin", "http://evil.example")],
        &[("origin", "https://127.0.0.1")],
        &[("origin", &own), ("origin", "http://evil.example")],
    ];
    for headers in bad {
        let answer = officer.post(&path, headers, &body);
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(!answer.body.contains("Sign and send"));
    }
    for site in ["cross-site", "same-site"] {
        let headers = [
            ("host", host.as_str()),
            ("cookie", &officer.cookie),
            ("sec-fetch-site", site),
        ];
        assert_eq!(officer.get("/queue", &headers).status, 403);
    }
}

#[test]
fn chk646_cookie_path_and_code_are_each_of_no_use_alone() {
    let mut officer = Officer::new();
    let host = officer.program.host.clone();
    assert_eq!(officer.page("/queue").status, 200);
    // The path without the cookie, and with others.
    let zeros = format!("waxseal-officer={}", "0".repeat(64));
    for cookie in [
        "",
        "waxseal-officer=",
        &zeros,
        &officer.cookie.to_uppercase(),
    ] {
        let headers = [("host", host.as_str()), ("cookie", cookie)];
        let answer = officer.get("/queue", &headers);
        assert_eq!(answer.status, 401, "{cookie}");
    }
    // The cookie without the path, which another program of this machine may have got.
    let paths = ["/queue", "/", "/00000000000000000000000000000000/queue"];
    for path in paths {
        let headers = [("host", host.as_str()), ("cookie", officer.cookie.as_str())];
        let answer = officer.program.ask("GET", path, &headers, "");
        assert_eq!(answer.status, 401, "{path}");
        // The refusal does not tell the path.
        assert!(!answer.body.contains(&officer.base));
    }
    // The code was used.
    let link = officer.program.enter_path();
    let again = officer.program.ask("GET", &link, &[("host", &host)], "");
    assert_eq!(again.status, 401);
    assert!(again.header("set-cookie").is_none());
    // A new link ends the session before.
    officer.program.new_link();
    let (_, cookie) = officer.program.enter();
    assert_eq!(officer.page("/queue").status, 401);
    officer.cookie = cookie;
    assert_eq!(officer.page("/queue").status, 200);
    // After signing out, the cookie is of no use.
    let body = format!("token={}", officer.token());
    let left = officer.post("/leave", &[("sec-fetch-site", "same-origin")], &body);
    assert_eq!(left.status, 200);
    assert_eq!(officer.page("/queue").status, 401);
}

#[test]
fn chk647_a_form_without_the_token_of_its_session_does_nothing() {
    let officer = Officer::new();
    let token = officer.token();
    let fields = format!("officer={}&days=1", "0".repeat(64));
    let path = format!("/case/{CASE}/assign");
    let own = [("sec-fetch-site", "same-origin")];
    let other = "1".repeat(64);
    for token in [
        "",
        "token=&",
        &format!("token={other}&"),
        &format!("Token={token}&"),
    ] {
        let answer = officer.post(&path, &own, &format!("{token}{fields}"));
        assert_eq!(answer.status, 403, "{token}");
    }
    let prepared = officer
        .post(&path, &own, &format!("token={token}&{fields}"))
        .body;
    let (_, rest) = prepared.split_once("name=\"act\" value=\"").unwrap();
    let act = rest.split('"').next().unwrap();
    // Even what was shown to the officer is not signed for another page.
    let answer = officer.post("/sign", &own, &format!("act={act}"));
    assert_eq!(answer.status, 403);
    assert!(officer.desk.world.acts.lock().unwrap().is_empty());
    let signed = officer.post("/sign", &own, &format!("token={token}&act={act}"));
    assert_eq!(signed.status, 303);
    assert_eq!(officer.desk.world.acts.lock().unwrap().len(), 1);
    // The same click again signs nothing.
    let again = officer.post("/sign", &own, &format!("token={token}&act={act}"));
    assert_eq!(again.status, 409);
    assert_eq!(officer.desk.world.acts.lock().unwrap().len(), 1);
}

#[test]
fn chk649_every_answer_forbids_scripts_frames_and_guesses() {
    let officer = Officer::new();
    let host = officer.program.host.clone();
    let style = officer.page("/queue").body;
    let (_, rest) = style.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = rest.split('"').next().unwrap();
    let own = [("host", host.as_str())];
    let answers = [
        officer.page("/queue"),
        officer.page("/nothing"),
        officer.page("/transparency.csv"),
        officer.get("/queue", &own),
        officer.get("/queue", &[("host", "evil.example")]),
        officer.program.ask("GET", style, &own, ""),
        officer.program.ask("GET", "/icon.svg", &own, ""),
        officer.program.ask("GET", "/enter?code=1", &own, ""),
        officer.post("/sign", &[], "a=%"),
    ];
    assert!(answers[5].body.contains("--seal"));
    for answer in answers {
        let header = |name| answer.header(name).unwrap_or_default();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        assert!(header("permissions-policy").contains("camera=()"));
    }
}

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
    let officer = Officer::new();
    let own = [("sec-fetch-site", "same-origin")];
    let token = officer.token();
    let body = format!("token={token}&grant={GRANT}&report={REPORT}&case={CASE}");
    let shown = officer.post("/open", &own, &body).body;
    let (_, rest) = shown.split_once("name=\"act\" value=\"").unwrap();
    let act = rest.split('"').next().unwrap();
    let path = format!("{}/sign", officer.base);
    let headers = [
        ("host", officer.program.host.as_str()),
        ("cookie", &officer.cookie),
        own[0],
    ];
    let body = format!("token={token}&act={act}");
    let stream = officer.program.send("POST", &path, &headers, &body);
    // The desk was asked, and did not answer yet.
    while officer.desk.world.acts.lock().unwrap().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(stream);
    std::thread::sleep(std::time::Duration::from_millis(1_000));
    let view = officer.page(&format!("/view/{GRANT}/{REPORT}"));
    assert_eq!(view.status, 200);
}

#[test]
fn chk652_a_policy_that_the_policy_key_did_not_sign_or_an_older_one_is_refused() {
    let officer = Officer::new();
    let evil = &officer.desk.world;
    let path = format!("/case/{CASE}/ask");
    assert_eq!(officer.page(&path).status, 200);
    let with = |change: &dyn Fn(&mut PolicyTerms)| {
        let mut terms = evil.policy.terms().clone();
        change(&mut terms);
        Policy::new(terms).unwrap()
    };
    let show = |policy: &Policy, signature| {
        let shown = (policy.encode().to_vec(), signature);
        *evil.other_policy.lock().unwrap() = Some(shown);
        let answer = officer.page(&path);
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

/// Shows the act of opening the report, and returns its name.
fn opening(officer: &Officer, token: &str) -> String {
    let body = format!("token={token}&grant={GRANT}&report={REPORT}&case={CASE}");
    let shown = officer.post("/open", &[("sec-fetch-site", "same-origin")], &body);
    let (_, rest) = shown.body.split_once("name=\"act\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn chk655_messages_that_the_grant_does_not_name_are_not_shown() {
    let officer = Officer::new();
    let token = officer.token();
    officer.desk.world.granted.store(7, Ordering::SeqCst);
    let act = opening(&officer, &token);
    let own = [("sec-fetch-site", "same-origin")];
    let signed = officer.post("/sign", &own, &format!("token={token}&act={act}"));
    assert_eq!(signed.status, 502);
    assert!(
        signed
            .body
            .contains("messages that the grant does not name")
    );
    let view = officer.page(&format!("/view/{GRANT}/{REPORT}"));
    assert_eq!(view.status, 410);
}

#[test]
fn an_act_still_waits_if_the_desk_does_not_say_who_it_is() {
    let officer = Officer::new();
    let token = officer.token();
    let act = opening(&officer, &token);
    let body = format!("token={token}&act={act}");
    let own = [("sec-fetch-site", "same-origin")];
    officer.desk.world.is_silent.store(true, Ordering::SeqCst);
    assert_eq!(officer.post("/sign", &own, &body).status, 502);
    officer.desk.world.is_silent.store(false, Ordering::SeqCst);
    assert_eq!(officer.post("/sign", &own, &body).status, 303);
}
