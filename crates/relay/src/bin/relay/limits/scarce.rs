//! What is scarce for all relays of a database together.
//!
//! Each relay keeps a bucket in memory, which refuses at once what is too much for one relay. A
//! database that several relays share keeps one too, so that the limit is exact for all.

/// A burst at once, and then this many per second.
#[derive(Clone, Copy)]
pub struct Rate {
    pub burst: f64,
    pub per_second: f64,
}

impl Rate {
    pub const fn new(burst: f64, per_second: f64) -> Self {
        Self { burst, per_second }
    }
}

/// Something of which the relays of a database give away so much together, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scarce {
    /// New accounts and devices, per address.
    Registrations = 1,
    /// Attempts to report, per account.
    Reports = 2,
    /// Receipts and appeals for which an account has the desk asked.
    Desk = 3,
    /// Rosters that an account publishes.
    RosterChanges = 4,
    /// Groups that an account founds.
    Foundings = 5,
    /// Entries of groups that an account posts.
    GroupEntries = 6,
    /// One-time parts that one account takes from a device of another.
    Taken = 7,
    /// One-time parts that one device hands out.
    OneTime = 8,
    /// The last one-time parts of a device.
    LastOneTime = 9,
}

impl Scarce {
    /// The number of the kind in the database.
    pub const fn number(self) -> u8 {
        self as u8
    }

    pub const fn rate(self) -> Rate {
        match self {
            Self::Registrations => Rate::new(300.0, 0.1),
            Self::Reports => Rate::new(1_000.0, 0.1),
            Self::Desk => Rate::new(1_000.0, 1.0),
            Self::RosterChanges => Rate::new(100.0, 0.1),
            Self::Foundings => Rate::new(50.0, 1.0 / 600.0),
            Self::GroupEntries => Rate::new(100.0, 1.0 / 60.0),
            Self::Taken => Rate::new(5.0, 1.0 / 600.0),
            Self::OneTime => Rate::new(20.0, 1.0 / 60.0),
            Self::LastOneTime => Rate::new(5.0, 1.0 / 600.0),
        }
    }
}
