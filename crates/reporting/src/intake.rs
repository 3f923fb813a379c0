//! Accepts reports at the provider's intake: checks that a participant reports messages that passed
//! through the relay, without reading them. A report about an account has no messages to check.

use core::fmt;
use std::collections::BTreeSet;

pub use crate::accepted::{AcceptanceKey, AcceptedError, AcceptedReport, ReportId};
use crate::address::DeviceAddress;
use crate::conversation::{Audience, ConversationId};
use crate::delivery::DeliveryKey;
pub use crate::nullifier::Nullifier;
use crate::rejection::Rejection;
use crate::report::{Report, is_participant};
use crate::stamp::Claim;
use crate::stamp_keys::StampKeys;
use crate::timestamp::Timestamp;

/// A membership that the intake has to look up: the reporter must have been in the group when the
/// relay accepted the message.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// The group.
    pub group: ConversationId,
    /// The reporting device.
    pub member: DeviceAddress,
    /// When the relay accepted the message.
    pub at: Timestamp,
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// The intake's first step: checks everything about a report that needs no database.
///
/// `reporter_key` is the delivery key of [`Report::reporter`].
///
/// Does not check that the report can be opened. Reject it beforehand if
/// [`Report::moderation_key`] is not in use, so that the app fetches the current key and seals
/// again.
///
/// # Errors
/// [`Rejection`] for the first check that fails.
pub fn examine(
    report: Report,
    stamp_keys: &StampKeys,
    reporter_key: &DeliveryKey,
    now: Timestamp,
) -> Result<Examined, Rejection> {
    // CHK-74: the report is from the device it names.
    if !report.is_from_reporter(reporter_key) {
        return Err(Rejection::NotFromReporter);
    }
    let claims = report.claims();
    for (index, (earlier, later)) in claims.iter().zip(claims.iter().skip(1)).enumerate() {
        // CHK-76: claims ascend strictly by accepted time, sender and tag, and no tag occurs twice,
        // even under another stamp: a message that was stamped twice is still one message.
        let mut before = claims.iter().take(index.saturating_add(1));
        if !report.ascends(earlier, later) || before.any(|claim| claim.tag == later.tag) {
            return Err(Rejection::ClaimsOutOfOrder);
        }
        // CHK-77: all claims belong to one conversation.
        if earlier.conversation() != later.conversation() {
            return Err(Rejection::SeveralConversations);
        }
    }
    let mut epochs = stamp_keys.epochs();
    for (index, claim) in claims.iter().enumerate() {
        // CHK-79: every claim's stamp is genuine (checks 68 to 71).
        epochs
            .verify(claim, now)
            .map_err(|cause| Rejection::Stamp {
                claim: index,
                cause,
            })?;
        // CHK-78: the reporter is a participant: the sender or the recipient.
        if !is_participant(report.reporter(), claim) {
            return Err(Rejection::NotAParticipant);
        }
    }
    // CHK-114: no claim calls a direct conversation a group.
    if names_direct_as_group(&report) {
        return Err(Rejection::GroupIsDirect);
    }
    // CHK-117: no one reports their own account.
    if report.about_account() == Some(&report.reporter().account) {
        return Err(Rejection::OwnAccount);
    }
    Ok(Examined { report, now })
}

/// Whether a claim is to a group whose id is that of a direct conversation. Tries each pair of the
/// accounts that the report names, the pair of an account with itself included.
fn names_direct_as_group(report: &Report) -> bool {
    let groups: BTreeSet<_> = report.claims().iter().filter_map(Claim::group).collect();
    if groups.is_empty() {
        return false;
    }
    let mut accounts = BTreeSet::from([&report.reporter().account]);
    for claim in report.claims() {
        accounts.insert(&claim.context.sender.account);
        if let Audience::Direct(recipient) = &claim.context.audience {
            accounts.insert(recipient);
        }
    }
    accounts.iter().enumerate().any(|(index, one)| {
        accounts
            .iter()
            .skip(index)
            .any(|other| groups.contains(&ConversationId::direct(one, other)))
    })
}

/// A report that passed every check for which the intake needs no database.
///
/// [`examine`] makes it. The intake looks up [`nullifiers`](Self::nullifiers) and
/// [`memberships`](Self::memberships) in its own way and its own time, and then calls
/// [`accept`](Self::accept) with what it found. It borrows nothing and is `Send`, so an intake can
/// hold it while it awaits a database. If a look-up fails, it never calls `accept`. The reporter
/// tries again later.
#[derive(Clone)]
pub struct Examined {
    report: Report,
    now: Timestamp,
}

impl Examined {
    /// The report.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The nullifier of each claim, or the only one of a report about an account. Look up which of
    /// them are known from reports accepted before.
    ///
    /// Look them up and store all of them in the same transaction as the accepted report. Otherwise
    /// two copies of a report that arrive at once are both accepted. If
    /// [`review`](crate::reviewer::review) rejects the report, delete the nullifiers that it added,
    /// since a rejected report reported nothing.
    pub fn nullifiers(&self) -> Vec<Nullifier> {
        self.report.nullifiers()
    }

    /// The memberships to look up, one for each message to a group. Empty for a direct
    /// conversation.
    pub fn memberships(&self) -> Vec<Membership> {
        let claims = self.report.claims().iter();
        claims
            .filter_map(|claim| {
                Some(Membership {
                    group: *claim.group()?,
                    member: self.report.reporter().clone(),
                    at: claim.context.accepted_at,
                })
            })
            .collect()
    }

    /// The intake's second step, with the answers to the look-ups.
    ///
    /// `known` says for each of [`nullifiers`](Self::nullifiers) whether it was stored before, and
    /// `members` for each of [`memberships`](Self::memberships) whether it holds, in the same
    /// order. If this reporter reported some of the messages before, the report is accepted and
    /// those messages are marked.
    ///
    /// # Errors
    /// [`AcceptError::Rejected`] for the first check that fails; [`AcceptError::AnswerCount`] if
    /// there are more or fewer answers than look-ups.
    pub fn accept(
        self,
        id: ReportId,
        known: &[bool],
        members: &[bool],
    ) -> Result<AcceptedReport, AcceptError> {
        let (nullifiers, memberships) = (self.nullifiers().len(), self.memberships().len());
        if known.len() != nullifiers || members.len() != memberships {
            return Err(AcceptError::AnswerCount);
        }
        // CHK-78: the reporter was a member of the group.
        if !members.iter().all(|member| *member) {
            return Err(Rejection::NotAParticipant.into());
        }
        // CHK-80: at least one of the messages, or the account, was not reported by this reporter
        // before.
        if known.iter().all(|known| *known) {
            return Err(Rejection::AlreadyReported.into());
        }
        let claims = self.report.claims().len(); // none about an account
        let repeated = known.iter().take(claims).copied().collect();
        Ok(AcceptedReport::new(id, self.report, self.now, repeated))
    }
}

impl fmt::Debug for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Examined")
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

/// Why an examined report was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The report was rejected.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The caller gave more or fewer answers than there are look-ups. Correct the intake; the
    /// report is not at fault.
    #[error("the numbers of answers and look-ups differ")]
    AnswerCount,
}

#[cfg(test)]
mod tests;
