//! Encodes the sealed section of a report: its reason, its note, and the parts that the reporter
//! shows of each message.
//!
//! ```text
//! reason u8 || len be16 || note || count u8 || per message, in the order of the claims:
//!   version u8 (1 or 2: the format of the message; 3: format 02, with chunks of files)
//!   || n u8 || k_root 32 || n x c_i 32 || opened be32 (bit i: part i is shown)
//!   || per shown part, ascending: k_i 32 || len be32 || part_i
//!   || in version 3: count be16 || count x (part u8 || index be32 || chunk key 32), ascending
//! ```
//!
//! A report of version 01 holds messages of format 01 only, so its openings have no version byte.
//! The section is padded like a payload before it is sealed, so that the intake learns little about
//! its size.

use zeroize::Zeroizing;

use crate::codec::{Reader, put_long, put_medium};
use crate::disclosure::{MAX_SHOWN_CHUNKS, PartSet, Shown};
use crate::evidence::Evidence;
use crate::file::ChunkKey;
use crate::format::Format;
use crate::franking::{self, FrankingTag, Origin, PartCommitment, commit_part};
use crate::padding;
use crate::parts::{MAX_PARTS, MAX_PAYLOAD_LEN, MIN_PARTS};
use crate::reason::Reason;
use crate::rejection::Rejection;
use crate::stamp::Claim;
use crate::wire::VERSION_3;

/// Maximum number of messages in a report. 30 show a reviewer the context of a conversation, and
/// bound a report at 2.1 MB. Further messages need another report.
pub const MAX_REPORTED: usize = 30;

/// Maximum length of the reporter's note, in bytes: about a page of text.
pub const MAX_NOTE_LEN: usize = 2_000;

/// Maximum length of the openings before padding, in bytes.
const MAX_OPENINGS_LEN: usize = 1
    + 2
    + MAX_NOTE_LEN
    + 1
    + MAX_REPORTED * (MAX_OPENING_LEN + 2)
    + MAX_SHOWN_CHUNKS * CHUNK_ENTRY_LEN;

/// Length of an entry for one chunk of a file, in bytes: part, index and key.
const CHUNK_ENTRY_LEN: usize = 1 + 4 + 32;

/// Maximum length of one message's opening with its version, in bytes.
const MAX_OPENING_LEN: usize =
    1 + 1 + 32 + MAX_PARTS * 32 + 4 + MAX_PARTS * (32 + 4) + MAX_PAYLOAD_LEN;

/// Maximum length of the openings with padding, in bytes.
pub(crate) const MAX_PADDED_OPENINGS_LEN: usize = padding::padded_len(MAX_OPENINGS_LEN);

