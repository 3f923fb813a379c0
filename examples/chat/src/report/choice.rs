//! What the user chooses to report, and how much of it a report shows.

use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::Args;
use waxseal::{Attachment, Disclosure, Message, Reason};

use crate::failure::{Failure, Outcome};
use crate::files;
use crate::text::short;

/// What is reported, and how.
#[derive(Args)]
pub struct Reporting {
    /// The message's id, or enough of its beginning to be unique. Or @NAME for an account that
    /// need not have sent anything, such as one that poses as someone else
    #[arg(value_name = "MESSAGE_ID | @NAME")]
    pub message_id: String,
    /// One of: spam, scam, impersonation, harassment, threat, hate, doxxing_stalking, ncii,
    /// sextortion, unwanted_sexual, csam, grooming, trafficking, self_harm, terrorism, other
    #[arg(long, value_name = "R", hide_possible_values = true)]
    pub reason: Reason,
    /// Also show the N messages before it in the conversation
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub with_context: usize,
    /// Withhold a part of the message: 1 is the text, attachments follow. ID:PART withholds a
    /// part of another message of the report. Can be given several times. Moderators learn that
    /// the part exists
    #[arg(long, value_name = "PART")]
    pub redact: Vec<Redaction>,
    /// Of a file, show only some chunks of 64 KiB: the file as `messages` counts it, and a
    /// chunk or a range, starting at 0, as in 1:0-15. Of the files that are not named so,
    /// everything is shown. Can be given several times
    #[arg(long, value_name = "FILE:FROM-TO")]
    pub chunks: Vec<Excerpt>,
    /// Do not let the relay know which of the files that it keeps are shown. It then may delete
    /// them before the moderators have seen them
    #[arg(long)]
    pub hide_blobs: bool,
    /// Also block the account, in the same step
    #[arg(long)]
    pub block: bool,
    /// A note to the moderators, in your own words
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Send the report without asking for confirmation
    #[arg(long)]
    pub yes: bool,
}

/// A part to withhold: `PART` of the reported message, or `ID:PART` of another message in the
/// report.
#[derive(Clone)]
pub struct Redaction {
    /// The beginning of the message's id. Empty for the reported message.
    pub(super) id: String,
    pub(super) part: usize,
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

/// Chunks of a file to show, while the rest of the file is withheld: `FILE:FROM-TO`.
#[derive(Clone)]
pub struct Excerpt {
    /// Which of the reported message's files, starting at 1.
    file: usize,
    chunks: RangeInclusive<u32>,
}

impl FromStr for Excerpt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (file, chunks) = text.split_once(':')?;
            let (from, to) = chunks.split_once('-').unwrap_or((chunks, chunks));
            let (file, from, to) = (file.parse().ok()?, from.parse().ok()?, to.parse().ok()?);
            (file > 0 && from <= to).then_some(Self {
                file,
                chunks: from..=to,
            })
        };
        parse().ok_or_else(|| "give FILE:CHUNK or FILE:FROM-TO; the first chunk is 0".into())
    }
}

/// How much of which messages a report shows, and what its note says.
pub struct Choice {
    pub with_context: usize,
    pub redactions: Vec<Redaction>,
    pub excerpts: Vec<Excerpt>,
    pub hides_blobs: bool,
    pub note: String,
}

impl Choice {
    /// What is shown of a message. `is_reported` says whether it is the one that is reported, and
    /// not one of those before it.
    pub fn disclosure(
        &self,
        message: &Message,
        withheld: &[usize],
        is_reported: bool,
    ) -> Outcome<Disclosure> {
        let parts = message.evidence().map_or(0, waxseal::Evidence::part_count);
        if withheld.iter().any(|part| *part >= parts) {
            let id = short(message.id());
            return Err(Failure::new(format!("message {id} has no such part")));
        }
        let excerpts = self.excerpts.iter().filter(|_| is_reported);
        let (mut chunks, mut keys) = (Vec::new(), Vec::new());
        for excerpt in excerpts {
            let files = files::files_of(message);
            let file = excerpt.file.checked_sub(1).and_then(|n| files.get(n));
            let (place, file) = file.ok_or_else(|| Failure::new("the message has no such file"))?;
            if *excerpt.chunks.end() >= file.descriptor().shape().chunk_count() {
                let count = file.descriptor().shape().chunk_count();
                return Err(Failure::new(format!("the file has {count} chunks")));
            }
            let part = files::part_of(message, *place);
            let count = message
                .attachments()
                .get(*place)
                .map_or(0, Attachment::part_count);
            chunks.extend(excerpt.chunks.clone().map(|index| (part, index)));
            // With its key, the whole file would be shown. A preview is an excerpt of its own.
            keys.extend(part.saturating_add(1)..part.saturating_add(count));
        }
        if withheld.is_empty() && chunks.is_empty() {
            return Ok(Disclosure::Whole);
        }
        let is_shown = |part: &usize| !withheld.contains(part) && !keys.contains(part);
        let parts = (1..parts).filter(is_shown).collect();
        Ok(match chunks.is_empty() {
            true => Disclosure::Parts(parts),
            false => Disclosure::Chunks { parts, chunks },
        })
    }
}
