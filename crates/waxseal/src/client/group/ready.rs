//! Ready: the groups in use with the devices of their members, so that a message costs no more than
//! itself.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;
use waxseal_roster::group::GroupId;

use super::Group;
use super::chains::Sending;
use super::crowd::Crowd;
use crate::client::{Client, keys};
use crate::store::{Change, Store, Transaction};

/// Maximum number of groups that are kept ready. The largest takes about two million bytes.
const MAX_READY: usize = 8;

/// Groups that were used lately, the last one last, each as the store has it.
///
/// What a transaction changes is forgotten before it is committed, so the memory never runs ahead
/// of the store.
#[derive(Default)]
pub(in crate::client) struct Groups(Mutex<Vec<Ready>>);

struct Ready {
    group: Group,
    /// The devices of its members. `None` until they are needed.
    crowd: Option<Arc<Crowd>>,
    /// The chain on which this device sends. It counts while the store has the same state of it.
    sending: Option<Sending>,
    /// Number of the chain on which all messages are that wait for the provider. 0 if it is not
    /// known that all are.
    settled: u32,
}

impl Groups {
    fn lock(&self) -> MutexGuard<'_, Vec<Ready>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::client) fn group(&self, id: &GroupId) -> Option<Group> {
        let mut ready = self.lock();
        let at = ready.iter().position(|one| one.group.id == *id)?;
        ready.get_mut(at..)?.rotate_left(1);
        ready.last().map(|one| one.group.clone())
    }

    pub(in crate::client) fn keep(&self, group: &Group) {
        let mut ready = self.lock();
        ready.retain(|one| one.group.id != group.id);
        let too_many = ready.len().saturating_add(1).saturating_sub(MAX_READY);
        ready.drain(..too_many);
        ready.push(Ready {
            group: group.clone(),
            crowd: None,
            sending: None,
            settled: 0,
        });
    }

    /// Calls `with` on a group that is ready.
    fn with<T>(&self, id: &GroupId, with: impl FnOnce(&mut Ready) -> T) -> Option<T> {
        let mut ready = self.lock();
        let mut found = ready.iter_mut();
        found.find(|one| one.group.id == *id).map(with)
    }

    pub(super) fn crowd(&self, id: &GroupId) -> Option<Arc<Crowd>> {
        self.with(id, |one| one.crowd.clone()).flatten()
    }

    pub(super) fn keep_crowd(&self, id: &GroupId, crowd: &Arc<Crowd>) {
        self.with(id, |one| one.crowd = Some(Arc::clone(crowd)));
    }

    /// Takes out the chain on which this device sends, if this is its state in the store.
    pub(super) fn take_sending(&self, id: &GroupId, state: &[u8]) -> Option<Sending> {
        let kept = self.with(id, |one| one.sending.take()).flatten();
        kept.filter(|kept| kept.record.state.ct_eq(state).into())
    }

    pub(super) fn keep_sending(&self, id: &GroupId, sending: Sending) {
        self.with(id, |one| one.sending = Some(sending));
    }

    /// Whether all messages that wait for the provider are on the chain with this number.
    pub(super) fn are_all_on(&self, id: &GroupId, chain: u32) -> bool {
        let settled = self.with(id, |one| one.settled);
        settled.is_some_and(|settled| settled != 0 && settled == chain)
    }

    pub(super) fn note_all_on(&self, id: &GroupId, chain: u32) {
        self.with(id, |one| one.settled = chain);
    }

    /// Forgets what a transaction changes.
    pub(in crate::client) fn forget_changed(&mut self, transaction: &Transaction) {
        let ready = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ready.is_empty() {
            return;
        }
        let (groups, contacts) = (keys::groups(), keys::contacts());
        let recipients = ready
            .iter()
            .map(|one| keys::chain_recipients(&one.group.id));
        let recipients: Vec<_> = recipients.map(|key| key.table).collect();
        for change in transaction.changes() {
            let table = match change {
                Change::Put(key, _) | Change::Delete(key) => &key.table,
                Change::DeleteAt(table, _) => table,
            };
            if *table == groups {
                ready.clear();
                return;
            }
            if *table == contacts {
                ready.iter_mut().for_each(|one| one.crowd = None);
            }
            for (one, _) in ready
                .iter_mut()
                .zip(&recipients)
                .filter(|(_, of)| *of == table)
            {
                one.sending = None;
            }
        }
    }
}

impl<S: Store> Client<S> {
    /// The groups that are ready. `None` while another process may have changed them.
    pub(in crate::client) fn ready_groups(&self) -> Option<&Groups> {
        let is_behind = self.is_behind.load(Ordering::Relaxed);
        (!is_behind).then_some(&self.groups)
    }
}
