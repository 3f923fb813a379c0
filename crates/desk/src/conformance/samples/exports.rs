//! Rows of exports, fetches and callbacks to test with.

use super::{hash, id};
use crate::store::{CallbackRow, ExportRow, ExportState, FetchRow, OutboxRow, Row};

pub(in crate::conformance) fn export(n: u32) -> ExportRow {
    ExportRow {
        id: id(n),
        case_id: id(1),
        form: 1,
        officer: hash(1),
        log_index: u64::from(n),
        made_at_ms: 12,
        state: ExportState::Waiting,
        tries: 0,
        next_try_at_ms: Some(u64::from(n)),
        ended_at_ms: None,
        answer: String::new(),
    }
}

pub(in crate::conformance) fn outbox(n: u32) -> OutboxRow {
    OutboxRow {
        export_id: id(n),
        body: b"{}".to_vec(),
    }
}

pub(in crate::conformance) fn fetch(n: u32) -> FetchRow {
    FetchRow {
        grant_digest: hash(n),
        ordinal: 1,
        blob: hash(2),
        report_id: id(1),
        log_index: u64::from(n),
        fetched_at_ms: 13,
        handed_out: 0,
    }
}

pub(in crate::conformance) fn callback(n: u32) -> CallbackRow {
    CallbackRow {
        digest: hash(n),
        case_id: None,
        body: b"{}".to_vec(),
        received_at_ms: u64::from(n),
    }
}

/// One row of each table.
pub(super) fn rows(n: u32) -> [Row; 4] {
    [
        export(n).into(),
        outbox(n).into(),
        fetch(n).into(),
        callback(n).into(),
    ]
}

/// The same rows with other values and without missing fields.
pub(super) fn full_rows(n: u32) -> [Row; 4] {
    [
        ExportRow {
            state: ExportState::GivenUp,
            tries: 20,
            next_try_at_ms: None,
            ended_at_ms: Some(22),
            answer: "400 — “no”".into(),
            ..export(n)
        }
        .into(),
        OutboxRow {
            body: vec![23; 70_000],
            ..outbox(n)
        }
        .into(),
        FetchRow {
            fetched_at_ms: 24,
            handed_out: 65_536,
            ..fetch(n)
        }
        .into(),
        CallbackRow {
            case_id: Some(id(25)),
            body: Vec::new(),
            ..callback(n)
        }
        .into(),
    ]
}
