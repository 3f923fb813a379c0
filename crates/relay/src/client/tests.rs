use waxseal_interface::ErrorCode;

use super::*;

#[test]
fn a_relay_is_named_by_host_and_port() {
    for url in [
        "http://127.0.0.1:80",
        "http://localhost:7600/",
        "http://[::1]:7600",
        "https://relay.example",
        "https://relay.example:7600/",
    ] {
        RelayClient::with_ca(url, &authority()).unwrap();
    }
    for url in [
        "127.0.0.1:80",
        "ftp://localhost",
        "http://",
        "https://",
        "http://:80",
        "http://localhost:x",
        "http://a/b",
        "https://a@b",
    ] {
        for client in [
            RelayClient::with_ca(url, &authority()),
            RelayClient::with_plain_http(url),
        ] {
            assert!(matches!(client, Err(ClientError::BadUrl)), "{url}");
        }
    }
}

#[test]
fn plain_http_to_another_machine_must_be_asked_for() {
    for url in [
        "http://relay.example:7600",
        "http://192.0.2.1:7600",
        "http://[2001:db8::1]",
        "http://localhost.example",
        "http://127.0.0.1.example",
    ] {
        for client in [
            RelayClient::new(url),
            RelayClient::with_ca(url, &authority()),
        ] {
            assert!(matches!(client, Err(ClientError::PlainHttp)), "{url}");
        }
        RelayClient::with_plain_http(url).unwrap();
    }
    let with_tls = RelayClient::with_plain_http("https://relay.example");
    assert!(matches!(with_tls, Err(ClientError::BadUrl)));
}

#[test]
fn an_authoritys_file_must_hold_a_certificate() {
    let (url, pem) = ("https://relay.example", authority());
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for bad in [b"", &pem[..pem.len() / 2], key.as_bytes()] {
        let client = RelayClient::with_ca(url, bad);
        assert!(matches!(client, Err(ClientError::NoAuthority)));
    }
}

fn authority() -> Vec<u8> {
    let signed = rcgen::generate_simple_self_signed(["relay.example".to_owned()]).unwrap();
    signed.cert.pem().into_bytes()
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
