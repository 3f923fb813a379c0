//! What a Waxseal relay and its clients say to each other, and a small blocking client.
//!
//! Two processes use it, each in `examples/`: the relay (`--example relay`) and whatever talks to it, the chat client
//! (`--example chat`) and the reviewer (`--example review`). It links `waxseal-reporting` and no ratchet: a provider
//! needs none.
//!
//! | route | who | body, answer |
//! |---|---|---|
//! | `GET /v1/relay` | anyone | [`RelayCard`] |
//! | `POST /v1/challenges` | anyone | [`Challenge`] |
//! | `POST /v1/accounts` | anyone | [`Register`], [`Session`] (201, or 200 if it was registered) |
//! | `POST /v1/sessions` | anyone | [`SignIn`], [`Session`] |
//! | `GET /v1/prekeys` | device | [`PreKeysLeft`] |
//! | `PUT /v1/prekeys` | device | [`PreKeys`] |
//! | `GET /v1/accounts/{name}/bundle` | device | [`Bundle`] |
//! | `POST /v1/messages/{name}` | device | octets: `Envelope`, `Receipt` |
//! | `GET /v1/deliveries` | device | WebSocket, see [`Deliveries`] |
//! | `POST /v1/reports` | device | octets: `Report`, then [`ReportTaken`] (201, or 200 if it was taken before) |
//! | `POST /v1/reviewer/sessions` | anyone | [`ReviewerSignIn`], [`Session`] |
//! | `GET /v1/review/key` | reviewer | [`SealedKey`] |
//! | `GET /v1/review/reports?after=` | reviewer | [`ReportList`] |
//! | `GET /v1/review/reports/{id}` | reviewer | octets: `AcceptedReport` |
//! | `POST /v1/review/reports/{id}/rejected` | reviewer | [`Rejected`] |
//!
//! A device or reviewer shows its [`Session`] as `Authorization: Bearer TOKEN`. JSON holds bytes as standard base64.
//! Whatever is refused comes with a proper status and an [`ErrorBody`].
//!
//! # Security
//! There is no TLS here: put a TLS proxy in front of a relay that is reached over a network. Without it whoever listens
//! learns who talks to whom and can use a token for an hour. What is protected without it: messages and reports (end to
//! end), the delivery key (sealed), and the moderation key (signed by the relay key, which clients pin).

mod card;
mod client;
mod deliveries;
mod error;
mod message;
mod name;
mod proof;
mod reviewer_keys;
mod sealing;

pub use card::{RelayCard, fingerprint};
pub use client::RelayClient;
pub use deliveries::{Deliveries, Event};
pub use error::{ClientError, ErrorBody, ErrorCode};
pub use message::{
    Bundle, Challenge, PreKeys, PreKeysLeft, Register, Rejected, ReportList, ReportListed,
    ReportTaken, ReviewerSignIn, SealedKey, Session, SignIn,
};
pub use name::{BadName, account_name};
pub use proof::{
    acceptance_context, account_proof_input, register_context, reviewer_context, session_context,
};
pub use reviewer_keys::{ReviewerKeys, ReviewerPublicKeys};
pub use sealing::{
    SealingError, SealingKeyPair, SealingPublicKey, seal_acceptance_key, seal_delivery_key,
    unseal_acceptance_key, unseal_delivery_key,
};

/// Most bytes of a base bundle or a one-time part, as `waxseal-core` makes them.
pub const MAX_PREKEY_LEN: usize = 2_048;

/// Most one-time parts of one upload.
pub const MAX_PREKEYS_UPLOADED: usize = 100;
