//! Two processes on one store, an application and its notification extension, one of which is
//! killed again and again. The test starts itself as these processes.
#![cfg(unix)] // a killed process is ended by a signal
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use waxseal::errors::{ReceiveError, StateError};
use waxseal::{Client, FrankingTag, Received, SqliteError, SqliteStore, Store, StoreKey};
use waxseal_world::{NOW, Provider, account, address, text_of};

const ROLE: &str = "WAXSEAL_TEST_ROLE";
const HOME: &str = "WAXSEAL_TEST_HOME";
/// Messages that the processes send together, and kills, before the test ends: a fast machine sends
/// all messages before the first kill.
const ROUNDS: usize = 120;
const KILLS: u64 = 4;

fn open(home: &Path) -> Client<SqliteStore> {
    let key = StoreKey::from_bytes([7; 32]);
    Client::open(SqliteStore::open_shared(home.join("store"), &key).unwrap()).unwrap()
}

fn hex(tag: &FrankingTag) -> String {
    let bytes = tag.as_bytes().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file that others see whole or not at all.
fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let new = folder.join(format!(".{name}.{}", std::process::id()));
    fs::write(&new, bytes).unwrap();
    fs::rename(new, folder.join(name)).unwrap();
}

fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let named = entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path));
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

fn is_stale(error: &ReceiveError<SqliteError>) -> bool {
    matches!(
        error,
        ReceiveError::State(StateError::Store(SqliteError::Stale))
    )
}

/// What each process does: it receives every delivery, notes those that it shows, and sends.
fn process(role: &str, home: &Path) {
    let mut alice = open(home);
    let rng = &mut rand::rng();
    let mut done = BTreeSet::new();
    let mut shown = fs::OpenOptions::new();
    let shown = shown.create(true).append(true);
    let mut shown = shown.open(home.join(format!("shown.{role}"))).unwrap();
    while !home.join("stop").exists() {
        // The application reads its own file once in a while, for a backup. On POSIX systems it
        // loses its locks on this file by that.
        drop(fs::read(home.join("store")).unwrap());
        for (name, path) in files(&home.join("in")) {
            if done.contains(&name) {
                continue;
            }
            match alice.receive(&fs::read(path).unwrap()) {
                Ok(Received::Message { message, .. }) => {
                    writeln!(shown, "{}", hex(message.id())).unwrap();
                }
                Ok(_) => {}
                Err(error) if is_stale(&error) => continue,
                Err(error) => panic!("{role}: {error:?}"),
            }
            done.insert(name);
        }
        match alice.send(&account("bob"), role, NOW, rng) {
            Ok(sent) => put(&home.join("out"), &hex(&sent.id), &sent.envelope),
            Err(waxseal::errors::SendError::State(StateError::Store(SqliteError::Stale))) => {}
            Err(error) => panic!("{role}: {error:?}"),
        }
    }
}

