//! Conversations: with one account, or in a group.

use waxseal::{Conversation, FrankingTag, GroupId, GroupInfo, Message};

use crate::chat::{Chat, PAGE};
use crate::failure::{Failure, Outcome};
use crate::text::{hex, quoted};

/// The shortest beginning of an id that names something.
const MIN_DIGITS: usize = 4;

impl Chat {
    /// All conversations of this account: with peers, and in groups.
    pub fn conversations(&self) -> Outcome<Vec<Conversation>> {
        let peers = self.peers()?.into_iter().map(Conversation::from);
        let groups = self.groups()?.into_iter().map(|info| info.id.into());
        Ok(peers.chain(groups).collect())
    }

    /// All groups that this account was invited to, is in or was in.
    pub fn groups(&self) -> Outcome<Vec<GroupInfo>> {
        let (mut groups, mut after) = (Vec::new(), None);
        loop {
            let page = self.client().groups(after.as_ref(), PAGE)?;
            self.notice_damage(&page.damaged, "groups");
            groups.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(groups);
            }
        }
    }

    /// The group that a user names: by its title, or by at least four digits of its id.
    pub fn group(&self, name: &str) -> Outcome<GroupInfo> {
        let id = name.to_lowercase();
        let is_id =
            |info: &GroupInfo| id.len() >= MIN_DIGITS && hex(&info.id.to_bytes()).starts_with(&id);
        let mut found = self.groups()?;
        found.retain(|info| info.title == name || is_id(info));
        match found.len() {
            0 => Err(Failure::new("you have no such group: see `group list`")),
            1 => Ok(found.remove(0)),
            _ => Err(Failure::new(
                "several groups have this name: give the beginning of the id, see `group list`",
            )),
        }
    }

    /// How a group is shown: its title, which anyone in it can choose, and the beginning of its id.
    pub fn group_name(&self, group: &GroupId) -> String {
        let info = self.client().group(group).ok().flatten();
        let title = info.map(|info| info.title).unwrap_or_default();
        name_of(group, &title)
    }

    /// A conversation for people.
    pub fn conversation(&self, with: &Conversation) -> String {
        match with {
            Conversation::Direct(account) => account.as_str().to_owned(),
            Conversation::Group(group) => self.group_name(group),
        }
    }

    /// Calls `each` for all stored messages of a conversation, in order, beginning with the ordinal
    /// `from`.
    pub fn each_message(
        &self,
        with: &Conversation,
        from: u64,
        mut each: impl FnMut(Message),
    ) -> Outcome<()> {
        let mut after = from.checked_sub(1);
        loop {
            let page = self.client().messages(with, after, PAGE)?;
            if !page.damaged.is_empty() {
                let what = format!("messages with {}", self.conversation(with));
                self.notice_damage(&page.damaged, &what);
            }
            page.items.into_iter().for_each(&mut each);
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Finds the message whose id begins with `id`, and its conversation.
    pub fn find(&self, id: &str) -> Outcome<(Conversation, FrankingTag)> {
        let id = id.to_lowercase();
        if id.len() < MIN_DIGITS || !id.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(Failure::new(
                "a message id is at least 4 hexadecimal digits",
            ));
        }
        let mut found = Vec::new();
        for with in self.conversations()? {
            self.each_message(&with, 0, |message| {
                if hex(message.id().as_bytes()).starts_with(&id) {
                    found.push((with.clone(), *message.id()));
                }
            })?;
        }
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Failure::new("no message has this id")),
            _ => Err(Failure::new(
                "several messages have ids that begin like this: give more digits",
            )),
        }
    }
}

/// How a group with this title is shown.
pub fn name_of(group: &GroupId, title: &str) -> String {
    match title {
        "" => format!("group {}", short_id(group)),
        title => format!("{} ({})", quoted(title), short_id(group)),
    }
}

/// The first eight digits of a group's id.
pub fn short_id(group: &GroupId) -> String {
    hex(group.to_bytes().first_chunk::<4>().unwrap_or(&[0; 4]))
}
