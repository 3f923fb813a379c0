//! Rows to test with.

mod exports;

use crate::store::{
    AppealRow, CaseRow, CaseStatus, Change, CheckpointRow, ContentRow, DecisionRow, EntryRow,
    GrantRow, GrantState, HoldRow, KeyEpochRow, LegalRow, MetaRow, NoticeRow, OpeningRow,
    PendingRow, PolicyRow, ReportRow, Row, Store, StoreError, TileRow,
};

pub(super) use self::exports::{callback, export, fetch, outbox};

/// An identifier that is different for each number.
pub(super) fn id(n: u32) -> [u8; 16] {
    let mut id = [0xa5; 16];
    let (start, _) = id.split_at_mut(4);
    start.copy_from_slice(&n.to_be_bytes());
    id
}

/// A digest or key that is different for each number.
pub(super) fn hash(n: u32) -> [u8; 32] {
    let mut hash = [0x5a; 32];
    let (start, _) = hash.split_at_mut(4);
    start.copy_from_slice(&n.to_be_bytes());
    hash
}

/// The bytes of an entry.
pub(super) fn entry_bytes(kind: u8, day: u32, number: [u8; 16]) -> Vec<u8> {
    [&[1, kind][..], &day.to_be_bytes(), &number, &[0; 32]].concat()
}

pub(super) fn entry(n: u32) -> EntryRow {
    let (log_index, kind, day, number) = (u64::from(n), 3, 20_000, id(n));
    EntryRow {
        log_index,
        kind,
        day,
        number,
        entry: entry_bytes(kind, day, number),
        salt: Some(hash(n)),
        detail: Some(vec![1; 40]),
    }
}

pub(super) fn tile(n: u32) -> TileRow {
    TileRow {
        level: 0,
        tile_index: u64::from(n),
        bytes: hash(n).to_vec(),
    }
}

pub(super) fn checkpoint(size: u64) -> CheckpointRow {
    CheckpointRow {
        size,
        note: b"a note".to_vec(),
        made_at_ms: 7,
        is_complete: false,
    }
}

pub(super) fn pending(n: u32) -> PendingRow {
    PendingRow {
        leaf_hash: hash(n),
        day: 20_000,
        entry: entry_bytes(1, 20_000, id(n)),
        salt: hash(n),
        detail: vec![2; 40],
    }
}

pub(super) fn report(n: u32) -> ReportRow {
    ReportRow {
        id: id(n),
        digest: hash(n),
        accepted_digest: None,
        number: id(n),
        promise: vec![3; 200],
        reason: None,
        rejected: None,
        received_day: 20_000,
        received_at_ms: u64::from(n),
        case_id: None,
        reporter: None,
        reporter_account: None,
        is_erased: false,
    }
}

pub(super) fn content(n: u32) -> ContentRow {
    ContentRow {
        report_id: id(n),
        accepted: vec![4; 3_000],
    }
}

pub(super) fn case(n: u32) -> CaseRow {
    CaseRow {
        id: id(n),
        number: id(n),
        account: None,
        reason: 5,
        severity: 1,
        first_report_at_ms: u64::from(n),
        last_report_at_ms: u64::from(n),
        reports: 1,
        reporters: 1,
        status: CaseStatus::Open,
        officer: None,
        assigned_until_ms: None,
        is_held: false,
    }
}

pub(super) fn grant(n: u32) -> GrantRow {
    GrantRow {
        id: id(n),
        digest: hash(n),
        number: id(n),
        case_id: id(1),
        purpose: 1,
        signed: vec![5; 300],
        state: GrantState::Requested,
        requester: hash(1),
        approver: None,
        requested_at_ms: u64::from(n),
        expires_at_ms: 100,
        max_openings: 3,
        openings: 0,
        review_until_ms: None,
        review: None,
        is_overdue: false,
    }
}

