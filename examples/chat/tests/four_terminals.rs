//! Runs each command of the READMEs as it is written there. For the section "Try it in four
//! terminals" it also checks that each command prints what the README shows.

#![allow(clippy::restriction, reason = "tests")]

#[path = "four_terminals/compare.rs"]
mod compare;
#[path = "four_terminals/relays.rs"]
mod relays;
mod world;

use std::collections::HashMap;

use compare::{as_meant, commands, compare, split};
use serde_json::Value;
use world::World;
use world::talk::Talk;

const README: &str = include_str!("../../../README.md");
const README_OF_RELAY: &str = include_str!("../../../crates/relay/README.md");
const README_OF_CHAT: &str = include_str!("../README.md");
const ALICE: usize = 0;
const LAPTOP: usize = 2;

#[test]
fn the_commands_in_the_readme_print_what_it_shows() {
    let world = World::new("readme", &["alice", "bob", "laptop"]);
    let mut meant = HashMap::new();
    let (_, section) = README.split_once("## Try it in four terminals").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut programs = Vec::new();
    let mut waiting = None;
    for (command, expected) in commands(section) {
        let (name, words) = split(&command);
        let words = words.iter().map(|word| as_meant(word, &meant));
        let words: Vec<String> = words
            .map(|word| word.replace("127.0.0.1:7600", &world.address()))
            .collect();
        programs.push(name.clone());
        match (words.last().map(String::as_str), waiting.take()) {
            // The laptop waits for what is done on the phone with the next command.
            (Some("link" | "sync"), None) => {
                waiting = Some(Laptop::start(&world, &words, expected))
            }
            (_, Some(laptop)) => laptop.go_on(&words, &expected, &mut meant),
            _ => {
                let printed = run(&world, &name, &words, "");
                let printed = printed.replace(&world.address(), "127.0.0.1:7600");
                compare(&expected, &printed, &mut meant);
            }
        }
    }
    let count = |name: &str| programs.iter().filter(|program| *program == name).count();
    let counts = ["vault", "review", "relay", "chat"].map(count);
    assert_eq!(counts, [2, 3, 1, 16], "every command of the section ran");
    // Every line of a block that is no output is a command which ran.
    assert_eq!(section.matches("\n$ ").count(), programs.len());
}

/// A command of the laptop that waits for what is done on the phone.
struct Laptop<'a> {
    world: &'a World,
    talk: Talk<'a>,
    expected: String,
}

impl<'a> Laptop<'a> {
    fn start(world: &'a World, words: &[String], expected: String) -> Self {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        assert_eq!(words[..2], ["--home", "laptop"]);
        let talk = world.talk(LAPTOP, &words[words.len() - 1..]);
        Self {
            world,
            talk,
            expected,
        }
    }

    /// Does on the phone what the laptop asks for. Replaces the code, which the user copies, and
    /// the digits, which the user types.
    fn go_on(mut self, words: &[String], expected: &str, meant: &mut HashMap<String, String>) {
        assert_eq!(words[..2], ["--home", "alice"]);
        let mut words: Vec<_> = words[2..].iter().map(String::as_str).collect();
        let line = self.talk.line_with(words[0]).unwrap();
        if words[0] == "sync" {
            assert!(line.ends_with(&words.join(" ")), "{line}");
            let printed = self.world.chat(ALICE, &words).output();
            compare(expected, &printed, meant);
            compare(&self.expected, &self.talk.end().output(), meant);
            return;
        }
        let (_, code) = line.split_once("link ").unwrap();
        let copied = std::mem::replace(&mut words[1], code);
        let mut phone = self.world.talk(ALICE, &words);
        let line = phone.line_with("Type these digits").unwrap();
        let (_, digits) = line.split_once(": ").unwrap();
        self.talk.type_line(digits);
        compare(expected, &phone.end().output(), meant);
        // The terminal shows what is typed.
        const ASKS: &str = "that the other device shows: ";
        let printed = self.talk.end().output().replace(code, copied);
        let printed = printed.replace(ASKS, &format!("{ASKS}{digits}\n"));
        compare(&self.expected, &printed, meant);
    }
}

