//! The values in entries: day, number, digest, mark, reason.

use core::fmt;

use rand_core::CryptoRng;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// A day: whole days since 1970-01-01, UTC. An entry tells no finer time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// The day of a time in milliseconds since 1970-01-01, UTC.
    pub fn of_ms(now_ms: u64) -> Self {
        let days = now_ms.checked_div(DAY_MS).unwrap_or_default();
        Self(u32::try_from(days).unwrap_or(u32::MAX))
    }

    /// The first millisecond of the day.
    pub fn start_ms(self) -> u64 {
        u64::from(self.0).saturating_mul(DAY_MS)
    }

    /// The first millisecond after the day.
    pub fn end_ms(self) -> u64 {
        self.start_ms().saturating_add(DAY_MS)
    }
}

/// Number of a reason for a report, 1 to 16. `waxseal-reporting` names them in its `Reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(u8);

impl ReasonCode {
    /// The reason with this number; `None` unless it is 1 to 16.
    pub fn from_number(number: u8) -> Option<Self> {
        (1..=16).contains(&number).then_some(Self(number))
    }

    /// The number, 1 to 16.
    pub fn number(self) -> u8 {
        self.0
    }
}

macro_rules! bytes {
    ($(#[$about:meta])* $name:ident, $len:literal) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Makes it from its bytes.
            pub fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                for byte in self.0 {
                    write!(f, "{byte:02x}")?;
                }
                f.write_str(")")
            }
        }
    };
}

bytes! {
    /// Number that joins the entries of one report, one case or one grant. 16 bytes.
    ///
    /// That of a report follows from the report, see
    /// [`ReportDigest::number`](crate::report::ReportDigest::number). All others are random.
    Number, 16
}

bytes! {
    /// Digest of an entry's [`Detail`](super::Detail). 32 bytes.
    Digest, 32
}

bytes! {
    /// Mark of one opening, which the vault computes from grant and ordinal. 16 bytes.
    ///
    /// One mark occurs once in a log, so one opening of a grant is spent once.
    Mark, 16
}

bytes! {
    /// Digest of a policy document. 32 bytes.
    PolicyDigest, 32
}

impl Number {
    /// Draws a number.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}
