//! The JSON bodies of requests and answers.

use serde::{Deserialize, Serialize};

use crate::b64;
use crate::mark::MARK_LEN;

/// `POST /v1/challenges`: the challenge that a proof must sign. It is valid for one proof and for
/// one minute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Challenge {
    /// The challenge: 64 bytes that only the relay interprets.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
}

/// `POST /v1/accounts`: registers a device, and its account with the first device. If the device is
/// registered already, signs it in, and replaces its delivery key if this is another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Register {
    /// The account's name. See [`account_name`](crate::account_name).
    pub name: String,
    /// The device's number within the account.
    pub device: u32,
    /// The device's public identity. Its first 32 bytes are the key that verifies proofs.
    #[serde(with = "b64")]
    pub identity: [u8; 64],
    /// The delivery key, sealed by [`seal_delivery_key`](crate::seal_delivery_key).
    #[serde(with = "b64")]
    pub sealed_delivery_key: Vec<u8>,
    /// The challenge that was signed.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
    /// The identity's signature over [`account_proof_input`](crate::account_proof_input) of
    /// [`register_context`](crate::register_context).
    #[serde(with = "b64")]
    pub proof: [u8; 64],
    /// A signed roster that lists this device, encoded: at most
    /// [`MAX_ROSTER_LEN`](crate::MAX_ROSTER_LEN) bytes. The first device of an account must send
    /// one. Later, the relay takes it as with `PUT /v1/roster`.
    ///
    /// The proof does not cover it, because the roster is signed itself.
    #[serde(default, with = "b64_option", skip_serializing_if = "Option::is_none")]
    pub roster: Option<Vec<u8>>,
}

/// `POST /v1/sessions`: signs a registered device in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// The account's name.
    pub name: String,
    /// The device's number within the account.
    pub device: u32,
    /// The challenge that was signed.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
    /// The identity's signature over [`account_proof_input`](crate::account_proof_input) of
    /// [`session_context`](crate::session_context).
    #[serde(with = "b64")]
    pub proof: [u8; 64],
}

/// `POST /v1/leave`: a device that is no manager leaves its account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leave {
    /// The account's name.
    pub name: String,
    /// The device's number within the account.
    pub device: u32,
    /// The challenge that was signed.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
    /// The identity's signature over [`account_proof_input`](crate::account_proof_input) of
    /// [`leave_context`](crate::leave_context).
    #[serde(with = "b64")]
    pub proof: [u8; 64],
}

/// Time for which the token of a [`Session`] is valid: an hour.
pub const TOKEN_MS: u64 = 3_600_000;

/// The relay's answer to a valid proof. It stays valid when the relay restarts.
///
/// # Security
/// The token is secret until it expires: anyone who has it can act as its holder.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The token, to send in the header `Authorization: Bearer TOKEN`.
    pub token: String,
    /// When the token expires, in milliseconds since the Unix epoch: [`TOKEN_MS`] after the relay
    /// made it, by the relay's clock.
    pub expires_at_ms: u64,
    /// The highest mark that the device posted. `None` if it has not posted one.
    ///
    /// The device compares it with its own counter. The relay cannot make a mark.
    #[serde(default, with = "b64_option", skip_serializing_if = "Option::is_none")]
    pub mark: Option<[u8; MARK_LEN]>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}

/// `GET /v1/prekeys`: the number of prekeys that the relay has of this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreKeysLeft {
    /// One-time parts that were not handed out yet.
    pub one_time_left: usize,
}

/// `PUT /v1/prekeys`: the newest base, and one-time parts to add. A part that was
/// handed out is not stored again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreKeys {
    /// The base bundle, which every peer gets. At most [`MAX_PREKEY_LEN`](crate::MAX_PREKEY_LEN)
    /// bytes.
    #[serde(with = "b64")]
    pub base: Vec<u8>,
    /// At most [`MAX_PREKEYS_UPLOADED`](crate::MAX_PREKEYS_UPLOADED) one-time parts, each for one
    /// peer.
    #[serde(with = "b64_list")]
    pub one_time: Vec<Vec<u8>>,
    /// Whether the relay first deletes the one-time parts that it still has, because the device
    /// cannot open messages to them any more.
    #[serde(default)]
    pub replace: bool,
}

/// `POST /v1/reports`: the relay has stored the report for the reviewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTaken {
    /// The report's id: 32 hex digits. For a duplicate, the id of the earlier report.
    pub report_id: String,
    /// Whether this account already submitted this report, or already reported all its messages, or
    /// the account that it is about.
    pub duplicate: bool,
    /// Which of the blobs that the report names the relay does not keep for the review, as indexes
    /// into the report's list. It never had them whole, their time was over, or the account has no
    /// room for more of them. Upload them again from a saved copy if there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_blobs: Vec<usize>,
    /// The desk's promise that its log will contain the entry about this report, as the log
    /// encodes it. `None` if the provider has no desk, if the desk has not answered yet (see
    /// [`Request::Promise`](crate::Request::Promise)), and if another report reported all of this.
    #[serde(default, with = "b64_option", skip_serializing_if = "Option::is_none")]
    pub promise: Option<Vec<u8>>,
}

/// `GET /v1/reports/{id}`: what became of a report of this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReportState {
    /// The report waits for review, or is in review.
    Waiting,
    /// The vault holds no key for the report any more. Its messages count as not reported: fetch
    /// the relay's card, seal the report again and submit it.
    Unreadable,
    /// The review has ended.
    Ended,
    /// A state that this version does not know, from a newer relay.
    #[serde(other)]
    Other,
}

pub(crate) mod b64_option {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<impl AsRef<[u8]>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => crate::b64::serialize(bytes, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| crate::b64::decode(&text)).transpose()
    }
}

pub(crate) mod b64_list {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        list: &[Vec<u8>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        let list = Vec::<String>::deserialize(deserializer)?;
        list.iter().map(|text| crate::b64::decode(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::restriction, reason = "tests")]

    use super::*;

    #[test]
    fn a_session_of_before_has_no_mark_and_a_mark_has_40_bytes() {
        let before = r#"{"token":"t","expires_at_ms":7}"#;
        let mut session: Session = serde_json::from_str(before).unwrap();
        assert_eq!(session.mark, None);
        assert_eq!(serde_json::to_string(&session).unwrap(), before);
        session.mark = Some([7; MARK_LEN]);
        let text = serde_json::to_string(&session).unwrap();
        assert_eq!(serde_json::from_str::<Session>(&text).unwrap(), session);
        let cut = text.replace("Bw==", "");
        assert!(cut != text && serde_json::from_str::<Session>(&cut).is_err());
    }
}
