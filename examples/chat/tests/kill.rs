//! Kills relay, vault, reviewer and clients with SIGKILL at random moments while several accounts
//! exchange messages. With `WAXSEAL_TEST_DATABASE=postgres`, two relays take turns at one address,
//! over one PostgreSQL that is killed as well. Every message must arrive exactly once and be
//! reportable. A report that is submitted twice must count once, and must open. In some rounds an
//! account loses its device, and the others accept its new identity. `devices` does the same with
//! two devices of each of two accounts, and `groups` with two devices of each of five, in three
//! groups.
//!
//! By default there are ten rounds of 100 messages, which take about a minute. Ten rounds of 1,000
//! take some minutes: `cargo test -p waxseal-chat --test kill -- --ignored --nocapture`. The
//! environment variable `WAXSEAL_KILL_SEED` chooses the moments. What a process is doing at each
//! moment depends on the machine.

#![allow(clippy::restriction, reason = "tests")]

#[path = "kill/counts.rs"]
mod counts;
#[path = "kill/devices.rs"]
mod devices;
#[path = "kill/groups.rs"]
mod groups;
#[path = "kill/identity.rs"]
mod identity;
#[path = "kill/killing.rs"]
mod killing;
#[path = "kill/review.rs"]
mod review;
mod world;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use counts::Counts;
use killing::{Fuse, kill_relay};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::Value;
use world::{Ended, World};

const ACCOUNTS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const ROUNDS: usize = 10;
/// The chat's exit code when the relay cannot be reached.
const RELAY_GONE: i32 = 3;
/// Number of messages that each account reports in a round.
const REPORTS: usize = 1;

#[test]
fn nothing_is_lost_or_doubled_in_ten_rounds_of_100() {
    Exchange::new(100, 14, Duration::from_millis(250)).run();
}

#[test]
#[ignore = "ten times as long"]
fn nothing_is_lost_or_doubled_in_ten_rounds_of_1000() {
    Exchange::new(1_000, 40, Duration::from_millis(750)).run();
}

/// A message that an account is to send.
struct Planned {
    from: usize,
    to: usize,
    text: String,
}

struct Exchange {
    world: World,
    seed: u64,
    per_round: usize,
    /// Number of kills attempted in a round. On average, half of them are aimed at clients.
    kills: usize,
    /// Maximum pause between two kills.
    pause: Duration,
    planned: Vec<Planned>,
    /// The first planned message that each account's present home has.
    since: [usize; ACCOUNTS.len()],
    counts: Mutex<Counts>,
    /// How often each account's processes printed each received text.
    printed: Mutex<HashMap<(usize, String), usize>>,
    /// Reported messages, as the reporting account and the text.
    reported: Mutex<BTreeSet<(usize, String)>>,
    /// Number of accounts whose messages of this round have all reached the relay.
    settled: AtomicUsize,
    failed: AtomicBool,
    deadline: Instant,
}

impl Exchange {
    fn new(per_round: usize, kills: usize, pause: Duration) -> Self {
        let seed = std::env::var("WAXSEAL_KILL_SEED").map_or(1, |seed| seed.parse().unwrap());
        println!("WAXSEAL_KILL_SEED={seed}");
        let world = World::with_database("kill", &ACCOUNTS);
        world.make_keys();
        world.start_relay();
        world.start_vault();
        for (account, name) in ACCOUNTS.iter().enumerate() {
            world.chat(account, &["register", name]).output();
        }
        Self {
            world,
            seed,
            per_round,
            kills,
            pause,
            planned: Vec::new(),
            since: [0; ACCOUNTS.len()],
            counts: Mutex::default(),
            printed: Mutex::default(),
            reported: Mutex::default(),
            settled: AtomicUsize::default(),
            failed: AtomicBool::default(),
            // This is generous: a round of 100 messages takes seconds, most of them spent on
            // killing.
            deadline: Instant::now() + Duration::from_secs(300) * (per_round as u32 / 100),
        }
    }

    fn run(mut self) {
        let started = Instant::now();
        for round in 0..ROUNDS {
            let rng = &mut ChaCha20Rng::seed_from_u64(self.seed ^ (round as u64) << 32);
            let changed = self.change_identity(round);
            for number in 0..self.per_round {
                let from = rng.random_range(0..ACCOUNTS.len());
                let to = (from + rng.random_range(1..ACCOUNTS.len())) % ACCOUNTS.len();
                let text = format!(
                    "<{round}.{number}> from {} to {}",
                    ACCOUNTS[from], ACCOUNTS[to]
                );
                self.planned.push(Planned { from, to, text });
            }
            self.round(changed, rng);
            self.check();
            let counts = self.counts();
            println!(
                "round {round}, {:.1} s: {counts:?}",
                started.elapsed().as_secs_f32()
            );
        }
        self.check_reports();
        self.counts().kills().check(&self.world);
    }

