//! Tests of `conversation.rs`.

use super::*;
use crate::address::{DeviceAddress, DeviceId};

fn id(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
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
