//! Groups: entries, news, rosters of members, messages, and accounts that leave.

use waxseal::reporting::ConversationId;
use waxseal::reporting::relay::{PostError, PostedGroup};
use waxseal::{AccountId, DeviceAddress, GroupId, GroupNews};
use waxseal_interface::{
    AcceptedEntry, AskRosters, ContactToken, EntryReceipt, ErrorBody, ErrorCode, GroupLeave,
    GroupMismatch, GroupRosters, RosterClaim, WholeGroup, parse_group,
};
use waxseal_roster::group::SignedEntry;

use super::deliveries::Queued;
use super::{Answered, IntoBody, Relay, json};
use crate::provider::{EntryRefused, GroupPostRefused};

/// Reads the group of a path.
fn group(text: &str) -> Result<GroupId, Box<ErrorBody>> {
    let id = parse_group(text).ok_or_else(|| ErrorCode::NotFound.into_body())?;
    Ok(GroupId::from_bytes(*id.as_bytes()))
}

impl Relay {
    pub(super) fn put_group(
        &mut self,
        me: &DeviceAddress,
        id: &str,
        entry: &[u8],
        tokens: &[Option<ContactToken>],
    ) -> Answered {
        let id = group(id)?;
        let signed = SignedEntry::decode(entry).map_err(|_| ErrorCode::BadEntry.into_body())?;
        if *signed.group() != id {
            return Err(ErrorCode::BadEntry.into_body());
        }
        let before = self.written();
        let accepted = self.count_added(&me.account, signed.ops(), tokens);
        let accepted = accepted.and_then(|()| self.accept_entry(me, entry));
        if accepted.is_err() {
            self.set_written(before); // a refused entry counts nothing
        }
        accepted
    }

    fn accept_entry(&mut self, me: &DeviceAddress, entry: &[u8]) -> Answered {
        let accepted = self.provider.post_entry(me, entry);
        let accepted = accepted.map_err(|refused| match refused {
            EntryRefused::BadEntry => ErrorCode::BadEntry.into_body(),
            EntryRefused::NotActor => ErrorCode::NotActor.into_body(),
            EntryRefused::NotAdmin => ErrorCode::NotAdmin.into_body(),
            EntryRefused::NoGroup => ErrorCode::NoGroup.into_body(),
            EntryRefused::NoSuchAccount => ErrorCode::NoSuchAccount.into_body(),
            EntryRefused::ClockDiffers => self.clock_differs(),
            EntryRefused::Conflict(news) => Box::new(ErrorBody {
                group_news: Some(Box::new(in_json(news))),
                ..ErrorBody::of_code(ErrorCode::GroupConflict)
            }),
        })?;
        let receipt = EntryReceipt {
            accepted_at_ms: accepted.accepted_at.as_millis(),
            mac: accepted.mac,
        };
        json(200, &receipt)
    }

    pub(super) fn group_news(&self, me: &DeviceAddress, id: &str) -> Answered {
        let (id, after) = id.split_once("?after=").unwrap_or((id, ""));
        let after = after.parse().map_err(|_| ErrorCode::NotFound.into_body())?;
        let id = self.known(&group(id)?)?;
        let news = self.provider.group_news(me, &id, after);
        let news = news.ok_or_else(|| ErrorCode::NotMember.into_body())?;
        json(200, &in_json(news))
    }

    pub(super) fn group_rosters(
        &self,
        me: &DeviceAddress,
        id: &str,
        asked: &AskRosters,
    ) -> Answered {
        let id = self.known(&group(id)?)?;
        let log = self.provider.group_log(&id);
        if !log.is_some_and(|log| log.state().is_member(me.account.as_str())) {
            return Err(ErrorCode::NotMember.into_body());
        }
        let names: Result<Vec<_>, _> = asked.names.iter().map(|name| super::name(name)).collect();
        let rosters = self.provider.group_rosters(me, &id, &names?);
        json(200, &GroupRosters { rosters })
    }

