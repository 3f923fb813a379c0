//! Shows one reader that a decision is about them, and tells nothing about the other people in it.
//!
//! A decision's detail commits to the reported account, and to each report of its case. The
//! receipt for one of them opens one commitment. The other commitments stay closed, because each
//! has a salt of its own.

use sha2::{Digest as _, Sha256};

use crate::codec::Reader;
use crate::labels;
use crate::limits::MAX_PROOF_HASHES;
use crate::merkle::{Frontier, TreeHash};
use crate::proof::verify_inclusion;
use crate::report::ReportDigest;

/// Commits to the account that a decision is about.
///
/// ```text
/// SHA-256("waxseal/log/1/account" || salt 32 || account)
/// ```
pub fn account_commitment(salt: &[u8; 32], account: &[u8]) -> [u8; 32] {
    let digest = Sha256::new_with_prefix(labels::ACCOUNT).chain_update(salt);
    digest.chain_update(account).finalize().into()
}

/// Commits to a report of the case that a decision is about.
///
/// ```text
/// SHA-256("waxseal/log/1/link-to-report" || salt 32 || report digest 32)
/// ```
pub fn report_commitment(salt: &[u8; 32], report: &ReportDigest) -> [u8; 32] {
    let digest = Sha256::new_with_prefix(labels::REPORT_LINK).chain_update(salt);
    digest.chain_update(report.as_bytes()).finalize().into()
}

/// Commits to the officer who decided.
///
/// ```text
/// SHA-256("waxseal/log/1/officer" || salt 32 || officer key 32)
/// ```
pub fn officer_commitment(salt: &[u8; 32], officer_key: &[u8; 32]) -> [u8; 32] {
    let digest = Sha256::new_with_prefix(labels::OFFICER).chain_update(salt);
    digest.chain_update(officer_key).finalize().into()
}

/// The root over the commitments to the reports of a case, in the case's order.
///
/// A tree like the log's: its leaves are the commitments.
pub fn reports_root(commitments: &[[u8; 32]]) -> TreeHash {
    root_over(commitments.iter().map(|one| TreeHash::of_leaf(one)))
}

/// Opens the commitment to one reader: the link in a receipt.
#[derive(Clone, PartialEq, Eq)]
pub enum Link {
    /// For a reporter: opens the commitment to the reader's report.
    Report {
        /// Salt of the commitment.
        salt: [u8; 32],
        /// Position of the report in its case, starting at 0.
        index: u32,
        /// Inclusion proof from the commitment to the root over all reports of the case.
        path: Vec<TreeHash>,
    },
    /// For the account that was decided against: opens the commitment to the account.
    Account {
        /// Salt of the commitment.
        salt: [u8; 32],
    },
}

impl Link {
    /// The link for the report at `index` of a case. `None` if the case has no such report.
    pub fn to_report(salt: [u8; 32], index: u32, commitments: &[[u8; 32]]) -> Option<Self> {
        let leaves: Vec<TreeHash> = commitments
            .iter()
            .map(|one| TreeHash::of_leaf(one))
            .collect();
        let at = usize::try_from(index)
            .ok()
            .filter(|at| *at < leaves.len())?;
        let path = path_to(at, &leaves)?;
        Some(Self::Report { salt, index, path })
    }

    /// Whether this link opens the commitment to `report` under a root over `count` reports.
    pub(crate) fn names_report(&self, report: &ReportDigest, root: &TreeHash, count: u32) -> bool {
        let Self::Report { salt, index, path } = self else {
            return false;
        };
        let leaf = TreeHash::of_leaf(&report_commitment(salt, report));
        verify_inclusion(&leaf, (*index).into(), count.into(), root, path).is_ok()
    }

    /// Whether this link opens `commitment` to `account`.
    pub(crate) fn names_account(&self, account: &[u8], commitment: &[u8; 32]) -> bool {
        let Self::Account { salt } = self else {
            return false;
        };
        account_commitment(salt, account) == *commitment
    }

    pub(crate) fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Report { salt, index, path } => {
                out.extend_from_slice(salt);
                out.extend_from_slice(&index.to_be_bytes());
                out.push(u8::try_from(path.len()).unwrap_or(u8::MAX));
                path.iter()
                    .for_each(|hash| out.extend_from_slice(hash.as_bytes()));
            }
            Self::Account { salt } => out.extend_from_slice(salt),
        }
    }

    /// Reads the link of a receipt for a reporter.
    pub(crate) fn read_report(reader: &mut Reader<'_>) -> Option<Self> {
        let (salt, index) = (reader.array()?, reader.u32()?);
        let path = read_hashes(reader)?;
        Some(Self::Report { salt, index, path })
    }

    /// Reads the link of a receipt for an account.
    pub(crate) fn read_account(reader: &mut Reader<'_>) -> Option<Self> {
        let salt = reader.array()?;
        Some(Self::Account { salt })
    }
}

/// Reads `count u8 || count x 32`, with at most [`MAX_PROOF_HASHES`] hashes.
pub(crate) fn read_hashes(reader: &mut Reader<'_>) -> Option<Vec<TreeHash>> {
    let count = usize::from(reader.u8()?);
    if count > MAX_PROOF_HASHES {
        return None;
    }
    (0..count)
        .map(|_| reader.array().map(TreeHash::from_bytes))
        .collect()
}

/// RFC 6962, “Merkle Audit Paths”, over leaves in memory. The lowest hash comes first.
fn path_to(mut at: usize, leaves: &[TreeHash]) -> Option<Vec<TreeHash>> {
    let mut path = Vec::new();
    let mut part = leaves;
    while part.len() > 1 {
        // k = the largest power of two that is less than n
        let split = part.len().div_ceil(2).next_power_of_two();
        let (left, right) = part.split_at_checked(split)?;
        let sibling = match at.checked_sub(split) {
            None => {
                part = left;
                right
            }
            Some(rest) => {
                (at, part) = (rest, right);
                left
            }
        };
        path.push(root_over(sibling.iter().copied()));
    }
    path.reverse();
    Some(path)
}

/// The root over these leaf hashes.
fn root_over(leaves: impl IntoIterator<Item = TreeHash>) -> TreeHash {
    let mut frontier = Frontier::new();
    leaves.into_iter().for_each(|leaf| frontier.push(leaf));
    frontier.root()
}

#[cfg(test)]
mod tests;
