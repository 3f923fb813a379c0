//! What is asked for again, because its answer could not be taken.

use waxseal_reporting::Timestamp;

use crate::courier::Courier;
use crate::courier::next::Aim;
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// Has something asked for again that the courier no longer remembers.
    pub(in crate::courier) fn again(&mut self, aim: Aim) {
        match aim {
            Aim::Roster(account) => self.bundles.want_roster(&account),
            // The message that goes without them asks again.
            Aim::Bundles { is_extra: true, .. } => self.outbox.look_again(),
            Aim::Bundles { wanted, .. } => self.bundles.want(&wanted),
            Aim::PutRoster(_) => self.publish(),
            Aim::Entry { .. } => self.groups.look_again(),
            Aim::GroupNews {
                group,
                leaves: false,
            } => self.groups.want_news(&group),
            Aim::GroupNews { group, .. } | Aim::LeaveGroup(group) => self.want_left(&group),
            Aim::GroupRosters { group, names } => self.members_again(&group, names),
            Aim::Report(_) | Aim::ReportState(_) => self.reports.look_again(),
            Aim::LogKeys
            | Aim::Promise(..)
            | Aim::ReportReceipt(_)
            | Aim::Notices
            | Aim::DecisionReceipt(_)
            | Aim::Appeal(_) => {
                self.desk.look_again();
                self.reports.look_again();
            }
            Aim::Left | Aim::Upload(_) => self.prekeys_at = Some(Timestamp::from_millis(0)),
            Aim::Post { .. } => self.outbox.look_again(),
            Aim::Card
            | Aim::Challenge
            | Aim::Register(..)
            | Aim::SignIn
            | Aim::Leave
            | Aim::Deliveries
            | Aim::Mail(_)
            | Aim::PutMail(_)
            | Aim::Chunk
            | Aim::PutChunk(_)
            | Aim::File(_) => {}
        }
    }
}
