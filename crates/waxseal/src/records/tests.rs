use waxseal_log::limits::{MAX_KEYS_LEN, MAX_NAME_LEN, MAX_PROMISE_LEN, MAX_RECEIPT_LEN};
use waxseal_reporting::limits::{MAX_ACCOUNT_LEN, MAX_NOTE_LEN, MAX_REPORT_LEN, MAX_REPORTED};

use super::*;
use crate::store::MAX_VALUE_LEN;

#[test]
fn records_print_nothing_they_hold() {
    let mut record = AccountRecord::default();
    record.identity.resize(64, 7);
    assert_eq!(format!("{record:?}"), "AccountRecord { .. }");
}

#[test]
fn the_longest_report_with_its_draft_is_a_value_that_a_store_takes() {
    let shown = ShownRecord {
        id: vec![1; 32],
        parts: (0..32).collect(), // the maximum number of parts
    };
    let record = ReportRecord {
        id: vec![1; 16],
        report: vec![1; MAX_REPORT_LEN],
        draft: Some(DraftRecord {
            account: "x".repeat(MAX_ACCOUNT_LEN),
            reason: u8::MAX.into(),
            note: "x".repeat(MAX_NOTE_LEN),
            messages: vec![shown; MAX_REPORTED],
            group: Vec::new(), // a draft names an account or a group
        }),
        submitted_as: vec![1; 16],
        submitted_ms: u64::MAX,
        asked_ms: u64::MAX,
    };
    let len = encode(&record).len();
    assert!(len <= MAX_VALUE_LEN && len > MAX_VALUE_LEN - 128, "{len}");
}

#[test]
fn the_longest_promise_with_its_receipt_is_a_value_that_a_store_takes() {
    let last = LastReceiptRecord {
        receipt: vec![1; MAX_RECEIPT_LEN],
        keys: "x".repeat(MAX_KEYS_LEN),
        is_contradicted: true,
    };
    let record = PromiseRecord {
        report: vec![1; 16],
        digest: vec![1; 32],
        promise: vec![1; MAX_PROMISE_LEN],
        log: "x".repeat(MAX_NAME_LEN + 64), // name+id+key
        last: Some(last),
    };
    assert!(encode(&record).len() <= MAX_VALUE_LEN);
}

#[test]
fn a_record_of_another_version_is_not_read() {
    let mut record = DeviceRecord::default();
    record.next_sequence = 3;
    let mut bytes = encode(&record);
    assert_eq!(decode::<DeviceRecord>(&bytes).unwrap().next_sequence, 3);
    bytes[0] = 2;
    assert!(decode::<DeviceRecord>(&bytes).is_none());
    assert!(decode::<DeviceRecord>(&[]).is_none());
}
