//! Identities: the safety number that two people compare, and what to do if a peer's identity
//! changed.

use waxseal::core::PreKeyBundle;
use waxseal::{AccountId, SafetyNumber};
use waxseal_relay::system_rng;

use crate::chat::Chat;
use crate::failure::{Failure, Outcome};
use crate::show::ask;
use crate::text::printable;

/// Shows the safety number to compare with a peer.
pub fn safety_number(chat: &Chat, peer: &str) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    println!("{}", chat.client.safety_number(&peer)?);
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

/// Pins the identity that the relay now hands out for a peer, if the user accepts it, and starts a
/// session with it.
pub fn accept(chat: &mut Chat, peer: &str, yes: bool) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    let bundle = chat.with_session(|relay, session| relay.bundle(session, &peer))?;
    let one_time = bundle.one_time.as_deref();
    let new = *PreKeyBundle::decode(&bundle.base, one_time)?.identity();
    if chat.client.peer_identity(&peer)? == new {
        println!("the identity of {} has not changed", peer.as_str());
        return Ok(());
    }
    let name = peer.as_str();
    let (me, ours) = (chat.client.me().account.as_str(), chat.client.identity());
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
    chat.tell_of_missing_one_time(&peer, &bundle);
    chat.client.accept_identity(&peer, &new)?;
    chat.client
        .start(&peer, &bundle.base, one_time, &mut system_rng())?;
    chat.warned.remove(&peer);
    println!("accepted the new identity of {name}");
    Ok(())
}
