//! The entries of the outbox.

use waxseal_reporting::FrankingTag;

use crate::client::page::{Page, number_of};
use crate::client::{Client, keys, tag_of};
use crate::error::StateError;
use crate::records::{self, OutboxRecord};
use crate::store::{Cursor, Store};

impl<S: Store> Client<S> {
    /// Reads outbox entries after the number `after`, in ascending order of their numbers. Leaves
    /// out those of conversations that are being deleted.
    pub(in crate::client) fn entries<T>(
        &self,
        after: Option<u64>,
        limit: usize,
        read: impl Fn(&OutboxRecord) -> Option<T>,
    ) -> Result<Page<T, u64>, StateError<S::Error>> {
        let after = after.map(Cursor::Number);
        let page = self.page(&keys::outbox(), after.as_ref(), limit, |at, bytes| {
            let entry: OutboxRecord = records::decode(bytes)?;
            // An entry says its number, so that a value which was moved is noticed.
            (number_of(at) == Some(entry.ordinal)).then_some(())?;
            let item = read(&entry)?;
            Some((entry.conversation()?, item))
        })?;
        let is_deleting_any = self.is_deleting_any()?;
        let mut items = Vec::with_capacity(page.items.len());
        for (conversation, item) in page.items {
            if !is_deleting_any || !self.is_deleting(&conversation)? {
                items.push(item);
            }
        }
        let (damaged, next) = (page.damaged, page.next);
        let page = Page {
            items,
            damaged,
            next,
        };
        Ok(page.numbered())
    }

    /// The number of the outbox entry of a message, if it has one.
    pub(in crate::client) fn number_in_outbox(
        &self,
        tag: &FrankingTag,
    ) -> Result<Option<u64>, StateError<S::Error>> {
        let mut after = None;
        loop {
            let page =
                self.entries(after, 64, |entry| Some((entry.ordinal, tag_of(&entry.id)?)))?;
            let found = page.items.iter().find(|(_, id)| id == tag);
            if let Some((number, _)) = found {
                return Ok(Some(*number));
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }
}