#[test]
fn the_commands_in_the_readmes_of_relay_and_chat_run() {
    let world = World::new("readmes", &["alice", "bob"]);
    let (alice, bob) = (0, 1);
    let relay = commands(README_OF_RELAY);
    let chat = commands(README_OF_CHAT);
    assert_eq!((relay.len(), chat.len()), (16, 5));
    // `id` is what the placeholder of the README stands for.
    let run = |(command, _): &(String, String), id: &str| {
        let (name, mut words) = split(command);
        if name == "review" {
            // The README leaves out the relay's address, which is another one in tests.
            words.splice(0..0, ["--relay".to_owned(), world.url()]);
        }
        let words = words.iter().map(|word| {
            let word = word.replace("127.0.0.1:7600", &world.address());
            word.replace("MESSAGE_ID", id).replace("REPORT_ID", id)
        });
        // One command asks before it reports, and one is interactive.
        let input = if name == "chat" && command.contains("report") {
            "y\n"
        } else {
            "@alice Where?\nAre you there?\n"
        };
        run(&world, &name, &words.collect::<Vec<_>>(), input)
    };
    for command in &relay[..5] {
        run(command, "");
    }
    world.chat(alice, &["register", "alice"]).output();
    run(&chat[0], "");
    run(&chat[1], "");
    world.chat(alice, &["receive"]).output();
    world.chat(alice, &["send", "bob", "Pay first."]).output();
    assert!(run(&chat[2], "").contains("alice: Pay first."));
    let messages = world.chat(bob, &["messages", "--json"]).objects();
    let reported = run(&chat[3], messages[1]["id"].as_str().unwrap());
    let (_, report_id) = reported.rsplit_once("reported as ").unwrap();
    assert!(run(&relay[5], report_id.trim()).contains("alice, text: Pay first."));
    run(&chat[4], "");
    let received = world.chat(alice, &["receive"]).output();
    assert!(received.contains("bob: Where?") && received.contains("bob: Are you there?"));

    // The commands with a desk are those of `provider.rs`, but for how a key is made.
    assert!(relay[11].0.contains("officer -- keygen"));
    assert_eq!(run(&relay[11], "").trim().len(), 64);

    // Passes for users who wrote to many strangers.
    run(&relay[13], "");
    world.kill_relay();
    run(&relay[14], "");
    let pass = run(&relay[15], "");
    let kept = world.chat(alice, &["pass", pass.trim()]);
    assert_eq!(kept.code(), Some(0), "{}", kept.stderr);
    assert_eq!(world.chat(alice, &["pass", "abc"]).code(), Some(1));
}

#[test]
fn the_commands_about_tls_in_the_readme_of_the_relay_run() {
    let world = World::new("readme-tls", &["alice"]);
    world.make_keys();
    let (_, section) = README_OF_RELAY.split_once("## TLS").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let openssl = section.split("$ ").nth(1).unwrap();
    assert!(openssl.starts_with("openssl req "));
    let folder = world.home(0).parent().unwrap().to_owned();
    let mut shell = std::process::Command::new("sh");
    let made = shell.args(["-c", openssl]).current_dir(&folder).output();
    if made.unwrap().status.code() == Some(127) {
        // There is no openssl here.
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let signed = rcgen::generate_simple_self_signed(names).unwrap();
        std::fs::write(folder.join("tls.cert"), signed.cert.pem()).unwrap();
        std::fs::write(folder.join("tls.key"), signed.signing_key.serialize_pem()).unwrap();
    }
    let port = world.address().replace("127.0.0.1:", "localhost:");
    for (command, _) in &commands(section) {
        let (name, words) = split(command);
        let words = words
            .iter()
            .map(|word| word.replace("localhost:7600", &port));
        run(&world, &name, &words.collect::<Vec<_>>(), "");
    }
}

