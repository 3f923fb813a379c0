//! Two accounts with two devices each exchange messages while relay and clients are killed. In each
//! round a second device is removed and linked again, and gets the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::Value;

use super::RELAY_GONE;
use super::killing::{Fuse, Kills, Victim};
use super::world::{Ended, World};

/// The homes: a phone and a second device of each account.
const HOMES: [&str; 4] = ["alice", "bob", "laptop", "tablet"];
const ACCOUNTS: [&str; 2] = ["alice", "bob"];
const ROUNDS: usize = 2;
/// Messages that each device sends in a round.
const MESSAGES: usize = 8;
/// Kills attempted while messages are exchanged, and while a device is removed and linked.
const KILLS: [usize; 2] = [12, 4];
const PAUSE: Duration = Duration::from_millis(250);
const LINK_PAUSE: Duration = Duration::from_millis(2_000);

#[test]
fn all_devices_of_two_accounts_have_the_same_messages_after_any_kill() {
    let seed = std::env::var("WAXSEAL_KILL_SEED").map_or(1, |seed| seed.parse().unwrap());
    let world = World::with_database("kill-devices", &HOMES);
    world.make_keys();
    world.start_relay();
    for (home, name) in ACCOUNTS.iter().enumerate() {
        world.chat(home, &["register", name]).output();
    }
    let mut pairs = Pairs {
        world,
        sent: Vec::new(),
        printed: Mutex::default(),
        kills: Mutex::default(),
        failed: AtomicBool::default(),
        deadline: Instant::now() + Duration::from_secs(600),
    };
    for round in 0..ROUNDS {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed ^ (round as u64) << 32);
        let began = Instant::now();
        match round {
            // Both accounts get their second device, and later one of them gets another.
            0 => (0..2).for_each(|account| pairs.link_again(account, rng)),
            _ => pairs.link_again(round % 2, rng),
        }
        let linked = began.elapsed();
        pairs.exchange(round, rng);
        pairs.check();
        println!(
            "round {round}: linked in {:.1} s, all in {:.1} s, {:?}",
            linked.as_secs_f32(),
            began.elapsed().as_secs_f32(),
            pairs.kills.lock().unwrap()
        );
    }
    pairs.kills.lock().unwrap().check(&pairs.world);
}

struct Pairs {
    world: World,
    /// The texts that were sent, with the account that sent them.
    sent: Vec<(usize, String)>,
    /// The texts that each home showed as new.
    printed: Mutex<BTreeSet<(usize, String)>>,
    kills: Mutex<Kills>,
    failed: AtomicBool,
    deadline: Instant,
}