    /// Runs one round: every account sends, receives and reports while processes are killed.
    /// The others first accept the new identity of the account `changed`.
    fn round(&self, changed: Option<usize>, rng: &mut ChaCha20Rng) {
        let killer_done = AtomicBool::new(false);
        self.settled.store(0, Ordering::Relaxed);
        let seeds: Vec<u64> = ACCOUNTS.iter().map(|_| rng.random()).collect();
        thread::scope(|scope| {
            let _fuse = Fuse(&self.failed);
            for (account, seed) in seeds.into_iter().enumerate() {
                let killer_done = &killer_done;
                scope.spawn(move || {
                    let _fuse = Fuse(&self.failed);
                    if let Some(changed) = changed.filter(|changed| *changed != account) {
                        self.accept(account, changed);
                    }
                    self.send_all(account);
                    self.settled.fetch_add(1, Ordering::Relaxed);
                    self.receive_all(account);
                    self.report_some(account, &mut ChaCha20Rng::seed_from_u64(seed));
                    while !killer_done.load(Ordering::Relaxed) {
                        self.go_on();
                        self.receive(account);
                    }
                });
            }
            let mut review = ChaCha20Rng::from_rng(rng);
            let done = &killer_done;
            scope.spawn(move || {
                let _fuse = Fuse(&self.failed);
                self.open_at_random(&mut review, done);
            });
            self.kill_at_random(rng);
            killer_done.store(true, Ordering::Relaxed);
        });
    }

    /// Kills the relay, or the process that some account is running, as often as the round demands.
    fn kill_at_random(&self, rng: &mut ChaCha20Rng) {
        for _ in 0..self.kills {
            self.go_on();
            thread::sleep(self.pause.mul_f64(rng.random()));
            match rng.random_range(0..8) {
                0..2 if rng.random_bool(0.3) && self.world.kill_database() => {
                    self.counts().database_kills += 1;
                }
                0..2 => {
                    kill_relay(&self.world);
                    self.counts().relay_kills += 1;
                    // Clients cannot reach the relay for a while.
                    thread::sleep(Duration::from_millis(rng.random_range(0..200)));
                    self.world.start_relay();
                }
                2 => {
                    assert!(self.world.kill_vault(), "the vault ended by itself");
                    self.counts().vault_kills += 1;
                    self.world.start_vault();
                }
                3 => {
                    self.counts().review_kills += usize::from(self.world.kill_reviewer());
                }
                _ => {
                    let account = rng.random_range(0..ACCOUNTS.len());
                    self.counts().client_kills += usize::from(self.world.kill_client(account));
                }
            }
        }
    }

    /// The messages that an account's home must have, sent or received.
    fn planned_of(&self, account: usize) -> impl Iterator<Item = &Planned> {
        let planned = self.planned[self.since[account]..].iter();
        planned.filter(move |planned| planned.from == account || planned.to == account)
    }

    /// Sends an account's messages in interactive mode. After a kill, writes again the messages
    /// that are not in the store.
    fn send_all(&self, account: usize) {
        for attempt in 0.. {
            self.go_on();
            let Some(stored) = self.stored(account) else {
                continue;
            };
            let me = ACCOUNTS[account];
            let sent = stored.iter().filter(|message| message["from"] == me);
            let (confirmed, waiting): (Vec<&Value>, Vec<&Value>) =
                sent.partition(|message| message["reportable"] == true);
            let has = |planned: &Planned| {
                let mut sent = confirmed.iter().chain(&waiting);
                sent.any(|message| message["text"] == planned.text)
            };
            let mut missing = self
                .planned_of(account)
                .filter(|planned| planned.from == account)
                .filter(|planned| !has(planned))
                .peekable();
            if missing.peek().is_none() && waiting.is_empty() {
                return;
            }
            let lines =
                missing.map(|planned| format!("@{} {}\n", ACCOUNTS[planned.to], planned.text));
            let lines: Vec<String> = lines.collect();
            if attempt > 0 {
                self.counts().written_again += lines.len();
                self.counts().sent_again += waiting.len();
            }
            let ended = self
                .world
                .chat_lines(account, &["--verbose"], &lines.concat());
            self.note_shown(account, &ended);
        }
    }

