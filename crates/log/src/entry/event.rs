//! What happened: the kinds of entries with their public fields.

use super::codes::{
    AppealOutcome, KeyKind, Kind, LegalBasis, LegalOutcome, Measure, Purpose, ReviewOutcome, Side,
    Target,
};
use super::policy::PublishedPolicy;
use super::values::{Mark, PolicyDigest, ReasonCode};
use crate::codec::Reader;

/// What an entry records: a kind and its public fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "`Kind` documents the variants, and the fields say their types"
)]
pub enum Event {
    ReportReceived,
    /// `check` is the number of the failed check.
    ReportRejected {
        check: u8,
    },
    ReportSorted {
        reason: ReasonCode,
    },
    ContentOpened {
        purpose: Purpose,
        mark: Mark,
    },
    GrantRequested {
        purpose: Purpose,
    },
    GrantApproved {
        purpose: Purpose,
    },
    GrantDenied {
        purpose: Purpose,
    },
    GrantExpired {
        purpose: Purpose,
    },
    EmergencyReviewed {
        outcome: ReviewOutcome,
    },
    EmergencyOverdue,
    /// `openings` counts the openings of the whole case. `days` are the days from its first report.
    Decision {
        reason: ReasonCode,
        measure: Measure,
        openings: u32,
        days: u32,
    },
    NoticeSent {
        side: Side,
    },
    AppealFiled {
        side: Side,
    },
    /// `days` are the days from the appeal.
    AppealDecided {
        outcome: AppealOutcome,
        days: u32,
    },
    Exported {
        target: Target,
    },
    LegalRequestReceived {
        basis: LegalBasis,
    },
    /// `items` counts what was produced.
    LegalRequestAnswered {
        outcome: LegalOutcome,
        items: u32,
    },
    HoldPlaced,
    HoldLifted,
    KeyEpochCreated {
        key: KeyKind,
    },
    KeyEpochDestroyed {
        key: KeyKind,
    },
    PolicyPublished(PublishedPolicy),
    ContentErased,
    FileFetched,
}

