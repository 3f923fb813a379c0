//! Defines the nullifier, by which the intake recognises a second report of the same thing.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::address::AccountId;
use crate::codec::len8;
use crate::labels;
use crate::stamp::Claim;

/// The value by which an account's second report of the same message, or of the same account, is
/// recognised. 32 bytes.
///
/// ```text
/// SHA-256("waxseal/1/nullifier" || tag 32 || sender || len u8 || reporter's account)
/// SHA-256("waxseal/2/account-nullifier" || len u8 || account || len u8 || reporter's account)
/// ```
///
/// It covers the reporter, so that no one, and least of all the sender, can use up another
/// participant's report of the same message. It does not cover the stamp: a relay that keeps no
/// records stamps a repeated envelope again, yet it is the same message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nullifier([u8; 32]);

impl Nullifier {
    /// The nullifier of a report of this claim by this account.
    pub fn new(claim: &Claim, reporter: &AccountId) -> Self {
        let mut hash = Sha256::new_with_prefix(labels::NULLIFIER);
        let sender = &claim.context.sender;
        hash.update(claim.tag.as_bytes());
        hash.update([len8(sender.account.as_bytes())]);
        hash.update(sender.account.as_bytes());
        hash.update(sender.device.0.to_be_bytes());
        hash.update([len8(reporter.as_bytes())]);
        hash.update(reporter.as_bytes());
        Self(hash.finalize().into())
    }

    /// The nullifier of a report about `account`, without messages, by this account.
    pub fn about_account(account: &AccountId, reporter: &AccountId) -> Self {
        let mut hash = Sha256::new_with_prefix(labels::ACCOUNT_NULLIFIER);
        for account in [account, reporter] {
            hash.update([len8(account.as_bytes())]);
            hash.update(account.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Nullifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nullifier(..)")
    }
}
