//! Notices: what the user is to be told about accounts and their devices.

use waxseal_reporting::{AccountId, DeviceId};
use waxseal_roster::AccountKey;
use waxseal_roster::group::GroupId;

use super::page::Page;
use super::{Client, keys};
use crate::error::StateError;
use crate::records::{self, NoticeRecord};
use crate::store::{Cursor, Store, Transaction};

/// Maximum number of devices that one notice names on each side.
const MAX_NAMED: usize = 64;

/// Something that the user is to be told about an account. It stays until it is
/// [dismissed](Client::dismiss). There is at most one of each kind for each account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The account has other devices. This is information and no warning: the account key, which
    /// the users compared, vouches for the change.
    DevicesChanged {
        /// The account: a peer's, or the own one.
        account: AccountId,
        /// Devices that were added.
        added: Vec<DeviceId>,
        /// Devices that were removed.
        removed: Vec<DeviceId>,
    },
    /// A device goes by another roster of the same version than this device, or by a newer roster
    /// of the own account that the provider does not hand out: someone shows different rosters to
    /// different devices. Warn the user.
    SplitView {
        /// The account of the rosters.
        account: AccountId,
        /// The signed roster that this device has.
        known: Vec<u8>,
        /// The first half of the other roster's hash.
        other: Vec<u8>,
    },
    /// Two rosters of one version are signed. Nothing is sent to the account before a newer one
    /// arrives. Warn the user, and keep both for the provider's security contact.
    RosterConflict {
        /// The account.
        account: AccountId,
        /// The signed roster that was known first.
        known: Vec<u8>,
        /// The other signed roster.
        other: Vec<u8>,
    },
    /// The account has another key. Nothing is sent to it before the user
    /// [accepts](Client::accept_identity) the key. Warn the user.
    IdentityChanged {
        /// The account.
        account: AccountId,
        /// The other key.
        new: AccountKey,
    },
    /// The own roster is more than 30 days old, and only a manager can sign it again. After 60 days
    /// peers go by the managers alone.
    RosterOld,
    /// This device was removed from its account.
    Removed,
    /// Members of a group were shown different groups: two entries of one version are signed.
    /// Nothing is sent to the group any more. Warn the user, and offer to
    /// [found another one](Client::recreate_group).
    GroupForked {
        /// The group.
        group: GroupId,
        /// The signed entry that was known first.
        known: Vec<u8>,
        /// The other signed entry.
        other: Vec<u8>,
    },
    /// An admin removed this account from a group.
    GroupRemoved {
        /// The group.
        group: GroupId,
    },
    /// A group names this account under another account key. It gets nothing there.
    GroupSuspended {
        /// The group.
        group: GroupId,
    },
    /// This account was in a group without having accepted an invitation. The device leaves it.
    GroupUninvited {
        /// The group.
        group: GroupId,
    },
    /// The roster of a member is under another account key than the group names. The member gets
    /// nothing until an admin [invites it again](Client::invite). Warn the user.
    GroupMemberSuspended {
        /// The group.
        group: GroupId,
        /// The member.
        account: AccountId,
        /// The other account key.
        new: AccountKey,
    },
    /// The provider says that a member left a group, and the member did not say so. The provider
    /// delivers nothing to it. Tell the user.
    GroupNotDelivered {
        /// The group.
        group: GroupId,
        /// The member.
        account: AccountId,
    },
    /// A member goes by another state of a version of the group than this device. The member lies,
    /// or someone shows different groups to different members. Warn the user.
    GroupSplitView {
        /// The group.
        group: GroupId,
        /// The member.
        account: AccountId,
    },
    /// A change of a group that this device was to make cannot be made any more, because another
    /// admin changed the group.
    GroupChangeLost {
        /// The group.
        group: GroupId,
    },
}

/// The kind of a notice, as its number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    DevicesChanged = 1,
    SplitView = 2,
    RosterConflict = 3,
    IdentityChanged = 4,
    RosterOld = 5,
    Removed = 6,
    GroupForked = 7,
    GroupRemoved = 8,
    GroupSuspended = 9,
    GroupUninvited = 10,
    GroupMemberSuspended = 11,
    GroupChangeLost = 12,
    GroupNotDelivered = 13,
    GroupSplitView = 14,
}