fn start(role: &str, home: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "two_processes_share_a_store_while_one_is_killed"])
        .env(ROLE, role)
        .env(HOME, home)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn two_processes_share_a_store_while_one_is_killed() {
    if let Ok(role) = std::env::var(ROLE) {
        process(&role, Path::new(&std::env::var(HOME).unwrap()));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    for name in ["in", "out"] {
        fs::create_dir(home.join(name)).unwrap();
    }
    let mut world = Provider::new(7);
    let key = StoreKey::from_bytes([7; 32]);
    let store = SqliteStore::open_shared(home.join("store"), &key).unwrap();
    let mut alice = world.register_in(store, "alice");
    let mut bob = world.register("bob");
    world.start(&mut alice, &account("bob"));
    world.exchange(&mut alice, &mut bob, "hello");
    world.exchange(&mut bob, &mut alice, "hello");
    drop(alice);

    let mut application = start("application", home);
    let mut extension = start("extension", home);
    let (mut opened, mut delivered) = (BTreeSet::new(), BTreeSet::new());
    let (mut kills, mut next_kill) = (0, Instant::now() + Duration::from_millis(200));
    let end = Instant::now() + Duration::from_secs(120);
    let mut open_at_bob = |name: &str, envelope: &[u8], world: &mut Provider| {
        let (delivery, _) = world.relay_as(&address("alice"), &address("bob"), envelope);
        // If two messages were sealed under one key, only one of them would open.
        let text = text_of(bob.receive(&delivery).unwrap());
        assert!(["application", "extension"].contains(&text.as_str()));
        let answer = bob.send(&account("alice"), "answer", NOW, &mut world.rng);
        let answer = answer.unwrap();
        let (delivery, _) = world.relay_as(&address("bob"), &address("alice"), &answer.envelope);
        (name.to_owned(), answer.id, delivery)
    };
    while (opened.len() < ROUNDS || kills < KILLS) && Instant::now() < end {
        for (name, path) in files(&home.join("out")) {
            if opened.contains(&name) {
                continue;
            }
            let envelope = fs::read(path).unwrap();
            let (name, id, delivery) = open_at_bob(&name, &envelope, &mut world);
            put(&home.join("in"), &format!("{:06}", opened.len()), &delivery);
            opened.insert(name);
            delivered.insert(hex(&id));
        }
        if Instant::now() > next_kill {
            // A kill comes at any point of a call: the delays differ.
            let killed = [&mut application, &mut extension];
            let [application, extension] = killed;
            match kills % 3 {
                0 => {
                    application.kill().unwrap();
                    application.wait().unwrap();
                    *application = start("application", home);
                }
                _ => {
                    extension.kill().unwrap();
                    extension.wait().unwrap();
                    *extension = start("extension", home);
                }
            }
            kills += 1;
            next_kill = Instant::now() + Duration::from_millis(150 + 37 * (kills % 7));
        }
        assert!(application.try_wait().unwrap().is_none(), "it failed");
        assert!(extension.try_wait().unwrap().is_none(), "it failed");
        sleep(Duration::from_millis(5));
    }
    fs::write(home.join("stop"), "").unwrap();
    assert!(application.wait().unwrap().success());
    assert!(extension.wait().unwrap().success());
    let sent = opened.len();
    assert!(
        sent >= ROUNDS && kills >= KILLS,
        "{sent} sent, {kills} kills"
    );

    // What was committed and did not leave its process before it was killed is in the outbox. Each
    // envelope that left is there too, because none was confirmed.
    let mut alice = open(home);
    for sent in alice.outbox(None, usize::MAX, NOW).unwrap().items {
        let name = hex(&sent.id);
        if !opened.remove(&name) {
            open_at_bob(&name, &sent.envelope, &mut world);
        }
    }
    assert!(opened.is_empty(), "an envelope left before it was stored");

    // Each delivery was shown by one process at most. What no process noted was stored before its
    // process was killed.
    for (_, path) in files(&home.join("in")) {
        alice.receive(&fs::read(path).unwrap()).unwrap();
    }
    let mut shown = BTreeSet::new();
    for role in ["application", "extension"] {
        let lines = fs::read_to_string(home.join(format!("shown.{role}"))).unwrap();
        for line in lines.lines() {
            assert!(shown.insert(line.to_owned()), "shown twice");
        }
    }
    let stored = alice.messages(&account("bob"), None, usize::MAX).unwrap();
    let received = stored
        .items
        .iter()
        .filter(|message| message.text() == Some("answer"));
    let received: Vec<_> = received.map(|message| hex(message.id())).collect();
    assert_eq!(received.len(), delivered.len());
    assert_eq!(received.into_iter().collect::<BTreeSet<_>>(), delivered);
    assert!(shown.is_subset(&delivered));
    assert!(shown.len() > ROUNDS / 2);
    eprintln!(
        "{} sent, {} received, {} noted as shown, {kills} kills",
        stored.items.len() - delivered.len() - 2,
        delivered.len(),
        shown.len()
    );
}

#[test]
fn a_delivery_key_that_one_process_confirmed_is_used_by_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = Provider::new(7);
    let key = StoreKey::from_bytes([7; 32]);
    let store = SqliteStore::open_shared(folder.path().join("store"), &key).unwrap();
    let mut application = world.register_in(store, "alice");
    let mut bob = world.register("bob");
    world.start(&mut application, &account("bob"));
    let rng = &mut world.rng;
    application
        .send(&account("bob"), "waits", NOW, rng)
        .unwrap();
    let mut extension = open(folder.path());

    let next = application.renew_delivery_key(rng).unwrap();
    world.register_key(&address("alice"), next.clone());
    application.confirm_delivery_key(&next, NOW).unwrap();
    // A call that only reads uses the key, and one that changes something caches it.
    let waiting = extension.outbox(None, 1, NOW).unwrap().items;
    let (delivery, receipt) = world.relay(&extension, &bob, &waiting[0].envelope);
    let received = world.receive(&mut bob, &delivery);
    assert_eq!(text_of(received.unwrap()), "waits");
    extension.confirm(&account("bob"), &receipt).unwrap();
    assert!(extension.delivery_key().is_same(&next));
    world.exchange(&mut bob, &mut extension, "answer");
}

#[test]
fn no_message_is_lost_if_the_application_refreshes_the_store_itself() {
    let home = tempfile::tempdir().unwrap();
    let key = StoreKey::from_bytes([7; 32]);
    let store = SqliteStore::open_shared(home.path().join("store"), &key).unwrap();
    let mut world = Provider::new(7);
    let mut bob = world.register("bob");
    let mut application = world.register_in(store, "alice");
    world.start(&mut application, &account("bob"));
    world.exchange(&mut application, &mut bob, "hello");
    let mut extension = open(home.path());
    for (text, by_extension) in [
        ("one", true),
        ("two", false),
        ("three", true),
        ("four", false),
    ] {
        // The application has cached the sessions, and is told here what the client must know.
        application.store().refresh().unwrap();
        let sender = if by_extension {
            &mut extension
        } else {
            &mut application
        };
        let sent = sender
            .send(&account("bob"), text, NOW, &mut world.rng)
            .unwrap();
        let (delivery, _) = world.relay(sender, &bob, &sent.envelope);
        assert_eq!(text_of(bob.receive(&delivery).unwrap()), text);
    }
    let messages = application
        .messages(&account("bob"), None, 9)
        .unwrap()
        .items;
    assert_eq!(messages.len(), 5);
}
