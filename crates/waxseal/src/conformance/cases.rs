//! The cases of the suite, in the order in which they run. Each relies on the earlier ones.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::keys::{SCRAMBLED, envelope, keys, kinds, ordered, outbox, single, tables};
use super::{Problem, Reopen};
use crate::store::{
    Cursor, Key, MAX_NAME_LEN, MAX_TABLE_LEN, MAX_VALUE_LEN, Row, Store, Table, Transaction,
};

pub(super) fn empty<S: Store>(store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for key in keys() {
        expect(read(&store, &key)?.is_none(), "no key has a value")?;
    }
    for table in tables() {
        expect(
            list(&store, &table, None, 9)?.is_empty(),
            "no table has values",
        )?;
    }
    Ok(())
}

pub(super) fn kept<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let longest = vec![0xa5; MAX_VALUE_LEN];
    let values = [b"".as_slice(), &[0], b"text", &every_byte, &longest];
    for (key, value) in keys().into_iter().zip(values) {
        put(&mut store, key.clone(), value)?;
        let is_same = read(&store, &key)?.as_deref() == Some(value);
        expect(is_same, "a value is read as it was written")?;
    }
    Ok(())
}

pub(super) fn replaced<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for key in keys() {
        put(&mut store, key.clone(), b"the first value")?;
        put(&mut store, key.clone(), b"second")?;
        let is_second = read(&store, &key)?.as_deref() == Some(b"second");
        expect(is_second, "the second value replaces the first")?;
    }
    Ok(())
}

pub(super) fn deleted<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    delete(&mut store, envelope(3))?;
    put(&mut store, envelope(3), b"3")?;
    put(&mut store, envelope(4), b"4")?;
    delete(&mut store, envelope(3))?;
    expect(
        read(&store, &envelope(3))?.is_none(),
        "what was deleted is gone",
    )?;
    let left = list(&store, &outbox(), None, 9)?;
    expect(
        left == [b"4"],
        "what was deleted is not listed, and the rest is",
    )?;
    delete(&mut store, envelope(3))?;
    put(&mut store, envelope(3), b"again")?;
    let is_back = read(&store, &envelope(3))?.as_deref() == Some(b"again");
    expect(is_back, "what was deleted can be written again")
}

pub(super) fn in_order<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    put(&mut store, envelope(3), b"before")?;
    let mut transaction = Transaction::default();
    transaction.put(envelope(1), value(b"put and deleted"));
    transaction.delete(envelope(1));
    transaction.put(envelope(2), value(b"put"));
    transaction.put(envelope(2), value(b"put again"));
    transaction.delete(envelope(3));
    transaction.put(envelope(3), value(b"deleted and put"));
    store.commit(transaction)?;
    for (ordinal, expected) in [
        (1, None),
        (2, Some(b"put again".as_slice())),
        (3, Some(b"deleted and put")),
    ] {
        let is_last = read(&store, &envelope(ordinal))?.as_deref() == expected;
        expect(is_last, "the last change of a key holds")?;
    }
    Ok(())
}

pub(super) fn names_apart<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    let mut transaction = Transaction::default();
    for key in keys() {
        transaction.put(key.clone(), value(&key.to_bytes()));
    }
    store.commit(transaction)?;
    let mut left = keys();
    while !left.is_empty() {
        for key in &left {
            let is_own = read(&store, key)? == Some(key.to_bytes());
            expect(is_own, "each key has a value of its own")?;
        }
        let gone = left.remove(0);
        delete(&mut store, gone)?;
    }
    Ok(())
}

pub(super) fn tables_apart<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    let mut transaction = Transaction::default();
    for key in keys() {
        transaction.put(key.clone(), value(&key.to_bytes()));
    }
    store.commit(transaction)?;
    for table in tables() {
        let keys = keys().into_iter();
        let keys = keys.filter(|key| key.table == table && key.row != Row::Only);
        let expected: BTreeSet<_> = keys.map(|key| key.to_bytes()).collect();
        let expected: Vec<_> = expected.into_iter().collect();
        let mut listed = list(&store, &table, None, 99)?;
        listed.sort();
        expect(
            listed == expected,
            "a list has the values of its table and no others",
        )?;
    }
    Ok(())
}

