//! What the user is told of groups: who changed what, and what goes wrong.

use waxseal::courier::GroupFailure;
use waxseal::{AccountId, GroupId, GroupStanding, GroupStep, GroupUpdate, Notice};

use crate::chat::Chat;
use crate::conversations::short_id;
use crate::text::printable;

impl Chat {
    /// Tells what changed in a group, and who changed it.
    pub fn tell_group(&mut self, update: &GroupUpdate) {
        let (me, name) = (&self.client().me().account, self.group_name(&update.group));
        let is_in = update.standing == GroupStanding::Member;
        if is_in && update.added.contains(me) {
            let others = update.added.iter().filter(|one| *one != me);
            let with = match names(others) {
                others if others.is_empty() => others,
                others => format!(", with {others}"),
            };
            self.notice(format!("you are in {name} now{with}"));
            return;
        }
        for step in &update.steps {
            for line in changes(step) {
                self.notice(format!("{name}: {line}"));
            }
        }
    }

    pub fn tell_group_failed(&self, group: &GroupId, why: &GroupFailure) {
        let name = self.group_name(group);
        self.notice(match why {
            GroupFailure::Change(code) => {
                format!("{name}: your change is refused: {}", code.message())
            }
            why => format!("{name}: WHAT THE RELAY SAYS OF IT DOES NOT VERIFY: {why}"),
        });
    }
}

/// The names of accounts.
fn names<'a>(accounts: impl Iterator<Item = &'a AccountId>) -> String {
    let names: Vec<_> = accounts.map(|one| printable(one.as_str())).collect();
    names.join(", ")
}

/// What one admin changed, in words.
fn changes(step: &GroupStep) -> Vec<String> {
    let by = step.by.as_ref();
    let by = by.map_or("an admin".to_owned(), |by| printable(by.as_str()));
    let mut lines = Vec::new();
    if !step.added.is_empty() {
        lines.push(format!("{by} added {}", names(step.added.iter())));
    }
    if !step.removed.is_empty() {
        lines.push(format!("{by} removed {}", names(step.removed.iter())));
    }
    if !step.roles.is_empty() {
        lines.push(format!(
            "{by} changed who is an admin: {}",
            names(step.roles.iter())
        ));
    }
    if step.policy {
        lines.push(format!("{by} changed who may write"));
    }
    lines
}

/// What the user is told of a notice about the group with this name.
pub fn told(notice: &Notice, name: &str) -> String {
    match notice {
        Notice::GroupForked { group, .. } => format!(
            "*** WARNING: SOMEONE SHOWS DIFFERENT MEMBERS DIFFERENT VERSIONS OF {name} ***\n\
             *** Someone with the key of its admins did that, maybe with a stolen device.\n\
             *** Nothing is sent to it any more, and nothing of it is shown.\n\
             *** Found it again: group recreate {}",
            short_id(group)
        ),
        Notice::GroupRemoved { .. } => format!("YOU WERE REMOVED from {name}"),
        Notice::GroupSuspended { .. } => format!(
            "YOU GET NOTHING IN {name}: it names you under another identity. Ask an admin to \
             invite you again"
        ),
        Notice::GroupUninvited { .. } => {
            format!("you were added to {name} without having accepted: this device leaves it")
        }
        Notice::GroupMemberSuspended { account, .. } => {
            let who = printable(account.as_str());
            format!(
                "*** WARNING: THE IDENTITY OF {who} HAS CHANGED SINCE {who} CAME INTO {name} ***\n\
                 *** {who} gets nothing there, and nothing of {who} is shown there, until an admin\n\
                 *** has accepted the new identity and invites {who} again: group invite"
            )
        }
        Notice::GroupNotDelivered { account, .. } => {
            let who = printable(account.as_str());
            format!("the relay delivers nothing of {name} to {who}: it says that {who} left")
        }
        Notice::GroupSplitView { account, .. } => {
            let who = printable(account.as_str());
            format!(
                "*** WARNING: {who} GOES BY ANOTHER VERSION OF {name} THAN YOU ***\n\
                 *** {who} lies, or someone shows different members different groups.\n\
                 *** Ask in person who is in the group, and compare with `group members`."
            )
        }
        Notice::GroupChangeLost { .. } => {
            format!("{name}: a change of yours cannot be made any more: another admin was faster")
        }
        _ => format!("there is news about {name} that this version cannot show"),
    }
}