/// Appends one message's opening, with its version.
fn put_opening(out: &mut Vec<u8>, evidence: &Evidence, shown: Shown<'_>) {
    out.push(if shown.chunks.is_empty() {
        evidence.format().version()
    } else {
        VERSION_3
    });
    let commitment = evidence.franked().commitment();
    out.push(u8::try_from(commitment.parts.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(&*commitment.root_key);
    for (_, part_commitment) in &commitment.parts {
        out.extend_from_slice(part_commitment);
    }
    out.extend_from_slice(&shown.parts.bits().to_be_bytes());
    for (index, ((part_key, _), part)) in commitment
        .parts
        .iter()
        .zip(evidence.franked().parts().iter())
        .enumerate()
    {
        if shown.parts.contains(index) {
            out.extend_from_slice(&**part_key);
            put_long(out, part);
        }
    }
    if !shown.chunks.is_empty() {
        put_chunks(out, evidence, shown.chunks);
    }
}

/// Appends the keys of the shown chunks.
fn put_chunks(out: &mut Vec<u8>, evidence: &Evidence, chunks: &[(u8, u32)]) {
    let attachments = evidence.numbered_attachments();
    let entries = chunks.iter().filter_map(|(part, index)| {
        let mut of_part = attachments
            .iter()
            .filter(|(of, _)| *of == usize::from(*part));
        let (_, attachment) = of_part.next()?;
        Some((*part, *index, attachment.file()?.key().chunk_key(*index)))
    });
    let count = u16::try_from(chunks.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    for (part, index, key) in entries {
        out.push(part);
        out.extend_from_slice(&index.to_be_bytes());
        out.extend_from_slice(key.as_bytes());
    }
}

/// The padded plaintext of the sealed section of a report of version 02 or 03.
pub(crate) fn encode<'a, S: Into<Shown<'a>>>(
    reason: Reason,
    note: &str,
    messages: impl ExactSizeIterator<Item = (&'a Evidence, S)> + Clone,
) -> Zeroizing<Vec<u8>> {
    // The space is reserved in one piece: a vector that grows leaves plaintext in the memory it
    // frees.
    let room = messages.clone().map(|(evidence, shown)| {
        let chunks = shown.into().chunks.len().saturating_mul(CHUNK_ENTRY_LEN);
        evidence.franked().as_bytes().len().saturating_add(chunks)
    });
    let room = room.fold(note.len(), |sum, len| {
        sum.saturating_add(len)
            .saturating_add(MAX_OPENING_LEN + 2 - MAX_PAYLOAD_LEN)
    });
    let mut out = Zeroizing::new(Vec::with_capacity(padding::padded_len(
        room.saturating_add(4),
    )));
    out.push(reason.number());
    put_medium(&mut out, note.as_bytes());
    out.push(u8::try_from(messages.len()).unwrap_or(u8::MAX));
    for (evidence, shown) in messages {
        put_opening(&mut out, evidence, shown.into());
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
    /// In ascending order, without repetition.
    chunks: Vec<OpenedChunk>,
}

/// The key of a chunk, not verified, and where it belongs.
pub(crate) struct OpenedChunk {
    /// Number of the part with the file's descriptor.
    pub(crate) part: usize,
    pub(crate) index: u32,
    pub(crate) key: ChunkKey,
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
            let (format, has_chunks) = match report {
                Format::V1 => (Format::V1, false),
                Format::V2 => {
                    // CHK-97: the version of each opening is known.
                    let unknown = Rejection::UnknownOpeningVersion { message };
                    match reader.u8().ok_or(malformed)? {
                        VERSION_3 => (Format::V2, true),
                        version => (Format::from_version(version).ok_or(unknown)?, false),
                    }
                }
            };
            let mut opening = Opening::read(format, &mut reader).ok_or(malformed)?;
            if has_chunks {
                opening.chunks = read_chunks(&mut reader).ok_or(malformed)?;
            }
            messages.push(opening);
        }
        reader.finish().ok_or(malformed)?;
        // CHK-489: a report shows at most 1,024 chunks in all.
        let chunks = messages.iter().map(|opening| opening.chunks.len());
        if chunks.fold(0, usize::saturating_add) > MAX_SHOWN_CHUNKS {
            return Err(malformed);
        }
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

/// Reads the keys of shown chunks, which ascend strictly.
fn read_chunks(reader: &mut Reader<'_>) -> Option<Vec<OpenedChunk>> {
    // CHK-489: an opening of version 3 has 1 to 1,024 chunks, in strictly ascending order of part
    // and index.
    let count = usize::from(reader.u16()?);
    if !(1..=MAX_SHOWN_CHUNKS).contains(&count) {
        return None;
    }
    let mut chunks: Vec<OpenedChunk> = Vec::with_capacity(count);
    for _ in 0..count {
        let (part, index) = (usize::from(reader.u8()?), reader.u32()?);
        let last = chunks.last();
        if last.is_some_and(|last| (last.part, last.index) >= (part, index)) {
            return None;
        }
        let key = Zeroizing::new(reader.array()?);
        let key = ChunkKey::from_bytes(*key);
        chunks.push(OpenedChunk { part, index, key });
    }
    Some(chunks)
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
            chunks: Vec::new(),
        })
    }

    /// The keys of chunks of files.
    pub(crate) fn chunks(&self) -> &[OpenedChunk] {
        &self.chunks
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
