//! Two devices that use `waxseal-core` alone, and the network between them.

use rand_chacha::ChaCha20Rng;
use waxseal_core::SessionSet;
use waxseal_core::errors::DecryptError;
use waxseal_core::limits::{MAX_SESSIONS, MAX_SKIPPED_CHAINS};

use crate::device::{Device, DeviceState};
use crate::network::Network;
use crate::rng;
use crate::script::{Action, altered};

/// A message of a [`Pair`]. Its text is the number of the message.
#[derive(Clone, Debug)]
pub struct SentText {
    /// The sending device: 0 or 1.
    pub from: usize,
    /// The sealed message.
    pub bytes: Vec<u8>,
    /// How often the recipient opened the message.
    pub opened: u32,
}

/// Two devices and the network between them.
///
/// A new pair has no session. [`Pair::step`] carries out one [`Action`]: a device seals a message,
/// a packet arrives or is lost, a device restarts, loses its state (all but its identity) or goes
/// back to an old copy of it. [`Pair::settle`] ends the run: the network becomes fair and the
/// devices agree on one session.
///
/// Whenever a message arrives, the pair asserts:
///
/// - If the message opens, it was sent and is unaltered. A message opens at most once, and once
///   more for each time its recipient was rolled back to an old state.
/// - If the message is refused, the recipient's state is as it was before.
/// - The recipient's state stays within its bounds.
/// - The message opens, unless it was opened before or there can be another reason to refuse it
///   (see [`Pair::may_refuse`]).
pub struct Pair {
    /// The devices.
    pub devices: [Device; 2],
    /// The packets between them. A packet is the number of a message.
    pub network: Network<usize>,
    /// Every message that was sealed.
    pub messages: Vec<SentText>,
    /// The source of all randomness.
    pub rng: ChaCha20Rng,
    saved: [Option<DeviceState>; 2],
    /// How often each device was rolled back to an earlier state.
    set_back: [u32; 2],
    /// Whether either device was rolled back or lost its state.
    disturbed: bool,
    starts: [u32; 2],
    rotations: [u32; 2],
    /// For each device, the largest number of messages to it that were missing at one time.
    most_missing: [usize; 2],
}

/// Maximum length of a session in an export, in bytes, without its skipped keys. (waxseal-core,
/// SPEC.md, “Limits”)
const SESSION_LEN: usize = 2_085 + 1_710 + 40 * MAX_SKIPPED_CHAINS;
/// Length of a skipped key in an export, in bytes.
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

    /// Two devices in the middle of a conversation that the first device began.
    #[must_use]
    pub fn talking(seed: u64) -> Self {
        let mut pair = Self::new(seed);
        pair.talk(2);
        pair
    }

    /// Each device sends one message per turn, for this many turns. All messages arrive.
    pub fn talk(&mut self, turns: usize) {
        for turn in 0..turns * 2 {
            let number = self.send(turn % 2);
            self.receive(number)
                .expect("nothing is lost or altered here");
        }
    }

    /// Carries out one action.
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
                    // `receive` has already asserted that a refusal is allowed.
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
            Action::RollBack { who, .. } => {
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
            Action::Resend { .. } | Action::Report { .. } | Action::Delete { .. } => {}
        }
    }

    /// A device starts a new session.
    pub fn start(&mut self, from: usize) {
        self.starts[from] += 1;
        let bundle = self.devices[1 - from].bundle();
        self.devices[from].start(bundle, &mut self.rng);
    }

    /// A device seals a message but does not send it. It starts a session first if it has none.
    /// Returns the message's number.
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

    /// Delivers a message to its recipient, and makes the assertions of [`Pair`].
    ///
    /// # Errors
    /// [`DecryptError`], if the recipient refused the message and can have had a reason.
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
                assert_eq!(
                    *text,
                    number.to_be_bytes(),
                    "message {number} opened as another text"
                );
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
                    "message {number} was refused without a reason: {error}"
                );
                Err(error)
            }
        }
    }

    /// Delivers a forged message, and asserts that the device refuses it.
    pub fn refuse(&mut self, to: usize, bytes: &[u8]) {
        let before = self.devices[to].export();
        assert!(
            self.devices[to].decrypt(bytes).is_err(),
            "a forged message opened"
        );
        assert!(
            self.devices[to].export() == before,
            "a refused message changed the state"
        );
    }

    /// Whether a device can have a reason to refuse a message that it has not opened yet. Reasons
    /// are that state was rolled back or lost, that the device replaced its signed prekeys more
    /// than once, or that a limit may have been exceeded.
    #[must_use]
    pub fn may_refuse(&self, to: usize) -> bool {
        // A device forgets a chain only when messages of eleven chains are missing, and a session
        // only when there are six sessions. It keeps its old signed prekeys through one rotation.
        // Fewer than 1,000 messages exceed no limit on skipped keys.
        let within = self.most_missing[to] <= MAX_SKIPPED_CHAINS
            && self.starts.iter().sum::<u32>() < u32::try_from(MAX_SESSIONS).unwrap()
            && self.rotations[to] <= 1
            && self.messages.len() < 1_000;
        self.disturbed || !within
    }

    /// Number of messages to a device that the device never opened. If the device was rolled back,
    /// all messages to it count.
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
        assert!(
            len <= most,
            "the sessions take {len} bytes, at most {most} are expected"
        );
    }

    /// Asserts forward secrecy: someone who takes a device's state now can open no message that the
    /// device opened before, and none that it sent.
    pub fn assert_forward_secret(&self) {
        for (who, device) in self.devices.iter().enumerate() {
            let mut thief = device.copy();
            for (number, message) in self.messages.iter().enumerate() {
                if message.from == who || (message.opened > 0 && self.set_back[who] == 0) {
                    assert!(
                        thief.decrypt(&message.bytes).is_err(),
                        "the state stolen from device {who} opens message {number}"
                    );
                }
            }
        }
    }

    /// Makes the network fair: from now on every message arrives. A device that refuses a message
    /// starts a new session, as an application would. Asserts that in the end both devices use the
    /// same session.
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
        panic!("the devices cannot get back to one session");
    }

    /// Asserts that both devices send on the same session. Only then does each device take two
    /// ratchet steps when the devices send each other one message.
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
            assert_eq!(
                after[who] - before[who],
                2,
                "device {who} sends on another session"
            );
            assert!(self.devices[who].sessions().is_established());
        }
    }
}
