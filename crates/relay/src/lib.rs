//! The interface between a Waxseal relay and its clients, and a small blocking client.
//!
//! This package also holds three programs: `relay`, the relay itself, `vault`, which holds the keys
//! that open reports, and `review`, the reviewer's command, which holds none. The chat client in
//! `examples/chat` uses the library too. The package links `waxseal-reporting` and no ratchet,
//! because a provider does not need one.
//!
//! Begin with [`RelayClient`]:
//!
//! ```no_run
//! # fn main() -> Result<(), waxseal_relay::ClientError> {
//! use waxseal_relay::RelayClient;
//!
//! let relay = RelayClient::new("http://127.0.0.1:7600")?;
//! let card = relay.card()?;
//! println!("relay key {}", card.relay_fingerprint());
//! # Ok(())
//! # }
//! ```
//!
//! # Routes
//!
//! | route | caller | body, answer |
//! |---|---|---|
//! | `GET /v1/relay` | anyone | [`RelayCard`] |
//! | `POST /v1/challenges` | anyone | [`Challenge`] |
//! | `POST /v1/accounts` | anyone | [`Register`], [`Session`] (201, or 200 if already registered) |
//! | `POST /v1/sessions` | anyone | [`SignIn`], [`Session`] |
//! | `GET /v1/prekeys` | device | [`PreKeysLeft`] |
//! | `PUT /v1/prekeys` | device | [`PreKeys`] |
//! | `GET /v1/accounts/{name}/bundle` | device | [`Bundle`] |
//! | `POST /v1/messages/{name}` | device | binary: `PostedEnvelope`, `Receipt` |
//! | `GET /v1/deliveries` | device | WebSocket, see [`Deliveries`] |
//! | `POST /v1/reports` | device | binary `Report`, [`ReportTaken`] (201, or 200 for a duplicate) |
//! | `GET /v1/reports/{id}` | device | [`ReportState`] |
//! | `POST /v1/reviewer/sessions` | anyone | [`ReviewerSignIn`], [`Session`] |
//! | `GET /v1/review/key` | reviewer | [`SealedKey`] |
//! | `GET /v1/review/reports?after=` | reviewer | [`ReportList`] |
//! | `GET /v1/review/reports/{id}` | reviewer | binary: `AcceptedReport` |
//! | `POST /v1/review/reports/{id}/rejected` | reviewer | [`Rejected`] |
//! | `POST /v1/review/reports/{id}/closed` | reviewer | none |
//!
//! Devices and reviewers send the token of their [`Session`] as `Authorization: Bearer TOKEN`.
//! Bytes in JSON are standard base64, and binary bodies are `application/octet-stream`. A refused
//! request gets an HTTP error status and an [`ErrorBody`].
//!
//! # Security
//! [`RelayClient`] speaks TLS, and plain HTTP only to its own machine or if told so. The relay
//! speaks TLS itself or is behind a TLS proxy. Without TLS, anyone who listens learns who talks to
//! whom and can use a token for up to an hour.
//! A token alone sends no message and acknowledges none: for both, the relay wants a MAC under the
//! device's delivery key. Some data is protected even then: messages and reports (end to end), the
//! delivery key (sealed), and what the relay answers and delivers (authenticated by a MAC under the
//! delivery key, or by the relay key, which clients pin). See [`AskedRequest`] and [`FrameMacs`].

mod answer;
mod card;
mod client;
mod deliveries;
mod error;
mod frame;
mod link;
mod message;
mod name;
mod proof;
mod report_id;
mod reviewer_keys;
mod sealing;
mod session;
mod system_rng;
mod timed;
mod vault;
mod vault_keys;

pub use answer::{
    AskedRequest, DIGEST_HEADER, MAC_HEADER, NONCE_HEADER, SIGNATURE_HEADER, answer_context,
};
pub use card::{ModerationKeyChange, PinnedKeys, RelayCard, fingerprint};
pub use client::RelayClient;
pub use deliveries::Deliveries;
pub use error::{ClientError, ErrorBody, ErrorCode};
pub use frame::{Answer, Event, FrameMacs};
pub use message::{
    Bundle, Challenge, PreKeys, PreKeysLeft, Register, Rejected, ReportList, ReportListed,
    ReportState, ReportTaken, ReviewerSignIn, SealedKey, Session, SignIn,
};
pub use name::{BadName, account_name, name_skeleton, new_account_name};
pub use proof::{
    acceptance_context, account_proof_input, register_context, reviewer_context, session_context,
};
pub use report_id::{parse_report_id, report_id_text};
pub use reviewer_keys::{ReviewerKey, ReviewerPublicKey};
pub use sealing::{
    AcceptanceKeys, SealingError, SealingKeyPair, SealingPublicKey, seal_acceptance_keys,
    seal_delivery_key, unseal_acceptance_keys, unseal_delivery_key,
};
pub use session::{DeviceSession, ReviewerSession};
pub use system_rng::system_rng;
pub use vault::{OpenRequest, VaultError, answer_reviewer, ask_vault};
pub use vault_keys::{VaultKeys, VaultPublicKeys};

/// Maximum length in bytes of a base bundle or a one-time part. This is enough for those that
/// `waxseal-core` makes.
pub const MAX_PREKEY_LEN: usize = 2_048;

/// Maximum number of one-time parts in one upload.
pub const MAX_PREKEYS_UPLOADED: usize = 100;
