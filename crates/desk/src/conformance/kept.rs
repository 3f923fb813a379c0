//! What is written is read.

use super::samples::{
    added, appeal, case, checkpoint, content, entry, full_rows, grant, key_epoch, legal, meta,
    pending, policy, read, report, rows, tile,
};
use super::{Problem, ensure, refused};
use crate::store::limits::{
    MAX_ACCOUNT_LEN, MAX_CONTENT_LEN, MAX_DETAIL_LEN, MAX_ENTRY_LEN, MAX_NAME_LEN, MAX_NOTE_LEN,
    MAX_POLICY_LEN, MAX_SIGNED_LEN, MAX_TEXT_LEN, MAX_TILE_LEN, MAX_VALUE_LEN,
};
use crate::store::{
    AppealRow, CaseRow, Change, CheckpointRow, ContentRow, EntryRow, GrantRow, KeyEpochRow,
    LegalRow, MetaRow, PendingRow, PolicyRow, ReportRow, Store, StoreError, TileRow,
};

pub(super) fn empty(store: &mut dyn Store) -> Result<(), Problem> {
    for row in rows(1) {
        ensure(read(store, &row)?.is_none(), "a new store has no row")?;
    }
    ensure(store.log_size()? == 0, "a new store has an empty log")?;
    ensure(store.entries(0, 10)?.is_empty(), "a new store has no entry")?;
    ensure(store.tile(0, 0)?.is_none(), "a new store has no tile")?;
    ensure(
        store.newest_checkpoint(false)?.is_none(),
        "a new store has no checkpoint",
    )?;
    ensure(
        store.newest_policy()?.is_none(),
        "a new store has no policy",
    )?;
    store.apply(&[])?;
    Ok(store.compact()?)
}

pub(super) fn kept(store: &mut dyn Store) -> Result<(), Problem> {
    for all in [rows(1), full_rows(2)] {
        store.apply(&added(all.clone()))?;
        for row in all {
            ensure(
                read(store, &row)? == Some(row),
                "a row is read as it was written",
            )?;
        }
    }
    let replaced = [rows(1), full_rows(1)].map(IntoIterator::into_iter);
    let [old, new] = replaced;
    for (old, new) in old.zip(new) {
        let swap = Change::Swap {
            old,
            new: new.clone(),
        };
        store.apply(&[swap])?;
        ensure(
            read(store, &new)? == Some(new),
            "a row is read as it was replaced",
        )?;
    }
    Ok(())
}

/// Changes with one field of this length.
fn with_len(len: Lengths) -> Vec<Change> {
    let text = |len| "x".repeat(len);
    let entry_bytes = |mut bytes: Vec<u8>| {
        bytes.resize(len.entry, 0);
        bytes
    };
    let (number, leaf) = (entry(0), pending(1));
    let detail = vec![1; len.detail];
    vec![
        Change::Append(EntryRow {
            entry: entry_bytes(number.entry.clone()),
            detail: Some(detail.clone()),
            ..number
        }),
        Change::Tile(TileRow {
            bytes: vec![2; len.tile],
            ..tile(0)
        }),
        Change::Checkpoint(CheckpointRow {
            note: vec![3; len.note],
            ..checkpoint(0)
        }),
        Change::add(PendingRow {
            entry: entry_bytes(leaf.entry.clone()),
            detail,
            ..leaf
        }),
        Change::add(ReportRow {
            promise: vec![4; len.signed],
            reporter_account: Some(text(len.account)),
            ..report(1)
        }),
        Change::add(ContentRow {
            accepted: vec![5; len.content],
            ..content(1)
        }),
        Change::add(CaseRow {
            account: Some(text(len.account)),
            ..case(1)
        }),
        Change::add(GrantRow {
            signed: vec![6; len.signed],
            ..grant(1)
        }),
        Change::add(AppealRow {
            text: Some(text(len.text)),
            ..appeal(1)
        }),
        Change::add(LegalRow {
            asked: text(len.text),
            ..legal(1)
        }),
        Change::add(PolicyRow {
            document: vec![7; len.policy],
            ..policy(1)
        }),
        Change::add(KeyEpochRow {
            public: vec![8; len.value],
            ..key_epoch(1)
        }),
        Change::add(MetaRow {
            value: vec![9; len.value],
            ..meta(&text(len.name))
        }),
    ]
}

