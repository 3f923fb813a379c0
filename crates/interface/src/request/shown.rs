//! How a request is shown: without names, ids and content.

use std::fmt;

use super::Request;

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Card => "Card",
            Self::Challenge => "Challenge",
            Self::Register(_) => "Register",
            Self::SignIn(_) => "SignIn",
            Self::Leave(_) => "Leave",
            Self::PreKeysLeft => "PreKeysLeft",
            Self::PutPreKeys(prekeys) => {
                return write!(f, "PutPreKeys({} one-time parts)", prekeys.one_time.len());
            }
            Self::PutRoster(_) => "PutRoster",
            Self::Roster(_) => "Roster",
            Self::Bundles(_) => "Bundles",
            Self::Post { posted, .. } => return write!(f, "Post({} bytes)", posted.len()),
            Self::Reseal { posted, .. } => return write!(f, "Reseal({} bytes)", posted.len()),
            Self::PutGroup { entry, .. } => return write!(f, "PutGroup({} bytes)", entry.len()),
            Self::Group { after, .. } => return write!(f, "Group(after {after})"),
            Self::GroupRosters { asked, .. } => {
                return write!(f, "GroupRosters({} names)", asked.names.len());
            }
            Self::PostGroup { posted, .. } => {
                return write!(f, "PostGroup({} bytes)", posted.len());
            }
            Self::LeaveGroup { .. } => "LeaveGroup",
            Self::Report(report) => return write!(f, "Report({} bytes)", report.len()),
            Self::ReportState(_) => "ReportState",
            Self::LogKeys => "LogKeys",
            Self::Promise(_) => "Promise",
            Self::ReportReceipt(_) => "ReportReceipt",
            Self::RefusedReceipt(_) => "RefusedReceipt",
            Self::Notices { after } => return write!(f, "Notices(after {after})"),
            Self::DecisionReceipt(_) => "DecisionReceipt",
            Self::Appeal { appeal, .. } => {
                return write!(f, "Appeal({} bytes)", appeal.text.len());
            }
            Self::Deliveries => "Deliveries",
            Self::PutMailbox { slot, content, .. } => {
                return write!(f, "PutMailbox(slot {slot}, {} bytes)", content.len());
            }
            Self::Mailbox { slot, .. } => return write!(f, "Mailbox(slot {slot})"),
            Self::PutBlob { at, of, bytes, .. } => {
                return write!(f, "PutBlob({} bytes at {at} of {of})", bytes.len());
            }
            Self::BlobState(_) => "BlobState",
            Self::Blob { at, len, .. } => return write!(f, "Blob({len} bytes at {at})"),
        };
        f.write_str(name)
    }
}
