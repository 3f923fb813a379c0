use waxseal_interface::ErrorCode;

use super::*;
use crate::store::values::values;

/// Runs a check on a connection to a database in memory, with a table of numbers and bytes.
fn with_numbers(check: impl FnOnce(&Connection)) {
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    let db = Connection::of_sqlite(&sqlite);
    let table = "CREATE TABLE number (n INTEGER PRIMARY KEY, bytes BLOB)";
    db.batch(table).unwrap();
    for n in 1..=4_u8 {
        let insert = "INSERT INTO number (n, bytes) VALUES (?1, ?2)";
        let bytes = (n > 2).then_some([n; 2]);
        assert_eq!(db.execute(insert, values![n, bytes]).unwrap(), 1);
    }
    check(&db);
}

const FROM: &str = "SELECT n, bytes FROM number WHERE n >= ?1 ORDER BY n";

#[test]
fn rows_are_read_as_values_and_tuples_and_a_value_of_another_type_fails() {
    with_numbers(|db| {
        let first: Option<(u8, Option<[u8; 2]>)> = db.one(FROM, values![1]).unwrap();
        assert_eq!(first, Some((1, None)));
        let all: Vec<(i64, Option<Vec<u8>>)> = db.all(FROM, values![2]).unwrap();
        let expected = [(2, None), (3, Some(vec![3, 3])), (4, Some(vec![4, 4]))];
        assert_eq!(all, expected);
        assert_eq!(db.all::<usize>(FROM, values![3]).unwrap(), [3, 4]);
        assert_eq!(db.one::<u64>(FROM, values![5]).unwrap(), None);
        assert!(db.exists(FROM, values![4]).unwrap());
        assert!(!db.exists(FROM, values![5]).unwrap());

        let is_internal = |refusal: Refusal| refusal.code == ErrorCode::Internal;
        assert!(is_internal(db.only::<u64>(FROM, values![5]).unwrap_err()));
        assert!(is_internal(db.one::<String>(FROM, values![1]).unwrap_err()));
        let short = db.all::<(u8, Option<[u8; 3]>)>(FROM, values![3]);
        assert!(is_internal(short.unwrap_err()));
        let large = db.one::<u8>("SELECT 256", &[]);
        assert!(is_internal(large.unwrap_err()));
        let negative = db.one::<u64>("SELECT -1", &[]);
        assert!(is_internal(negative.unwrap_err()));
    });
}

#[test]
fn a_number_that_no_database_has_is_neither_stored_nor_another_number() {
    with_numbers(|db| {
        let insert = "INSERT INTO number (n) VALUES (?1)";
        assert!(db.execute(insert, values![u64::MAX]).is_err());
        assert!(db.execute(insert, values![1_u64 << 63]).is_err());
        let largest = (1_u64 << 63) - 1;
        assert_eq!(db.execute(insert, values![largest]).unwrap(), 1);
        let newest: u64 = db.only("SELECT max(n) FROM number", &[]).unwrap();
        assert_eq!(newest, largest);
    });
}

#[test]
fn a_statement_runs_within_itself_and_again_after_a_failure() {
    with_numbers(|db| {
        let mut seen = Vec::new();
        db.each(FROM, values![1], |row| {
            let n: u8 = row.get(0)?;
            seen.push((n, db.all::<u8>(FROM, values![n])?));
            Ok(match n < 2 {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
        })
        .unwrap();
        assert_eq!(seen, [(1, vec![1, 2, 3, 4]), (2, vec![2, 3, 4])]);
        assert!(db.all::<u8>(FROM, &[]).is_err(), "a parameter is missing");
        // After a failure within, the statement runs again from its beginning.
        let failed = db.each(FROM, values![1], |_| Err(ErrorCode::Busy.into()));
        assert_eq!(failed.unwrap_err().code, ErrorCode::Busy);
        assert_eq!(db.all::<u8>(FROM, values![3]).unwrap(), [3, 4]);
    });
}

#[test]
fn booleans_are_0_and_1() {
    with_numbers(|db| {
        let both: (i64, i64) = db.only("SELECT ?1, ?2", values![true, false]).unwrap();
        assert_eq!(both, (1, 0));
        let read: (bool, bool) = db.only("SELECT 1, 0", &[]).unwrap();
        assert_eq!(read, (true, false));
    });
}