impl Kind {
    /// The kinds of notices about a peer's account.
    pub(super) const OF_ACCOUNTS: [Self; 4] = [
        Self::DevicesChanged,
        Self::SplitView,
        Self::RosterConflict,
        Self::IdentityChanged,
    ];

    pub(super) fn number(self) -> u8 {
        self as u8
    }
}

impl Notice {
    fn kind(&self) -> Kind {
        match self {
            Self::DevicesChanged { .. } => Kind::DevicesChanged,
            Self::SplitView { .. } => Kind::SplitView,
            Self::RosterConflict { .. } => Kind::RosterConflict,
            Self::IdentityChanged { .. } => Kind::IdentityChanged,
            Self::RosterOld => Kind::RosterOld,
            Self::Removed => Kind::Removed,
            Self::GroupForked { .. } => Kind::GroupForked,
            Self::GroupRemoved { .. } => Kind::GroupRemoved,
            Self::GroupSuspended { .. } => Kind::GroupSuspended,
            Self::GroupUninvited { .. } => Kind::GroupUninvited,
            Self::GroupMemberSuspended { .. } => Kind::GroupMemberSuspended,
            Self::GroupChangeLost { .. } => Kind::GroupChangeLost,
            Self::GroupNotDelivered { .. } => Kind::GroupNotDelivered,
            Self::GroupSplitView { .. } => Kind::GroupSplitView,
        }
    }

    /// The account that the notice is about. `None` for the own one, and for a group.
    pub(crate) fn account(&self) -> Option<&AccountId> {
        match self {
            Self::DevicesChanged { account, .. }
            | Self::SplitView { account, .. }
            | Self::RosterConflict { account, .. }
            | Self::IdentityChanged { account, .. } => Some(account),
            _ => None,
        }
    }

    /// The group that the notice is about. `None` if it is about an account.
    pub fn group(&self) -> Option<&GroupId> {
        match self {
            Self::GroupForked { group, .. }
            | Self::GroupRemoved { group }
            | Self::GroupSuspended { group }
            | Self::GroupUninvited { group }
            | Self::GroupMemberSuspended { group, .. }
            | Self::GroupNotDelivered { group, .. }
            | Self::GroupSplitView { group, .. }
            | Self::GroupChangeLost { group } => Some(group),
            _ => None,
        }
    }

    fn of(record: NoticeRecord) -> Option<Self> {
        if !record.group.is_empty() {
            return Self::of_group(&record);
        }
        let account = AccountId::new(&record.account).ok()?;
        let ids = |ids: Vec<u32>| ids.into_iter().map(DeviceId).collect();
        let (known, other) = (record.known, record.other);
        Some(match record.kind {
            1 => Self::DevicesChanged {
                account,
                added: ids(record.added),
                removed: ids(record.removed),
            },
            2 => Self::SplitView {
                account,
                known,
                other,
            },
            3 => Self::RosterConflict {
                account,
                known,
                other,
            },
            4 => Self::IdentityChanged {
                account,
                new: AccountKey::from_bytes(other.as_slice().try_into().ok()?).ok()?,
            },
            5 => Self::RosterOld,
            6 => Self::Removed,
            _ => return None,
        })
    }
}

impl Notice {
    fn of_group(record: &NoticeRecord) -> Option<Self> {
        let group = GroupId::from_bytes(record.group.as_slice().try_into().ok()?);
        Some(match record.kind {
            7 => Self::GroupForked {
                group,
                known: record.known.clone(),
                other: record.other.clone(),
            },
            8 => Self::GroupRemoved { group },
            9 => Self::GroupSuspended { group },
            10 => Self::GroupUninvited { group },
            11 => Self::GroupMemberSuspended {
                group,
                account: AccountId::new(&record.account).ok()?,
                new: AccountKey::from_bytes(record.other.as_slice().try_into().ok()?).ok()?,
            },
            12 => Self::GroupChangeLost { group },
            13 => Self::GroupNotDelivered {
                group,
                account: AccountId::new(&record.account).ok()?,
            },
            14 => Self::GroupSplitView {
                group,
                account: AccountId::new(&record.account).ok()?,
            },
            _ => return None,
        })
    }
}