    pub(super) fn post_group(&mut self, me: &DeviceAddress, id: &str, body: &[u8]) -> Answered {
        let id = group(id)?;
        PostedGroup::decode(body).map_err(|_| ErrorCode::Malformed.into_body())?;
        let (queued, receipt) = match self.provider.post_group(me, body) {
            Ok(posted) => posted,
            Err(refused) => {
                return Err(match refused {
                    GroupPostRefused::Post(PostError::ClockDiffers) => self.clock_differs(),
                    GroupPostRefused::Post(_) => ErrorCode::NotFromDevice.into_body(),
                    GroupPostRefused::Removed => ErrorCode::Removed.into_body(),
                    GroupPostRefused::NoGroup => ErrorCode::NoGroup.into_body(),
                    GroupPostRefused::NotMember => ErrorCode::NotMember.into_body(),
                    GroupPostRefused::MayNotWrite => ErrorCode::MayNotWrite.into_body(),
                    GroupPostRefused::Mismatch => self.group_mismatch(me, body),
                });
            }
        };
        self.known(&id)?;
        for (device, queued) in queued {
            let is_full = self.queued_of(&device) >= self.max_queued;
            let queue = self.queues.entry(device).or_default();
            let queued = Queued::Group(Box::new(queued));
            match is_full {
                true => queue.note_dropped(&queued),
                false => queue.push(queued),
            }
        }
        Ok((200, receipt, Vec::new()))
    }

    fn group_mismatch(&self, me: &DeviceAddress, body: &[u8]) -> Box<ErrorBody> {
        let lacks = self.provider.group_mismatch(me, body);
        let rosters = lacks.rosters.into_iter();
        let rosters = rosters.map(|(account, epoch, version)| RosterClaim {
            name: account.as_str().to_owned(),
            epoch,
            version,
        });
        let left = lacks.left.iter().map(|account| account.as_str().to_owned());
        Box::new(ErrorBody {
            group_mismatch: Some(Box::new(GroupMismatch {
                news: in_json(lacks.news),
                rosters: rosters.collect(),
                left: left.collect(),
            })),
            ..ErrorBody::of_code(ErrorCode::GroupMismatch)
        })
    }

    pub(super) fn leave_group(
        &mut self,
        me: &DeviceAddress,
        id: &str,
        leave: &GroupLeave,
    ) -> Answered {
        let id = self.known(&group(id)?)?;
        let conversation = ConversationId::from_bytes(id.to_bytes());
        if !leave.is_authentic(&self.provider.keys[me], &conversation) {
            return Err(ErrorCode::NotFromDevice.into_body());
        }
        let log = self.provider.group_log(&id);
        let member = log.and_then(|log| log.state().member(me.account.as_str()));
        if member.is_none_or(|member| leave.version < member.since()) {
            return Err(ErrorCode::NotMember.into_body());
        }
        self.provider.leave_group(&me.account, &id);
        let gone = |queued: &Queued| queued.group() == Some(conversation);
        let queues = self.queues.iter_mut();
        for (_, queue) in queues.filter(|(device, _)| device.account == me.account) {
            queue.waiting.retain(|_, queued| !gone(queued));
        }
        Ok((204, Vec::new(), Vec::new()))
    }

    /// Whether an account is a member of a group, as the relay knows it.
    #[must_use]
    pub fn is_member(&self, group: &GroupId, account: &AccountId) -> bool {
        let log = self.provider.group_log(group);
        log.is_some_and(|log| log.state().is_member(account.as_str()))
    }

    fn known(&self, id: &GroupId) -> Result<GroupId, Box<ErrorBody>> {
        let known = self.provider.group_log(id).map(|_| *id);
        known.ok_or_else(|| ErrorCode::NoGroup.into_body())
    }
}

/// News as the interface writes them.
fn in_json(news: GroupNews) -> waxseal_interface::GroupNews {
    let entries = news.entries.into_iter();
    let entries = entries.map(|entry| AcceptedEntry {
        entry: entry.entry,
        receipt: EntryReceipt {
            accepted_at_ms: entry.accepted_at.as_millis(),
            mac: entry.mac,
        },
    });
    waxseal_interface::GroupNews {
        entries: entries.collect(),
        whole: news.whole.map(|whole| WholeGroup {
            state: whole.state,
            authority_chain: whole.authority_chain,
        }),
    }
}
