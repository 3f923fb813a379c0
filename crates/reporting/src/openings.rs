//! Encodes the sealed section of a report: its reason, its note, and the parts that the reporter
//! shows of each message.
//!
//! ```text
//! reason u8 || len be16 || note || count u8 || per message, in the order of the claims:
//!   version u8 (1 or 2: the format of the message)
//!   || n u8 || k_root 32 || n x c_i 32 || opened be32 (bit i: part i is shown)
//!   || per shown part, ascending: k_i 32 || len be32 || part_i
//! ```
//!
//! A report of version 01 holds messages of format 01 only, so its openings have no version byte.
//! The section is padded like a payload before it is sealed, so that the intake learns little about
//! its size.

use zeroize::Zeroizing;

use crate::codec::{Reader, put_long, put_medium};
use crate::disclosure::PartSet;
use crate::evidence::Evidence;
use crate::format::Format;
use crate::franking::{self, FrankingTag, Origin, PartCommitment, commit_part};
use crate::padding;
use crate::parts::{MAX_PARTS, MAX_PAYLOAD_LEN, MIN_PARTS};
use crate::reason::Reason;
use crate::rejection::Rejection;
use crate::stamp::Claim;

/// Maximum number of messages in a report. 30 show a reviewer the context of a conversation, and
/// bound a report at 2.1 MB. Further messages need another report.
pub const MAX_REPORTED: usize = 30;

/// Maximum length of the reporter's note, in bytes: about a page of text.
pub const MAX_NOTE_LEN: usize = 2_000;

/// Maximum length of the openings before padding, in bytes.
const MAX_OPENINGS_LEN: usize = 1 + 2 + MAX_NOTE_LEN + 1 + MAX_REPORTED * MAX_OPENING_LEN;

/// Maximum length of one message's opening with its version, in bytes.
const MAX_OPENING_LEN: usize =
    1 + 1 + 32 + MAX_PARTS * 32 + 4 + MAX_PARTS * (32 + 4) + MAX_PAYLOAD_LEN;

/// Maximum length of the openings with padding, in bytes.
pub(crate) const MAX_PADDED_OPENINGS_LEN: usize = padding::padded_len(MAX_OPENINGS_LEN);

/// Appends one message's opening, without its version.
fn put_opening(out: &mut Vec<u8>, evidence: &Evidence, shown: PartSet) {
    let commitment = evidence.franked().commitment();
    out.push(u8::try_from(commitment.parts.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(&*commitment.root_key);
    for (_, part_commitment) in &commitment.parts {
        out.extend_from_slice(part_commitment);
    }
    out.extend_from_slice(&shown.bits().to_be_bytes());
    for (index, ((part_key, _), part)) in commitment
        .parts
        .iter()
        .zip(evidence.franked().parts().iter())
        .enumerate()
    {
        if shown.contains(index) {
            out.extend_from_slice(&**part_key);
            put_long(out, part);
        }
    }
}

/// The padded plaintext of the sealed section of a report of version 02.
pub(crate) fn encode<'a>(
    reason: Reason,
    note: &str,
    messages: impl ExactSizeIterator<Item = (&'a Evidence, PartSet)> + Clone,
) -> Zeroizing<Vec<u8>> {
    // The space is reserved in one piece: a vector that grows leaves plaintext in the memory it
    // frees.
    let room = messages
        .clone()
        .map(|(evidence, _)| evidence.franked().as_bytes().len());
    let room = room.fold(note.len(), |sum, len| {
        sum.saturating_add(len)
            .saturating_add(MAX_OPENING_LEN - MAX_PAYLOAD_LEN)
    });
    let mut out = Zeroizing::new(Vec::with_capacity(padding::padded_len(
        room.saturating_add(4),
    )));
    out.push(reason.number());
    put_medium(&mut out, note.as_bytes());
    out.push(u8::try_from(messages.len()).unwrap_or(u8::MAX));
    for (evidence, shown) in messages {
        out.push(evidence.format().version());
        put_opening(&mut out, evidence, shown);
    }
    padding::pad(&mut out);
    out
}

/// The content of a sealed section: every field is within bounds, nothing is verified.
pub(crate) struct Openings<'a> {
    pub(crate) reason: Reason,
    pub(crate) note: &'a str,
    pub(crate) messages: Vec<Opening<'a>>,
}

/// The opening of one message, which is what a report shows of it, not verified yet.
pub(crate) struct Opening<'a> {
    format: Format,
    root_key: Zeroizing<[u8; 32]>,
    commitments: Vec<PartCommitment>,
    /// One entry for each commitment; `None` for a withheld part.
    shown: Vec<Option<ShownPart<'a>>>,
}

