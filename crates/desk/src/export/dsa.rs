//! The EU's DSA Transparency Database: a statement of reasons.
//!
//! # What is sent
//! What was decided, on what ground, by which category, when, and the facts in the officer's words
//! (`POST /api/v1/statement`). That no decision is automated follows from how the desk works: an
//! officer signs each, and each case begins with a person's report.
//!
//! # What never is
//! Personal data: the database is public. A text that has the name of an account of the case is
//! refused ([`ExportError::NamesAccount`]). Messages, identifiers of reports, and the log's leaf of
//! the decision are not sent; `puid` is a pseudonym of it, the same whenever it is sent again.
//!
//! # Decision
//!
//! | measure | sent as |
//! |---|---|
//! | content_removed | `decision_visibility`: `DECISION_VISIBILITY_CONTENT_REMOVED` |
//! | feature_restricted | `decision_provision`: `DECISION_PROVISION_PARTIAL_SUSPENSION` |
//! | suspended, terminated | `decision_account`: `DECISION_ACCOUNT_SUSPENDED`, `.._TERMINATED` |
//! | none, warning, referred | refused: they restrict nothing |
//!
//! # Fields
//! The first four must be there.
//!
//! | field | value |
//! |---|---|
//! | `ground` | `illegal` or `incompatible` |
//! | `decision_facts` | at most 5,000 characters |
//! | `content_type` | such as `TEXT,IMAGE`: the database's values without `CONTENT_TYPE_` |
//! | `source_type` | one of the database's, but `SOURCE_VOLUNTARY` |
//! | `content_type_other` | what it is, with `OTHER` only: at most 500 characters |
//! | `legal_ground` | the law, needed with `illegal`: at most 500 characters |
//! | `explanation` | at most 2,000 characters; otherwise the decision's statement |
//! | `also_illegal` | `Yes` or `No`, with `incompatible` only |
//! | `content_date` | `2027-01-15`; otherwise the day of the first message that goes along |
//! | `end_date` | when the restriction ends |
//! | `minor` | `yes` if a minor is affected by unwanted sexual content |
//! | `keywords` | such as `KEYWORD_PHISHING`; otherwise what says the same as the reason |
//! | `account_type` | `ACCOUNT_TYPE_BUSINESS` or `ACCOUNT_TYPE_PRIVATE` |
//! | `territorial_scope` | countries of the EEA, such as `DE,FR` |
//! | `content_language` | a language of ISO 639-1, such as `EN` |
//! | `reference_url` | an address of the rule, at most 500 characters |
//!
//! With `incompatible`, the ground is the rule of the decision.
//!
//! # Example
#![doc = concat!("```json\n", include_str!("examples/dsa.json"), "```\n")]
//!
//! # Source
//! European Commission, DSA Transparency Database, “API documentation” and
//! `StatementStoreRequest.php`.

mod category;
mod codes;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use waxseal_log::entry::Measure;

use super::fields::{Fields, within};
use super::time::{date, is_date};
use super::{CaseFacts, DecisionFacts, ExportError, invalid, missing};

/// The fields that an officer can add.
const FIELDS: [&str; 16] = [
    "ground",
    "decision_facts",
    "content_type",
    "source_type",
    "content_type_other",
    "legal_ground",
    "explanation",
    "also_illegal",
    "content_date",
    "end_date",
    "minor",
    "keywords",
    "account_type",
    "territorial_scope",
    "content_language",
    "reference_url",
];

const CONTENT_TYPES: [&str; 8] = [
    "APP",
    "AUDIO",
    "IMAGE",
    "PRODUCT",
    "SYNTHETIC_MEDIA",
    "TEXT",
    "VIDEO",
    "OTHER",
];

/// Not `SOURCE_VOLUNTARY`: each case begins with a person's report.
const SOURCES: [&str; 3] = [
    "SOURCE_ARTICLE_16",
    "SOURCE_TRUSTED_FLAGGER",
    "SOURCE_TYPE_OTHER_NOTIFICATION",
];

