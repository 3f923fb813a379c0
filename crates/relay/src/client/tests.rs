use super::*;

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
fn an_answer_in_no_known_form_still_says_whether_to_try_again() {
    assert!(refusal(502, b"<html>").is_transient());
    assert!(!refusal(404, b"<html>").is_transient());
    let newer = refusal(418, br#"{"error":"teapot","message":"short and stout"}"#);
    assert_eq!(newer.code(), Some(ErrorCode::Other));
}
