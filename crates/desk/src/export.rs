//! Exports: facts of a case in the forms that other systems take.
//!
//! Each form is a pure function from [`CaseFacts`] to bytes. It refuses what lacks a required part,
//! and never fills one with a guess: [`ExportError`] names what is missing.
//!
//! | form | module | goes to | content of messages |
//! |---|---|---|---|
//! | 1 | [`coop`] | ROOST Coop, a report | if the officer adds it |
//! | 2 | [`coop`] | ROOST Coop, an appeal | no |
//! | 3 | [`osprey`] | ROOST Osprey, actions as JSON lines | never |
//! | 4 | [`ncmec`] | NCMEC CyberTipline: a package for the provider to file | required |
//! | 5 | [`dsa`] | the EU's DSA Transparency Database, a statement of reasons | never |
//! | 6 | [`webhook`] | a webhook, signed | never |
//!
//! The desk gathers the facts ([`Desk::case_facts`](crate::desk::Desk::case_facts)), and puts what
//! a form returns into the [`outbox`](crate::outbox), with an entry of the log over its digest.
//!
//! No form adds the name of a reporter or of another participant. They have pseudonyms that are
//! derived with the desk's secret, see [`Pseudonyms`]. Texts that people wrote can hold names; each
//! form says which texts it sends. No form holds the key of a file.
//!
//! JSON Schemas of the forms are in `src/export/schemas`, each with its source.

pub mod coop;
pub mod dsa;
mod facts;
mod fields;
pub mod ncmec;
pub mod osprey;
mod pseudonyms;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
mod time;
pub mod webhook;
mod xml;

use std::collections::BTreeMap;

use waxseal_log::entry::Target;
use waxseal_reporting::Timestamp;

pub use facts::{
    AppealFacts, CaseFacts, DecisionFacts, MAX_CONTENT_LEN, NamedBlob, ReportFacts, ShownReport,
    decode_content, encode_content,
};
pub use pseudonyms::Pseudonyms;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A report for Coop's review queues.
    CoopReport,
    /// An appeal for Coop's review queues.
    CoopAppeal,
    /// Actions for Osprey, as JSON lines.
    Osprey,
    /// A CyberTip, with the list of its files.
    CyberTip,
    /// A statement of reasons for the DSA Transparency Database.
    Dsa,
    /// An event for a webhook.
    Webhook,
}

impl Form {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::CoopReport,
        Self::CoopAppeal,
        Self::Osprey,
        Self::CyberTip,
        Self::Dsa,
        Self::Webhook,
    ];

    /// The number in a row.
    pub fn number(self) -> u8 {
        match self {
            Self::CoopReport => 1,
            Self::CoopAppeal => 2,
            Self::Osprey => 3,
            Self::CyberTip => 4,
            Self::Dsa => 5,
            Self::Webhook => 6,
        }
    }

    /// The one with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.number() == number)
    }

    /// The target, as the entry of the log names it.
    pub fn target(self) -> Target {
        match self {
            Self::CoopReport | Self::CoopAppeal => Target::Coop,
            Self::Osprey => Target::Osprey,
            Self::CyberTip => Target::Ncmec,
            Self::Dsa => Target::Dsa,
            Self::Webhook => Target::Webhook,
        }
    }

    /// The form for a target. Coop has two: an appeal if the officer names one.
    pub fn of_target(target: Target, names_appeal: bool) -> Self {
        match target {
            Target::Coop if names_appeal => Self::CoopAppeal,
            Target::Coop => Self::CoopReport,
            Target::Osprey => Self::Osprey,
            Target::Ncmec => Self::CyberTip,
            Target::Dsa => Self::Dsa,
            Target::Webhook => Self::Webhook,
        }
    }

    /// The media type of what the form returns.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Osprey => "application/x-ndjson",
            _ => "application/json",
        }
    }
}

/// What the provider sets up once for its targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What the provider defined in Coop.
    pub coop: Option<coop::CoopSettings>,
    /// Who files CyberTips.
    pub ncmec: Option<ncmec::NcmecSettings>,
}

/// Makes an export. `fields` are what only the officer knows; each form's module lists its fields.
///
/// # Errors
/// [`ExportError`].
pub fn make(
    form: Form,
    facts: &CaseFacts,
    settings: &Settings,
    fields: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Vec<u8>, ExportError> {
    // CHK-685: the settings of the target are there, and each form finds its required parts.
    let coop = || settings.coop.as_ref().ok_or(missing("settings of coop"));
    let ncmec = || settings.ncmec.as_ref().ok_or(missing("settings of ncmec"));
    let body = match form {
        Form::CoopReport => coop::report(facts, coop()?, fields)?,
        Form::CoopAppeal => coop::appeal(facts, coop()?, fields)?,
        Form::Osprey => osprey::actions(facts, fields, now)?,
        Form::CyberTip => ncmec::package(facts, ncmec()?, fields)?,
        Form::Dsa => dsa::statement(facts, fields)?,
        Form::Webhook => webhook::event(facts, fields, now)?,
    };
    // CHK-686: what leaves fits the outbox.
    let max = crate::store::limits::MAX_EXPORT_LEN;
    if body.len() > max {
        return Err(ExportError::TooLong { field: "body", max });
    }
    Ok(body)
}

/// Why an export was not made. Nothing was sent and nothing was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A required part is missing. Add it.
    #[error("{field} is missing; add it")]
    Missing {
        /// The part.
        field: &'static str,
    },
    /// A value is not one that the form can have. Correct it.
    #[error("{field} is not a value that the form can have; correct it")]
    Invalid {
        /// The part.
        field: &'static str,
    },
    /// A text is longer than the form can hold. Shorten it.
    #[error("{field} is longer than {max}; shorten it")]
    TooLong {
        /// The part.
        field: &'static str,
        /// The limit, in characters; of the body in bytes.
        max: usize,
    },
    /// There is a field that the form does not have. Remove it.
    #[error("a field is not one of this form; remove it")]
    UnknownField,
    /// A text names an account, and the form must hold no personal data. Rewrite it.
    #[error("{field} names an account, and personal data must not go there; rewrite it")]
    NamesAccount {
        /// The part.
        field: &'static str,
    },
    /// A file is said to be viewed, and not all of it was handed out. Look at it first.
    #[error("a file is said to be viewed, and the desk did not hand out all of it")]
    NotFetched,
    /// The reported account is not known, so nobody could act on the tip.
    #[error("the tip would name no account that anyone could find")]
    NoIdentifier,
}

/// The part is missing (check 685).
fn missing(field: &'static str) -> ExportError {
    ExportError::Missing { field }
}

/// The value is not one that the form can have.
fn invalid(field: &'static str) -> ExportError {
    ExportError::Invalid { field }
}

/// Adds a field to an object.
fn put(object: &mut serde_json::Value, name: &str, value: serde_json::Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}