/// Makes the body of `POST /api/v1/statement`.
///
/// # Errors
/// [`ExportError`].
pub fn statement(
    facts: &CaseFacts,
    fields: &BTreeMap<String, String>,
) -> Result<Vec<u8>, ExportError> {
    let fields = Fields::new(fields, &FIELDS)?;
    let decision = facts.decision.as_ref().ok_or(missing("decision"))?;
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    let (name, value, end) = restriction(decision)?;
    put(name, value);
    if let Some(date) = a_date(&fields, "end_date")? {
        put(end, json!(date));
    }
    for (name, value) in ground(decision, &fields)? {
        put(name, value);
    }
    let types = fields.list("content_type", &CONTENT_TYPES)?;
    if types.is_empty() {
        return Err(missing("content_type"));
    }
    let other = fields.text("content_type_other", 500)?;
    match (types.contains(&"OTHER"), other) {
        (true, Some(other)) => drop(put("content_type_other", json!(other))),
        (true, None) => return Err(missing("content_type_other")),
        (false, Some(_)) => return Err(invalid("content_type_other")),
        (false, None) => {}
    }
    let types = types.iter().map(|name| format!("CONTENT_TYPE_{name}"));
    put("content_type", types.collect());
    let category = category::of(decision.reason, fields.flag("minor")?)?;
    put("category", json!(category));
    let mut keywords = fields.list("keywords", &category::KEYWORDS)?;
    if keywords.is_empty() {
        keywords.extend(category::keyword(decision.reason));
    }
    if keywords.contains(&"KEYWORD_OTHER") {
        let name = decision.reason.name();
        put("category_specification_other", json!(name));
    }
    if !keywords.is_empty() {
        put("category_specification", json!(keywords));
    }
    let source = fields.one_of("source_type", &SOURCES)?;
    put("source_type", json!(source.ok_or(missing("source_type"))?));
    let first = facts.first_message_at().map(date);
    let date_of_content = a_date(&fields, "content_date")?.or(first);
    let date_of_content = date_of_content.ok_or(missing("content_date"))?;
    put("content_date", json!(date_of_content));
    put("application_date", json!(date(decision.decided_at)));
    let words = fields.required("decision_facts", 5_000)?;
    put("decision_facts", json!(words));
    put("automated_detection", json!("No"));
    put(
        "automated_decision",
        json!("AUTOMATED_DECISION_NOT_AUTOMATED"),
    );
    let puid = facts.pseudonyms.of("statement", &decision.leaf_hash);
    put("puid", json!(format!("waxseal-{puid}")));
    for (name, value) in scope(&fields)? {
        put(name, value);
    }
    check_names(facts, &body)?;
    Ok(Value::Object(body).to_string().into_bytes())
}

/// What the decision restricts, and the name of the date on which that ends.
fn restriction(
    decision: &DecisionFacts,
) -> Result<(&'static str, Value, &'static str), ExportError> {
    Ok(match decision.measure {
        Measure::ContentRemoved => (
            "decision_visibility",
            json!(["DECISION_VISIBILITY_CONTENT_REMOVED"]),
            "end_date_visibility_restriction",
        ),
        Measure::FeatureRestricted => (
            "decision_provision",
            json!("DECISION_PROVISION_PARTIAL_SUSPENSION"),
            "end_date_service_restriction",
        ),
        Measure::Suspended => (
            "decision_account",
            json!("DECISION_ACCOUNT_SUSPENDED"),
            "end_date_account_restriction",
        ),
        Measure::Terminated => (
            "decision_account",
            json!("DECISION_ACCOUNT_TERMINATED"),
            "end_date_account_restriction",
        ),
        Measure::None | Measure::Warning | Measure::Referred => {
            return Err(missing("restriction"));
        }
    })
}

