//! A small blocking client of a Waxseal relay.
//!
//! This package also holds the programs of a provider:
//!
//! | program | what it is |
//! |---|---|
//! | `relay` | the relay itself |
//! | `desk` | the desk's server, where reports become cases, and its set-up |
//! | `officer` | an officer's own program, with pages for the work at the desk |
//! | `review`, `vault` | without a desk: the reviewer's command, and the keys that open reports |
//! | `pass` | makes passes for users who used up their budget of strangers |
//!
//! The package links `waxseal-reporting` and no ratchet, because a provider does not need one. The
//! types of the desk's server are in [`desk`].
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
//! The routes for devices, and all types that they use, are those of [`waxseal_interface`]. The
//! reviewer has these:
//!
//! | route | caller | body, answer |
//! |---|---|---|
//! | `POST /v1/reviewer/sessions` | anyone | [`ReviewerSignIn`], [`Session`] |
//! | `GET /v1/review/key` | reviewer | [`SealedKey`] |
//! | `GET /v1/review/reports?after=` | reviewer | [`ReportList`] |
//! | `GET /v1/review/reports/{id}` | reviewer | binary: `AcceptedReport` |
//! | `GET /v1/review/reports/{id}/blobs` | reviewer | [`ReportBlobs`] |
//! | `GET /v1/review/reports/{id}/blobs/{blob}?at={at}&len={len}` | reviewer | binary: bytes |
//! | `POST /v1/review/reports/{id}/rejected` | reviewer | [`Rejected`] |
//! | `POST /v1/review/reports/{id}/closed` | reviewer | none |
//!
//! [`Session`]: waxseal_interface::Session
//!
//! # Security
//! [`RelayClient`] speaks TLS, and plain HTTP only to its own machine or if told so. The relay
//! speaks TLS itself or is behind a TLS proxy. Without TLS, anyone who listens learns who talks to
//! whom and can use a token for up to an hour.
//! A token alone sends no message and acknowledges none: for both, the relay wants a MAC under the
//! device's delivery key. Some data is protected even then: messages and reports (end to end), the
//! delivery key (sealed), and what the relay answers and delivers (authenticated by a MAC under the
//! delivery key, or by the relay key, which clients pin).

mod acceptance;
mod client;
mod deliveries;
pub mod desk;
mod error;
mod pass_key;
mod reviewer_keys;
mod reviewer_messages;
mod session;
mod system_rng;
mod vault;
mod vault_keys;

pub use acceptance::{AcceptanceKeys, seal_acceptance_keys, unseal_acceptance_keys};
pub use client::{MailboxCaller, Registrant, RelayClient};
pub use deliveries::Deliveries;
pub use error::ClientError;
pub use pass_key::{read_pass_key, write_pass_key};
pub use reviewer_keys::{ReviewerKey, ReviewerPublicKey};
pub use reviewer_messages::{
    Rejected, ReportBlob, ReportBlobs, ReportList, ReportListed, ReviewerSignIn, SealedKey,
    acceptance_context, reviewer_context,
};
pub use session::{DeviceSession, ReviewerSession};
pub use system_rng::system_rng;
pub use vault::{OpenRequest, VaultError, answer_reviewer, ask_vault};
pub use vault_keys::{VaultKeys, VaultPublicKeys};
