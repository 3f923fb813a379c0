//! Damage of the store: says what cannot be read, and repairs it so that everything else goes on.

use std::collections::BTreeSet;

use waxseal::errors::StateError;
use waxseal::transport::{now, system_rng};
use waxseal::{AccountId, Conversation, DamagedRow, Direction, FrankingTag, Message};

use crate::chat::{Chat, PAGE};
use crate::failure::{Failure, Outcome};
use crate::receipts;
use crate::show::ask;
use crate::text::short;

/// What a damaged store has lost.
#[derive(Default)]
struct Lost {
    rows: Vec<DamagedRow>,
    peers: BTreeSet<AccountId>,
    prekeys: bool,
    /// Messages that wait in no outbox and were not sent.
    unsent: Vec<(Conversation, FrankingTag)>,
}

/// Deletes what cannot be read, and starts over where something was lost. Everything else stays.
pub fn repair(chat: &mut Chat, yes: bool) -> Outcome<()> {
    // What the relay has may show more damage. Without the relay, this repairs what is known.
    drop(chat.catch_up());
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
    fn lost(&mut self) -> Outcome<Lost> {
        let mut lost = Lost::default();
        let (client, rows) = (self.client(), &mut lost.rows);
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
        rows.extend(receipts::damaged(client)?);
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
        let mut all: Vec<_> = peers.iter().map(Conversation::from).collect();
        let mut after = None;
        loop {
            let page = client.groups(after.as_ref(), PAGE)?;
            all.extend(page.items.into_iter().map(|info| info.id.into()));
            rows.extend(page.damaged);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for with in &all {
            let held = client.held(with)?;
            waiting.extend(held.iter().map(|id| *id.as_bytes()));
            let mut after = None;
            loop {
                let page = client.messages(with, after, PAGE)?;
                for message in &page.items {
                    let (id, is_sent) = (*message.id(), message.evidence().is_some());
                    let is_ours = message.direction() == Direction::Sent;
                    if is_ours && !is_sent && !waiting.contains(id.as_bytes()) {
                        lost.unsent.push((with.clone(), id));
                    }
                }
                rows.extend(page.damaged);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        lost.prekeys = match self.courier.client_mut().one_time_prekeys_left() {
            Err(StateError::Damaged(_)) => true,
            left => left.map(|_| self.prekeys_damaged)?,
        };
        Ok(lost)
    }

    /// Each step can be repeated after an interruption.
    fn reset(&mut self, lost: Lost) -> Outcome<()> {
        let client = self.courier.client_mut();
        let mut strangers = Vec::new();
        for peer in &lost.peers {
            if client.reset_peer(peer)?.is_none() {
                strangers.push(peer);
            }
        }
        for row in &lost.rows {
            client.delete_damaged(row)?;
        }
        if lost.prekeys {
            self.courier.reset_prekeys(now(), &mut system_rng())?;
            self.prekeys_damaged = false;
        }
        for peer in strangers {
            let peer = peer.as_str();
            self.notice(format!(
                "the identity of {peer} is lost too: compare the safety number again"
            ));
        }
        for (to, id) in &lost.unsent {
            if let Err(failure) = self.send_again(to, id) {
                let id = short(id);
                self.notice(format!("message {id} is not sent yet: {}", failure.message));
            }
        }
        Ok(())
    }

    /// Seals a message again. If its session is lost too, it is written once more, because it then
    /// waits for another session.
    fn send_again(&mut self, to: &Conversation, id: &FrankingTag) -> Outcome<()> {
        let (client, rng) = (self.courier.client_mut(), &mut system_rng());
        let is_sealed = match to.account() {
            Some(peer) if !client.has_session(peer)? => false,
            Some(_) => client.send_again(to, id, now(), rng).map(|_| true)?,
            None => client.send_again(to, id, now(), rng).is_ok(),
        };
        if is_sealed {
            return Ok(());
        }
        let message = client.message(to, id)?;
        if let Some(text) = message.as_ref().and_then(Message::text) {
            client.hold(to, text, now(), rng)?;
            client.delete_message(to, id)?;
        }
        Ok(())
    }
}
