//! Five accounts with two devices each write in three groups while relay and clients are killed.
//! Every device of every member must have every message once.

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

/// The homes: a phone of each account, then a second device of each.
const HOMES: [&str; 10] = [
    "alice", "bob", "carol", "dave", "erin", "laptop-a", "laptop-b", "laptop-c", "laptop-d",
    "laptop-e",
];
const ACCOUNTS: usize = 5;
/// Titles and members. The first one founds the group.
const GROUPS: [(&str, &[usize]); 3] = [
    ("red", &[0, 1, 2, 3, 4]),
    ("green", &[1, 0, 2]),
    ("blue", &[2, 3, 4]),
];
/// Messages that each device sends to each of its groups in a round.
const MESSAGES: usize = 2;
/// Kills attempted in a round.
const KILLS: usize = 15;
const PAUSE: Duration = Duration::from_millis(500);

#[test]
fn all_devices_of_three_groups_have_each_message_once_after_any_kill() {
    run(1);
}

#[test]
#[ignore = "five times as long"]
fn all_devices_of_three_groups_have_each_message_once_in_ten_rounds() {
    run(10);
}

fn run(rounds: usize) {
    let seed = std::env::var("WAXSEAL_KILL_SEED").map_or(1, |seed| seed.parse().unwrap());
    let world = World::with_database("kill-groups", &HOMES);
    world.make_keys();
    world.start_relay();
    let mut crowd = Crowd {
        world,
        ids: Vec::new(),
        sent: Vec::new(),
        kills: Mutex::default(),
        failed: AtomicBool::default(),
        deadline: Instant::now() + Duration::from_secs(600),
    };
    let began = Instant::now();
    crowd.found();
    println!("founded in {:.1} s", began.elapsed().as_secs_f32());
    for round in 0..rounds {
        crowd.deadline = Instant::now() + Duration::from_secs(600);
        let rng = &mut ChaCha20Rng::seed_from_u64(seed ^ (round as u64) << 32);
        let began = Instant::now();
        crowd.exchange(round, rng);
        crowd.check();
        println!(
            "round {round}: {:.1} s, {:?}",
            began.elapsed().as_secs_f32(),
            crowd.kills.lock().unwrap()
        );
    }
    crowd.kills.lock().unwrap().check(&crowd.world);
}

/// A text that a home sends to a group.
struct Sent {
    home: usize,
    group: usize,
    text: String,
}

struct Crowd {
    world: World,
    /// The beginning of the id of each group. Devices that were not invited know no titles.
    ids: Vec<String>,
    sent: Vec<Sent>,
    kills: Mutex<Kills>,
    failed: AtomicBool,
    deadline: Instant,
}

fn is_in(home: usize, group: usize) -> bool {
    GROUPS[group].1.contains(&(home % ACCOUNTS))
}

impl Crowd {
    /// Registers the accounts, links their second devices, and founds the groups.
    fn found(&mut self) {
        let crowd = &*self;
        thread::scope(|scope| {
            for (home, name) in HOMES.iter().enumerate().take(ACCOUNTS) {
                scope.spawn(move || {
                    let _fuse = Fuse(&crowd.failed);
                    crowd.world.chat(home, &["register", name]).output();
                    crowd.link(home);
                });
            }
        });
        for (title, members) in GROUPS {
            let founder = members[0];
            let founded = self.world.chat(founder, &["group", "new", title]).output();
            let id = founded.split(['(', ')']).nth(1);
            self.ids.push(id.unwrap().to_owned());
            for member in &members[1..] {
                let name = HOMES[*member];
                let invite = ["group", "invite", title, name];
                self.world.chat(founder, &invite).output();
                self.world.chat(*member, &["receive"]).output();
                let accept = ["group", "accept", title];
                self.world.chat(*member, &accept).output();
                self.world.chat(founder, &["receive"]).output();
            }
        }
        while !(0..HOMES.len()).all(|home| self.knows_its_groups(home)) {
            self.go_on();
        }
    }

    /// Links the second device of an account.
    fn link(&self, home: usize) {
        let second = home + ACCOUNTS;
        // On a busy machine, a link can take too long.
        let has_linked =
            |(phone, laptop): (Ended, Ended)| phone.code() == Some(0) && laptop.code() == Some(0);
        while !self.world.try_link(home, second).is_some_and(has_linked) {
            self.go_on();
            drop(std::fs::remove_dir_all(self.world.home(second)));
        }
    }

    /// Whether a device knows all members of its groups. It receives first.
    fn knows_its_groups(&self, home: usize) -> bool {
        self.receive(home);
        let mut groups = (0..GROUPS.len()).filter(|group| is_in(home, *group));
        groups.all(|group| {
            let ended = self
                .world
                .chat(home, &["group", "members", &self.ids[group]]);
            ended.code() == Some(0) && ended.stdout.lines().count() == GROUPS[group].1.len()
        })
    }

