//! Two devices on `waxseal-core` alone, and the network between them.

use rand_chacha::ChaCha20Rng;
use waxseal_core::{DecryptError, MAX_SESSIONS, MAX_SKIPPED_CHAINS, SessionSet};

use crate::device::{Device, DeviceState};
use crate::network::Network;
use crate::rng;
use crate::script::{Action, altered};

/// A message of a [`Pair`]; its text is its number.
#[derive(Clone, Debug)]
pub struct SentText {
    /// Who sent it: 0 or 1.
    pub from: usize,
    /// What travels.
    pub bytes: Vec<u8>,
    /// How often it was opened.
    pub opened: u32,
}

/// Two devices and what lies between them.
///
/// Asserted at each step: what opens is what was sent, once, or once more for each time its recipient was set back; what is refused
/// changes nothing; nothing altered opens; the state stays within its bounds; and a message that has no reason not to open does.
pub struct Pair {
    /// The devices.
    pub devices: [Device; 2],
    /// The packets between them: numbers of messages.
    pub network: Network<usize>,
    /// Every message there was.
    pub messages: Vec<SentText>,
    /// Where all randomness comes from.
    pub rng: ChaCha20Rng,
    saved: [Option<DeviceState>; 2],
    /// How often each was set back to an earlier state.
    set_back: [u32; 2],
    /// Whether state was set back or lost, on any side.
    disturbed: bool,
    starts: [u32; 2],
    rotations: [u32; 2],
    most_missing: [usize; 2],
}

/// Bytes of a session in an export, by `waxseal-core`'s specification, “Limits”.
const SESSION_LEN: usize = 2_085 + 1_710 + 40 * MAX_SKIPPED_CHAINS;
/// Bytes of a skipped key in an export.
const SKIPPED_LEN: usize = 84;