pub(super) fn opening(n: u32) -> OpeningRow {
    OpeningRow {
        grant_digest: hash(n),
        ordinal: 1,
        report_digest: hash(n),
        report_id: id(n),
        case_id: id(1),
        officer: hash(1),
        log_index: u64::from(n),
        logged_at_ms: 6,
        shown_at_ms: None,
        view_digest: None,
    }
}

pub(super) fn decision(n: u32) -> DecisionRow {
    DecisionRow {
        leaf_hash: hash(n),
        log_index: u64::from(n),
        case_id: id(1),
        officer: hash(1),
        reason: 5,
        measure: 2,
        openings: 4,
        decided_at_ms: 7,
        appeal_until_ms: 8,
        signed: vec![6; 300],
    }
}

pub(super) fn notice(n: u32) -> NoticeRow {
    NoticeRow {
        decision: hash(1),
        side: 1,
        recipient: id(n),
        body: vec![7; 100],
        made_at_ms: u64::from(n),
        sent_at_ms: None,
        log_index: None,
    }
}

pub(super) fn appeal(n: u32) -> AppealRow {
    AppealRow {
        leaf_hash: hash(n),
        log_index: u64::from(n),
        decision: hash(1),
        case_id: id(1),
        side: 2,
        text: None,
        filed_at_ms: 9,
        outcome: None,
        officer: None,
        decided_at_ms: None,
        signed: None,
    }
}

pub(super) fn legal(n: u32) -> LegalRow {
    LegalRow {
        id: id(n),
        number: id(n),
        basis: 1,
        authority: "a court".into(),
        asked: "what was said".into(),
        received_at_ms: u64::from(n),
        outcome: None,
        items: 0,
        produced: None,
        not_held: None,
        officer: None,
        answered_at_ms: None,
    }
}

pub(super) fn hold(n: u32) -> HoldRow {
    HoldRow {
        id: id(n),
        number: id(n),
        case_id: id(1),
        legal_id: None,
        statement: "a request is pending".into(),
        officer: hash(1),
        placed_at_ms: u64::from(n),
        lifted_at_ms: None,
    }
}

pub(super) fn policy(version: u32) -> PolicyRow {
    PolicyRow {
        version,
        document: vec![8; 500],
        signature: [9; 64],
        log_index: 3,
        published_at_ms: 10,
    }
}

pub(super) fn key_epoch(n: u32) -> KeyEpochRow {
    KeyEpochRow {
        key_kind: 2,
        epoch: u64::from(n),
        public: vec![10; 32],
        created_at_ms: 11,
        destroyed_at_ms: None,
    }
}

pub(super) fn meta(name: &str) -> MetaRow {
    MetaRow {
        name: name.to_owned(),
        value: vec![11],
    }
}

/// One row of each table, with a different number in each row.
pub(super) fn rows(n: u32) -> Vec<Row> {
    let rows = vec![
        pending(n).into(),
        report(n).into(),
        content(n).into(),
        case(n).into(),
        grant(n).into(),
        opening(n).into(),
        decision(n).into(),
        notice(n).into(),
        appeal(n).into(),
        legal(n).into(),
        hold(n).into(),
        policy(n).into(),
        key_epoch(n).into(),
        meta(&n.to_string()).into(),
    ];
    rows.into_iter().chain(exports::rows(n)).collect()
}

