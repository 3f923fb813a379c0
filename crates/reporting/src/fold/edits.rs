//! Keeps the newest edits of a message, in whatever order they arrive.

use super::Order;

/// Maximum number of edits of a message that are kept as its history, besides the original. Bounds
/// what an author can make each device keep and read for one message.
pub const MAX_EDITS: usize = 10;

/// The newest edits of one message by one author, and how many there were.
///
/// Each edit has a `T` to find it by, such as an index. Whatever the order in which edits are
/// added, the result is the same, if each is added once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edits<T> {
    count: u64,
    /// In ascending order.
    newest: Vec<(Order, T)>,
}

impl<T> Default for Edits<T> {
    fn default() -> Self {
        Self {
            count: 0,
            newest: Vec::new(),
        }
    }
}

impl<T> Edits<T> {
    /// What was kept before: the [`count`](Self::count) and the [`newest`](Self::newest), in any
    /// order. Of more than [`MAX_EDITS`], the newest are taken. The count is never below their
    /// number.
    pub fn restore(count: u64, newest: impl IntoIterator<Item = (Order, T)>) -> Self {
        let mut edits = Self::default();
        for (order, edit) in newest {
            edits.add(order, edit);
        }
        edits.count = edits.count.max(count);
        edits
    }

    /// Adds an edit. Add each once. Returns the edit that is not kept for it, which may be itself.
    ///
    /// # Security
    /// What is not kept in the history stays a message. Wipe it with the message that it edits and
    /// no earlier: else an author hides an edit from reports by ten further ones.
    pub fn add(&mut self, order: Order, edit: T) -> Option<(Order, T)> {
        self.count = self.count.saturating_add(1);
        let place = self.newest.partition_point(|(other, _)| *other < order);
        self.newest.insert(place, (order, edit));
        (self.newest.len() > MAX_EDITS).then(|| self.newest.remove(0))
    }

    /// How many edits there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The newest edits, at most [`MAX_EDITS`], the last of which is the one that counts.
    pub fn newest(&self) -> &[(Order, T)] {
        &self.newest
    }

    /// The edit that counts.
    pub fn last(&self) -> Option<&T> {
        self.newest.last().map(|(_, edit)| edit)
    }
}
