//! Identities: the safety number that two people compare, and what to do if a peer's identity
//! changed.

use waxseal::courier::Event;
use waxseal::{AccountId, SafetyNumber};

use crate::chat::Chat;
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
         *** Someone may be pretending to be {peer}, or {peer} has a new device or lost its data.\n\
         *** Until you accept the new identity, nothing is sent to it and nothing from it is shown.\n\
         *** First ask {peer} in person or on the phone. Then run: accept-identity {peer}"
    )
}

/// Asks the relay which identity a peer has now, and goes on with it if the user accepts it.
pub fn accept(chat: &mut Chat, peer: &str, yes: bool) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    let name = peer.as_str();
    chat.client().peer_identity(&peer)?;
    chat.courier.ask_identity(&peer);
    let mut found = None;
    let ended = chat.run(|_, events| {
        events.retain(|event| match event {
            Event::IdentityChanged { peer: of, new } if *of == peer => {
                found = Some(*new);
                false
            }
            _ => true,
        });
        Ok(true)
    });
    chat.print_notices();
    let Some(new) = found else {
        ended?;
        println!("the identity of {name} has not changed");
        return Ok(());
    };
    let (me, ours) = (
        chat.client().me().account.as_str(),
        chat.client().identity(),
    );
    let number = SafetyNumber::new((ours, me.as_bytes()), (&new, name.as_bytes()))?;
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
