//! Each of these stores has one fault, and one case of the suite must detect it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::*;
use crate::store::{
    Change, Cursor, Key, Listed, MAX_TABLE_LEN, MAX_VALUE_LEN, MemoryStore, Row, Table, Transaction,
};

/// What a store of these tests does wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    BeginsWithSomething,
    CutsLongValues,
    CutsAtZero,
    KeepsTheFirst,
    Appends,
    RefusesToDeleteNothing,
    DeletesNothing,
    PutsBeforeDeletes,
    DeletesByCursorFirst,
    DeletesByCursorLast,
    IgnoresCase,
    ForgetsThePeer,
    ListsByTheLettersOfAName,
    ListsEverything,
    OrdersAsSigned,
    OrdersAsText,
    OrdersBackwards,
    AfterIsIncluded,
    AfterMustBeThere,
    AfterIsIgnored,
    IgnoresTheLimit,
    ListsAtLeastOne,
    LimitCountsFromTheFirst,
    StartsOverAfterADeletion,
    DeletesNothingByCursor,
    DeletesAllByCursor,
    KnowsOnlySomeTables,
    CutsLongNames,
    ForgetsWhenClosed,
    ForgetsDeletionsWhenClosed,
    AppliesInPart,
    SwallowsErrors,
}

use Fault::*;

/// Each fault with the case that must detect it.
const FAULTS: [(Fault, &str); 32] = [
    (BeginsWithSomething, "empty"),
    (CutsLongValues, "kept"),
    (CutsAtZero, "kept"),
    (KeepsTheFirst, "replaced"),
    (Appends, "replaced"),
    (RefusesToDeleteNothing, "deleted"),
    (DeletesNothing, "deleted"),
    (PutsBeforeDeletes, "in-order"),
    (IgnoresCase, "names-apart"),
    (ForgetsThePeer, "names-apart"),
    (ListsByTheLettersOfAName, "tables-apart"),
    (ListsEverything, "tables-apart"),
    (OrdersAsSigned, "ascending"),
    (OrdersAsText, "ascending"),
    (OrdersBackwards, "ascending"),
    (AfterIsIncluded, "after"),
    (AfterMustBeThere, "after"),
    (AfterIsIgnored, "after"),
    (IgnoresTheLimit, "limit"),
    (ListsAtLeastOne, "limit"),
    (LimitCountsFromTheFirst, "limit"),
    (StartsOverAfterADeletion, "pages"),
    (DeletesNothingByCursor, "by-cursor"),
    (DeletesAllByCursor, "by-cursor"),
    (DeletesByCursorFirst, "by-cursor"),
    (DeletesByCursorLast, "by-cursor"),
    (KnowsOnlySomeTables, "any-key"),
    (CutsLongNames, "any-key"),
    (ForgetsWhenClosed, "durable"),
    (ForgetsDeletionsWhenClosed, "durable"),
    (AppliesInPart, "whole"),
    (SwallowsErrors, "whole"),
];

/// A store in memory with the given fault, or with none. It refuses values that are too long.
struct Wrong {
    fault: Option<Fault>,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    ever_put: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

impl Wrong {
    fn new(fault: Option<Fault>) -> Self {
        let mut records = BTreeMap::new();
        if matches!(fault, Some(BeginsWithSomething)) {
            let counters = Key::new(Table::new(b"c"), Row::Only);
            records.insert(counters.to_bytes(), vec![1]);
        }
        Self {
            fault,
            records,
            ever_put: BTreeMap::new(),
        }
    }

    fn reopen(self) -> Self {
        let records = match self.fault {
            Some(ForgetsWhenClosed) => BTreeMap::new(),
            Some(ForgetsDeletionsWhenClosed) => self.ever_put.clone(),
            _ => self.records,
        };
        Self { records, ..self }
    }

    fn name(&self, key: &Key) -> Vec<u8> {
        let mut name = key.to_bytes();
        let table = key.table.as_bytes();
        match (self.fault, &key.row) {
            (Some(IgnoresCase), _) => name.make_ascii_lowercase(),
            // The letters of the peer and its length, in the table of the place of a tag.
            (Some(ForgetsThePeer), Row::Only) if table.first() == Some(&b'i') => {
                name = table[table.len() - 32..].to_vec();
            }
            (Some(OrdersAsSigned), Row::Number(number)) => {
                let signed = number.cast_signed() as i128 - i128::from(i64::MIN);
                name.truncate(name.len() - 8);
                name.extend(signed.to_be_bytes());
            }
            (Some(OrdersAsText), Row::Number(number)) => {
                name.truncate(name.len() - 8);
                name.extend(number.to_string().bytes());
            }
            (Some(CutsLongNames), _) => name.truncate(MAX_TABLE_LEN),
            _ => (),
        }
        name
    }

