//! Takes the answers of the provider. An answer that the relay did not make, whatever it says,
//! counts as a broken connection.

use rand_core::CryptoRng;
use waxseal_interface::{
    AppealTaken, Bundles, Challenge, DecisionNotices, EntryReceipt, ErrorBody, ErrorCode,
    GroupNews, GroupRosters, HttpAnswer, NONCE_HEADER, PreKeysLeft, RelayCard, ReportState,
    ReportTaken, Session,
};
use waxseal_reporting::Timestamp;

use super::next::{Aim, InFlight};
use super::pinned::is_card_authentic;
use super::session::TOKENS_APART_MS;
use super::{Courier, Event, Trouble};
use crate::error::StateError;
use crate::store::Store;

/// The status of an answer that opens a WebSocket.
const SWITCHING: u16 = 101;

/// Number of answers in a row that are not under this device's key, after which it registers again.
const MAX_UNAUTHENTIC: u32 = 3;

impl<S: Store> Courier<S> {
    /// Takes the answer to a request: `None` if there was none. An answer that comes too late, or
    /// twice, changes nothing.
    ///
    /// # Errors
    /// [`StateError::Store`]. What was asked for is asked for again.
    pub fn answer(
        &mut self,
        id: u64,
        answer: Option<HttpAnswer>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let Some(flight) = self.in_flight.take_if(|flight| flight.id == id) else {
            return Ok(());
        };
        let is_answered = answer.is_some();
        let Some(answer) = answer.filter(|answer| self.is_authentic(&flight, answer)) else {
            if is_answered && flight.aim.is_of_device() {
                self.unauthentic = self.unauthentic.saturating_add(1);
            }
            // Someone who stole the identity may have registered another key. Registering again
            // ends that.
            if self.unauthentic >= MAX_UNAUTHENTIC {
                (self.unauthentic, self.must_register) = (0, true);
            }
            self.tell_trouble(Trouble::Unreachable);
            if matches!(flight.aim, Aim::Deliveries) {
                // A network can let requests through and no WebSocket. The answer to a handshake
                // may also have come without its body, and then nothing says why the relay refused.
                // Another answer does.
                self.reconnect.lengthen(now, 0, rng);
                self.prekeys_at = Some(now);
            } else {
                self.lengthen(&flight.aim, now, 0, rng);
            }
            self.again(flight.aim);
            return Ok(());
        };
        self.unauthentic = 0;
        let is_success = match flight.aim {
            Aim::Deliveries => answer.status == SWITCHING,
            _ => answer.is_success(),
        };
        if !is_success {
            let refused = self.refused(flight.aim.clone(), &answer.error(), now, rng);
            if refused.is_err() {
                self.again(flight.aim);
            }
            return refused;
        }
        let (is_of_device, aim) = (flight.aim.is_of_device(), flight.aim.clone());
        let taken = self.take(flight, &answer, now, rng);
        match taken {
            Ok(true) if is_of_device => {
                self.pause.end();
                if let Some(token) = &mut self.token {
                    token.is_proven = true;
                }
            }
            // The relay gives its card, challenges and tokens also to a device whose every other
            // request it refuses.
            Ok(true) => {}
            // The relay made it, and it is not what the interface says.
            Ok(false) => {
                self.lengthen(&aim, now, 0, rng);
                self.again(aim);
            }
            Err(_) => self.again(aim),
        }
        taken.map(|_| ())
    }

    fn is_authentic(&self, flight: &InFlight, answer: &HttpAnswer) -> bool {
        if matches!(flight.aim, Aim::Card) {
            return is_card_authentic(self.relay_key(), &flight.asked, answer);
        }
        let Some(relay_key) = self.relay_key() else {
            return false;
        };
        let key = flight.aim.is_of_device().then_some(&flight.key);
        let header = |name| answer.header(name);
        flight
            .asked
            .is_authentic(&relay_key, key, header, answer.status, &answer.body)
    }

