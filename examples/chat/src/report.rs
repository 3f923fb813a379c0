//! Reporting: selects messages and their parts, shows a preview of exactly what leaves the device,
//! and submits the report.

mod choice;

pub use choice::Reporting;
use choice::{Choice, Redaction};
use waxseal::courier::Event;
use waxseal::reporting::file::FileShape;
use waxseal::reporting::reporter::{PreviewFile, PreviewFileOpens};
use waxseal::transport::system_rng;
use waxseal::{Conversation, FrankingTag, Message, PayloadHeader, Preview, Reason, ReportDraft};
use waxseal_interface::{account_name, report_id_text};

use crate::chat::Chat;
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::files;
use crate::files::amount;
use crate::show::ask;
use crate::text::{hex, printable, said, short, utc};

/// What the user chose to report.
struct Selected {
    /// The conversation of the messages, or the account that the report is about.
    with: Conversation,
    draft: ReportDraft,
}

/// Reports what the user chose.
pub fn perform(chat: &mut Chat, reporting: Reporting) -> Outcome<()> {
    let choice = Choice {
        with_context: reporting.with_context,
        redactions: reporting.redact,
        excerpts: reporting.chunks,
        hides_blobs: reporting.hide_blobs,
        note: reporting.note,
    };
    let selected = draft(chat, &reporting.message_id, reporting.reason, &choice)?;
    report(chat, selected, reporting.block, reporting.yes)
}

/// Drafts a report of a message, or of the account `@NAME`. Nothing leaves the device.
fn draft(chat: &Chat, id: &str, reason: Reason, choice: &Choice) -> Outcome<Selected> {
    let note = choice.note.as_str();
    if let Some(name) = id.strip_prefix('@') {
        let account = account_name(name)?;
        let mut draft = chat.client().draft_account_report(&account, reason)?;
        draft.note(note)?;
        return Ok(Selected {
            with: account.into(),
            draft,
        });
    }
    let (with, id) = chat.find(id)?;
    let messages = with_neighbours(chat, &with, &id, choice.with_context)?;
    let redactions = &choice.redactions;
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
        let disclosure = choice.disclosure(message, &withheld, *tag == id)?;
        shown.push((*tag, disclosure));
    }
    let mut draft = chat.client().draft_report(&with, reason, shown)?;
    draft.note(note)?;
    if choice.hides_blobs {
        draft.without_blobs();
    }
    Ok(Selected { with, draft })
}

/// Returns the message and, before it, up to `before` earlier messages of the conversation that
/// have a text and can be reported.
fn with_neighbours(
    chat: &Chat,
    with: &Conversation,
    id: &FrankingTag,
    before: usize,
) -> Outcome<Vec<Message>> {
    let mut messages = Vec::new();
    let mut found = false;
    chat.each_message(with, 0, |message| {
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
/// Without the relay, the report is kept and goes out with a later command. With `blocks`, the
/// account is blocked in the step that keeps the report.
fn report(chat: &mut Chat, selected: Selected, blocks: bool, yes: bool) -> Outcome<()> {
    // Fetches the moderation key that the preview names. The pinned one is there in any case.
    let reached = chat.run(|_, _| Ok(true));
    chat.print_notices();
    let Selected { with, mut draft } = selected;
    if let Some(days) = chat.courier.verify_days() {
        for id in draft.remove_too_old(days, chat.relay_time()) {
            println!("{}", too_old(&id));
        }
    }
    let preview = draft.preview();
    if preview.messages().is_empty() && preview.about_account().is_none() {
        return Err(Failure::new(
            "the message is too old: no one can verify a report of it any more",
        ));
    }
    let Some(pinned) = chat.courier.pinned() else {
        return reached.and(Err(Failure::new("no relay is pinned")));
    };
    chat.print_preview(&with, &preview, &pinned.moderation_fingerprint)?;
    if !yes && !ask("Send this report?")? {
        return Err(Failure::new("not sent"));
    }
    let kept = match blocks {
        true => chat.courier.block_and_report(&draft, &mut system_rng())?,
        false => chat.courier.report(&draft, &mut system_rng())?,
    };
    let mut taken = None;
    let ended = chat.run(|chat, events| {
        events.retain(|event| match event {
            Event::ReportTaken {
                id,
                submitted_as,
                duplicate,
            } if *id == kept => {
                taken = Some((report_id_text(submitted_as), *duplicate));
                false
            }
            // What was saved is given below, and the rest is told.
            Event::FileWanted(wanted) => files::saved_copy(chat, wanted).is_none(),
            _ => true,
        });
        Ok(true)
    });
    match (taken, chat.failed.take(), ended) {
        (Some((id, true)), ..) => println!("reported before, as {id}: it counts once"),
        (Some((id, false)), ..) => println!("reported as {id}"),
        (None, Some(failure), _) => return Err(failure),
        (None, None, ended) => {
            let wait = || Failure::with_code(TRY_LATER, "the relay cannot take it now");
            let failure = ended.err().unwrap_or_else(wait);
            let why = failure.message;
            return Err(Failure::with_code(
                TRY_LATER,
                format!("the report waits and goes out with the next command: {why}"),
            ));
        }
    }
    files::give_wanted(chat)
}

/// Says that a message is left out of a report.
pub fn too_old(tag: &FrankingTag) -> String {
    format!(
        "message {} is too old: no one can verify a report of it any more. It is left out, and the \
         others are reported",
        short(tag)
    )
}

impl Chat {
    /// Prints exactly what a report shows and who can read it.
    fn print_preview(
        &self,
        with: &Conversation,
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
            let stored = self.client().message(with, message.tag())?;
            let text = stored
                .as_ref()
                .and_then(|message| message.content().as_text());
            for part in message.parts().iter().skip(1) {
                let file = message.files().iter().find(|file| file.part == part.index);
                let what = match (part.shown, part.index, text, file) {
                    (false, ..) => "WITHHELD: reviewers see only that it exists".into(),
                    (true, 1, Some(text), _) => text.to_owned(),
                    (true, _, _, Some(file)) => shown_file(file),
                    (true, ..) => format!("{} bytes", part.size_bytes),
                };
                let words = format!("    part {}  ", part.index);
                println!("{}", said(&words, &what, "            "));
            }
        }
        let recipient = match with {
            Conversation::Direct(_) => "recipient",
            Conversation::Group(_) => "group",
        };
        let names_blobs = |file: &PreviewFile| file.blob.is_some();
        let mut messages = preview.messages().iter();
        let and_blobs = match messages.any(|message| message.files().iter().any(names_blobs)) {
            true => " and which of the files it keeps are shown",
            false => "",
        };
        println!(
            "The relay learns the reporter, and each message's sender, {recipient} and time{and_blobs}. It learns nothing else."
        );
        Ok(())
    }
}

/// Describes what reviewers can open of a file.
fn shown_file(file: &PreviewFile) -> String {
    let size = amount(file.size_bytes);
    let opens = match &file.opens {
        PreviewFileOpens::Whole => "reviewers can open it".to_owned(),
        PreviewFileOpens::Chunks(chunks) => {
            let all = FileShape::new(file.size_bytes).map_or(0, FileShape::chunk_count);
            format!("reviewers can open {} of its {all} chunks", chunks.len())
        }
        _ => "reviewers cannot open it".to_owned(),
    };
    format!("a file of {size}: {opens}")
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
