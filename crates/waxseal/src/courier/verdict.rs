//! Verdicts: what a delivery held, and whether the relay may delete it.

use std::collections::BTreeMap;

use waxseal_interface::Answer;
use waxseal_reporting::relay::Delivery;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};

use super::{Courier, Event};
use crate::client::{NotDelivered, Received};
use crate::conversation::Conversation;
use crate::error::{Advice, Damage, ReceiveError, StateError};
use crate::records::KeptRecord;
use crate::store::Store;

/// On how many days a delivery that does not open is left with the relay. Days on which it comes
/// are counted, so that a clock that jumps loses no message.
const KEEP_DAYS: u32 = 7;
const DAY_MS: u64 = 24 * 3_600_000;

/// How long after a delivery came last its record is forgotten: the relay has dropped it.
const FORGET_MS: u64 = 14 * DAY_MS;

/// Maximum number of deliveries of one sender that are left with the relay. A peer can make
/// messages that never open, and these must not displace the messages of others.
const MAX_KEPT_OF_ONE: usize = 64;

/// Maximum number of deliveries that are left with the relay.
const MAX_KEPT: usize = 2_048;

/// Number of times after which a delivery is dropped that looks altered.
const MAX_TIMES: u32 = 5;

/// What becomes of a delivery.
pub(super) enum Verdict {
    /// It is in the store, or can never be: the relay deletes it.
    Settled,
    /// It may open later, and is dropped when it came this many times.
    Kept { max_times: u32 },
    /// It may open once there is a newer roster of this account, or once there are news of this
    /// group.
    Unknown(Conversation),
}

impl<S: Store> Courier<S> {
    /// Tells what a delivery held, and says what becomes of it.
    pub(super) fn judge(
        &mut self,
        delivery: &[u8],
        received: Result<Received, ReceiveError<S::Error>>,
        now: Timestamp,
    ) -> Result<Verdict, StateError<S::Error>> {
        let error = match received {
            Ok(received) => {
                self.tell_received(received);
                return Ok(Verdict::Settled);
            }
            Err(ReceiveError::State(StateError::Store(error))) => {
                return Err(StateError::Store(error));
            }
            Err(error) => error,
        };
        let kept = Verdict::Kept {
            max_times: u32::MAX,
        };
        Ok(match error.advice() {
            Advice::AskAgain => {
                let from = self.sender_of(delivery);
                self.tell(Event::AskedAgain { from });
                self.doubt_prekeys(now);
                Verdict::Settled
            }
            // The upkeep says whether the roster of its account, or its group, is fetched now.
            Advice::FetchRoster => {
                self.upkeep_at = Some(now);
                let waits_for = match error {
                    ReceiveError::GroupNews { group } => Some(group.into()),
                    _ => self.sender_of(delivery).map(Conversation::from),
                };
                waits_for.map_or(kept, Verdict::Unknown)
            }
            Advice::DeliverAgain => Verdict::Kept {
                max_times: MAX_TIMES,
            },
            Advice::KeepAndRetry => kept,
            // What is damaged keeps no one else's messages from arriving.
            Advice::ResetPeer | Advice::ResetPreKeys | Advice::DeleteMessage | Advice::Damaged => {
                self.tell(Event::Damaged(match error {
                    ReceiveError::State(StateError::Damaged(damage)) => damage,
                    _ => Damage::Account,
                }));
                kept
            }
            _ => {
                let from = self.sender_of(delivery);
                let why = error.to_string();
                self.tell(Event::Dropped { from, why });
                Verdict::Settled
            }
        })
    }

