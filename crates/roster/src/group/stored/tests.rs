//! Tests of stored logs.

use crate::group::{GroupError, GroupLog, GroupOp};
use crate::limits::*;
use crate::tests::raw_group::{Book, go_on};

fn log() -> GroupLog {
    let mut log = Book::new().log;
    go_on(&mut log, 1, &[GroupOp::remove("bob")], Some(2));
    log
}

fn refused(change: impl FnOnce(&mut GroupLog)) {
    let mut log = log();
    change(&mut log);
    let read = GroupLog::decode(&log.encode());
    assert_eq!(read, Err(GroupError::Malformed));
}

#[test]
fn a_log_reads_back_as_written() {
    for log in [Book::new().log, log()] {
        let bytes = log.encode();
        let read = GroupLog::decode(&bytes).unwrap();
        assert_eq!(read, log);
        assert_eq!(read.encode(), bytes);
    }
}

#[test]
fn chk390_a_log_longer_than_the_limit_is_refused() {
    let long = vec![1; MAX_GROUP_LOG_LEN + 1];
    assert_eq!(GroupLog::decode(&long), Err(GroupError::TooLong));
    let parts = MAX_GROUP_STATE_LEN + MAX_ENTRY_LEN + MAX_AUTHORITY_CHAIN_LEN;
    assert_eq!(MAX_GROUP_LOG_LEN, parts + 12 + 32 * MAX_RECENT_STATES);
}

#[test]
fn chk391_a_log_of_an_unknown_version_is_refused() {
    let mut bytes = log().encode();
    bytes[0] = 2;
    let unknown = GroupError::UnknownVersion { version: 2 };
    assert_eq!(GroupLog::decode(&bytes), Err(unknown));
}

#[test]
fn chk392_a_log_that_is_cut_goes_on_or_does_not_belong_together_is_refused() {
    let bytes = log().encode();
    for len in 0..bytes.len() {
        GroupLog::decode(&bytes[..len]).unwrap_err();
    }
    let long = [&*bytes, &[0]].concat();
    assert_eq!(GroupLog::decode(&long), Err(GroupError::Malformed));
    let early = Book::new();
    refused(|log| log.entry = early.second.clone());
    refused(|log| log.state = early.log.state.clone());
    refused(|log| log.chain = early.log.chain.clone());
    refused(|log| log.recent[1][0] ^= 1);
    refused(|log| log.recent.push([0; 32]));
    refused(|log| log.recent.insert(0, [0; 32]));
}
