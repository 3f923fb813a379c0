//! Reports: taken through the provider's intake and review.

use sha2::{Digest, Sha256};
use waxseal::DeviceAddress;
use waxseal::reporting::Rejection;
use waxseal::reporting::intake::{Nullifier, ReportId};
use waxseal::reporting::relay::StampError;
use waxseal::reporting::reporter::Report;
use waxseal::reporting::reviewer::VerifiedReport;
use waxseal_interface::{ErrorBody, ErrorCode, ReportState, ReportTaken, report_id_text};

use super::{Answered, IntoBody, Relay, json};
use crate::Refusal;

/// A report that the relay took and reviewed.
pub struct TakenReport {
    /// The id that the relay gave it.
    pub id: ReportId,
    /// What the review shows.
    pub verified: VerifiedReport,
    /// What the relay answers when the reporter asks.
    pub state: ReportState,
    by: DeviceAddress,
    digest: [u8; 32],
    nullifiers: Vec<Nullifier>,
}

impl Relay {
    pub(super) fn take_report(&mut self, me: &DeviceAddress, body: &[u8]) -> Answered {
        let report = Report::decode(body).map_err(|_| ErrorCode::Malformed.into_body())?;
        if report.reporter() != me {
            return Err(ErrorCode::NotYourReport.into_body());
        }
        if report.moderation_key() != self.provider.moderation.public_key().id() {
            return Err(ErrorCode::OtherModerationKey.into_body());
        }
        let digest: [u8; 32] = Sha256::digest(body).into();
        if let Some(same) = self.reports.iter().find(|one| one.digest == digest) {
            let id = same.id;
            return Ok(self.taken(200, &id, &report, body));
        }
        let nullifiers = report.nullifiers();
        let verified = match self.provider.take_report(body) {
            Ok(verified) => verified,
            Err(Refusal::Rejected(Rejection::AlreadyReported)) => {
                let first = nullifiers.first().unwrap();
                let mut earlier = self.reports.iter();
                let earlier = earlier.find(|one| one.nullifiers.contains(first)).unwrap();
                let id = earlier.id;
                let (status, mut taken) = (200, self.say_taken(&id, &report));
                taken.duplicate = true; // it has no promise of its own
                return Ok((status, serde_json::to_vec(&taken).unwrap(), Vec::new()));
            }
            Err(Refusal::Rejected(rejection)) => {
                let mut refused = refused(&rejection);
                if let Some(check) = refused.check {
                    refused.promise = self.promise(me, body, None, Some(check));
                }
                return Err(refused);
            }
            Err(_) => return Err(ErrorCode::Malformed.into_body()),
        };
        let id = ReportId::from_bytes(self.random());
        self.reports.push(TakenReport {
            id,
            verified,
            state: ReportState::Waiting,
            by: me.clone(),
            digest,
            nullifiers,
        });
        Ok(self.taken(201, &id, &report, body))
    }

    fn taken(&mut self, status: u16, id: &ReportId, report: &Report, body: &[u8]) -> super::Answer {
        let mut taken = self.say_taken(id, report);
        taken.duplicate = status == 200;
        taken.promise = self.promise(report.reporter(), body, Some(&taken.report_id), None);
        (status, serde_json::to_vec(&taken).unwrap(), Vec::new())
    }

    fn say_taken(&mut self, id: &ReportId, report: &Report) -> ReportTaken {
        let named: Vec<_> = report.blobs().iter().map(|named| named.blob).collect();
        ReportTaken {
            report_id: report_id_text(id),
            duplicate: false,
            missing_blobs: self.missing_blobs(&report.reporter().account, &named),
            promise: None,
        }
    }

    pub(super) fn report_state(&self, me: &DeviceAddress, id: &str) -> Answered {
        let mut reports = self.reports.iter();
        let report = reports.find(|one| report_id_text(&one.id) == id && one.by == *me);
        let report = report.ok_or_else(|| ErrorCode::NoSuchReport.into_body())?;
        json(200, &report.state)
    }

    /// The reports that the relay took, in order.
    #[must_use]
    pub fn reports(&self) -> &[TakenReport] {
        &self.reports
    }

    /// The review of a report has ended.
    pub fn end_review(&mut self, index: usize) {
        self.reports[index].state = ReportState::Ended;
    }

    /// The vault loses the key of a report. Its messages count as not reported.
    pub fn lose_report_key(&mut self, index: usize) {
        let report = &mut self.reports[index];
        report.state = ReportState::Unreadable;
        for nullifier in report.nullifiers.drain(..) {
            self.provider.reported.remove(&nullifier);
        }
    }
}

fn refused(rejection: &Rejection) -> Box<ErrorBody> {
    let claim = match rejection {
        Rejection::Stamp {
            cause: StampError::InTheFuture,
            ..
        } => return ErrorCode::ReportTooEarly.into_body(),
        Rejection::Stamp {
            claim,
            cause: StampError::EpochUnknown,
        } => Some(*claim),
        _ => None,
    };
    Box::new(ErrorBody {
        check: Some(rejection.check()),
        claim,
        ..ErrorBody::of_code(ErrorCode::ReportRefused)
    })
}
