//! The interface between a provider's relay and its clients: requests, answers, errors, frames, and
//! what authenticates them. Without features, the crate has no transport, so it fits any HTTP
//! client and server. The feature `http` adds a blocking one: `http::Link`.
//!
//! A client makes each call from a [`Request`], and takes only answers that are authentic for it:
//!
//! ```
//! use waxseal_interface::{HttpAnswer, PreKeysLeft, Request};
//! # use waxseal_interface::{HttpRequest, MAC_HEADER};
//! # use waxseal_reporting::relay::DeliveryKey;
//! # let (relay_key, key, token) = ([7; 32], DeliveryKey::generate(&mut rand::rng()), "token");
//! let (request, asked) = Request::PreKeysLeft.ask(Some(token), &mut rand::rng())?;
//! # let send = |_: &HttpRequest| {
//! #     let body = br#"{"one_time_left":100}"#;
//! #     let (name, mac) = asked.mac(&key, 200, body).unwrap();
//! #     HttpAnswer { status: 200, headers: vec![(name.to_owned(), mac)], body: body.to_vec() }
//! # };
//! let answer: HttpAnswer = send(&request); // over any HTTP client
//! let header = |name| answer.header(name);
//! assert!(asked.is_authentic(&relay_key, Some(&key), header, answer.status, &answer.body));
//! let left: PreKeysLeft = answer.json()?; // or the `ErrorBody` of a refusal
//! # assert_eq!(left.one_time_left, 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
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
//! | `POST /v1/leave` | anyone | [`Leave`] |
//! | `GET /v1/prekeys` | device | [`PreKeysLeft`] |
//! | `PUT /v1/prekeys` | device | [`PreKeys`] |
//! | `PUT /v1/roster` | device | binary: signed roster |
//! | `GET /v1/accounts/{name}/roster` | device | binary: signed roster |
//! | `POST /v1/bundles` | device | [`AskBundles`], [`Bundles`] |
//! | `POST /v1/messages/{name}` | device | binary: `PostedFanout`, `Receipt` |
//! | `POST /v1/reseals/{name}` | device | binary: `PostedReseal`, `Receipt` |
//! | `PUT /v1/groups/{group}` | device | binary: signed entry, [`EntryReceipt`] |
//! | `GET /v1/groups/{group}?after={version}` | device | [`GroupNews`] |
//! | `POST /v1/groups/{group}/rosters` | device | [`AskRosters`], [`GroupRosters`] |
//! | `POST /v1/groups/{group}/messages` | device | binary: `PostedGroup`, `Receipt` |
//! | `POST /v1/groups/{group}/leave` | device | [`GroupLeave`] |
//! | `GET /v1/deliveries` | device | WebSocket: [`Event`], [`Answer`], each with [`FrameMacs`] |
//! | `POST /v1/reports` | device | binary `Report`, [`ReportTaken`] (201, or 200 for a duplicate) |
//! | `GET /v1/reports/{id}` | device | [`ReportState`] |
//! | `GET /v1/log/keys` | device | text: `LogKeys` |
//! | `GET /v1/reports/{id}/promise` | device | binary: promise of the log |
//! | `GET /v1/reports/{id}/receipt` | device | binary: receipt of the log |
//! | `GET /v1/refused/{digest}/receipt` | device | binary: receipt of the log |
//! | `GET /v1/notices?after={number}` | device | [`DecisionNotices`] |
//! | `GET /v1/decisions/{leaf}/receipt` | device | binary: receipt of the log |
//! | `POST /v1/decisions/{leaf}/appeals` | device | [`Appeal`], [`AppealTaken`] |
//! | `PUT /v1/mailboxes/{mailbox}/{slot}` | anyone | binary: content |
//! | `GET /v1/mailboxes/{mailbox}/{slot}` | anyone | binary: content |
//! | `PUT /v1/blobs/{blob}?at={at}&of={len}` | device | binary: bytes, [`BlobState`] |
//! | `GET /v1/blobs/{blob}` | device | [`BlobState`] |
//! | `GET /v1/blobs/{blob}/bytes?at={at}&len={len}` | device | binary: bytes |
//!
//! Devices send the token of their [`Session`] as `Authorization: Bearer TOKEN`. Bytes in JSON are
//! standard base64, and binary bodies are `application/octet-stream`. A refused request gets an
//! HTTP error status and an [`ErrorBody`]. The errors of each route, what is signed, the frames
//! and the limits are in [`spec`].
//!
//! # Security
//! Use TLS. Without it, anyone who listens learns who talks to whom and can use a token for up to
//! an hour. A token alone sends no message and acknowledges none: for both, the relay wants a MAC
//! under the device's delivery key. Some data is protected even without TLS: messages and reports
//! (end to end), the delivery key (sealed), and what the relay answers and delivers (authenticated
//! by a MAC under the delivery key, or by the relay key, which clients pin).