pub(super) fn ascending<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for (table, key) in ordered() {
        let mut transaction = Transaction::default();
        for ordinal in SCRAMBLED {
            transaction.put(key(ordinal), value(&ordinal.to_be_bytes()));
        }
        store.commit(transaction)?;
        let mut sorted = SCRAMBLED;
        sorted.sort_unstable();
        let listed = list(&store, &table, None, 99)?;
        let is_sorted = listed == sorted.map(u64::to_be_bytes);
        expect(is_sorted, "values are listed by ascending ordinal")?;
    }
    Ok(())
}

pub(super) fn after<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for (table, key) in ordered() {
        for ordinal in [10, 20, 30] {
            put(
                &mut store,
                key(ordinal),
                &[u8::try_from(ordinal).unwrap_or_default()],
            )?;
        }
        for (after, expected) in [
            (0, [10, 20, 30].as_slice()),
            (10, &[20, 30]),
            (15, &[20, 30]),
            (29, &[30]),
            (30, &[]),
            (u64::MAX, &[]),
        ] {
            let listed = list(&store, &table, Some(&Cursor::Number(after)), 9)?.concat();
            expect(listed == expected, "a list continues after `after`")?;
        }
    }
    Ok(())
}

pub(super) fn limit<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for (table, key) in ordered() {
        for ordinal in 0..5 {
            put(&mut store, key(ordinal), b"x")?;
        }
        for (limit, first, later) in [
            (0, 0, 0),
            (1, 1, 1),
            (4, 4, 4),
            (5, 5, 4),
            (usize::MAX, 5, 4),
        ] {
            let listed = list(&store, &table, None, limit)?.len();
            expect(
                listed == first,
                "a list has `limit` values, if there are that many",
            )?;
            let listed = list(&store, &table, Some(&Cursor::Number(0)), limit)?.len();
            expect(listed == later, "`limit` counts the values after `after`")?;
        }
    }
    Ok(())
}

pub(super) fn pages<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    let tables = [b"p".as_slice(), b"s\x05alice", b"r"].map(Table::new);
    for table in tables {
        let key = |number: u8| Key::new(table.clone(), Row::Name(vec![number; 44]));
        for number in 0..20 {
            put(&mut store, key(number), &[number])?;
        }
        for deletes in [false, true] {
            let (mut seen, mut after) = (Vec::new(), None);
            for _ in 0..7 {
                let page = store.list(&table, after.as_ref(), 3)?;
                after = page.last().map(|row| row.cursor.clone()).or(after);
                let numbers = page.iter().filter_map(|row| row.value.as_deref()?.first());
                let numbers: Vec<u8> = numbers.copied().collect();
                if let (true, Some(last)) = (deletes, numbers.last()) {
                    delete(&mut store, key(*last))?;
                }
                seen.extend(numbers);
            }
            seen.sort_unstable();
            let expected: Vec<u8> = (0..20).collect();
            expect(seen == expected, "page by page, every value comes once")?;
        }
    }
    Ok(())
}

pub(super) fn by_cursor<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for (table, key) in kinds() {
        for number in 0..5 {
            put(&mut store, key(number), &[number])?;
        }
        for row in store.list(&table, None, 9)? {
            let number = row.value.as_deref().and_then(|value| value.first());
            let number = number.copied().unwrap_or_default();
            if number % 2 == 1 {
                let mut transaction = Transaction::default();
                transaction.delete_at(table.clone(), row.cursor.clone());
                transaction.delete_at(table.clone(), row.cursor); // no error
                store.commit(transaction)?;
            }
        }
        for number in 0..5 {
            let is_there = read(&store, &key(number))?.is_some();
            expect(
                is_there == (number % 2 == 0),
                "exactly the row at a cursor is deleted by it",
            )?;
        }
    }
    let mut transaction = Transaction::default();
    transaction.delete_at(outbox(), Cursor::Number(4));
    transaction.put(envelope(4), value(b"deleted and put"));
    transaction.put(envelope(5), value(b"put and deleted"));
    transaction.delete_at(outbox(), Cursor::Number(5));
    store.commit(transaction)?;
    let is_in_order =
        read(&store, &envelope(4))?.is_some() && read(&store, &envelope(5))?.is_none();
    expect(is_in_order, "the last change of a row holds")
}

