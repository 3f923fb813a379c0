//! Damage of the store: says what cannot be read, and repairs it so that everything else goes on.

use std::collections::BTreeSet;

use waxseal::errors::StateError;
use waxseal::{AccountId, DamagedRow, Direction, FrankingTag};
use waxseal_relay::system_rng;

use crate::chat::{Chat, PAGE, now};
use crate::failure::{Failure, Outcome};
use crate::show::ask;
use crate::text::short;

/// What a damaged store has lost.
#[derive(Default)]
struct Lost {
    rows: Vec<DamagedRow>,
    peers: BTreeSet<AccountId>,
    prekeys: bool,
    /// Messages that wait in no outbox and were not sent.
    unsent: Vec<(AccountId, FrankingTag)>,
}

/// Deletes what cannot be read, and starts over where something was lost. Everything else stays.
pub fn repair(chat: &mut Chat, yes: bool) -> Outcome<()> {
    let lost = chat.lost()?;
    let Lost {
        rows,
        peers,
        prekeys,
        unsent,
    } = &lost;
    if rows.is_empty() && peers.is_empty() && !prekeys && unsent.is_empty() {
        println!("nothing is damaged");
        return Ok(());
    }
    if !rows.is_empty() {
        println!("{} records cannot be read: they are deleted", rows.len());
    }
    for peer in peers {
        let peer = peer.as_str();
        println!("the session with {peer} is lost: a new one starts, and the messages stay");
    }
    if *prekeys {
        println!("the prekeys are lost: new ones are published");
    }
    if !unsent.is_empty() {
        println!(
            "{} messages were not sent: they are sent again",
            unsent.len()
        );
    }
    if !yes && !ask("Repair this?")? {
        return Err(Failure::new("nothing was changed"));
    }
    chat.reset(lost)?;
    chat.catch_up()?;
    println!("repaired");
    Ok(())
}

impl Chat {
    /// Tells the user once that something cannot be read.
    pub fn notice_damage(&self, damaged: &[DamagedRow], what: &str) {
        if !damaged.is_empty() {
            let count = damaged.len();
            self.notice_once(format!(
                "{count} {what} cannot be read, because the store is damaged: run `repair`"
            ));
        }
    }

    /// Keeps a notice that the user did not get before.
    pub fn notice_once(&self, notice: String) {
        if self.told.borrow_mut().insert(notice.clone()) {
            self.notice(notice);
        }
    }

    fn lost(&mut self) -> Outcome<Lost> {
        let mut lost = Lost::default();
        let (client, rows) = (&self.client, &mut lost.rows);
        lost.peers.extend(client.damaged_peers()?);
        let mut peers = lost.peers.clone();
        let mut after = None;
        loop {
            let page = client.peers(after.as_ref(), PAGE)?;
            peers.extend(page.items);
            rows.extend(page.damaged);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = client.pending_reports(after.as_ref(), 1)?;
            rows.extend(page.damaged);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let (mut waiting, mut after) = (BTreeSet::new(), None);
        loop {
            let page = client.outbox(after, PAGE, now())?;
            waiting.extend(page.items.iter().map(|sent| *sent.id.as_bytes()));
            rows.extend(page.damaged);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // Messages of an earlier version come first, and their damage is among that of the outbox.
        loop {
            let page = client.waiting(after, PAGE)?;
            waiting.extend(page.items.iter().map(|sent| *sent.id.as_bytes()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for peer in &peers {
            let mut after = None;
            loop {
                let page = client.messages(peer, after, PAGE)?;
                for message in &page.items {
                    let (id, is_sent) = (*message.id(), message.evidence().is_some());
                    let is_ours = message.direction() == Direction::Sent;
                    if is_ours && !is_sent && !waiting.contains(id.as_bytes()) {
                        lost.unsent.push((peer.clone(), id));
                    }
                }
                rows.extend(page.damaged);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        lost.prekeys = match self.client.one_time_prekeys_left() {
            Err(StateError::Damaged(_)) => true,
            left => left.map(|_| self.home.memory.prekeys_damaged)?,
        };
        Ok(lost)
    }

    /// Each step can be repeated after an interruption.
    fn reset(&mut self, lost: Lost) -> Outcome<()> {
        for peer in &lost.peers {
            if self.client.reset_peer(peer)?.is_none() {
                self.notice(format!(
                    "the identity of {} is lost too: compare the safety number again",
                    peer.as_str()
                ));
            }
        }
        for row in &lost.rows {
            self.client.delete_damaged(row)?;
        }
        if lost.prekeys {
            let memory = &mut self.home.memory;
            (memory.prekeys_damaged, memory.replace_prekeys) = (true, true);
            (memory.upload_pending, memory.rotated_at_ms) = (true, now().as_millis());
            self.home.remember()?;
            self.client.reset_prekeys(&mut system_rng())?;
            self.home.memory.prekeys_damaged = false;
            self.home.remember()?;
        }
        // The next message to the peer is on it. What the peer sends on the lost one is asked for
        // again.
        for peer in &lost.peers {
            if let Err(failure) = self.start(peer) {
                self.notice(failure.message);
            }
        }
        for (peer, id) in &lost.unsent {
            if let Err(failure) = self.send_again(peer, id) {
                let id = short(id);
                self.notice(format!("message {id} is not sent yet: {}", failure.message));
            }
        }
        Ok(())
    }

    fn send_again(&mut self, peer: &AccountId, id: &FrankingTag) -> Outcome<()> {
        if !self.client.has_session(peer)? {
            self.start(peer)?;
        }
        self.client.send_again(peer, id, &mut system_rng())?;
        Ok(())
    }
}
