//! The requests of clients, one per route, in a form that any HTTP client can send.

use std::borrow::Cow;

use rand_core::CryptoRng;
use serde::Serialize;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::{AccountId, BlobId, ConversationId};

use crate::answer::AskedRequest;
use crate::contact::ContactToken;
use crate::contact_headers::{
    CONTACT_TOKENS_HEADER, ContactHeaders, READS_TOKENS_HEADER, encode_tokens,
};
use crate::decision::Appeal;
use crate::exchange::{HttpRequest, RequestError};
use crate::group::{AskRosters, GroupLeave};
use crate::mark::{MARK_HEADER, MARK_LEN, encode_mark};
use crate::message::{Leave, PreKeys, Register, SignIn};
use crate::roster::AskBundles;

const JSON: &str = "application/json";
const OCTETS: &str = "application/octet-stream";

/// A request of a client: one variant for each route of the provider interface.
///
/// ```
/// use waxseal_interface::{PreKeysLeft, Request};
/// # use waxseal_interface::{HttpAnswer, HttpRequest};
/// # fn left(send: impl Fn(&HttpRequest) -> HttpAnswer, token: &str, relay_key: &[u8; 32],
/// #     key: &waxseal_reporting::relay::DeliveryKey) -> Result<(), Box<dyn std::error::Error>> {
/// let (request, asked) = Request::PreKeysLeft.ask(Some(token), &mut rand::rng())?;
/// let answer = send(&request);
/// let header = |name| answer.header(name);
/// if !asked.is_authentic(relay_key, Some(key), header, answer.status, &answer.body) {
///     return Err("someone else answered: treat it as a broken connection".into());
/// }
/// let left: PreKeysLeft = answer.json()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Request {
    /// Fetches the relay's card.
    Card,
    /// Asks for a challenge, which a proof must sign.
    Challenge,
    /// Registers an account, or signs in if this device has registered it already.
    Register(Register),
    /// Signs a registered device in.
    SignIn(SignIn),
    /// Has a device leave its account.
    Leave(Leave),
    /// Asks how many one-time parts the relay has left.
    PreKeysLeft,
    /// Publishes prekeys.
    PutPreKeys(PreKeys),
    /// Publishes the next roster of this device's account, an encoded signed roster.
    PutRoster(Vec<u8>),
    /// Fetches the newest roster of an account.
    Roster(AccountId),
    /// Fetches the newest roster of an account, and the prekeys that start sessions with its
    /// devices.
    Bundles(AskBundles),
    /// Sends a message to an account, and to the other devices of the sender's own account.
    Post {
        /// The account that gets the message.
        recipient: AccountId,
        /// An encoded `PostedFanout`.
        posted: Vec<u8>,
        /// The device's mark against set-back.
        mark: Option<[u8; MARK_LEN]>,
        /// What the device says of the recipient.
        contact: ContactHeaders,
    },
    /// Sends a message that was sealed again for one device of an account.
    Reseal {
        /// The account of the device that the reseal names.
        recipient: AccountId,
        /// An encoded `PostedReseal`.
        posted: Vec<u8>,
        /// The device's mark against set-back.
        mark: Option<[u8; MARK_LEN]>,
    },
    /// Posts the next entry of a group, or the first one, which founds it.
    PutGroup {
        /// The group.
        group: ConversationId,
        /// An encoded signed entry.
        entry: Vec<u8>,
        /// For each account that the entry adds, in its order, the newest token that it gave. May
        /// be shorter. An account without a token costs what a message to it costs.
        tokens: Vec<Option<ContactToken>>,
    },
    /// Asks what happened in a group.
    Group {
        /// The group.
        group: ConversationId,
        /// The newest version that is known: 0 if none is.
        after: u64,
    },
    /// Fetches the newest rosters of members of a group.
    GroupRosters {
        /// The group.
        group: ConversationId,
        /// Whose rosters are wanted.
        asked: AskRosters,
    },
    /// Sends a message to a group.
    PostGroup {
        /// The group that gets the message.
        group: ConversationId,
        /// An encoded `PostedGroup`.
        posted: Vec<u8>,
        /// The device's mark against set-back.
        mark: Option<[u8; MARK_LEN]>,
    },
    /// Has the account leave a group.
    LeaveGroup {
        /// The group.
        group: ConversationId,
        /// The device's wish.
        leave: GroupLeave,
    },
    /// Submits an encoded report.
    Report(Vec<u8>),
    /// Asks what became of a report.
    ReportState(ReportId),
    /// Fetches the keys of the log of the provider's desk, as text.
    LogKeys,
    /// Fetches the desk's promise about a report of this account.
    Promise(ReportId),
    /// Fetches a receipt that shows what was done with a report of this account.
    ReportReceipt(ReportId),
    /// Fetches a receipt that shows that the provider refused a report. Names the report by the
    /// digest of what was sealed, which only its reporter knows.
    RefusedReceipt([u8; 32]),
    /// Asks of which decisions the provider told this account.
    Notices {
        /// The number of the newest notice that is known: 0 if none is.
        after: u64,
    },
    /// Fetches a receipt that shows what was decided against this account. Names the decision by
    /// the leaf hash of its entry in the log.
    DecisionReceipt([u8; 32]),
    /// Appeals against a decision.
    Appeal {
        /// The leaf hash of the decision's entry in the log, which names the decision.
        decision: [u8; 32],
        /// The appeal.
        appeal: Appeal,
    },
    /// Opens the WebSocket on which the relay sends deliveries.
    Deliveries,
    /// Puts content into an empty slot of a mailbox. Pass a token if there is one: a device that is
    /// signed in may put more.
    PutMailbox {
        /// The mailbox. Whoever knows it can read and fill its slots.
        mailbox: [u8; 16],
        /// The slot.
        slot: u8,
        /// At most [`MAX_MAILBOX_LEN`](crate::MAX_MAILBOX_LEN) bytes.
        content: Vec<u8>,
    },
    /// Fetches what is in a slot of a mailbox. A token may be passed.
    Mailbox {
        /// The mailbox.
        mailbox: [u8; 16],
        /// The slot.
        slot: u8,
    },
    /// Appends a part to a blob. The first part begins the blob.
    PutBlob {
        /// The blob.
        blob: BlobId,
        /// Where the part begins in the blob.
        at: u64,
        /// Length of the whole blob: at most [`MAX_BLOB_LEN`](crate::MAX_BLOB_LEN).
        of: u64,
        /// The part: 1 to [`MAX_BLOB_PART_LEN`](crate::MAX_BLOB_PART_LEN) bytes.
        bytes: Vec<u8>,
    },
    /// Asks how much of a blob the relay has.
    BlobState(BlobId),
    /// Fetches bytes of a blob.
    Blob {
        /// The blob.
        blob: BlobId,
        /// Where the bytes begin in the blob.
        at: u64,
        /// How many: 1 to [`MAX_BLOB_PART_LEN`](crate::MAX_BLOB_PART_LEN).
        len: usize,
    },
}

