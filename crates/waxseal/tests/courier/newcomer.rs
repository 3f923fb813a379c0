//! A new device that joins an account, and the town around it.

use rand_chacha::ChaCha20Rng;
use waxseal::courier::{Courier, Event, Linking, LinkingState, Request};
use waxseal::errors::{JoinError, StateError};
use waxseal::linking::LinkDigits;
use waxseal::{DeviceId, MemoryStore, Timestamp};
use waxseal_world::{Relay, rng};

use crate::disk::{Disk, Stop, Stopped};
use crate::phone::{Phone, Town};

/// How often the town and the new device look what there is to do, in milliseconds.
const STEP_MS: u64 = 500;

/// A device that is being linked.
pub(crate) struct Newcomer {
    pub(crate) linking: Linking<Disk>,
    pub(crate) disk: Disk,
    /// The process ends after this many requests, before the answer comes.
    pub(crate) ends_after: Option<usize>,
    rng: ChaCha20Rng,
}

impl Newcomer {
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        Self::on(Disk::new(MemoryStore::new()), seed, now)
    }

    pub(crate) fn on(disk: Disk, seed: u64, now: Timestamp) -> Self {
        let mut rng = rng(seed);
        Self {
            linking: begin(&disk, now, &mut rng),
            disk,
            ends_after: None,
            rng,
        }
    }

    /// The machine stops in a commit that is `commits_before` further ones away.
    pub(crate) fn stop_in(&mut self, commits_before: u32, way: u32) {
        *self.disk.stop.borrow_mut() = Some(Stop {
            commits_before,
            way,
        });
    }

    /// The process ends and starts again.
    pub(crate) fn restart(&mut self, now: Timestamp) {
        self.linking = begin(&self.disk, now, &mut self.rng);
    }

    /// Does everything that the new device asks for now. Returns how many requests it made.
    pub(crate) fn turn(&mut self, relay: &mut Relay) -> usize {
        let now = relay.provider.now;
        for requests in 0..20 {
            match self.linking.next(now, &mut self.rng) {
                Ok(None) => return requests,
                Ok(Some(Request::Call { id, http, .. })) => {
                    let answer = relay.send(&http);
                    match &mut self.ends_after {
                        Some(0) => {
                            self.ends_after = None;
                            self.restart(now);
                            continue;
                        }
                        Some(left) => *left -= 1,
                        None => {}
                    }
                    self.linking.answer(id, answer, now, &mut self.rng);
                }
                Ok(Some(other)) => panic!("{other:?}"),
                Err(error) => {
                    assert_stopped(&error);
                    self.restart(now);
                }
            }
        }
        panic!("the new device does not come to rest");
    }

    /// The user types the digits.
    pub(crate) fn type_digits(&mut self, digits: &LinkDigits, now: Timestamp) {
        let typed = self.linking.type_digits(digits, now, &mut self.rng);
        if let Err(JoinError::State(_)) = typed {
            self.restart(now);
        }
    }

    /// The phone of the device that has joined.
    pub(crate) fn into_phone(mut self, name: &'static str) -> Phone {
        for _ in 0..3 {
            let courier = match self.linking.into_courier(&mut self.rng) {
                Ok(courier) => courier,
                Err(error) => {
                    assert_stopped(&error);
                    if let Ok(courier) = Courier::open(self.disk.clone()) {
                        return Phone::of(courier, self.disk, name, self.rng);
                    }
                    self.linking = begin(&self.disk, waxseal_world::NOW, &mut self.rng);
                    continue;
                }
            };
            return Phone::of(courier, self.disk, name, self.rng);
        }
        panic!("the store works now");
    }
}

fn begin(disk: &Disk, now: Timestamp, rng: &mut ChaCha20Rng) -> Linking<Disk> {
    for _ in 0..3 {
        match Linking::new(disk.clone(), now, rng) {
            Ok(linking) => return linking,
            Err(error) => assert_stopped(&error),
        }
    }
    panic!("the store works now");
}

fn assert_stopped(error: &JoinError<Stopped>) {
    let is_stopped = matches!(error, JoinError::State(StateError::Store(_)));
    assert!(is_stopped, "{error}");
}

impl Town {
    /// Scans the code of a new device, with the phone of a manager.
    pub(crate) fn scan(&mut self, who: usize, newcomer: &Newcomer) {
        let (now, code) = (self.now(), newcomer.linking.code());
        for _ in 0..3 {
            match self.phones[who].courier.link_device(&code, now) {
                Ok(()) => return,
                Err(_) => self.phones[who].restart(),
            }
        }
        panic!("the store works now");
    }

    /// Lets some time pass for all.
    pub(crate) fn step(&mut self, newcomer: &mut Newcomer) {
        newcomer.turn(&mut self.relay);
        self.turn();
        self.wait(STEP_MS);
    }

    /// The digits that a phone shows.
    pub(crate) fn digits(&self, who: usize) -> Option<LinkDigits> {
        let mut events = self.phones[who].events.iter().rev();
        events.find_map(|event| match event {
            Event::LinkDigits(digits) => Some(digits.clone()),
            _ => None,
        })
    }

    /// Goes on until the new device is in this state.
    pub(crate) fn until(&mut self, newcomer: &mut Newcomer, state: &LinkingState) {
        for _ in 0..200 {
            if newcomer.linking.state() == *state {
                return;
            }
            self.step(newcomer);
        }
        panic!("{:?}", newcomer.linking.state());
    }

    /// Links a new device with the phone of a manager, as a user does. Returns its place among the
    /// phones.
    pub(crate) fn link(&mut self, who: usize, mut newcomer: Newcomer) -> usize {
        for step in 0..400 {
            // A user scans again if nothing happens.
            if step % 30 == 0 && newcomer.linking.state() == LinkingState::Code {
                self.scan(who, &newcomer);
            }
            let digits = self.digits(who);
            match newcomer.linking.state() {
                LinkingState::Welcome => {
                    let name = self.phones[who].name();
                    self.phones.push(newcomer.into_phone(name));
                    self.turn();
                    return self.phones.len() - 1;
                }
                LinkingState::Digits => {
                    if let Some(digits) = digits {
                        let account = newcomer.linking.account().unwrap().me.account;
                        assert_eq!(account, self.phones[who].account());
                        newcomer.type_digits(&digits, self.now());
                    }
                }
                LinkingState::Failed(why) => panic!("{why}"),
                _ => {}
            }
            self.step(&mut newcomer);
        }
        panic!("{:?}", newcomer.linking.state());
    }

    /// Links a new device. Returns its place among the phones.
    pub(crate) fn link_new(&mut self, who: usize, seed: u64) -> usize {
        let newcomer = Newcomer::new(seed, self.now());
        let place = self.link(who, newcomer);
        let linked = |event: &Event| matches!(event, Event::Linked { .. });
        assert!(self.phones[who].count(linked) > 0);
        place
    }

    pub(crate) fn device(&self, who: usize) -> DeviceId {
        self.phones[who].courier.client().me().device
    }
}
