//! Reporting: selects messages and their parts, shows a preview of exactly what leaves the device,
//! and submits the report.

use std::str::FromStr;

use waxseal::{
    AccountId, Disclosure, FrankingTag, Message, PayloadHeader, Preview, Reason, ReportDraft,
};
use waxseal_interface::{ReportTaken, account_name};
use waxseal_relay::system_rng;

use crate::chat::Chat;
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::show::ask;
use crate::text::{hex, printable, said, short, utc};

/// A part to withhold: `PART` of the reported message, or `ID:PART` of another message in the
/// report.
#[derive(Clone)]
pub struct Redaction {
    /// The beginning of the message's id. Empty for the reported message.
    id: String,
    part: usize,
}

impl FromStr for Redaction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, part) = text.rsplit_once(':').unwrap_or(("", text));
        match part.parse() {
            Ok(0) => Err("part 0, the header, is always shown".into()),
            Ok(part) => Ok(Self {
                id: id.to_lowercase(),
                part,
            }),
            Err(_) => Err("give PART or ID:PART; part 1 is the text".into()),
        }
    }
}

/// What the user chose to report.
pub struct Selected {
    /// The peer of the messages, or the account that the report is about.
    peer: AccountId,
    draft: ReportDraft,
}

/// Drafts a report of a message, or of the account `@NAME`. Nothing leaves the device.
pub fn draft(
    chat: &Chat,
    id: &str,
    reason: Reason,
    with_context: usize,
    redactions: &[Redaction],
    note: &str,
) -> Outcome<Selected> {
    if let Some(name) = id.strip_prefix('@') {
        let account = account_name(name)?;
        let mut draft = chat.client.draft_account_report(&account, reason)?;
        draft.note(note)?;
        return Ok(Selected {
            peer: account,
            draft,
        });
    }
    let (peer, id) = chat.find(id)?;
    let messages = with_neighbours(chat, &peer, &id, with_context)?;
    let names = |redaction: &Redaction, tag: &FrankingTag| match redaction.id.as_str() {
        "" => *tag == id,
        prefix => hex(tag.as_bytes()).starts_with(prefix),
    };
    for redaction in redactions {
        let named = messages.iter().map(Message::id);
        if named.filter(|tag| names(redaction, tag)).count() != 1 {
            return Err(Failure::new(
                "--redact must name exactly one message of the report",
            ));
        }
    }
    let mut shown = Vec::new();
    for message in &messages {
        let tag = message.id();
        let withheld: Vec<usize> = redactions
            .iter()
            .filter(|redaction| names(redaction, tag))
            .map(|redaction| redaction.part)
            .collect();
        let parts = message.evidence().map_or(0, waxseal::Evidence::part_count);
        if withheld.iter().any(|part| *part >= parts) {
            return Err(Failure::new(format!(
                "message {} has no such part",
                short(tag)
            )));
        }
        let disclosure = match withheld.as_slice() {
            [] => Disclosure::Whole,
            withheld => {
                Disclosure::Parts((1..parts).filter(|part| !withheld.contains(part)).collect())
            }
        };
        shown.push((*tag, disclosure));
    }
    let mut draft = chat.client.draft_report(&peer, reason, shown)?;
    draft.note(note)?;
    Ok(Selected { peer, draft })
}

/// Returns the message and, before it, up to `before` earlier messages of the conversation that
/// have a text and can be reported.
fn with_neighbours(
    chat: &Chat,
    peer: &AccountId,
    id: &FrankingTag,
    before: usize,
) -> Outcome<Vec<Message>> {
    let mut messages = Vec::new();
    let mut found = false;
    chat.each_message(peer, 0, |message| {
        found |= message.id() == id;
        let is_last = message.id() == id;
        if is_last || !found && message.evidence().is_some() && message.text().is_some() {
            messages.push(message);
        }
    })?;
    let first = messages.len().saturating_sub(before.saturating_add(1));
    Ok(messages.split_off(first))
}

