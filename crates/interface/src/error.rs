//! What a relay answers when it refuses a request.

use serde::{Deserialize, Serialize};

use crate::contact::StrangerChallenge;
use crate::group::{GroupMismatch, GroupNews};
use crate::message::b64_option;
use crate::roster::{Mismatch, RosterConflict};

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The reason, for programs.
    pub error: ErrorCode,
    /// The reason, for people. It never repeats anything that was sent.
    pub message: String,
    /// Seconds to wait before trying again, if that may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
    /// With [`ErrorCode::ReportRefused`]: the number of the check that failed, as in the reporting
    /// specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<u8>,
    /// With check 69: the index of the first message in the report that is too old. Leave it out
    /// and report the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<usize>,
    /// With [`ErrorCode::ClockDiffers`]: the relay's time, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_time_ms: Option<u64>,
    /// With [`ErrorCode::Mismatch`]: the rosters and prekeys that the sender lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<Box<Mismatch>>,
    /// With [`ErrorCode::RosterConflict`], and with [`ErrorCode::AccountTaken`] if the device is
    /// missing from it: the newest roster of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Box<RosterConflict>>,
    /// With [`ErrorCode::GroupConflict`]: what happened in the group after the version before the
    /// posted entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_news: Option<Box<GroupNews>>,
    /// With [`ErrorCode::GroupMismatch`]: what the sender lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_mismatch: Option<Box<GroupMismatch>>,
    /// With [`ErrorCode::StrangerBudget`], if the operator has set one: what the user can do to
    /// get a pass. Show it as text of the provider.
    #[serde(
        default,
        deserialize_with = "StrangerChallenge::read",
        skip_serializing_if = "Option::is_none"
    )]
    pub challenge: Option<Box<StrangerChallenge>>,
    /// With [`ErrorCode::ReportRefused`], if the provider has a desk that answered: its promise
    /// that the log will say that the report was rejected, as the log encodes it.
    #[serde(default, with = "b64_option", skip_serializing_if = "Option::is_none")]
    pub promise: Option<Vec<u8>>,
}

impl ErrorBody {
    /// The body that says a code and nothing more.
    pub fn of_code(code: ErrorCode) -> Self {
        Self {
            error: code,
            message: code.message().to_owned(),
            retry_after_secs: None,
            check: None,
            claim: None,
            relay_time_ms: None,
            mismatch: None,
            conflict: None,
            group_news: None,
            group_mismatch: None,
            challenge: None,
            promise: None,
        }
    }

    /// Reads the body of an answer that is not a success. A proxy between client and relay may have
    /// answered with something else. Then the body says [`ErrorCode::Busy`] for a status from 500
    /// on, and [`ErrorCode::Other`] for any other.
    pub fn of_answer(status: u16, body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| Self {
            message: format!("status {status}"),
            ..Self::of_code(match status {
                500.. => ErrorCode::Busy,
                _ => ErrorCode::Other,
            })
        })
    }
}