/// The same rows with other values and without missing fields.
pub(super) fn full_rows(n: u32) -> Vec<Row> {
    let rows = vec![
        pending(n).into(),
        ReportRow {
            accepted_digest: Some(hash(4)),
            reason: Some(16),
            rejected: Some(200),
            case_id: Some(id(5)),
            reporter: Some(hash(6)),
            reporter_account: Some("bob".into()),
            is_erased: true,
            ..report(n)
        }
        .into(),
        content(n).into(),
        CaseRow {
            account: Some("mallory".into()),
            status: CaseStatus::Waiting,
            officer: Some(hash(7)),
            assigned_until_ms: Some(8),
            is_held: true,
            ..case(n)
        }
        .into(),
        GrantRow {
            state: GrantState::Approved,
            approver: Some(hash(9)),
            review_until_ms: Some(10),
            review: Some(2),
            is_overdue: true,
            ..grant(n)
        }
        .into(),
        OpeningRow {
            shown_at_ms: Some(11),
            view_digest: Some(hash(12)),
            ..opening(n)
        }
        .into(),
        decision(n).into(),
        NoticeRow {
            sent_at_ms: Some(12),
            log_index: Some(13),
            ..notice(n)
        }
        .into(),
        AppealRow {
            text: Some("I did not write that — “ü”".into()),
            outcome: Some(2),
            officer: Some(hash(14)),
            decided_at_ms: Some(15),
            signed: Some(vec![16]),
            ..appeal(n)
        }
        .into(),
        LegalRow {
            outcome: Some(4),
            produced: Some(String::new()),
            not_held: Some("content of messages".into()),
            officer: Some(hash(17)),
            answered_at_ms: Some(18),
            ..legal(n)
        }
        .into(),
        HoldRow {
            legal_id: Some(id(19)),
            lifted_at_ms: Some(20),
            ..hold(n)
        }
        .into(),
        policy(n).into(),
        KeyEpochRow {
            destroyed_at_ms: Some(21),
            ..key_epoch(n)
        }
        .into(),
        meta(&n.to_string()).into(),
    ];
    rows.into_iter().chain(exports::full_rows(n)).collect()
}

/// The row with the key of this one, as a store reads it.
pub(super) fn read(store: &dyn Store, row: &Row) -> Result<Option<Row>, StoreError> {
    Ok(match row {
        Row::Pending(row) => store.pending_leaf(&row.leaf_hash)?.map(Row::from),
        Row::Report(row) => store.report(&row.id)?.map(Row::from),
        Row::Content(row) => store.content(&row.report_id)?.map(Row::from),
        Row::Case(row) => store.case(&row.id)?.map(Row::from),
        Row::Grant(row) => store.grant(&row.id)?.map(Row::from),
        Row::Opening(row) => {
            let opening = store.opening(&row.grant_digest, row.ordinal)?;
            opening.map(Row::from)
        }
        Row::Decision(row) => store.decision(&row.leaf_hash)?.map(Row::from),
        Row::Notice(row) => {
            let list = crate::store::NoticeList::OfDecision(row.decision);
            let notices = store.notices(&list, 1_000)?.into_iter();
            let mut notices = notices.filter(|notice| notice.side == row.side);
            let notice = notices.find(|notice| notice.recipient == row.recipient);
            notice.map(Row::from)
        }
        Row::Appeal(row) => store.appeal(&row.leaf_hash)?.map(Row::from),
        Row::Legal(row) => store.legal_request(&row.id)?.map(Row::from),
        Row::Hold(row) => store.hold(&row.id)?.map(Row::from),
        Row::Policy(row) => store.policy(row.version)?.map(Row::from),
        Row::KeyEpoch(row) => {
            let mut epochs = store.key_epochs(row.key_kind, None, 1_000)?.into_iter();
            let epoch = epochs.find(|epoch| epoch.epoch == row.epoch);
            epoch.map(Row::from)
        }
        Row::Export(row) => store.export(&row.id)?.map(Row::from),
        Row::Outbox(row) => store.outbox(&row.export_id)?.map(Row::from),
        Row::Fetch(row) => {
            let fetch = store.fetch(&row.grant_digest, row.ordinal, &row.blob)?;
            fetch.map(Row::from)
        }
        Row::Callback(row) => store.callback(&row.digest)?.map(Row::from),
        Row::Meta(row) => store.meta(&row.name)?.map(Row::from),
    })
}

/// Changes that add these rows.
pub(super) fn added(rows: impl IntoIterator<Item = impl Into<Row>>) -> Vec<Change> {
    rows.into_iter().map(Change::add).collect()
}