#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
pub mod b64;
mod blob;
mod card;
mod contact;
mod contact_headers;
mod decision;
mod error;
mod exchange;
mod frame;
mod group;
#[cfg(feature = "http")]
pub mod http;
mod mailbox;
mod mark;
mod message;
mod name;
mod proof;
mod report_id;
mod request;
mod roster;
mod sealing;

pub use answer::{
    AskedRequest, DIGEST_HEADER, MAC_HEADER, NONCE_HEADER, SIGNATURE_HEADER, answer_context,
    decode_nonce,
};
pub use blob::{BlobState, MAX_BLOB_LEN, MAX_BLOB_PART_LEN};
pub use card::{CardError, ModerationKeyChange, PinnedKeys, RelayCard, fingerprint};
pub use contact::{
    CONTACT_EPOCH_DAYS, CONTACT_PASS_LEN, CONTACT_TOKEN_LEN, ContactKey, ContactPass, ContactToken,
    FELLOWS_A_DAY, MAX_PASS_MS, MAX_STRANGER_CHALLENGE_LEN, PassKey, STRANGERS_A_DAY,
    StrangerChallenge,
};
pub use contact_headers::{
    ACCEPTS_HEADER, CONTACT_PASS_HEADER, CONTACT_TOKEN_HEADER, CONTACT_TOKENS_HEADER,
    ContactHeaders, READS_TOKENS_HEADER, decode_tokens,
};
pub use decision::{
    Appeal, AppealTaken, DecisionNotice, DecisionNotices, MAX_APPEAL_LEN, MAX_NOTICES, leaf_text,
    parse_leaf,
};
pub use error::{ErrorBody, ErrorCode};
pub use exchange::{AnswerError, HttpAnswer, HttpRequest, RequestError};
pub use frame::{Answer, Event, FrameMacs, MAX_FRAME_LEN, QUEUE_EXPIRED_ID};
pub use group::{
    AcceptedEntry, AskRosters, EntryReceipt, GroupLeave, GroupMismatch, GroupNews, GroupRosters,
    MAX_AUTHORITY_CHAIN_LEN, MAX_ENTRIES, MAX_ENTRY_LEN, MAX_GROUP_STATE_LEN, MAX_MEMBERS,
    MAX_ROSTERS_ASKED, RosterClaim, WholeGroup, group_text, parse_group,
};
pub use mailbox::{MAX_MAILBOX_LEN, mailbox_text, parse_mailbox};
pub use mark::{MARK_HEADER, MARK_LEN, decode_mark, encode_mark};
pub use message::{
    Challenge, Leave, PreKeys, PreKeysLeft, Register, ReportState, ReportTaken, Session, SignIn,
    TOKEN_MS,
};
pub use name::{BadName, account_name, name_skeleton, new_account_name};
pub use proof::{
    account_proof_input, leave_context, length_prefixed, register_context, session_context,
};
pub use report_id::{parse_report_id, report_id_text};
pub use request::Request;
pub use roster::{
    AskBundles, Bundles, DeviceBundle, MAX_DEVICES_ASKED, MAX_ROSTER_LEN, Mismatch, RosterConflict,
    TargetBundle,
};
pub use sealing::{
    SEALING_OVERHEAD, SealingError, SealingKeyPair, SealingPublicKey, seal_delivery_key,
    unseal_delivery_key,
};

/// Maximum length in bytes of a base bundle or a one-time part. This is enough for those that
/// `waxseal-core` makes.
pub const MAX_PREKEY_LEN: usize = 2_048;

/// Maximum number of one-time parts in one upload.
pub const MAX_PREKEYS_UPLOADED: usize = 100;

#[doc = include_str!("../SPEC.md")]
pub mod spec {}

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
