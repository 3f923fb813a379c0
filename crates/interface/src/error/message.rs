//! What a refusal says to people.

use super::ErrorCode;

impl ErrorCode {
    /// The reason in English, for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::Malformed => "the request does not follow this interface",
            Self::BodyAltered => "the body was altered on the way",
            Self::BadName => {
                "not an account name: 1 to 128 of a-z A-Z 0-9, with single . _ - + @ between them"
            }
            Self::Unauthorized => "no token, or not one for this route",
            Self::TokenExpired => "the token has expired: sign in again",
            Self::ChallengeRefused => {
                "the challenge is from another relay, expired or used: get a new one"
            }
            Self::ProofRefused => "the proof does not verify for a registered account",
            Self::Removed => "this device was removed from its account, or left it",
            Self::AccountTaken => "the name is taken, or looks like one that is",
            Self::BadRoster => "the roster does not verify, or does not list this device",
            Self::RosterConflict => "the roster does not follow the newest one",
            Self::NoRoster => "the account has no roster yet",
            Self::Mismatch => "not sealed for exactly the devices of both accounts",
            Self::NoGroup => "no such group",
            Self::NotMember => "not a member of the group",
            Self::NotActor => "another account posts the entry than it names",
            Self::NotAdmin => "not an admin of the group",
            Self::MayNotWrite => "only admins write in this group",
            Self::BadEntry => "the entry does not verify for this group",
            Self::GroupConflict => "the entry is not the next one of the group",
            Self::GroupMismatch => "not sealed for exactly the devices of the group's members",
            Self::BadDeliveryKey => "the relay cannot open the sealed delivery key",
            Self::NoSuchAccount => "no such account",
            Self::NoPreKeys => "the devices have published no prekeys",
            Self::TooManyPreKeys => "too many prekeys, or one that is empty or too large",
            Self::OtherIdentity => "the prekeys belong to another identity than the device's",
            Self::NotFound => "no such route",
            Self::MethodNotAllowed => "the route does not have this method",
            Self::TooSlow => "the request took too long",
            Self::TooLarge => "the body is too large",
            Self::UnsupportedMediaType => "the route requires another content type",
            Self::TooManyRequests => "too many requests",
            Self::StrangerBudget => "written to as many new contacts as allowed in a day",
            Self::QueueFull => "the recipient's queue is full",
            Self::RelayFull => "the relay is full",
            Self::Busy => "the relay is busy",
            Self::NotFromDevice => "not authenticated by the sending device",
            Self::ClockDiffers => {
                "posted or signed at a time that is too far from the relay's clock"
            }
            Self::NotStamped => "this relay did not stamp this message for this device",
            Self::TooOldToReseal => {
                "the message is too old to be sealed again: send it as a new one"
            }
            Self::OtherTarget => "the device is none of the message's recipients",
            Self::NotYourReport => "the report was made by another device",
            Self::OtherModerationKey => "sealed to another moderation key: fetch the relay's card",
            Self::ReportRefused => "the report does not verify",
            Self::ReportTooEarly => {
                "a reported message is ahead of the relay's clock: submit the report again later"
            }
            Self::TooManyReports => {
                "too many reports of this account are waiting or were submitted today: try later"
            }
            Self::NoSuchReport => "no such report, or its review has ended",
            Self::NoDesk => "the provider has no desk, and makes no receipts",
            Self::NoSuchDecision => "no such decision was told to this account",
            Self::NoReceipt => "no promise or receipt yet: try later",
            Self::AppealRefused => "the appeal is too late, or this side appealed already",
            Self::AtDesk => "reports are reviewed at the desk: use the command `officer`",
            Self::NoSuchMailbox => "nothing is in this slot of the mailbox",
            Self::SlotTaken => "the slot of the mailbox has other content",
            Self::MailboxFull => "no room for more content of mailboxes",
            Self::NoSuchBlob => "no such blob",
            Self::BlobTaken => "the id of the blob is taken",
            Self::BlobQuota => "no room for more blobs of this account",
            Self::Internal | Self::Other => "the relay failed",
        }
    }
}
