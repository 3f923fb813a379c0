//! What Coop says after a decision of its own reviewers or rules.

use serde_json::{Map, Value};
use waxseal_log::tree::TreeHash;

/// Maximum length of a callback: 64 KiB.
pub const MAX_CALLBACK_LEN: usize = 65_536;

/// An item that a callback names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedItem {
    /// A message of a report, or an account whose name looks like one.
    Message {
        /// Identifier of the report.
        report: [u8; 16],
        /// The identifier as it stands in the callback.
        id: String,
    },
    /// An account, or something that the desk did not send.
    Other(String),
}

/// A callback of Coop, after its signature was verified. It decides nothing: officers read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// An action was triggered.
    Action {
        /// The item that it is about.
        item: NamedItem,
        /// Coop's identifier of the action.
        action: String,
    },
    /// An appeal was decided in Coop.
    Appeal {
        /// Leaf hash of the appeal.
        appeal: TreeHash,
        /// Whether Coop's reviewer grants it.
        granted: bool,
    },
}

/// The bytes are not a callback that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a callback of Coop that this version knows")]
pub struct CallbackError;

impl Callback {
    /// Reads a callback. Fields that this version does not know may be there.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub fn decode(body: &[u8]) -> Result<Self, CallbackError> {
        read(body).ok_or(CallbackError)
    }
}

fn read(body: &[u8]) -> Option<Callback> {
    // CHK-692: a callback is at most 64 KiB of JSON with the fields that are always present.
    let body = Some(body).filter(|body| body.len() <= MAX_CALLBACK_LEN)?;
    let body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let item = body.get("item")?.as_object()?;
    let id = item.get("id")?.as_str()?;
    item.get("typeId")?.as_str()?;
    let Some(appeal) = body.get("appealId") else {
        let action = body.get("action")?.as_object()?.get("id")?.as_str()?;
        body.get("policies")?.as_array()?;
        return Some(Callback::Action {
            item: named(id),
            action: action.to_owned(),
        });
    };
    let appeal = TreeHash::from_bytes(unhex(appeal.as_str()?)?);
    body.get("appealedBy")?.as_object()?;
    let granted = match body.get("appealDecision")?.as_str()? {
        "ACCEPT" => true,
        "REJECT" => false,
        _ => return None,
    };
    Some(Callback::Appeal { appeal, granted })
}

/// A message has the identifier `report in hexadecimal-ordinal`.
fn named(id: &str) -> NamedItem {
    let message = id.split_once('-').and_then(|(report, ordinal)| {
        ordinal.parse::<u8>().ok()?;
        unhex(report)
    });
    match message {
        Some(report) => {
            let id = id.to_owned();
            NamedItem::Message { report, id }
        }
        None => NamedItem::Other(id.to_owned()),
    }
}

pub(in crate::export) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(pairs) {
        let is_lower = pair
            .iter()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let pair = core::str::from_utf8(pair).ok().filter(|_| is_lower)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(out)
}