impl Pairs {
    /// Does something while processes of these homes, and the relay, are killed.
    fn while_killed(
        &self,
        homes: &[usize],
        (kills, pause): (usize, Duration),
        rng: &mut ChaCha20Rng,
        work: impl FnOnce(&AtomicBool) + Send,
    ) {
        let killer_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let _fuse = Fuse(&self.failed);
            scope.spawn(|| {
                let _fuse = Fuse(&self.failed);
                work(&killer_done);
            });
            for victim in Victim::draw(kills, 4, rng) {
                self.go_on();
                thread::sleep(pause.mul_f64(rng.random()));
                let home = homes[rng.random_range(0..homes.len())];
                self.kills.lock().unwrap().kill(&self.world, victim, home);
            }
            killer_done.store(true, Ordering::Relaxed);
        });
    }

    /// Removes the second device of an account, if it has one, and links another that gets the
    /// history.
    fn link_again(&self, account: usize, rng: &mut ChaCha20Rng) {
        let (phone, second) = (account, account + 2);
        self.while_killed(&[phone, second], (KILLS[1], LINK_PAUSE), rng, |_| {
            loop {
                self.remove_others(phone);
                drop(std::fs::remove_dir_all(self.world.home(second)));
                let linked = self.world.try_link(phone, second);
                // One that was stopped after it joined has the account, too.
                if linked.is_some() && self.numbers(second).is_some() {
                    break;
                }
                self.go_on();
            }
            self.take_history(phone, second);
        });
    }

    /// Removes all devices of an account but its phone, however often that is killed.
    fn remove_others(&self, phone: usize) {
        loop {
            self.go_on();
            let Some((_, others)) = self.numbers(phone) else {
                continue;
            };
            let Some(other) = others.first() else {
                return;
            };
            let ended = self.world.chat(phone, &["remove-device", other, "--yes"]);
            assert!(ended.code() != Some(2), "{}", ended.stderr);
        }
    }

    /// The number of a home's device, and those of the other devices of its account. `None` if the
    /// home has no account that the relay knows, or the process was killed.
    fn numbers(&self, home: usize) -> Option<(String, Vec<String>)> {
        let ended = self.world.chat(home, &["devices"]);
        if ended.code() != Some(0) {
            return None;
        }
        let lines = ended
            .stdout
            .lines()
            .filter(|line| line.starts_with("device "));
        let (own, others): (Vec<_>, Vec<_>) = lines.partition(|line| line.contains("this device"));
        let number = |line: &&str| line.split(' ').nth(1).unwrap().to_owned();
        Some((number(own.first()?), others.iter().map(number).collect()))
    }

    /// Gets the history from a phone, however often one of both is killed.
    fn take_history(&self, phone: usize, second: usize) {
        while !self.has_all(second) {
            self.go_on();
            let Some((number, _)) = self.numbers(second) else {
                continue;
            };
            let mut asking = self.world.talk(second, &["sync"]);
            if asking.line_with("sync --give").is_some() {
                let given = self.world.chat(phone, &["sync", "--give", &number]);
                if given.code() != Some(0) {
                    asking.kill();
                }
            }
            drop(asking.end());
        }
    }

    /// All devices send at once, and receive.
    fn exchange(&mut self, round: usize, rng: &mut ChaCha20Rng) {
        let text = |home: usize, number| format!("<{round}.{number}> by {}", HOMES[home]);
        let plans: Vec<Vec<String>> = (0..HOMES.len())
            .map(|home| (0..MESSAGES).map(|number| text(home, number)).collect())
            .collect();
        for (home, plan) in plans.iter().enumerate() {
            let texts = plan.iter().map(|text| (home % 2, text.clone()));
            self.sent.extend(texts);
        }
        let (pairs, plans) = (&*self, &plans);
        let kills = (KILLS[0], PAUSE);
        pairs.while_killed(&[0, 1, 2, 3], kills, rng, |killer_done| {
            thread::scope(|scope| {
                for (home, plan) in plans.iter().enumerate() {
                    scope.spawn(move || {
                        let _fuse = Fuse(&pairs.failed);
                        pairs.send_all(home, plan);
                        while !(pairs.has_all(home) && killer_done.load(Ordering::Relaxed)) {
                            pairs.go_on();
                            pairs.receive(home);
                        }
                    });
                }
            });
        });
    }

    /// Sends what is planned for a device, and writes again what a kill left unwritten.
    fn send_all(&self, home: usize, plan: &[String]) {
        loop {
            self.go_on();
            let Some(stored) = self.stored(home) else {
                continue;
            };
            let find = |text: &String| stored.iter().find(|message| message["text"] == *text);
            if plan
                .iter()
                .all(|text| find(text).is_some_and(|one| one["reportable"] == true))
            {
                return;
            }
            let peer = ACCOUNTS[(home + 1) % 2];
            let missing = plan.iter().filter(|text| find(text).is_none());
            let lines: Vec<_> = missing.map(|text| format!("@{peer} {text}\n")).collect();
            let ended = self.world.chat_lines(home, &[], &lines.concat());
            self.note(home, &ended);
        }
    }

    fn receive(&self, home: usize) {
        let ended = self.world.chat(home, &["receive", "--json"]);
        self.note(home, &ended);
    }

    /// Checks how a process ended, and notes what it showed.
    fn note(&self, home: usize, ended: &Ended) {
        let expected = ended.was_killed() || matches!(ended.code(), Some(0 | RELAY_GONE));
        assert!(
            expected,
            "{}: {}\n{}",
            HOMES[home], ended.status, ended.stderr
        );
        let mut printed = self.printed.lock().unwrap();
        for (_, text) in &self.sent {
            if ended.stdout.contains(text) {
                printed.insert((home, text.clone()));
            }
        }
    }

    fn stored(&self, home: usize) -> Option<Vec<Value>> {
        let ended = self.world.chat(home, &["messages", "--json"]);
        (!ended.was_killed()).then(|| ended.objects())
    }

    fn has_all(&self, home: usize) -> bool {
        let Some(stored) = self.stored(home) else {
            return false;
        };
        let stored: BTreeSet<_> = stored
            .iter()
            .map(|one| one["text"].as_str().unwrap())
            .collect();
        self.sent
            .iter()
            .all(|(_, text)| stored.contains(text.as_str()))
    }

    /// Checks that each device has each message once, under one id, and can report it.
    fn check(&self) {
        let mut ids = BTreeMap::new();
        for (home, name) in HOMES.iter().enumerate() {
            self.receive(home);
            let stored = self.stored(home).unwrap();
            assert_eq!(stored.len(), self.sent.len(), "{name}");
            for message in &stored {
                let field = |name: &str| message[name].as_str().unwrap();
                let text = field("text").to_owned();
                let (from, _) = self.sent.iter().find(|(_, sent)| *sent == text).unwrap();
                assert_eq!(field("from"), ACCOUNTS[*from], "{message}");
                assert_eq!(field("to"), ACCOUNTS[1 - from], "{message}");
                assert_eq!(message["reportable"], true, "{message}");
                let id = field("id").to_owned();
                assert_eq!(*ids.entry(text).or_insert_with(|| id.clone()), id);
            }
        }
        // Each user saw each message of the other.
        let printed = self.printed.lock().unwrap();
        for (from, text) in &self.sent {
            let to = 1 - from;
            let is_shown = |home| printed.contains(&(home, text.clone()));
            assert!(is_shown(to) || is_shown(to + 2), "never shown: {text}");
        }
    }

    /// Panics if the test can no longer succeed.
    fn go_on(&self) {
        let has_failed = self.failed.load(Ordering::Relaxed);
        assert!(!has_failed, "another thread failed");
        assert!(Instant::now() < self.deadline, "it takes too long");
    }
}
