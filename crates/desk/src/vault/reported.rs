//! Says which account a report accuses.

use waxseal_reporting::relay::Claim;
use waxseal_reporting::{AccountId, Audience};

/// The account that a report accuses.
///
/// It is the account that the report is about. Otherwise it is the account that sent most of the
/// messages, other than the reporter's. If the reporter sent all messages, it is the recipient, or
/// `None` in a group.
///
/// This needs only the report's claims, which the intake sees too. So desk and vault agree.
pub fn reported_account(
    reporter: &AccountId,
    about: Option<&AccountId>,
    claims: &[Claim],
) -> Option<AccountId> {
    if let Some(about) = about {
        return Some(about.clone());
    }
    let senders = || {
        let senders = claims.iter().map(|claim| &claim.context().sender.account);
        senders.filter(|sender| *sender != reporter)
    };
    let sent = |account: &AccountId| senders().filter(|sender| *sender == account).count();
    // Among accounts that sent equally many, the smallest in byte order.
    let most = senders().max_by(|one, other| sent(one).cmp(&sent(other)).then(other.cmp(one)));
    let recipient = || match &claims.first()?.context().audience {
        Audience::Direct(recipient) => Some(recipient),
        Audience::Group(_) => None,
    };
    most.or_else(recipient).cloned()
}
