//! Lists every label of this crate. Each input of a key derivation, MAC or hash, and the channel's
//! associated data, starts with one.
//!
//! No label is a prefix of another, so it is always clear where a label ends.

/// HKDF-Expand from the franking key to the root key.
pub(crate) const FRANKING_ROOT_KEY: &[u8] = b"waxseal/1/frank-root-key";
/// HKDF-Expand from the franking key to one part's key.
pub(crate) const FRANKING_PART_KEY: &[u8] = b"waxseal/1/frank-part-key";
/// MAC that commits to one part of a message.
pub(crate) const FRANKING_PART: &[u8] = b"waxseal/1/frank-commit";
/// The franking tag of a message of format 01, over the commitments to all parts.
pub(crate) const FRANKING_TAG_1: &[u8] = b"waxseal/1/frank-tag";
/// The franking tag, over sender, conversation and the commitments to all parts.
pub(crate) const FRANKING_TAG: &[u8] = b"waxseal/2/frank-tag";
/// HKDF-Expand from the franking key to the key of a control message's tag.
pub(crate) const CONTROL_KEY: &[u8] = b"waxseal/2/control-key";
/// The tag of a control message, over sender, conversation and control message.
pub(crate) const CONTROL_TAG: &[u8] = b"waxseal/2/control-tag";
/// Associated data of a refusal.
pub(crate) const REFUSAL: &[u8] = b"waxseal/2/refusal";
/// Associated data given to the channel.
pub(crate) const CHANNEL: &[u8] = b"waxseal/1/channel";
/// Identifier of a conversation of two accounts.
pub(crate) const CONVERSATION_DIRECT: &[u8] = b"waxseal/1/conversation-direct";
/// Identifier of a group's conversation.
pub(crate) const CONVERSATION_GROUP: &[u8] = b"waxseal/1/conversation-group";
/// HKDF-Expand from an epoch's root to its stamp key.
pub(crate) const STAMP_EPOCH_KEY: &[u8] = b"waxseal/1/stamp-epoch-key";
/// HKDF-Expand from an epoch's root to the next epoch's root.
pub(crate) const STAMP_NEXT_ROOT: &[u8] = b"waxseal/1/stamp-next-root";
/// The stamp, which is the relay's MAC over a tag and its context.
pub(crate) const STAMP: &[u8] = b"waxseal/1/stamp-mac";
/// The device's MAC for the relay, over a message that was sealed again.
pub(crate) const RESEAL: &[u8] = b"waxseal/2/reseal-mac";
/// The device's MAC for the relay, over a message as posted, with all its slots.
pub(crate) const FANOUT: &[u8] = b"waxseal/2/fanout-mac";
/// The device's MAC for the relay, over a message to a group as posted, with body and slots.
pub(crate) const GROUP_POST: &[u8] = b"waxseal/2/group-post-mac";
/// The relay's MAC for a recipient device.
pub(crate) const DELIVERY: &[u8] = b"waxseal/2/delivery-mac";
/// The relay's MAC for the sending device.
pub(crate) const RECEIPT: &[u8] = b"waxseal/2/receipt-mac";
/// The provider's MAC over an answer to a device's request.
pub(crate) const ANSWER: &[u8] = b"waxseal/2/answer-mac";
/// HPKE info of the sealed openings of a report of version 01.
pub(crate) const REPORT_OPENINGS_1: &[u8] = b"waxseal/1/report-openings";
/// HPKE info of the sealed openings of a report of version 02.
pub(crate) const REPORT_OPENINGS: &[u8] = b"waxseal/2/report-openings";
/// The reporter's MAC over its report of version 01.
pub(crate) const REPORTER_1: &[u8] = b"waxseal/1/reporter-mac";
/// The reporter's MAC over its report of version 02.
pub(crate) const REPORTER: &[u8] = b"waxseal/2/reporter-mac";
/// HPKE info of the sealed openings of a report of version 03.
pub(crate) const REPORT_OPENINGS_3: &[u8] = b"waxseal/3/report-openings";
/// The reporter's MAC over its report of version 03.
pub(crate) const REPORTER_3: &[u8] = b"waxseal/3/reporter-mac";
/// The nullifier, by which a reporter's second report of the same message is recognised.
pub(crate) const NULLIFIER: &[u8] = b"waxseal/1/nullifier";
/// The nullifier of a report about an account, by which a reporter's second one is recognised.
pub(crate) const ACCOUNT_NULLIFIER: &[u8] = b"waxseal/2/account-nullifier";
/// The intake's MAC over an accepted report of version 01.
pub(crate) const ACCEPTANCE_1: &[u8] = b"waxseal/1/acceptance-mac";
/// The intake's MAC over an accepted report of version 02, which names its id.
pub(crate) const ACCEPTANCE: &[u8] = b"waxseal/2/acceptance-mac";
/// Fingerprint of a moderation key.
pub(crate) const MODERATION_KEY: &[u8] = b"waxseal/1/moderation-key";
/// HKDF-Expand from the key of a file to the key of one chunk.
pub(crate) const FILE_CHUNK_KEY: &[u8] = b"waxseal/2/file-chunk-key";
/// HKDF-Expand from the key of a chunk to the key of its cipher.
pub(crate) const FILE_CIPHER_KEY: &[u8] = b"waxseal/2/file-cipher-key";
/// HKDF-Expand from the key of a chunk to the key of its hash.
pub(crate) const FILE_HASH_KEY: &[u8] = b"waxseal/2/file-hash-key";
/// The tag of a chunk, over its place, its length and its hash.
pub(crate) const FILE_CHUNK_TAG: &[u8] = b"waxseal/2/file-chunk-tag";
/// A node of the tree over the tags of a file's chunks.
pub(crate) const FILE_NODE: &[u8] = b"waxseal/2/file-node";
/// The root of a file, over its size, its number of chunks and the top of its tree.
pub(crate) const FILE_ROOT: &[u8] = b"waxseal/2/file-root";

#[cfg(test)]
mod tests;
