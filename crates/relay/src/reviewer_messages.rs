//! What reviewer and relay send each other: the JSON bodies of the reviewer's routes, and the bytes
//! that the two sign.

use serde::{Deserialize, Serialize};
use waxseal_interface::{b64, length_prefixed};

const REVIEWER: &[u8] = b"waxseal/1/relay/reviewer-session";
const ACCEPTANCE: &[u8] = b"waxseal/2/relay/acceptance";

/// `POST /v1/reviewer/sessions`: signs in the reviewer that the relay was started for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReviewerSignIn {
    /// The challenge that was signed.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
    /// The signature of the reviewer's key over [`reviewer_context`](crate::reviewer_context).
    #[serde(with = "b64")]
    pub proof: [u8; 64],
}

/// `GET /v1/review/key`: the keys with which the vault checks that the intake accepted a report
/// ([`AcceptanceKeys`](crate::AcceptanceKeys)), sealed to the vault. The reviewer passes them on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedKey {
    /// The acceptance keys, sealed by [`seal_acceptance_keys`](crate::seal_acceptance_keys).
    #[serde(with = "b64")]
    pub sealed: Vec<u8>,
    /// The relay's signature over the sealed keys and the vault's key, as encoded by
    /// [`acceptance_context`](crate::acceptance_context). Without it, a reviewer could give the
    /// vault another acceptance key, and so make the vault believe that the intake accepted a
    /// report.
    #[serde(with = "b64")]
    pub signature: [u8; 64],
}

/// `GET /v1/review/reports?after=`: reports in the order in which they were accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportList {
    /// At most 100 reports.
    pub reports: Vec<ReportListed>,
    /// The value of `after` in the request for the next list. `None` if there are no more reports.
    pub next: Option<u64>,
}

/// What the relay knows about one report without opening it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportListed {
    /// The report's id: 32 hex digits.
    pub report_id: String,
    /// When the intake accepted the report, in milliseconds since the Unix epoch.
    pub accepted_at_ms: u64,
    /// The name of the account that submitted the report.
    pub reporter: String,
    /// Number of messages in the report. 0 if it is about an account.
    pub messages: usize,
    /// Number of times that the reviewer opened the report.
    pub opened: u64,
    /// The number of the check that failed in review, if one did.
    pub rejected: Option<u8>,
    /// Whether the review has ended. The relay has deleted the report's content.
    #[serde(default)]
    pub closed: bool,
}

/// `GET /v1/review/reports/{id}/blobs`: the blobs that a report names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportBlobs {
    /// Each blob once, in the order of the report. None once the review has ended.
    pub blobs: Vec<ReportBlob>,
}

/// A blob that a report names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportBlob {
    /// The blob's id: 64 hex digits.
    pub blob: String,
    /// Whether the relay keeps the blob for the review. Otherwise only the reporter can bring it.
    pub is_kept: bool,
}

/// `POST /v1/review/reports/{id}/rejected`: the report failed in review. Its messages count as not
/// reported.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Rejected {
    /// The number of the check that failed, as in the reporting specification.
    pub check: u8,
}

/// The bytes that the reviewer's Ed25519 key signs to sign in: a label, relay key and challenge.
pub fn reviewer_context(relay_key: &[u8; 32], challenge: &[u8]) -> Vec<u8> {
    length_prefixed(&[REVIEWER, relay_key, challenge])
}

/// The bytes that the relay key signs to authenticate the sealed acceptance key: the key of the
/// vault that it is sealed to, and the sealed key.
pub fn acceptance_context(vault_key: &[u8], sealed: &[u8]) -> Vec<u8> {
    length_prefixed(&[ACCEPTANCE, vault_key, sealed])
}

#[cfg(test)]
mod tests {
    use super::*;
    use waxseal_interface::session_context;
    use waxseal_reporting::{AccountId, DeviceAddress, DeviceId};

    #[test]
    fn proofs_for_different_things_never_sign_the_same_bytes() {
        let device = DeviceAddress::new(AccountId::new("al").unwrap(), DeviceId(1));
        let (relay, other) = (&[1; 32], &[2; 32]);
        let all = [
            session_context(relay, b"c", &device),
            reviewer_context(relay, b"c"),
            reviewer_context(relay, b"d"),
            reviewer_context(other, b"c"),
            acceptance_context(relay, b"c"),
            acceptance_context(b"vault", b"c"),
            acceptance_context(b"vaul", b"tc"),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|earlier| earlier != one), "{i}");
        }
    }
}