    /// Receives until the store has every message that is planned for an account.
    fn receive_all(&self, account: usize) {
        let mut planned = BTreeSet::new();
        for message in self
            .planned_of(account)
            .filter(|message| message.to == account)
        {
            planned.insert(message.text.as_str());
        }
        loop {
            self.go_on();
            // Once the relay has confirmed every message, a complete fetch must bring them all.
            let settled = self.settled.load(Ordering::Relaxed) == ACCOUNTS.len();
            let fetched = self.receive(account).code() == Some(0);
            let Some(stored) = self.stored(account) else {
                continue;
            };
            let mut missing = planned.clone();
            for message in &stored {
                missing.remove(message["text"].as_str().unwrap());
            }
            if missing.is_empty() {
                return;
            }
            assert!(!(settled && fetched), "lost: {missing:?}");
        }
    }

    fn receive(&self, account: usize) -> Ended {
        let ended = self
            .world
            .chat(account, &["--verbose", "receive", "--json"]);
        self.note_shown(account, &ended);
        ended
    }

    /// Reports some received messages. Repeats each report until it has succeeded twice.
    fn report_some(&self, account: usize, rng: &mut ChaCha20Rng) {
        let stored = loop {
            self.go_on();
            if let Some(stored) = self.stored(account) {
                break stored;
            }
        };
        let me = ACCOUNTS[account];
        let received: Vec<&Value> = stored
            .iter()
            .filter(|message| message["to"] == me)
            .collect();
        for message in received.sample(rng, REPORTS) {
            let id = message["id"].as_str().unwrap();
            let report = ["--verbose", "report", id, "--reason", "spam", "--yes"];
            let mut taken = 0;
            while taken < 2 {
                self.go_on();
                let ended = self.world.chat(account, &report);
                self.note(&ended);
                taken += usize::from(ended.code() == Some(0));
                self.counts().reports_again += usize::from(ended.stdout.contains("it counts once"));
            }
            let text = message["text"].as_str().unwrap().to_owned();
            self.reported.lock().unwrap().insert((account, text));
        }
    }

    /// Reads all messages in an account's store. Returns `None` if the process that reads them was
    /// killed.
    fn stored(&self, account: usize) -> Option<Vec<Value>> {
        let ended = self.world.chat(account, &["messages", "--json"]);
        (!ended.was_killed()).then(|| ended.objects())
    }

    /// Asserts that a process succeeded, was killed, or could not reach the relay.
    fn note(&self, ended: &Ended) {
        let expected = ended.was_killed() || matches!(ended.code(), Some(0 | RELAY_GONE));
        assert!(expected, "{}\n{}", ended.status, ended.stderr);
    }

    /// Checks how a process ended, and records which received messages it showed.
    fn note_shown(&self, account: usize, ended: &Ended) {
        self.note(ended);
        let mut printed = self.printed.lock().unwrap();
        let end = format!(" to {}", ACCOUNTS[account]);
        for line in ended.stdout.lines() {
            // The text is in a line of interactive mode or in an object of `receive --json`.
            let text = line.find('<').map(|start| &line[start..]);
            if let Some(text) = text.and_then(|text| text.split_inclusive(&end).next()) {
                *printed.entry((account, text.to_owned())).or_default() += 1;
            }
        }
    }

    /// Checks, after the last kill of a round, that both sides have each message once and can
    /// report it.
    fn check(&self) {
        for (account, me) in ACCOUNTS.iter().enumerate() {
            self.receive(account);
            let stored = self.stored(account).unwrap();
            let mut expected = BTreeSet::new();
            for planned in self.planned_of(account) {
                let (from, to) = (ACCOUNTS[planned.from], ACCOUNTS[planned.to]);
                expected.insert((from, to, planned.text.as_str()));
            }
            assert_eq!(stored.len(), expected.len(), "{me}");
            for message in &stored {
                let field = |name: &str| message[name].as_str().unwrap();
                assert!(
                    expected.remove(&(field("from"), field("to"), field("text"))),
                    "{message}"
                );
                assert_eq!(message["reportable"], true, "{message}");
            }
        }
        let printed = self.printed.lock().unwrap();
        let mut counts = self.counts();
        counts.messages = self.planned.len();
        counts.lines_repeated = 0;
        for planned in &self.planned {
            let times = printed
                .get(&(planned.to, planned.text.clone()))
                .copied()
                .unwrap_or(0);
            assert!(times > 0, "never shown: {}", planned.text);
            counts.lines_repeated += times - 1;
        }
        assert!(counts.lines_repeated <= counts.client_kills, "{counts:?}");
    }

    /// Panics if the round can no longer succeed.
    fn go_on(&self) {
        assert!(
            !self.failed.load(Ordering::Relaxed),
            "another thread failed"
        );
        assert!(Instant::now() < self.deadline, "the round takes too long");
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap()
    }
}
