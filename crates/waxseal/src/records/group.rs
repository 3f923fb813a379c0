//! Records of groups: what is kept of each, the key of its admins, and the entry that waits for the
//! provider.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A group that this account was invited to, is in, or was in. Deleted when an invitation is
/// declined.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct GroupRecord {
    /// The id of the group, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    /// How this account stands to the group: a number of `Standing`.
    #[prost(uint32, tag = "2")]
    pub(crate) standing: u32,
    /// An encoded `GroupLog`. Empty before the first state, and while the client has it decoded.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) log: Vec<u8>,
    /// Title, as the newest profile or the invitation says.
    #[prost(string, tag = "4")]
    pub(crate) title: String,
    /// Picture, as the newest profile says. Empty if there is none.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) picture: Vec<u8>,
    /// When the provider accepted the message with this profile, in milliseconds. 0 if there was
    /// none.
    #[prost(uint64, tag = "6")]
    pub(crate) profile_ms: u64,
    /// When the provider accepted each of the newest entries, by its own word.
    #[prost(message, repeated, tag = "7")]
    pub(crate) times: Vec<EntryTimeRecord>,
    /// Accounts that were removed.
    #[prost(message, repeated, tag = "8")]
    pub(crate) former: Vec<FormerRecord>,
    /// Accounts that invited this one.
    #[prost(message, repeated, tag = "9")]
    pub(crate) inviters: Vec<InviterRecord>,
    /// Version of the newest state that a welcome named. 0 if there was none.
    #[prost(uint64, tag = "10")]
    pub(crate) welcome_version: u64,
    /// Hash of that state.
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) welcome_hash: Vec<u8>,
    /// Whether there may be entries or a state that this device lacks.
    #[prost(bool, tag = "12")]
    pub(crate) wants_news: bool,
    /// When the provider last handed out nothing newer, in milliseconds. 0 if it did not since
    /// something newer came.
    #[prost(uint64, tag = "13")]
    pub(crate) fetched_ms: u64,
    /// Members that left by their own word, and are not removed yet.
    #[prost(message, repeated, tag = "14")]
    pub(crate) leavers: Vec<GroupLeaverRecord>,
    /// Members of which a roster under another account key was seen.
    #[prost(message, repeated, tag = "15")]
    pub(crate) suspended: Vec<SuspendedRecord>,
    /// Identities of the other devices of this account that were told of the group, 64 bytes each.
    #[prost(bytes = "vec", repeated, tag = "16")]
    pub(crate) told: Vec<Vec<u8>>,
    /// Whether the provider is still to be told that this account leaves.
    #[prost(bool, tag = "17")]
    pub(crate) tells_leave: bool,
    /// When admins were last asked for the key of the group, in milliseconds. 0 if never.
    #[prost(uint64, tag = "18")]
    pub(crate) asked_ms: u64,
    /// Since when this device knows that the account is in the group without a word of the other
    /// devices that the user accepted, in milliseconds. 0 if that is not so.
    #[prost(uint64, tag = "19")]
    pub(crate) uninvited_ms: u64,
    /// When the provider accepted the newest message for which news are wanted, by its clock.
    #[prost(uint64, tag = "20")]
    pub(crate) news_for_ms: u64,
    /// Up to when all entries are known that the provider accepted, by its clock. 0 if that is not
    /// known. The newest entry says so, too.
    #[prost(uint64, tag = "21")]
    pub(crate) known_until_ms: u64,
}

/// When the provider accepted an entry of a group.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct EntryTimeRecord {
    #[prost(uint64, tag = "1")]
    pub(crate) version: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) accepted_ms: u64,
}

/// A time in which an account was a member, which is over.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct FormerRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// Version of the entry that added the account.
    #[prost(uint64, tag = "2")]
    pub(crate) since: u64,
    /// Version of the first known state without the account.
    #[prost(uint64, tag = "3")]
    pub(crate) until: u64,
    /// When the provider accepted the entry of that version, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(crate) removed_ms: u64,
}

/// An account that invited this one to a group.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct InviterRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// Whether this account accepted the invitation.
    #[prost(bool, tag = "2")]
    pub(crate) is_accepted: bool,
    /// When the provider accepted the invitation, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) invited_ms: u64,
}

/// A member that left a group by its own word.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct GroupLeaverRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// Version of the entry that had added the account.
    #[prost(uint64, tag = "2")]
    pub(crate) since: u64,
    /// When the provider accepted its word, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(crate) left_ms: u64,
}