/// On what ground it was decided.
fn ground(
    decision: &DecisionFacts,
    fields: &Fields<'_>,
) -> Result<Vec<(&'static str, Value)>, ExportError> {
    let ground = fields.one_of("ground", &["illegal", "incompatible"])?;
    let legal = fields.text("legal_ground", 500)?;
    let also = fields.one_of("also_illegal", &["Yes", "No"])?;
    let explanation = match fields.text("explanation", 2_000)? {
        Some(explanation) => explanation,
        None => {
            within("statement", &decision.statement, 2_000)?;
            decision.statement.as_str()
        }
    };
    let explanation = json!(explanation);
    match ground.ok_or(missing("ground"))? {
        "illegal" => {
            if also.is_some() {
                return Err(invalid("also_illegal"));
            }
            let legal = legal.ok_or(missing("legal_ground"))?;
            Ok(vec![
                ("decision_ground", json!("DECISION_GROUND_ILLEGAL_CONTENT")),
                ("illegal_content_legal_ground", json!(legal)),
                ("illegal_content_explanation", explanation),
            ])
        }
        _ => {
            if legal.is_some() {
                return Err(invalid("legal_ground"));
            }
            within("rule", &decision.rule, 500)?;
            let mut ground = vec![
                (
                    "decision_ground",
                    json!("DECISION_GROUND_INCOMPATIBLE_CONTENT"),
                ),
                ("incompatible_content_ground", json!(decision.rule)),
                ("incompatible_content_explanation", explanation),
            ];
            if let Some(also) = also {
                ground.push(("incompatible_content_illegal", json!(also)));
            }
            Ok(ground)
        }
    }
}

/// Whom and where it concerns.
fn scope(fields: &Fields<'_>) -> Result<Vec<(&'static str, Value)>, ExportError> {
    let mut scope = Vec::new();
    let types = ["ACCOUNT_TYPE_BUSINESS", "ACCOUNT_TYPE_PRIVATE"];
    if let Some(account) = fields.one_of("account_type", &types)? {
        scope.push(("account_type", json!(account)));
    }
    let countries = fields.list("territorial_scope", &codes::COUNTRIES)?;
    if !countries.is_empty() {
        scope.push(("territorial_scope", json!(countries)));
    }
    if let Some(language) = fields.text("content_language", 2)? {
        if !codes::is_language(language) {
            return Err(invalid("content_language"));
        }
        scope.push(("content_language", json!(language)));
    }
    if let Some(url) = fields.text("reference_url", 500)? {
        let host = url.strip_prefix("https://").unwrap_or_default();
        let is_visible = url.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_visible || host.is_empty() || host.starts_with('/') {
            return Err(invalid("reference_url"));
        }
        scope.push(("decision_ground_reference_url", json!(url)));
    }
    Ok(scope)
}

fn a_date(fields: &Fields<'_>, name: &'static str) -> Result<Option<String>, ExportError> {
    match fields.text(name, 10)? {
        Some(text) if is_date(text) => Ok(Some(text.to_owned())),
        Some(_) => Err(invalid(name)),
        None => Ok(None),
    }
}

/// The texts that someone wrote.
const TEXTS: [&str; 7] = [
    "decision_facts",
    "content_type_other",
    "illegal_content_legal_ground",
    "illegal_content_explanation",
    "incompatible_content_ground",
    "incompatible_content_explanation",
    "decision_ground_reference_url",
];

fn check_names(facts: &CaseFacts, body: &Map<String, Value>) -> Result<(), ExportError> {
    // CHK-693: no text names an account of the case.
    for field in TEXTS {
        let text = body.get(field).and_then(Value::as_str).unwrap_or_default();
        let accounts = facts.accounts.iter().map(String::as_str);
        let mut all = accounts.chain(facts.account.as_ref().map(|account| account.as_str()));
        // Of `alice@provider.example`, `alice` is a name too.
        let is_named = |account: &str| {
            let local = account
                .trim_start_matches('@')
                .split('@')
                .next()
                .unwrap_or_default();
            names(text, account) || (!local.is_empty() && names(text, local))
        };
        if all.any(is_named) {
            return Err(ExportError::NamesAccount { field });
        }
    }
    Ok(())
}

/// Whether a text has a name, in any case, and not only as a part of a longer word. A name that
/// does not begin and end with a Latin letter or digit may stand next to anything.
fn names(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let is_word = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphanumeric());
    let (first, last) = (name.chars().next(), name.chars().next_back());
    text.match_indices(&name).any(|(at, found)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let end = at.saturating_add(found.len());
        let after = text.get(end..).and_then(|text| text.chars().next());
        let joins_before = is_word(first) && is_word(before);
        let joins_after = is_word(last) && is_word(after);
        !joins_before && !joins_after
    })
}

#[cfg(test)]
mod tests;
