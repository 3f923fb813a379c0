//! What to ask next. One request is on its way at a time, so that messages to one recipient stay in
//! order.

use std::fmt;

use rand_core::CryptoRng;
use waxseal_core::PreKeyUpload;
use waxseal_interface::{
    AskedRequest, ErrorBody, ErrorCode, HttpRequest, Request as Call, RequestError,
};
use waxseal_log::entry::Number;
use waxseal_log::tree::TreeHash;
use waxseal_reporting::intake::ReportId as SubmittedId;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use waxseal_roster::RosterVersion;
use waxseal_roster::group::GroupId;

use super::Courier;
use super::files::asked::Asked as AskedFile;
use crate::client::{ReportId, WantedBundles};
use crate::conversation::Conversation;
use crate::error::StateError;
use crate::linking::LinkSlot;
use crate::store::Store;

/// How many requests are skipped in one call of `next`, because they cannot be made. Each skip
/// settles what it was for.
const MAX_SKIPPED: usize = 64;

/// Something that the application sends to the provider.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and soon consumed"
)]
pub enum Request {
    /// A request of the provider interface. Send it over HTTP, then call
    /// [`answer`](Courier::answer).
    Call {
        /// Names the request.
        id: u64,
        /// The request as a type, for transports other than HTTP and for logs.
        call: Call,
        /// The request as HTTP has it.
        http: HttpRequest,
    },
    /// Open the WebSocket for deliveries in place of any earlier one, then call
    /// [`answer`](Courier::answer) with the answer to the handshake. Then pass what arrives to
    /// [`deliver`](Courier::deliver).
    Connect {
        /// Names the request.
        id: u64,
        /// The request that asks for the upgrade. Add the headers of the WebSocket handshake.
        http: HttpRequest,
    },
    /// Send this as one binary message on the WebSocket. It has no answer.
    Frame(Vec<u8>),
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { id, call, .. } => write!(f, "Call({id}, {call:?})"),
            Self::Connect { id, .. } => write!(f, "Connect({id})"),
            Self::Frame(frame) => write!(f, "Frame({} bytes)", frame.len()),
        }
    }
}

/// The request that is on its way.
pub(super) struct InFlight {
    pub(super) id: u64,
    pub(super) asked: AskedRequest,
    pub(super) aim: Aim,
    /// The key under which the relay answers a device.
    pub(super) key: DeliveryKey,
}

/// What a request is for: what its answer needs that the answer does not say.
#[derive(Clone)]
pub(super) enum Aim {
    Card,
    Challenge,
    /// With the new delivery key, and the version of the own roster if the relay gets that.
    Register(DeliveryKey, Option<RosterVersion>),
    SignIn,
    Leave,
    Left,
    Upload(PreKeyUpload),
    Roster(AccountId),
    Bundles {
        wanted: WantedBundles,
        /// Whether a message goes without them if there are none.
        is_extra: bool,
    },
    PutRoster(RosterVersion),
    Post {
        to: Conversation,
        id: FrankingTag,
        is_again: bool,
    },
    /// An entry of a group.
    Entry {
        group: GroupId,
        entry: Vec<u8>,
    },
    GroupNews {
        group: GroupId,
        /// Whether they are asked for because this account leaves the group.
        leaves: bool,
    },
    /// Rosters of members of a group.
    GroupRosters {
        group: GroupId,
        names: Vec<AccountId>,
    },
    LeaveGroup(GroupId),
    Report(ReportId),
    ReportState(ReportId),
    LogKeys,
    /// With the id that the provider gave the report.
    Promise(ReportId, SubmittedId),
    /// With the number of the report in the log.
    ReportReceipt(Number),
    Notices,
    /// With the leaf hash of the decision.
    DecisionReceipt(TreeHash),
    /// With the leaf hash of the decision.
    Appeal(TreeHash),
    Deliveries,
    PutMail(LinkSlot),
    Mail(LinkSlot),
    /// With the number of the chunk.
    PutChunk(u32),
    Chunk,
    File(AskedFile),
}

impl Aim {
    /// Whether the relay knows the caller as a device.
    pub(super) fn is_of_device(&self) -> bool {
        !matches!(
            self,
            Self::Card | Self::Challenge | Self::Register(..) | Self::SignIn | Self::Leave
        )
    }
}

impl Aim {
    /// Whether the relay asks the desk for it.
    pub(super) fn is_of_desk(&self) -> bool {
        matches!(
            self,
            Self::LogKeys
                | Self::Promise(..)
                | Self::ReportReceipt(_)
                | Self::Notices
                | Self::DecisionReceipt(_)
                | Self::Appeal(_)
        )
    }

    /// Whether it is about a mailbox.
    pub(super) fn is_mail(&self) -> bool {
        matches!(
            self,
            Self::PutMail(_) | Self::Mail(_) | Self::PutChunk(_) | Self::Chunk
        )
    }
}

