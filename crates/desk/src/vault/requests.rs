//! The requests to a vault in another process, and its answers, as bytes.
//!
//! ```text
//! request   = 01 || kind u8 || body
//! 1 status     nothing
//! 2 follow     long(note) || count be32, each medium(entry)
//! 3 adopt      the document
//! 4 challenge  long(signed grant) || report digest 32
//! 5 open       long(signed grant) || report id 16 || challenge 32 || salt 32 || accepted report
//! 6 sort       report id 16 || accepted report
//!
//! answer    = 01 || kind u8 of the request || body; or 01 || 00 || check u8 || rest be64
//! 1 status     vault 32 || size be64 || optional(followed be64)
//!                || optional(version be32 || digest 32) || adopted u8 || moderation key 1,217
//! 2 follow     the line of the cosignature
//! 3 adopt      nothing
//! 4 challenge  ordinal be16 || mark 16 || challenge 32
//! 5 open       the view
//! 6 sort       reason u8 || messages u8
//! ```

use core::fmt;

use waxseal_log::entry::{Mark, PolicyDigest};
use waxseal_log::limits::{MAX_ENTRY_LEN, MAX_NOTE_LEN};
use waxseal_log::note::NoteSignature;
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::limits::MAX_ACCEPTED_LEN;
use waxseal_reporting::reporter::Reason;
use zeroize::Zeroizing;

use super::Status;
use super::challenge::Challenge;
use super::code;
use super::error::VaultError;
use super::follow::MAX_FOLLOWED_ENTRIES;
use super::local::VaultCalls;
use super::open::{OpenRequest, Sorted};
use super::view::{MAX_VIEW_LEN, View};
use crate::codec::{Reader, count32, put_long, put_medium};
use crate::format::{self, DecodeError, VERSION};
use crate::grant::SignedGrant;
use crate::ids::{AcceptedDigest, VaultId};
use crate::policy::MAX_POLICY_LEN;

/// Maximum length of a request, in bytes: that of the longest call to follow, which is longer than
/// a call to open or to adopt.
pub const MAX_REQUEST_LEN: usize =
    2 + 4 + MAX_NOTE_LEN + 4 + MAX_FOLLOWED_ENTRIES * (2 + MAX_ENTRY_LEN);
/// Maximum length of an answer, in bytes: that of the longest view.
pub const MAX_ANSWER_LEN: usize = 2 + MAX_VIEW_LEN;

const STATUS: u8 = 1;
const FOLLOW: u8 = 2;
const ADOPT: u8 = 3;
const CHALLENGE: u8 = 4;
const OPEN: u8 = 5;
const SORT: u8 = 6;

/// A request to a vault in another process.
#[derive(Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "`Vault` documents the calls and their arguments"
)]
pub enum Request {
    Status,
    Follow {
        note: Vec<u8>,
        entries: Vec<Vec<u8>>,
    },
    Adopt {
        document: Vec<u8>,
    },
    Challenge {
        grant: SignedGrant,
        report: AcceptedDigest,
    },
    Open(OpenRequest),
    Sort {
        id: ReportId,
        accepted: Vec<u8>,
    },
}

impl Request {
    /// The request as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        match self {
            Self::Status => out.push(STATUS),
            Self::Follow { note, entries } => {
                out.push(FOLLOW);
                put_long(&mut out, note);
                out.extend_from_slice(&count32(entries.len()).to_be_bytes());
                for entry in entries {
                    put_medium(&mut out, entry);
                }
            }
            Self::Adopt { document } => {
                out.push(ADOPT);
                out.extend_from_slice(document);
            }
            Self::Challenge { grant, report } => {
                out.push(CHALLENGE);
                put_long(&mut out, &grant.encode());
                out.extend_from_slice(report.as_bytes());
            }
            Self::Open(request) => {
                out.push(OPEN);
                put_long(&mut out, &request.grant.encode());
                out.extend_from_slice(request.id.as_bytes());
                out.extend_from_slice(&request.challenge);
                out.extend_from_slice(&request.salt);
                out.extend_from_slice(&request.accepted);
            }
            Self::Sort { id, accepted } => {
                out.push(SORT);
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(accepted);
            }
        }
        out
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = format::versioned(bytes, MAX_REQUEST_LEN)?;
        Self::read(body).ok_or(DecodeError::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        // CHK-181: the request is complete and nothing follows.
        let mut reader = Reader::new(body);
        let request = match reader.u8()? {
            STATUS => Self::Status,
            FOLLOW => Self::Follow {
                note: at_most(reader.long()?, MAX_NOTE_LEN)?,
                entries: read_entries(&mut reader)?,
            },
            ADOPT => Self::Adopt {
                document: at_most(reader.rest(), MAX_POLICY_LEN)?,
            },
            CHALLENGE => Self::Challenge {
                grant: SignedGrant::decode(reader.long()?).ok()?,
                report: AcceptedDigest::from_bytes(reader.array()?),
            },
            OPEN => Self::Open(OpenRequest {
                grant: SignedGrant::decode(reader.long()?).ok()?,
                id: ReportId::from_bytes(reader.array()?),
                challenge: reader.array()?,
                salt: reader.array()?,
                accepted: at_most(reader.rest(), MAX_ACCEPTED_LEN)?,
            }),
            SORT => Self::Sort {
                id: ReportId::from_bytes(reader.array()?),
                accepted: at_most(reader.rest(), MAX_ACCEPTED_LEN)?,
            },
            _ => return None,
        };
        reader.finish()?;
        Some(request)
    }

    /// The vault's step: carries the request out.
    pub fn answer(&self, vault: &mut impl VaultCalls, now: Timestamp) -> Answer {
        let answer = match self {
            Self::Status => vault.status().map(Answer::Status),
            Self::Follow { note, entries } => vault.follow(entries, note, now).map(Answer::Follow),
            Self::Adopt { document } => vault.adopt(document).map(|()| Answer::Adopt),
            Self::Challenge { grant, report } => {
                vault.challenge(grant, report, now).map(Answer::Challenge)
            }
            Self::Open(request) => vault
                .open(request, now)
                .map(|view| Answer::Open(view.into())),
            Self::Sort { id, accepted } => vault.sort(id, accepted, now).map(Answer::Sort),
        };
        answer.unwrap_or_else(Answer::Refused)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Status => "Status",
            Self::Follow { .. } => "Follow",
            Self::Adopt { .. } => "Adopt",
            Self::Challenge { .. } => "Challenge",
            Self::Open(_) => "Open",
            Self::Sort { .. } => "Sort",
        };
        write!(f, "Request::{kind}(..)")
    }
}

