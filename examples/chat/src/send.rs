//! Sending: the courier stores the message, and posts it as soon as it can.

use waxseal::transport::{now, system_rng};
use waxseal::{Conversation, FrankingTag};

use crate::chat::Chat;
use crate::failure::{Failure, IDENTITY_CHANGED, Outcome, TRY_LATER};
use crate::text::short;

/// The conversation with a peer, or with a group if the name begins with `#`.
pub fn recipient(chat: &Chat, to: &str) -> Outcome<Conversation> {
    Ok(match to.strip_prefix('#') {
        Some(group) => chat.group(group)?.id.into(),
        None => chat.peer(to)?.into(),
    })
}

/// Stores a message to a peer, or to a group if the name begins with `#`. It goes out with the next
/// turn.
pub fn write(chat: &mut Chat, to: &str, text: &str) -> Outcome<(Conversation, FrankingTag)> {
    let to = recipient(chat, to)?;
    if text.is_empty() {
        return Err(Failure::new("nothing to send"));
    }
    let id = chat.courier.send(&to, text, now(), &mut system_rng())?;
    Ok((to, id))
}

/// Sends a text and prints that the relay has it.
pub fn send(chat: &mut Chat, to: &str, text: &str) -> Outcome<()> {
    let (to, id) = write(chat, to, text)?;
    sent(chat, &to, &id)
}

/// Prints that the relay has a message.
pub fn sent(chat: &mut Chat, to: &Conversation, id: &FrankingTag) -> Outcome<()> {
    let ended = chat.run(|_, _| Ok(true));
    // Asks the store, because other messages may still wait.
    let message = chat.client().message(to, id)?;
    let id = short(id);
    match message.map(|message| message.accepted_at().is_some()) {
        Some(true) => {
            println!("sent {id} to {}", chat.conversation(to));
            // If anything else failed, it can wait for the next command.
            if let Err(failure) = ended {
                chat.notice(failure.message);
            }
            Ok(())
        }
        Some(false) if to.account().is_some_and(|peer| chat.changed.contains(peer)) => {
            Err(Failure::with_code(
                IDENTITY_CHANGED,
                format!("message {id} waits until you accept the new identity"),
            ))
        }
        Some(false) => {
            let wait = || Failure::with_code(TRY_LATER, "its recipient cannot get it now");
            let failure = ended.err().unwrap_or_else(wait);
            let message = format!("message {id} waits in the outbox: {}", failure.message);
            Err(Failure::with_code(failure.code, message))
        }
        None => Err(Failure::new(format!("message {id} was not sent"))),
    }
}
