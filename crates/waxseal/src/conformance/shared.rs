//! The cases of a store that several processes share.

use super::Problem;
use super::cases::{expect, put, read, value};
use super::keys::single;
use crate::store::{Store, Table, Transaction};

pub(super) fn stale<S: Store>(mut first: S, mut second: S) -> Result<(), Problem> {
    first.refresh()?;
    let before = second.refresh()?;
    put(&mut first, single(b"a"), b"by the first")?;
    let is_stale = |failed: Option<&S::Error>| {
        let is_stale = failed.is_some_and(S::is_stale);
        expect(is_stale, "a store whose file another one changed is stale")
    };
    is_stale(second.get(&single(b"a")).err().as_ref())?;
    is_stale(second.list(&Table::new(b"o"), None, 9).err().as_ref())?;
    let mut transaction = Transaction::default();
    transaction.put(single(b"a"), value(b"by the second"));
    transaction.put(single(b"k"), value(b"by the second"));
    is_stale(second.commit(transaction).err().as_ref())?;
    let is_kept = read(&first, &single(b"a"))?.as_deref() == Some(b"by the first")
        && read(&first, &single(b"k"))?.is_none();
    expect(is_kept, "a stale commit changes nothing")?;

    let now = second.refresh()?;
    expect(now != before, "a refresh says that something changed")?;
    expect(
        now == second.refresh()?,
        "a second refresh says that nothing changed",
    )?;
    let is_seen = read(&second, &single(b"a"))?.as_deref() == Some(b"by the first");
    expect(is_seen, "a refreshed store reads what was committed")?;
    put(&mut second, single(b"a"), b"by the second")?;
    is_stale(first.get(&single(b"a")).err().as_ref())
}

pub(super) fn own<S: Store>(mut first: S, second: S) -> Result<(), Problem> {
    let before = first.refresh()?;
    for number in 0..5 {
        put(&mut first, single(b"a"), &[number])?;
        let is_read = read(&first, &single(b"a"))?.as_deref() == Some(&[number]);
        expect(is_read, "a store reads its own commits")?;
        expect(
            first.refresh()? == before,
            "its own commits are nothing new to a store",
        )?;
    }
    second.refresh()?;
    let is_read = read(&second, &single(b"a"))?.as_deref() == Some(&[4]);
    expect(is_read, "the other store reads the last commit")
}