#[derive(Clone, Copy)]
struct Lengths {
    entry: usize,
    detail: usize,
    tile: usize,
    note: usize,
    signed: usize,
    content: usize,
    account: usize,
    text: usize,
    policy: usize,
    value: usize,
    name: usize,
}

pub(super) fn longest(store: &mut dyn Store) -> Result<(), Problem> {
    let at_limit = Lengths {
        entry: MAX_ENTRY_LEN,
        detail: MAX_DETAIL_LEN,
        tile: MAX_TILE_LEN,
        note: MAX_NOTE_LEN,
        signed: MAX_SIGNED_LEN,
        content: MAX_CONTENT_LEN,
        account: MAX_ACCOUNT_LEN,
        text: MAX_TEXT_LEN,
        policy: MAX_POLICY_LEN,
        value: MAX_VALUE_LEN,
        name: MAX_NAME_LEN,
    };
    let beyond = |len: usize| len.saturating_add(1);
    let past_limit = Lengths {
        entry: beyond(MAX_ENTRY_LEN),
        detail: beyond(MAX_DETAIL_LEN),
        tile: beyond(MAX_TILE_LEN),
        note: beyond(MAX_NOTE_LEN),
        signed: beyond(MAX_SIGNED_LEN),
        content: beyond(MAX_CONTENT_LEN),
        account: beyond(MAX_ACCOUNT_LEN),
        text: beyond(MAX_TEXT_LEN),
        policy: beyond(MAX_POLICY_LEN),
        value: beyond(MAX_VALUE_LEN),
        name: beyond(MAX_NAME_LEN),
    };
    for change in with_len(past_limit) {
        refused(store, &[change], "a field past its limit is refused")?;
    }
    let late = ReportRow {
        received_at_ms: u64::MAX,
        ..report(1)
    };
    refused(
        store,
        &[Change::add(late)],
        "a number past 63 bits is refused",
    )?;
    store.apply(&with_len(at_limit))?;
    for change in with_len(at_limit) {
        if let Change::Add(row) = change {
            ensure(
                read(store, &row)? == Some(row),
                "a field of maximum length is kept",
            )?;
        }
    }
    ensure(
        store.entry(0)?.is_some(),
        "an entry of maximum length is kept",
    )?;
    ensure(
        store.tile(0, 0)?.is_some(),
        "a tile of maximum length is kept",
    )?;
    ensure(
        store.checkpoint(0)?.is_some(),
        "a checkpoint of maximum length is kept",
    )
}

pub(super) fn durable<S: Store>(
    mut store: S,
    reopen: &mut dyn FnMut(S) -> Result<S, StoreError>,
) -> Result<(), Problem> {
    store.apply(&added(full_rows(1)))?;
    store.apply(&[
        Change::Append(entry(0)),
        Change::Tile(tile(0)),
        Change::Checkpoint(checkpoint(1)),
    ])?;
    let store = reopen(store)?;
    for row in full_rows(1) {
        ensure(
            read(&store, &row)? == Some(row),
            "a row is there after opening again",
        )?;
    }
    ensure(
        store.entry(0)? == Some(entry(0)),
        "an entry is there after opening again",
    )?;
    ensure(
        store.tile(0, 0)? == Some(tile(0)),
        "a tile is there after opening again",
    )?;
    let newest = store.newest_checkpoint(false)?;
    ensure(
        newest == Some(checkpoint(1)),
        "a checkpoint is there after opening again",
    )
}