impl Pair {
    /// Two devices that do not know each other yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        Self {
            devices: [0, 1].map(|_| Device::new(2, &mut rng)),
            network: Network::default(),
            messages: Vec::new(),
            rng,
            saved: [None, None],
            set_back: [0; 2],
            disturbed: false,
            starts: [0; 2],
            rotations: [0; 2],
            most_missing: [0; 2],
        }
    }

    /// Two devices in the middle of a conversation that the first one began.
    #[must_use]
    pub fn talking(seed: u64) -> Self {
        let mut pair = Self::new(seed);
        pair.talk(2);
        pair
    }

    /// So many turns of one message each, all of which arrive.
    pub fn talk(&mut self, turns: usize) {
        for turn in 0..turns * 2 {
            let number = self.send(turn % 2);
            self.receive(number).expect("a good network");
        }
    }

    /// What happens next.
    pub fn step(&mut self, action: Action) {
        match action {
            Action::Send { from, .. } => self.set_out(from % 2),
            Action::Burst { from, lost, .. } => {
                for _ in 0..lost % 16 {
                    self.send(from % 2);
                }
                self.set_out(from % 2);
            }
            Action::Arrive { packet } => {
                if let Some(flight) = self.network.arrive(packet) {
                    // Whether it may be refused was asserted.
                    let _ = self.receive(flight.packet);
                }
            }
            Action::Repeat { packet } => {
                if let Some(flight) = self.network.repeat(packet) {
                    let _ = self.receive(flight.packet);
                }
            }
            Action::Lose { packet } => drop(self.network.lose(packet)),
            Action::Alter { packet, place } => {
                if let Some(flight) = self.network.peek(packet) {
                    let bytes = &self.messages[flight.packet].bytes;
                    self.refuse(flight.to, &altered(bytes, place, packet));
                }
            }
            Action::Cut { .. } => self.network.cut(0, 1),
            Action::Start { from, .. } => self.start(from % 2),
            Action::Restart { who } => {
                let state = self.devices[who % 2].export();
                self.devices[who % 2].import(&state);
            }
            Action::Save { who } => self.saved[who % 2] = Some(self.devices[who % 2].export()),
            Action::RollBack { who } => {
                if let Some(state) = &self.saved[who % 2] {
                    self.devices[who % 2].import(state);
                    self.set_back[who % 2] += 1;
                    self.disturbed = true;
                }
            }
            Action::StartOver { who } => {
                self.devices[who % 2].start_over(&mut self.rng);
                self.disturbed = true;
            }
            Action::Publish { who, rotate } => {
                self.rotations[who % 2] += u32::from(rotate);
                self.devices[who % 2].renew_prekeys(rotate, &mut self.rng);
            }
            Action::Resend { .. } | Action::Report { .. } => {}
        }
    }

    /// A device starts a session, or another one.
    pub fn start(&mut self, from: usize) {
        self.starts[from] += 1;
        let bundle = self.devices[1 - from].bundle();
        self.devices[from].start(bundle, &mut self.rng);
    }

    /// A device seals a message, which does not set out by itself. Returns its number.
    pub fn send(&mut self, from: usize) -> usize {
        if self.devices[from].sessions.is_none() {
            self.start(from);
        }
        let number = self.messages.len();
        let bytes = self.devices[from].encrypt(&number.to_be_bytes(), &mut self.rng);
        self.messages.push(SentText {
            from,
            bytes,
            opened: 0,
        });
        let missing = self.missing(1 - from);
        self.most_missing[1 - from] = self.most_missing[1 - from].max(missing);
        number
    }

    fn set_out(&mut self, from: usize) {
        let number = self.send(from);
        self.network.send(from, 1 - from, number);
    }

    /// A message arrives.
    ///
    /// # Errors
    /// [`DecryptError`], if there may be a reason.
    pub fn receive(&mut self, number: usize) -> Result<(), DecryptError> {
        let SentText {
            from,
            opened,
            bytes,
        } = self.messages[number].clone();
        let to = 1 - from;
        let before = self.devices[to].export();
        match self.devices[to].decrypt(&bytes) {
            Ok(text) => {
                assert_eq!(*text, number.to_be_bytes(), "another text than was sent");
                assert!(opened <= self.set_back[to], "message {number} opened twice");
                self.messages[number].opened += 1;
                self.assert_bounded(to);
                self.devices[to].assert_parts();
                Ok(())
            }
            Err(error) => {
                assert!(
                    self.devices[to].export() == before,
                    "a refused message changed the state"
                );
                assert!(
                    opened > 0 || self.may_refuse(to),
                    "message {number} was refused: {error}"
                );
                Err(error)
            }
        }
    }

    /// Something that nobody sent arrives.
    pub fn refuse(&mut self, to: usize, bytes: &[u8]) {
        let before = self.devices[to].export();
        assert!(
            self.devices[to].decrypt(bytes).is_err(),
            "something that nobody sent opened"
        );
        assert!(
            self.devices[to].export() == before,
            "a refused message changed the state"
        );
    }

    /// Whether there can be a reason to refuse a first copy: state was set back or lost, a limit may have been passed.
    #[must_use]
    pub fn may_refuse(&self, to: usize) -> bool {
        // A chain is forgotten only when eleven lack messages, a session only when there are six.
        let within = self.most_missing[to] <= MAX_SKIPPED_CHAINS
            && self.starts.iter().sum::<u32>() < u32::try_from(MAX_SESSIONS).unwrap()
            && self.rotations[to] <= 1
            && self.messages.len() < 1_000;
        self.disturbed || !within
    }

    /// How many messages to a device it never opened.
    fn missing(&self, to: usize) -> usize {
        let theirs = self.messages.iter().filter(|message| message.from != to);
        theirs
            .filter(|message| message.opened == 0 || self.set_back[to] > 0)
            .count()
    }

    fn assert_bounded(&self, who: usize) {
        let Some(sessions) = &self.devices[who].sessions else {
            return;
        };
        assert!(sessions.count() <= MAX_SESSIONS);
        let most = 29 + sessions.count() * SESSION_LEN + SKIPPED_LEN * self.missing(who);
        let len = sessions.export().len();
        assert!(len <= most, "{len} bytes are stored, of at most {most}");
    }

    /// Forward secrecy: who takes a device's state now opens nothing that was opened before, and nothing that it sent.
    pub fn assert_forward_secret(&self) {
        for (who, device) in self.devices.iter().enumerate() {
            let mut thief = device.copy();
            for (number, message) in self.messages.iter().enumerate() {
                if message.from == who || (message.opened > 0 && self.set_back[who] == 0) {
                    assert!(
                        thief.decrypt(&message.bytes).is_err(),
                        "the state of {who} opens message {number} again"
                    );
                }
            }
        }
    }

    /// From now on the network is fair, and the devices do what an application does about what they refuse: in the end both converse on
    /// one session.
    pub fn settle(&mut self) {
        self.network.join();
        while let Some(flight) = self.network.arrive(0) {
            let _ = self.receive(flight.packet);
        }
        let mut understood = 0;
        for turn in 0..16 {
            let from = turn % 2;
            let number = self.send(from);
            if self.receive(number).is_ok() {
                understood += 1;
            } else {
                understood = 0;
                self.start(1 - from);
            }
            if understood >= 4 && from == 1 {
                return self.assert_one_session();
            }
        }
        panic!("the two do not understand each other any more");
    }

    /// Each turn of the conversation takes two steps on both sides, as only a session that both send on does.
    fn assert_one_session(&mut self) {
        let steps = |pair: &Self| {
            let sessions = pair.devices.iter().map(|device| device.sessions.as_ref());
            let steps = sessions.map(|sessions| sessions.map_or(0, SessionSet::dh_ratchet_steps));
            steps.collect::<Vec<_>>()
        };
        let before = steps(self);
        self.talk(1);
        let after = steps(self);
        for who in [0, 1] {
            assert_eq!(after[who] - before[who], 2, "one session for both");
            assert!(self.devices[who].sessions().is_established());
        }
    }
}