    fn tell_received(&mut self, received: Received) {
        match received {
            Received::Message {
                conversation,
                from,
                message,
                sent_time_agrees,
                from_removed_device,
            } => self.tell(Event::Message {
                conversation,
                from,
                message,
                sent_time_agrees,
                from_removed_device,
            }),
            Received::Sent { to, message } => self.tell(Event::Sent { to, message }),
            Received::Receipts {
                from,
                delivered,
                opened,
            } => {
                for (to, ids) in by_conversation(delivered) {
                    let by = from.clone();
                    self.tell(Event::Delivered { to, by, ids });
                }
                for (to, ids) in by_conversation(opened) {
                    let by = from.clone();
                    self.tell(Event::Opened { to, by, ids });
                }
            }
            Received::Refused { not_delivered, .. } => {
                for (to, id) in not_delivered {
                    let reason = NotDelivered::Refused;
                    self.tell(Event::NotDelivered { to, id, reason });
                }
            }
            Received::Synced { device, changes } => {
                self.histories_go_on(&changes);
                self.publish(); // the device may have said that it leaves
                if !changes.is_empty() {
                    self.tell(Event::Synced { device, changes });
                }
            }
            // The upkeep says what to fetch.
            Received::Group { group, .. } => {
                self.groups.want_news_now(&group);
                self.upkeep_at = Some(Timestamp::from_millis(0));
            }
            Received::Duplicate { .. } | Received::Skipped { .. } => {}
        }
    }

    /// The sender that the relay names. No session has confirmed it.
    fn sender_of(&self, delivery: &[u8]) -> Option<AccountId> {
        let (key, me) = (self.client.delivery_key(), self.client.me());
        let delivery = Delivery::decode(delivery).ok()?;
        let delivery = delivery.authenticate_in_groups(key, me, |_| true).ok()?;
        Some(delivery.claim().context().sender.account.clone())
    }

    /// Writes down which deliveries are left with the relay, and answers all of them.
    pub(super) fn settle(
        &mut self,
        verdicts: Vec<(u64, &Vec<u8>, Verdict)>,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        let page = self.client.kept(MAX_KEPT.saturating_mul(2))?;
        for row in &page.damaged {
            self.client.delete_damaged(row)?;
        }
        let mut kept = page.items;
        let (mut put, mut deleted) = (Vec::new(), Vec::new());
        // The relay has dropped these by itself.
        let age = |one: &KeptRecord| now.as_millis().saturating_sub(one.day_ms);
        let old = kept.iter().filter(|one| age(one) > FORGET_MS);
        deleted.extend(old.map(|one| one.number));
        kept.retain(|one| age(one) <= FORGET_MS);
        for (number, delivery, verdict) in verdicts {
            let from = self.sender_of(delivery);
            let account = from.map_or_else(String::new, |from| from.as_str().to_owned());
            // After a relay lost its database, the same number is of another delivery.
            let is_same = |one: &KeptRecord| one.number == number && one.account == account;
            let at = kept.iter().position(is_same);
            let known = at.map(|at| kept.remove(at));
            let Verdict::Kept { max_times } = verdict else {
                deleted.extend(known.map(|known| known.number));
                self.stream.answer(Answer::Acknowledged { id: number });
                continue;
            };
            let mut one = known.unwrap_or_else(|| KeptRecord {
                number,
                day_ms: now.as_millis(),
                account,
                ..KeptRecord::default()
            });
            // If the clock was ahead when the day began, it begins now.
            one.day_ms = one.day_ms.min(now.as_millis());
            if age(&one) >= DAY_MS {
                (one.day_ms, one.days) = (now.as_millis(), one.days.saturating_add(1));
            }
            one.times = one.times.saturating_add(1);
            let of_one = kept.iter().filter(|other| other.account == one.account);
            let is_full = of_one.count() >= MAX_KEPT_OF_ONE || kept.len() >= MAX_KEPT;
            if one.times >= max_times || one.days >= KEEP_DAYS || is_full {
                deleted.push(number);
                self.tell(Event::Dropped {
                    from: AccountId::new(&one.account).ok(),
                    why: "it never opened".to_owned(),
                });
                self.stream.answer(Answer::Acknowledged { id: number });
            } else {
                put.push(one.clone());
                kept.push(one);
                self.stream.answer(Answer::PutOff { id: number });
            }
        }
        if put.is_empty() && deleted.is_empty() {
            return Ok(());
        }
        self.client.change_kept(&put, &deleted)
    }
}

/// The messages of each conversation, in the order in which they were named.
fn by_conversation(
    named: Vec<(Conversation, FrankingTag)>,
) -> BTreeMap<Conversation, Vec<FrankingTag>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (conversation, id) in named {
        all.entry(conversation).or_default().push(id);
    }
    all
}