    fn is_in(&self, table: &Table, name: &[u8]) -> bool {
        let bytes = table.as_bytes();
        let prefix = match self.fault {
            Some(ListsEverything) => return true,
            Some(IgnoresCase) => table.prefix().to_ascii_lowercase(),
            // A prefix of the table's bytes instead of the whole of them.
            Some(ListsByTheLettersOfAName) if bytes.first() == Some(&b'm') => {
                return name.len() > 4 && name[2] == b'm' && name[4..].starts_with(&bytes[2..]);
            }
            _ => table.prefix(),
        };
        // A row that is the only one of its table is not listed.
        name.starts_with(&prefix) && name.len() > prefix.len()
    }

    /// The key of a row. Its name is its cursor.
    fn key_at(table: &Table, cursor: &Cursor) -> Key {
        let row = match cursor {
            Cursor::Number(number) => Row::Number(*number),
            Cursor::Name(name) => Row::Name(name.clone()),
        };
        Key::new(table.clone(), row)
    }

    fn cursor_of(&self, table: &Table, name: &[u8]) -> Cursor {
        let row = name.get(table.prefix().len()..).unwrap_or_default();
        match row.split_first() {
            Some((1, number)) => match self.fault {
                Some(OrdersAsText) => {
                    Cursor::Number(std::str::from_utf8(number).unwrap().parse().unwrap())
                }
                _ => Cursor::Number(u64::from_be_bytes(*number.last_chunk().unwrap())),
            },
            Some((_, name)) => Cursor::Name(name.to_vec()),
            None => Cursor::Name(Vec::new()),
        }
    }

    fn apply(&mut self, change: Change) -> Result<(), Refused> {
        match change {
            Change::Put(_, value) if value.len() > MAX_VALUE_LEN => return Err(Refused),
            Change::Put(key, _)
                if matches!(self.fault, Some(KnowsOnlySomeTables))
                    && !b"akucpsmior".contains(&key.table.as_bytes()[0]) =>
            {
                return Err(Refused);
            }
            Change::DeleteAt(table, cursor) => match self.fault {
                Some(DeletesNothingByCursor) => (),
                Some(DeletesAllByCursor) => {
                    let prefix = table.prefix();
                    self.records.retain(|name, _| !name.starts_with(&prefix));
                }
                _ => {
                    let name = self.name(&Self::key_at(&table, &cursor));
                    self.records.remove(&name);
                }
            },
            Change::Put(key, value) => {
                let mut value = value.to_vec();
                let name = self.name(&key);
                match (self.fault, self.records.get(&name)) {
                    (Some(CutsLongValues), _) => value.truncate(1_000_000),
                    (Some(CutsAtZero), _) => {
                        let end = value.iter().position(|byte| *byte == 0);
                        value.truncate(end.unwrap_or(value.len()));
                    }
                    (Some(KeepsTheFirst), Some(first)) => value = first.clone(),
                    (Some(Appends), Some(first)) => value = [first.as_slice(), &value].concat(),
                    _ => (),
                }
                self.ever_put.insert(name.clone(), value.clone());
                self.records.insert(name, value);
            }
            Change::Delete(key) => {
                let name = self.name(&key);
                match self.fault {
                    Some(DeletesNothing) => (),
                    Some(RefusesToDeleteNothing) if !self.records.contains_key(&name) => {
                        return Err(Refused);
                    }
                    _ => drop(self.records.remove(&name)),
                }
            }
        }
        Ok(())
    }
}

impl Store for Wrong {
    type Error = Refused;

    fn get(&self, key: &Key) -> Result<Option<Zeroizing<Vec<u8>>>, Refused> {
        let value = self.records.get(&self.name(key));
        Ok(value.map(|bytes| value_of(bytes)))
    }

