//! Defines the reasons for which a message can be reported.

use core::fmt;
use core::str::FromStr;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// Why a message is reported. One byte, 1 to 16, inside the sealed openings: the intake
        /// does not see it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of their numbers.
            pub const ALL: [Self; 16] = [$(Self::$variant),*];

            /// The number on the wire, 1 to 16.
            pub fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The reason with a number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The name, in snake case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

reasons! {
    /// Unsolicited bulk messages.
    Spam = 1, "spam";
    /// Fraud.
    Scam = 2, "scam";
    /// Pretending to be another person.
    Impersonation = 3, "impersonation";
    /// Harassment or bullying.
    Harassment = 4, "harassment";
    /// A threat of violence.
    Threat = 5, "threat";
    /// Hate.
    Hate = 6, "hate";
    /// Publishing private details, or stalking.
    DoxxingStalking = 7, "doxxing_stalking";
    /// Intimate images shared without consent.
    Ncii = 8, "ncii";
    /// Extortion with intimate images.
    Sextortion = 9, "sextortion";
    /// Unsolicited sexual messages.
    UnwantedSexual = 10, "unwanted_sexual";
    /// Child sexual abuse material.
    Csam = 11, "csam";
    /// Grooming of a child.
    Grooming = 12, "grooming";
    /// Trafficking in people.
    Trafficking = 13, "trafficking";
    /// Self-harm by the sender, or urging another person to it.
    SelfHarm = 14, "self_harm";
    /// Terrorism or violent extremism.
    Terrorism = 15, "terrorism";
    /// Anything else; the note says what.
    Other = 16, "other";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(name: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.name() == name)
            .ok_or(UnknownReason)
    }
}

/// No reason has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown reason")]
pub struct UnknownReason;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_reasons_round_trip_by_number_and_by_name() {
        for (number, reason) in (1u8..).zip(Reason::ALL) {
            assert_eq!(reason.number(), number);
            assert_eq!(Reason::from_number(number), Some(reason));
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert_eq!(Reason::from_number(0), None);
        assert_eq!(Reason::from_number(17), None);
        assert_eq!("Spam".parse::<Reason>(), Err(UnknownReason));
    }
}
