//! The desk's server as its callers see it: its routes, their types, and a blocking client.
//!
//! | route | caller | body, answer |
//! |---|---|---|
//! | `GET /healthz`, `/readyz` | anyone | text |
//! | `GET /metrics` | the machine, at `--metrics-listen` | text |
//! | `GET /log/{path}` | anyone | a file of the public folder |
//! | `POST /v1/intake/accepted` | relay | binary: `AcceptedReport`, binary: `Promise` |
//! | `POST /v1/intake/refused` | relay | [`RefusedReport`], binary: `Promise` |
//! | `GET /v1/log-keys` | relay | text: `LogKeys` |
//! | `GET /v1/reports/{id}/receipt` | relay | binary: `Receipt` |
//! | `GET /v1/refused/{digest}/receipt` | relay | binary: `Receipt` |
//! | `GET /v1/decisions/{leaf}/receipt?account={name}` | relay | binary: `Receipt` |
//! | `POST /v1/decisions/{leaf}/appeals` | relay | [`FileAppeal`], [`AppealFiled`] |
//! | `GET /v1/notices` | relay | [`Notices`] |
//! | `GET /v1/notices/{leaf}?after={report}` | relay | [`NoticeItem`]: more reporters |
//! | `POST /v1/notices/sent` | relay | [`NoticeSent`] |
//! | `GET /v1/desk` | officer | [`DeskCard`] |
//! | `GET /v1/queue?{query}` | officer | [`QueuePage`]; see [`QueueQuery`] |
//! | `GET /v1/cases/{id}` or `?reports_after={cursor}` | officer | [`CaseDetail`] |
//! | `GET /v1/grants?list={requested or to_review}` | officer | [`Grants`] |
//! | `POST /v1/grants` | officer | binary: `long(grant) || signature 64`, [`Done`] |
//! | `POST /v1/grants/{id}/approval` | officer | binary: signature 64, [`Done`] |
//! | `POST /v1/openings` | officer | [`Open`], binary: `View` |
//! | `POST /v1/acts` | officer | binary: `Signed<Act>`, [`Done`] |
//! | `GET /v1/appeals` | officer | [`Appeals`], those that wait |
//! | `GET /v1/log?number={id}` or `?from={index}` | officer | [`Entries`], at most 256 |
//! | `GET /v1/transparency?from={day}&to={day}` | officer | [`Transparency`] |
//! | `GET /v1/reports/{id}/blobs/{blob}?at={at}&len={len}` | officer | binary: sealed bytes |
//! | `POST /v1/cases/{id}/exports` | officer | [`AskExport`], [`Exported`] |
//! | `GET /v1/exports` or `?case={id}` | officer | [`Exports`] |
//! | `POST /v1/coop/callback` | ROOST Coop, by its own signature | JSON, text |
//!
//! The relay names a report by its own id, and one that the intake refused by the report's digest.
//!
//! Each request of an officer or the relay is signed by itself, see
//! [`RequestTerms`](waxseal_desk::request::RequestTerms). The headers are [`KEY_HEADER`],
//! [`AT_HEADER`], [`NONCE_HEADER`], [`BODY_HEADER`] and [`SIGNATURE_HEADER`]. The server reads a
//! body only after it has checked the signature over the body's digest. Identifiers and hashes are
//! lower-case hex in paths and in JSON. A refusal is an HTTP error status with a [`DeskErrorBody`].

mod api;
mod client;
mod hex;

pub use api::{
    AppealFiled, AppealItem, Appeals, AskExport, CallbackItem, CaseDetail, CaseItem, DecisionItem,
    DeskCard, DeskCode, DeskErrorBody, Done, Entries, EntryItem, ExportItem, Exported, Exports,
    FileAppeal, GrantItem, Grants, HoldItem, NoticeItem, NoticeSent, Notices, Open, OpeningItem,
    QueuePage, QueueQuery, RefusedReport, ReportItem, SeriesPoint, Transparency,
};
pub use client::{DeskCaller, DeskClient, DeskError, read_json};
pub use hex::{Hex, NotHex};

/// The caller's Ed25519 public key: 64 hex digits.
pub const KEY_HEADER: &str = "waxseal-key";
/// When the caller signed: milliseconds since the Unix epoch, decimal.
pub const AT_HEADER: &str = "waxseal-at";
/// 16 random bytes: 32 hex digits.
pub const NONCE_HEADER: &str = "waxseal-nonce";
/// The SHA-256 of the body, also of an empty one: 64 hex digits.
pub const BODY_HEADER: &str = "waxseal-body";
/// The signature: 128 hex digits.
pub const SIGNATURE_HEADER: &str = "waxseal-signature";
