use super::*;
use crate::error::ErrorCode;

#[test]
fn a_relay_is_named_by_host_and_port() {
    for url in [
        "http://127.0.0.1:80",
        "http://relay.example:7600/",
        "http://[::1]:7600",
    ] {
        RelayClient::new(url).unwrap();
    }
    for url in [
        "127.0.0.1:80",
        "https://relay.example",
        "http://",
        "http://a/b",
        "http://a@b",
    ] {
        assert!(
            matches!(RelayClient::new(url), Err(ClientError::BadUrl)),
            "{url}"
        );
    }
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
