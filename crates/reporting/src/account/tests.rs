//! Tests of `account.rs`.

use super::*;

fn id(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
}

#[test]
fn chk55_account_ids_out_of_bounds_are_refused() {
    let longest = "x".repeat(MAX_ACCOUNT_LEN);
    assert_eq!(AccountId::new(&longest).unwrap().as_str(), longest);
    for bad in [
        "",
        &"x".repeat(MAX_ACCOUNT_LEN + 1),
        "a\0b",
        "a\nb",
        "a\u{85}b",
        "a\u{7f}",
    ] {
        assert_eq!(AccountId::new(bad), Err(AccountIdError), "{bad:?}");
    }
}

/// A published scheme signed a string cut at its first NUL: 200 of 200 altered reports were accepted.
#[test]
fn broken_artefact_cut_at_first_nul_ids_with_nul_do_not_exist() {
    assert_eq!(AccountId::new("mallory\0@bank"), Err(AccountIdError));
    let mut encoded = vec![9];
    encoded.extend_from_slice(b"mallory\0x");
    encoded.extend_from_slice(&[0; 4]);
    assert!(DeviceAddress::read(&mut Reader::new(&encoded)).is_none());
}

#[test]
fn direct_conversation_is_the_same_from_both_sides_and_prefix_safe() {
    assert_eq!(
        ConversationId::direct(&id("a"), &id("b")),
        ConversationId::direct(&id("b"), &id("a"))
    );
    assert_ne!(
        ConversationId::direct(&id("ab"), &id("c")),
        ConversationId::direct(&id("a"), &id("bc"))
    );
    assert_ne!(
        ConversationId::direct(&id("a"), &id("b")),
        ConversationId::group(b"\x01a\x01b")
    );
}

#[test]
fn debug_shows_no_ids() {
    let sender = DeviceAddress::new(id("alice@example"), DeviceId(2));
    assert_eq!(
        format!("{sender:?}"),
        "DeviceAddress { account: AccountId(13 bytes), device: DeviceId(2) }"
    );
    assert_eq!(
        format!("{:?}", ConversationId::group(b"x")),
        "ConversationId(..)"
    );
}
