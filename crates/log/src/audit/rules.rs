//! The rules that public entries and checkpoints can break.

use core::mem::{Discriminant, discriminant};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::entry::{Day, Entry, Event, Mark, Number, PublishedPolicy, Purpose};
use crate::keys::{LogKeys, VerifiedCheckpoint};
use crate::limits::{
    MAX_FINDINGS_OF_KIND, MAX_VAULT_SILENCE_MS, PROMISE_DAYS, VAULT_CLOCK_SKEW_MS,
};
use crate::merkle::TreeHash;
use crate::order::{Newest, days_late, vault_time_ms};
use crate::promise::PromisedLeaf;

use super::Finding;

/// What is known of a grant.
#[derive(Clone, Copy, Debug)]
struct Grant {
    purpose: Purpose,
    is_answered: bool,
    is_expired: bool,
    is_reviewed: bool,
    is_overdue: bool,
}

/// What is known of a case.
#[derive(Clone, Copy, Debug, Default)]
struct Case {
    open_appeals: u64,
}

/// The rules, and what is remembered to check them.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    found: Vec<Finding>,
    /// Number of findings of each kind, with those that were not kept.
    of_kind: HashMap<Discriminant<Finding>, u64>,
    newest: Newest,
    /// When the vault cosigned the last checkpoint whose entries were read.
    vault_time_ms: Option<u64>,
    /// When the vault cosigned the last checkpoint, also one whose entries are not public yet.
    cosigned_ms: Option<u64>,
    /// Latest day among the entries after the last checkpoint, with the index of the entry.
    latest: Option<(Day, u64)>,
    policy_version: Option<u32>,
    marks: BTreeSet<Mark>,
    received: BTreeSet<Number>,
    rejected: BTreeSet<Number>,
    sorted: BTreeSet<Number>,
    /// Reports that were sorted or opened before their arrival was logged: index and day.
    unreceived: BTreeMap<Number, (u64, Day)>,
    grants: BTreeMap<Number, Grant>,
    cases: BTreeMap<Number, Case>,
    /// Promised leaves that were not found yet.
    promised: BTreeMap<TreeHash, PromisedLeaf>,
}

impl Rules {
    pub(super) fn expect_promise(&mut self, promised: PromisedLeaf) {
        self.promised.insert(promised.leaf_hash, promised);
    }

    fn find(&mut self, finding: Finding) {
        let count = self.of_kind.entry(discriminant(&finding)).or_default();
        *count = count.saturating_add(1);
        if usize::try_from(*count).is_ok_and(|count| count <= MAX_FINDINGS_OF_KIND) {
            self.found.push(finding);
        }
    }

    pub(super) fn entry(&mut self, index: u64, entry: &Entry, leaf: &TreeHash, keys: &LogKeys) {
        // CHK-159: the entry breaks no rule that public entries can break.
        if self.is_back_dated(entry) {
            self.find(Finding::BackDated { index });
        }
        if self.latest.is_none_or(|(day, _)| day < entry.day) {
            self.latest = Some((entry.day, index));
        }
        if let Some(finding) = self.event(index, entry, keys) {
            self.find(finding);
        }
        self.promised.remove(leaf);
    }

    /// Whether the day is too long before that of an earlier entry, or before the time at which the
    /// vault saw the log without this entry.
    fn is_back_dated(&mut self, entry: &Entry) -> bool {
        let is_ordered = self.newest.take(entry);
        let earliest = self.vault_time_ms.map(|time| Day::of_ms(time).0);
        let latest = entry.day.0.saturating_add(days_late(&entry.event));
        !is_ordered || earliest.is_some_and(|earliest| latest < earliest)
    }

    fn event(&mut self, index: u64, entry: &Entry, keys: &LogKeys) -> Option<Finding> {
        let number = entry.number;
        match &entry.event {
            Event::ReportReceived => {
                self.unreceived.remove(&number);
                let is_new = self.received.insert(number) && !self.rejected.contains(&number);
                (!is_new).then_some(Finding::ReceivedTwice { index })
            }
            Event::ReportRejected { .. } => {
                let is_new = self.rejected.insert(number) && !self.received.contains(&number);
                (!is_new).then_some(Finding::ReceivedTwice { index })
            }
            Event::ReportSorted { .. } => {
                self.used(index, entry);
                let is_new = self.sorted.insert(number);
                (!is_new).then_some(Finding::SortedTwice { index })
            }
            Event::ContentOpened { mark, .. } => {
                self.used(index, entry);
                let is_new = self.marks.insert(*mark);
                (!is_new).then_some(Finding::MarkTwice { index })
            }
            Event::GrantRequested { .. }
            | Event::GrantApproved { .. }
            | Event::GrantDenied { .. }
            | Event::GrantExpired { .. }
            | Event::EmergencyReviewed { .. }
            | Event::EmergencyOverdue => self.grant(index, entry),
            Event::Decision { .. } => {
                self.cases.entry(number).or_default();
                None
            }
            Event::NoticeSent { .. } => {
                let is_decided = self.cases.contains_key(&number);
                (!is_decided).then_some(Finding::WithoutDecision { index })
            }
            Event::AppealFiled { .. } => {
                let Some(case) = self.cases.get_mut(&number) else {
                    return Some(Finding::WithoutDecision { index });
                };
                case.open_appeals = case.open_appeals.saturating_add(1);
                None
            }
            Event::AppealDecided { .. } => {
                let case = self.cases.get_mut(&number);
                let open = case.and_then(|case| {
                    case.open_appeals = case.open_appeals.checked_sub(1)?;
                    Some(())
                });
                open.is_none().then_some(Finding::WithoutAppeal { index })
            }
            Event::PolicyPublished(policy) => self.policy(index, policy, keys),
            _ => None,
        }
    }

