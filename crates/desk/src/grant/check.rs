//! Checks a signed grant against the policy in force, as the vault does before each step.

use waxseal_reporting::Timestamp;

use super::{MAX_REQUESTED_AHEAD_MS, SignedGrant};
use crate::ids::VaultId;
use crate::policy::{Policy, Roles};

const HOUR_MS: u64 = 3_600_000;

impl SignedGrant {
    /// Checks that officers of this policy grant this vault an opening now.
    ///
    /// The checks run in the order of the variants of [`GrantError`]. They say nothing about how
    /// many openings are left.
    ///
    /// # Errors
    /// [`GrantError`] for the first check that fails.
    pub fn verify(
        &self,
        policy: &Policy,
        vault: &VaultId,
        now: Timestamp,
    ) -> Result<(), GrantError> {
        let terms = self.grant.terms();
        // CHK-169: the grant is for the log that the vault follows.
        if terms.origin != policy.origin() {
            return Err(GrantError::OtherLog);
        }
        // CHK-170: the grant is for this vault.
        if terms.vault != *vault {
            return Err(GrantError::OtherVault);
        }
        // CHK-171: the officers acted under the policy in force.
        if terms.policy != policy.digest() {
            return Err(GrantError::OtherPolicy);
        }
        // CHK-172: the requester is an officer who may ask.
        if !policy.has_roles(&terms.requester, Roles::ASK) {
            return Err(GrantError::Requester);
        }
        let rule = policy.rule(terms.purpose);
        // CHK-173: the policy allows the purpose.
        if !rule.allowed {
            return Err(GrantError::PurposeNotAllowed);
        }
        // CHK-174: two persons, if the policy asks for two.
        if rule.two_persons && terms.approver.is_none() {
            return Err(GrantError::ApproverMissing);
        }
        if let Some(approver) = &terms.approver {
            // CHK-175: the approver is another officer than the requester.
            if *approver == terms.requester {
                return Err(GrantError::SamePerson);
            }
            // CHK-176: the approver is an officer who may approve.
            if !policy.has_roles(approver, Roles::APPROVE) {
                return Err(GrantError::Approver);
            }
        }
        let (requested, expires) = (terms.requested.as_millis(), terms.expires.as_millis());
        let max_ms = u64::from(rule.max_hours).saturating_mul(HOUR_MS);
        // CHK-177: lifetime and number of openings are within the policy.
        if expires.saturating_sub(requested) > max_ms || terms.max_openings > rule.max_openings {
            return Err(GrantError::BeyondPolicy);
        }
        let approved = self.approver.as_ref();
        // CHK-178: every officer whom the grant names signed it, each in their own role.
        if !self.grant.is_requested(&self.requester)
            || approved.is_some_and(|signature| !self.grant.is_approved(signature))
        {
            return Err(GrantError::NotSigned);
        }
        // CHK-179: the grant was requested at most five minutes ahead, and did not expire.
        if requested > now.as_millis().saturating_add(MAX_REQUESTED_AHEAD_MS) {
            return Err(GrantError::NotYet);
        }
        if now.as_millis() >= expires {
            return Err(GrantError::Expired);
        }
        Ok(())
    }
}

/// Why a grant does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The grant names another log.
    #[error("the grant is for another log; ask for one for this log")]
    OtherLog,
    /// The grant names another vault.
    #[error("the grant is for another vault; ask for one for this vault")]
    OtherVault,
    /// The grant names a policy that is not in force.
    #[error("the grant names a policy that is not in force; ask for a grant under the one that is")]
    OtherPolicy,
    /// The requester is not an officer of the policy who may ask.
    #[error("the requester may not ask under the policy; ask an officer who may")]
    Requester,
    /// The policy does not allow the purpose.
    #[error("the policy does not allow the purpose")]
    PurposeNotAllowed,
    /// The policy asks for a second person, and the grant names none.
    #[error("the purpose needs an approver; ask for a grant with one")]
    ApproverMissing,
    /// Requester and approver are one person.
    #[error("requester and approver are the same person; let another officer approve")]
    SamePerson,
    /// The approver is not an officer of the policy who may approve.
    #[error("the approver may not approve under the policy; ask an officer who may")]
    Approver,
    /// The grant lasts longer or opens more often than the policy allows.
    #[error("the grant lasts longer or opens more often than the policy allows; ask for less")]
    BeyondPolicy,
    /// A signature is not that of the officer whom the grant names.
    #[error("an officer did not sign the grant; let each officer that it names sign it")]
    NotSigned,
    /// The grant was requested in the future. Check the clocks.
    #[error("the grant was requested in the future; check the clocks")]
    NotYet,
    /// The grant expired.
    #[error("the grant expired; ask for another one")]
    Expired,
}