/// Runs a command of a README. If the program keeps running, waits until it is ready. Returns what
/// a user sees in the terminal, but for the log of a program that keeps running.
fn run(world: &World, name: &str, words: &[String], input: &str) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if name == "relay" || words.contains(&"serve") {
        return world.serve(name, &words);
    }
    let ended = world.run_program_lines(name, &words, input);
    let notices = ended.stderr.clone();
    notices + &ended.output()
}

#[test]
fn the_json_output_is_as_documented() {
    let world = World::new("programs", &["alice", "bob", "eve"]);
    let (alice, bob, eve) = (0, 1, 2);
    world.make_keys();
    world.start_relay();
    world.start_vault();
    world.chat(alice, &["register", "alice"]).output();
    world.chat(bob, &["register", "bob"]).output();
    // Only the same device can register a name again.
    world.chat(bob, &["register", "bob"]).output();
    assert_eq!(world.chat(eve, &["register", "bob"]).code(), Some(1));

    let unsafe_text = "third\u{1b}[2J\nline \u{202e}";
    for (from, to, text) in [
        (alice, "bob", "first"),
        (bob, "alice", "second"),
        (alice, "bob", unsafe_text),
    ] {
        world.chat(from, &["send", to, text]).output();
        let to = usize::from(to == "bob");
        let received = world.chat(to, &["receive", "--json"]);
        assert!(
            !received.stdout.contains(['\u{1b}', '\u{202e}']),
            "{}",
            received.stdout
        );
        let [received] = &received.objects()[..] else {
            panic!("not one object per message");
        };
        let keys = received.as_object().unwrap().keys();
        let fields: Vec<&str> = keys.map(String::as_str).collect();
        // The JSON parser sorts the fields by name.
        let mut expected = vec![
            "accepted_at_ms",
            "from",
            "id",
            "reportable",
            "sent_at_ms",
            "text",
        ];
        if text == "first" {
            expected.insert(4, "request"); // Bob has not answered yet
        }
        assert_eq!(fields, expected);
        assert_eq!(received["text"], text);
        assert_eq!(received["from"], ["alice", "bob"][from]);
        assert_eq!(received["reportable"], true);
        assert!(received["sent_at_ms"].is_u64() && received["accepted_at_ms"].is_u64());
        assert!(world.chat(to, &["receive", "--json"]).objects().is_empty());
    }
    let numbers = [(alice, "bob"), (bob, "alice")];
    let numbers = numbers.map(|(me, peer)| world.chat(me, &["safety-number", peer]).output());
    assert_eq!(numbers[0], numbers[1]);

    // Nothing is reported without a yes, and the preview does not show the withheld part.
    let messages = world.chat(bob, &["messages", "--json"]).objects();
    let id = |index: usize| messages[index]["id"].as_str().unwrap();
    let redact = format!("{}:1", &id(0)[..8]);
    let report = [
        "report",
        id(2),
        "--reason",
        "harassment",
        "--with-context",
        "2",
        "--redact",
        &redact,
        "--note",
        "n",
    ];
    let preview = world.chat_lines(bob, &report, "n\n");
    assert_eq!(preview.code(), Some(1));
    assert!(preview.stdout.contains("WITHHELD") && !preview.stdout.contains("first"));
    assert!(!preview.stdout.contains('\u{1b}'));
    assert!(world.review_objects(&["list", "--json"]).is_empty());
    // Reporting twice, and a third time with another reason, makes one report.
    for report in [
        &report[..],
        &report,
        &["report", &id(2)[..12], "--reason", "spam"],
    ] {
        world.chat(bob, &[report, &["--yes"]].concat()).output();
    }
    let [listed] = &world.review_objects(&["list", "--json"])[..] else {
        panic!("not one report");
    };
    let report_id = listed["report_id"].as_str().unwrap();
    let opened = &world.review_objects(&["open", report_id, "--json"])[0];
    assert_eq!(opened["report_id"], report_id);
    assert_eq!(opened["reason"], "harassment");
    assert_eq!(opened["verified"], true);
    let shown = [
        ("alice", None, vec![1], 0),
        ("bob", Some("second"), vec![], 0),
        ("alice", Some(unsafe_text), vec![], 1),
    ];
    let shown = shown.map(|(from, text, redacted_parts, sequence)| {
        serde_json::json!({ "from": from, "text": text, "redacted_parts": redacted_parts, "sequence": sequence })
    });
    let messages = opened["messages"].as_array().unwrap();
    assert_eq!(messages.len(), shown.len());
    for (message, shown) in messages.iter().zip(&shown) {
        for (field, value) in shown.as_object().unwrap() {
            assert_eq!(&message[field], value, "{field}");
        }
        assert!(message["accepted_at_ms"].is_u64());
        assert!(message.as_object().unwrap().contains_key("gap_before"));
    }
}

