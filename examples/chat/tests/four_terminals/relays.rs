//! Runs the commands about several relays over one database.

use crate::README_OF_RELAY;
use crate::compare::{commands, split};
use crate::world::{Server, World};

#[test]
fn the_commands_about_several_relays_in_the_readme_of_the_relay_run() {
    let Some(database) = waxseal_postgres::Server::start() else {
        return;
    };
    let url = database.database();
    let world = World::new("readme-relays", &["alice", "bob"]);
    world.make_keys();
    let (_, section) = README_OF_RELAY
        .split_once("## Several relays over one database\n")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let relays = commands(section);
    assert_eq!(relays.len(), 2);
    let start = |command: &str| {
        let (_, words) = split(command);
        let words = words.iter().map(|word| {
            let word = word.replace("postgres:///waxseal?host=/run/postgresql", &url);
            word.replace("127.0.0.1:7601", "127.0.0.1:0")
        });
        let mut words: Vec<String> = words.collect();
        if !words.contains(&"--listen".to_owned()) {
            words.extend(["--listen".to_owned(), "127.0.0.1:0".to_owned()]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Server::start(&world, "relay", &words)
    };
    let first = start(&relays[0].0);
    let copying = section.split("$ ").find(|of| of.starts_with("mkdir "));
    let copied = std::process::Command::new("sh")
        .args(["-c", copying.unwrap()])
        .current_dir(world.folder())
        .status();
    assert!(copied.unwrap().success());
    let second = start(&relays[1].0);
    // Alice is at the first, and Bob at the second.
    let chat = |home: &str, relay: &Server, words: &[&str]| {
        let url = relay.line.trim().strip_prefix("listening on ").unwrap();
        let words = [&["--home", home, "--relay", url], words].concat();
        world.run_program("chat", &words).output()
    };
    chat("alice", &first, &["register", "alice"]);
    chat("bob", &second, &["register", "bob"]);
    chat("alice", &first, &["send", "bob", "Pay first."]);
    let received = chat("bob", &second, &["receive"]);
    assert!(received.contains("Pay first."), "{received}");
}
