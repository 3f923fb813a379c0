use super::*;

#[test]
fn a_home_allows_one_process_and_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let open = || Home::open(&home, &mut rand::rng());
    let first = open().unwrap();
    let second = open().err().unwrap();
    assert_eq!(second.message, "another process is using this home");
    drop(first);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(home.clone()), 0o700);
        for file in ["store.key", "store.sqlite"] {
            assert_eq!(mode(home.join(file)), 0o600, "{file}");
        }
    }
    fs::write(home.join("store.key"), [7; 32]).unwrap();
    let wrong = open().err().unwrap();
    assert_eq!(wrong.message, "the store was made with another key");
}

#[test]
fn a_home_of_before_has_its_pinned_keys_and_what_was_shown() {
    let before = r#"{
        "relay": {
            "url": "http://127.0.0.1:7600", "ca": null, "plain_http": false,
            "key": "0707070707070707070707070707070707070707070707070707070707070707",
            "moderation_fingerprint": "ec95 5b33", "verify_days": 30
        },
        "unseen_from": {"bob": 3}, "rotated_at_ms": 7, "upload_pending": true,
        "prekeys_damaged": false, "replace_prekeys": false,
        "submitted": {"00": {"report_id": "11", "at_ms": 1, "asked_at_ms": 1}},
        "kept": {"4": {"since_ms": 1, "times": 1, "from": "eve"}}
    }"#;
    let memory: Memory = serde_json::from_str(before).unwrap();
    let pinned = memory.pinned().unwrap().unwrap();
    assert_eq!(pinned.relay_key, [7; 32]);
    assert_eq!(pinned.moderation_fingerprint, "ec95 5b33");
    assert_eq!(memory.unseen_from["bob"], 3);
    // The courier keeps the keys from then on.
    let now = serde_json::to_string(&memory).unwrap();
    assert_eq!(
        now,
        r#"{"relay":{"url":"http://127.0.0.1:7600","ca":null,"plain_http":false},"unseen_from":{"bob":3}}"#
    );
    let memory: Memory = serde_json::from_str(&now).unwrap();
    assert!(memory.pinned().unwrap().is_none());
    // A key that is damaged is not taken for none.
    let damaged = before.replace("0707", "07");
    let memory: Memory = serde_json::from_str(&damaged).unwrap();
    assert!(memory.pinned().is_err());
}
