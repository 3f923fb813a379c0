//! The courier: what every application does between its [`Client`] and the provider, without I/O.
//!
//! Each file of `courier/` is one thing that it tends: `pinned`, `session`, `rosters`, `prekeys`,
//! `bundles`, `send`, `groups`, `outbox`, `targets`, `stream`, `verdict`, `expired`, `link`,
//! `history`, `leave`, `reports`, `desk`, `files`, `expiry`, `clock`. `next` chooses what is asked,
//! `answer` takes what came back, and `pause` is how long to wait after a failure.
//!
//! A device that has no account yet has two other types with the same calls: [`Linking`] joins an
//! account, and [`Recovering`] gets one back. `stranger` is what both of them need.

mod answer;
mod bundles;
mod clock;
mod contact;
mod create;
mod desk;
mod event;
mod expired;
mod expiry;
mod files;
mod groups;
mod history;
mod leave;
mod link;
mod linking;
mod next;
mod outbox;
mod pause;
mod pinned;
mod prekeys;
mod recovering;
mod reports;
mod rosters;
mod send;
mod session;
mod stranger;
mod strangers;
mod stream;
mod targets;
mod verdict;

use std::collections::VecDeque;

use rand_core::CryptoRng;
use waxseal_interface::RelayCard;
use waxseal_reporting::reporter::ReportDraft;
use waxseal_reporting::{AccountId, Timestamp};

use self::bundles::Bundles;
use self::desk::Desk;
pub use self::desk::{ReceiptAbout, ReceiptNews};
pub use self::event::{Event, GroupFailure, LinkFailure, Trouble};
use self::files::Files;
pub use self::files::{DownloadId, FileFailure, Transfer};
use self::groups::Groups;
use self::history::Histories;
use self::link::Link;
pub use self::linking::{Linking, LinkingState};
use self::next::InFlight;
pub use self::next::Request;
use self::outbox::Outbox;
use self::pause::Pause;
pub use self::recovering::{Recovering, RecoveringState, RecoveryFailure};
use self::reports::Reports;
use self::session::Token;
use self::strangers::Strangers;
use self::stream::Stream;
pub use crate::client::courier::decisions::{AppealState, KeptAppeal};
pub use crate::client::courier::uploads::{
    MAX_LABEL_LEN, NewFile, Upload, UploadId, UploadPurpose, WantedFile,
};
use crate::client::{Client, ReportId};
use crate::error::{ReportError, StateError};
use crate::records::CourierRecord;
use crate::store::Store;

