//! What each problem means for a reader outside the provider, with the number of its check.

use waxseal_log::audit::{AuditError, Finding};
use waxseal_log::checkpoint::CheckpointError;
use waxseal_log::note::NoteError;
use waxseal_log::promise::PromiseError;
use waxseal_log::receipt::{Contradiction, ReceiptError};

use crate::problem::Problem;

const FORMED: &str = "Fetch the file again. If it stays like this, the provider published it so.";
const KEYS: &str = "Someone altered it, or it is of another log: compare the keys.";
const ALTERED: &str =
    "Someone altered, dropped or inserted entries after they were signed. Keep a copy as evidence.";
const RULE: &str = "The provider signed a log that breaks its own rules. Keep a copy as evidence.";
const ANOTHER: &str = "It shows nothing. Ask the provider for another one, and keep this one.";

/// What is wrong with a checkpoint. `what` names it.
pub fn of_checkpoint(what: &str, error: &CheckpointError) -> Problem {
    let (check, meaning) = match error {
        CheckpointError::Note(NoteError::BadSignature) => (137, KEYS),
        CheckpointError::Note(_) => (136, FORMED),
        CheckpointError::Malformed => (138, FORMED),
        CheckpointError::OtherOrigin | CheckpointError::NotOfTheLog => (139, KEYS),
        CheckpointError::NotOfTheVault => (
            140,
            "The vault did not see this log. Its openings may be in another one, kept from you.",
        ),
        CheckpointError::TooFewWitnesses { .. } => (
            141,
            "Too few witnesses saw this log. The provider may show others another one.",
        ),
        _ => (139, KEYS),
    };
    let what = format!("{what}: {error}");
    Problem {
        check,
        what,
        meaning,
    }
}

/// What is wrong with a note that decodes to no checkpoint.
pub fn of_note(what: &str, error: NoteError) -> Problem {
    of_checkpoint(what, &error.into())
}

pub fn of_audit(file: &str, error: &AuditError) -> Problem {
    let (check, meaning) = match error {
        AuditError::Checkpoint(error) => return of_checkpoint(file, error),
        AuditError::Entry { .. } => (130, FORMED),
        _ => (158, ALTERED),
    };
    let what = format!("{file}: {error}");
    Problem {
        check,
        what,
        meaning,
    }
}

pub fn of_finding(finding: &Finding) -> Problem {
    let meaning = match finding {
        Finding::MarkTwice { .. } => {
            "One permission of the vault was used for two openings. A restored vault may have opened twice."
        }
        Finding::PolicyNotSigned { .. } | Finding::PolicyNotNewer { .. } => {
            "Someone without the policy key tried to change who may open reports, or an old policy came back."
        }
        Finding::BackDated { .. } | Finding::PostDated { .. } => {
            "The entry was written at another time than it says. Its day cannot be trusted."
        }
        Finding::WithoutRequest { .. }
        | Finding::WithoutDecision { .. }
        | Finding::WithoutAppeal { .. } => {
            "An entry that must come before it is missing, or this one is invented."
        }
        Finding::ReceivedTwice { .. } | Finding::SortedTwice { .. } => {
            "One report was counted twice."
        }
        Finding::GrantContradicts { .. } => {
            "One grant was counted twice, or under another purpose."
        }
        Finding::NeverReceived { .. } => {
            "The provider worked on a report and did not log in time that it arrived."
        }
        Finding::VaultSilent { .. } | Finding::VaultClockBack { .. } => {
            "The vault must see the log at least daily. In this time another log may have been shown to it."
        }
        Finding::PromiseBroken { .. } => {
            "The provider signed that this entry would be in the log. The promise is the evidence."
        }
        _ => RULE,
    };
    Problem {
        check: 159,
        what: finding.to_string(),
        meaning,
    }
}

pub fn of_receipt(what: &str, error: &ReceiptError) -> Problem {
    let (check, meaning) = match error {
        ReceiptError::Checkpoint(error) => {
            return of_checkpoint(&format!("the checkpoint in {what}"), error);
        }
        ReceiptError::NotIncluded { .. } => (
            154,
            "The receipt shows an entry that the log does not have. Keep it as evidence.",
        ),
        ReceiptError::OtherDetail { .. } => (
            155,
            "The receipt says something else than the log. Keep it as evidence.",
        ),
        ReceiptError::ForeignEntry { .. } => (156, ANOTHER),
        _ => (153, ANOTHER),
    };
    let what = format!("{what}: {error}");
    Problem {
        check,
        what,
        meaning,
    }
}

pub fn of_promise(what: &str, error: &PromiseError) -> Problem {
    let (check, meaning) = match error {
        PromiseError::TooLong | PromiseError::UnknownVersion | PromiseError::Malformed => {
            (148, ANOTHER)
        }
        PromiseError::Note(_) | PromiseError::OtherText => (149, KEYS),
        PromiseError::OtherEntry => (150, ANOTHER),
        PromiseError::OtherReport => (151, ANOTHER),
        PromiseError::InTheFuture => (
            152,
            "A promise for a later day is never overdue. Check the clock of this computer.",
        ),
        _ => (148, ANOTHER),
    };
    let what = format!("{what}: {error}");
    Problem {
        check,
        what,
        meaning,
    }
}

/// What a receipt contradicts, and whether in itself or in what else its reader has.
pub fn of_contradiction(contradiction: &Contradiction) -> Problem {
    let (check, meaning) = match contradiction {
        Contradiction::OlderCheckpoint => (147, "Ask for a newer receipt. A log never shrinks."),
        Contradiction::Forked | Contradiction::NotInLog { .. } => (
            147,
            "The provider keeps two logs. Keep both files: together they prove it.",
        ),
        Contradiction::Dropped { .. } | Contradiction::LeftOut { .. } => (
            147,
            "The provider left out something about you. Ask what it is.",
        ),
        Contradiction::PromiseBroken => (
            157,
            "The promise is the evidence: show it to a court, an auditor or the public.",
        ),
        Contradiction::MarkTwice { .. } => (
            157,
            "One permission of the vault was used for two openings.",
        ),
        Contradiction::FewerOpenings { .. } => {
            (157, "The provider counted fewer openings than there were.")
        }
        Contradiction::NotAboutReader { .. } => (
            157,
            "The receipt shows a decision about another person. It proves nothing about you.",
        ),
        Contradiction::NoDetail { .. } => (
            157,
            "You have a right to the reasons. Ask for a receipt that has them.",
        ),
        _ => (
            157,
            "The entries do not fit together: one is missing, invented or wrong. Ask which.",
        ),
    };
    Problem {
        check,
        what: contradiction.to_string(),
        meaning,
    }
}
