//! Steps of a household. Each takes three bytes, so any bytes are a script.

/// What goes wrong when a message is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing. If the relay names other devices, the message is sealed for them and posted again.
    Delivered,
    /// The answer is lost. The message stays in the outbox.
    AnswerLost,
    /// If the relay names other devices, the message is sealed for them, and the process ends.
    SealedAlone,
}

/// One thing that happens in a [`Household`](super::Household). Numbers of devices and accounts are
/// taken modulo the number that exist.
#[expect(
    missing_docs,
    reason = "the fields are numbers of devices and accounts"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A device seals a message to the other account. It may fetch the prekeys of devices without a
    /// session before.
    Write { who: usize, fetches: bool },
    /// A device posts a message of its outbox.
    Post {
        who: usize,
        which: usize,
        fate: Fate,
    },
    /// A delivery that waits for a device arrives. The acknowledgement may be lost.
    Arrive {
        who: usize,
        which: usize,
        is_acknowledged: bool,
    },
    /// A device restarts: it stores everything and reads it back.
    Restart { who: usize },
    /// A manager links a new device, and signs the roster with it.
    Link { account: usize },
    /// A manager signs a roster without another device.
    Remove { account: usize, which: usize },
    /// A device signs a roster without the managers, with the account's recovery secret.
    TakeOver { who: usize },
    /// A device posts the roster that it signed. The answer may be lost.
    PostRoster { who: usize, is_answered: bool },
    /// A device publishes prekeys.
    Publish { who: usize },
    /// A device fetches a roster.
    Fetch { who: usize, of: usize },
    /// A device does what keeps messages from being lost.
    Upkeep { who: usize },
}

impl From<[u8; 3]> for Step {
    fn from([kind, a, b]: [u8; 3]) -> Self {
        let (who, other) = (usize::from(a), usize::from(b));
        match kind % 32 {
            0..7 => Self::Write {
                who,
                fetches: b & 1 == 0,
            },
            7..14 => Self::Post {
                who,
                which: usize::from(b & 0x3f),
                fate: match b >> 6 {
                    0 | 1 => Fate::Delivered,
                    2 => Fate::AnswerLost,
                    _ => Fate::SealedAlone,
                },
            },
            14..21 => Self::Arrive {
                who,
                which: usize::from(b & 0x7f),
                is_acknowledged: b & 0x80 == 0,
            },
            21 => Self::Restart { who },
            22 | 23 => Self::Link { account: who },
            24 => Self::Remove {
                account: who,
                which: other,
            },
            25 => Self::TakeOver { who },
            26 | 27 => Self::PostRoster {
                who,
                is_answered: b & 3 != 3,
            },
            28 => Self::Publish { who },
            29 => Self::Fetch { who, of: other },
            _ => Self::Upkeep { who },
        }
    }
}

impl Step {
    /// Maximum number of steps in a script.
    pub const MAX_STEPS: usize = 100;

    /// The steps of a script, of which up to two bytes at the end are left over.
    pub fn script(bytes: &[u8]) -> impl Iterator<Item = Self> {
        let steps = bytes.as_chunks::<3>().0.iter();
        steps.take(Self::MAX_STEPS).map(|step| Self::from(*step))
    }
}
