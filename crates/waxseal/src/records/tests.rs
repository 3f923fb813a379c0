use waxseal_log::limits::{MAX_KEYS_LEN, MAX_NAME_LEN, MAX_PROMISE_LEN, MAX_RECEIPT_LEN};
use waxseal_reporting::limits::{
    MAX_ACCOUNT_LEN, MAX_CHUNKS, MAX_GROUP_FANOUT_LEN, MAX_GROUP_SLOTS, MAX_NOTE_LEN,
    MAX_REPORT_LEN, MAX_REPORTED, MAX_REPORTED_BLOBS, MAX_SHOWN_CHUNKS,
};

use super::*;
use crate::store::{MAX_REPORT_VALUE_LEN, MAX_VALUE_LEN};

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
        chunks: Vec::new(),
    };
    // All chunks are of one message, or of several: the lengths differ by a few bytes.
    let mut messages = vec![shown; MAX_REPORTED];
    let per_message = MAX_SHOWN_CHUNKS / MAX_REPORTED + 1;
    for message in &mut messages {
        message.chunks = vec![31 * MAX_CHUNKS + MAX_CHUNKS - 1; per_message];
    }
    let record = ReportRecord {
        id: vec![1; 16],
        report: vec![1; MAX_REPORT_LEN],
        draft: Some(DraftRecord {
            account: "x".repeat(MAX_ACCOUNT_LEN),
            reason: u8::MAX.into(),
            note: "x".repeat(MAX_NOTE_LEN),
            messages,
            group: Vec::new(), // a draft names an account or a group
            without_blobs: true,
        }),
        submitted_as: vec![1; 16],
        submitted_ms: u64::MAX,
        asked_ms: u64::MAX,
        wanted: vec![vec![1; 33]; MAX_REPORTED_BLOBS],
        has_promise: true,
        promise_asked_ms: u64::MAX,
        is_duplicate: true,
    };
    let len = encode(&record).len();
    let most = MAX_REPORT_VALUE_LEN;
    assert!(len <= most && len > most - 128, "{len}");
    const { assert!(MAX_REPORT_VALUE_LEN <= MAX_VALUE_LEN) };
}

#[test]
fn the_longest_message_to_a_group_in_the_outbox_is_a_value_that_a_store_takes() {
    let without = WithoutRecord {
        account: "x".repeat(MAX_ACCOUNT_LEN),
        device: u32::MAX,
    };
    let record = OutboxRecord {
        ordinal: u64::MAX,
        id: vec![1; 32],
        envelope: vec![1; MAX_GROUP_FANOUT_LEN],
        rounds: u32::MAX,
        group: vec![1; 32],
        chain: u32::MAX,
        claim: vec![1; 24],
        without: vec![without; MAX_GROUP_SLOTS],
        sealed_ms: u64::MAX,
        ..OutboxRecord::default()
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
        submitted_as: b"sixteen bytes ..".to_vec(),
        asked_ms: u64::MAX,
        overdue_ms: u64::MAX,
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

/// A report, a promise and the courier's record, as a version without receipts wrote them.
mod before {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Report {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) id: Vec<u8>,
        #[prost(bytes = "vec", tag = "4")]
        pub(super) submitted_as: Vec<u8>,
        #[prost(uint64, tag = "6")]
        pub(super) asked_ms: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Promise {
        #[prost(bytes = "vec", tag = "3")]
        pub(super) promise: Vec<u8>,
        #[prost(string, tag = "4")]
        pub(super) log: String,
    }
}

#[test]
fn records_of_a_version_without_receipts_are_read_and_wait_for_promise_and_receipt() {
    let report = encode(&before::Report {
        id: vec![1; 16],
        submitted_as: vec![2; 16],
        asked_ms: 3,
    });
    let report: ReportRecord = decode(&report).unwrap();
    assert_eq!((report.submitted_as, report.asked_ms), (vec![2; 16], 3));
    assert!(!report.has_promise && !report.is_duplicate);
    assert_eq!(report.promise_asked_ms, 0);
    let promise = encode(&before::Promise {
        promise: vec![4; 300],
        log: "log".to_owned(),
    });
    let promise: PromiseRecord = decode(&promise).unwrap();
    assert_eq!(
        (promise.promise, promise.log.as_str()),
        (vec![4; 300], "log")
    );
    // The provider's id of the report is not known, so no receipt is asked for.
    assert_eq!((promise.submitted_as, promise.asked_ms), (Vec::new(), 0));
}
