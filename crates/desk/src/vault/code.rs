//! The code of each error in an answer.

use waxseal_log::entry::Purpose;

use super::error::VaultError;
use crate::format::DecodeError;
use crate::grant::GrantError;
use crate::policy::PolicyError;

/// The errors without numbers, with the codes that stand for them. The first number is that of the
/// check that failed, or 0 for a limit or a failure of the vault itself.
const PLAIN: [(VaultError, u8, u64); 34] = [
    (VaultError::NotSaved, 0, 1),
    (VaultError::TooManyChallenges, 0, 2),
    (VaultError::TooManyMarks, 0, 3),
    (VaultError::TooManyEntries, 0, 4),
    (
        VaultError::Policy(PolicyError::Decode(DecodeError::Malformed)),
        162,
        0,
    ),
    (VaultError::Policy(PolicyError::OfficerKey), 163, 0),
    (VaultError::Grant(GrantError::OtherLog), 169, 0),
    (VaultError::Grant(GrantError::OtherVault), 170, 0),
    (VaultError::Grant(GrantError::OtherPolicy), 171, 0),
    (VaultError::Grant(GrantError::Requester), 172, 0),
    (VaultError::Grant(GrantError::PurposeNotAllowed), 173, 0),
    (VaultError::Grant(GrantError::ApproverMissing), 174, 0),
    (VaultError::Grant(GrantError::SamePerson), 175, 0),
    (VaultError::Grant(GrantError::Approver), 176, 0),
    (VaultError::Grant(GrantError::BeyondPolicy), 177, 0),
    (VaultError::Grant(GrantError::NotSigned), 178, 0),
    (VaultError::Grant(GrantError::NotYet), 179, 0),
    (VaultError::Grant(GrantError::Expired), 179, 1),
    (VaultError::Malformed, 181, 0),
    (VaultError::NotOfTheLog, 182, 0),
    (VaultError::WitnessAhead, 183, 0),
    (VaultError::OtherDocument, 188, 0),
    (VaultError::NoPolicy, 189, 0),
    (VaultError::NotFollowed, 190, 0),
    (VaultError::ReportNotGranted, 191, 0),
    (VaultError::NoOpeningLeft, 192, 0),
    (VaultError::UnknownChallenge, 193, 0),
    (VaultError::NotLogged, 194, 0),
    (VaultError::MarkRepeated, 195, 0),
    (VaultError::OtherReport, 196, 0),
    (VaultError::NotAccepted, 197, 0),
    (VaultError::MessagesNotGranted, 198, 0),
    (VaultError::OtherNumber, 230, 0),
    (VaultError::Unreachable, 0, 0),
];

/// The two numbers that stand for an error: the check that failed, and what else it tells.
pub(super) fn code(error: &VaultError) -> (u8, u64) {
    match error {
        VaultError::Policy(PolicyError::Rule { purpose }) => (164, purpose.number().into()),
        VaultError::Policy(PolicyError::Decode(_)) => (162, 0),
        VaultError::TooFewWitnesses { found, quorum } => {
            (182, u64::from(*found) << 32 | u64::from(*quorum))
        }
        VaultError::Older { size } => (184, *size),
        VaultError::OtherEntries { size } => (185, *size),
        VaultError::UnknownEntry { index } => (186, *index),
        VaultError::Rejected { check } => (197, (*check).into()),
        plain => {
            let known = PLAIN.iter().find(|(error, ..)| error == plain);
            known.map_or((0, 0), |(_, check, rest)| (*check, *rest))
        }
    }
}

/// The error for which two numbers stand.
pub(super) fn error(check: u8, rest: u64) -> Option<VaultError> {
    let plain = PLAIN.iter().find(|(_, c, r)| (*c, *r) == (check, rest));
    if let Some((error, ..)) = plain {
        return Some(*error);
    }
    let low = |rest: u64| u32::try_from(rest & 0xffff_ffff).ok();
    Some(match check {
        164 => VaultError::Policy(PolicyError::Rule {
            purpose: Purpose::from_number(u8::try_from(rest).ok()?)?,
        }),
        182 => VaultError::TooFewWitnesses {
            found: low(rest >> 32)?,
            quorum: low(rest)?,
        },
        184 => VaultError::Older { size: rest },
        185 => VaultError::OtherEntries { size: rest },
        186 => VaultError::UnknownEntry { index: rest },
        197 => VaultError::Rejected {
            check: u8::try_from(rest).ok()?,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_code_of_its_own_and_survives_it() {
        let mut errors: Vec<_> = PLAIN.iter().map(|(error, ..)| *error).collect();
        errors.extend(Purpose::ALL.iter().map(|purpose| {
            let purpose = *purpose;
            VaultError::Policy(PolicyError::Rule { purpose })
        }));
        errors.extend([
            VaultError::TooFewWitnesses {
                found: 1,
                quorum: 2,
            },
            VaultError::TooFewWitnesses {
                found: 0,
                quorum: 1,
            },
            VaultError::Older { size: 0 },
            VaultError::OtherEntries { size: u64::MAX },
            VaultError::UnknownEntry { index: 7 },
            VaultError::Rejected { check: 83 },
        ]);
        let mut codes = Vec::new();
        for error in errors {
            let (check, rest) = code(&error);
            assert_eq!(super::error(check, rest), Some(error), "{error:?}");
            codes.push((check, rest));
        }
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert_eq!(error(1, 0), None);
        assert_eq!(error(197, 256), None);
    }
}
