//! What the desk that was taken over answers on each route.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use waxseal_relay::desk::{
    Appeals, CallbackItem, CaseDetail, DecisionItem, DeskCard, Done, Entries, EntryItem,
    ExportItem, Exports, GrantItem, Grants, Hex, HoldItem, OpeningItem, QueuePage, ReportItem,
    SeriesPoint, Transparency,
};

use crate::evil_desk::{CASE, Evil, REPORT, now_ms};

type World = State<Arc<Evil>>;

fn json(value: &impl serde::Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap();
    ([("content-type", "application/json")], body).into_response()
}

pub async fn keys(State(evil): World) -> String {
    evil.keys.to_string()
}

pub async fn card(State(evil): World) -> Response {
    if evil.is_silent.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (policy, signature) = evil.shown_policy();
    json(&DeskCard {
        origin: evil.keys.origin().to_owned(),
        vault: Hex(*evil.keys.vault().key()),
        policy,
        policy_signature: Hex(signature),
        keys: evil.keys.to_string(),
        log_size: 12,
        cosigned_size: 8,
        now_ms: now_ms(),
        exports: vec!["coop".to_owned(), evil.text(0)],
    })
}

pub async fn queue(State(evil): World) -> impl IntoResponse {
    json(&QueuePage {
        cases: (0..evil.texts.len())
            .map(|place| evil.item(place))
            .collect(),
        next: Some(Hex([9; 28])),
    })
}

pub async fn case(State(evil): World, Path(_): Path<String>) -> impl IntoResponse {
    let report = |id, digest, messages| ReportItem {
        id,
        accepted_digest: Some(Hex(digest)),
        number: Hex([3; 16]),
        reason: Some(5),
        received_at_ms: now_ms(),
        messages,
        is_erased: false,
        blobs: vec![evil.blob.0.to_text(), evil.text(1)],
    };
    let decision = |place| DecisionItem {
        leaf: Hex([6; 32]),
        log_index: 8,
        officer: evil.officers()[place % 4],
        reason: 5,
        measure: 4,
        rule: evil.text(place),
        statement: evil.text(place + 1),
        openings: 2,
        decided_at_ms: now_ms(),
        appeal_until_ms: now_ms(),
        told: vec![1, 2, 9],
    };
    let mut reports = vec![
        report(REPORT, [5; 32], 3),
        report(Hex([0x13; 16]), [4; 32], 3),
    ];
    let (more, messages) = *evil.more.lock().unwrap();
    reports.extend((0..more).map(|one| report(Hex([100 + one; 16]), [100 + one; 32], messages)));
    json(&CaseDetail {
        case: evil.item(0),
        reports,
        reports_next: Some(Hex([9; 24])),
        granted: vec![report(Hex([0x14; 16]), [6; 32], 3)],
        grants: vec![evil.grant(), evil.asked(), evil.emergency()],
        openings: vec![OpeningItem {
            grant_digest: Hex([1; 32]),
            report: REPORT,
            officer: evil.officers()[1],
            log_index: 4,
            logged_at_ms: now_ms(),
            shown_at_ms: None,
        }],
        decisions: (0..evil.texts.len()).map(decision).collect(),
        appeals: (0..evil.texts.len())
            .map(|place| evil.appeal(place, place % 2 == 0))
            .collect(),
        holds: vec![HoldItem {
            id: Hex([8; 16]),
            placed_at_ms: now_ms(),
            lifted_at_ms: None,
        }],
        earlier: (1..5).map(|place| evil.item(place)).collect(),
    })
}

#[derive(serde::Deserialize)]
pub struct List {
    list: String,
}

pub async fn grants(State(evil): World, Query(List { list }): Query<List>) -> impl IntoResponse {
    let own = GrantItem {
        state: evil.text(2),
        ..evil.grant()
    };
    let other = match list.as_str() {
        "requested" => evil.asked(),
        _ => evil.emergency(),
    };
    json(&Grants {
        grants: vec![own, other],
    })
}

pub async fn appeals(State(evil): World) -> impl IntoResponse {
    let appeals = (0..evil.texts.len()).map(|place| evil.appeal(place, false));
    json(&Appeals {
        appeals: appeals.collect(),
    })
}

pub async fn log(State(evil): World) -> impl IntoResponse {
    let entries = (0..evil.texts.len()).map(|place| EntryItem {
        index: u64::try_from(place).unwrap(),
        day: 20_500,
        kind: evil.text(place),
        number: Hex([3; 16]),
        what: evil.text(place + 1),
        leaf: Hex([7; 32]),
    });
    json(&Entries {
        entries: entries.collect(),
        log_size: 999,
        cosigned_size: 3,
    })
}

#[derive(serde::Deserialize)]
pub struct Days {
    from: u32,
    to: u32,
}

pub async fn transparency(State(evil): World, Query(days): Query<Days>) -> impl IntoResponse {
    let csv: String = evil
        .texts
        .iter()
        .map(|(name, text)| format!("{name},{text}\n"))
        .collect();
    let series = (0..60).map(|back| SeriesPoint {
        day: days.to - back,
        reports: back * 37 % 23,
        openings: back * 11 % 9,
        decisions: back * 7 % 5,
        appeals: back % 3,
    });
    let series = series.collect();
    json(&Transparency {
        from: days.from,
        to: days.to,
        csv,
        series,
        log_size: 12,
    })
}

pub async fn exports(State(evil): World) -> impl IntoResponse {
    let exports = (0..evil.texts.len()).map(|place| ExportItem {
        id: Hex([2; 16]),
        case: CASE,
        target: 1,
        made_at_ms: now_ms(),
        officer: evil.officers()[2],
        log_index: 3,
        taken_at_ms: None,
        given_up_at_ms: Some(now_ms()),
        tries: 3,
        answer: evil.text(place),
    });
    let callbacks = (0..evil.texts.len()).map(|place| CallbackItem {
        case: Some(CASE),
        text: evil.text(place),
        received_at_ms: now_ms(),
    });
    json(&Exports {
        exports: exports.collect(),
        callbacks: callbacks.collect(),
    })
}

pub async fn open(State(evil): World, body: Bytes) -> impl IntoResponse {
    let route = "/v1/openings".to_owned();
    let opened = {
        let mut acts = evil.acts.lock().unwrap();
        acts.push((route.clone(), body.to_vec()));
        acts.iter().filter(|(to, _)| *to == route).count() - 1
    };
    // As long as vault and witnesses could take.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    evil.view(opened * 17).encode().to_vec()
}

pub async fn act(State(evil): World, uri: Uri, body: Bytes) -> impl IntoResponse {
    let route = uri.path().to_owned();
    evil.acts.lock().unwrap().push((route, body.to_vec()));
    json(&Done {
        log_size: 13,
        leaf: None,
    })
}

#[derive(serde::Deserialize)]
pub struct Range {
    at: usize,
    len: usize,
}

pub async fn blob(
    State(evil): World,
    Path((_, blob)): Path<(String, String)>,
    Query(Range { at, len }): Query<Range>,
) -> impl IntoResponse {
    if blob != evil.blob.0.to_text() {
        return StatusCode::NOT_FOUND.into_response();
    }
    evil.blob.1[at..at + len].to_vec().into_response()
}
