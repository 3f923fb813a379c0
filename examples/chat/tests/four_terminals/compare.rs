//! Compares what a command prints with what the README shows.

#![allow(unreachable_pub, reason = "tests")]

use std::collections::HashMap;

const COMMAND: &str = "$ cargo run --release -p ";

/// Compares an output with the README. Keys, ids and times differ in each run, so this records
/// which value of this run stands for which value of the README.
pub fn compare(expected: &str, printed: &str, meant: &mut HashMap<String, String>) {
    let (lines, printed_lines) = (expected.trim().lines(), printed.trim().lines());
    assert_eq!(
        lines.clone().count(),
        printed_lines.clone().count(),
        "{expected}\n{printed}"
    );
    for (line, printed_line) in lines.zip(printed_lines) {
        let (words, printed_words) = (words(line), words(printed_line));
        assert_eq!(words.len(), printed_words.len(), "{line}\n{printed_line}");
        for (word, printed_word) in words.into_iter().zip(printed_words) {
            if is_value(word) && is_value(printed_word) && word.len() == printed_word.len() {
                let known = meant
                    .entry(word.to_owned())
                    .or_insert_with(|| printed_word.to_owned());
                // A group of a fingerprint and an id stand for the same everywhere.
                assert!(
                    word.len() < 4 || known == printed_word,
                    "{line}\n{printed_line}"
                );
            } else {
                assert_eq!(word, printed_word, "{line}\n{printed_line}");
            }
        }
    }
}

/// Replaces the README's ids in an argument by those of this run.
pub fn as_meant(argument: &str, meant: &HashMap<String, String>) -> String {
    let meaning = |word: &str| {
        // The README may give only the beginning of an id.
        let known = meant
            .iter()
            .find(|(id, _)| word.len() >= 8 && id.starts_with(word));
        known
            .map_or(word, |(_, meant)| &meant[..word.len()])
            .to_owned()
    };
    words(argument).into_iter().map(meaning).collect()
}

/// Splits a text into runs of letters and digits, and single other characters.
pub fn words(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric();
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if is_word(first) {
            rest.find(|c| !is_word(c))
        } else {
            Some(first.len_utf8())
        };
        let (word, remainder) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word);
        rest = remainder;
    }
    words
}

/// Whether a word consists of digits that may belong to a key, an id or a time.
pub fn is_value(word: &str) -> bool {
    let digits = word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_digit());
    digits || word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the commands of a text, each with the output shown after it.
pub fn commands(text: &str) -> Vec<(String, String)> {
    let blocks = text.split("```").skip(1).step_by(2);
    let commands = blocks.flat_map(|block| block.split(COMMAND).skip(1));
    let commands = commands.map(|command| command.replace(" \\\n", " "));
    commands
        .map(|command| {
            let (command, output) = command.split_once('\n').unwrap();
            (command.into(), output.into())
        })
        .collect()
}

/// Splits a command into the program's name and its arguments. The command begins with
/// `waxseal-chat -- ..`, `waxseal-desk -- ..` or `waxseal-relay --bin NAME -- ..`.
pub fn split(command: &str) -> (String, Vec<String>) {
    let mut words = shlex::split(command).unwrap();
    let end = words.iter().position(|word| word == "--").unwrap();
    let target: Vec<_> = words.drain(..=end).collect();
    let name = match &target.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["waxseal-chat", "--"] => "chat",
        ["waxseal-desk", "--"] => "waxseal-desk",
        ["waxseal-relay", "--bin", name, "--"] => name,
        other => panic!("{other:?}"),
    };
    (name.to_owned(), words)
}