impl Request {
    /// The HTTP method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Card
            | Self::PreKeysLeft
            | Self::Roster(_)
            | Self::Group { .. }
            | Self::ReportState(_)
            | Self::LogKeys
            | Self::Promise(_)
            | Self::ReportReceipt(_)
            | Self::RefusedReceipt(_)
            | Self::Notices { .. }
            | Self::DecisionReceipt(_)
            | Self::Deliveries
            | Self::Mailbox { .. }
            | Self::BlobState(_)
            | Self::Blob { .. } => "GET",
            Self::PutPreKeys(_)
            | Self::PutRoster(_)
            | Self::PutGroup { .. }
            | Self::PutMailbox { .. }
            | Self::PutBlob { .. } => "PUT",
            Self::Challenge
            | Self::Register(_)
            | Self::SignIn(_)
            | Self::Leave(_)
            | Self::Bundles(_)
            | Self::Post { .. }
            | Self::Reseal { .. }
            | Self::GroupRosters { .. }
            | Self::PostGroup { .. }
            | Self::LeaveGroup { .. }
            | Self::Report(_)
            | Self::Appeal { .. } => "POST",
        }
    }

    /// The content type, if the request has a body.
    pub fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::Register(_)
            | Self::SignIn(_)
            | Self::Leave(_)
            | Self::PutPreKeys(_)
            | Self::Bundles(_)
            | Self::GroupRosters { .. }
            | Self::LeaveGroup { .. }
            | Self::Appeal { .. } => Some(JSON),
            Self::PutRoster(_)
            | Self::Post { .. }
            | Self::Reseal { .. }
            | Self::PutGroup { .. }
            | Self::PostGroup { .. }
            | Self::Report(_)
            | Self::PutMailbox { .. }
            | Self::PutBlob { .. } => Some(OCTETS),
            Self::Card
            | Self::Challenge
            | Self::PreKeysLeft
            | Self::Roster(_)
            | Self::Group { .. }
            | Self::ReportState(_)
            | Self::LogKeys
            | Self::Promise(_)
            | Self::ReportReceipt(_)
            | Self::RefusedReceipt(_)
            | Self::Notices { .. }
            | Self::DecisionReceipt(_)
            | Self::Deliveries
            | Self::Mailbox { .. }
            | Self::BlobState(_)
            | Self::Blob { .. } => None,
        }
    }

    /// The body. It is empty if the request has none.
    pub fn body(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Register(register) => json(register),
            Self::SignIn(sign_in) => json(sign_in),
            Self::Leave(leave) => json(leave),
            Self::PutPreKeys(prekeys) => json(prekeys),
            Self::Bundles(asked) => json(asked),
            Self::GroupRosters { asked, .. } => json(asked),
            Self::LeaveGroup { leave, .. } => json(leave),
            Self::Appeal { appeal, .. } => json(appeal),
            Self::PutRoster(roster) => roster.into(),
            Self::PutGroup { entry, .. } => entry.into(),
            Self::Post { posted, .. }
            | Self::Reseal { posted, .. }
            | Self::PostGroup { posted, .. } => posted.into(),
            Self::Report(report) => report.into(),
            Self::PutMailbox { content, .. } => content.into(),
            Self::PutBlob { bytes, .. } => bytes.into(),
            Self::Card
            | Self::Challenge
            | Self::PreKeysLeft
            | Self::Roster(_)
            | Self::Group { .. }
            | Self::ReportState(_)
            | Self::LogKeys
            | Self::Promise(_)
            | Self::ReportReceipt(_)
            | Self::RefusedReceipt(_)
            | Self::Notices { .. }
            | Self::DecisionReceipt(_)
            | Self::Deliveries
            | Self::Mailbox { .. }
            | Self::BlobState(_)
            | Self::Blob { .. } => Cow::Borrowed(&[]),
        }
    }

    /// Whether only a device that is signed in may ask this, with the token of its session. Of the
    /// others, the requests about mailboxes may have a token too.
    pub fn needs_token(&self) -> bool {
        !matches!(
            self,
            Self::Card
                | Self::Challenge
                | Self::Register(_)
                | Self::SignIn(_)
                | Self::Leave(_)
                | Self::PutMailbox { .. }
                | Self::Mailbox { .. }
        )
    }

    /// Makes the request that goes to the relay, and what later authenticates its answer. Pass the
    /// token if the request [needs one](Self::needs_token).
    ///
    /// Call this again for every try: an answer is authentic for one nonce only.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn ask(
        &self,
        token: Option<&str>,
        rng: &mut impl CryptoRng,
    ) -> Result<(HttpRequest, AskedRequest), RequestError> {
        let (path, body) = (self.path()?, self.body().into_owned());
        let (method, content_type) = (self.method(), self.content_type());
        let (mut request, asked) = HttpRequest::ask(method, path, content_type, body, token, rng)?;
        if let Self::Post { mark, .. } | Self::Reseal { mark, .. } | Self::PostGroup { mark, .. } =
            self
        {
            let mark = mark.as_ref().map(|mark| (MARK_HEADER, encode_mark(mark)));
            request.headers.extend(mark);
        }
        match self {
            Self::Post { contact, .. } => request.headers.extend(contact.headers()),
            Self::PutGroup { tokens, .. } => {
                let tokens = encode_tokens(tokens).map(|tokens| (CONTACT_TOKENS_HEADER, tokens));
                request.headers.extend(tokens);
            }
            // `Event::decode` reads a delivery with a token.
            Self::Deliveries => request.headers.push((READS_TOKENS_HEADER, "1".to_owned())),
            _ => {}
        }
        Ok((request, asked))
    }
}

/// Does not fail for the bodies of requests: they are structs of strings, numbers and lists. If it
/// did, the relay would refuse the empty body.
fn json<'a>(body: &impl Serialize) -> Cow<'a, [u8]> {
    serde_json::to_vec(body).unwrap_or_default().into()
}

mod path;
mod shown;
#[cfg(test)]
mod tests;
