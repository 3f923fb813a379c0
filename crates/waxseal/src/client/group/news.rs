//! News: the entries and the state of a group that the provider hands out.

use waxseal_reporting::Timestamp;
use waxseal_roster::group::{GroupId, GroupState};

use super::taking::Took;
use super::{AcceptedEntry, Group, GroupStanding, GroupUpdate};
use crate::client::times::since;
use crate::client::upkeep::Upkeep;
use crate::client::{Client, keys};
use crate::error::{GroupNewsError, StateError};
use crate::records::{self, GroupRecord};
use crate::store::{Cursor, Store, Transaction};

/// Maximum number of entries that one answer has.
const MAX_ENTRIES: usize = 64;

/// How long after a fetch that brought nothing newer none is made: one hour. So an invitation whose
/// welcome was lost costs one fetch an hour.
const PAUSE_MS: u64 = 3_600_000;

/// Groups that are read at once.
const GROUPS_AT_ONCE: usize = 16;

/// What happened in a group after a version, as the provider hands it out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupNews {
    /// The entries, oldest first. With `whole`, only the one that made that state.
    pub entries: Vec<AcceptedEntry>,
    /// The newest state, if there are too many entries.
    pub whole: Option<WholeGroup>,
}

/// A whole state of a group. Unverified.
#[derive(Clone, PartialEq, Eq)]
pub struct WholeGroup {
    /// The encoded state.
    pub state: Vec<u8>,
    /// The encoded [`AuthorityChain`](waxseal_roster::group::AuthorityChain).
    pub authority_chain: Vec<u8>,
}

impl std::fmt::Debug for WholeGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WholeGroup")
            .field("state_len", &self.state.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Client<S> {
    /// Takes what the provider hands out of a group after the newest known version: see
    /// [`group`](Self::group). Also what it answers when it has another entry than the
    /// [posted one](Self::pending_entries).
    ///
    /// If [`upkeep`](Self::upkeep) lists the group again, there may be more.
    ///
    /// # Errors
    /// [`GroupNewsError`]. Nothing changed, but for [`GroupNewsError::Forked`]: a
    /// [notice](Self::notices) tells the user, and nothing is sent to the group any more.
    pub fn take_group_news(
        &mut self,
        group: &GroupId,
        news: &GroupNews,
        now: Timestamp,
    ) -> Result<GroupUpdate, GroupNewsError<S::Error>> {
        self.run(|client| {
            let editing = client.take_editing(group)?.ok_or(GroupNewsError::NoGroup)?;
            match editing.group.standing() {
                // CHK-432: nothing is taken of a group before the user accepted the invitation.
                GroupStanding::Invited => return Err(GroupNewsError::NotAccepted),
                GroupStanding::Forked => return Err(GroupNewsError::Forked),
                _ => {}
            }
            let version = editing.state().map_or(0, GroupState::version);
            let mut took = Took::begin(editing);
            if news.entries.len() > MAX_ENTRIES {
                return Err(GroupNewsError::TooMany);
            }
            let mut entries = Vec::new();
            for accepted in &news.entries {
                let entry = accepted.authenticate(client.delivery_key(), group)?;
                entries.push((entry, accepted.accepted_at));
            }
            let is_full = entries.len() >= MAX_ENTRIES && news.whole.is_none();
            match &news.whole {
                Some(whole) => {
                    let (entry, at) = entries.pop().ok_or(GroupNewsError::Gap)?;
                    let chain = &whole.authority_chain;
                    client.take_whole(&mut took, (&whole.state, entry), chain, at)?;
                }
                None => {
                    for (entry, at) in &entries {
                        client.take_entry(&mut took, entry, *at)?;
                    }
                }
            }
            let record = &mut took.editing.group.record;
            record.wants_news = is_full;
            if !is_full {
                record.known_until_ms = record.known_until_ms.max(record.news_for_ms);
            }
            let update = {
                let newest = took.editing.state().map_or(0, GroupState::version);
                let is_newer = newest > version;
                let record = &mut took.editing.group.record;
                record.fetched_ms = match is_newer {
                    true => 0,
                    false => now.as_millis().max(1),
                };
                client.finish_taking(took)?
            };
            Ok(update)
        })
    }

    /// Lists the groups of which the application fetches the news.
    pub(in crate::client) fn want_group_news(
        &self,
        now: Timestamp,
        upkeep: &mut Upkeep,
    ) -> Result<(), StateError<S::Error>> {
        let mut after: Option<Cursor> = None;
        loop {
            let page = self.page(
                &keys::groups(),
                after.as_ref(),
                GROUPS_AT_ONCE,
                |_, bytes| Group::of(records::decode::<GroupRecord>(bytes)?),
            )?;
            for group in page.items {
                let standing = group.standing();
                match self.leaves_now(&group, now)? {
                    Ok(true) => upkeep.left_groups.push(group.id),
                    Ok(false) => {}
                    Err(at_ms) => upkeep.again_at(at_ms),
                }
                let waits = standing == GroupStanding::Accepted;
                let ends = matches!(standing, GroupStanding::Invited | GroupStanding::Forked);
                if ends || !(group.record.wants_news || waits) {
                    continue;
                }
                let fetched_ms = group.record.fetched_ms;
                // CHK-433: after a fetch that brought nothing newer, none for an hour.
                match since(fetched_ms, now).filter(|_| fetched_ms != 0) {
                    Some(age) if age < PAUSE_MS => {
                        upkeep.again_at(fetched_ms.saturating_add(PAUSE_MS));
                    }
                    _ => upkeep.groups.push((group.id, group.version())),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Notes that a message that the provider accepted at a time is for a state of the group that
    /// this device may not know.
    pub(in crate::client) fn note_group_news_wanted(
        &self,
        group: &mut Group,
        accepted_ms: u64,
        transaction: &mut Transaction,
    ) {
        let record = &mut group.record;
        if !record.wants_news || accepted_ms > record.news_for_ms {
            record.wants_news = true;
            record.news_for_ms = record.news_for_ms.max(accepted_ms);
            group.put(transaction);
        }
    }
}

impl Group {
    /// Version of the newest known state. 0 if none is known.
    pub(in crate::client) fn version(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.state().version())
    }
}
