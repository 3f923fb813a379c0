//! Conversations: with one account, or a group.

use waxseal_reporting::AccountId;
use waxseal_roster::group::GroupId;

/// A conversation: with one account, or a group.
///
/// Calls that concern the messages of a conversation take anything that names one: an account, a
/// group, or a `Conversation`, each also by reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conversation {
    /// The conversation with this account.
    Direct(AccountId),
    /// The conversation of this group.
    Group(GroupId),
}

impl Conversation {
    /// The other account. `None` for a group.
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Direct(account) => Some(account),
            Self::Group(_) => None,
        }
    }

    /// The group. `None` for a conversation with one account.
    pub fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Direct(_) => None,
            Self::Group(group) => Some(group),
        }
    }

    /// What a record says of a conversation: the account, which is empty for a group, and the id of
    /// the group, which is empty for an account.
    pub(crate) fn to_record(&self) -> (String, Vec<u8>) {
        match self {
            Self::Direct(account) => (account.as_str().to_owned(), Vec::new()),
            Self::Group(group) => (String::new(), group.to_bytes().to_vec()),
        }
    }

    /// Reads what a record says of a conversation. With the id of a group, the account does not
    /// count: some records say there which member they are about.
    pub(crate) fn of_record(account: &str, group: &[u8]) -> Option<Self> {
        match group {
            [] => AccountId::new(account).ok().map(Self::Direct),
            group => Some(Self::Group(GroupId::from_bytes(group.try_into().ok()?))),
        }
    }

    /// The bytes that name it in the store and in sync records: a length and the account, or a zero
    /// and the id of the group. An account is never empty.
    pub(crate) fn to_name(&self) -> Vec<u8> {
        match self {
            Self::Direct(account) => {
                let name = account.as_str().as_bytes();
                let len = u8::try_from(name.len()).unwrap_or(u8::MAX); // at most 128 bytes
                [&[len], name].concat()
            }
            Self::Group(group) => [&[0][..], &group.to_bytes()].concat(),
        }
    }

    /// Reads the bytes of [`to_name`](Self::to_name) from the beginning of the input. Returns the
    /// rest, too.
    pub(crate) fn split_name(input: &[u8]) -> Option<(Self, &[u8])> {
        let (len, rest) = input.split_first()?;
        match len {
            0 => {
                let (group, rest) = rest.split_first_chunk()?;
                Some((Self::Group(GroupId::from_bytes(*group)), rest))
            }
            len => {
                let (account, rest) = rest.split_at_checked(usize::from(*len))?;
                let account = AccountId::new(str::from_utf8(account).ok()?).ok()?;
                Some((Self::Direct(account), rest))
            }
        }
    }
}

impl From<AccountId> for Conversation {
    fn from(account: AccountId) -> Self {
        Self::Direct(account)
    }
}

impl From<&AccountId> for Conversation {
    fn from(account: &AccountId) -> Self {
        Self::Direct(account.clone())
    }
}

impl From<GroupId> for Conversation {
    fn from(group: GroupId) -> Self {
        Self::Group(group)
    }
}

impl From<&GroupId> for Conversation {
    fn from(group: &GroupId) -> Self {
        Self::Group(*group)
    }
}

impl From<&Conversation> for Conversation {
    fn from(conversation: &Conversation) -> Self {
        conversation.clone()
    }
}

impl PartialEq<AccountId> for Conversation {
    /// Whether this is the conversation with that account.
    fn eq(&self, account: &AccountId) -> bool {
        self.account() == Some(account)
    }
}

#[cfg(test)]
mod tests;
