//! What happens, in which order: three bytes an action, so that any bytes are a script, and changing one changes one action.

/// One thing that happens. Numbers of devices and packets are taken modulo how many there are.
#[expect(missing_docs, reason = "the fields are numbers of devices and packets")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A device sends a message; without a session it starts one.
    Send { from: usize, to: usize },
    /// A device sends many, of which only the last sets out.
    Burst { from: usize, to: usize, lost: usize },
    /// A packet on its way arrives, whichever: so packets are late and overtake each other.
    Arrive { packet: usize },
    /// A packet that arrived before arrives again.
    Repeat { packet: usize },
    /// A packet is lost.
    Lose { packet: usize },
    /// A packet arrives altered.
    Alter { packet: usize, place: u8 },
    /// Between two devices nothing arrives any more, or again.
    Cut { one: usize, other: usize },
    /// A device starts a session, or another one.
    Start { from: usize, to: usize },
    /// A device stores everything and reads it back.
    Restart { who: usize },
    /// A copy is made of everything a device stores.
    Save { who: usize },
    /// The copy is restored.
    RollBack { who: usize },
    /// A device loses all it stored.
    StartOver { who: usize },
    /// A device makes new prekeys, which set out to the provider.
    Publish { who: usize, rotate: bool },
    /// A device sends again what is not confirmed.
    Resend { who: usize },
    /// A device reports what it received from another.
    Report { who: usize, about: usize },
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
            57 => Self::RollBack { who: one },
            58 => Self::StartOver { who: one },
            59 => Self::Publish {
                who: one,
                rotate: b & 1 == 1,
            },
            60 | 61 => Self::Resend { who: one },
            _ => Self::Report {
                who: one,
                about: other,
            },
        }
    }
}

/// `bytes` with one bit changed: one of the last 128 bytes, or of all of them.
pub(crate) fn altered(bytes: &[u8], place: u8, bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = match usize::from(place) {
        near if near < 128 => bytes.len().saturating_sub(near + 1),
        far => (far - 128) * bytes.len() / 128,
    };
    bytes[place] ^= 1 << (bit % 8);
    bytes
}

/// Bytes as the actions they stand for. What is left over at the end does nothing.
#[derive(Clone, Debug)]
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// Longest script that is played. More would only be slower: limits have tests of their own.
    pub const MAX_ACTIONS: usize = 120;

    /// A script of at most [`Script::MAX_ACTIONS`] actions.
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