/// A [`Client`] with everything that keeps it in touch with a provider. It does no I/O: the
/// application, or the feature `transport`, sends what [`next`](Self::next) returns.
///
/// ```rust
/// use waxseal::courier::{Courier, Event, Request};
/// # use waxseal::{Store, Timestamp};
/// # use waxseal_interface::{HttpAnswer, HttpRequest};
/// # struct Network;
/// # impl Network {
/// #     fn call(&self, _: &HttpRequest) -> Option<HttpAnswer> { None }
/// #     fn connect(&self, _: &HttpRequest) -> Option<HttpAnswer> { None }
/// #     fn send(&self, _: Vec<u8>) {}
/// #     fn frames(&self) -> Vec<Vec<u8>> { Vec::new() }
/// # }
/// # fn turn<S: Store>(courier: &mut Courier<S>, network: &Network, now: Timestamp)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// # let rng = &mut rand::rng();
/// while let Some(request) = courier.next(now, rng)? {
///     match request {
///         Request::Call { id, http, .. } => courier.answer(id, network.call(&http), now, rng)?,
///         Request::Connect { id, http } => courier.answer(id, network.connect(&http), now, rng)?,
///         Request::Frame(frame) => network.send(frame),
///     }
/// }
/// courier.deliver(&network.frames(), now)?; // what has arrived on the WebSocket
/// for event in courier.events() {
///     if let Event::Message { from, message, .. } = event {
///         println!("{}: {}", from.as_str(), message.text().unwrap_or_default());
///     }
/// }
/// # Ok(()) }
/// ```
///
/// # What it does
///
/// It registers the device and signs in, pins the relay's keys, publishes and replaces prekeys,
/// posts the outbox, connects for deliveries, receives and acknowledges them, starts sessions, asks
/// for what did not open, seals again what others could not open, tells peers what arrived, submits
/// reports and seals them again when the moderation key changes, and deletes what is due. It waits
/// longer after each failure, and never longer than the provider asks for plus some minutes.
///
/// # Several devices
///
/// A message goes to every device of the recipient, and the other devices of this account get
/// copies. The courier fetches the rosters that say which devices these are, starts sessions with
/// devices that are new, and seals a message again for exactly the devices that the relay names.
/// What an unknown device sent waits until the newer roster is there. It publishes the own roster,
/// makes a change again when another device was faster, and signs the roster again when it is old.
///
/// | to | call | then |
/// |---|---|---|
/// | add a device | [`link_device`] on a manager | [`Event::LinkDigits`], [`Event::Linked`] |
/// | be the device that is added | [`Linking::new`] | [`Linking::into_courier`] |
/// | remove a device | [`remove_device`] | [`DevicesChanged`](crate::Notice::DevicesChanged) |
/// | leave with this device | [`leave`](Self::leave) | [`Event::Removed`] |
/// | get an account back | [`Recovering::new`] | [`Recovering::into_courier`] |
/// | remove a stolen manager | [`take_over`] | [`DevicesChanged`](crate::Notice::DevicesChanged) |
/// | see the own devices | [`ask_roster`] | [`Client::devices`] |
/// | get the history | [`ask_history`], then [`give_history`] elsewhere | [`Event::History`] |
///
/// [`link_device`]: Self::link_device
/// [`remove_device`]: Self::remove_device
/// [`take_over`]: Self::take_over
/// [`ask_roster`]: Self::ask_roster
/// [`ask_history`]: Self::ask_history
/// [`give_history`]: Self::give_history
///
/// [`Event::Notice`] tells what the user has to know of the devices of an account, and
/// [`Event::Removed`] that this device is no device of the account any more.
///
/// # Groups
///
/// [`send`](Self::send), messages, reports and events are the same for groups. The courier fetches
/// what happened in a group and the rosters of its members, posts what this device changes, and
/// makes a change again when another admin was faster.
///
/// | to | call | then |
/// |---|---|---|
/// | found a group | [`create_group`](Self::create_group) | [`Event::Group`] |
/// | bring someone in | [`invite`](Self::invite) | the acceptance, then [`Event::Group`] |
/// | come in | [`accept_invitation`](Self::accept_invitation) | [`Event::Group`] |
/// | change it | [`promote`], [`demote`], [`remove_member`], | |
/// | | [`set_group_policy`] | [`Event::Group`] |
/// | give it a title | [`set_group_profile`](Self::set_group_profile) | [`Event::Accepted`] |
/// | go | [`leave_group`](Self::leave_group) | |
///
/// [`promote`]: Self::promote
/// [`demote`]: Self::demote
/// [`remove_member`]: Self::remove_member
/// [`set_group_policy`]: Self::set_group_policy
///
/// # Files
///
/// A file is sealed and posted in parts when there is nothing else to ask. Its message follows.
///
/// | to | call | then |
/// |---|---|---|
/// | send a file | [`send_file`](Self::send_file) | [`Event::FileSent`] |
/// | save a file | [`save_file`](Self::save_file) | [`Event::FileSaved`] |
/// | go on after a restart | [`uploads`], [`resume_upload`]; [`save_file`](Self::save_file) | |
/// | give the reviewers a file that is gone | [`upload_again`] | [`Event::FileUploadedAgain`] |
///
/// [`uploads`]: Self::uploads
/// [`resume_upload`]: Self::resume_upload
/// [`upload_again`]: Self::upload_again
///
/// # Strangers
///
/// | to | call | then |
/// |---|---|---|
/// | see who wrote | [`Client::requests`] | [`accept_contact`], [`decline`], [`Client::block`] |
/// | block and report | [`block_and_report`](Self::block_and_report) | [`Event::ReportTaken`] |
/// | forward | [`forward`](Self::forward), [`forward_file`](Self::forward_file) | |
/// | write to more strangers | [`answer_challenge`] | after [`Event::StrangerBudget`] |
///
/// [`accept_contact`]: Self::accept_contact
/// [`decline`]: Self::decline
/// [`answer_challenge`]: Self::answer_challenge
///
/// # Receipts
///
/// If the provider has a desk, the courier keeps its promise about each report, asks daily for
/// receipts of its log, verifies them, and tells what is new. The keys of the log are pinned at the
/// first contact: let the user compare them.
///
/// | to | call | then |
/// |---|---|---|
/// | see what was done and decided | [`Client::promises`], [`Client::account_receipts`] | |
/// | appeal against a decision | [`appeal`](Self::appeal) | [`Event::Appeal`] |
/// | accept other keys of the log | [`accept_log_keys`](Self::accept_log_keys) | |
///
/// # What survives a crash
///
/// Everything that matters is in the client's store, and each step can be repeated. A message may
/// be posted twice and arrives once. A delivery is acknowledged only after it was committed. What
/// [`events`](Self::events) has not returned when the process ends is not told again: read
/// [`Client::messages`] at the start.
pub struct Courier<S: Store> {
    client: Client<S>,
    record: CourierRecord,
    is_listening: bool,
    card: Option<(RelayCard, Timestamp)>,
    token: Option<Token>,
    /// When the relay last refused a token.
    token_refused_at: Option<Timestamp>,
    challenge: Option<Vec<u8>>,
    /// Whether to register the device again before anything else, although no key is due.
    must_register: bool,
    /// Whether the relay said that this device was removed.
    is_removed: bool,
    /// Whether the store has an account key, as far as it was looked at.
    has_account_key: bool,
    in_flight: Option<InFlight>,
    /// Whether this process has compared the store with the mark that the relay keeps.
    is_compared: bool,
    next_id: u64,
    pause: Pause,
    /// Number of answers in a row that the relay did not make under this device's key.
    unauthentic: u32,
    /// How far the relay's clock is ahead of this device's.
    relay_ahead_ms: i64,
    /// The time of the last call of `next`.
    seen_at: Timestamp,
    stream: Stream,
    /// How long to wait before the next connection.
    reconnect: Pause,
    /// When the relay is next asked how many prekeys it has.
    prekeys_at: Option<Timestamp>,
    /// Whether the relay may have other prekeys than the store.
    are_prekeys_in_doubt: bool,
    /// When that was last doubted.
    doubted_at: Option<Timestamp>,
    /// How many one-time parts the relay has left, if it needs more.
    left: Option<usize>,
    /// Since when the relay may have something for this device.
    away_since: Option<Timestamp>,
    /// When the client's upkeep is next called.
    upkeep_at: Option<Timestamp>,
    /// When to look for messages that are due.
    due_at: Option<Timestamp>,
    /// When to look whether the relay lacks a roster.
    publish_at: Option<Timestamp>,
    /// Number of times in a row that the relay had another roster.
    conflicts: u32,
    link: Link,
    histories: Histories,
    leave: leave::Step,
    groups: Groups,
    bundles: Bundles,
    outbox: Outbox,
    strangers: Strangers,
    reports: Reports,
    desk: Desk,
    files: Files,
    events: VecDeque<Event>,
}

