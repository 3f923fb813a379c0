//! Every label with which this crate derives a key or names associated data. No label is a prefix
//! of another label, neither here nor in the crates that this one uses.

/// Associated data: comes before the preamble of a ciphertext.
pub(crate) const PREAMBLE: &[u8] = b"waxseal/1/preamble";

/// Associated data of a link's messages.
pub(crate) const LINK_MESSAGE: &[u8] = b"waxseal/1/link/message";
/// MAC of the provider's word on when it accepted an entry of a group.
pub(crate) const ENTRY_RECEIPT: &[u8] = b"waxseal/1/relay/entry-receipt";
/// HKDF info of the key that seals a store's values.
#[cfg(feature = "sqlite")]
pub(crate) const STORE_VALUES: &[u8] = b"waxseal/1/store/values";
/// HKDF info of the key that hides the names of a store's records.
#[cfg(feature = "sqlite")]
pub(crate) const STORE_NAMES: &[u8] = b"waxseal/1/store/names";
/// HKDF info of the value by which a store recognises its key.
#[cfg(feature = "sqlite")]
pub(crate) const STORE_KEY_CHECK: &[u8] = b"waxseal/1/store/key-check";

/// HKDF info of the key and the nonce of one history chunk.
pub(crate) const HISTORY_CHUNK: &[u8] = b"waxseal/1/history-chunk";
/// Associated data of a history chunk: comes before the request, the number and the last flag.
pub(crate) const HISTORY_PLACE: &[u8] = b"waxseal/1/history-place";
/// HKDF info of the mailboxes of a history.
pub(crate) const HISTORY_MAILBOX: &[u8] = b"waxseal/1/history-mailbox";

#[cfg(test)]
mod tests;