impl Event {
    /// The kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::ReportReceived => Kind::ReportReceived,
            Self::ReportRejected { .. } => Kind::ReportRejected,
            Self::ReportSorted { .. } => Kind::ReportSorted,
            Self::ContentOpened { .. } => Kind::ContentOpened,
            Self::GrantRequested { .. } => Kind::GrantRequested,
            Self::GrantApproved { .. } => Kind::GrantApproved,
            Self::GrantDenied { .. } => Kind::GrantDenied,
            Self::GrantExpired { .. } => Kind::GrantExpired,
            Self::EmergencyReviewed { .. } => Kind::EmergencyReviewed,
            Self::EmergencyOverdue => Kind::EmergencyOverdue,
            Self::Decision { .. } => Kind::Decision,
            Self::NoticeSent { .. } => Kind::NoticeSent,
            Self::AppealFiled { .. } => Kind::AppealFiled,
            Self::AppealDecided { .. } => Kind::AppealDecided,
            Self::Exported { .. } => Kind::Exported,
            Self::LegalRequestReceived { .. } => Kind::LegalRequestReceived,
            Self::LegalRequestAnswered { .. } => Kind::LegalRequestAnswered,
            Self::HoldPlaced => Kind::HoldPlaced,
            Self::HoldLifted => Kind::HoldLifted,
            Self::KeyEpochCreated { .. } => Kind::KeyEpochCreated,
            Self::KeyEpochDestroyed { .. } => Kind::KeyEpochDestroyed,
            Self::PolicyPublished(_) => Kind::PolicyPublished,
            Self::ContentErased => Kind::ContentErased,
            Self::FileFetched => Kind::FileFetched,
        }
    }

    /// Appends the public fields.
    pub(super) fn encode_fields(&self, out: &mut Vec<u8>) {
        match self {
            Self::ReportReceived
            | Self::EmergencyOverdue
            | Self::HoldPlaced
            | Self::HoldLifted
            | Self::ContentErased
            | Self::FileFetched => {}
            Self::ReportRejected { check } => out.push(*check),
            Self::ReportSorted { reason } => out.push(reason.number()),
            Self::ContentOpened { purpose, mark } => {
                out.push(purpose.number());
                out.extend_from_slice(mark.as_bytes());
            }
            Self::GrantRequested { purpose }
            | Self::GrantApproved { purpose }
            | Self::GrantDenied { purpose }
            | Self::GrantExpired { purpose } => out.push(purpose.number()),
            Self::EmergencyReviewed { outcome } => out.push(outcome.number()),
            Self::Decision {
                reason,
                measure,
                openings,
                days,
            } => {
                out.push(reason.number());
                out.push(measure.number());
                out.extend_from_slice(&openings.to_be_bytes());
                out.extend_from_slice(&days.to_be_bytes());
            }
            Self::NoticeSent { side } | Self::AppealFiled { side } => out.push(side.number()),
            Self::AppealDecided { outcome, days } => {
                out.push(outcome.number());
                out.extend_from_slice(&days.to_be_bytes());
            }
            Self::Exported { target } => out.push(target.number()),
            Self::LegalRequestReceived { basis } => out.push(basis.number()),
            Self::LegalRequestAnswered { outcome, items } => {
                out.push(outcome.number());
                out.extend_from_slice(&items.to_be_bytes());
            }
            Self::KeyEpochCreated { key } | Self::KeyEpochDestroyed { key } => {
                out.push(key.number());
            }
            Self::PolicyPublished(policy) => {
                out.extend_from_slice(&policy.version.to_be_bytes());
                out.extend_from_slice(policy.digest.as_bytes());
                out.extend_from_slice(&policy.signature);
            }
        }
    }

    /// Reads the public fields of a kind; `None` if they are too short or a number is unknown.
    pub(super) fn decode_fields(kind: Kind, reader: &mut Reader<'_>) -> Option<Self> {
        Some(match kind {
            Kind::ReportReceived => Self::ReportReceived,
            Kind::ReportRejected => Self::ReportRejected {
                check: reader.u8()?,
            },
            Kind::ReportSorted => Self::ReportSorted {
                reason: reason(reader)?,
            },
            Kind::ContentOpened => Self::ContentOpened {
                purpose: purpose(reader)?,
                mark: Mark::from_bytes(reader.array()?),
            },
            Kind::GrantRequested => Self::GrantRequested {
                purpose: purpose(reader)?,
            },
            Kind::GrantApproved => Self::GrantApproved {
                purpose: purpose(reader)?,
            },
            Kind::GrantDenied => Self::GrantDenied {
                purpose: purpose(reader)?,
            },
            Kind::GrantExpired => Self::GrantExpired {
                purpose: purpose(reader)?,
            },
            Kind::EmergencyReviewed => Self::EmergencyReviewed {
                outcome: ReviewOutcome::from_number(reader.u8()?)?,
            },
            Kind::EmergencyOverdue => Self::EmergencyOverdue,
            Kind::Decision => Self::Decision {
                reason: reason(reader)?,
                measure: Measure::from_number(reader.u8()?)?,
                openings: reader.u32()?,
                days: reader.u32()?,
            },
            Kind::NoticeSent => Self::NoticeSent {
                side: side(reader)?,
            },
            Kind::AppealFiled => Self::AppealFiled {
                side: side(reader)?,
            },
            Kind::AppealDecided => Self::AppealDecided {
                outcome: AppealOutcome::from_number(reader.u8()?)?,
                days: reader.u32()?,
            },
            Kind::Exported => Self::Exported {
                target: Target::from_number(reader.u8()?)?,
            },
            Kind::LegalRequestReceived => Self::LegalRequestReceived {
                basis: LegalBasis::from_number(reader.u8()?)?,
            },
            Kind::LegalRequestAnswered => Self::LegalRequestAnswered {
                outcome: LegalOutcome::from_number(reader.u8()?)?,
                items: reader.u32()?,
            },
            Kind::HoldPlaced => Self::HoldPlaced,
            Kind::HoldLifted => Self::HoldLifted,
            Kind::KeyEpochCreated => Self::KeyEpochCreated { key: key(reader)? },
            Kind::KeyEpochDestroyed => Self::KeyEpochDestroyed { key: key(reader)? },
            Kind::PolicyPublished => Self::PolicyPublished(PublishedPolicy {
                version: reader.u32()?,
                digest: PolicyDigest::from_bytes(reader.array()?),
                signature: reader.array()?,
            }),
            Kind::ContentErased => Self::ContentErased,
            Kind::FileFetched => Self::FileFetched,
        })
    }
}

fn reason(reader: &mut Reader<'_>) -> Option<ReasonCode> {
    ReasonCode::from_number(reader.u8()?)
}

fn purpose(reader: &mut Reader<'_>) -> Option<Purpose> {
    Purpose::from_number(reader.u8()?)
}

fn side(reader: &mut Reader<'_>) -> Option<Side> {
    Side::from_number(reader.u8()?)
}

fn key(reader: &mut Reader<'_>) -> Option<KeyKind> {
    KeyKind::from_number(reader.u8()?)
}
