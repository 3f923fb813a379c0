use waxseal_interface::ErrorCode;

use super::*;

#[test]
fn a_client_says_which_urls_it_takes() {
    let other = RelayClient::new("ftp://localhost");
    assert!(matches!(other, Err(ClientError::BadUrl)));
    let other_machine = RelayClient::new("http://relay.example");
    assert!(matches!(other_machine, Err(ClientError::PlainHttp)));
    RelayClient::with_plain_http("http://relay.example").unwrap();
    let no_authority = RelayClient::with_ca("https://relay.example", b"");
    assert!(matches!(no_authority, Err(ClientError::NoAuthority)));
}

#[test]
fn an_answer_in_an_unknown_format_still_says_whether_to_try_again() {
    assert!(ClientError::refused(502, b"<html>").is_transient());
    assert!(!ClientError::refused(404, b"<html>").is_transient());
    let newer = br#"{"error":"teapot","message":"short and stout"}"#;
    let newer = ClientError::refused(418, newer);
    assert_eq!(newer.code(), Some(ErrorCode::Other));
}

#[test]
fn what_the_caller_lacks_is_read_from_a_refusal() {
    let body = br#"{"error":"mismatch","message":"","mismatch":{"rosters":["BQ=="],
        "bundles":[{"name":"bob","device":2,"base":"Bg==","one_time":null}]}}"#;
    let refused = ClientError::refused(409, body);
    let mismatch = refused.mismatch().unwrap();
    assert_eq!(mismatch.rosters, [[5]]);
    let target = &mismatch.bundles[0];
    assert_eq!((target.name.as_str(), target.bundle.device), ("bob", 2));
    assert_eq!(refused.newest_roster(), None);
    let body = br#"{"error":"roster_conflict","message":"","conflict":{"roster":"BQ=="}}"#;
    let refused = ClientError::refused(409, body);
    assert_eq!(refused.newest_roster(), Some([5].as_slice()));
    assert!(refused.mismatch().is_none() && !refused.is_transient());
}

#[test]
fn a_report_is_kept_after_a_refusal_that_can_lift() {
    for (code, lifts) in [
        ("report_too_early", true),
        ("too_many_reports", true),
        ("relay_full", true),
        ("report_refused", false),
    ] {
        let body = format!(r#"{{"error":"{code}","message":""}}"#);
        let refused = ClientError::refused(503, body.as_bytes());
        assert_ne!(refused.code(), Some(ErrorCode::Other));
        assert_eq!(refused.is_transient(), lifts, "{code}");
    }
}
