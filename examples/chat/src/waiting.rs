//! Reports on their way: submitted, followed up until their review has ended, and sealed again if
//! their moderation key is replaced or lost.

use waxseal::{Advice, FrankingTag, OutgoingReport, ReportDraft, ReportId};
use waxseal_interface::{ErrorCode, ReportState, ReportTaken};
use waxseal_relay::system_rng;

use crate::chat::{Chat, DAY_MS, age_ms, now};
use crate::failure::{Failure, Outcome};
use crate::home::SubmittedReport;
use crate::text::{hex, short};

/// How long a submitted report is kept to be sealed again. After that, it could not be verified.
const KEEP_MS: u64 = 30 * DAY_MS;

impl Chat {
    /// Submits the reports that still wait, and seals those again that the vault cannot open any
    /// more. One that must wait longer does not keep the others back.
    pub fn flush_reports(&mut self) -> Outcome<()> {
        let first = self.client.pending_reports(None, 1)?;
        if first.items.is_empty() && first.next.is_none() {
            return Ok(());
        }
        self.open_session()?;
        let (mut outcome, mut after) = (Ok(()), None);
        // One at a time, because a report can be very long.
        loop {
            let page = self.client.pending_reports(after.as_ref(), 1)?;
            self.notice_damage(&page.damaged, "waiting reports");
            for outgoing in &page.items {
                match self.follow_up(outgoing) {
                    Ok(()) => {}
                    Err(failure) if is_final(&failure) => {
                        let message = format!("a waiting report was given up: {}", failure.message);
                        self.notice(&message);
                        outcome = Err(Failure { message, ..failure });
                    }
                    Err(failure) if concerns_one_report(&failure) => {
                        outcome = outcome.and(Err(failure));
                    }
                    Err(failure) => return Err(failure),
                }
            }
            after = page.next;
            if after.is_none() {
                return outcome;
            }
        }
    }

    fn follow_up(&mut self, outgoing: &OutgoingReport) -> Outcome<()> {
        let id = hex(outgoing.id.as_bytes());
        let taken = match self.home.memory.submitted.get(&id).cloned() {
            Some(submitted) => match self.became_of(&submitted)? {
                Some(ReportState::Unreadable) => {
                    self.notice("the moderators lost the key of a report: it is sealed again");
                    self.seal_again(outgoing.id, None)?
                }
                Some(ReportState::Ended) => return self.forget_report(outgoing),
                _ if age_ms(submitted.at_ms).is_some_and(|age_ms| age_ms > KEEP_MS) => {
                    return self.forget_report(outgoing);
                }
                None => return Ok(()),
                Some(_) => {
                    if let Some(submitted) = self.home.memory.submitted.get_mut(&id) {
                        submitted.asked_at_ms = now().as_millis();
                    }
                    return self.home.note();
                }
            },
            None if outgoing.report.is_empty() => self.seal_again(outgoing.id, None)?,
            None => self.submit(outgoing)?,
        };
        self.notice(format!(
            "a waiting report was submitted as {}",
            taken.report_id
        ));
        Ok(())
    }

    /// Asks the relay, once a day, what became of a report. `None` if it was asked already.
    fn became_of(&mut self, submitted: &SubmittedReport) -> Outcome<Option<ReportState>> {
        if age_ms(submitted.asked_at_ms).is_some_and(|age_ms| age_ms < DAY_MS) {
            return Ok(None);
        }
        let id = &submitted.report_id;
        match self.with_session(|relay, session| relay.report_state(session, id)) {
            Err(failure) if failure.refused == Some(ErrorCode::NoSuchReport) => {
                Ok(Some(ReportState::Ended))
            }
            state => Ok(Some(state?)),
        }
    }

    /// Submits one report, and leaves out what the relay finds too old. The report stays in the
    /// store until its review has ended, unless the relay refuses it in a way that repeating cannot
    /// change.
    pub fn submit(&mut self, outgoing: &OutgoingReport) -> Outcome<ReportTaken> {
        let report = &outgoing.report;
        let answer = self.with_session(|relay, session| relay.report(session, report));
        match answer {
            Ok(taken) => {
                let (report_id, at_ms) = (taken.report_id.clone(), now().as_millis());
                let submitted = SubmittedReport {
                    report_id,
                    at_ms,
                    asked_at_ms: at_ms,
                };
                let id = hex(outgoing.id.as_bytes());
                self.home.memory.submitted.insert(id, submitted);
                self.home.remember()?;
                Ok(taken)
            }
            Err(failure) => match (failure.refused, failure.too_old_claim) {
                // The card that was fetched last may be older than the relay's key.
                (Some(ErrorCode::OtherModerationKey), _) if !self.is_resealing => {
                    self.is_resealing = true;
                    let taken = self.seal_again(outgoing.id, None);
                    self.is_resealing = false;
                    taken
                }
                (_, Some(claim)) => self.seal_again(outgoing.id, Some(claim)),
                _ => {
                    if is_final(&failure) {
                        self.client.confirm_report(outgoing.id)?;
                    }
                    Err(failure)
                }
            },
        }
    }

