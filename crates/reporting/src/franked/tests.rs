//! Tests of `franked.rs`.

use super::*;
use crate::address::DeviceAddress;
use crate::conversation::ConversationId;
use crate::format::Format;
use crate::parts::tests::encoded;
use crate::tests::world::device;

impl Franked {
    /// Joins a key and parts, well-formed or not.
    pub(crate) fn new(key: &FrankingKey, parts: &[u8]) -> Self {
        Self::write(key, parts.len(), |out| out.extend_from_slice(parts))
    }

    /// The tag of these parts from this sender in this conversation.
    pub(crate) fn tag_from(
        &self,
        sender: &DeviceAddress,
        conversation: ConversationId,
    ) -> FrankingTag {
        self.tag(&Origin {
            format: Format::V2,
            sender,
            conversation,
        })
    }

    /// The tag that these parts have in format 01.
    pub(crate) fn tag_1(&self) -> FrankingTag {
        self.tag(&Origin {
            format: Format::V1,
            sender: &device("ignored", 0),
            conversation: ConversationId::group(b"ignored"),
        })
    }
}

#[test]
fn franked_bytes_survive_padding_and_show_nothing() {
    let franked = Franked::new(&FrankingKey::from_bytes([3; 32]), &encoded(&[54, 10]));
    let again = Franked::unpad(franked.padded().to_vec().into()).unwrap();
    assert_eq!(again.as_bytes(), franked.as_bytes());
    assert!(again.tag_1().matches(&franked.tag_1()));
    assert_eq!(format!("{franked:?}"), "Franked { parts: 2, .. }");
}

#[test]
fn plaintext_past_the_bound_is_refused() {
    let mut long = Zeroizing::new(vec![0; MAX_PLAINTEXT_LEN + 1]);
    long[40] = 0x80;
    assert!(Franked::unpad(long).is_none());
}