#[test]
fn a_message_that_cannot_be_sent_waits_and_the_exit_code_says_so() {
    let world = World::new("waiting", &["alice", "bob", "carol"]);
    let (alice, bob, carol) = (0, 1, 2);
    world.make_keys();
    world.start_relay();
    world.chat(alice, &["register", "alice"]).output();
    world.chat(bob, &["register", "bob"]).output();
    world.chat(carol, &["register", "carol"]).output();
    world.chat(alice, &["send", "bob", "hello"]).output();
    assert!(world.kill_relay());
    assert_eq!(world.chat(alice, &["send", "bob", "later"]).code(), Some(3));
    // So does the first message to a peer.
    let first = world.chat(alice, &["send", "carol", "first"]);
    assert_eq!(first.code(), Some(3), "{}", first.stderr);
    assert_eq!(
        world.chat_lines(alice, &[], "@bob latest\n").code(),
        Some(3)
    );
    assert_eq!(world.chat(bob, &["receive"]).code(), Some(3));
    let waiting = world.chat(alice, &["messages", "bob", "--json"]).objects();
    assert_eq!(waiting[2]["accepted_at_ms"], Value::Null);
    world.start_relay();
    world.chat(alice, &["receive"]).output();
    let received = world.chat(bob, &["receive", "--json"]).objects();
    let texts: Vec<&Value> = received.iter().map(|message| &message["text"]).collect();
    assert_eq!(texts, ["hello", "later", "latest"]);
    let received = world.chat(carol, &["receive"]).output();
    assert!(received.contains("alice (request): first"), "{received}");

    // A recipient that does not exist and an incomplete command each give their own exit code.
    assert_eq!(
        world.chat(alice, &["send", "nobody", "hello"]).code(),
        Some(1)
    );
    assert_eq!(world.chat(alice, &["send", "bob"]).code(), Some(2));
    // Another relay, with another key, now answers at the same address. The client must refuse it.
    world.replace_relay();
    let refused = world.chat(alice, &["send", "bob", "secret"]);
    assert_eq!(refused.code(), Some(1));
    assert!(
        refused.stderr.contains("NOT THE PINNED ONE"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_full_queue_of_one_peer_does_not_block_the_others() {
    let world = World::new("full", &["alice", "bob", "eve"]);
    let (alice, eve) = (0, 2);
    world.make_keys();
    world.start_relay();
    for (account, name) in ["alice", "bob", "eve"].into_iter().enumerate() {
        world.chat(account, &["register", name]).output();
    }
    world.fill_queue("bob");
    assert_eq!(world.chat(alice, &["send", "bob", "waits"]).code(), Some(3));
    world.chat(eve, &["send", "alice", "arrives"]).output();
    let received = world.chat(alice, &["receive"]);
    assert!(received.stdout.contains("arrives"), "{}", received.stderr);
    assert_eq!(received.code(), Some(3));
    assert!(received.stderr.contains("1 messages wait"));
    // A message that gets through is not reported as waiting.
    let sent = world.chat(alice, &["send", "eve", "gets through"]);
    assert!(sent.output().starts_with("sent "));
}
