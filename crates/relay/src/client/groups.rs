//! The calls about groups.

use waxseal_interface::{
    AskRosters, ContactToken, EntryReceipt, GroupLeave, GroupNews, GroupRosters, Request,
};
use waxseal_reporting::ConversationId;

use super::RelayClient;
use crate::error::ClientError;
use crate::session::{Caller, DeviceSession, NOT_AUTHENTIC};

impl RelayClient {
    /// Posts the next entry of a group, or the first one, which founds it. Returns the relay's word
    /// on when it accepted the entry. Posting an entry again does no harm: it gets its receipt.
    ///
    /// # Errors
    /// [`ClientError`]. On [`GroupConflict`], another admin was faster: take what is in
    /// [`ClientError::group_news`], and make the change again if it still makes sense.
    ///
    /// [`GroupConflict`]: waxseal_interface::ErrorCode::GroupConflict
    pub fn put_group(
        &self,
        session: &DeviceSession,
        group: &ConversationId,
        entry: &[u8],
    ) -> Result<EntryReceipt, ClientError> {
        self.put_group_with(session, group, entry, &[])
    }

    /// Posts an entry as [`put_group`](Self::put_group) does. `tokens` has, for each account that
    /// the entry adds, in its order, the newest token that the account gave. With a token, an
    /// account costs nothing of the budget of strangers.
    ///
    /// # Errors
    /// As of [`put_group`](Self::put_group).
    pub fn put_group_with(
        &self,
        session: &DeviceSession,
        group: &ConversationId,
        entry: &[u8],
        tokens: &[Option<ContactToken>],
    ) -> Result<EntryReceipt, ClientError> {
        let request = Request::PutGroup {
            group: *group,
            entry: entry.to_vec(),
            tokens: tokens.to_vec(),
        };
        let receipt: EntryReceipt = self.ask(Caller::Device(session), &request)?;
        // The receipt is kept longer than the answer, so it has a MAC of its own.
        match receipt.is_authentic(&session.delivery_key, group, entry) {
            true => Ok(receipt),
            false => Err(ClientError::Unreachable(NOT_AUTHENTIC.to_owned())),
        }
    }

    /// Asks what happened in a group after a version. The accepted times in it are authenticated;
    /// entries and state are verified by the group's log.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn group_news(
        &self,
        session: &DeviceSession,
        group: &ConversationId,
        after: u64,
    ) -> Result<GroupNews, ClientError> {
        let request = Request::Group {
            group: *group,
            after,
        };
        let news: GroupNews = self.ask(Caller::Device(session), &request)?;
        let key = &session.delivery_key;
        let mut entries = news.entries.iter();
        match entries.all(|entry| entry.receipt.is_authentic(key, group, &entry.entry)) {
            true => Ok(news),
            false => Err(ClientError::Unreachable(NOT_AUTHENTIC.to_owned())),
        }
    }

    /// Fetches the newest rosters of members of a group. `names` are at most
    /// [`MAX_ROSTERS_ASKED`](waxseal_interface::MAX_ROSTERS_ASKED). The rosters are unverified.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn group_rosters(
        &self,
        session: &DeviceSession,
        group: &ConversationId,
        names: &[&str],
    ) -> Result<GroupRosters, ClientError> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let request = Request::GroupRosters {
            group: *group,
            asked: AskRosters { names },
        };
        self.ask(Caller::Device(session), &request)
    }

    /// Sends a posted message to a group. Returns the encoded receipt.
    ///
    /// # Errors
    /// [`ClientError`]. On [`GroupMismatch`], take what is in [`ClientError::group_mismatch`], seal
    /// the message for the devices that it lacks, and post it again. On [`ClockDiffers`], post it
    /// again with [`ClientError::relay_time_ms`].
    ///
    /// [`GroupMismatch`]: waxseal_interface::ErrorCode::GroupMismatch
    /// [`ClockDiffers`]: waxseal_interface::ErrorCode::ClockDiffers
    pub fn send_to_group(
        &self,
        session: &DeviceSession,
        group: &ConversationId,
        posted: &[u8],
    ) -> Result<Vec<u8>, ClientError> {
        let request = Request::PostGroup {
            group: *group,
            posted: posted.to_vec(),
            mark: session.mark,
        };
        let answer = self.request(Caller::Device(session), &request)?;
        Ok(answer.into_body()?)
    }

    /// Has the account leave a group at once. `version` is that of the newest state that the device
    /// knows. Leaving again does no harm.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn leave_group(
        &self,
        session: &DeviceSession,
        group: &ConversationId,
        version: u64,
    ) -> Result<(), ClientError> {
        let request = Request::LeaveGroup {
            group: *group,
            leave: GroupLeave::new(&session.delivery_key, group, version),
        };
        let answer = self.request(Caller::Device(session), &request)?;
        answer.into_body()?;
        Ok(())
    }
}
