//! Files with the real relay: the commands of the README, and what goes wrong.

#![allow(clippy::restriction, reason = "tests")]

#[path = "four_terminals/compare.rs"]
mod compare;
#[path = "four_terminals/section.rs"]
mod section;
mod world;

use std::fs::{self, File};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use section::run_section;
use serde_json::Value;
use world::World;

const ALICE: usize = 0;
const BOB: usize = 1;

fn registered(name: &str, accounts: &[&'static str]) -> World {
    let world = World::registered(name, accounts);
    // Bob takes files of Alice, because he wrote to her.
    world.chat(BOB, &["send", "alice", "Hello"]).output();
    world
}

/// Writes a file of which no two chunks are equal.
fn file(world: &World, name: &str, len: usize) -> PathBuf {
    let mut rng = ChaCha20Rng::seed_from_u64(len as u64);
    let bytes: Vec<u8> = std::iter::repeat_with(|| rng.random()).take(len).collect();
    let path = world.folder().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The messages that an account gets now.
fn received(world: &World, who: usize) -> Vec<Value> {
    world.chat(who, &["receive", "--json"]).objects()
}

fn is_same(one: &PathBuf, other: &PathBuf) -> bool {
    fs::read(one).unwrap() == fs::read(other).unwrap()
}

#[test]
fn the_commands_about_files_in_the_readme_print_what_it_shows() {
    let world = registered("readme-files", &["alice", "bob"]);
    world.start_vault();
    world.review(&["list"]).output(); // pins the relay
    let photo = file(&world, "photo.jpg", 3_217_445);
    run_section(&world, "A file in two commands", 5);
    assert!(is_same(&photo, &world.folder().join("car.jpg")));
    let shown = fs::read(world.folder().join("shown.bin")).unwrap();
    let photo = fs::read(photo).unwrap();
    assert_eq!(shown[..4 * 65_536], photo[..4 * 65_536]);
    assert!(shown[4 * 65_536..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_file_that_is_killed_many_times_on_its_way_arrives_once_and_whole() {
    const LEN: usize = 5 << 20;
    const KILLS: u64 = 10;
    let world = registered("killed-files", &["alice", "bob"]);
    let film = file(&world, "film.mp4", LEN);
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut until = |who: usize, command: &[&str]| {
        let mut kills = 0;
        loop {
            if kills == KILLS {
                world.chat(who, command).output();
                return kills;
            }
            let wait = rng.random_range(200..1_500);
            let ended = thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(wait));
                    // The relay is killed as well from time to time.
                    if kills % 4 == 3 {
                        world.kill_relay();
                    }
                    world.kill_client(who);
                });
                world.chat(who, command)
            });
            if kills % 4 == 3 {
                world.kill_relay();
                world.start_relay();
            }
            match ended.was_killed() {
                true => kills += 1,
                false if ended.code() == Some(3) => {} // the relay is away
                false => return kills,
            }
            // Once its message is stored, the command would send the file a second time.
            let stored = world.chat(who, &["messages", "--json"]).objects();
            if who == ALICE && stored.iter().any(|one| one.get("files").is_some()) {
                world.chat(ALICE, &["receive"]).output(); // what waits goes out
                return kills;
            }
        }
    };
    let mut kills = until(ALICE, &["send-file", "bob", "film.mp4"]);
    let messages = received(&world, BOB);
    let [message] = messages.as_slice() else {
        panic!("{} messages", messages.len());
    };
    assert_eq!(message["files"][0]["bytes"], LEN);
    let id = message["id"].as_str().unwrap();
    kills += until(BOB, &["save", id, "--out", "saved.mp4"]);
    assert!(is_same(&film, &world.folder().join("saved.mp4")));
    assert!(kills > 0, "nothing was killed");
    let part = world.folder().join(".saved.mp4.part");
    assert!(!part.exists(), "a part is left");
}