/// An unverified part with the key of its commitment.
struct ShownPart<'a> {
    key: Zeroizing<[u8; 32]>,
    bytes: &'a [u8],
}

impl<'a> Openings<'a> {
    /// Reads the padded plaintext of a report of this version.
    ///
    /// # Errors
    /// [`Rejection::MalformedOpenings`], or [`Rejection::UnknownOpeningVersion`].
    pub(crate) fn parse(report: Format, padded: &'a [u8]) -> Result<Self, Rejection> {
        // CHK-84: the section is padded canonically, its reason is known, its note is within
        // bounds, and every opening is complete, with nothing after the last.
        let malformed = Rejection::MalformedOpenings;
        let plain = padding::unpadded_len(padded).and_then(|len| padded.get(..len));
        let mut reader = Reader::new(plain.ok_or(malformed)?);
        let (reason, note, count) = read_head(&mut reader).ok_or(malformed)?;
        let mut messages = Vec::with_capacity(count);
        for message in 0..count {
            let format = match report {
                Format::V1 => Format::V1,
                Format::V2 => {
                    let version = reader.u8().ok_or(malformed)?;
                    // CHK-97: the version of each opening is known.
                    let unknown = Rejection::UnknownOpeningVersion { message };
                    Format::from_version(version).ok_or(unknown)?
                }
            };
            messages.push(Opening::read(format, &mut reader).ok_or(malformed)?);
        }
        reader.finish().ok_or(malformed)?;
        Ok(Self {
            reason,
            note,
            messages,
        })
    }
}

/// Reads reason, note and number of openings.
fn read_head<'a>(reader: &mut Reader<'a>) -> Option<(Reason, &'a str, usize)> {
    let reason = Reason::from_number(reader.u8()?)?;
    let note = core::str::from_utf8(reader.medium()?).ok()?;
    let count = usize::from(reader.u8()?);
    (note.len() <= MAX_NOTE_LEN && count <= MAX_REPORTED).then_some((reason, note, count))
}

impl<'a> Opening<'a> {
    fn read(format: Format, reader: &mut Reader<'a>) -> Option<Self> {
        let count = usize::from(reader.u8()?);
        if !(MIN_PARTS..=MAX_PARTS).contains(&count) {
            return None;
        }
        let root_key = Zeroizing::new(reader.array()?);
        let commitments = (0..count).map(|_| reader.array()).collect::<Option<_>>()?;
        let set = PartSet::from_bits(reader.u32()?, count)?;
        // The space is reserved in one piece: a vector that grows leaves keys in the memory it
        // frees.
        let mut shown = Vec::with_capacity(count);
        for index in 0..count {
            shown.push(if set.contains(index) {
                let key = Zeroizing::new(reader.array()?);
                let bytes = reader.long()?;
                Some(ShownPart { key, bytes })
            } else {
                None
            });
        }
        Some(Self {
            format,
            root_key,
            commitments,
            shown,
        })
    }

    /// The format of the message.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The tag that results from this opening, if sender and conversation are those of the claim.
    pub(crate) fn tag(&self, claim: &Claim) -> FrankingTag {
        let origin = Origin {
            format: self.format,
            sender: &claim.context.sender,
            conversation: claim.conversation(),
        };
        franking::tag(&self.root_key, &origin, self.commitments.iter())
    }

    /// Whether every shown part matches its commitment.
    pub(crate) fn shown_parts_match(&self) -> bool {
        use subtle::ConstantTimeEq;
        (0..=u8::MAX)
            .zip(self.commitments.iter().zip(&self.shown))
            .all(|(index, (commitment, shown))| {
                shown.as_ref().is_none_or(|part| {
                    commit_part(&part.key, index, part.bytes)
                        .ct_eq(commitment)
                        .into()
                })
            })
    }

    /// The parts; `None` for a withheld part.
    pub(crate) fn parts(&self) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> {
        self.shown
            .iter()
            .map(|shown| shown.as_ref().map(|part| part.bytes))
    }
}

#[cfg(test)]
mod tests;
