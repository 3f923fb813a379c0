//! Lists every label of this crate. Each input of a hash or signature starts with one, except the
//! tree's hashes, which RFC 6962 defines.
//!
//! No label is a prefix of another, so it is always clear where a label ends.

/// Digest of a detail and its salt.
pub(crate) const DETAIL: &[u8] = b"waxseal/log/1/detail";
/// The policy key's signature of a published policy.
pub(crate) const POLICY: &[u8] = b"waxseal/log/1/policy";
/// First line of what a cosigner signs. C2SP tlog-cosignature.
pub(crate) const COSIGNATURE: &[u8] = b"cosignature/v1\n";
/// First line of a promise, which the log key signs as it signs checkpoints. No log has it as its
/// origin.
pub(crate) const PROMISE: &[u8] = b"waxseal.promise/1\n";

#[cfg(test)]
mod tests;