/// Shows the preview, asks the user, and submits the report. A report submitted twice counts once.
/// Without the relay, the report is kept and goes out with a later command.
pub fn report(chat: &mut Chat, selected: Selected, yes: bool) -> Outcome<()> {
    // The pinned relay key signed the card, and so vouches for the moderation key on it.
    let card = match chat.card() {
        Err(failure) if failure.code == TRY_LATER => Err(failure),
        card => Ok(card?),
    };
    chat.print_notices();
    let Selected { peer, mut draft } = selected;
    for too_old in chat.remove_too_old(&mut draft)? {
        println!("{too_old}");
    }
    let pinned = chat.home.memory.relay.as_ref();
    let fingerprint = pinned.and_then(|relay| relay.moderation_fingerprint.clone());
    chat.print_preview(&peer, &draft.preview(), &fingerprint.unwrap_or_default())?;
    if !yes && !ask("Send this report?")? {
        return Err(Failure::new("not sent"));
    }
    let waits = |failure: Failure| {
        let message = format!(
            "the report waits and goes out with the next command: {}",
            failure.message
        );
        Failure::with_code(TRY_LATER, message)
    };
    let card = match card {
        Ok(card) => card,
        Err(failure) => {
            chat.client.keep_report(&draft, &mut system_rng())?;
            return Err(waits(failure));
        }
    };
    let key = card.moderation_key()?;
    chat.open_session()?;
    let outgoing = chat.client.report(&draft, &key, &mut system_rng())?;
    match chat.submit(&outgoing) {
        Ok(ReportTaken {
            report_id,
            duplicate,
        }) => {
            let id = printable(&report_id);
            if duplicate {
                println!("reported before, as {id}: it counts once");
            } else {
                println!("reported as {id}");
            }
        }
        Err(failure) if failure.code == TRY_LATER => return Err(waits(failure)),
        Err(failure) => return Err(failure),
    }
    if let Err(failure) = chat.catch_up() {
        chat.notice(failure.message);
    }
    Ok(())
}

impl Chat {
    /// Prints exactly what a report shows and who can read it.
    fn print_preview(
        &self,
        peer: &AccountId,
        preview: &Preview,
        moderation_key: &str,
    ) -> Outcome<()> {
        println!("This report goes to the holders of the moderation key {moderation_key}:");
        println!("  reason  {}", preview.reason());
        if !preview.note().is_empty() {
            println!("{}", said("  note    ", preview.note(), "          "));
        }
        if let Some(account) = preview.about_account() {
            let account = printable(account.as_str());
            println!("  account {account}; no messages");
            println!("The relay learns the reporter and that account. It learns nothing else.");
            return Ok(());
        }
        for message in preview.messages() {
            let from = printable(message.sender().account.as_str());
            println!(
                "  {} from {from}, {}",
                short(message.tag()),
                utc(message.accepted_at())
            );
            println!("    part 0  {}", header(message.header()));
            let stored = self.client.message(peer, message.tag())?;
            let text = stored.as_ref().and_then(Message::text);
            for part in message.parts().iter().skip(1) {
                let what = match (part.shown, part.index, text) {
                    (false, ..) => "WITHHELD: reviewers see only that it exists".into(),
                    (true, 1, Some(text)) => text.to_owned(),
                    (true, ..) => format!("{} bytes", part.size_bytes),
                };
                let words = format!("    part {}  ", part.index);
                println!("{}", said(&words, &what, "            "));
            }
        }
        println!(
            "The relay learns the reporter, and each message's sender, recipient and time. It learns nothing else."
        );
        Ok(())
    }
}

/// Describes what the header of a message shows.
fn header(header: &PayloadHeader) -> String {
    let mut shown = format!(
        "its header: number {}, sent {}",
        header.sequence,
        utc(header.sent_at)
    );
    if let Some(seen) = &header.last_seen {
        shown += &format!(", after {} was seen", short(seen));
    }
    if let Some(answered) = &header.reply_to {
        shown += &format!(", in answer to {}", short(answered));
    }
    if header.forward_count > 0 {
        shown += &format!(", forwarded {} times before", header.forward_count);
    }
    if header.expires_after_secs > 0 {
        shown += &format!(", to expire after {} s", header.expires_after_secs);
    }
    shown
}