/// The answer of a vault in another process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "`Vault` documents the calls and what they return"
)]
pub enum Answer {
    Refused(VaultError),
    Status(Status),
    Follow(NoteSignature),
    Adopt,
    Challenge(Challenge),
    Open(Box<View>),
    Sort(Sorted),
}

impl Answer {
    /// The answer as bytes.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(vec![VERSION]);
        match self {
            Self::Refused(error) => {
                let (check, rest) = code::code(error);
                out.extend_from_slice(&[0, check]);
                out.extend_from_slice(&rest.to_be_bytes());
            }
            Self::Status(status) => {
                out.push(STATUS);
                put_status(&mut out, status);
            }
            Self::Follow(cosignature) => {
                out.push(FOLLOW);
                out.extend_from_slice(cosignature.to_string().as_bytes());
            }
            Self::Adopt => out.push(ADOPT),
            Self::Challenge(challenge) => {
                out.push(CHALLENGE);
                out.extend_from_slice(&challenge.ordinal.to_be_bytes());
                out.extend_from_slice(challenge.mark.as_bytes());
                out.extend_from_slice(&challenge.challenge);
            }
            Self::Open(view) => {
                let view = view.encode();
                out = Zeroizing::new(Vec::with_capacity(view.len().saturating_add(2)));
                out.extend_from_slice(&[VERSION, OPEN]);
                out.extend_from_slice(&view);
            }
            Self::Sort(sorted) => {
                out.extend_from_slice(&[SORT, sorted.reason.number(), sorted.messages]);
            }
        }
        out
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = format::versioned(bytes, MAX_ANSWER_LEN)?;
        Self::read(body).ok_or(DecodeError::Malformed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        // CHK-181: the answer is complete and nothing follows.
        let mut reader = Reader::new(body);
        let answer = match reader.u8()? {
            0 => Self::Refused(code::error(reader.u8()?, reader.u64()?)?),
            STATUS => Self::Status(read_status(&mut reader)?),
            FOLLOW => {
                let line = core::str::from_utf8(reader.rest()).ok()?;
                let cosignature = NoteSignature::decode(line)?;
                (cosignature.to_string() == line).then_some(Self::Follow(cosignature))?
            }
            ADOPT => Self::Adopt,
            CHALLENGE => Self::Challenge(Challenge {
                ordinal: reader.u16()?,
                mark: Mark::from_bytes(reader.array()?),
                challenge: reader.array()?,
            }),
            OPEN => Self::Open(View::decode(reader.rest()).ok()?.into()),
            SORT => Self::Sort(Sorted {
                reason: Reason::from_number(reader.u8()?)?,
                messages: reader.u8()?,
            }),
            _ => return None,
        };
        reader.finish()?;
        Some(answer)
    }
}

fn put_status(out: &mut Vec<u8>, status: &Status) {
    out.extend_from_slice(status.vault.as_bytes());
    out.extend_from_slice(&status.size.to_be_bytes());
    out.push(u8::from(status.followed.is_some()));
    if let Some(followed) = status.followed {
        out.extend_from_slice(&followed.as_millis().to_be_bytes());
    }
    out.push(u8::from(status.policy.is_some()));
    if let Some((version, digest)) = status.policy {
        out.extend_from_slice(&version.to_be_bytes());
        out.extend_from_slice(digest.as_bytes());
    }
    out.push(u8::from(status.adopted));
    out.extend_from_slice(&status.moderation_key);
}

fn read_status(reader: &mut Reader<'_>) -> Option<Status> {
    Some(Status {
        vault: VaultId::from_bytes(reader.array()?),
        size: reader.u64()?,
        followed: match reader.flag()? {
            true => Some(Timestamp::from_millis(reader.u64()?)),
            false => None,
        },
        policy: match reader.flag()? {
            true => Some((reader.u32()?, PolicyDigest::from_bytes(reader.array()?))),
            false => None,
        },
        adopted: reader.flag()?,
        moderation_key: reader.take(MODERATION_KEY_LEN)?.to_vec(),
    })
}

/// Length of an encoded moderation key, in bytes.
const MODERATION_KEY_LEN: usize = 1_217;

fn read_entries(reader: &mut Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let count = usize::try_from(reader.u32()?).ok()?;
    if count > MAX_FOLLOWED_ENTRIES {
        return None;
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(at_most(reader.medium()?, MAX_ENTRY_LEN)?);
    }
    Some(entries)
}

fn at_most(bytes: &[u8], max: usize) -> Option<Vec<u8>> {
    (bytes.len() <= max).then(|| bytes.to_vec())
}

#[cfg(test)]
mod tests;
