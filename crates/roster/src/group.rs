//! Groups: a signed log says who is in them.
//!
//! The admins of a group share a key, the authority. It signs *entries*, and each entry changes the
//! group's *state*: its members with their account keys, its policy, and the authority itself. The
//! id of a group is a hash of the first authority's public key. So a relay can neither add a member
//! nor pass off another group as this one.
//!
//! The main type is [`GroupLog`], which clients and relays keep of each group.
//!
//! ```
//! # use waxseal_roster::{RecoverySecret, group::*};
//! # let key = |seed| RecoverySecret::from_bytes(&[seed; 32]).key_pair().public();
//! # let (alice_key, bob_key, now_ms) = (key(1), key(2), 1_790_000_000_000);
//! let seed = AuthoritySeed::generate(&mut rand::rng());
//! let first = [GroupOp::add("alice", Role::Admin, alice_key)];
//! let first = seed.create_group("alice", &first, now_ms)?;
//! let mut relay = GroupLog::first(&first, &GroupId::of_authority(&seed.public()))?;
//!
//! let add = [GroupOp::add("bob", Role::Member, bob_key)];
//! let entry = seed.sign_entry(relay.state(), "alice", &add, None, now_ms)?;
//! relay.take(&SignedEntry::decode(&entry.encode())?)?;
//! assert!(relay.state().is_member("bob"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`GroupId`] | the id of a group |
//! | [`AuthoritySeed`], [`AuthorityKey`] | the key that the admins share, secret and public |
//! | [`GroupState`], [`Member`], [`Role`], [`GroupPolicy`] | who is in it, and who may do what |
//! | [`GroupOp`], [`SignedEntry`] | a change, and a signed list of changes |
//! | [`AuthorityChain`] | proves the authority of today by the group's id |
//! | [`GroupLog`], [`GroupChange`], [`Compared`] | what is kept, and which entries change it |
//! | [`GroupTargets`], [`GroupTarget`] | the devices to which a message to a group goes |

mod apply;
mod authority;
mod build;
mod entry;
mod form;
mod id;
mod log;
mod ops;
mod proof;
mod state;
mod stored;
mod targets;

pub use crate::error::GroupError;
pub use authority::{AuthorityKey, AuthoritySeed};
pub use entry::SignedEntry;
pub use id::GroupId;
pub use log::{Compared, GroupChange, GroupLog};
pub use ops::GroupOp;
pub use proof::AuthorityChain;
pub use state::{GroupPolicy, GroupState, Member, Role};
pub use targets::{GroupTarget, GroupTargets};
