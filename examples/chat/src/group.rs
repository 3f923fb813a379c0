//! Groups: founding one, bringing others in, changing it, and leaving it.

mod told;

use clap::Subcommand;
use waxseal::courier::Event;
use waxseal::transport::{now, system_rng};
use waxseal::{AccountId, GroupId, GroupInfo, GroupPolicy, GroupStanding, GroupStep};

use crate::chat::{Chat, has_caught_up};
use crate::conversations::name_of;
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::send;
use crate::show::ask;
use crate::text::printable;
pub use told::told;

/// `GROUP` is the title of a group, or at least four digits of its id.
#[derive(Subcommand)]
pub enum Action {
    /// List your groups, and those that you are invited to
    List,
    /// Found a group
    New {
        title: String,
        /// Let only admins write
        #[arg(long)]
        admins_write: bool,
    },
    /// Invite a peer to a group of which you are an admin
    Invite { group: String, peer: String },
    /// Accept the invitation to a group
    Accept { group: String },
    /// Decline the invitation to a group; nobody is told
    Decline { group: String },
    /// Send a message to a group
    Send { group: String, text: String },
    /// List the members of a group
    Members { group: String },
    /// Make a member an admin
    Promote { group: String, peer: String },
    /// Make an admin a member
    Demote { group: String, peer: String },
    /// Remove a member
    Remove { group: String, peer: String },
    /// Give a group another title
    Title { group: String, title: String },
    /// Leave a group
    Leave {
        group: String,
        /// Leave without asking for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Found a group again that forked, and invite its members
    Recreate { group: String },
}

/// Runs one command. What waits at the relay is received first: an acceptance, for example, after
/// which this device adds the member.
pub fn perform(chat: &mut Chat, action: Action) -> Outcome<()> {
    // Without the relay, this works with what is known.
    let reached = chat.catch_up();
    chat.print_notices();
    match action {
        Action::List => list(chat),
        Action::New {
            title,
            admins_write,
        } => new(chat, &title, GroupPolicy { admins_write }),
        Action::Invite { group, peer } => {
            let (group, peer) = (chat.group(&group)?, chat.peer(&peer)?);
            invite(chat, &group, &peer)
        }
        Action::Accept { group } => accept(chat, &group),
        Action::Decline { group } => {
            let group = chat.group(&group)?;
            chat.courier.decline_invitation(&group.id)?;
            println!("declined the invitation to {}", name(&group));
            Ok(())
        }
        Action::Send { group, text } => {
            let (to, id) = send::write(chat, &format!("#{group}"), &text)?;
            let sent = send::sent(chat, &to, &id);
            chat.warn_of_suspended(&to);
            sent
        }
        Action::Members { group } => {
            chat.group(&group).map(|group| members(chat, &group))?;
            // What is shown may be old.
            reached
        }
        Action::Promote { group, peer } => {
            change(chat, &group, &peer, "an admin of", |chat, of| {
                let (courier, rng) = (&mut chat.courier, &mut system_rng());
                Ok(courier.promote(&of.0, &of.1, now(), rng)?)
            })
        }
        Action::Demote { group, peer } => change(chat, &group, &peer, "no admin of", |chat, of| {
            let (courier, rng) = (&mut chat.courier, &mut system_rng());
            Ok(courier.demote(&of.0, &of.1, now(), rng)?)
        }),
        Action::Remove { group, peer } => {
            change(chat, &group, &peer, "no member of", |chat, of| {
                let (courier, rng) = (&mut chat.courier, &mut system_rng());
                Ok(courier.remove_member(&of.0, &of.1, now(), rng)?)
            })
        }
        Action::Title { group, title } => {
            let group = chat.group(&group)?.id;
            let (courier, rng) = (&mut chat.courier, &mut system_rng());
            let id = courier.set_group_profile(&group, &title, b"", now(), rng)?;
            send::sent(chat, &group.into(), &id)
        }
        Action::Leave { group, yes } => leave(chat, &group, yes),
        Action::Recreate { group } => {
            let group = chat.group(&group)?;
            let (courier, rng) = (&mut chat.courier, &mut system_rng());
            let found = courier.recreate_group(&group.id, now(), rng)?;
            let founded = founded(chat, &found.group)?;
            for peer in &found.invite {
                invite(chat, &founded, peer)?;
            }
            Ok(())
        }
    }
}

fn list(chat: &Chat) -> Outcome<()> {
    for group in chat.groups()? {
        let me = &chat.client().me().account;
        let mut members = group.members.iter();
        let is_admin = members.any(|member| member.account == *me && member.is_admin);
        let inviters = group.inviters.iter().map(|one| printable(one.as_str()));
        let how = match group.standing {
            GroupStanding::Invited => {
                let by = inviters.collect::<Vec<_>>().join(", ");
                format!("{by} invites you")
            }
            GroupStanding::Accepted => "accepted; an admin's device adds you".to_owned(),
            GroupStanding::New => "the relay does not have it yet".to_owned(),
            GroupStanding::Member if is_admin => "admin".to_owned(),
            GroupStanding::Member => "member".to_owned(),
            GroupStanding::Left => "left".to_owned(),
            GroupStanding::Removed => "REMOVED".to_owned(),
            GroupStanding::Suspended => "SUSPENDED: your account key changed".to_owned(),
            GroupStanding::Forked => "FORKED: nothing is sent".to_owned(),
            _ => "unknown".to_owned(),
        };
        let count = group.members.len();
        println!("{}  {how}, {count} members", name(&group));
    }
    Ok(())
}

fn new(chat: &mut Chat, title: &str, policy: GroupPolicy) -> Outcome<()> {
    let (courier, rng) = (&mut chat.courier, &mut system_rng());
    let id = courier.create_group(title, policy, now(), rng)?;
    founded(chat, &id).map(|_| ())
}

/// Waits until the relay has a group that this device founded.
fn founded(chat: &mut Chat, id: &GroupId) -> Outcome<GroupInfo> {
    let mut failed = None;
    let ended = chat.run(|_, events| {
        events.retain(|event| match event {
            Event::Group(update) if update.group == *id => false,
            Event::GroupFailed { group, why } if group == id => {
                failed = Some(Failure::new(why.to_string()));
                false
            }
            _ => true,
        });
        Ok(true)
    });
    if let Some(failure) = failed {
        return Err(failure);
    }
    let info = chat.client().group(id)?;
    match info.filter(|info| info.standing == GroupStanding::Member) {
        Some(info) => {
            println!("founded {}", name(&info));
            Ok(info)
        }
        None => {
            let wait = || Failure::with_code(TRY_LATER, "the relay does not have it yet");
            let failure = ended.err().unwrap_or_else(wait);
            let message = format!("the group waits: {}", failure.message);
            Err(Failure::with_code(failure.code, message))
        }
    }
}

fn invite(chat: &mut Chat, group: &GroupInfo, peer: &AccountId) -> Outcome<()> {
    let (courier, rng) = (&mut chat.courier, &mut system_rng());
    let id = courier.invite(&group.id, peer, now(), rng)?;
    println!("invited {} to {}", peer.as_str(), name(group));
    send::sent(chat, &peer.into(), &id)
}

fn accept(chat: &mut Chat, group: &str) -> Outcome<()> {
    let group = chat.group(group)?;
    let from = group.inviters.first().cloned();
    let from = from.ok_or_else(|| Failure::new("nobody invites you to this group"))?;
    let (courier, rng) = (&mut chat.courier, &mut system_rng());
    let id = courier.accept_invitation(&from, &group.id, now(), rng)?;
    let by = printable(from.as_str());
    println!("accepted: a device of {by} adds you to {}", name(&group));
    send::sent(chat, &from.into(), &id)
}

fn members(chat: &Chat, group: &GroupInfo) {
    for member in &group.members {
        let mut marks = String::new();
        if member.is_admin {
            marks.push_str("  admin");
        }
        if member.account == chat.client().me().account {
            marks.push_str("  you");
        }
        if member.has_left {
            marks.push_str("  left");
        }
        if member.is_suspended {
            marks.push_str("  SUSPENDED: gets nothing, because its identity changed");
        }
        println!("{}{marks}", printable(member.account.as_str()));
    }
}

/// Changes a group, and waits until the relay has it.
fn change(
    chat: &mut Chat,
    group: &str,
    peer: &str,
    is_now: &str,
    change: impl FnOnce(&mut Chat, (GroupId, AccountId)) -> Outcome<()>,
) -> Outcome<()> {
    let (group, peer) = (chat.group(group)?, chat.peer(peer)?);
    let version = group.version;
    change(chat, (group.id, peer.clone()))?;
    let (mut updates, mut failed) = (Vec::new(), None);
    let me = chat.client().me().account.clone();
    let ended = chat.run(|_, events| {
        events.retain(|event| match event {
            Event::Group(update) if update.group == group.id => {
                updates.push((**update).clone());
                false
            }
            Event::GroupFailed { group: of, why } if *of == group.id => {
                failed = Some(Failure::new(why.to_string()));
                false
            }
            _ => true,
        });
        Ok(true)
    });
    // What others changed is told; of the own change, the line below tells.
    let mut is_made = false;
    for mut update in updates {
        let is_own = |step: &GroupStep| step.by.as_ref() == Some(&me) && step.version > version;
        is_made |= update.steps.iter().any(is_own);
        update.steps.retain(|step| !is_own(step));
        chat.tell_group(&update);
    }
    if is_made {
        println!("{} is {is_now} {}", peer.as_str(), name(&group));
        return Ok(());
    }
    let wait = || Failure::with_code(TRY_LATER, "the relay does not have it yet");
    let failure = failed.or(ended.err()).unwrap_or_else(wait);
    let message = format!("the change is not made yet: {}", failure.message);
    Err(Failure::with_code(failure.code, message))
}

fn leave(chat: &mut Chat, group: &str, yes: bool) -> Outcome<()> {
    let group = chat.group(group)?;
    let question = format!("Leave {}? Only an invitation brings you back", name(&group));
    if !yes && !ask(&question)? {
        return Err(Failure::new("nothing was changed"));
    }
    let (courier, rng) = (&mut chat.courier, &mut system_rng());
    courier.leave_group(&group.id, now(), rng)?;
    println!("left {}", name(&group));
    let mut is_caught_up = false;
    chat.run(|_, events| {
        is_caught_up |= has_caught_up(events);
        Ok(true)
    })
}

impl Chat {
    /// Warns of members of a group to whom nothing is sent.
    fn warn_of_suspended(&self, to: &waxseal::Conversation) {
        let info = to.group().and_then(|id| self.client().group(id).ok()?);
        for info in info.iter() {
            let suspended = info.members.iter().filter(|member| member.is_suspended);
            for member in suspended {
                let (who, group) = (printable(member.account.as_str()), name(info));
                self.notice(format!(
                    "NOT SENT TO {who}: the identity of {who} changed since it came into {group}"
                ));
            }
        }
    }
}

fn name(group: &GroupInfo) -> String {
    name_of(&group.id, &group.title)
}
