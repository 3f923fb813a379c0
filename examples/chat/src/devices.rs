//! The devices of an account: listing them, removing one, leaving, and what the user is told.

use waxseal::courier::Event;
use waxseal::transport::{now, system_rng};
use waxseal::{AccountId, DeviceId, Notice};

use crate::chat::Chat;
use crate::failure::{Failure, Outcome};
use crate::show::ask;
use crate::text::{hex, printable};

/// Lists the devices of an account: the user's own, or a peer's.
pub fn list(chat: &Chat, peer: Option<&str>) -> Outcome<()> {
    let client = chat.client();
    let account = match peer {
        Some(peer) => chat.peer(peer)?,
        None => client.me().account.clone(),
    };
    let roster = client.roster_of(&account)?;
    let roster = roster.ok_or_else(|| Failure::new("the devices of this account are not known"))?;
    println!("account key  {}", hex(&roster.account_key().to_bytes()));
    for device in roster.devices() {
        let mut marks = String::new();
        if roster.is_manager(&device.identity) {
            marks.push_str("  manages the account");
        }
        if peer.is_none() && device.id == client.me().device.0 {
            marks.push_str("  this device");
        }
        let identity = hex(device.identity.get(..8).unwrap_or_default());
        println!("device {}  {identity}{marks}", device.id);
    }
    Ok(())
}

/// Removes a device of the account, and waits until the relay knows it.
pub fn remove(chat: &mut Chat, device: u32, yes: bool) -> Outcome<()> {
    let question = format!("Remove device {device}? It then neither sends nor receives");
    if !yes && !ask(&question)? {
        return Err(Failure::new("nothing was changed"));
    }
    let device = DeviceId(device);
    let mut changed = Vec::new();
    let mut ran = Ok(());
    // What was signed before a stop goes to the relay first. It may be this.
    let was_listed = has_device(chat, device)?;
    if chat.client().pending_roster()?.is_some() {
        ran = post_roster(chat, &mut changed);
    }
    // A device that was never there is refused.
    if ran.is_ok() && (!was_listed || has_device(chat, device)?) {
        chat.courier.remove_device(device, now())?;
        ran = post_roster(chat, &mut changed);
    }
    chat.tell_own_changes(changed, None, Some(device));
    ran?;
    println!("removed device {}", device.0);
    Ok(())
}

/// Runs until the relay has the devices that this one signed.
fn post_roster(chat: &mut Chat, changed: &mut Vec<Notice>) -> Outcome<()> {
    chat.run(|chat, events| {
        changed.extend(chat.take_own_changes(events));
        Ok(chat.client().pending_roster()?.is_none())
    })
}

fn has_device(chat: &Chat, device: DeviceId) -> Outcome<bool> {
    let roster = chat.client().own_roster()?;
    Ok(roster.is_some_and(|roster| roster.device(device.0).is_some()))
}

/// Takes this device out of its account, and waits until the relay knows it.
pub fn leave(chat: &mut Chat, yes: bool) -> Outcome<()> {
    let question =
        "Leave the account with this device? It cannot come back, and keeps its messages";
    if !yes && !ask(question)? {
        return Err(Failure::new("nothing was changed"));
    }
    chat.courier.leave(now(), &mut system_rng())?;
    chat.leaves = true;
    let mut has_left = false;
    chat.run(|_, events| {
        has_left |= events.iter().any(|event| matches!(event, Event::Removed));
        Ok(has_left)
    })?;
    println!("this device has left the account");
    Ok(())
}

impl Chat {
    /// Takes the notices of changes of the own account's devices out of what happened.
    pub fn take_own_changes(&self, events: &mut Vec<Event>) -> Vec<Notice> {
        let me = &self.client().me().account;
        let mut taken = Vec::new();
        events.retain(|event| match event {
            Event::Notice(notice @ Notice::DevicesChanged { account, .. }) if account == me => {
                taken.push(notice.clone());
                false
            }
            _ => true,
        });
        taken
    }

    /// Tells the changes of the own account's devices, but not the one that the user just made.
    pub fn tell_own_changes(
        &mut self,
        changed: Vec<Notice>,
        added_here: Option<DeviceId>,
        removed_here: Option<DeviceId>,
    ) {
        for notice in changed {
            let is_made_here = matches!(&notice, Notice::DevicesChanged { added, removed, .. }
                if added.iter().all(|id| Some(*id) == added_here)
                    && removed.iter().all(|id| Some(*id) == removed_here));
            match is_made_here {
                true => self.dismiss(&notice),
                false => self.tell_devices(&notice),
            }
        }
    }
}

/// What the user is told of a notice.
pub fn told(notice: &Notice, me: &AccountId) -> String {
    let whose = |account: &AccountId| match account == me {
        true => "your account".to_owned(),
        false => printable(account.as_str()),
    };
    let numbers = |devices: &[DeviceId]| {
        let numbers: Vec<_> = devices.iter().map(|device| device.0.to_string()).collect();
        numbers.join(", ")
    };
    match notice {
        Notice::DevicesChanged {
            account,
            added,
            removed,
        } => {
            let mut lines = Vec::new();
            let is_mine = account == me;
            if !added.is_empty() && is_mine {
                lines.push(format!(
                    "*** YOUR ACCOUNT HAS A NEW DEVICE: {0} ***\n\
                     *** If you did not link it, someone else reads your messages. On the device \
                     that manages\n*** the account, run: remove-device NUMBER",
                    numbers(added)
                ));
            } else if !added.is_empty() {
                lines.push(format!(
                    "{} has a new device: {}",
                    whose(account),
                    numbers(added)
                ));
            }
            if !removed.is_empty() && is_mine {
                let removed = numbers(removed);
                lines.push(format!("your account: device {removed} was removed"));
            } else if !removed.is_empty() {
                let (whose, removed) = (whose(account), numbers(removed));
                lines.push(format!("{whose} removed device {removed}"));
            }
            lines.join("\n")
        }
        Notice::SplitView { account, .. } => format!(
            "*** WARNING: SOMEONE SHOWS DIFFERENT DEVICES OF {0} TO DIFFERENT PEOPLE ***\n\
             *** The relay may be lying, or someone copied a device that manages {0}.\n\
             *** Ask in person which devices there are, and compare with `devices`.",
            whose(account)
        ),
        Notice::RosterConflict { account, .. } => format!(
            "*** WARNING: THERE ARE TWO LISTS OF THE DEVICES OF {0} ***\n\
             *** Someone may have copied a device that manages {0}. Nothing is sent to {0} until\n\
             *** there is a newer list.",
            whose(account)
        ),
        Notice::IdentityChanged { account, .. } => crate::identity::warning(account),
        Notice::RosterOld => "the list of your devices is more than 30 days old: start the device \
                              that manages your account, or others stop sending to this one"
            .to_owned(),
        Notice::Removed => "THIS DEVICE WAS REMOVED from its account".to_owned(),
        _ => "there is news about an account that this version cannot show".to_owned(),
    }
}

#[cfg(test)]
mod tests;