    /// Takes the answer of a success. Returns whether it follows the interface.
    fn take(
        &mut self,
        flight: InFlight,
        answer: &HttpAnswer,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, StateError<S::Error>> {
        macro_rules! read {
            ($kind:ty) => {
                match answer.json::<$kind>() {
                    Ok(body) => body,
                    Err(_) => return Ok(false),
                }
            };
        }
        match flight.aim {
            Aim::Card => {
                let card = read!(RelayCard);
                return self.take_card(card, now);
            }
            Aim::Challenge => self.challenge = Some(read!(Challenge).challenge),
            Aim::Register(key, own) => {
                let session = read!(Session);
                self.take_registration((&key, own), session, now, rng)?;
            }
            Aim::SignIn => {
                let session = read!(Session);
                self.take_session(session, now, rng)?;
            }
            Aim::Leave => self.removed(),
            Aim::Left => {
                let left = read!(PreKeysLeft).one_time_left;
                self.take_left(left, now);
            }
            Aim::Upload(upload) => self.take_upload(&upload, now)?,
            Aim::Roster(account) => self.take_roster(&account, &answer.body, now)?,
            Aim::Bundles { wanted, is_extra } => {
                let bundles = read!(Bundles);
                self.take_bundles((&wanted, is_extra), bundles, now, rng)?;
            }
            Aim::PutRoster(sent) => self.take_published(sent, now)?,
            Aim::Mail(slot) => self.take_mail(slot, &answer.body, now, rng)?,
            Aim::PutMail(slot) => self.take_put(slot)?,
            Aim::PutChunk(number) => self.take_put_chunk(number),
            Aim::Chunk => self.take_chunk(&answer.body, now)?,
            Aim::Post { to, id, is_again } => {
                return self.take_receipt(&to, id, is_again, &answer.body, now);
            }
            Aim::Entry { entry, .. } => {
                let receipt = read!(EntryReceipt);
                return self.take_entry_receipt(entry, &receipt, now);
            }
            Aim::GroupNews { group, leaves } => {
                let news = read!(GroupNews);
                return self.take_news(&group, leaves, news, now);
            }
            Aim::GroupRosters { group, names } => {
                let rosters = read!(GroupRosters).rosters;
                self.take_members(&group, &names, &rosters, now)?;
            }
            Aim::LeaveGroup(group) => self.group_left(&group)?,
            Aim::Report(id) => {
                let taken = read!(ReportTaken);
                return self.take_taken(id, &taken, now);
            }
            Aim::ReportState(id) => {
                let state = read!(ReportState);
                self.take_state(id, state, now)?;
            }
            Aim::LogKeys => return self.take_log_keys(&answer.body, now),
            Aim::Promise(id, submitted_as) => {
                self.promise_asked(id, now)?;
                self.take_promise(id, Some(&submitted_as), &answer.body, now)?;
            }
            Aim::ReportReceipt(number) => self.take_report_receipt(&number, &answer.body, now)?,
            Aim::Notices => {
                let notices = read!(DecisionNotices);
                return self.take_notices(notices, now);
            }
            Aim::DecisionReceipt(decision) => {
                self.take_decision_receipt(&decision, &answer.body, now)?;
            }
            Aim::Appeal(decision) => {
                read!(AppealTaken);
                self.take_appeal(&decision)?;
            }
            Aim::File(asked) => return self.take_file(&asked, answer, now),
            Aim::Deliveries => {
                // A connection can break at once, and so can the next one.
                self.reconnect.lengthen(now, 0, rng);
                if !self.is_listening {
                    return Ok(true);
                }
                let nonce = answer.header(NONCE_HEADER);
                return Ok(self.stream.open(&flight.key, &flight.asked, nonce));
            }
        }
        Ok(true)
    }

    /// Takes a refusal that the relay made.
    pub(super) fn refused(
        &mut self,
        aim: Aim,
        body: &ErrorBody,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let secs = body.retry_after_secs.unwrap_or_default();
        match (body.error, aim) {
            (ErrorCode::TokenExpired | ErrorCode::Unauthorized, aim) => {
                // A token that never worked is not what is wrong, nor is the second in a minute.
                let before = self.token_refused_at.replace(now);
                let before = before.and_then(|at| now.as_millis().checked_sub(at.as_millis()));
                let is_again = before.is_some_and(|ms| ms < TOKENS_APART_MS);
                let was_proven = self.token.take().is_some_and(|token| token.is_proven);
                if is_again || !was_proven {
                    self.pause.lengthen(now, secs, rng);
                }
                self.again(aim);
            }
            // The relay has another delivery key than this device, or does not know the device.
            (ErrorCode::NotFromDevice, aim)
            | (ErrorCode::ProofRefused, aim @ (Aim::SignIn | Aim::Leave)) => {
                self.must_register = true;
                self.pause.lengthen(now, secs, rng);
                self.again(aim);
            }
            (ErrorCode::BadDeliveryKey, aim) => {
                self.card = None;
                self.pause.lengthen(now, secs, rng);
                self.again(aim);
            }
            (ErrorCode::Removed, _) => self.removed(),
            (code @ (ErrorCode::RosterConflict | ErrorCode::AccountTaken), Aim::Register(..))
                if body.conflict.is_some() =>
            {
                self.roster_conflict(body, now)?;
                if code == ErrorCode::AccountTaken && self.is_not_listed()? {
                    self.removed();
                }
                self.pause.lengthen(now, secs, rng);
            }
            (ErrorCode::RosterConflict, Aim::PutRoster(_)) => self.roster_conflict(body, now)?,
            (ErrorCode::ClockDiffers, Aim::Register(..) | Aim::PutRoster(_)) => {
                self.clock_differs(body, now, rng)?;
                self.sign_again(now)?;
            }
            (code, Aim::PutRoster(_)) if !is_general(code) => self.roster_not_taken(code, now),
            (code, Aim::Roster(account)) if !is_general(code) => {
                self.roster_refused(&account, now)?;
            }
            (code, Aim::Bundles { wanted, is_extra }) if !is_general(code) => {
                self.bundles_refused((&wanted, is_extra), code, now)?;
            }
            // Whatever is wrong with a file, everything else goes on.
            (_, Aim::File(asked)) => self.file_refused(&asked, body, now, rng)?,
            (code, aim @ (Aim::Chunk | Aim::PutChunk(_))) if !is_general(code) => {
                self.chunk_refused(&aim, body, now);
            }
            (code, aim @ (Aim::Mail(_) | Aim::PutMail(_))) if !is_general(code) => {
                self.mail_refused(&aim, body, now)?;
            }
            (_, Aim::Post { to, id, is_again }) if !is_general(body.error) => {
                self.post_refused(&to, &id, is_again, body, now, rng)?;
            }
            (code, Aim::Entry { group, .. }) if !is_general(code) => {
                self.entry_refused(&group, body, now, rng)?;
            }
            (code, Aim::GroupNews { group, leaves }) if !is_general(code) => {
                self.news_refused(&group, leaves, code, now)?;
            }
            (code, Aim::GroupRosters { group, .. }) if !is_general(code) => {
                self.members_refused(&group, now);
            }
            (code, Aim::LeaveGroup(group)) if !is_general(code) => {
                self.leave_refused(&group, code, now)?;
            }
            (_, Aim::Report(id)) if !is_general(body.error) => {
                self.report_refused(id, body, now, rng)?;
            }
            (code, Aim::ReportState(id)) if !is_general(code) => {
                self.state_refused(id, code, now)?;
            }
            (code, aim) if aim.is_of_desk() && !is_general(code) => {
                self.desk_refused(&aim, body, now)?;
            }
            // Everything else goes on without new prekeys.
            (code, Aim::Left | Aim::Upload(_)) if !is_general(code) => {
                self.tell_refused(body);
                self.check_later(now);
            }
            (_, aim) => {
                self.tell_refused(body);
                self.pause.lengthen(now, secs, rng);
                self.again(aim);
            }
        }
        Ok(())
    }

    /// The relay says that this device was removed from its account, or left it.
    fn removed(&mut self) {
        self.token = None;
        self.is_removed = true;
        self.stream.close();
        self.tell(Event::Removed);
    }

    /// Learns the relay's time from a refusal.
    pub(super) fn clock_differs(
        &mut self,
        body: &ErrorBody,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        let ahead = body
            .relay_time_ms
            .map(|relay| i128::from(relay).saturating_sub(i128::from(now.as_millis())));
        let ahead = ahead.and_then(|ahead| i64::try_from(ahead).ok());
        // A relay could say another time at each attempt.
        self.pause.lengthen(now, 0, rng);
        self.relay_ahead_ms = ahead.unwrap_or_default();
        self.client.check_clock(self.relay_time(now), now)?;
        self.tell_trouble(Trouble::ClockDiffers);
        Ok(())
    }

    pub(super) fn tell_refused(&mut self, body: &ErrorBody) {
        self.tell_trouble(Trouble::Refused {
            code: body.error,
            message: body.message.clone(),
        });
    }

    /// Waits longer after each failure: with everything, or with files alone if a file failed.
    fn lengthen(&mut self, aim: &Aim, now: Timestamp, secs: u64, rng: &mut impl CryptoRng) {
        match aim {
            Aim::File(asked) => self.files.failed(asked.transfer(), now, secs, rng),
            _ => self.pause.lengthen(now, secs, rng),
        }
    }
}

/// Whether a refusal is of the caller's requests altogether, and not of this one.
fn is_general(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Busy
            | ErrorCode::RelayFull
            | ErrorCode::BodyAltered
            | ErrorCode::TooManyRequests
            | ErrorCode::TooSlow
            | ErrorCode::Internal
    )
}

mod again;
