//! The choice of messages to ask for. A form with all messages of a long page of reports stays
//! short: it names each report once, and messages by the report's place in the form.

use waxseal_desk::grant::GrantedReport;
use waxseal_desk::ids::AcceptedDigest;
use waxseal_relay::desk::{CaseDetail, Hex, ReportItem};
use waxseal_reporting::limits::MAX_REPORTED;

use crate::app::Desk;
use crate::form::Form;
use crate::html::Html;
use crate::page::hidden;
use crate::words;

/// The field with the reports, in the order of their places.
const REPORT: &str = "report";
/// The field with the places of the reports of which all messages are chosen.
const ALL: &str = "all";

/// The reports whose content is there.
pub fn readable(detail: &CaseDetail) -> impl Iterator<Item = &ReportItem> {
    let reports = detail.reports.iter();
    reports.filter(|report| report.accepted_digest.is_some() && !report.is_erased)
}

/// The number of messages that can be asked for.
fn count(report: &ReportItem) -> u32 {
    let max = u32::try_from(MAX_REPORTED).unwrap_or(u32::MAX);
    report.messages.min(max)
}

/// The field with the chosen messages of the report at a place.
fn field(place: usize) -> String {
    format!("m{place}")
}

/// The chosen reports with the bits of their messages. `None` if one of them is not there any more.
pub fn chosen(detail: &CaseDetail, form: &Form) -> Option<Vec<(GrantedReport, Hex<16>)>> {
    let mut chosen: Vec<(GrantedReport, Hex<16>)> = Vec::new();
    for (place, id) in form.all(REPORT).enumerate() {
        let is_whole = form.all(ALL).any(|one| one == place.to_string());
        let field = field(place);
        let single: Vec<u32> = form.all(&field).flat_map(str::parse).collect();
        if !is_whole && single.is_empty() {
            continue;
        }
        let report = readable(detail).find(|report| report.id.to_string() == id)?;
        let among = |message: &u32| is_whole || single.contains(message);
        let bits = (0..count(report)).filter(among);
        let messages = bits.fold(0, |bits, bit| bits | 1_u32.checked_shl(bit).unwrap_or(0));
        let digest = AcceptedDigest::from_bytes(report.accepted_digest?.0);
        let is_there = messages != 0 || report.messages == 0;
        if !is_there || chosen.iter().any(|(_, known)| *known == report.id) {
            return None;
        }
        chosen.push((GrantedReport { digest, messages }, report.id));
    }
    Some(chosen)
}

/// The boxes of all reports.
pub fn boxes(html: &mut Html, desk: &Desk, detail: &CaseDetail, form: &Form) {
    // What was chosen is by the report's place in the form that comes back.
    let before: Vec<_> = form.all(REPORT).collect();
    for (place, report) in readable(detail).enumerate() {
        let id = report.id.to_string();
        hidden(html, REPORT, &id);
        let was = before.iter().position(|known| *known == id);
        html.tag("fieldset").class("boxes").put(|html| {
            let reason = report.reason.map_or("reason not told yet", words::reason);
            let ago = words::ago(report.received_at_ms, desk.card.now_ms);
            let legend = format!("Report {}: {reason}, {ago} ago", words::short(&report.id));
            html.tag("legend").text(&legend);
            report_boxes(html, place, report, (form, was));
        });
    }
}

fn report_boxes(
    html: &mut Html,
    place: usize,
    report: &ReportItem,
    (form, was): (&Form, Option<usize>),
) {
    let label = match count(report) {
        0 => "The report about the account".to_owned(),
        1 => "Message 1".to_owned(),
        count => format!("All {count} messages"),
    };
    let is_whole = was.is_some_and(|was| form.all(ALL).any(|one| one == was.to_string()));
    one_box(html, (ALL, &place.to_string()), &label, is_whole);
    if count(report) < 2 {
        return;
    }
    let field_before = was.map(field).unwrap_or_default();
    let chosen: Vec<_> = form.all(&field_before).collect();
    let details = html.tag("details").flag("open", !chosen.is_empty());
    details.put(|html| {
        html.tag("summary").text("Choose single messages");
        for message in 0..count(report) {
            let value = message.to_string();
            let label = format!("Message {}", message.saturating_add(1));
            let is_chosen = chosen.contains(&value.as_str());
            one_box(html, (&field(place), &value), &label, is_chosen);
        }
    });
}

fn one_box(html: &mut Html, (name, value): (&str, &str), label: &str, is_chosen: bool) {
    let id = format!("{name}.{value}");
    html.tag("span").class("box").put(|html| {
        let input = html.tag("input").kind("checkbox").id(&id).name(name);
        input.value(value).flag("checked", is_chosen).end();
        html.tag("label").label_for(&id).text(label);
    });
}
