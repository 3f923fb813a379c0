//! NCMEC CyberTipline: a tip as XML, and the list of its files. The provider files it.
//!
//! Filing needs credentials that NCMEC gives to a provider, so the desk does not send it. It writes
//! a package for the provider's own program, which sends the report (`POST /submit`), the files
//! (`/upload`), and for each file what [`FileDetails::xml`] makes (`/fileinfo`).
//!
//! ```text
//! package = {"files": [file..], "report": "the XML document"}
//! file    = {"additional_info", "annotations", "blob", "classification", "message",
//!            "original_file_name", "part", "relevance", "report", "size_bytes", "viewed"}
//! ```
//!
//! # What is sent
//! The incident's type and time, a transcript of the messages that the officer adds, how they were
//! verified, who reports, and the reported account with what the provider knows about it. Senders
//! other than the reported account are pseudonyms.
//!
//! # What never is
//! A tip without a reported account, or without a message: nobody could act on it. Names of the
//! reporter and of other participants; keys of files.
//!
//! `fileViewedByEsp` is true only if the desk handed out all bytes of this file to an officer,
//! under any report that names it, and the officer states that all of it was viewed. It is false
//! if no officer fetched a byte of it. Otherwise the element is left out: also for a file that is
//! kept elsewhere, if the view shows its key. `exifViewedByEsp` and `publiclyAvailable` are never
//! sent.
//!
//! # Fields
//!
//! | field | value |
//! |---|---|
//! | `minor` | `yes` if a minor is affected; see below |
//! | `escalate` | why it is urgent, at most 3,000 characters |
//! | `annotations` | annotations of the report, such as `csamSolicitation,spam` |
//! | `screen_name`, `display_name`, `email` | of the reported account, at most 255 characters |
//! | `ip_address`, `ip_event`, `ip_at` | where, how and when (`2027-01-15T08:00:00Z`) it was seen |
//! | `viewed` | the files of which the officer viewed all, by their blobs |
//! | `classified` | `blob:A1` to `blob:B2` |
//! | `annotated` | `blob:viral` and other annotations of files |
//! | `additional_info` | anything else, at most 3,000 characters |
//!
//! Lists have commas. Sextortion, unwanted sexual content and trafficking are filed only if a minor
//! is affected: without `minor` they are refused, as are all reasons that are not about children.
//!
//! # Example
#![doc = concat!("```xml\n", include_str!("examples/cybertip.xml"), "```\n")]
//!
//! # Example of file details
#![doc = concat!("```xml\n", include_str!("examples/file_details.xml"), "```\n")]
//!
//! # Source
//! NCMEC, “CyberTipline Reporting API Technical Documentation”, appendices B (report) and C (file
//! details). The order of elements is that of its schema.

mod files;
mod report;

use std::collections::BTreeMap;

use serde_json::json;
use waxseal_reporting::reporter::Reason;

use super::fields::{Fields, within};
use super::xml::visible;
use super::{CaseFacts, ExportError, invalid, missing};

pub use files::{FileDetails, Relevance};

/// The fields that an officer can add.
const FIELDS: [&str; 13] = [
    "minor",
    "escalate",
    "annotations",
    "screen_name",
    "display_name",
    "email",
    "ip_address",
    "ip_event",
    "ip_at",
    "viewed",
    "classified",
    "annotated",
    "additional_info",
];

/// Who files CyberTips, and for which service. Empty texts are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NcmecSettings {
    /// First name of the person who reports, at most 100 characters.
    pub first_name: String,
    /// Last name of the person who reports, at most 100 characters.
    pub last_name: String,
    /// The address of the person who reports, at most 255 characters.
    pub email: String,
    /// NCMEC's template for the company.
    pub company_template: String,
    /// Relevant parts of the terms of service, at most 3,000 characters.
    pub terms_of_service: String,
    /// Where the service's legal process is described, at most 2,083 characters.
    pub legal_url: String,
    /// Name of the service, at most 100 characters. Must be there.
    pub esp_service: String,
}

/// Makes the package.
///
/// # Errors
/// [`ExportError`].
pub fn package(
    facts: &CaseFacts,
    settings: &NcmecSettings,
    fields: &BTreeMap<String, String>,
) -> Result<Vec<u8>, ExportError> {
    // Texts have their lengths as the document shows them.
    let shown = fields
        .iter()
        .map(|(name, text)| (name.clone(), visible(text)));
    let shown: BTreeMap<_, _> = shown.collect();
    let fields = Fields::new(&shown, &FIELDS)?;
    let report = report::report(facts, settings, &fields)?;
    let files = files::files(facts, &fields)?;
    let files: Vec<_> = files.iter().map(FileDetails::to_json).collect();
    let package = json!({ "report": report, "files": files });
    Ok(package.to_string().into_bytes())
}

/// The report of a package.
///
/// # Errors
/// [`ExportError::Invalid`] if it is no package.
pub fn report_of(package: &[u8]) -> Result<String, ExportError> {
    let package: serde_json::Value =
        serde_json::from_slice(package).map_err(|_| invalid("package"))?;
    let report = package.get("report").and_then(|report| report.as_str());
    Ok(report.ok_or(invalid("package"))?.to_owned())
}

/// The files of a package.
///
/// # Errors
/// [`ExportError::Invalid`] if it is no package.
pub fn files_of(package: &[u8]) -> Result<Vec<FileDetails>, ExportError> {
    let package: serde_json::Value =
        serde_json::from_slice(package).map_err(|_| invalid("package"))?;
    let files = package.get("files").and_then(|files| files.as_array());
    let files = files.ok_or(invalid("package"))?.iter();
    let files: Option<Vec<_>> = files.map(FileDetails::from_json).collect();
    files.ok_or(invalid("package"))
}

/// The incident's type, in the words of the schema.
fn incident_type(reason: Reason, minor: bool) -> Result<&'static str, ExportError> {
    Ok(match reason {
        Reason::Csam => "Child Pornography (possession, manufacture, and distribution)",
        Reason::Grooming => "Online Enticement of Children for Sexual Acts",
        Reason::Sextortion | Reason::UnwantedSexual | Reason::Trafficking if !minor => {
            return Err(missing("minor"));
        }
        Reason::Sextortion => "Online Enticement of Children for Sexual Acts",
        Reason::UnwantedSexual => "Unsolicited Obscene Material Sent to a Child",
        Reason::Trafficking => "Child Sex Trafficking",
        _ => return Err(invalid("reason")),
    })
}

/// A text of the settings, if it is there.
fn setting<'a>(
    name: &'static str,
    text: &'a str,
    max: usize,
) -> Result<Option<&'a str>, ExportError> {
    within(name, &visible(text), max)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests;