/// Why a relay refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// 400: the request or its body does not follow this interface.
    Malformed,
    /// 400: the body is not the one whose digest the request states. It was altered or cut off on
    /// the way. Send the request again.
    BodyAltered,
    /// 422: not an account name. See [`account_name`](crate::account_name), and for a new account
    /// [`new_account_name`](crate::new_account_name).
    BadName,
    /// 401: no token, or a token that this relay does not accept on this route.
    Unauthorized,
    /// 401: the token has expired. Sign in again.
    TokenExpired,
    /// 401: the challenge is from another relay, has expired or was used. Get a new one.
    ChallengeRefused,
    /// 401: the proof does not verify, or the account is not registered.
    ProofRefused,
    /// 401: the account's newest roster does not list this device any more, or the device left.
    Removed,
    /// 409: the name looks like a registered name, or belongs to an account under another account
    /// key, or to one whose roster does not list this device: then `conflict` has the roster.
    AccountTaken,
    /// 422: the signed roster does not verify for this account, or does not list this device.
    BadRoster,
    /// 409: the roster does not follow the newest one that the relay has, which is in `conflict`.
    /// Another manager was faster, or the account was recovered. Sign the change again after it.
    RosterConflict,
    /// 404: the account has no roster yet. Its device registered with an earlier version of this
    /// interface: it publishes a roster once its app is updated.
    NoRoster,
    /// 409: the message does not name the newest rosters of both accounts, or does not go to
    /// exactly their devices. Nothing was stamped. Seal it for the others with what is in
    /// `mismatch`, and post it again.
    Mismatch,
    /// 404: no group with this id was founded.
    NoGroup,
    /// 403: the account is not a member of the group, or not under the account key that the group
    /// names. A former member gets it for what happened later.
    NotMember,
    /// 403: an entry of a group names another account as its actor than the one that posts it.
    NotActor,
    /// 403: the actor of an entry is not an admin of the group.
    NotAdmin,
    /// 403: only admins write in this group.
    MayNotWrite,
    /// 422: the signed entry does not verify for this group, or breaks a rule of groups.
    BadEntry,
    /// 409: the entry is not the next one of the group. Another admin was faster. Take what is in
    /// `group_news`, and make the change again if it still makes sense.
    GroupConflict,
    /// 409: the message does not name the newest state of the group, or does not go to exactly the
    /// devices of its members. Nothing was stamped. Take what is in `group_mismatch`, seal the
    /// message for the others, and post it again.
    GroupMismatch,
    /// 422: the relay cannot open the sealed delivery key. Fetch the relay's card and seal the key
    /// again.
    BadDeliveryKey,
    /// 404: no account with this name is registered.
    NoSuchAccount,
    /// 404: none of the devices that were asked for has published prekeys yet. Try again later.
    NoPreKeys,
    /// 422: too many prekeys, or one that is empty or too large.
    TooManyPreKeys,
    /// 403: the prekeys belong to another identity than the one of this device.
    OtherIdentity,
    /// 404: no such route.
    NotFound,
    /// 405: the route does not have this method.
    MethodNotAllowed,
    /// 408: the request was not answered in time, for example because it arrived too slowly.
    TooSlow,
    /// 413: the body is larger than the route accepts. A proxy can cause this, because the body
    /// was not compared with its digest: delete nothing.
    TooLarge,
    /// 415: the route requires another content type. A proxy can cause this too.
    UnsupportedMediaType,
    /// 429: too many requests. Wait before the next one.
    TooManyRequests,
    /// 429: the account has written to as many strangers as it may within 24 hours, and gave no
    /// token of the recipient. Nothing was stamped. `retry_after_secs` says when there is room
    /// again. If `challenge` is there, a pass that the user gets for it makes room at once.
    StrangerBudget,
    /// 507: the queue of every device of the recipient is full, or holds as much from this sender
    /// as it may. Try again when the recipient has fetched its messages.
    QueueFull,
    /// 507: the relay has no room for more accounts, messages, reports or blobs.
    RelayFull,
    /// 503: the relay is overloaded or shutting down. Try again.
    Busy,
    /// 403: the posted fanout or reseal has no MAC of the device that the token names, over this
    /// message and this recipient. Nothing was stamped.
    NotFromDevice,
    /// 422: the message or reseal was posted at a time that is more than ten minutes from the
    /// relay's clock, or a roster was signed at one that is more than a day from it. Post or sign
    /// it again with the relay's time, which is in `relay_time_ms`.
    ClockDiffers,
    /// 403: the first stamp of a message that was sealed again is not this relay's, or is for
    /// another device's message. Send the message as a new one.
    NotStamped,
    /// 422: a message was sealed again after the relay destroyed the key of its first stamp. Send
    /// it as a new one.
    TooOldToReseal,
    /// 422: a message was sealed again for a device to which the message was not sent.
    OtherTarget,
    /// 403: the report was made by another device than the one that submits it.
    NotYourReport,
    /// 422: the report is sealed to a moderation key that is not the relay's. Fetch the relay's
    /// card and seal the report again.
    OtherModerationKey,
    /// 422: the intake refused the report. `check` says why.
    ReportRefused,
    /// 503: a message in the report was accepted at a time that is ahead of the relay's clock now.
    /// The relay's clock was or is wrong. Keep the report, and submit it again later.
    ReportTooEarly,
    /// 507: this account has as many reports waiting for review, or has submitted as many in a day,
    /// as it may. Keep the report, and submit it again later.
    TooManyReports,
    /// 404: no such report, or its content was deleted when its review ended.
    NoSuchReport,
    /// 404: the provider has no desk, so it makes no promises and no receipts.
    NoDesk,
    /// 404: the provider told this account of no such decision on this side.
    NoSuchDecision,
    /// 503: the desk has no promise or receipt yet, or does not answer. Try again later.
    NoReceipt,
    /// 422: the desk does not take the appeal: it is too late, or this side appealed already.
    AppealRefused,
    /// 410: the provider has a desk, at which officers review reports.
    AtDesk,
    /// 404: nothing was put into this slot of the mailbox, or its ten minutes are over.
    NoSuchMailbox,
    /// 409: the slot has other content already. What is in a slot is never replaced.
    SlotTaken,
    /// 507: the relay has no room for more content of mailboxes, or holds as much of this address
    /// or account as it may. Try again when older content has expired.
    MailboxFull,
    /// 404: the relay has no such blob, not all of it yet, or not any more.
    NoSuchBlob,
    /// 409: the id belongs to a blob of another account or of another length, or to one that was
    /// deleted. Draw another id.
    BlobTaken,
    /// 507: the relay keeps as many blobs of this account, or as many bytes of them, as it may. Try
    /// again when older blobs have expired.
    BlobQuota,
    /// 500: the relay failed. Its log says why.
    Internal,
    /// A code that this version does not know, from a newer relay.
    #[serde(other)]
    Other,
}

