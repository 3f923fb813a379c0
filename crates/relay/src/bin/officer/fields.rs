//! The fields of an act, as an officer reads them before signing. They come from the act itself.

use waxseal_desk::grant::Grant;
use waxseal_relay::desk::{GrantItem, Hex};

use crate::app::Desk;
use crate::html::Html;
use crate::parts::{fact, fact_text, wide_fact};
use crate::words;
use crate::words::messages;

/// One field of an act.
pub enum Field {
    Text(&'static str, String),
    /// Text of a user.
    Said(&'static str, String),
    /// Text of an officer.
    Written(&'static str, String),
    Id(&'static str, String),
    Officer(&'static str, Hex<32>),
    /// A report of a grant: what is opened, and its digest.
    Report(String, Hex<32>),
}

impl Field {
    /// Shows it as a fact.
    pub fn show(&self, html: &mut Html, desk: &Desk) {
        match self {
            Self::Text(name, text) => fact_text(html, name, text),
            Self::Said(name, text) => fact(html, name, |html| html.said_lines(text)),
            Self::Written(name, text) => fact(html, name, |html| html.written_lines(text)),
            Self::Id(name, id) => fact(html, name, |html| html.tag("code").text(id)),
            Self::Officer(name, key) => fact(html, name, |html| {
                html.name(&words::officer(desk, key).0);
                html.text(" with the key ");
                html.tag("code").text(&key.to_string());
            }),
            Self::Report(what, digest) => wide_fact(html, "Opens", |html| {
                html.text(what);
                html.text(", digest ");
                html.tag("code").text(&digest.to_string());
            }),
        }
    }
}

/// The grant of an item, if all that the desk says about it is what its bytes say.
pub fn grant_of(item: &GrantItem) -> Option<Grant> {
    let grant = Grant::decode(&item.grant).ok()?;
    let terms = grant.terms();
    // CHK-653: what is shown of a grant is what its bytes say.
    let is_same = *terms.id.as_bytes() == item.id.0
        && *grant.digest().as_bytes() == item.digest.0
        && *terms.case.as_bytes() == item.case.0
        && terms.purpose.number() == item.purpose
        && *terms.requester.as_bytes() == item.requester.0
        && terms.expires.as_millis() == item.expires_at_ms
        && terms.max_openings == item.max_openings;
    is_same.then_some(grant)
}

/// The fields of a grant. Its reports have their ids if they are known.
pub fn grant_fields(grant: &Grant, reports: &[Hex<16>], desk: &Desk, me: &Hex<32>) -> Vec<Field> {
    let terms = grant.terms();
    let requester = Hex(*terms.requester.as_bytes());
    let alone = if requester == *me {
        "you open"
    } else {
        "the requester opens"
    };
    let time =
        |name, at: waxseal_reporting::Timestamp| Field::Text(name, words::time(at.as_millis()));
    let mut fields = vec![
        Field::Text("Purpose", words::purpose(terms.purpose).to_owned()),
        Field::Officer("Asked by", requester),
        match &terms.approver {
            Some(approver) => Field::Officer("Approver", Hex(*approver.as_bytes())),
            None => Field::Text("Approver", format!("none: {alone} this alone")),
        },
        time("Asked on", terms.requested),
        time("Expires", terms.expires),
        Field::Text("Openings", terms.max_openings.to_string()),
    ];
    for (place, report) in terms.reports.iter().enumerate() {
        let what = messages(report.messages);
        let what = match reports.get(place) {
            Some(id) => format!("report {}, {what}", words::short(id)),
            None => format!("report {}, {what}", place.saturating_add(1)),
        };
        fields.push(Field::Report(what, Hex(*report.digest.as_bytes())));
    }
    fields.push(Field::Id("Policy", policy(terms.policy.as_bytes(), desk)));
    fields.push(Field::Id("Vault", Hex(*terms.vault.as_bytes()).to_string()));
    fields.push(Field::Id("Grant id", Hex(*terms.id.as_bytes()).to_string()));
    fields.push(Field::Id(
        "Digest of the grant",
        Hex(*grant.digest().as_bytes()).to_string(),
    ));
    fields
}

/// A policy by its digest, and whether it is in force.
pub fn policy(digest: &[u8; 32], desk: &Desk) -> String {
    let is_in_force = desk.policy.digest().as_bytes() == digest;
    let note = match is_in_force {
        true => format!("version {}, in force", desk.policy.version()),
        false => "NOT the one in force".to_owned(),
    };
    format!("{} ({note})", Hex(*digest))
}

#[cfg(test)]
mod tests;
