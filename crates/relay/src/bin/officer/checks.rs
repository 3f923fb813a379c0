//! What the pages and the command line both check, before an act is signed and after a report was
//! opened.

use waxseal_desk::grant::Grant;
use waxseal_desk::ids::{AcceptedDigest, OfficerId};
use waxseal_desk::vault::View;
use waxseal_log::keys::LogKeys;
use waxseal_relay::desk::{CaseDetail, Open};

use crate::app::Desk;
use crate::fields::grant_of;
use crate::prepared::Prepared;
use crate::problem::Problem;

/// Whether the policy in force lets the act be: the act is for this policy, or for none.
pub fn is_in_force(act: &Prepared, desk: &Desk) -> bool {
    let policy = match act {
        Prepared::Grant { grant, .. }
        | Prepared::Approval(grant)
        | Prepared::Open { grant, .. } => &grant.terms().policy,
        Prepared::Decision(decision) => &decision.policy,
        _ => return true,
    };
    *policy == desk.policy.digest()
}

/// Whether the act judges a grant of another policy than the one in force. An officer may: a
/// request of an earlier policy can be denied, and what was done under it can be reviewed.
pub fn is_of_earlier_policy(act: &Prepared, desk: &Desk) -> bool {
    match act {
        Prepared::Denial { grant, .. } | Prepared::Review { grant, .. } => {
            grant.terms().policy != desk.policy.digest()
        }
        _ => false,
    }
}

/// Whether a grant is for the pinned log and its vault. Another one is of no use to anyone honest.
pub fn is_ours(grant: &Grant, keys: &LogKeys) -> bool {
    let terms = grant.terms();
    terms.origin == keys.origin() && terms.vault.as_bytes() == keys.vault().key()
}

/// The grant under which this officer opens a report of a case, and the report as the grant names
/// it.
pub fn opening(
    detail: &CaseDetail,
    open: &Open,
    (me, keys): (OfficerId, &LogKeys),
) -> Result<(Box<Grant>, AcceptedDigest), Problem> {
    let mut reports = detail.reports.iter().chain(&detail.granted);
    let named = reports.find(|one| one.id == open.report);
    let digest = named.and_then(|one| one.accepted_digest);
    let report = AcceptedDigest::from_bytes(digest.ok_or(Problem::NotFound)?.0);
    let item = detail.grants.iter().find(|item| item.id == open.grant);
    let grant = grant_of(item.ok_or(Problem::NotFound)?).ok_or(Problem::Malformed)?;
    let is_right = grant.report(&report).is_some()
        && grant.terms().requester == me
        && *grant.terms().case.as_bytes() == detail.case.id.0
        && is_ours(&grant, keys);
    match is_right {
        true => Ok((Box::new(grant), report)),
        false => Err(Problem::Malformed),
    }
}

/// Reads what the desk showed of a report. It shows messages that the grant names, each once.
pub fn view(answer: &[u8], grant: &Grant, report: &AcceptedDigest) -> Result<View, Problem> {
    let view = View::decode(answer).map_err(|_| Problem::Malformed)?;
    let mut left = grant.report(report).map_or(0, |named| named.messages);
    // CHK-655: what is shown of a report is what the grant names.
    let is_granted = view.messages.iter().all(|message| {
        let bit = 1_u32.checked_shl(message.claim.into()).unwrap_or(0);
        let is_left = left & bit != 0;
        left &= !bit;
        is_left
    });
    match is_granted {
        true => Ok(view),
        false => Err(Problem::NotGranted),
    }
}

#[cfg(test)]
mod tests;