    /// Seals a report again from its draft, to the relay's present moderation key, and submits it.
    /// Leaves out the messages that are too old, and the one that the relay refused.
    fn seal_again(&mut self, id: ReportId, refused: Option<usize>) -> Outcome<ReportTaken> {
        let key = self.card()?.moderation_key()?;
        let mut draft = match self.client.kept_draft(id) {
            // Its messages were deleted or damaged since, so it can never be sealed again.
            Err(error) if matches!(error.advice(), Advice::FixCall | Advice::DeleteMessage) => {
                self.client.confirm_report(id)?;
                return Err(Failure {
                    refused: Some(ErrorCode::ReportRefused),
                    ..error.into()
                });
            }
            draft => draft?,
        };
        let before = draft.preview().messages().len();
        let refused = refused.and_then(|claim| {
            let preview = draft.preview();
            preview.messages().get(claim).map(|message| *message.tag())
        });
        if let Some(tag) = refused {
            draft.remove(&tag);
            self.notice(too_old(&tag));
        }
        match self.remove_too_old(&mut draft) {
            Ok(left_out) => left_out.iter().for_each(|message| self.notice(message)),
            Err(failure) => {
                self.client.confirm_report(id)?;
                return Err(failure);
            }
        }
        let rng = &mut system_rng();
        let outgoing = if draft.preview().messages().len() == before {
            self.client.reseal_report(id, &key, rng)?
        } else {
            let outgoing = self.client.report(&draft, &key, rng)?;
            self.client.confirm_report(id)?;
            outgoing
        };
        self.home.memory.submitted.remove(&hex(id.as_bytes()));
        self.submit(&outgoing)
    }

    /// Takes out of a draft what the relay cannot verify any more, and says so. The message that
    /// the user reports is the last one, so if it is too old, all are.
    pub fn remove_too_old(&self, draft: &mut ReportDraft) -> Outcome<Vec<String>> {
        let relay = self.home.memory.relay.as_ref();
        let left_out = match relay.and_then(|relay| relay.verify_days) {
            Some(days) => draft.remove_too_old(days, self.relay_time()),
            None => Vec::new(),
        };
        let preview = draft.preview();
        if preview.messages().is_empty() && preview.about_account().is_none() {
            return Err(Failure {
                refused: Some(ErrorCode::ReportRefused),
                ..Failure::new("the message is too old: no one can verify a report of it any more")
            });
        }
        Ok(left_out.iter().map(too_old).collect())
    }

    fn forget_report(&mut self, outgoing: &OutgoingReport) -> Outcome<()> {
        self.client.confirm_report(outgoing.id)?;
        self.home
            .memory
            .submitted
            .remove(&hex(outgoing.id.as_bytes()));
        self.home.note()
    }
}

/// Says that a message is left out of a report.
fn too_old(tag: &FrankingTag) -> String {
    format!(
        "message {} is too old: no one can verify a report of it any more. It is left out, and the \
         others are reported",
        short(tag)
    )
}

/// Whether the relay will never accept the report. A proxy cannot cause any of these refusals.
fn is_final(failure: &Failure) -> bool {
    matches!(
        failure.refused,
        Some(ErrorCode::ReportRefused | ErrorCode::NotYourReport | ErrorCode::Malformed)
    )
}

/// Whether the relay refused this report and may accept it later, while it may accept others now.
fn concerns_one_report(failure: &Failure) -> bool {
    matches!(
        failure.refused,
        Some(ErrorCode::OtherModerationKey | ErrorCode::ReportTooEarly)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_deleted_only_if_the_relay_will_never_accept_it() {
        for (code, ends) in [
            (ErrorCode::ReportTooEarly, false),
            (ErrorCode::TooManyReports, false),
            (ErrorCode::RelayFull, false),
            (ErrorCode::TooManyRequests, false),
            (ErrorCode::Other, false),
            (ErrorCode::OtherModerationKey, false),
            (ErrorCode::ReportRefused, true),
        ] {
            let failure = Failure {
                refused: Some(code),
                ..Failure::new("refused")
            };
            assert_eq!(is_final(&failure), ends, "{code:?}");
        }
    }
}
