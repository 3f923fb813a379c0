//! Whoever has a part of a session has nothing: tests with requests that no page would send.

use crate::evil_desk::CASE;
use crate::visit::Visit;

#[test]
fn chk644_a_request_under_another_name_is_refused_whatever_else_it_has() {
    let visit = Visit::new();
    let host = visit.program.host.clone();
    let port = host.split(':').nth(1).unwrap();
    assert_eq!(visit.page("/queue").status, 200);
    // A name that someone else lets point to this machine, and the cookie that it got thereby.
    let others = [
        format!("evil.example:{port}"),
        format!("localhost:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("127.0.0.1:{port}@evil.example"),
        "127.0.0.1".to_owned(),
        String::new(),
    ];
    for other in &others {
        for path in ["/queue", "/case/x"] {
            let headers = [("host", other.as_str()), ("cookie", &visit.cookie)];
            assert_eq!(visit.get(path, &headers).status, 403, "{other}");
        }
        let link = visit.program.enter_path();
        let entered = visit.program.ask("GET", &link, &[("host", other)], "");
        assert_eq!(entered.status, 403, "{other}");
        assert!(entered.header("set-cookie").is_none());
    }
    let twice = [("host", host.as_str()), ("host", "evil.example")];
    assert!(visit.get("/queue", &twice).status >= 400);
}

#[test]
fn chk645_a_request_that_another_page_sends_is_refused() {
    let visit = Visit::new();
    let host = visit.program.host.clone();
    let token = visit.token();
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
        let answer = visit.post(&path, headers, &body);
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
        let answer = visit.post(&path, headers, &body);
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(!answer.body.contains("Sign and send"));
    }
    for site in ["cross-site", "same-site"] {
        let headers = [
            ("host", host.as_str()),
            ("cookie", &visit.cookie),
            ("sec-fetch-site", site),
        ];
        assert_eq!(visit.get("/queue", &headers).status, 403);
    }
}

#[test]
fn chk646_cookie_path_and_code_are_each_of_no_use_alone() {
    let mut visit = Visit::new();
    let host = visit.program.host.clone();
    assert_eq!(visit.page("/queue").status, 200);
    // The path without the cookie, and with others.
    let zeros = format!("waxseal-officer={}", "0".repeat(64));
    let (name, value) = visit.cookie.split_once('=').unwrap();
    let upper = value.to_uppercase();
    assert_ne!(upper, value);
    for cookie in [
        "",
        "waxseal-officer=",
        &zeros,
        &format!("{}={value}", name.to_uppercase()),
        &format!("{name}={upper}"),
        &format!("{name}={}", &value[1..]),
        &format!("{name}={value}0"),
        &format!("x{name}={value}"),
        value,
    ] {
        let headers = [("host", host.as_str()), ("cookie", cookie)];
        let answer = visit.get("/queue", &headers);
        assert_eq!(answer.status, 401, "{cookie}");
    }
    // The cookie without the path, which another program of this machine may have got.
    let paths = ["/queue", "/", "/00000000000000000000000000000000/queue"];
    for path in paths {
        let headers = [("host", host.as_str()), ("cookie", visit.cookie.as_str())];
        let answer = visit.program.ask("GET", path, &headers, "");
        assert_eq!(answer.status, 401, "{path}");
        // The refusal does not tell the path.
        assert!(!answer.body.contains(&visit.base));
    }
    // The code was used.
    let link = visit.program.enter_path();
    let again = visit.program.ask("GET", &link, &[("host", &host)], "");
    assert_eq!(again.status, 401);
    assert!(again.header("set-cookie").is_none());
    // A new link ends the session before.
    visit.program.new_link();
    let (_, cookie) = visit.program.enter();
    assert_eq!(visit.page("/queue").status, 401);
    visit.cookie = cookie;
    assert_eq!(visit.page("/queue").status, 200);
    // After signing out, the cookie is of no use.
    let body = format!("token={}", visit.token());
    let left = visit.post("/leave", &[("sec-fetch-site", "same-origin")], &body);
    assert_eq!(left.status, 200);
    assert_eq!(visit.page("/queue").status, 401);
}

#[test]
fn chk647_a_form_without_the_token_of_its_session_does_nothing() {
    let visit = Visit::new();
    let token = visit.token();
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
        let answer = visit.post(&path, &own, &format!("{token}{fields}"));
        assert_eq!(answer.status, 403, "{token}");
    }
    let prepared = visit
        .post(&path, &own, &format!("token={token}&{fields}"))
        .body;
    let (_, rest) = prepared.split_once("name=\"act\" value=\"").unwrap();
    let act = rest.split('"').next().unwrap();
    // Even what was shown to the officer is not signed for another page.
    let answer = visit.post("/sign", &own, &format!("act={act}"));
    assert_eq!(answer.status, 403);
    assert!(visit.desk.world.acts.lock().unwrap().is_empty());
    let signed = visit.post("/sign", &own, &format!("token={token}&act={act}"));
    assert_eq!(signed.status, 303);
    assert_eq!(visit.desk.world.acts.lock().unwrap().len(), 1);
    // The same click again signs nothing.
    let again = visit.post("/sign", &own, &format!("token={token}&act={act}"));
    assert_eq!(again.status, 409);
    assert_eq!(visit.desk.world.acts.lock().unwrap().len(), 1);
}

#[test]
fn chk649_every_answer_forbids_scripts_frames_and_guesses() {
    let visit = Visit::new();
    let host = visit.program.host.clone();
    let style = visit.page("/queue").body;
    let (_, rest) = style.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = rest.split('"').next().unwrap();
    let own = [("host", host.as_str())];
    let answers = [
        visit.page("/queue"),
        visit.page("/nothing"),
        visit.page("/transparency.csv"),
        visit.get("/queue", &own),
        visit.get("/queue", &[("host", "evil.example")]),
        visit.program.ask("GET", style, &own, ""),
        visit.program.ask("GET", "/icon.svg", &own, ""),
        visit.program.ask("GET", "/enter?code=1", &own, ""),
        visit.post("/sign", &[], "a=%"),
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