    /// All devices send to their groups at once, and receive, while processes are killed.
    fn exchange(&mut self, round: usize, rng: &mut ChaCha20Rng) {
        let before = self.sent.len();
        for (home, by) in HOMES.iter().enumerate() {
            for group in (0..GROUPS.len()).filter(|group| is_in(home, *group)) {
                for number in 0..MESSAGES {
                    let to = GROUPS[group].0;
                    let text = format!("<{round}.{number}> by {by} to {to}");
                    self.sent.push(Sent { home, group, text });
                }
            }
        }
        let (crowd, killer_done) = (&*self, &AtomicBool::new(false));
        // A device that has everything goes on receiving: others may ask it for a message that they
        // could not open.
        let complete = &Mutex::new(BTreeSet::new());
        let plan = &crowd.sent[before..];
        thread::scope(|scope| {
            let _fuse = Fuse(&crowd.failed);
            for home in 0..HOMES.len() {
                scope.spawn(move || {
                    let _fuse = Fuse(&crowd.failed);
                    crowd.send_all(home, plan);
                    while complete.lock().unwrap().len() < HOMES.len() {
                        crowd.go_on();
                        crowd.receive(home);
                        if killer_done.load(Ordering::Relaxed) && crowd.has_all(home) {
                            complete.lock().unwrap().insert(home);
                        }
                    }
                });
            }
            for victim in Victim::draw(KILLS, 5, rng) {
                crowd.go_on();
                thread::sleep(PAUSE.mul_f64(rng.random()));
                let home = rng.random_range(0..HOMES.len());
                crowd.kills.lock().unwrap().kill(&crowd.world, victim, home);
            }
            killer_done.store(true, Ordering::Relaxed);
        });
    }

    /// Sends what is planned for a device, and writes again what a kill left unwritten.
    fn send_all(&self, home: usize, plan: &[Sent]) {
        let own = || plan.iter().filter(|sent| sent.home == home);
        loop {
            self.go_on();
            let Some(stored) = self.stored(home) else {
                continue;
            };
            let find = |sent: &Sent| stored.iter().find(|message| message["text"] == *sent.text);
            if own().all(|sent| find(sent).is_some_and(|one| one["reportable"] == true)) {
                return;
            }
            let missing = own().filter(|sent| find(sent).is_none());
            let lines: Vec<_> = missing
                .map(|sent| format!("#{} {}\n", self.ids[sent.group], sent.text))
                .collect();
            let ended = self.world.chat_lines(home, &[], &lines.concat());
            self.check_end(home, &ended);
        }
    }

    fn receive(&self, home: usize) {
        let ended = self.world.chat(home, &["receive", "--json"]);
        self.check_end(home, &ended);
    }

    fn check_end(&self, home: usize, ended: &Ended) {
        let expected = ended.was_killed() || matches!(ended.code(), Some(0 | RELAY_GONE));
        assert!(
            expected,
            "{}: {}\n{}",
            HOMES[home], ended.status, ended.stderr
        );
    }

    /// The texts in groups that a device stores. `None` if the process was killed.
    fn stored(&self, home: usize) -> Option<Vec<Value>> {
        let ended = self.world.chat(home, &["messages", "--json"]);
        let objects = (!ended.was_killed()).then(|| ended.objects());
        let is_text = |one: &Value| !one["group"].is_null() && !one["text"].is_null();
        objects.map(|all| all.into_iter().filter(is_text).collect())
    }

    fn has_all(&self, home: usize) -> bool {
        let Some(stored) = self.stored(home) else {
            return false;
        };
        let texts = stored.iter().map(|one| one["text"].as_str().unwrap());
        let texts: BTreeSet<_> = texts.collect();
        let mut expected = self.sent.iter().filter(|sent| is_in(home, sent.group));
        expected.all(|sent| texts.contains(sent.text.as_str()))
    }

    /// Checks that each device has each message of its groups once, under one id, from the account
    /// that sent it, in one group, and can report it.
    fn check(&self) {
        let (mut ids, mut groups) = (BTreeMap::new(), BTreeMap::new());
        for (home, name) in HOMES.iter().enumerate() {
            self.receive(home);
            let stored = self.stored(home).unwrap();
            let expected = self.sent.iter().filter(|sent| is_in(home, sent.group));
            assert_eq!(stored.len(), expected.count(), "{name}");
            for message in &stored {
                let field = |name: &str| message[name].as_str().unwrap().to_owned();
                let text = field("text");
                let sent = self.sent.iter().find(|sent| sent.text == text).unwrap();
                assert_eq!(field("from"), HOMES[sent.home % ACCOUNTS], "{message}");
                assert_eq!(message["reportable"], true, "{message}");
                let id = ids.entry(text).or_insert_with(|| field("id"));
                assert_eq!(*id, field("id"), "{message}");
                let group = groups.entry(sent.group).or_insert_with(|| field("group"));
                assert_eq!(*group, field("group"), "{message}");
            }
        }
    }

    /// Panics if the test can no longer succeed.
    fn go_on(&self) {
        let has_failed = self.failed.load(Ordering::Relaxed);
        assert!(!has_failed, "another thread failed");
        assert!(Instant::now() < self.deadline, "it takes too long");
    }
}