impl<S: Store> Client<S> {
    /// Lists up to `limit` notices that were not dismissed, after `after`. Call it after each call
    /// that takes a roster or receives something.
    pub fn notices(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<Notice>, StateError<S::Error>> {
        self.look(|client| {
            client.page(&keys::notices(), after, limit, |_, bytes| {
                Notice::of(records::decode(bytes)?)
            })
        })
    }

    /// Deletes a notice that the user has seen. If there is another one in its place by now, that
    /// one stays.
    pub fn dismiss(&mut self, notice: &Notice) -> Result<(), StateError<S::Error>> {
        self.run(|client| {
            let account = notice.account().unwrap_or(&client.me.account);
            let kind = notice.kind().number();
            let key = match notice.group() {
                Some(group) => keys::group_notice(kind, group),
                None => keys::notice(kind, account),
            };
            let record: Option<NoticeRecord> = client.readable(&key)?;
            if record.and_then(Notice::of).as_ref() == Some(notice) {
                let mut transaction = Transaction::default();
                transaction.delete(key);
                client.commit(transaction)?;
            }
            Ok(())
        })
    }

    /// Writes a notice. One of the same kind about the same account is replaced.
    pub(super) fn put_notice(
        &self,
        transaction: &mut Transaction,
        kind: Kind,
        account: &AccountId,
        known: &[u8],
        other: &[u8],
    ) {
        let record = NoticeRecord {
            account: account.as_str().to_owned(),
            kind: kind.number().into(),
            known: known.to_vec(),
            other: other.to_vec(),
            ..NoticeRecord::default()
        };
        transaction.put_record(keys::notice(kind.number(), account), &record);
    }

    /// Writes a notice about a group, and a member of it. One of the same kind is replaced.
    pub(super) fn put_group_notice(
        &self,
        transaction: &mut Transaction,
        (kind, group): (Kind, &GroupId),
        account: Option<&AccountId>,
        (known, other): (&[u8], &[u8]),
    ) {
        let record = NoticeRecord {
            account: account.map_or_else(String::new, |one| one.as_str().to_owned()),
            kind: kind.number().into(),
            known: known.to_vec(),
            other: other.to_vec(),
            group: group.to_bytes().to_vec(),
            ..NoticeRecord::default()
        };
        transaction.put_record(keys::group_notice(kind.number(), group), &record);
    }

    /// Deletes the notices that this device was removed and that the own roster is old, because
    /// there is a newer one with this device.
    pub(super) fn retract_own(&self, transaction: &mut Transaction) {
        for kind in [Kind::Removed, Kind::RosterOld] {
            transaction.delete(keys::notice(kind.number(), &self.me.account));
        }
    }

    /// Writes a notice that devices were added or removed, together with those of a notice that was
    /// not dismissed.
    pub(super) fn put_devices_changed(
        &self,
        transaction: &mut Transaction,
        account: &AccountId,
        added: &[u32],
        removed: &[u32],
    ) -> Result<(), StateError<S::Error>> {
        let key = keys::notice(Kind::DevicesChanged.number(), account);
        let record: Option<NoticeRecord> = self.readable(&key)?;
        let mut record = record.unwrap_or_default();
        account.as_str().clone_into(&mut record.account);
        record.kind = Kind::DevicesChanged.number().into();
        for (all, more) in [(&mut record.added, added), (&mut record.removed, removed)] {
            all.extend_from_slice(more);
            all.sort_unstable();
            all.dedup();
            all.truncate(MAX_NAMED);
        }
        // What came and went in between is not told.
        let gone = record.removed.clone();
        record.added.retain(|id| !gone.contains(id));
        transaction.put_record(key, &record);
        Ok(())
    }
}