impl<S: Store> Courier<S> {
    /// The next thing to send. `None` while an answer is awaited, and if there is nothing to do
    /// before [`wake_at`](Self::wake_at) or before something arrives.
    ///
    /// # Errors
    /// [`StateError::Store`]. Everything is done again after the store works.
    pub fn next(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Request>, StateError<S::Error>> {
        if let Some(frame) = self.stream.next_frame() {
            return Ok(Some(Request::Frame(frame)));
        }
        self.see(now);
        self.expire(now)?; // without a network, too
        for _ in 0..MAX_SKIPPED {
            if self.in_flight.is_some() || self.is_removed || self.pause.until(now).is_some() {
                return Ok(None);
            }
            let Some((aim, call)) = self.choose(now, rng)? else {
                return Ok(None);
            };
            // With a token, the relay counts what is in mailboxes by account.
            let needs_token = call.needs_token() || aim.is_mail();
            let token = self.token.as_ref().filter(|_| needs_token);
            let token = token.map(|token| token.text.clone());
            match call.ask(token.as_deref(), rng) {
                Ok((http, asked)) => {
                    let id = self.next_id;
                    self.next_id = self.next_id.wrapping_add(1);
                    let is_connect = matches!(aim, Aim::Deliveries);
                    let key = self.client.delivery_key().clone();
                    self.in_flight = Some(InFlight {
                        id,
                        asked,
                        aim,
                        key,
                    });
                    return Ok(Some(match is_connect {
                        true => Request::Connect { id, http },
                        false => Request::Call { id, call, http },
                    }));
                }
                // No relay has an account of this name. It answers the same.
                Err(RequestError::BadName(_)) => {
                    let code = ErrorCode::BadName;
                    self.refused(aim, &ErrorBody::of_code(code), now, rng)?;
                }
                // The token cannot be sent. Another one may be as bad.
                Err(_) => {
                    self.token = None;
                    self.pause.lengthen(now, 0, rng);
                    self.again(aim);
                }
            }
        }
        Ok(None)
    }

    /// Chooses the first thing that is to be asked. The order is that in which a user waits for
    /// them.
    fn choose(
        &mut self,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Aim, Call)>, StateError<S::Error>> {
        if let Some(chosen) = self.choose_session(now, rng)? {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_roster(now)? {
            return Ok(Some(chosen));
        }
        self.seal_earlier(now, rng)?;
        match self.is_listening && !self.stream.is_caught_up() {
            true => _ = self.away_since.get_or_insert(now),
            false => self.away_since = None,
        }
        self.keep_up(now, rng)?;
        if let Some(chosen) = self.choose_prekeys(now, rng)? {
            return Ok(Some(chosen));
        }
        if self.wants_stream() && self.reconnect.until(now).is_none() {
            return Ok(Some((Aim::Deliveries, Call::Deliveries)));
        }
        if let Some(chosen) = self.choose_link(now)? {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_group(now, rng)? {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_bundle(now) {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_envelope(now, rng)? {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_leave()? {
            return Ok(Some(chosen));
        }
        if let Some(chosen) = self.choose_log_keys(now) {
            return Ok(Some(chosen));
        }
        let report = self.choose_report(now, rng);
        if report.is_err() {
            self.reports.look_again();
        }
        if let Some(chosen) = report? {
            return Ok(Some(chosen));
        }
        let asked = self.choose_desk(now);
        if asked.is_err() {
            self.desk.look_again();
        }
        if let Some(chosen) = asked? {
            return Ok(Some(chosen));
        }
        match self.choose_chunk(now, rng)? {
            Some(chosen) => Ok(Some(chosen)),
            // Last, so that nothing waits for a file but the end of the part on its way.
            None => self.choose_file(now, rng),
        }
    }

    /// When to call [`next`](Self::next) again if nothing happens before. `None` while an answer is
    /// awaited, and if nothing waits for a time.
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.in_flight.is_some() {
            return None;
        }
        if self.is_set_back(now) {
            return Some(now);
        }
        if self.is_removed {
            return self.due_at;
        }
        if let Some(until) = self.pause.until(now) {
            return Some(self.due_at.map_or(until, |due| due.min(until)));
        }
        let is_away = self.card.is_none() || self.token.is_none() || self.must_register;
        let connect_at = self.reconnect.until(now).unwrap_or(now);
        let times = [
            is_away.then_some(now),
            self.wants_stream().then_some(connect_at),
            self.publish_at,
            self.prekeys_at,
            self.upkeep_time(),
            self.leave_at(),
            self.link.next(now),
            self.histories.next(now),
            self.due_at,
            self.groups.next(),
            self.bundles.next(),
            self.outbox.next(),
            self.reports.next(),
            self.desk_at(now),
            self.files.next(now),
        ];
        times.into_iter().flatten().min()
    }

    /// Whether an answer is awaited, or there is something to send now.
    pub fn is_busy(&self, now: Timestamp) -> bool {
        let is_awake = self.wake_at(now).is_some_and(|at| at <= now);
        self.in_flight.is_some() || self.stream.has_frames() || is_awake
    }

    fn wants_stream(&self) -> bool {
        self.is_listening && !self.stream.is_open()
    }
}
