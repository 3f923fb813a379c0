//! The XML document `report`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use waxseal_log::entry::Measure;
use waxseal_reporting::AccountId;
use waxseal_reporting::relay::EPOCH_MS;
use waxseal_reporting::reporter::Reason;

use super::{NcmecSettings, incident_type, setting};
use crate::export::coop::content;
use crate::export::fields::{Fields, within};
use crate::export::time::{date_time, is_date};
use crate::export::xml::{Xml, visible};
use crate::export::{CaseFacts, ExportError, invalid, missing};
use crate::vault::Participant;

/// The start tag, as in the examples of the documentation.
const START: &str = "<report xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
    xsi:noNamespaceSchemaLocation=\"https://report.cybertip.org/ispws/xsd\">";

/// Annotations of a report, in the order of the schema.
const ANNOTATIONS: [&str; 5] = [
    "sextortion",
    "csamSolicitation",
    "minorToMinorInteraction",
    "spam",
    "sadisticOnlineExploitation",
];

/// How an address came to be known.
const EVENTS: [&str; 6] = [
    "Login",
    "Registration",
    "Purchase",
    "Upload",
    "Other",
    "Unknown",
];

pub(super) fn report(
    facts: &CaseFacts,
    settings: &NcmecSettings,
    fields: &Fields<'_>,
) -> Result<String, ExportError> {
    // CHK-689: the reported account is known, and a message goes along.
    let account = facts.account.as_ref().ok_or(ExportError::NoIdentifier)?;
    let at = facts.first_message_at().ok_or(missing("content"))?;
    let kind = incident_type(facts.found(), fields.flag("minor")?)?;
    let service = setting("esp_service", &settings.esp_service, 100)?;
    let service = service.ok_or(missing("esp_service"))?;
    let mut xml = Xml::new("report", START);
    xml.begin("incidentSummary");
    xml.text("incidentType", kind);
    xml.optional("escalateToHighPriority", fields.text("escalate", 3_000)?);
    let annotations = annotations(facts, fields)?;
    if !annotations.is_empty() {
        xml.begin("reportAnnotations");
        let known = ANNOTATIONS.iter();
        known
            .filter(|name| annotations.contains(**name))
            .for_each(|name| xml.empty(name));
        xml.end();
    }
    xml.text("incidentDateTime", &date_time(at));
    xml.end();
    xml.begin("internetDetails");
    xml.begin("chatImIncident");
    xml.text("chatClient", service);
    xml.text("content", &transcript(facts, account));
    xml.text("additionalInfo", &provenance(facts));
    xml.end();
    xml.end();
    reporter(&mut xml, settings)?;
    reported(&mut xml, facts, account, service, fields)?;
    xml.optional("additionalInfo", fields.text("additional_info", 3_000)?);
    Ok(xml.finish())
}

/// The annotations that the officer names, and the one that follows from the reason.
fn annotations(
    facts: &CaseFacts,
    fields: &Fields<'_>,
) -> Result<BTreeSet<&'static str>, ExportError> {
    let mut annotations = BTreeSet::from_iter(fields.list("annotations", &ANNOTATIONS)?);
    if facts.found() == Reason::Sextortion {
        annotations.insert("sextortion");
    }
    Ok(annotations)
}

/// What was said, one message after the other. Further lines of a message are marked, so that no
/// text looks like another message.
fn transcript(facts: &CaseFacts, account: &AccountId) -> String {
    let mut out = String::new();
    let mut last = None;
    for (report, message) in facts.messages() {
        if last.is_some_and(|last| last != report.id) {
            out.push_str("--- another report ---\n");
        }
        last = Some(report.id);
        let sender = match message.sender {
            Participant::Reported => account.as_str().to_owned(),
            Participant::Number(number) => {
                let name = facts.pseudonyms.of("participant", &number.to_be_bytes());
                format!("participant-{name}")
            }
        };
        let (kind, text) = content(message);
        let at = date_time(message.accepted_at);
        out.push_str(&format!("[{at}] {sender} ({kind})"));
        if let Some(text) = text {
            out.push_str(": ");
            let is_end = |char| matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
            let lines: Vec<_> = text.split(is_end).collect();
            out.push_str(&lines.join("\n    | "));
        }
        if !message.attachments.is_empty() {
            let count = message.attachments.len();
            out.push_str(&format!(" [attachments: {count}]"));
        }
        out.push('\n');
    }
    out
}

