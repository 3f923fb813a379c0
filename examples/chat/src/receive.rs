//! Receiving: shows the messages that the courier has stored.

use std::time::Duration;

use waxseal::courier::{Event, Trouble};

use crate::chat::{Chat, has_caught_up};
use crate::failure::{Failure, IDENTITY_CHANGED, Outcome};
use crate::show;

/// How long `--follow` waits for something to happen.
const FOLLOW_TURN: Duration = Duration::from_secs(1);

/// Shows the messages that arrive until the queue is empty, or forever with `follow`.
pub fn receive(chat: &mut Chat, follow: bool, json: bool) -> Outcome<()> {
    // Shows messages that were stored but not shown before a crash.
    show_unseen(chat, json)?;
    if follow {
        return keep_receiving(chat, json);
    }
    let mut is_caught_up = false;
    let ended = chat.run(|chat, events| {
        is_caught_up |= has_caught_up(events);
        if events.iter().any(is_message) {
            show_unseen(chat, json)?;
        }
        Ok(is_caught_up)
    });
    chat.print_notices();
    ended?;
    if !chat.changed.is_empty() {
        let message = "a peer's identity changed: see the warning above";
        return Err(Failure::with_code(IDENTITY_CHANGED, message));
    }
    match chat.failed.take() {
        Some(failure) => Err(failure),
        None => chat.expect_nothing_waits(),
    }
}

fn keep_receiving(chat: &mut Chat, json: bool) -> Outcome<()> {
    loop {
        let events = chat.turn(FOLLOW_TURN)?;
        let is_away = |one: &Event| matches!(one, Event::Trouble(Trouble::Unreachable));
        let is_away = events.iter().any(is_away);
        let has_new = events.iter().any(is_message);
        chat.tell(events);
        if is_away {
            chat.detail(chat.why_not().message);
        }
        if has_new {
            show_unseen(chat, json)?;
        }
        chat.print_notices();
    }
}

fn is_message(event: &Event) -> bool {
    matches!(event, Event::Message { .. } | Event::Sent { .. })
}

/// Prints each new message first, and only then records that it was shown.
fn show_unseen(chat: &mut Chat, json: bool) -> Outcome<()> {
    chat.print_notices();
    for shown in chat.unseen()? {
        let line = chat.shown(&shown, json)?;
        show::print(&line)?;
        chat.seen(&shown)?;
    }
    Ok(())
}
