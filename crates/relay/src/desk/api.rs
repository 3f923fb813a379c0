//! The JSON types of the desk's server.

use serde::{Deserialize, Serialize};

use super::hex::Hex;

macro_rules! json {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

mod cases;
mod exports;
mod log;
mod relay;

pub use cases::*;
pub use exports::*;
pub use log::*;
pub use relay::*;

json! {
    /// A refusal.
    DeskErrorBody {
        /// The reason, for programs.
        error: DeskCode,
        /// The reason, for people. It never repeats anything that was sent.
        message: String,
    }
}

/// The query of `GET /v1/queue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueQuery {
    /// `severity`, `age` or `reporters`. The default is `severity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Number of a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// `open`, `waiting`, `decided` or `closed`. The default is `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `free` or `me`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<String>,
    /// The cursor of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Hex<28>>,
    /// Maximum number of cases, 1 to 100. The default is 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u8>,
}

/// Why the desk's server refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeskCode {
    /// The request is not one of this version.
    Malformed,
    /// The signature is not that of a key that may ask this, or its time or nonce is refused.
    NotSigned,
    /// There is no such thing.
    NotFound,
    /// Someone else was faster. Read again.
    Conflict,
    /// The desk's rules do not allow it. The message says why.
    Refused,
    /// The vault does not answer, or refuses.
    Vault,
    /// Witnesses or vault have not cosigned yet. Try again later.
    NotCosigned,
    /// A required part of an export is missing. The message names it.
    Incomplete,
    /// The server is busy or fails. Try again later.
    Busy,
    /// A code that this version does not know, from a newer server.
    #[serde(other)]
    Other,
}
