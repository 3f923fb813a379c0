//! The history: a new device gets earlier messages from another device of the account. Everything
//! else that the devices share goes by itself: contacts, trust, what was read, what was deleted.

use waxseal::DeviceId;
use waxseal::courier::Event;
use waxseal::sync::history::RequestId;
use waxseal::transport::{now, system_rng};
use waxseal::{HistoryProgress, Synced};

use crate::chat::Chat;
use crate::failure::{Failure, Outcome};
use crate::text::hex;

/// On the new device: asks the other devices for the history. Returns how much came if all of it
/// came at once, because another device had begun to give it.
pub fn ask(chat: &mut Chat) -> Outcome<Option<HistoryProgress>> {
    let client = chat.client();
    let device = client.me().device.0;
    let others = client.own_roster()?;
    if others.is_none_or(|roster| roster.devices().len() < 2) {
        return Err(Failure::new("this account has no other device"));
    }
    chat.courier.ask_history(now(), &mut system_rng())?;
    let came = work(chat)?;
    if came.is_none() {
        println!("On a device that has the messages, run: sync --give {device}");
    }
    Ok(came)
}

/// On the new device: asks for the history, and waits until it is here.
pub fn get(chat: &mut Chat) -> Outcome<()> {
    // The other device may have given it already.
    let mut came = work(chat)?;
    if came.is_none() {
        came = ask(chat)?;
    }
    if came.is_none() {
        chat.wait(|_, events| {
            came = came.or(take_end(events));
            Ok(came.is_some())
        })?;
    }
    if let Some(progress) = came {
        println!("{}", end(&progress));
    }
    Ok(())
}

/// Does everything that is due. Returns how much came if the history is here.
fn work(chat: &mut Chat) -> Outcome<Option<HistoryProgress>> {
    let mut came = None;
    chat.run(|_, events| {
        came = came.or(take_end(events));
        Ok(true)
    })?;
    Ok(came)
}

/// Takes the end of a history out of what happened.
fn take_end(events: &mut Vec<Event>) -> Option<HistoryProgress> {
    let is_end = |one: &Event| matches!(one, Event::History(progress) if progress.is_done);
    let end = events.iter().position(is_end)?;
    match events.remove(end) {
        Event::History(progress) => Some(progress),
        _ => None,
    }
}

/// What the user is told when the whole history is here.
pub fn end(progress: &HistoryProgress) -> String {
    let (taken, known, refused) = (progress.taken, progress.known, progress.refused);
    let mut line = format!("got {taken} earlier messages");
    if known > 0 {
        line.push_str(&format!(", {known} were here already"));
    }
    if refused > 0 {
        line.push_str(&format!(", {refused} DID NOT VERIFY and were left out"));
    }
    line
}

/// On a device that has the history: gives it to a device that asked for it.
pub fn give(chat: &mut Chat, device: DeviceId) -> Outcome<()> {
    if chat.wanted(device).is_none() && !chat.courier.is_connected() {
        let mut is_caught_up = false;
        chat.run(|chat, events| {
            is_caught_up |= crate::chat::has_caught_up(events);
            // The user agrees already.
            let is_it = |event: &Event| {
                matches!(event, Event::Synced { device: from, changes } if *from == device
                    && changes.iter().any(|one| matches!(one, Synced::HistoryWanted { .. })))
            };
            for event in events.extract_if(.., |event| is_it(event)) {
                if let Event::Synced { changes, .. } = event {
                    chat.note_wanted(&changes)?;
                }
            }
            Ok(is_caught_up)
        })?;
    }
    let number = device.0;
    let request = chat
        .wanted(device)
        .ok_or_else(|| Failure::new(format!("device {number} has not asked: run `sync` there")))?;
    let rng = &mut system_rng();
    chat.courier.give_history(device, request, now(), rng)?;
    chat.home.memory.history_wanted.remove(&number);
    chat.home.note()?;
    chat.run(|_, _| Ok(true))?;
    println!("device {number} gets the messages");
    Ok(())
}

impl Chat {
    /// Tells the user what another device told, as far as it matters to a user.
    pub fn tell_synced(&mut self, changes: &[Synced]) {
        if let Err(failure) = self.note_wanted(changes) {
            self.notice(failure.message);
        }
        for change in changes {
            match change {
                Synced::HistoryWanted { device, .. } => self.notice(format!(
                    "DEVICE {0} ASKS FOR ALL MESSAGES of this account. If you have just linked it, \
                     run: sync --give {0}. If it is not yours, run: remove-device {0}",
                    device.0
                )),
                Synced::HistoryEnded => self.notice("the other device has the messages"),
                _ => {}
            }
        }
    }

    /// Notes which devices ask for the history, because the user may agree later.
    fn note_wanted(&mut self, changes: &[Synced]) -> Outcome<()> {
        for change in changes {
            if let Synced::HistoryWanted { device, request } = change {
                let wanted = &mut self.home.memory.history_wanted;
                wanted.insert(device.0, hex(&request.0));
                self.home.note()?;
            }
        }
        Ok(())
    }

    /// The request of a device that wants the history.
    fn wanted(&self, device: DeviceId) -> Option<RequestId> {
        let request = self.home.memory.history_wanted.get(&device.0)?;
        let bytes = u128::from_str_radix(request, 16).ok()?;
        Some(RequestId(bytes.to_be_bytes()))
    }
}