pub(super) fn any_key<S: Store>(mut store: S, _: &mut Reopen<'_, S>) -> Result<(), Problem> {
    // No version of this crate has used these tables yet.
    let tables = [vec![0], vec![0xff; MAX_TABLE_LEN], b"\x00'%\n".to_vec()].map(Table::new);
    let longest = vec![0; MAX_NAME_LEN];
    for table in &tables {
        for name in [&[][..], &[0], &longest] {
            put(
                &mut store,
                Key::new(table.clone(), Row::Name(name.to_vec())),
                name,
            )?;
        }
    }
    for table in &tables {
        let listed = list(&store, table, None, 9)?;
        expect(
            listed.iter().map(Vec::len).sum::<usize>() == MAX_NAME_LEN.saturating_add(1)
                && listed.len() == 3,
            "rows of any table and name are kept",
        )?;
        let is_there = read(&store, &Key::new(table.clone(), Row::Name(longest.clone())))?;
        expect(
            is_there.is_some_and(|value| value == longest),
            "a row of the longest name is read",
        )?;
    }
    Ok(())
}

pub(super) fn durable<S: Store>(mut store: S, reopen: &mut Reopen<'_, S>) -> Result<(), Problem> {
    for key in keys() {
        put(&mut store, key.clone(), &key.to_bytes())?;
    }
    put(&mut store, single(b"a"), b"replaced")?;
    delete(&mut store, single(b"c"))?;
    for _ in 0..2 {
        store = reopen(store)?;
        for key in keys() {
            let expected = match key.table.as_bytes() {
                b"a" => Some(b"replaced".to_vec()),
                b"c" => None,
                _ => Some(key.to_bytes()),
            };
            let is_there = read(&store, &key)? == expected;
            expect(
                is_there,
                "a store that was opened again has what was committed",
            )?;
        }
    }
    Ok(())
}

pub(super) fn whole<S: Store>(mut store: S, reopen: &mut Reopen<'_, S>) -> Result<(), Problem> {
    put(&mut store, envelope(1), b"before")?;
    put(&mut store, envelope(2), b"before")?;
    let mut transaction = Transaction::default();
    transaction.put(envelope(0), value(b"after"));
    transaction.put(envelope(1), value(b"after"));
    transaction.delete(envelope(2));
    transaction.put(
        single(b"k"),
        Zeroizing::new(vec![1; MAX_VALUE_LEN.saturating_add(1)]),
    );
    transaction.put(envelope(3), value(b"after"));
    let is_committed = store.commit(transaction).is_ok();
    for _ in 0..2 {
        let left = list(&store, &outbox(), None, 9)?;
        let has_value = read(&store, &single(b"k"))?.is_some();
        let is_before = left == [b"before", b"before"] && !has_value;
        let is_after = left == [b"after", b"after", b"after"] && has_value;
        expect(
            is_before || is_after,
            "a transaction is applied whole or not at all",
        )?;
        expect(
            !is_committed || is_after,
            "a commit that succeeded is applied",
        )?;
        store = reopen(store)?;
    }
    Ok(())
}

pub(super) fn expect(holds: bool, what: &'static str) -> Result<(), Problem> {
    holds.then_some(()).ok_or(Problem::Expected(what))
}

pub(super) fn value(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.to_vec())
}

pub(super) fn put<S: Store>(store: &mut S, key: Key, bytes: &[u8]) -> Result<(), S::Error> {
    let mut transaction = Transaction::default();
    transaction.put(key, value(bytes));
    store.commit(transaction)
}

fn delete<S: Store>(store: &mut S, key: Key) -> Result<(), S::Error> {
    let mut transaction = Transaction::default();
    transaction.delete(key);
    store.commit(transaction)
}

pub(super) fn read<S: Store>(store: &S, key: &Key) -> Result<Option<Vec<u8>>, S::Error> {
    Ok(store.get(key)?.map(|value| value.to_vec()))
}

fn list<S: Store>(
    store: &S,
    table: &Table,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Vec<u8>>, Problem> {
    let rows = store.list(table, after, limit)?;
    let values = rows.into_iter().map(|row| Some(row.value?.to_vec()));
    let values: Option<Vec<_>> = values.collect();
    values.ok_or(Problem::Expected("no row of a new store is damaged"))
}