    /// Checks that a grant was requested, and that no entry repeats or contradicts an earlier one.
    fn grant(&mut self, index: u64, entry: &Entry) -> Option<Finding> {
        if let Event::GrantRequested { purpose } = entry.event {
            let grant = Grant {
                purpose,
                is_answered: false,
                is_expired: false,
                is_reviewed: false,
                is_overdue: false,
            };
            let is_new = !self.grants.contains_key(&entry.number);
            self.grants.entry(entry.number).or_insert(grant);
            return (!is_new).then_some(Finding::GrantContradicts { index });
        }
        let Some(grant) = self.grants.get_mut(&entry.number) else {
            return Some(Finding::WithoutRequest { index });
        };
        let (said, purpose) = match entry.event {
            Event::GrantApproved { purpose } | Event::GrantDenied { purpose } => {
                (&mut grant.is_answered, purpose)
            }
            Event::GrantExpired { purpose } => (&mut grant.is_expired, purpose),
            Event::EmergencyReviewed { .. } => (&mut grant.is_reviewed, Purpose::Emergency),
            Event::EmergencyOverdue => (&mut grant.is_overdue, Purpose::Emergency),
            _ => return None,
        };
        let is_again = core::mem::replace(said, true);
        (is_again || grant.purpose != purpose).then_some(Finding::GrantContradicts { index })
    }

    /// Remembers that a report was sorted or opened.
    fn used(&mut self, index: u64, entry: &Entry) {
        if !self.received.contains(&entry.number) {
            let first = self.unreceived.entry(entry.number);
            first.or_insert((index, entry.day));
        }
    }

    fn policy(&mut self, index: u64, policy: &PublishedPolicy, keys: &LogKeys) -> Option<Finding> {
        if let Some(key) = keys.policy()
            && policy.verify(keys.origin(), key).is_err()
        {
            return Some(Finding::PolicyNotSigned { index });
        }
        if self
            .policy_version
            .is_some_and(|version| version >= policy.version)
        {
            return Some(Finding::PolicyNotNewer { index });
        }
        self.policy_version = Some(policy.version);
        None
    }

    pub(super) fn checkpoint(&mut self, checkpoint: &VerifiedCheckpoint) {
        self.cosigned(checkpoint);
        let time = vault_time_ms(checkpoint);
        // CHK-159: no entry is later than the vault's cosignature.
        let last_day = Day::of_ms(time.saturating_add(VAULT_CLOCK_SKEW_MS));
        if let Some((_, index)) = self.latest.take().filter(|(day, _)| *day > last_day) {
            self.find(Finding::PostDated { index });
        }
        self.vault_time_ms = self.vault_time_ms.max(Some(time));
    }

    /// The rules on the times of the vault, which need no entries.
    pub(super) fn cosigned(&mut self, checkpoint: &VerifiedCheckpoint) {
        let (size, time) = (checkpoint.size(), vault_time_ms(checkpoint));
        // CHK-159: the vault cosigned in time.
        if let Some(last) = self.cosigned_ms {
            match time.checked_sub(last) {
                None => self.find(Finding::VaultClockBack { size }),
                Some(gap) if gap > MAX_VAULT_SILENCE_MS => {
                    let hours = gap.div_euclid(3_600_000);
                    self.find(Finding::VaultSilent { size, hours });
                }
                Some(_) => {}
            }
        }
        self.cosigned_ms = self.cosigned_ms.max(Some(time));
    }

    /// The broken rules so far.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut found = self.found.clone();
        let Some(now) = self.vault_time_ms else {
            return found;
        };
        let is_overdue = |day: Day| Day(day.0.saturating_add(PROMISE_DAYS)).end_ms() <= now;
        // CHK-159: what was sorted or opened has arrived, and each promised leaf is there.
        let unreceived = self.unreceived.values().filter(|(_, day)| is_overdue(*day));
        let unreceived = unreceived.map(|(index, _)| Finding::NeverReceived { index: *index });
        found.extend(unreceived.take(MAX_FINDINGS_OF_KIND));
        let broken = self
            .promised
            .values()
            .filter(|promised| promised.is_overdue(now));
        let broken = broken.map(|promised| Finding::PromiseBroken {
            day: promised.day.0,
            leaf_hash: promised.leaf_hash,
        });
        found.extend(broken.take(MAX_FINDINGS_OF_KIND));
        found
    }
}
