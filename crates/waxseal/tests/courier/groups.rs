//! Groups: couriers found them, bring accounts in, talk, change them, and go.

mod admins;
mod anew;
mod entries;
mod left;
mod talk;

use waxseal::courier::Event;
use waxseal::{
    Content, Direction, Disclosure, FrankingTag, GroupId, GroupInfo, GroupPolicy, GroupStanding,
    GroupUpdate, Message, Notice, Reason,
};
use waxseal_world::account;

use crate::phone::{MINUTE_MS, Phone, Town};

impl Phone {
    pub(crate) fn in_group(&self, group: &GroupId) -> Vec<Message> {
        let page = self.courier.client().messages(group, None, 500).unwrap();
        let mut messages = page.items;
        messages.sort_by_key(Message::ordinal);
        messages
    }

    /// The texts that others wrote to a group, as they are stored, each with its sender.
    pub(crate) fn heard_in(&self, group: &GroupId) -> Vec<(String, String)> {
        let messages = self.in_group(group).into_iter();
        let received = messages.filter(|one| one.direction() == Direction::Received);
        let texts = received.filter_map(|message| {
            let from = message.sender().account.as_str().to_owned();
            Some((from, message.text()?.to_owned()))
        });
        texts.collect()
    }

    pub(crate) fn info(&self, group: &GroupId) -> GroupInfo {
        let info = self.courier.client().group(group).unwrap();
        info.unwrap()
    }

    pub(crate) fn standing(&self, group: &GroupId) -> Option<GroupStanding> {
        let info = self.courier.client().group(group).unwrap();
        info.map(|info| info.standing)
    }

    pub(crate) fn members(&self, group: &GroupId) -> Vec<String> {
        let info = self.info(group);
        let members = info.members.iter();
        members
            .map(|member| member.account.as_str().to_owned())
            .collect()
    }

    pub(crate) fn updates(&self) -> Vec<GroupUpdate> {
        let update = |event: &Event| match event {
            Event::Group(update) => Some((**update).clone()),
            _ => None,
        };
        self.events.iter().filter_map(update).collect()
    }

    pub(crate) fn notices(&self) -> Vec<Notice> {
        let notice = |event: &Event| match event {
            Event::Notice(notice) => Some(notice.clone()),
            _ => None,
        };
        self.events.iter().filter_map(notice).collect()
    }
}

impl Town {
    /// Phones that are registered, with a group of all of them. The first one is its admin.
    pub(crate) fn with_group(names: &[&'static str]) -> (Self, GroupId) {
        let mut town = Self::registered(names);
        let group = town.found(0);
        for (who, name) in names.iter().enumerate().skip(1) {
            town.bring_in(0, &group, name, who);
        }
        // Nobody is told who came later.
        for phone in &mut town.phones {
            phone.courier.ask_group(&group);
        }
        town.live(MINUTE_MS);
        for phone in &mut town.phones {
            assert_eq!(phone.members(&group).len(), names.len());
            phone.events.clear();
        }
        (town, group)
    }

    pub(crate) fn found(&mut self, who: usize) -> GroupId {
        let now = self.now();
        let Phone { courier, rng, .. } = &mut self.phones[who];
        let policy = GroupPolicy::default();
        let group = courier.create_group("Hiking", policy, now, rng).unwrap();
        self.live(MINUTE_MS);
        group
    }

    pub(crate) fn invite(&mut self, who: usize, group: &GroupId, name: &str) -> FrankingTag {
        let (now, peer) = (self.now(), account(name));
        let Phone { courier, rng, .. } = &mut self.phones[who];
        courier.invite(group, &peer, now, rng).unwrap()
    }

    pub(crate) fn come_in(&mut self, who: usize, group: &GroupId, inviter: &str) {
        let (now, from) = (self.now(), account(inviter));
        let Phone { courier, rng, .. } = &mut self.phones[who];
        let accepted = courier.accept_invitation(&from, group, now, rng);
        accepted.unwrap();
    }

    /// One account invites another one, which accepts.
    pub(crate) fn bring_in(&mut self, by: usize, group: &GroupId, name: &str, who: usize) {
        let inviter = self.phones[by].name();
        self.invite(by, group, name);
        self.live(MINUTE_MS);
        assert_eq!(self.phones[who].info(group).inviters, [account(inviter)]);
        self.come_in(who, group, inviter);
        self.live(MINUTE_MS);
        assert_eq!(
            self.phones[who].standing(group),
            Some(GroupStanding::Member)
        );
    }

    pub(crate) fn say_in(
        &mut self,
        who: usize,
        group: &GroupId,
        content: impl Into<Content>,
    ) -> FrankingTag {
        let now = self.now();
        let Phone { courier, rng, .. } = &mut self.phones[who];
        courier.send(group, content.into(), now, rng).unwrap()
    }

    /// A phone reports messages of a group, and the intake takes the report.
    pub(crate) fn report(&mut self, who: usize, group: &GroupId, ids: &[FrankingTag]) {
        let before = self.relay.reports().len();
        let Phone { courier, rng, .. } = &mut self.phones[who];
        let shown = ids.iter().map(|id| (*id, Disclosure::Whole));
        let draft = courier
            .client_mut()
            .draft_report(group, Reason::Spam, shown);
        courier.report(&draft.unwrap(), rng).unwrap();
        self.live(MINUTE_MS);
        let reports = &self.relay.reports()[before..];
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].verified.messages().len(), ids.len());
    }
}

/// A text message.
pub(crate) fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}