/// A member whose roster is under another account key than the group's state names.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SuspendedRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The other account key, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) account_key: Vec<u8>,
}

/// An account that this device invited to a group. Deleted when the account comes or goes.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct InvitedRecord {
    #[prost(string, tag = "1")]
    pub(crate) account: String,
    /// The account key that was pinned when it was invited. Empty if none was.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) account_key: Vec<u8>,
    /// The version since which the account was a member then, and 0 if it was none.
    #[prost(uint64, tag = "3")]
    pub(crate) since: u64,
}

/// The secret key of a group's admins. Only a device of an admin has it.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct AuthorityRecord {
    /// The id of the group, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    /// The seed of the present authority, 32 bytes. Empty if this device lacks it.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) seed: Vec<u8>,
    /// Whether a device that may have the seed was removed from the account of an admin. The next
    /// entry then has another authority.
    #[prost(bool, tag = "3")]
    pub(crate) is_stale: bool,
    /// Seeds that admins told for the next entry, at most one of each admin.
    #[prost(message, repeated, tag = "4")]
    pub(crate) next: Vec<NextSeedRecord>,
}

/// The seed of an authority that an entry may name soon.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct NextSeedRecord {
    /// The account that told it.
    #[prost(string, tag = "1")]
    pub(crate) from: String,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) seed: Vec<u8>,
}

/// What this device wants to change in a group: the entry that it signed, until the provider took
/// one of that version, and the changes that come after it.
#[derive(Clone, PartialEq, prost::Message, Zeroize, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub(crate) struct EditRecord {
    /// The id of the group, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    /// The signed entry. Empty if none is signed.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) entry: Vec<u8>,
    /// The changes that the entry makes.
    #[prost(message, repeated, tag = "3")]
    pub(crate) ops: Vec<OpRecord>,
    /// The seed of the authority that the entry names, if it is another one. Else empty.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) next_seed: Vec<u8>,
    /// Other admins that are still to be told that seed, and the own account.
    #[prost(string, repeated, tag = "5")]
    pub(crate) untold: Vec<String>,
    /// Numbers of the notes in the outbox that tell it.
    #[prost(uint64, repeated, tag = "6")]
    pub(crate) telling: Vec<u64>,
    /// When the entry was signed, in milliseconds.
    #[prost(uint64, tag = "7")]
    pub(crate) signed_ms: u64,
    /// The changes of the next entries, in order.
    #[prost(message, repeated, tag = "8")]
    pub(crate) queued: Vec<OpRecord>,
}

/// A change of a group.
#[derive(Clone, PartialEq, prost::Message, Zeroize)]
#[prost(skip_debug)]
pub(crate) struct OpRecord {
    /// 1 adds an account, 2 removes one, 3 changes a role, 4 the policy.
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(string, tag = "2")]
    pub(crate) account: String,
    /// The account key of the account that is added, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) account_key: Vec<u8>,
    /// Whether the account is an admin after it, or only admins write.
    #[prost(bool, tag = "4")]
    pub(crate) is_admin: bool,
    /// The version since which the account was a member when the user decided. 0 if it was none.
    #[prost(uint64, tag = "5")]
    pub(crate) since: u64,
}

/// What another account, or the own devices, are to be told of a group. Deleted an hour after it
/// was told, so that nobody is told the same version all the time.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct GroupTellRecord {
    /// The id of the group, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) group: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(crate) account: String,
    /// Whether the account is to be told the group's state, and the key if it is an admin.
    #[prost(bool, tag = "3")]
    pub(crate) welcomes: bool,
    /// Whether the account is to be asked for both.
    #[prost(bool, tag = "4")]
    pub(crate) asks: bool,
    /// When it was last told or asked, in milliseconds. 0 if it was not.
    #[prost(uint64, tag = "5")]
    pub(crate) told_ms: u64,
    /// Which version of the group it was told.
    #[prost(uint64, tag = "6")]
    pub(crate) told_version: u64,
}

quiet_debug!(
    GroupRecord,
    EntryTimeRecord,
    FormerRecord,
    InviterRecord,
    GroupLeaverRecord,
    SuspendedRecord,
    InvitedRecord,
    AuthorityRecord,
    NextSeedRecord,
    EditRecord,
    OpRecord,
    GroupTellRecord,
);
