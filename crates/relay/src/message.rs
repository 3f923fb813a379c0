//! The JSON bodies.

use serde::{Deserialize, Serialize};

/// `POST /v1/challenges`: what a proof must sign. Good for one proof, for a minute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Challenge {
    /// Opaque, 64 bytes.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
}

/// `POST /v1/accounts`: a new account, or the same one again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Register {
    /// The account's name: see [`account_name`](crate::account_name).
    pub name: String,
    /// The device's number.
    pub device: u32,
    /// The device's public identity; its first 32 bytes verify proofs.
    #[serde(with = "b64")]
    pub identity: [u8; 64],
    /// Made by [`seal_delivery_key`](crate::seal_delivery_key).
    #[serde(with = "b64")]
    pub sealed_delivery_key: Vec<u8>,
    /// The challenge that was signed.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
    /// Over [`register_context`](crate::register_context).
    #[serde(with = "b64")]
    pub proof: [u8; 64],
}

/// `POST /v1/sessions`: a registered device shows that it is that device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// The account's name.
    pub name: String,
    /// The device's number.
    pub device: u32,
    /// The challenge that was signed.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
    /// Over [`session_context`](crate::session_context).
    #[serde(with = "b64")]
    pub proof: [u8; 64],
}

/// `POST /v1/reviewer/sessions`: the reviewer shows that it is the one the relay was started for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReviewerSignIn {
    /// The challenge that was signed.
    #[serde(with = "b64")]
    pub challenge: Vec<u8>,
    /// Over [`reviewer_context`](crate::reviewer_context).
    #[serde(with = "b64")]
    pub proof: [u8; 64],
}

/// What a proof earns. A secret of its holder until it expires; it outlives a restart of the relay.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Goes behind `Authorization: Bearer`.
    pub token: String,
    /// When the relay stops taking it, in milliseconds since the Unix epoch: an hour after it was made.
    pub expires_at_ms: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}

/// `GET /v1/prekeys`: what the relay has of this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreKeysLeft {
    /// One-time parts not handed out yet.
    pub one_time_left: usize,
}

/// `PUT /v1/prekeys`: the newest base, and one-time parts to add. A part that was uploaded before is passed over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreKeys {
    /// At most [`MAX_PREKEY_LEN`](crate::MAX_PREKEY_LEN) bytes.
    #[serde(with = "b64")]
    pub base: Vec<u8>,
    /// At most [`MAX_PREKEYS_UPLOADED`](crate::MAX_PREKEYS_UPLOADED).
    #[serde(with = "b64_list")]
    pub one_time: Vec<Vec<u8>>,
}

/// `GET /v1/accounts/{name}/bundle`: what a conversation starts from. The one-time part is nobody else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The newest base.
    #[serde(with = "b64")]
    pub base: Vec<u8>,
    /// `None` when there are none left, or this account has taken too many of this peer's.
    #[serde(with = "b64_option")]
    pub one_time: Option<Vec<u8>>,
}

/// `POST /v1/reports`: the report is with the reviewers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTaken {
    /// 32 hex digits.
    pub report_id: String,
    /// Whether it, or every message in it, was reported by this account before: then this is that report's id.
    pub duplicate: bool,
}

/// `GET /v1/review/key`: the [`AcceptanceKey`](waxseal_reporting::AcceptanceKey), sealed to the reviewer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedKey {
    /// Made by [`seal_acceptance_key`](crate::seal_acceptance_key).
    #[serde(with = "b64")]
    pub sealed: Vec<u8>,
    /// By the relay key, over [`acceptance_context`](crate::acceptance_context): whoever chooses this key chooses what
    /// the reviewer believes.
    #[serde(with = "b64")]
    pub signature: [u8; 64],
}

/// `GET /v1/review/reports?after=`: reports in the order they came in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportList {
    /// At most 100.
    pub reports: Vec<ReportListed>,
    /// What to pass as `after` for the next ones; `None` at the end.
    pub next: Option<u64>,
}

/// One report, from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportListed {
    /// 32 hex digits.
    pub report_id: String,
    /// When the intake accepted it.
    pub accepted_at_ms: u64,
    /// The reporting account.
    pub reporter: String,
    /// How many messages it is about.
    pub messages: usize,
    /// How often the reviewer opened it.
    pub opened: u64,
    /// The number of the check it failed in review, if it did.
    pub rejected: Option<u8>,
}

/// `POST /v1/review/reports/{id}/rejected`: the report failed in review, so it reported nothing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Rejected {
    /// The number of the check that failed.
    pub check: u8,
}

/// Bytes as standard base64.
pub(crate) mod b64 {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &impl AsRef<[u8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        decode(&String::deserialize(deserializer)?)
    }

    pub(super) fn decode<T: TryFrom<Vec<u8>>, E: Error>(text: &str) -> Result<T, E> {
        let bytes = STANDARD.decode(text).map_err(|_| E::custom("not base64"))?;
        T::try_from(bytes).map_err(|_| E::custom("wrong length"))
    }
}

mod b64_option {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::b64::serialize(bytes, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::b64::decode(&text)).transpose()
    }
}

mod b64_list {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        list: &[Vec<u8>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        let list = Vec::<String>::deserialize(deserializer)?;
        list.iter().map(|text| super::b64::decode(text)).collect()
    }
}