impl ErrorCode {
    /// The HTTP status of an answer with this code.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::BodyAltered => 400,
            Self::Unauthorized
            | Self::TokenExpired
            | Self::ChallengeRefused
            | Self::ProofRefused
            | Self::Removed => 401,
            Self::NotFromDevice
            | Self::NotStamped
            | Self::NotYourReport
            | Self::OtherIdentity
            | Self::NotMember
            | Self::NotActor
            | Self::NotAdmin
            | Self::MayNotWrite => 403,
            Self::NoSuchAccount
            | Self::NoRoster
            | Self::NoPreKeys
            | Self::NotFound
            | Self::NoSuchReport
            | Self::NoSuchMailbox
            | Self::NoSuchBlob
            | Self::NoDesk
            | Self::NoSuchDecision
            | Self::NoGroup => 404,
            Self::MethodNotAllowed => 405,
            Self::TooSlow => 408,
            Self::AccountTaken
            | Self::RosterConflict
            | Self::Mismatch
            | Self::SlotTaken
            | Self::BlobTaken
            | Self::GroupConflict
            | Self::GroupMismatch => 409,
            Self::AtDesk => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::BadName
            | Self::ClockDiffers
            | Self::TooOldToReseal
            | Self::OtherTarget
            | Self::BadDeliveryKey
            | Self::BadRoster
            | Self::BadEntry
            | Self::TooManyPreKeys
            | Self::OtherModerationKey
            | Self::AppealRefused
            | Self::ReportRefused => 422,
            Self::TooManyRequests | Self::StrangerBudget => 429,
            Self::Internal | Self::Other => 500,
            Self::Busy | Self::ReportTooEarly | Self::NoReceipt => 503,
            Self::QueueFull
            | Self::RelayFull
            | Self::TooManyReports
            | Self::MailboxFull
            | Self::BlobQuota => 507,
        }
    }

    /// Whether the same request may succeed later without any change.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::BodyAltered
                | Self::TooManyRequests
                | Self::StrangerBudget
                | Self::TooSlow
                | Self::QueueFull
                | Self::RelayFull
                | Self::ReportTooEarly
                | Self::NoReceipt
                | Self::TooManyReports
                | Self::MailboxFull
                | Self::BlobQuota
                | Self::Internal
        )
    }
}

mod message;
