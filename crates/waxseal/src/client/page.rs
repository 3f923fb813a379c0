//! Pages: how the client lists what is in its store, a damaged row costing only itself.

use super::{Client, keys};
use crate::error::StateError;
use crate::store::{Cursor, Listed, Store, Table, Transaction};

/// A part of a list: what can be read, what cannot, and where the next part begins.
///
/// `C` is the position in the list: a number where rows have numbers, else a [`Cursor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C = Cursor> {
    /// What can be read, in the order of the list.
    pub items: Vec<T>,
    /// The rows that cannot be read. They stay until [`Client::delete_damaged`] deletes them.
    pub damaged: Vec<DamagedRow>,
    /// Pass it as `after` to read the next part. `None` at the end of the list.
    pub next: Option<C>,
}

impl<T, C> Default for Page<T, C> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            damaged: Vec::new(),
            next: None,
        }
    }
}

/// A row that cannot be read. Everything else in the store can still be used.
#[derive(Clone, PartialEq, Eq)]
pub struct DamagedRow {
    table: Table,
    cursor: Cursor,
}

impl DamagedRow {
    pub(super) fn new(table: &Table, cursor: Cursor) -> Self {
        let table = table.clone();
        Self { table, cursor }
    }

    pub(super) fn delete_in(&self, transaction: &mut Transaction) {
        transaction.delete_at(self.table.clone(), self.cursor.clone());
    }

    /// The row's number: of a message its ordinal, of an envelope its number in the outbox.
    pub fn number(&self) -> Option<u64> {
        number_of(&self.cursor)
    }
}

impl std::fmt::Debug for DamagedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DamagedRow")
            .field("number", &self.number())
            .finish_non_exhaustive()
    }
}

pub(super) fn number_of(cursor: &Cursor) -> Option<u64> {
    match cursor {
        Cursor::Number(number) => Some(*number),
        Cursor::Name(_) => None,
    }
}

impl<T> Page<T> {
    /// The page with positions as numbers, for a table whose rows have numbers.
    pub(super) fn numbered(self) -> Page<T, u64> {
        Page {
            items: self.items,
            damaged: self.damaged,
            next: self.next.as_ref().and_then(number_of),
        }
    }
}

impl<S: Store> Client<S> {
    /// Deletes a row that cannot be read, so that lists no longer name it. For a row of
    /// [`Client::peers`], call [`Client::reset_peer`] first, which saves what can be read.
    ///
    /// Of a message, its text and its evidence are lost with the row. Of an envelope, the message
    /// is still in the history, without evidence: it counts as not sent. Of a report, the messages
    /// are still there and can be reported again. Of a promise, what receipts told of its report is
    /// lost too. Of a receipt, the next one is not compared with it. Of a due message, the message
    /// stays, and is not listed as due any more.
    pub fn delete_damaged(&mut self, row: &DamagedRow) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            // A reset writes the record of a contact again, at the same place.
            if row.table == keys::contacts() && client.is_contact(&row.cursor)? {
                return Ok(());
            }
            let mut transaction = Transaction::default();
            row.delete_in(&mut transaction);
            client.commit(transaction)
        })
    }

    /// Lists a page of a table, each value decoded by `read`. A row is damaged if the store cannot
    /// read it, or if `read` returns `None` for its value.
    pub(super) fn page<T>(
        &self,
        table: &Table,
        after: Option<&Cursor>,
        limit: usize,
        read: impl Fn(&Cursor, &[u8]) -> Option<T>,
    ) -> Result<Page<T>, StateError<S::Error>> {
        let listed = self.store.list(table, after, limit);
        let listed = listed.map_err(StateError::Store)?;
        let mut page = Page::default();
        if listed.len() >= limit {
            page.next = listed.last().map(|row| row.cursor.clone());
        }
        for Listed { cursor, value } in listed {
            match value.and_then(|value| read(&cursor, &value)) {
                Some(item) => page.items.push(item),
                None => page.damaged.push(DamagedRow::new(table, cursor)),
            }
        }
        Ok(page)
    }

    /// The first rows of a table.
    pub(super) fn first_rows(
        &self,
        table: &Table,
        limit: usize,
    ) -> Result<Vec<Listed>, StateError<S::Error>> {
        let rows = self.store.list(table, None, limit);
        rows.map_err(StateError::Store)
    }
}
