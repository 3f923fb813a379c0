//! What the recipient decides about strangers: some are accepted, some declined, some blocked.

use waxseal::{AccountId, Store};

use super::network::Network;
use super::outcome::Outcome;

/// Decides about each request, in turn in one of three ways.
pub fn decide<S: Store>(network: &mut Network<S>, outcome: &mut Outcome) -> Result<(), String> {
    let now = network.now();
    let recipient = &mut network.clients[0];
    let page = recipient.requests(None, usize::MAX);
    let page = page.map_err(|error| error.to_string())?;
    let mut accounts: Vec<_> = page.items.into_iter().map(|one| one.account).collect();
    accounts.sort();
    outcome.requests = accounts.len() as u64;
    for (number, account) in accounts.iter().enumerate() {
        let recipient = &mut network.clients[0];
        let decided = match number % 3 {
            0 => recipient
                .accept_contact(account)
                .map_err(|error| error.to_string()),
            1 => recipient
                .decline(account, now)
                .map_err(|error| error.to_string()),
            _ => recipient
                .block(account, true)
                .map_err(|error| error.to_string()),
        };
        decided?;
        let is_gone = is_gone(network, account)?;
        let is_blocked = network.clients[0]
            .peer_state(account)
            .is_ok_and(|state| state.is_blocked);
        outcome.requests_declined += u64::from(is_gone && !is_blocked);
        outcome.blocked += u64::from(is_gone && is_blocked);
    }
    Ok(())
}

/// Whether the recipient has nothing of an account any more, and no request of it.
fn is_gone<S: Store>(network: &Network<S>, account: &AccountId) -> Result<bool, String> {
    let recipient = &network.clients[0];
    let messages = recipient.messages(account, None, 1);
    let messages = messages.map_err(|error| error.to_string())?.items;
    let requests = recipient.requests(None, usize::MAX);
    let requests = requests.map_err(|error| error.to_string())?.items;
    Ok(messages.is_empty() && requests.iter().all(|one| one.account != *account))
}
