//! Why the desk refuses an act.

use waxseal_log::entry::DetailTooLong;

use crate::grant::GrantError;
use crate::officer::ActError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why an act was not carried out. The store is unchanged, unless the call says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The desk refuses.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The vault refuses.
    #[error("the vault refuses: {0}")]
    Vault(#[from] VaultError),
    /// The store fails. After a conflict, call again: another desk was faster.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeskError {
    /// Whether another officer or another desk was faster. Read the case again and decide again.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.conflict().is_some(),
            Self::Refused(refused) => matches!(
                refused,
                Refused::AlreadyDecided
                    | Refused::AppealDecided
                    | Refused::AlreadyAnswered
                    | Refused::AssignedToOther
                    | Refused::GrantDecided
            ),
            Self::Vault(_) => false,
        }
    }
}

impl From<DetailTooLong> for DeskError {
    fn from(_: DetailTooLong) -> Self {
        Self::Refused(Refused::TooLong)
    }
}

/// Why the desk refuses an act. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The report was rejected before. Its client seals it again.
    #[error("the report was rejected before; let the client seal it again")]
    AlreadyRejected,
    /// The encoded accepted report is another one.
    #[error("the encoded report is not the accepted one; correct the intake")]
    OtherReport,
    /// The key in the set-up is not the log's.
    #[error("the key is not the log's; give the key that the pinned keys name")]
    OtherKey,
    /// The stored tree is not the one of the newest checkpoint: the store was rolled back or
    /// altered. Restore the newest copy. Sign nothing until then.
    #[error("the stored log is not the one that was signed; restore the newest copy of the store")]
    OtherTree,
    /// The log is too far ahead of the vault. Complete a checkpoint, and let the vault follow.
    #[error("the log is too far ahead of the vault; let the vault follow it first")]
    TooFarAhead,
    /// The line is not a cosignature of this checkpoint by a known key.
    #[error("the line is no cosignature of this checkpoint by a known key; ask the witness again")]
    NotACosignature,
    /// There is no such checkpoint, or none that is complete.
    #[error("there is no such checkpoint; sign one and collect its cosignatures first")]
    NoCheckpoint,
    /// The policy is for another log, is not signed, or is not newer than the one in force.
    #[error(
        "the policy is not signed for this log or not newer; let the policy key sign a new one"
    )]
    Policy,
    /// No policy is in force.
    #[error("no policy is in force; publish one")]
    NoPolicy,
    /// There is no such key, or it was destroyed before.
    #[error("there is no such key, or it was destroyed before")]
    NoKey,
    /// The act is not that of an officer with the role for it.
    #[error(transparent)]
    Act(ActError),
    /// The act is too old or in the future.
    #[error("the act is older than a day or in the future; let the officer sign it again")]
    ActTime,
    /// There is no such report.
    #[error("there is no such report, or its content was erased")]
    NoReport,
    /// The report was sorted before.
    #[error("the report was sorted before")]
    AlreadySorted,
    /// There is no such case.
    #[error("there is no such case")]
    NoCase,
    /// Another officer has the case.
    #[error("another officer has the case; wait until the assignment ends")]
    AssignedToOther,
    /// The assignment is not to an officer, or not for a time of up to 14 days.
    #[error("a case is assigned to an officer of the policy, for up to 14 days; correct it")]
    Assignment,
    /// Another officer has decided the case.
    #[error("the case is decided; read it again")]
    AlreadyDecided,
    /// The act names a policy that is not in force.
    #[error("the act names a policy that is not in force; decide again by the one that is")]
    OtherPolicy,
    /// The grant does not hold.
    #[error(transparent)]
    Grant(GrantError),
    /// A report is not of the case, or its content was erased.
    #[error("a report is not of this case, or its content was erased")]
    NotOfCase,
    /// There is no such grant.
    #[error("there is no such grant")]
    NoGrant,
    /// Another officer has approved or denied the grant, or it expired.
    #[error("the grant does not wait for an approval any more; read it again")]
    GrantDecided,
    /// The grant is known already, is not in force, or the case has too many.
    #[error("the grant is not new, or is not in force; ask for another one")]
    GrantState,
    /// The grant is not to be reviewed, or was reviewed before.
    #[error("the grant is not to be reviewed, or was reviewed before")]
    Review,
    /// The officer had a part in it before. Let another officer do it.
    #[error("the officer had a part in it before; let another officer do it")]
    SameOfficer,
    /// No such notice waits to be sent.
    #[error("no such notice waits to be sent")]
    NoNotice,
    /// There is no such decision.
    #[error("there is no such decision")]
    NoDecision,
    /// The time to appeal is over.
    #[error("the time to appeal is over")]
    AppealTooLate,
    /// The side has appealed before, or the decision was reversed.
    #[error("the side has appealed before, or the decision was reversed")]
    AlreadyAppealed,
    /// There is no such appeal.
    #[error("there is no such appeal")]
    NoAppeal,
    /// Another officer has decided the appeal.
    #[error("the appeal is decided; read it again")]
    AppealDecided,
    /// There is a statement of reasons for this decision, which waits or was taken.
    #[error("a statement of reasons for this decision waits or was taken; the database takes one")]
    AlreadyStated,
    /// There is no such legal request.
    #[error("there is no such legal request")]
    NoRequest,
    /// Another officer has answered the request.
    #[error("the request is answered; read it again")]
    AlreadyAnswered,
    /// A hold with this number exists already, or is not there to be lifted.
    #[error("the hold exists already, or is not there to be lifted")]
    Hold,
    /// A hold is on the case.
    #[error("a hold is on the case; lift it first")]
    Held,
    /// The case is not over.
    #[error("the case is not over: undecided, in appeal, or to be kept for longer")]
    NotOver,
    /// The case was erased.
    #[error("the content of the case was erased")]
    Erased,
    /// The officer may not do this.
    #[error("the policy gives the officer no role for this")]
    NotAllowed,
    /// The report was not shown to this officer, or does not name the file.
    #[error("the report was not shown to this officer, or does not name the file; open it first")]
    NotShown,
    /// No such export waits.
    #[error("no such export waits to be sent")]
    NoExport,
    /// A text is too long, or the rows are more than the format holds.
    #[error("a text is empty or too long, or there is more than the format holds")]
    TooLong,
    /// A row in this table is not one that the desk writes. Restore a copy of the store.
    #[error("a row of {0} is not one that the desk writes; restore a copy of the store")]
    Damaged(&'static str),
}
