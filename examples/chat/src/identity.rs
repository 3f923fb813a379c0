//! Identities: the safety number that two people compare, and what to do if a peer's identity
//! changed.

use waxseal::courier::Event;
use waxseal::{AccountId, AccountKey, Notice, SafetyNumber};

use crate::chat::{Chat, PAGE};
use crate::failure::{Failure, Outcome};
use crate::show::ask;
use crate::text::printable;

/// Shows the safety number to compare with a peer.
pub fn safety_number(chat: &Chat, peer: &str) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    println!("{}", chat.client().safety_number(&peer)?);
    Ok(())
}

/// The warning that a user must read before continuing with a peer.
pub fn warning(peer: &AccountId) -> String {
    let peer = printable(peer.as_str());
    format!(
        "*** WARNING: THE IDENTITY OF {peer} HAS CHANGED ***\n\
         *** Someone may be pretending to be {peer}, or {peer} lost all devices and the recovery secret.\n\
         *** Until you accept the new identity, nothing is sent to it and nothing from it is shown.\n\
         *** First ask {peer} in person or on the phone. Then run: accept-identity {peer}"
    )
}

/// Asks the relay which identity a peer has now, and goes on with it if the user accepts it.
pub fn accept(chat: &mut Chat, peer: &str, yes: bool) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    let name = peer.as_str();
    chat.client().peer_account_key(&peer)?;
    chat.courier.ask_roster(&peer);
    let ended = chat.run(|_, events| {
        // The warning is printed below.
        let is_it = |event: &Event| {
            matches!(event, Event::Notice(Notice::IdentityChanged { account, .. })
                if *account == peer)
        };
        events.retain(|event| !is_it(event));
        Ok(true)
    });
    chat.print_notices();
    let changed = chat.notices_of_keys()?;
    let found = changed.into_iter().find(|(account, _)| *account == peer);
    let Some((_, new)) = found else {
        ended?;
        println!("the identity of {name} has not changed");
        return Ok(());
    };
    let own = chat.client().own_roster()?;
    let own = own.ok_or_else(|| Failure::new("this account has no account key yet"))?;
    let ours = own.account_key().to_bytes();
    let number = SafetyNumber::of_accounts((&ours, own.account()), (&new.to_bytes(), name))?;
    println!("{}", warning(&peer));
    println!("The safety number with the new identity. {name} must see the same:\n\n{number}\n");
    if !yes
        && !ask(&format!(
            "Did {name} confirm it, and do you accept the new identity?"
        ))?
    {
        return Err(Failure::new("not accepted: nothing changed"));
    }
    chat.courier.accept_identity(&peer, &new)?;
    chat.changed.remove(&peer);
    println!("accepted the new identity of {name}");
    // What waits for it can also go out later.
    if let Err(failure) = chat.run(|_, _| Ok(true)) {
        chat.notice(failure.message);
    }
    Ok(())
}

impl Chat {
    /// The accounts whose key changed and was not accepted, each with its new key.
    fn notices_of_keys(&self) -> Outcome<Vec<(AccountId, AccountKey)>> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.client().notices(after.as_ref(), PAGE)?;
            let changed = page.items.into_iter().filter_map(|notice| match notice {
                Notice::IdentityChanged { account, new } => Some((account, new)),
                _ => None,
            });
            found.extend(changed);
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }
}
