//! Runs the commands of a section of the README.

#![allow(unreachable_pub, reason = "tests")]

use std::collections::HashMap;

use crate::compare::{as_meant, commands, compare, split};
use crate::world::World;

const README: &str = include_str!("../../../../README.md");

/// Runs the commands of a section, of which there are this many, and compares what each prints with
/// what the README shows.
pub fn run_section(world: &World, title: &str, number: usize) {
    let (_, section) = README.split_once(&format!("## {title}\n")).unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let commands = commands(section);
    assert_eq!(commands.len(), number);
    assert_eq!(section.matches("\n$ ").count(), number);
    let mut meant = HashMap::new();
    for (command, expected) in commands {
        let (name, words) = split(&command);
        let words = words.iter().map(|word| as_meant(word, &meant));
        let words = words.map(|word| word.replace("http://127.0.0.1:7600", &world.url()));
        let words: Vec<_> = words.collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let ended = world.run_program(&name, &words);
        let printed = ended.stderr.clone() + &ended.output();
        compare(&expected, &printed, &mut meant);
    }
}
