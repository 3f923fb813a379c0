//! What an insider tries.
//!
//! The insider runs the desk: has its database, the log's key and the desk's secret, the vault's
//! stored state, and the key of one officer. The insider has no key of the vault, of a witness, of
//! the policy or of another officer, and cannot set the vault's clock.
//!
//! Each attack runs in a copy of the office. It counts as failed only if its effect was looked for
//! and is not there: something refused for the reason that is meant, or an outsider noticed.

mod facts;
mod grants;
mod log;
mod pen;
mod policy;
mod receipts;
mod records;
mod reports;
mod restore;
mod tiles;
mod world;

use std::fmt;

use waxseal_desk::vault::{VaultError, View};

use crate::Result;

pub use facts::{Backup, Scene};

/// One attack and what became of it.
pub struct Attack {
    pub name: &'static str,
    effect: Result<Effect>,
}

/// What an attack achieved.
pub enum Effect {
    /// Nothing: a part of the system refused, for this reason.
    Refused(String),
    /// Something, and outsiders, readers of receipts or auditors notice.
    Noticed(String),
    /// Something, unnoticed.
    Succeeded(String),
}

impl Attack {
    pub fn succeeded(&self) -> bool {
        matches!(self.effect, Ok(Effect::Succeeded(_)))
    }

    /// Whether it is known to have failed, and not only to have gone wrong.
    pub fn failed(&self) -> bool {
        matches!(self.effect, Ok(Effect::Refused(_) | Effect::Noticed(_)))
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.effect {
            Ok(Effect::Refused(why)) => write!(f, "refused: {why}"),
            Ok(Effect::Noticed(how)) => write!(f, "noticed: {how}"),
            Ok(Effect::Succeeded(what)) => write!(f, "SUCCEEDED: {what}"),
            Err(error) => write!(f, "UNCLEAR: {error}"),
        }
    }
}

impl Effect {
    /// The effect of an attempt to read. A refusal counts only for the reason that is meant.
    fn of_view(
        view: Result<View, VaultError>,
        is_meant: impl Fn(&VaultError) -> bool,
    ) -> Result<Self> {
        match view {
            Ok(view) => Ok(Self::Succeeded(format!(
                "{} messages were read",
                view.messages.len()
            ))),
            Err(error) if is_meant(&error) => Ok(Self::Refused(error.to_string())),
            Err(error) => Err(format!("refused for another reason than meant: {error}").into()),
        }
    }

    /// The effect of an attempt to deceive someone who checks. The check counts only if what it
    /// says contains `meant`.
    fn of_check<T>(checked: Result<T>, meant: &str) -> Result<Self> {
        match checked {
            Ok(_) => Ok(Self::Succeeded("the check finds nothing".to_owned())),
            Err(error) if error.to_string().contains(meant) => Ok(Self::Noticed(error.to_string())),
            Err(error) => Err(format!("noticed for another reason than meant: {error}").into()),
        }
    }
}

type Try = fn(&Scene<'_>) -> Result<Effect>;

/// Runs all attacks.
///
/// # Errors
/// An honest opening fails in a copy of the office. The attacks would show nothing then.
pub fn attack(scene: &Scene<'_>) -> Result<Vec<Attack>> {
    grants::honest(scene)?;
    let groups: [&[(&'static str, Try)]; 8] = [
        grants::ATTACKS,
        log::ATTACKS,
        restore::ATTACKS,
        policy::ATTACKS,
        reports::ATTACKS,
        records::ATTACKS,
        tiles::ATTACKS,
        receipts::ATTACKS,
    ];
    let all = groups.into_iter().flatten();
    Ok(all
        .map(|(name, attempt)| Attack {
            name,
            effect: attempt(scene),
        })
        .collect())
}