impl<S: Store> Courier<S> {
    /// The client, for reading: messages, peers, safety numbers, drafts of reports.
    pub fn client(&self) -> &Client<S> {
        &self.client
    }

    /// The client, for calls that the courier does not have, such as
    /// [`delete_conversation`](Client::delete_conversation). What they leave to be said, the
    /// courier says.
    pub fn client_mut(&mut self) -> &mut Client<S> {
        self.look_again();
        &mut self.client
    }

    /// Ends the courier and returns its client.
    pub fn into_client(self) -> Client<S> {
        self.client
    }

    /// Keeps a report that the user agreed to. [`next`](Self::next) seals it to the relay's
    /// moderation key and submits it. Show [`ReportDraft::preview`] and the fingerprint of
    /// [`pinned`](Self::pinned) before.
    ///
    /// # Errors
    /// As for [`Client::keep_report`].
    pub fn report(
        &mut self,
        draft: &ReportDraft,
        rng: &mut impl CryptoRng,
    ) -> Result<ReportId, ReportError<S::Error>> {
        let kept = self.client.keep_report(draft, rng)?;
        self.reports.look_again();
        Ok(kept.id)
    }

    /// Asks the provider which devices and which account key a peer has now.
    /// [`IdentityChanged`](crate::Notice::IdentityChanged) tells, once more too, if the key is not
    /// the pinned one.
    pub fn ask_roster(&mut self, peer: &AccountId) {
        self.bundles.check(peer);
    }

    /// Registers the device once more, with another delivery key. That takes the name back from
    /// someone who stole the identity and registered a key of their own.
    pub fn register_again(&mut self) {
        self.must_register = true;
    }

    /// Whether the courier connects for deliveries. It does from the start.
    pub fn listen(&mut self, is_listening: bool) {
        self.is_listening = is_listening;
        if !is_listening {
            self.stream.close();
        }
    }

    /// Whether the connection for deliveries is open, as far as the courier knows.
    pub fn is_connected(&self) -> bool {
        self.stream.is_open()
    }

    /// Ends the pause after a failure, or after [`Event::Removed`]. Call it when the network is
    /// back, or when the user asks to try again.
    pub fn try_now(&mut self) {
        self.is_removed = false;
        self.pause.end();
        self.files.end_pause();
        self.reconnect.end();
    }

    /// Until when the courier asks nothing, because something failed.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.pause.until(now)
    }

    /// What has happened since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// Until when a message accepted now can be reported, in days. `None` before the first contact.
    pub fn verify_days(&self) -> Option<u32> {
        Some(self.record.verify_days).filter(|days| *days > 0)
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn put(&mut self, record: CourierRecord) -> Result<(), StateError<S::Error>> {
        if record != self.record {
            self.client.put_courier_record(&record)?;
            self.record = record;
        }
        Ok(())
    }

    /// Looks at everything once more, because something may have changed.
    fn look_again(&mut self) {
        self.outbox.look_again();
        self.reports.look_again();
        self.desk.look_again();
        self.files.look_again();
        self.groups.look_again();
        self.publish();
        self.upkeep_at = Some(Timestamp::from_millis(0));
        self.due_at = Some(Timestamp::from_millis(0));
    }

    /// Tells of trouble, once until something else happens.
    fn tell_trouble(&mut self, trouble: Trouble) {
        if self.pause.trouble(&trouble) {
            self.tell(Event::Trouble(trouble));
        }
    }
}
