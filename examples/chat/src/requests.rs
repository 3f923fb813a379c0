//! Requests: who wrote without being known, and what the user decides.

use waxseal::Nudge;
use waxseal::transport::now;

use crate::chat::Chat;
use crate::failure::{Failure, Outcome};

/// Requests that are read at once.
const AT_ONCE: usize = 64;

/// Lists the requests that wait for a decision.
pub fn list(chat: &mut Chat) -> Outcome<()> {
    let mut after = None;
    loop {
        let page = chat.client().requests(after.as_ref(), AT_ONCE)?;
        for request in page.items {
            let name = request.account.as_str();
            match request.messages {
                1 => println!("{name}: 1 message"),
                messages => println!("{name}: {messages} messages"),
            }
            if request.dropped > 0 {
                println!("  {} more had no room", request.dropped);
            }
            for nudge in chat.client().nudges(&request.account)? {
                if let Some(words) = words(nudge) {
                    println!("  {words}");
                }
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    match chat.client().dropped_strangers()? {
        0 => {}
        dropped => println!("{dropped} messages of others had no room: decide about some requests"),
    }
    Ok(())
}

/// Accepts the request of an account.
pub fn accept(chat: &mut Chat, peer: &str) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    chat.courier.accept_contact(&peer)?;
    println!("accepted {}", peer.as_str());
    finish(chat)
}

/// Declines the request of an account.
pub fn decline(chat: &mut Chat, peer: &str) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    chat.courier.decline(&peer, now())?;
    println!("declined {}: what it sent is deleted", peer.as_str());
    finish(chat)
}

/// Blocks an account, or ends its block.
pub fn block(chat: &mut Chat, peer: &str, is_blocked: bool) -> Outcome<()> {
    let peer = chat.peer(peer)?;
    chat.courier.client_mut().block(&peer, is_blocked)?;
    let did = if is_blocked { "blocked" } else { "unblocked" };
    println!("{did} {}", peer.as_str());
    finish(chat)
}

/// Tells the other devices of the account, if the relay can be reached. They are told later if not.
fn finish(chat: &mut Chat) -> Outcome<()> {
    if let Err(failure) = chat.run(|_, _| Ok(true)) {
        chat.detail(failure.message);
    }
    Ok(())
}

/// Takes what the user got for the relay's challenge, and sends what waited for it.
pub fn answer_challenge(chat: &mut Chat, pass: &str) -> Outcome<()> {
    if !chat.courier.answer_challenge(pass) {
        return Err(Failure::new("that is no pass of a relay"));
    }
    chat.run(|_, _| Ok(true))?;
    chat.expect_nothing_waits()
}

/// What the user is told, in this application's words.
fn words(nudge: Nudge) -> Option<&'static str> {
    Some(match nudge {
        Nudge::NoSharedGroup => "you are in no group with this account",
        Nudge::LinkInRequest => "it sent a link: you do not know where it leads",
        Nudge::OftenForwarded => "it forwarded what many others forwarded",
        Nudge::DeclinedBefore => "you declined this account before",
        _ => return None, // each request is a first contact
    })
}
