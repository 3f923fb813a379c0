//! Reasons as categories and keywords of the database.

use waxseal_reporting::reporter::Reason;

use crate::export::{ExportError, invalid};

/// Keywords that an officer can name.
pub(super) const KEYWORDS: [&str; 29] = [
    "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL",
    "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE",
    "KEYWORD_COORDINATED_HARM",
    "KEYWORD_CYBER_BULLYING_INTIMIDATION",
    "KEYWORD_CYBER_HARASSMENT",
    "KEYWORD_CYBER_HARASSMENT_AGAINST_WOMEN",
    "KEYWORD_CYBER_INCITEMENT",
    "KEYWORD_CYBER_STALKING",
    "KEYWORD_CYBER_STALKING_AGAINST_WOMEN",
    "KEYWORD_DEFAMATION",
    "KEYWORD_DISCRIMINATION",
    "KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS",
    "KEYWORD_HATE_SPEECH",
    "KEYWORD_HUMAN_EXPLOITATION",
    "KEYWORD_HUMAN_TRAFFICKING",
    "KEYWORD_ILLEGAL_ORGANIZATIONS",
    "KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING",
    "KEYWORD_INAUTHENTIC_ACCOUNTS",
    "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING",
    "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING_AGAINST_WOMEN",
    "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE",
    "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE_AGAINST_WOMEN",
    "KEYWORD_OTHER",
    "KEYWORD_PHISHING",
    "KEYWORD_PYRAMID_SCHEMES",
    "KEYWORD_SELF_MUTILATION",
    "KEYWORD_SUICIDE",
    "KEYWORD_TERRORIST_CONTENT",
    "KEYWORD_UNSAFE_CHALLENGES",
];

/// The category of a reason. `minor` moves unwanted sexual content to the protection of minors.
pub(super) fn of(reason: Reason, minor: bool) -> Result<&'static str, ExportError> {
    Ok(match reason {
        Reason::UnwantedSexual if minor => "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
        _ if minor => return Err(invalid("minor")),
        Reason::Scam | Reason::Impersonation => "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        Reason::Harassment
        | Reason::DoxxingStalking
        | Reason::Ncii
        | Reason::Sextortion
        | Reason::UnwantedSexual => "STATEMENT_CATEGORY_CYBER_VIOLENCE",
        Reason::Threat | Reason::Trafficking => "STATEMENT_CATEGORY_VIOLENCE",
        Reason::Hate => "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
        Reason::Csam | Reason::Grooming => "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
        Reason::SelfHarm => "STATEMENT_CATEGORY_SELF_HARM",
        Reason::Terrorism => "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        Reason::Spam | Reason::Other => "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        _ => return Err(invalid("reason")),
    })
}

/// The keyword that says the same as a reason, if there is one. A scam need not be phishing, and
/// self-harm need not be suicide.
pub(super) fn keyword(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::Impersonation => Some("KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING"),
        Reason::Harassment => Some("KEYWORD_CYBER_HARASSMENT"),
        Reason::Hate => Some("KEYWORD_HATE_SPEECH"),
        Reason::DoxxingStalking => Some("KEYWORD_CYBER_STALKING"),
        Reason::Ncii | Reason::Sextortion => Some("KEYWORD_NON_CONSENSUAL_IMAGE_SHARING"),
        Reason::Csam => Some("KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"),
        Reason::Grooming => Some("KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS"),
        Reason::Trafficking => Some("KEYWORD_HUMAN_TRAFFICKING"),
        Reason::Terrorism => Some("KEYWORD_TERRORIST_CONTENT"),
        Reason::Spam | Reason::Other => Some("KEYWORD_OTHER"),
        _ => None,
    }
}