/// How the messages were verified.
fn provenance(facts: &CaseFacts) -> String {
    let epochs = facts.messages().map(|(_, message)| {
        let epoch = message.accepted_at.as_millis() / EPOCH_MS;
        epoch.to_string()
    });
    let epochs: Vec<_> = BTreeSet::from_iter(epochs).into_iter().collect();
    format!(
        "End-to-end encrypted messages, disclosed by a recipient. Each was opened from the \
         sender's commitment, and the provider's stamp over it is valid (key epochs: {}). Times \
         are those at which the provider accepted the messages.",
        epochs.join(", ")
    )
}

fn reporter(xml: &mut Xml, settings: &NcmecSettings) -> Result<(), ExportError> {
    xml.begin("reporter");
    xml.begin("reportingPerson");
    let first = setting("first_name", &settings.first_name, 100)?;
    xml.optional("firstName", first);
    xml.optional("lastName", setting("last_name", &settings.last_name, 100)?);
    xml.optional("email", setting("email", &settings.email, 255)?);
    xml.end();
    let template = setting("company_template", &settings.company_template, 3_000)?;
    xml.optional("companyTemplate", template);
    let terms = setting("terms_of_service", &settings.terms_of_service, 3_000)?;
    xml.optional("termsOfService", terms);
    let legal = setting("legal_url", &settings.legal_url, 2_083)?;
    xml.optional("legalURL", legal);
    xml.end();
    Ok(())
}

fn reported(
    xml: &mut Xml,
    facts: &CaseFacts,
    account: &AccountId,
    service: &str,
    fields: &Fields<'_>,
) -> Result<(), ExportError> {
    xml.begin("personOrUserReported");
    if let Some(email) = fields.text("email", 255)? {
        xml.begin("personOrUserReportedPerson");
        xml.text("email", email);
        xml.end();
    }
    within("account", &visible(account.as_str()), 255)?;
    xml.text("espIdentifier", account.as_str());
    xml.text("espService", service);
    xml.optional("screenName", fields.text("screen_name", 255)?);
    xml.optional("displayName", fields.text("display_name", 255)?);
    let event = fields.one_of("ip_event", &EVENTS)?;
    let at = fields.text("ip_at", 20)?;
    match fields.text("ip_address", 45)? {
        Some(address) => {
            if address.parse::<IpAddr>().is_err() {
                return Err(invalid("ip_address"));
            }
            if at.is_some_and(|at| !is_date_time(at)) {
                return Err(invalid("ip_at"));
            }
            xml.begin("ipCaptureEvent");
            xml.text("ipAddress", address);
            xml.optional("eventName", event);
            xml.optional("dateTime", at);
            xml.end();
        }
        None if event.is_some() || at.is_some() => return Err(missing("ip_address")),
        None => {}
    }
    let measure = facts.decision.as_ref().map(|decision| decision.measure);
    match measure {
        Some(Measure::Suspended) => xml.text("accountTemporarilyDisabled", "true"),
        Some(Measure::Terminated) => xml.text("accountPermanentlyDisabled", "true"),
        _ => {}
    }
    xml.end();
    Ok(())
}

/// Whether this is a time such as `2027-01-15T08:00:00Z`.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else {
        return false;
    };
    let time: Option<Vec<_>> = time
        .strip_suffix('Z')
        .map(|time| time.split(':').collect::<Vec<_>>());
    let is_part = |part: &str, below: u8| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|part| part < below)
    };
    is_date(date)
        && time.is_some_and(|time| match time.as_slice() {
            [hours, minutes, seconds] => {
                is_part(hours, 24) && is_part(minutes, 60) && is_part(seconds, 60)
            }
            _ => false,
        })
}
