//! What can be done with a message besides sending it: edit, delete, react, answer, forward, let it
//! disappear.

use std::str::FromStr;

use waxseal::transport::{now, system_rng};
use waxseal::{Content, Conversation, Draft, ForwardLimits};

use crate::chat::Chat;
use crate::failure::Outcome;
use crate::send::{recipient, sent};

/// After how many seconds messages disappear: `off`, or a number and a unit.
#[derive(Clone, Copy)]
pub struct After(pub u32);

/// Seconds of the units of [`After`], the largest first.
const UNITS: [(char, u32); 5] = [
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

impl FromStr for After {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (unit, secs) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
            let count: u32 = text.strip_suffix(*unit)?.parse().ok()?;
            count.checked_mul(*secs).filter(|secs| *secs > 0).map(Self)
        };
        match text {
            "off" => Ok(Self(0)),
            _ => parse().ok_or_else(|| "give off, or a number and s, m, h, d or w".into()),
        }
    }
}

/// Some seconds in the largest unit that fits, as [`After`] reads it.
pub fn span(secs: u32) -> String {
    let fits = |unit: &&(char, u32)| secs.is_multiple_of(unit.1);
    let (unit, of) = UNITS.iter().find(fits).copied().unwrap_or(('s', 1));
    format!("{}{unit}", secs.checked_div(of).unwrap_or(secs))
}

/// Gives a text of this account another text.
pub fn edit(chat: &mut Chat, id: &str, text: &str) -> Outcome<()> {
    let (with, id) = chat.find(id)?;
    change(chat, &with, Draft::edit(id, text))
}

/// Deletes a message of this account for everyone.
pub fn delete(chat: &mut Chat, id: &str) -> Outcome<()> {
    let (with, id) = chat.find(id)?;
    change(chat, &with, Draft::delete(id))
}

/// Reacts to a message, or takes the reaction back.
pub fn react(chat: &mut Chat, id: &str, reaction: Option<&str>) -> Outcome<()> {
    let (with, id) = chat.find(id)?;
    change(chat, &with, Draft::react(id, reaction.unwrap_or_default()))
}

/// Answers a message.
pub fn reply(chat: &mut Chat, id: &str, text: &str) -> Outcome<()> {
    let (with, id) = chat.find(id)?;
    change(chat, &with, Draft::from(text).reply_to(id))
}

fn change(chat: &mut Chat, with: &Conversation, draft: Draft) -> Outcome<()> {
    let id = chat.courier.send(with, draft, now(), &mut system_rng())?;
    sent(chat, with, &id)
}

/// Passes a message on. Its files stay where they are, so the relay can see that both messages have
/// them.
pub fn forward(chat: &mut Chat, id: &str, to: &[String]) -> Outcome<()> {
    let (with, id) = chat.find(id)?;
    let to: Vec<_> = to
        .iter()
        .map(|to| recipient(chat, to))
        .collect::<Outcome<_>>()?;
    let (limits, rng) = (ForwardLimits::default(), &mut system_rng());
    let forwarded = chat.courier.forward(with, &id, &to, limits, now(), rng)?;
    for (to, id) in to.iter().zip(forwarded) {
        sent(chat, to, &id?)?;
    }
    Ok(())
}

/// Shows after which time messages of a conversation disappear, or sets it.
pub fn timer(chat: &mut Chat, peer: &str, after: Option<After>) -> Outcome<()> {
    let with = recipient(chat, peer)?;
    let Some(After(after_secs)) = after else {
        match chat.client().timer(&with)? {
            0 => println!("messages do not disappear"),
            secs => println!("messages disappear {} after they are read", span(secs)),
        }
        return Ok(());
    };
    change(chat, &with, Draft::from(Content::Timer { after_secs }))
}