    fn list(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Listed>, Refused> {
        let has_order = [b'm', b'o'].contains(&table.as_bytes()[0]);
        let after = after.map(|cursor| self.name(&Self::key_at(table, cursor)));
        let is_there = after
            .as_ref()
            .is_none_or(|name| self.records.contains_key(name));
        let mut names: Vec<_> = self
            .records
            .keys()
            .filter(|name| self.is_in(table, name))
            .collect();
        let (mut limit, mut start) = (limit, after.clone());
        match self.fault {
            Some(OrdersBackwards) if has_order => names.reverse(),
            Some(AfterMustBeThere) if has_order && !is_there => return Ok(Vec::new()),
            Some(AfterIsIgnored) if has_order => start = None,
            Some(StartsOverAfterADeletion) if !has_order && !is_there => start = None,
            Some(IgnoresTheLimit) => limit = usize::MAX,
            Some(ListsAtLeastOne) => limit = limit.max(1),
            Some(LimitCountsFromTheFirst) => names.truncate(limit),
            _ => (),
        }
        let is_listed = |name: &Vec<u8>| match (&start, self.fault) {
            (Some(start), Some(AfterIsIncluded)) => name >= start,
            (Some(start), _) => name > start,
            (None, _) => true,
        };
        let names = names.into_iter().filter(|name| is_listed(name));
        Ok(names
            .take(limit)
            .map(|name| Listed {
                cursor: self.cursor_of(table, name),
                value: Some(value_of(&self.records[name])),
            })
            .collect())
    }

    fn is_damage(_: &Refused) -> bool {
        false
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), Refused> {
        let before = self.records.clone();
        let mut changes = transaction.into_changes();
        let by_cursor = |change: &Change| matches!(change, Change::DeleteAt(..));
        match self.fault {
            Some(PutsBeforeDeletes) => {
                changes.sort_by_key(|change| matches!(change, Change::Delete(_)));
            }
            Some(DeletesByCursorFirst) => changes.sort_by_key(|change| !by_cursor(change)),
            Some(DeletesByCursorLast) => changes.sort_by_key(by_cursor),
            _ => (),
        }
        for change in changes {
            if self.apply(change).is_err() {
                match self.fault {
                    Some(AppliesInPart) => (),
                    _ => self.records = before,
                }
                return match self.fault {
                    Some(SwallowsErrors) => Ok(()),
                    _ => Err(Refused),
                };
            }
        }
        Ok(())
    }
}

fn value_of(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.to_vec())
}

fn check_with(fault: Option<Fault>) -> Result<(), Failure> {
    check(|| Ok(Wrong::new(fault)), |store| Ok(store.reopen()))
}

#[test]
fn each_fault_fails_the_case_that_tests_for_it() {
    for (fault, case) in FAULTS {
        let failure = check_with(Some(fault)).unwrap_err();
        assert_eq!(failure.case(), case, "{fault:?}: {failure}");
    }
}

#[test]
fn each_case_in_the_documentation_is_failed_by_some_fault() {
    let documented: BTreeSet<_> = include_str!("../conformance.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
        .collect();
    assert_eq!(documented.len(), 15);
    assert_eq!(
        documented,
        FAULTS.into_iter().map(|(_, case)| case).collect()
    );
}

#[test]
fn a_store_that_is_not_shared_fails_the_cases_of_one_that_is() {
    let failure = check_shared(|| Ok((MemoryStore::new(), MemoryStore::new()))).unwrap_err();
    assert_eq!(failure.case(), "stale");
}

#[test]
fn a_store_without_a_fault_passes() {
    check_with(None).unwrap();
}

#[test]
fn the_store_in_memory_passes() {
    check(|| Ok(MemoryStore::new()), Ok).unwrap();
}

#[cfg(feature = "sqlite")]
#[test]
fn the_store_on_disk_passes() {
    use crate::{SqliteStore, StoreKey};
    let (folder, key) = (tempfile::tempdir().unwrap(), StoreKey::from_bytes([7; 32]));
    let number = Cell::new(0);
    let open = || SqliteStore::open(folder.path().join(number.get().to_string()), &key);
    let create = || {
        number.set(number.get() + 1);
        open()
    };
    let reopen = |store| {
        drop(store);
        open()
    };
    check(create, reopen).unwrap();
}

#[test]
fn a_failure_names_its_case_and_says_what_was_expected() {
    let failure = check_with(Some(DeletesNothing)).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "deleted: expected that what was deleted is gone"
    );
    let failure = check(|| Err::<Wrong, _>(Refused), Ok).unwrap_err();
    assert_eq!(failure.to_string(), "empty: the store failed: refused");
}
