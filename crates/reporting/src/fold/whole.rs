//! Folds all messages of a report at once.

use std::collections::BTreeMap;

use super::{Author, Edits, Order, Reference, ReferenceKind, Role, Uncounted};
use crate::address::AccountId;
use crate::franking::FrankingTag;

/// What folding needs to know of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foldable {
    /// Who wrote it.
    pub author: Author,
    /// Its place among the messages of its author, and its tag.
    pub order: Order,
    /// What it is.
    pub role: Role,
}

/// The messages of a conversation, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Folded {
    /// One view for each message that is shown by itself, in the order in which they were given.
    pub views: Vec<View>,
    /// What became of each message, in the order in which they were given.
    pub outcomes: Vec<Outcome>,
}

/// One message that is shown by itself, with what changes it. Messages are named by their index
/// among those that were given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct View {
    /// The message.
    pub message: usize,
    /// Whether all of this certainly counts. If not, the content of the message is withheld: it may
    /// be a kind of message that cannot be edited, deleted or reacted to.
    pub is_certain: bool,
    /// Its edits. It shows the text of the last one.
    pub edits: Edits<usize>,
    /// Its deletion, the first of several. The message then shows nothing, whatever else there is.
    pub deletion: Option<usize>,
    /// The newest reaction of each account, in the order of the accounts. An empty one takes back
    /// those before it.
    pub reactions: Vec<usize>,
}

/// What became of a message when it was folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is shown by itself.
    Shown,
    /// It changes the message with this index.
    Counts {
        /// The message that it changes.
        on: usize,
    },
    /// It changes the message with this index, unless the content of that message, which is
    /// withheld, is of a kind that it cannot change.
    MayCount {
        /// The message that it may change.
        on: usize,
    },
    /// It counts or may count, and another one counts more: a newer edit or reaction, or an earlier
    /// deletion.
    Superseded {
        /// The message that it refers to.
        on: usize,
        /// The message that counts more.
        by: usize,
    },
    /// It changes nothing.
    Uncounted {
        /// The message that it refers to, if that is here.
        on: Option<usize>,
        /// Why.
        why: Uncounted,
    },
}

/// Folds messages of one conversation, each given once. The order in which they are given decides
/// nothing but the order of the views.
pub fn fold(messages: &[Foldable]) -> Folded {
    let mut by_tag: BTreeMap<&FrankingTag, usize> = BTreeMap::new();
    for (index, message) in messages.iter().enumerate() {
        by_tag.entry(&message.order.tag).or_insert(index);
    }
    let mut changes: BTreeMap<usize, Changes<'_>> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let Role::Reference(reference) = &message.role else {
            changes.entry(index).or_default();
            outcomes.push(Outcome::Shown);
            continue;
        };
        // CHK-554: a reference to a message that is not here waits, and changes nothing.
        let base = by_tag.get(&reference.to);
        let base = base.and_then(|on| Some((*on, messages.get(*on)?)));
        let Some((on, base)) = base else {
            let why = Uncounted::NotHere;
            outcomes.push(Outcome::Uncounted { on: None, why });
            continue;
        };
        outcomes.push(
            match reference.counts(&message.author, base.role, &base.author) {
                Ok(()) => {
                    changes
                        .entry(on)
                        .or_default()
                        .add(reference, index, message);
                    match base.role {
                        // CHK-558: what depends on withheld content is not certain.
                        Role::Withheld => Outcome::MayCount { on },
                        _ => Outcome::Counts { on },
                    }
                }
                Err(why) => Outcome::Uncounted { on: Some(on), why },
            },
        );
    }
    for (on, changes) in &changes {
        for (index, by) in changes.superseded() {
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = Outcome::Superseded { on: *on, by };
            }
        }
    }
    let views = changes.into_iter().map(|(message, changes)| {
        let role = messages.get(message).map(|message| message.role);
        changes.into_view(message, role != Some(Role::Withheld))
    });
    Folded {
        views: views.collect(),
        outcomes,
    }
}

/// What counts for one message.
#[derive(Default)]
struct Changes<'a> {
    edits: BTreeMap<Order, usize>,
    deletions: BTreeMap<Order, usize>,
    reactions: BTreeMap<&'a AccountId, BTreeMap<Order, usize>>,
}

impl<'a> Changes<'a> {
    fn add(&mut self, reference: &Reference, index: usize, message: &'a Foldable) {
        let of_kind = match reference.kind {
            ReferenceKind::Edit => &mut self.edits,
            ReferenceKind::Deletion => &mut self.deletions,
            ReferenceKind::Reaction => self.reactions.entry(&message.author.account).or_default(),
        };
        of_kind.insert(message.order, index);
    }

    /// What counts, and yet another one counts more, each with that one.
    fn superseded(&self) -> impl Iterator<Item = (usize, usize)> {
        let newest = self.reactions.values().chain([&self.edits]);
        let newest = newest.map(|all| (all.last_key_value(), all));
        let first = (self.deletions.first_key_value(), &self.deletions);
        newest.chain([first]).flat_map(|(counting, all)| {
            let counting = counting.map(|(_, index)| *index);
            let others = all.values().filter(move |index| Some(**index) != counting);
            others.filter_map(move |index| Some((*index, counting?)))
        })
    }

    fn into_view(self, message: usize, is_certain: bool) -> View {
        // CHK-555: the newest edit is shown, and the newest reaction of each account.
        let newest = |all: &BTreeMap<Order, usize>| all.last_key_value().map(|(_, index)| *index);
        View {
            message,
            is_certain,
            // CHK-556: a deletion counts, whatever else there is.
            deletion: self.deletions.first_key_value().map(|(_, index)| *index),
            reactions: self.reactions.values().filter_map(newest).collect(),
            edits: Edits::restore(0, self.edits),
        }
    }
}
