//! What a provider does after an abuse report, and proof that it happened by the rules.
//!
//! The main type is [`Desk`](desk::Desk). It takes in reports, groups them into cases, and carries
//! out what officers sign. Every act of an officer is an entry of a public log, except the
//! assignment of a case. The rows of an act are written in the same step as its entry.
//!
//! ```
//! # use waxseal_desk::{desk::{Desk, DeskSetup}, store::MemoryStore};
//! # use waxseal_log::{keys::LogKeys, note::{Cosigner, Signer}};
//! # use waxseal_reporting::Timestamp;
//! # let (mut rng, now) = (rand::rng(), Timestamp::from_millis(1_800_000_000_000));
//! # let log = Signer::generate("provider.example/desk", &mut rng)?;
//! # let vault = Cosigner::generate("provider.example/vault", &mut rng)?.verifier();
//! # let keys = LogKeys::new(log.verifier(), vault, vec![], 0, None)?;
//! # let report = waxseal_log::report::ReportDigest::of(b"a report");
//! # let secret = zeroize::Zeroizing::new([7; 32]);
//! let setup = DeskSetup { log, keys, secret };
//! let mut desk = Desk::open(MemoryStore::new(), setup)?;
//! // A report that fails check 74 is answered with a promise that the log will say so.
//! let promise = desk.refuse(&report, 74, now, &mut rng)?;
//! // The day after, upkeep appends what waits, and signs a checkpoint for witnesses and vault.
//! let tomorrow = Timestamp::from_millis(now.as_millis() + 86_400_000);
//! let upkeep = desk.upkeep(tomorrow, &mut rng)?;
//! assert!(upkeep.appended == 1 && upkeep.to_cosign.is_some());
//! assert!(desk.audit()?.findings.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate links no ratchet and no session: a provider has no code that decrypts messages. Each
//! role has modules, in the order of a case:
//!
//! | role | module | what |
//! |---|---|---|
//! | policy key | [`policy`] | who is an officer, and by which rules |
//! | officer | [`officer`], [`grant`] | keys and signed acts; leave to open content |
//! | officer | [`request`] | signed requests to the desk's server |
//! | vault | [`vault`] | opens what a grant and the log allow |
//! | desk | [`desk`], [`upkeep`], [`acts`] | the main type; what is due; checks of acts |
//! | desk | [`intake`], [`sorting`], [`case`] | takes in reports, sorts them into cases |
//! | desk | [`opening`], [`emergency`] | shows a report; reviews of emergencies |
//! | desk | [`decision`], [`appeal`], [`sides`] | decisions, notices, appeals, both sides |
//! | desk | [`legal`], [`hold`], [`retention`], [`records`] | registers, erasure, exports, keys |
//! | desk | [`store`], [`conformance`] | keeps all of it; tests that every store must pass |
//! | desk | [`export`], [`outbox`], [`fetches`] | forms for other systems; sending; files |
//! | everyone | [`publish`], [`transparency`] | the public folder; the transparency report |
//! | auditor | [`audit`] | compares entries, rows and signatures |
//!
//! The crate has no clock and no randomness of its own. It does not panic on any input.

pub mod acts;
pub mod appeal;
pub mod audit;
pub mod case;
pub mod conformance;
pub mod decision;
pub mod desk;
pub mod emergency;
pub mod export;
pub mod fetches;
pub mod grant;
pub mod hold;
pub mod ids;
pub mod intake;
pub mod legal;
pub mod officer;
pub mod opening;
pub mod outbox;
pub mod policy;
pub mod publish;
pub mod records;
pub mod request;
pub mod retention;
pub mod sides;
pub mod sorting;
pub mod store;
pub mod transparency;
pub mod upkeep;
pub mod vault;

mod checkpoints;
mod codec;
mod error;
mod following;
mod format;
mod grants;
mod hash;
mod labels;
mod notice;
mod receipts;
mod secret;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;

pub use error::{DeskError, Refused};
pub use format::{DecodeError, VERSION};

#[doc = include_str!("../SPEC.md")]
pub mod spec {}
