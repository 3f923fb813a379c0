//! The path of a request.

use waxseal_reporting::intake::ReportId;
use waxseal_reporting::{AccountId, BlobId};

use super::Request;
use crate::decision::leaf_text;
use crate::group::group_text;
use crate::mailbox::mailbox_text;
use crate::name::{BadName, account_name};
use crate::report_id::report_id_text;

impl Request {
    /// The path with its query, which begins with `/v1/`. A name that [`account_name`] accepts
    /// needs no percent signs.
    ///
    /// # Errors
    /// [`BadName`] if the request is about an account whose name a relay does not accept. An
    /// [`AccountId`] can be such a name, and then it could lead to another route.
    pub fn path(&self) -> Result<String, BadName> {
        let of_account = |before: &str, account: &AccountId, after: &str| {
            let name = account_name(account.as_str())?;
            Ok(format!("{before}{}{after}", name.as_str()))
        };
        let of_group = |group, after: &str| Ok(format!("/v1/groups/{}{after}", group_text(group)));
        let of_blob =
            |blob: &BlobId, after: &str| Ok(format!("/v1/blobs/{}{after}", blob.to_text()));
        let of_report =
            |id: &ReportId, after: &str| Ok(format!("/v1/reports/{}{after}", report_id_text(id)));
        let of_decision =
            |leaf, after: &str| Ok(format!("/v1/decisions/{}{after}", leaf_text(leaf)));
        let fixed = match self {
            Self::Card => "/v1/relay",
            Self::Challenge => "/v1/challenges",
            Self::Register(_) => "/v1/accounts",
            Self::SignIn(_) => "/v1/sessions",
            Self::Leave(_) => "/v1/leave",
            Self::PreKeysLeft | Self::PutPreKeys(_) => "/v1/prekeys",
            Self::PutRoster(_) => "/v1/roster",
            Self::Roster(peer) => return of_account("/v1/accounts/", peer, "/roster"),
            Self::Bundles(_) => "/v1/bundles",
            Self::Post { recipient, .. } => return of_account("/v1/messages/", recipient, ""),
            Self::Reseal { recipient, .. } => return of_account("/v1/reseals/", recipient, ""),
            Self::PutGroup { group, .. } => return of_group(group, ""),
            Self::Group { group, after } => return of_group(group, &format!("?after={after}")),
            Self::GroupRosters { group, .. } => return of_group(group, "/rosters"),
            Self::PostGroup { group, .. } => return of_group(group, "/messages"),
            Self::LeaveGroup { group, .. } => return of_group(group, "/leave"),
            Self::Report(_) => "/v1/reports",
            Self::ReportState(id) => return of_report(id, ""),
            Self::LogKeys => "/v1/log/keys",
            Self::Promise(id) => return of_report(id, "/promise"),
            Self::ReportReceipt(id) => return of_report(id, "/receipt"),
            Self::RefusedReceipt(digest) => {
                return Ok(format!("/v1/refused/{}/receipt", leaf_text(digest)));
            }
            Self::Notices { after } => return Ok(format!("/v1/notices?after={after}")),
            Self::DecisionReceipt(leaf) => return of_decision(leaf, "/receipt"),
            Self::Appeal { decision, .. } => return of_decision(decision, "/appeals"),
            Self::Deliveries => "/v1/deliveries",
            Self::PutMailbox { mailbox, slot, .. } | Self::Mailbox { mailbox, slot } => {
                return Ok(format!("/v1/mailboxes/{}/{slot}", mailbox_text(mailbox)));
            }
            Self::PutBlob { blob, at, of, .. } => {
                return of_blob(blob, &format!("?at={at}&of={of}"));
            }
            Self::BlobState(blob) => return of_blob(blob, ""),
            Self::Blob { blob, at, len } => {
                return of_blob(blob, &format!("/bytes?at={at}&len={len}"));
            }
        };
        Ok(fixed.to_owned())
    }
}