#[test]
fn files_of_every_size_and_name_arrive_and_replace_nothing() {
    let world = registered("odd-files", &["alice", "bob"]);
    for (number, (name, len, saved)) in [
        ("empty", 0, "empty"),
        ("one.txt", 1, "one.txt"),
        ("a\u{202e}gpj.exe", 65_536, "agpj.exe"),
        ("..hidden", 65_537, "hidden"),
        ("-rf", 3, "_rf"),
        ("con.txt", 4, "_con.txt"),
        ("line\nbreak.txt", 5, "line break.txt"),
        ("one.txt", 6, "one (1).txt"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = file(&world, "source", len);
        let sent = world.folder().join("sent");
        fs::create_dir_all(&sent).unwrap();
        let named = sent.join(name);
        fs::rename(path, &named).unwrap();
        let named = named.to_str().unwrap();
        let caption = number.to_string();
        world
            .chat(ALICE, &["send-file", "bob", named, "--caption", &caption])
            .output();
        let messages = received(&world, BOB);
        assert_eq!(messages.len(), 1, "{name}");
        assert_eq!(messages[0]["text"], caption);
        let id = messages[0]["id"].as_str().unwrap();
        let listed = world.chat(BOB, &["messages", "alice"]).output();
        assert!(!listed.contains('\u{202e}'), "{listed}");
        let saved_to = world.chat(BOB, &["save", id]).output();
        assert!(
            saved_to.ends_with(&format!(" as ./{saved}\n")),
            "{saved_to}"
        );
        assert!(
            is_same(&named.into(), &world.folder().join(saved)),
            "{name}"
        );
    }
    let listed = world.chat(BOB, &["messages", "alice"]).output();
    assert!(listed.contains("file 1: \"empty\", 0 bytes"), "{listed}");
}

#[test]
fn a_file_that_cannot_be_sent_says_why_and_sends_nothing() {
    let world = registered("refused-files", &["alice", "bob"]);
    let large = world.folder().join("large");
    File::create(&large).unwrap().set_len(5 << 30).unwrap();
    let folder = world.folder().to_str().unwrap().to_owned();
    for (file, why) in [
        ("large", "4 GiB"),
        ("missing", "cannot read missing"),
        (folder.as_str(), "is not a file"),
    ] {
        let ended = world.chat(ALICE, &["send-file", "bob", file]);
        assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
    let unknown = world.chat(ALICE, &["send-file", "alice", "large"]);
    assert!(unknown.stderr.contains("that is you"), "{}", unknown.stderr);
    assert!(received(&world, BOB).is_empty());
    assert_eq!(world.chat(ALICE, &["files"]).output(), "");
}

#[test]
fn a_file_waits_for_the_relay_and_goes_on_or_is_cancelled() {
    let world = registered("waiting-files", &["alice", "bob"]);
    file(&world, "one", 300_000);
    file(&world, "two", 200_000);
    world.chat(ALICE, &["send", "bob", "hello"]).output();
    world.kill_relay();
    for name in ["one", "two"] {
        let ended = world.chat(ALICE, &["send-file", "bob", name]);
        assert_eq!(ended.code(), Some(3), "{}", ended.stderr);
    }
    let listed = world.chat(ALICE, &["files"]).output();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let two = listed
        .lines()
        .find(|line| line.contains("\"two\""))
        .unwrap();
    let id = two.split(' ').next().unwrap();
    world.chat(ALICE, &["files", "--cancel", id]).output();
    world.start_relay();
    world.chat(ALICE, &["files", "--resume"]).output();
    assert_eq!(world.chat(ALICE, &["files"]).output(), "");
    let names: Vec<_> = received(&world, BOB)
        .iter()
        .map(|message| message["files"][0]["name"].clone())
        .collect();
    assert_eq!(names, [Value::Null, "one".into()]);
}

#[test]
fn a_file_that_changed_while_it_was_sent_is_not_sent() {
    let world = registered("changed-files", &["alice", "bob"]);
    file(&world, "draft", 300_000);
    world.kill_relay();
    world.chat(ALICE, &["send-file", "bob", "draft"]);
    // The same size, so that only its content says that it is another file.
    file(&world, "other", 300_000);
    let mut bytes = fs::read(world.folder().join("draft")).unwrap();
    bytes[299_999] ^= 1;
    fs::write(world.folder().join("draft"), bytes).unwrap();
    world.start_relay();
    let ended = world.chat(ALICE, &["send-file", "bob", "draft"]);
    // Nothing had left the device, or the upload begins again with what the file is now.
    if ended.code() == Some(0) {
        let messages = received(&world, BOB);
        let id = messages[0]["id"].as_str().unwrap();
        world.chat(BOB, &["save", id, "--out", "saved"]).output();
        let (draft, saved) = (world.folder().join("draft"), world.folder().join("saved"));
        assert!(is_same(&draft, &saved));
    } else {
        assert!(ended.stderr.contains("changed"), "{}", ended.stderr);
        assert!(received(&world, BOB).is_empty());
    }
}

#[test]
fn a_file_that_the_relay_lost_is_given_to_the_moderators_from_the_saved_copy() {
    let world = registered("lost-files", &["alice", "bob"]);
    world.start_vault();
    let photo = file(&world, "photo.jpg", 400_000);
    world
        .chat(ALICE, &["send-file", "bob", "photo.jpg"])
        .output();
    let messages = received(&world, BOB);
    let id = messages[0]["id"].as_str().unwrap();
    world
        .chat(BOB, &["save", id, "--out", "saved.jpg"])
        .output();
    let blobs = fs::read_dir(world.folder().join("relay-data/blobs")).unwrap();
    let lost: Vec<_> = blobs.map(|blob| blob.unwrap().path()).collect();
    // Most files are still there, or the relay would not start.
    file(&world, "other", 1_200_000);
    world.chat(ALICE, &["send-file", "bob", "other"]).output();
    world.kill_relay();
    for blob in lost {
        fs::remove_file(blob).unwrap();
    }
    world.start_relay();
    let report = ["report", id, "--reason", "csam", "--yes"];
    let reported = world.chat(BOB, &report).output();
    assert!(
        reported.contains("gave the moderators the file"),
        "{reported}"
    );
    let listed = world.review_objects(&["list", "--json"]);
    let report = listed[0]["report_id"].as_str().unwrap();
    let save = [
        "save",
        "--vault",
        "vault.sock",
        report,
        "1",
        "2",
        "--out",
        "shown.jpg",
    ];
    world.review(&save).output();
    assert!(is_same(&photo, &world.folder().join("shown.jpg")));
}
