//! Runs the section "Run a provider" of the README as it is written there, and checks that each
//! command prints what the README shows.

#![allow(clippy::restriction, reason = "tests")]

#[path = "four_terminals/compare.rs"]
mod compare;
mod world;

use std::collections::HashMap;
use std::net::TcpListener;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use compare::{as_meant, commands, compare, split};
use world::{Server, World};

const README: &str = include_str!("../../../README.md");
/// Maximum time until what the README shows is there.
const IN_TIME: Duration = Duration::from_secs(120);

#[test]
fn the_commands_for_a_provider_print_what_the_readme_shows() {
    let world = World::new("provider", &[]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let desk = free.local_addr().unwrap().to_string();
    drop(free);
    let today = Command::new("date").args(["-u", "+%F"]).output().unwrap();
    let today = String::from_utf8(today.stdout).unwrap();
    let today = today.trim();
    let (_, section) = README.split_once("## Run a provider\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let commands = commands(section);
    assert_eq!(section.matches("\n$ ").count(), commands.len());
    let mut meant = HashMap::new();
    let mut servers = Vec::new();
    for (command, expected) in &commands {
        let (name, words) = split(command);
        let words = words.iter().map(|word| as_meant(word, &meant));
        let words = words.map(|word| {
            let word = word.replace("2026-11-30", today);
            let word = word.replace("127.0.0.1:7600", &world.address());
            word.replace("127.0.0.1:7700", &desk)
        });
        let mut words: Vec<String> = words.collect();
        let more = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let (runs_on, added): (bool, Vec<String>) = match name.as_str() {
            "relay" => (
                true,
                more(&["--listen", &world.address(), "--desk-interval", "1"]),
            ),
            "desk" if words[0] == "serve" => (true, more(&["--listen", &desk])),
            "waxseal-desk" => (words.iter().any(|word| word == "--socket"), Vec::new()),
            "officer" => (words.len() == 4, Vec::new()),
            _ => (false, Vec::new()),
        };
        words.extend(added);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let readable = |printed: &str| {
            let printed = printed.replace(&world.address(), "127.0.0.1:7600");
            without_keys(&printed.replace(&desk, "127.0.0.1:7700"))
        };
        let expected = without_keys(expected);
        if runs_on {
            let server = Server::start(&world, &name, &words);
            let line = readable(&server.line);
            match name.as_str() {
                "officer" => assert!(line.starts_with("open http://127.0.0.1:"), "{line}"),
                _ => {
                    compare(&expected, &line, &mut meant);
                    servers.push(server);
                }
            }
            continue;
        }
        // What was done takes some seconds until the others see it.
        let looks = ["queue", "receipts", "verify-log", "transparency"];
        let looks = words.iter().any(|word| looks.contains(word));
        let begun = Instant::now();
        loop {
            // The approver is asked whether to sign.
            let ended = world.run_program_lines(&name, &words, "y\n");
            let printed = readable(&(ended.stderr.clone() + &ended.stdout));
            let lines = (
                expected.trim().lines().count(),
                printed.trim().lines().count(),
            );
            let is_there = lines.0 == lines.1 && !printed.contains("no case is open");
            if ended.status.success() && is_there {
                compare(&expected, &printed, &mut meant);
                break;
            }
            let is_in_time = looks && begun.elapsed() < IN_TIME;
            assert!(is_in_time, "{command}\n{expected}\n{printed}");
            sleep(Duration::from_millis(500));
        }
    }
    assert_eq!(servers.len(), 3);
}

/// Replaces keys in base64, whose signs split them into other words each time, and how far the log
/// is.
fn without_keys(text: &str) -> String {
    let shown = |word: &str| {
        let parts: Vec<_> = word.splitn(3, '+').collect();
        match parts[..] {
            [name, id, key] if id.len() == 8 && key.len() == 44 => format!("{name}+{id}+KEY"),
            _ if word.len() == 44 && word.ends_with('=') => "KEY".to_owned(),
            _ => word.to_owned(),
        }
    };
    let lines = text.lines();
    let lines = lines.map(|line| match line.starts_with("Checked ") {
        true => "Checked".to_owned(),
        false => line.split(' ').map(shown).collect::<Vec<_>>().join(" "),
    });
    lines.collect::<Vec<_>>().join("\n")
}
