//! A script is a list of actions. Each action takes three bytes, so any bytes are a script, and
//! changing one byte changes at most one action.

/// One thing that happens in a simulation. Numbers of devices and packets are taken modulo the
/// number that exist.
#[expect(missing_docs, reason = "the fields are numbers of devices and packets")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A device sends a message. It starts a session first if it has none.
    Send { from: usize, to: usize },
    /// A device seals several messages and sends only the last.
    Burst { from: usize, to: usize, lost: usize },
    /// A packet in flight arrives. Any packet can be chosen, so packets are late and overtake each
    /// other.
    Arrive { packet: usize },
    /// A packet that arrived before arrives again.
    Repeat { packet: usize },
    /// A packet is lost.
    Lose { packet: usize },
    /// A copy of a packet arrives with one bit altered. The packet itself stays in flight.
    Alter { packet: usize, place: u8 },
    /// The line between two devices is cut, or joined again.
    Cut { one: usize, other: usize },
    /// A device starts a new session.
    Start { from: usize, to: usize },
    /// A device restarts: it stores everything and reads it back.
    Restart { who: usize },
    /// A copy is made of a device's store; in a `Pair`, of its prekeys and sessions.
    Save { who: usize },
    /// A device goes back to the last copy that `Save` made.
    RollBack { who: usize, sign_in: SignIn },
    /// A device loses everything that it stored; in a `Pair`, everything except its identity.
    StartOver { who: usize },
    /// A device makes new prekeys and sends them to the provider.
    Publish { who: usize, rotate: bool },
    /// A device sends its unconfirmed messages again. Does nothing in a `Pair`.
    Resend { who: usize },
    /// A device reports the messages that it exchanged with another device. Does nothing in a
    /// `Pair`.
    Report { who: usize, about: usize },
    /// A device deletes the conversation with another device, or forgets it. Does nothing in a
    /// `Pair`.
    Delete {
        who: usize,
        about: usize,
        forget: bool,
    },
}

/// When a device that went back to an earlier copy signs in, and so compares its store with the
/// mark that the provider keeps. Has no meaning in a `Pair`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// It does not, or the provider withholds the mark.
    Never,
    /// Before it next sends its unconfirmed messages again. It may seal some before that.
    Later,
    /// At once.
    AtOnce,
}

impl From<u8> for SignIn {
    fn from(byte: u8) -> Self {
        match byte {
            0..0x40 => Self::Never,
            0x40..0x80 => Self::Later,
            _ => Self::AtOnce,
        }
    }
}

impl From<[u8; 3]> for Action {
    fn from([kind, a, b]: [u8; 3]) -> Self {
        let (one, other) = (usize::from(a), usize::from(b));
        let packet = one | other << 8;
        match kind % 64 {
            0..20 => Self::Send {
                from: one,
                to: other,
            },
            20..44 => Self::Arrive { packet },
            44..47 => Self::Repeat { packet },
            47..49 => Self::Lose { packet },
            49..51 => Self::Alter {
                packet: one,
                place: b,
            },
            51 => Self::Burst {
                from: one,
                to: one >> 4,
                lost: other,
            },
            52 => Self::Cut { one, other },
            53 => Self::Start {
                from: one,
                to: other,
            },
            54 | 55 => Self::Restart { who: one },
            56 => Self::Save { who: one },
            57 => Self::RollBack {
                who: one,
                sign_in: SignIn::from(b),
            },
            58 => Self::StartOver { who: one },
            59 => Self::Publish {
                who: one,
                rotate: b & 1 == 1,
            },
            60 | 61 => Self::Resend { who: one },
            62 => Self::Report {
                who: one,
                about: other,
            },
            _ => Self::Delete {
                who: one,
                about: other,
                forget: other & 0x80 != 0,
            },
        }
    }
}

/// Returns `bytes` with one bit flipped.
///
/// A `place` below 128 counts bytes from the end; 0 is the last byte. From 128 on, the places are
/// spread evenly over all bytes.
pub(crate) fn altered(bytes: &[u8], place: u8, bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = match usize::from(place) {
        near if near < 128 => bytes.len().saturating_sub(near + 1),
        far => (far - 128) * bytes.len() / 128,
    };
    bytes[place] ^= 1 << (bit % 8);
    bytes
}

/// A list of actions, read from bytes. Up to two bytes that are left over at the end are ignored.
///
/// Iterating takes actions off the front of the script.
#[derive(Clone, Debug)]
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// Maximum number of actions in a script. Longer scripts would only be slower, because other
    /// tests cover the limits.
    pub const MAX_ACTIONS: usize = 120;

    /// A script of the actions in `bytes`, at most the first [`Script::MAX_ACTIONS`].
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(&bytes[..bytes.len().min(3 * Self::MAX_ACTIONS)])
    }
}

impl Iterator for Script<'_> {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        let (action, rest) = self.0.split_first_chunk::<3>()?;
        self.0 = rest;
        Some(Action::from(*action))
    }
}
