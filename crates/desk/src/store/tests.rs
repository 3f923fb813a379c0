//! Rows and changes for the tests of stores in databases.

use super::{CaseRow, CaseStatus, Change, EntryRow, MetaRow};

pub(crate) fn meta(value: u64) -> MetaRow {
    MetaRow {
        name: "counter".into(),
        value: value.to_be_bytes().to_vec(),
    }
}

pub(crate) fn case(account: &str) -> CaseRow {
    CaseRow {
        id: [1; 16],
        number: [2; 16],
        account: Some(account.into()),
        reason: 3,
        severity: 4,
        first_report_at_ms: 5,
        last_report_at_ms: 6,
        reports: 7,
        reporters: 8,
        status: CaseStatus::Open,
        officer: None,
        assigned_until_ms: None,
        is_held: false,
    }
}

/// One act: an entry, and a row that says the same number.
pub(crate) fn act(n: u64) -> Vec<Change> {
    let entry = [&[1, 3][..], &[0; 4], &[0; 16], &[7; 32]].concat();
    let entry = EntryRow::new(n, entry, [8; 32], vec![9; 2_000]).unwrap();
    let row = match n {
        0 => Change::add(meta(1)),
        n => Change::swap(meta(n), meta(n + 1)),
    };
    vec![Change::Append(entry), row]
}
