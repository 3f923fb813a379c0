//! Tests of `stamp.rs`.

use super::*;
use crate::tests::world::{account, device};

fn context() -> StampContext {
    StampContext {
        sender: device("al", 1),
        audience: Audience::Direct(account("bo")),
        accepted_at: Timestamp::from_millis(86_400_001),
        epoch: 1,
    }
}

#[test]
fn the_example_of_the_byte_table() {
    let hex: String = context()
        .encode()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, "02616c000000010102626f0000000005265c0100000001");
}

#[test]
fn chk54_context_is_strict() {
    let group = StampContext {
        audience: Audience::Group(ConversationId::group(b"g")),
        ..context()
    };
    for context in [context(), group] {
        let bytes = context.encode();
        assert_eq!(StampContext::decode(&bytes), Some(context));
        for cut in 0..bytes.len() {
            assert_eq!(StampContext::decode(&bytes[..cut]), None);
        }
        assert_eq!(
            StampContext::decode(&[bytes.as_slice(), &[0]].concat()),
            None
        );
    }
    let mut other_audience = context().encode();
    other_audience[7] = 3;
    assert_eq!(StampContext::decode(&other_audience), None);
}

#[test]
fn the_longest_context_is_max_context_len() {
    let long = "x".repeat(128);
    let context = StampContext {
        sender: device(&long, 1),
        audience: Audience::Direct(account(&long)),
        ..context()
    };
    assert_eq!(context.encode().len(), MAX_CONTEXT_LEN);
}

#[test]
fn debug_shows_no_stamp() {
    assert_eq!(format!("{:?}", Stamp::new([1; 32])), "Stamp(..)");
}
